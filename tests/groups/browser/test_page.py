"""The page of `mgraph view` in a browser: its picture, in light and dark, large and small."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.command_line import NEURON
from tests.groups.browser.page import (
    GOLDEN,
    at_the_end,
    box,
    document,
    leaf,
    node,
    numbers_of,
    title,
    to_step,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page


def test_what_the_picture_shows(show: Callable[..., Page]) -> None:
    """At the end each box has name, op, data and grad, as `mgraph run` prints them."""
    page = at_the_end(show(NEURON))
    table = {
        "x1": ("2.0", "-1.5"), "x2": ("0.0", "0.5"), "w1": ("-3.0", "1.0"), "w2": ("1.0", "0.0"),
        "x1w1": ("-6.0", "0.5"), "x2w2": ("0.0", "0.5"), "x1w1x2w2": ("-6.0", "0.5"),
        "b": ("6.88137", "0.5"), "n": ("0.881374", "0.5"), "o": ("0.707107", "1.0"),
    }  # fmt: skip
    assert {name: numbers_of(page, name) for name in table} == table
    assert page.locator(".box[data-item]").count() == len(table)
    assert page.locator(".arrow").count() == 9
    assert page.locator(".output[data-item]").count() == 1
    shapes = page.evaluate(
        "() => Object.fromEntries(['input', 'param', 'op'].map((kind) =>"
        " [kind, document.querySelector(`[data-item].${kind} .shape`).getAttribute('d')]))"
    )
    assert len({*shapes.values()}) == 3


def test_a_repeated_operand_is_two_arrows(show: Callable[..., Page]) -> None:
    """A node that uses another twice has two arrows, which don't lie on each other."""
    page = show(document(leaf("a", 3.0), node("y", "add", "a", "a")))
    ways = page.locator(".arrow .line")
    assert ways.count() == 2
    assert ways.nth(0).get_attribute("d") != ways.nth(1).get_attribute("d")


LIES = """() => {
  const faults = [];
  const boxes = [...document.querySelectorAll(".box[data-item]")];
  const frames = boxes.map((box) => box.querySelector(".shape").getBoundingClientRect());
  boxes.forEach((box, i) => {
    const inside = frames[i];
    for (const text of box.querySelectorAll("text")) {
      const at = text.getBoundingClientRect();
      if (!at.width) continue;
      const out = at.left < inside.left - 1 || at.right > inside.right + 1
        || at.top < inside.top - 3 || at.bottom > inside.bottom + 3;
      if (out) faults.push(`text out of ${box.ariaLabel}: ${text.textContent}`);
    }
    const [name, data] = [".name", ".data"].map((kind) =>
      box.querySelector(kind)?.getBoundingClientRect());
    if (name && data?.width && name.right > data.left) faults.push(`meet in ${box.ariaLabel}`);
    for (let k = 0; k < i; k++) {
      const other = frames[k];
      const meet = other.left < inside.right - 1 && inside.left < other.right - 1
        && other.top < inside.bottom - 1 && inside.top < other.bottom - 1;
      if (meet) faults.push(`boxes meet: ${i} ${k}`);
    }
  });
  return faults;
}"""

DRAWN = [path for path in GOLDEN if path.parent.name in ("nets", "shapes", "lecture", "edges")] + [
    NEURON
]


@pytest.mark.parametrize("width", [1280, 390])
def test_texts_stay_in_boxes_and_boxes_apart(show: Callable[..., Page], width: int) -> None:
    """In every graph, at every step of the way, no text leaves its box and no boxes overlap."""
    page = show(NEURON, viewport={"width": width, "height": 800})
    for path in DRAWN:
        page.set_input_files("#file", path)
        page.wait_for_selector(f'#name:text-is("{json.loads(path.read_bytes())["name"]}")')
        assert page.evaluate(LIES) == [], path


@pytest.mark.parametrize("width", [1280, 390])
def test_shortened_names_can_be_told_apart(show: Callable[..., Page], width: int) -> None:
    """Names that are too long for their boxes and rows differ there, too, as their numbers do."""
    network = [f"layer{i}.neuron{k}.{end}" for i in (1, 12) for k in (1, 2) for end in ("w", "sum")]
    words = [f"{a}.attention.{b}.weight" for a in ("encoder", "decoder") for b in ("key", "query")]
    labels = [f"a hidden unit of the network, {k}" for k in ("first", "last")]
    leaves = [leaf(name, 1.0) for name in (*network, *words, "l1.n1.sum")]
    leaves += [{**leaf(f"u{i}", 1.0), "label": label} for i, label in enumerate(labels)]
    graph = document(*leaves, node("y", "sum", *(each["id"] for each in leaves)))
    page = show(graph, viewport={"width": width, "height": 800})
    page.evaluate("() => mgraph.goTo(0)")
    for place in (".box .title", ".leaf"):
        texts = page.locator(place).all_text_contents()
        assert len({*texts}) == len(texts) >= len(leaves), texts
    titles = page.locator(".box .title").all_text_contents()
    assert not {*titles} & {*network[:3], *words, *labels}
    assert page.evaluate(LIES) == []


