"""A browser for tests of the page: found, started once, and watched while it is used."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tests.groups.needs import BROWSERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

QUIET: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
READY: Final = "html[data-ready]"


def executable() -> str:
    """Return the path of a browser."""
    return next(filter(None, map(shutil.which, BROWSERS)))


@contextmanager
def started(*options: str) -> Iterator[Browser]:
    """Start a browser without a window, and close it in the end."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - may not be installed

    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*QUIET, *options])
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """Pages that are open in a test, and what went wrong or was fetched in them."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        """Take a browser, and the folder for files."""
        self.browser = browser
        self.folder = folder
        self.contexts: list[BrowserContext] = []
        self.complaints: list[str] = []
        self.requests: list[str] = []

    def __call__(self, path: Path | str, *, fragment: str = "", **options: Any) -> Page:  # noqa: ANN401 - playwright's
        """Open a page file, and wait until it is ready."""
        options.setdefault("viewport", {"width": 1280, "height": 800})
        page = self.context(**options).new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda line: self.complaints.append(f"{line.type}: {line.text}"))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(f"file://{path}{fragment}")
        page.wait_for_selector(READY)
        return page

    def context(self, **options: Any) -> BrowserContext:  # noqa: ANN401 - playwright's
        """Return a new context, with storage of its own."""
        self.contexts.append(self.browser.new_context(**options))
        return self.contexts[-1]

    def close(self) -> None:
        """Close what was opened here; other pages of the browser outlive a test."""
        for context in self.contexts:
            context.close()


def screen(width: int, scheme: str) -> dict[str, Any]:
    """Return the options of a page on a screen, to which scripts may be added."""
    viewport = {"width": width, "height": 800}
    return {"viewport": viewport, "color_scheme": scheme, "bypass_csp": True}


def barriers(page: Page) -> list[str]:
    """Return what axe finds, a line each; the page must be one to which a script may be added."""
    from axe_playwright_python.base import AXE_FILE_PATH  # noqa: PLC0415 - may not be installed

    if not page.evaluate("() => 'axe' in window"):
        page.add_script_tag(path=AXE_FILE_PATH)
    found: Mapping[str, Any] = page.evaluate("() => axe.run()")
    return [
        f"{rule['id']}: {place['html'][:120]} {place['failureSummary'][:300]}"
        for rule in found["violations"]
        for place in rule["nodes"]
    ]
