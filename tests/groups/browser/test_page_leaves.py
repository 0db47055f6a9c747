"""The page in a browser: values of leaves, outputs and seeds that people choose."""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.command_line import FIXTURES, NEURON
from tests.groups.browser.page import (
    at_the_end,
    box,
    document,
    leaf,
    node,
    numbers_of,
    runs_of,
    step_text,
    title,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page


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
