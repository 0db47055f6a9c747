"""The page of `mgraph view` in a browser: what it shows, and how people find their way."""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING

import pytest

import mgraph
from mgraph.viewer import page as page_of
from tests.command_line import FIXTURES, NEURON

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.groups.browser.chromium import Visit

from tests.groups.browser.page import (
    GOLDEN,
    at_the_end,
    both,
    box,
    document,
    leaf,
    mlp,
    node,
    numbers_of,
    runs_of,
    step_text,
    title,
    to_step,
)

# --- the picture -----------------------------------------------------------------------------


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


# --- steps -----------------------------------------------------------------------------------


def test_steps_forward_and_backward(show: Callable[..., Page]) -> None:
    """One node a step, as in `mgraph step`: ten values, the seed, five that send gradients."""
    page = show(NEURON)
    assert title(page) == "Start"
    assert numbers_of(page, "x1") == ("", "")
    assert numbers_of(page, "x1w1") == ("", "")
    seen = []
    while title(page) != "Done":
        page.keyboard.press("ArrowRight")
        seen.append(title(page))
    assert seen == [
        *(f"Forward, {i} of 10" for i in range(1, 11)),
        *(f"Backward, {i} of 6" for i in range(1, 7)), "Done",
    ]  # fmt: skip


def test_a_forward_step_tells_the_formula(show: Callable[..., Page]) -> None:
    """Names, then numbers, then the value; the node is marked and what follows is unknown."""
    page = show(NEURON)
    to_step(page, "Forward, 5 ")
    assert step_text(page) == "x1w1 = x1·w1 = 2.0·(-3.0) = -6.0"
    assert page.locator(".box.current").get_attribute("aria-label") == "x1w1, mul"
    assert numbers_of(page, "x1w1") == ("-6.0", "")
    assert numbers_of(page, "n") == ("", "")
    result = page.locator("#live").text_content()
    assert result == "Forward, 5 of 10: x1w1 = x1·w1 = 2.0·(-3.0) = -6.0"


def test_a_backward_step_tells_every_product(show: Callable[..., Page]) -> None:
    """Upstream × local = contribution, and the sum before and after, for each argument."""
    page = show(NEURON)
    to_step(page, "Backward, 6")
    text = step_text(page)
    assert "The gradient of x1w1 is complete: 0.5." in text
    assert "x1 0.5 × (-3.0) = -1.5 0.0 → -1.5 derivative: w1" in text
    assert "w1 0.5 × 2.0 = 1.0 0.0 → 1.0 derivative: x1" in text
    assert page.locator(".chip").all_text_contents() == ["× -3.0", "× 2.0"]
    assert page.locator(".arrow[data-way=backward]").count() == 2


def test_what_is_used_twice_adds_up(show: Callable[..., Page]) -> None:
    """The second use adds to what is there: b = a + a; y = a·b; dy/da = 4a = 12 at a = 3."""
    page = show(document(leaf("a", 3.0), node("b", "add", "a", "a"), node("y", "mul", "a", "b")))
    to_step(page, "Backward, 2")
    assert numbers_of(page, "a") == ("3.0", "6.0")
    assert "partial" in box(page, "a").get_attribute("class")
    to_step(page, "Backward, 3")
    text = step_text(page)
    assert "3.0 × 1.0 = 3.0 6.0 → 9.0" in text
    assert "3.0 × 1.0 = 3.0 9.0 → 12.0" in text
    assert numbers_of(page, "a") == ("3.0", "12.0")
    assert "partial" not in box(page, "a").get_attribute("class")


def test_scrubbing(show: Callable[..., Page]) -> None:
    """The slider goes to any step, back and forth, and shows what is known there."""
    page = show(NEURON)
    for at, name in (
        (11, "Backward, 1 of 6"),
        (2, "Forward, 2 of 10"),
        (14, "Backward, 4 of 6"),
        (0, "Start"),
    ):
        page.fill("#scrub", str(at))
        assert title(page).startswith(name)
    assert numbers_of(page, "o") == ("", "")


def test_playing(show: Callable[..., Page]) -> None:
    """`p` plays from the start to the end, and pauses in between."""
    page = show(NEURON)
    page.select_option("#speed", "250")
    page.keyboard.press("p")
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    page.wait_for_selector('#step-title:text-is("Done")')
    assert page.locator("#play").get_attribute("aria-label") == "Play"
    page.select_option("#speed", "1600")
    page.keyboard.press("p")
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    page.keyboard.press("p")
    assert page.locator("#play").get_attribute("aria-label") == "Play"
    assert title(page) == "Start"


