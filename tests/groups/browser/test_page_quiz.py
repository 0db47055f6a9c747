"""The quiz of the page in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.command_line import NEURON
from tests.groups.browser.page import (
    answer,
    at_the_end,
    box,
    document,
    leaf,
    node,
    numbers_of,
    step_text,
    title,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page


def mistake(page: Page) -> str | None:
    """Return which mistake the page sees in the last answer."""
    return str(page.locator("#hint").get_attribute("data-mistake"))


def test_the_quiz_asks_before_it_shows(show: Callable[..., Page]) -> None:
    """With --quiz the page starts at the seed, hides what it asks, and goes on when it is right."""
    page = show(NEURON, quiz=True)
    assert title(page) == "Backward, 2 of 6: your turn"
    assert numbers_of(page, "n") == ("0.881374", "")
    assert page.locator(".chip").count() == 0
    assert "o has the gradient 1.0. What does it pass on to n?" in step_text(page)
    answer(page, "0.5")
    assert "Right: 1.0 × 0.5 = 0.5." in step_text(page)
    assert numbers_of(page, "n") == ("0.881374", "0.5")
    for _ in range(8):
        page.click("#show")
    assert title(page) == "Backward, 6 of 6"
    page.keyboard.press("ArrowRight")
    assert title(page) == "Done"
    assert "1 right on your own, 8 shown" in step_text(page)
    page.click("#quiz")
    assert "Quiz" not in step_text(page)


def test_the_quiz_keeps_its_secrets(show: Callable[..., Page]) -> None:
    """While it asks, neither the tooltip nor the card of a node tells a gradient."""
    page = show(NEURON, quiz=True)
    box(page, "w1").click()
    assert "the gradient is shown at the end" in page.locator("#node-body").inner_text()
    assert page.locator(".paths").count() == 0


QUIZ = document(
    leaf("a", 3.0), leaf("b", 5.0), node("p", "mul", "a", "b"), node("t", "tanh", "p"),
    node("q", "mul", "a", "t"), node("y", "mul", "q", "a"),
)  # fmt: skip
"""y = a·tanh(a·b)·a: a is used three times; by hand, with t = tanh 15 ≈ 1."""


@pytest.mark.parametrize(
    ("graph", "skip", "wrong", "seen"),
    [
        # y = q·a with q = 3 (t ≈ 1), a = 3: q gets 3, a gets 3; then a gets t = 1 times 3, so 6.
        (QUIZ, 2, "3", "overwrote"),
        (document(leaf("x", 1.0), node("h", "mul", "x", "x"), node("y", "exp", "h")),
         0, "1", "inner"),
        (document(leaf("x", 2.0), leaf("w", 7.0), node("p", "mul", "x", "w"),
                  node("y", "mul", "p", "p")), 2, "7", "upstream"),
        (document(leaf("x", 2.0), leaf("w", 7.0), node("y", "mul", "x", "w")), 0, "2", "swapped"),
        # d = 2x; y = d·3 + d·5: d gets 5 first, then 8; passing 5 back too early gives 10.
        (document(leaf("x", 1.0), leaf("two", 2.0, "const"), leaf("three", 3.0, "const"),
                  leaf("five", 5.0, "const"), node("d", "mul", "x", "two"),
                  node("e", "mul", "d", "three"), node("f", "mul", "d", "five"),
                  node("y", "add", "e", "f")), 4, "10", "order"),
        # y = x·x at 0.5: 0.5 along each of the two arrows; both together are as much as y has.
        (document(leaf("x", 0.5), node("y", "mul", "x", "x")), 0, "1", "together"),
        # y = x + x + x: the second arrow makes it 2, and all three make it 3.
        (document(leaf("x", 5.0), node("y", "sum", "x", "x", "x")), 1, "3", "together"),
        (document(leaf("x", 2.0), node("y", "neg", "x")), 0, "0.9", ""),
        (document(leaf("x", 4.0), leaf("z", 8.0), node("y", "div", "x", "z")),
         0, "-0.0625", "swapped"),
    ],
    ids=["overwrote", "inner", "upstream", "swapped", "order", "together", "together-after-one",
         "other", "swapped-div"],
)  # fmt: skip
def test_the_quiz_recognises_mistakes(
    show: Callable[..., Page], graph: dict[str, Any], skip: int, wrong: str, seen: str
) -> None:
    """Each classic mistake gets its own sentence, and the question stays open."""
    page = show(graph, quiz=True)
    for _ in range(skip):
        page.click("#show")
    before = title(page)
    answer(page, wrong)
    assert mistake(page) == seen
    assert len(page.locator("#hint").inner_text()) > 20
    assert title(page) == before


def test_the_quiz_takes_fractions_and_roundings(show: Callable[..., Page]) -> None:
    """1/3 and 0.333 are right where the gradient is a third; words are no answer."""
    third = document(leaf("x", 1.0), leaf("c", 3.0, "const"), node("y", "div", "x", "c"))
    for text in ("1/3", "0.333"):
        page = show(third, quiz=True)
        answer(page, "a third")
        assert "Type a number" in page.locator("#hint").inner_text()
        answer(page, text)
        assert title(page) == "Backward, 2 of 2"


def test_the_quiz_says_which_operand_it_asks_about(show: Callable[..., Page]) -> None:
    """Of x·x, one operand after the other; the card of the step says so, too."""
    page = show(document(leaf("x", 3.0), node("y", "mul", "x", "x")), quiz=True)
    assert "What does it pass on to x as 1st operand?" in step_text(page)
    answer(page, "6")
    hint = page.locator("#hint").inner_text()
    assert hint == (
        "That adds up all that y passes on to x; the question is only about x as 1st operand."
    )
    answer(page, "7")
    assert "with respect to x as 1st operand" in page.locator("#hint").inner_text()
    answer(page, "3")
    assert "x already has 3.0 from another use." in step_text(page)
    assert "What is its gradient after this one, as 2nd operand?" in step_text(page)
    answer(page, "6")
    assert "1 right on your own, 1 after a hint, 0 shown" in step_text(at_the_end(page))
    page.keyboard.press("ArrowLeft")
    assert page.locator(".sent th[scope=rowgroup]").all_inner_texts() == [
        "x as 1st operand", "x as 2nd operand",
    ]  # fmt: skip


def test_no_key_goes_beyond_a_question(show: Callable[..., Page]) -> None:
    """End, the slider and the button stop at it; back and forth, nothing is asked twice."""
    page = show(NEURON, quiz=True)
    ways: tuple[Callable[[], object], ...] = (
        lambda: page.keyboard.press("End"),
        lambda: page.click("#last"),
        lambda: page.locator("#scrub").fill("17"),
        lambda: page.evaluate("() => mgraph.go(1000)"),
    )
    for way in ways:
        way()
        assert title(page) == "Backward, 2 of 6: your turn"
        assert numbers_of(page, "n") == ("0.881374", "")
    answer(page, "0.5")
    page.click("#back")
    assert title(page) == "Backward, 1 of 6"
    page.click("#last")
    assert title(page) == "Backward, 3 of 6: your turn"
    assert "1 right on your own, 0 shown" in step_text(page)


def test_the_quiz_begins_again_at_the_start(show: Callable[..., Page]) -> None:
    """Home forgets all answers, also those of a quiz that is done, and asks everything again."""
    page = show(document(leaf("x", 3.0), node("y", "neg", "x")), quiz=True)
    for _ in range(2):
        answer(page, "-1")
        assert "1 right on your own, 0 shown" in step_text(at_the_end(page))
        page.keyboard.press("Home")
        page.keyboard.press("End")
        assert title(page) == "Backward, 2 of 2: your turn"
        assert "Quiz" not in step_text(page)


def test_the_quiz_begins_again_with_another_output(show: Callable[..., Page]) -> None:
    """The backward steps of another output are others, and none of their questions is left out."""
    page = show(
        document(
            leaf("x", 2.0), node("s", "neg", "x"), node("h", "neg", "x"), node("p", "neg", "h"),
            outputs=["s", "p"],
        ),
        quiz=True,
    )  # fmt: skip
    answer(page, "-1")
    at_the_end(page)
    for output, answers in (("p", ("-1", "1")), ("s", ("-1",))):
        page.select_option('select[aria-label="Output to differentiate"]', label=output)
        assert title(page) == f"Backward, 2 of {len(answers) + 1}: your turn"
        assert "Quiz" not in step_text(page)
        for each in answers:
            answer(page, each)
        assert f"{len(answers)} right on your own, 0 shown" in step_text(at_the_end(page))


def test_on_your_own_means_at_once(show: Callable[..., Page]) -> None:
    """An answer after a wrong one counts apart, also after a step back; a word is no answer."""
    page = show(NEURON, quiz=True)
    answer(page, "a half")
    answer(page, "0.5")
    assert "Right:" in step_text(page)
    answer(page, "8")
    assert "Right:" not in step_text(page)  # it would stand above the hint
    page.keyboard.press("Tab")
    page.click("#back")
    page.click("#next")
    answer(page, "0.5")
    assert "1 right on your own, 1 after a hint, 0 shown" in step_text(page)
