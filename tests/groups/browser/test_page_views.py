"""The page in a browser: how people find their way, also in large graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.command_line import FIXTURES, NEURON
from tests.groups.browser.page import (
    at_the_end,
    both,
    box,
    mlp,
    numbers_of,
    title,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page


# --- finding one's way -----------------------------------------------------------------------


def test_finding_a_node(show: Callable[..., Page]) -> None:
    """`/` goes to the search, arrows choose, Enter selects and shows the node."""
    page = show(NEURON)
    page.keyboard.press("/")
    page.keyboard.type("x2")
    assert page.locator("#found li b").all_text_contents() == ["x2", "x2w2", "x1w1x2w2"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator("#node-title").text_content() == "Why x2w2?"
    assert page.locator("#found").is_hidden()
    page.keyboard.press("/")
    page.keyboard.type("nowhere")
    assert page.locator("#found").inner_text() == "no such node"
    page.keyboard.press("Escape")
    assert page.locator("#search").input_value() == ""


def test_zoom_and_pan(show: Callable[..., Page]) -> None:
    """Wheel, drag, buttons and keys change the view; `0` brings all back; two fingers pinch."""
    page = show(NEURON)
    place = "() => document.querySelector('#picture > g').getAttribute('transform')"
    start = seen = page.evaluate(place)

    def changed() -> bool:
        nonlocal seen
        before, seen = seen, page.evaluate(place)
        return bool(before != seen)

    for key in ("+", "-", "+"):
        page.keyboard.press(key)
        assert changed()
    page.mouse.move(400, 300)
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(100)
    assert changed()
    page.mouse.move(300, 600)
    page.mouse.down()
    page.mouse.move(380, 640, steps=4)
    page.mouse.up()
    assert changed()
    pinch = """() => { const svg = document.getElementById("picture");
      const at = (type, id, x) => svg.dispatchEvent(new PointerEvent(type,
        { pointerId: id, clientX: x, clientY: 300, bubbles: true, pointerType: "touch" }));
      svg.setPointerCapture = () => {};
      at("pointerdown", 5, 200); at("pointerdown", 6, 300); at("pointermove", 6, 400);
      at("pointerup", 5, 200); at("pointerup", 6, 400); }"""
    page.evaluate(pinch)
    assert changed()
    for button in ("#farther", "#closer"):
        page.click(button)
        assert changed()
    page.keyboard.press("0")
    assert page.evaluate(place) == start


def test_keys_and_help(show: Callable[..., Page]) -> None:
    """`?` lists every key; Escape closes; keys typed into a field are only typed."""
    page = show(NEURON)
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    listed = page.locator("#keys kbd").all_text_contents()
    assert listed == ["space", "→", "←", "Home", "End", "p", "+", "-", "0", "/", "?", "Esc"]
    page.keyboard.press("Escape")
    assert page.locator("#help").is_hidden()
    page.click("#leaves input[type=text] >> nth=0")
    page.keyboard.press("Home")
    page.keyboard.type("- ")
    assert title(page) == "Start"


def test_nodes_can_be_reached_by_keyboard(show: Callable[..., Page]) -> None:
    """Each box can have the focus and is opened by Enter."""
    page = show(NEURON)
    assert page.locator(".box[data-item][tabindex='0']").count() == 10
    box(page, "b").focus()
    page.keyboard.press("Enter")
    assert page.locator("#node-title").text_content() == "Why b?"


# --- large graphs ----------------------------------------------------------------------------


def test_networks_fold_to_groups(show: Callable[..., Page]) -> None:
    """Above 300 nodes neurons are boxes, a line says so, and a click opens one of them."""
    page = show(mlp(2, 16, 16, 1))
    assert page.locator(".box.group").count() == 33
    assert "708 nodes, folded by their names" in page.locator("#scene-note").inner_text()
    page.click('.box[aria-label^="group layer1.neuron3,"]')
    assert page.locator(".box.group").count() == 32
    assert box(page, "layer1.neuron3.out").count() == 1
    page.click("#scene-note >> text=Fold groups")
    assert page.locator(".box.group").count() == 3
    page.click("#scene-note >> text=Show all nodes")
    assert page.locator(".box[data-item]").count() == 708


def test_a_folded_group_shows_what_leaves_it(show: Callable[..., Page]) -> None:
    """A neuron's box has the value and gradient of the one node that others use."""
    graph = mlp(2, 16, 16, 1)
    values, grads = both(graph, {}, {})
    page = at_the_end(show(graph))
    data, grad = numbers_of(page, "group layer2.neuron5")
    name = "layer2.neuron5.out"
    assert float(data) == pytest.approx(values[name], rel=1e-3)
    assert float(grad) == pytest.approx(grads[name], rel=1e-3)


def test_finding_a_node_opens_its_group(show: Callable[..., Page]) -> None:
    """A node in a folded group is found, its group opened, and the node is in sight."""
    page = show(mlp(2, 16, 16, 1))
    page.keyboard.press("/")
    page.keyboard.type("layer2.neuron7.w3")
    page.keyboard.press("Enter")
    place = box(page, "layer2.neuron7.w3").bounding_box()
    assert 0 < place["x"] < 900
    assert 60 < place["y"] < 740
    page.click("#node-body >> text=Fold layer2.neuron7")
    assert page.locator('.box[aria-label^="group layer2.neuron7,"]').count() == 1


def test_a_large_graph_without_groups_shows_surroundings(show: Callable[..., Page]) -> None:
    """A thousand nodes without dots: some around the output; stepping and clicking move there."""
    page = show(FIXTURES / "run" / "shapes" / "chain_1000.json")
    assert 1 < page.locator(".box[data-item]").count() <= 24
    note = page.locator("#scene-note").inner_text()
    assert "are shown. Click a node to see its surroundings" in note
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator(".box.current").count() == 1