def test_hovering_tells_formula_and_numbers(show: Callable[..., Page]) -> None:
    """The pointer on a node, or the focus, shows what it computes, with all digits."""
    page = at_the_end(show(NEURON))
    box(page, "n").hover()
    assert page.locator("#tooltip").inner_text().split("\n") == [
        "n", "= x1w1x2w2 + b", "= (-6.0) + 6.88137", "= 0.8813735870195432",
    ]  # fmt: skip
    box(page, "o").focus()
    assert page.locator("#tooltip").inner_text().startswith("o\n= tanh n")


# --- why -------------------------------------------------------------------------------------


def test_why_lists_the_path(show: Callable[..., Page]) -> None:
    """A click shows the path from the output, its derivatives, their product, and the sum."""
    page = show(NEURON)
    box(page, "w1").click()
    assert page.locator("#node-title").text_content() == "Why w1?"
    words = " ".join(page.locator("#node-body").inner_text().split())
    assert "One path leads back to w1" in words
    assert "o ← n ← x1w1x2w2 ← x1w1 ← w1 1.0 × 0.5 × 1.0 × 1.0 × 2.0 = 1.0" in words
    assert words.endswith("That is the gradient: 1.0")
    page.keyboard.press("Escape")
    assert page.locator("#node-card").is_hidden()


def test_paths_are_counted_exactly_and_the_largest_listed(show: Callable[..., Page]) -> None:
    """Sixty diamonds make 2^60 paths; eight are listed, the others are summed, at once."""
    nodes = [leaf("d0", 1.0)]
    for i in range(60):
        nodes += [node(f"e{i}", "neg", f"d{i}"), node(f"d{i + 1}", "add", f"d{i}", f"e{i}")]
    page = show(document(*nodes[:-1], node("y", "sub", "d59", "e59")))
    page.evaluate("() => mgraph.goTo(0)")
    words = " ".join(page.locator("#node-body").inner_text().split())
    assert f"{2**60:,} paths lead back to d0; these contribute most" in words
    assert f"The other {2**60 - 8:,} paths together" in words
    assert page.locator(".paths li").count() == 8


def test_the_largest_paths_are_the_largest(show: Callable[..., Page]) -> None:
    """Of all products the page lists the eight with the largest size, in order."""
    weights = [0.5, -3.0, 0.1, 7.0, -0.2, 2.0, 11.0, -5.0, 1.5, 0.3, 4.0]
    nodes = [leaf("x", 1.0)]
    for i, weight in enumerate(weights):
        nodes += [leaf(f"w{i}", weight, "const"), node(f"p{i}", "mul", "x", f"w{i}")]
    page = show(document(*nodes, node("y", "sum", *(f"p{i}" for i in range(len(weights))))))
    page.evaluate("() => mgraph.goTo(0)")
    shown = page.locator(".paths li .num").all_text_contents()
    largest = sorted(weights, key=abs, reverse=True)[:8]
    assert [float(text) for text in shown] == largest
    rest = sum(weights) - sum(largest)
    words = page.locator("#node-body").inner_text()
    assert f"The other 3 paths together: {rest:g}" in words


def test_a_long_chain_is_explained_without_recursion(show: Callable[..., Page]) -> None:
    """Twenty thousand nodes in one chain, one path; its middle is left out of the list."""
    nodes = [
        leaf("x", 1.0),
        *(node(f"n{i}", "neg", f"n{i - 1}" if i else "x") for i in range(20_000)),
    ]
    page = show(document(*nodes))
    page.evaluate("() => mgraph.goTo(0)")
    words = page.locator("#node-body").inner_text()
    assert "One path leads back to x" in words
    assert "(19993 more)" in words
    assert words.rstrip().endswith("That is the gradient: 1.0")


def test_why_there_is_none(show: Callable[..., Page]) -> None:
    """A const, and a node without a path to the output, have no gradient, and the page says why."""
    page = at_the_end(
        show(
            document(
                leaf("c", 2.0, "const"),
                leaf("x", 1.0),
                leaf("lost", 1.0),
                node("y", "mul", "c", "x"),
            )
        )
    )
    box(page, "c").click()
    assert "A const receives no gradient." in page.locator("#node-body").inner_text()
    box(page, "lost").click()
    assert "No path leads from the seeded output" in page.locator("#node-body").inner_text()
    assert numbers_of(page, "lost") == ("1.0", "")


