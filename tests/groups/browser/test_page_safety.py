"""The page in a browser: hostile texts stay texts, nothing is fetched, nothing bars anyone."""

from __future__ import annotations

import json
from math import inf, isfinite
from typing import TYPE_CHECKING

import pytest

from tests.command_line import NEURON
from tests.groups.browser.chromium import Visit, barriers, screen
from tests.groups.browser.page import (
    answer,
    at_the_end,
    box,
    document,
    drop,
    leaf,
    node,
    numbers_of,
    page_file,
    to_step,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Browser, Page


HOSTILE = '</script><script>window.bad = 1</script><img src=x onerror="window.bad = 2">&amp;"\''


def test_texts_of_a_graph_are_only_text(visit: Visit, tmp_path: Path) -> None:
    """Markup in name, doc, labels, origin and file name is shown to the letter, and never runs."""
    graph = document(
        {**leaf("x", 1.0), "label": HOSTILE, "doc": HOSTILE},
        {**leaf("__proto__", 2.0), "label": "{{ SCRIPT }}"},
        node("constructor", "mul", "x", "__proto__"),
        node("y", "add", "constructor", "constructor"),
        name=HOSTILE, doc=HOSTILE, meta={"__proto__": HOSTILE},
        runs=[{"origin": HOSTILE, "data": {"y": 4.0}}],
    )  # fmt: skip
    page = at_the_end(visit(page_file(tmp_path, graph, f"{HOSTILE}.json")))
    assert page.locator("#name").inner_text() == HOSTILE
    assert numbers_of(page, "y") == ("4.0", "1.0")
    page.evaluate("() => mgraph.goTo(0)")
    assert page.locator("#node-title").text_content() == f"Why {HOSTILE[:80]}?"
    page.click("#runs-card summary")
    assert HOSTILE in page.locator("#runs").inner_text()
    drop(page, f"{HOSTILE}.json", b"{")
    page.wait_for_selector("#alert:not([hidden])")
    drop(page, "again.json", json.dumps(graph).encode())
    page.wait_for_selector("#alert", state="hidden")
    assert page.evaluate("() => window.bad") is None
    assert page.locator("img, script:not([type])").count() == 0


def test_the_policy_is_in_force(browser: Browser, tmp_path: Path) -> None:
    """A script that somebody adds to the page does not run, and nothing can be fetched."""
    path = page_file(tmp_path, NEURON)
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("</body>", "<script>window.bad = 1</script></body>"), encoding="utf-8"
    )
    visit = Visit(browser, tmp_path)
    page = visit(path)
    assert page.evaluate("() => window.bad") is None
    tried = "(url) => fetch(url).then(() => 'fetched', () => 'refused')"
    assert page.evaluate(tried, "https://example.org/") == "refused"
    visit.close()
    assert len(visit.complaints) >= 2
    assert all("Content Security Policy" in line or "CSP" in line for line in visit.complaints)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_bars_anyone(show: Callable[..., Page], scheme: str, width: int) -> None:
    """Axe finds no barrier: at the end, in a backward step, with a node explained, in the quiz."""
    page = at_the_end(show(NEURON, reduced_motion="reduce", **screen(width, scheme)))
    assert barriers(page) == []
    to_step(page, "Backward, 3")
    box(page, "w1").click()
    page.click("#runs-card summary")
    assert barriers(page) == []
    page.click("#quiz")
    answer(page, "7")
    assert barriers(page) == []
    page.keyboard.press("Escape")
    page.locator("#answer").blur()
    page.keyboard.press("?")
    assert barriers(page) == []


def test_numbers_of_every_size_are_readable(show: Callable[..., Page]) -> None:
    """From the smallest double to infinity, what a box shows is near what it is."""
    values = [5e-324, 1.5e-7, -0.00012345678, 1e5, 123456.0, 1234567.8, -9.87e299, inf]
    leaves = [
        {**leaf(f"v{i}", x), "data": x if isfinite(x) else "inf"} for i, x in enumerate(values)
    ]
    page = at_the_end(show(document(*leaves, node("y", "sum", *(each["id"] for each in leaves)))))
    for i, value in enumerate(values):
        text = numbers_of(page, f"v{i}")[0]
        assert float(text) == pytest.approx(value, rel=2e-2)
