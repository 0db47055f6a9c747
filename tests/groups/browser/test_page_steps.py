"""The page in a browser: steps forward and backward, and why a gradient is what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.command_line import NEURON
from tests.groups.browser.page import (
    at_the_end,
    box,
    document,
    leaf,
    node,
    numbers_of,
    step_text,
    title,
    to_step,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page


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
    shown = title(page)
    page.wait_for_timeout(2000)  # more than a step would take
    assert title(page) == shown != "Done"


def test_hovering_tells_formula_and_numbers(show: Callable[..., Page]) -> None:
    """The pointer on a node, or the focus, shows what it computes, with all digits."""
    page = at_the_end(show(NEURON))
    box(page, "n").hover()
    assert page.locator("#tooltip").inner_text().split("\n") == [
        "n", "= x1w1x2w2 + b", "= (-6.0) + 6.88137", "= 0.8813735870195432",
    ]  # fmt: skip
    box(page, "o").focus()
    assert page.locator("#tooltip").inner_text().startswith("o\n= tanh n")


def test_space_goes_on_as_in_the_terminal(show: Callable[..., Page]) -> None:
    """Each press of the space bar is one step forward, like the arrow."""
    page = show(NEURON)
    for i in (1, 2, 3):
        page.keyboard.press(" ")
        assert title(page) == f"Forward, {i} of 10"


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