# --- leaves and seeds ------------------------------------------------------------------------


def test_typing_a_value_recomputes_everything(show: Callable[..., Page]) -> None:
    """The neuron at other inputs gives the numbers of the fixture that says them."""
    path = FIXTURES / "run" / "lecture" / "neuron_at_other_inputs.json"
    run = next(run for run in runs_of(path) if run.inputs)
    page = at_the_end(show(path))
    for name, value in run.inputs.items():
        page.fill(f'#leaves input[type=text][aria-label="{name}"]', repr(value))
        page.keyboard.press("Enter")
    page.wait_for_timeout(100)
    for name, want in (run.data or {}).items():
        got = float(numbers_of(page, name)[0])
        assert got == pytest.approx(want, rel=1e-4, abs=1e-4)
    for name, want in (run.grad or {}).items():
        got = float(numbers_of(page, name)[1])
        assert got == pytest.approx(want, rel=1e-3, abs=1e-4)


def test_a_slider_moves_everything_and_reset_brings_it_back(show: Callable[..., Page]) -> None:
    """x2 at 1 instead of 0 gives w2 a gradient; reset takes it away."""
    page = at_the_end(show(NEURON))
    slider = page.locator('input[data-leaf="x2"]')
    assert numbers_of(page, "w2") == ("1.0", "0.0")
    slider.fill("1")
    page.wait_for_selector('.box[aria-label^="x2w2,"] .data:text-is("1.0")')
    assert numbers_of(page, "w2")[1] not in ("", "0.0")
    page.click("#reset")
    assert numbers_of(page, "w2") == ("1.0", "0.0")
    assert page.locator('input[data-leaf="x2"]').input_value() == "0"


def test_numbers_that_can_be_typed(show: Callable[..., Page]) -> None:
    """Fractions, infinities and signs; anything else is marked and changes nothing.

    A comma is the decimal point in some countries, and separates thousands in others: where it may
    be either, the text is not taken for a number.
    """
    page = at_the_end(show(document(leaf("x", 1.0), node("y", "neg", "x"))))
    field = "#leaves input[type=text]"
    for text, value in (
        ("1/4", "-0.25"), ("-inf", "inf"), ("nan", "nan"), ("−2", "2.0"),
        ("0,125", "-0.125"), ("1,5", "-1.5"), ("1234,567", "-1234.57"), ("0", "-0.0"),
    ):  # fmt: skip
        page.fill(field, text)
        page.keyboard.press("Enter")
        page.wait_for_selector(f'.box[aria-label^="y,"] .data:text-is("{value}")')
    for text in ("two", "1,000", "12,500/2", "1,000,000", "1,000.5"):
        page.fill(field, text)
        page.keyboard.press("Enter")
        assert page.locator(field).get_attribute("aria-invalid") == "true", text
        assert numbers_of(page, "y")[0] == "-0.0", text


def test_choosing_the_output(show: Callable[..., Page]) -> None:
    """With several outputs the gradient is of the one that is chosen, times the seed."""
    page = at_the_end(show(
        document(
            leaf("a", 2.0), leaf("b", 3.0), node("s", "add", "a", "b"), node("p", "mul", "a", "b"),
            outputs=["s", "p"],
        )
    ))  # fmt: skip
    assert numbers_of(page, "a") == ("2.0", "1.0")
    assert numbers_of(page, "p") == ("6.0", "")
    assert "A node on which the output does not depend has no gradient." in step_text(page)
    page.select_option('select[aria-label="Output to differentiate"]', label="p")
    assert numbers_of(page, "a") == ("2.0", "3.0")
    page.fill('input[aria-label="Seed"]', "-2")
    page.keyboard.press("Enter")
    assert numbers_of(page, "b") == ("3.0", "-4.0")


