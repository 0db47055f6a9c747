"""The site of docs/ in a browser: calm, as wide as the window, without barriers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from axe_playwright_python.base import AXE_FILE_PATH

from tests.groups.browser.chromium import barriers
from tests.groups.docs.test_site import pages, site

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

__all__ = ["site"]  # a fixture

WINDOWS: Final = [(360, "light"), (1280, "dark")]


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
def test_pages_in_a_browser(site: Path, browser: Browser, width: int, scheme: Any) -> None:  # noqa: ANN401
    """No page is wider than the window, complains, or asks the network."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab = context.new_page()
    result: list[str] = []
    tab.on("console", lambda line: result.append(line.text))
    tab.on("request", lambda request: result.append(request.url))
    for path in pages(site):
        tab.goto(path.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, path.name
        assert "mgraph" in tab.title()
    context.close()
    assert [line for line in result if not line.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
@pytest.mark.parametrize("name", ["index", "teaching", "tape"])
def test_axe_finds_no_barrier(
    site: Path,
    browser: Browser,
    name: str,
    width: int,
    scheme: Any,  # noqa: ANN401
) -> None:
    """Pages with all kinds of content can be read and used by everybody, as far as axe knows."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab = context.new_page()
    tab.goto((site / f"{name}.html").as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    tab.evaluate(AXE_FILE_PATH.read_text(encoding="utf-8"))
    assert barriers(tab) == []
    context.close()