def test_the_layout_is_quick_and_level(show: Callable[..., Page]) -> None:
    """Arrows of a plain graph lead to the right: every user stands behind its arguments."""
    page = show(NEURON)
    places = page.evaluate(
        "() => Object.fromEntries([...document.querySelectorAll('.box[data-item]')].map((box) =>"
        " [box.ariaLabel.split(',')[0], box.getBoundingClientRect().left]))"
    )
    for row in json.loads(NEURON.read_bytes())["nodes"]:
        assert all(places[arg] < places[row["id"]] for arg in row.get("args", ()))


def frame(page: Page, name: str) -> dict[str, float]:
    """Return where an element is."""
    found: dict[str, float] = page.locator(f"#{name}").evaluate(
        "(each) => each.getBoundingClientRect().toJSON()"
    )
    return found


def test_light_dark_and_contrast(show: Callable[..., Page]) -> None:
    """The page follows the system, and the button overrides it."""
    for scheme in ("light", "dark"):
        page = show(NEURON, color_scheme=scheme)
        ground = "() => getComputedStyle(document.body).backgroundColor"
        before = page.evaluate(ground)
        assert (before == "rgb(247, 246, 242)") == (scheme == "light")
        page.click("#theme")
        assert page.evaluate(ground) != before
        page.click("#theme")
        assert page.evaluate(ground) == before


def test_forced_colours_reach_the_picture(show: Callable[..., Page]) -> None:
    """Where the system sets the colours, boxes have its ground and texts its ink."""
    for scheme in ("light", "dark"):
        page = show(NEURON, forced_colors="active", color_scheme=scheme)
        colours = page.evaluate(
            "() => [...document.querySelectorAll('[data-item] .shape, [data-item] text')]"
            ".map((each) => [each.tagName, getComputedStyle(each).fill])"
        )
        assert len({fill for tag, fill in colours if tag == "path"}) == 1
        assert len({fill for tag, fill in colours if tag == "text"}) == 1
        assert len({fill for _, fill in colours}) == 2


def test_motion_is_reduced_when_asked(show: Callable[..., Page]) -> None:
    """Who prefers less motion sees no moving arrows."""
    for motion, name in (("no-preference", "flow"), ("reduce", "none")):
        page = show(NEURON, reduced_motion=motion)
        to_step(page, "Backward, 2")
        moving = "() => getComputedStyle(document.querySelector('[data-way] .line')).animationName"
        assert page.evaluate(moving) == name


@pytest.mark.parametrize("width", [360, 390])
def test_a_phone_needs_no_sideways_scrolling(show: Callable[..., Page], width: int) -> None:
    """Nothing is wider than the screen, the controls are one row, and the graph goes down."""
    page = show(NEURON, viewport={"width": width, "height": 844})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    first, last, speed, quiz = (frame(page, each) for each in ("first", "last", "speed", "quiz"))
    assert first["y"] == last["y"] == speed["y"] == quiz["y"]
    assert first["x"] < last["x"] < speed["x"] < quiz["x"]
    assert frame(page, "help-button")["right"] <= width
    tops = [box(page, name).bounding_box()["y"] for name in ("x1", "x1w1", "x1w1x2w2", "n", "o")]
    assert tops == sorted(tops)
    assert all(0 <= box(page, name).bounding_box()["x"] <= 310 for name in ("x1", "w2", "o"))


@pytest.mark.parametrize("height", [664, 844])
def test_a_phone_shows_the_numbers_of_a_step(show: Callable[..., Page], height: int) -> None:
    """No number of a backward step's card is behind the controls or outside of the screen."""
    page = show(NEURON, viewport={"width": 390, "height": height})
    hidden = """() => [...document.querySelectorAll("#step-card .num")].filter((each) => {
      const { x, y, width, height } = each.getBoundingClientRect();
      return document.elementFromPoint(x + width / 2, y + height / 2) !== each;
    }).map((each) => each.textContent)"""
    page.fill("#scrub", "11")
    while title(page) != "Done":
        page.keyboard.press(" ")
        assert page.evaluate(hidden) == [], title(page)


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_the_search_says_what_it_is_for(show: Callable[..., Page], width: int) -> None:
    """The words in the empty field fit into it."""
    page = show(NEURON, viewport={"width": width, "height": 844})
    room, needed = page.evaluate("""() => {
      const field = document.getElementById("search");
      const style = getComputedStyle(field);
      const pen = document.createElement("canvas").getContext("2d");
      pen.font = style.font;
      const padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
      return [field.clientWidth - padding, pen.measureText(field.placeholder).width];
    }""")
    assert needed <= room
