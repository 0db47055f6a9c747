"""What tests of the page are handed: a browser, and the page of a graph in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.groups.browser.chromium import Visit, started
from tests.groups.browser.page import page_file
from tests.service.classroom import INSECURE

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    import mgraph
    from mgraph.viewer import CsvRows


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Start two workers for each core: half of the time, a test waits for its browser."""
    return 2 * (yield)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return a browser."""
    with started(f"--host-resolver-rules=MAP {INSECURE} 127.0.0.2") as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[Visit]:
    """Open pages; whatever the test does, no script fails and nothing is fetched."""
    visit = Visit(browser, tmp_path)
    yield visit
    visit.close()
    assert visit.complaints == []
    elsewhere = [url for url in visit.requests if not url.startswith(("file:", "data:", "blob:"))]
    assert elsewhere == []


@pytest.fixture
def show(visit: Visit, tmp_path: Path) -> Callable[..., Page]:
    """Write the page of a graph (a file, plain data, or itself) and open it."""

    def opened(
        graph: Path | dict[str, Any] | mgraph.Graph,
        *,
        quiz: bool = False,
        rows: CsvRows | None = None,
        **options: Any,  # noqa: ANN401 - playwright's
    ) -> Page:
        return visit(page_file(tmp_path, graph, quiz=quiz, rows=rows), **options)

    return opened
