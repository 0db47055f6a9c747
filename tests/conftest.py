"""What tests are handed: a folder with a command line, and a browser with the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mgraph.viewer import page as page_of
from tests.browser import Visit, started
from tests.command_line import NEURON, Shell
from tests.page import loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:  # noqa: ANN401 - xdist's
    """Let workers that are done take tests from others: some files are slow, most are quick."""
    from xdist.scheduler import WorkStealingScheduling  # noqa: PLC0415 - may not be installed

    return WorkStealingScheduling(config, log)


@pytest.fixture
def mgraph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return a folder with the neuron in it, and `mgraph` to call there."""
    (tmp_path / "neuron.json").write_bytes(NEURON.read_bytes())
    return Shell(tmp_path, monkeypatch)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return a browser."""
    with started() as browser:
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
    """Write the page of a graph (a file, or plain data) and open it."""

    def opened(graph: Path | dict[str, Any], *, quiz: bool = False, **options: Any) -> Page:  # noqa: ANN401 - playwright's
        path = tmp_path / "page.html"
        path.write_bytes(b"".join(page_of(loaded(graph), "graph.json", quiz=quiz)))
        return visit(path, **options)

    return opened