def test_inputs_without_a_value_are_asked_for(show: Callable[..., Page]) -> None:
    """Nothing is computed until each has one; then the graph runs: x·z at 3 and 4 is 12."""
    page = show(
        document({"id": "x", "op": "input"}, {"id": "z", "op": "input"}, node("y", "mul", "x", "z"))
    )
    assert "2 inputs have no value yet" in step_text(page)
    box(page, "y").click()
    assert "have no value yet" in page.locator("#node-body").inner_text()
    page.keyboard.press("End")
    assert title(page) == "Start"
    assert page.locator("#play").is_disabled()
    assert page.locator("#quiz").is_disabled()
    fields = page.locator("#leaves input[type=text]")
    assert [fields.nth(i).input_value() for i in (0, 1)] == ["", ""]
    box(page, "x").hover()
    assert page.locator("#tooltip").inner_text() == "x\ninput without a value"
    for i, text, left in (
        (0, "3", "1 input has no value yet"),
        (1, "4", "Nothing is computed yet"),
    ):
        fields.nth(i).fill(text)
        page.keyboard.press("Enter")
        page.wait_for_selector(f'#step-body:has-text("{left}")')
    fields.nth(1).blur()
    assert numbers_of(at_the_end(page), "y") == ("12.0", "1.0")
    assert numbers_of(page, "x") == ("3.0", "4.0")
    assert page.locator("#play").is_enabled()
    assert page.locator("#quiz").is_enabled()
    assert "does not depend has no gradient" not in step_text(page)


def test_a_graph_without_values_is_saved_without_a_run(
    show: Callable[..., Page], tmp_path: Path
) -> None:
    """Nobody gave its input a value, so neither the download nor the link has one."""
    page = show(document({"id": "x", "op": "input"}, node("y", "exp", "x")))
    with page.expect_download() as info:
        page.click("#download")
    info.value.save_as(tmp_path / "saved.json")
    assert "runs" not in json.loads((tmp_path / "saved.json").read_bytes())
    page.click("#link")
    page.wait_for_selector("#link:not(:text-is('Link'))")
    packed = base64.urlsafe_b64decode(page.evaluate("() => location.hash")[3:] + "===")
    assert "runs" not in json.loads(zlib.decompress(packed, wbits=-15))


def test_space_goes_on_as_in_the_terminal(show: Callable[..., Page]) -> None:
    """Each press of the space bar is one step forward, like the arrow."""
    page = show(NEURON)
    for i in (1, 2, 3):
        page.keyboard.press(" ")
        assert title(page) == f"Forward, {i} of 10"


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


def page_with(visit: Visit, graph: mgraph.Graph) -> Page:
    """Open the page of a graph."""
    path = visit.folder / "large.html"
    path.write_bytes(b"".join(page_of(graph, "large.json")))
    return visit(path)


def test_networks_fold_to_groups(visit: Visit) -> None:
    """Above 300 nodes neurons are boxes, a line says so, and a click opens one of them."""
    page = page_with(visit, mlp(2, 16, 16, 1))
    assert page.locator(".box.group").count() == 33
    assert "708 nodes, folded by their names" in page.locator("#scene-note").inner_text()
    page.click('.box[aria-label^="group layer1.neuron3,"]')
    assert page.locator(".box.group").count() == 32
    assert box(page, "layer1.neuron3.out").count() == 1
    page.click("#scene-note >> text=Fold groups")
    assert page.locator(".box.group").count() == 3
    page.click("#scene-note >> text=Show all nodes")
    assert page.locator(".box[data-item]").count() == 708


def test_a_folded_group_shows_what_leaves_it(visit: Visit) -> None:
    """A neuron's box has the value and gradient of the one node that others use."""
    graph = mlp(2, 16, 16, 1)
    values, grads = both(graph, {}, {})
    page = at_the_end(page_with(visit, graph))
    data, grad = numbers_of(page, "group layer2.neuron5")
    name = "layer2.neuron5.out"
    assert float(data) == pytest.approx(values[name], rel=1e-3)
    assert float(grad) == pytest.approx(grads[name], rel=1e-3)


def test_finding_a_node_opens_its_group(visit: Visit) -> None:
    """A node in a folded group is found, its group opened, and the node is in sight."""
    page = page_with(visit, mlp(2, 16, 16, 1))
    page.keyboard.press("/")
    page.keyboard.type("layer2.neuron7.w3")
    page.keyboard.press("Enter")
    place = box(page, "layer2.neuron7.w3").bounding_box()
    assert 0 < place["x"] < 900
    assert 60 < place["y"] < 740
    page.click("#node-body >> text=Fold layer2.neuron7")
    assert page.locator('.box[aria-label^="group layer2.neuron7,"]').count() == 1


def test_a_large_graph_without_groups_shows_surroundings(visit: Visit) -> None:
    """A thousand nodes without dots: some around the output; stepping and clicking move there."""
    page = page_with(visit, mgraph.load(FIXTURES / "run" / "shapes" / "chain_1000.json"))
    assert 1 < page.locator(".box[data-item]").count() <= 24
    note = page.locator("#scene-note").inner_text()
    assert "are shown. Click a node to see its surroundings" in note
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator(".box.current").count() == 1
