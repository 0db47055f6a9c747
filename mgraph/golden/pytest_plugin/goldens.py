"""What a pytest session does with golden files: records them, and finds those that nobody uses.

Tests, in whatever process, only say what they want of a golden file; that travels with their
reports. One process gathers it, and writes when all tests are done: so no two writes can meet, and
tests that want different things of one file are found.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Final

import pytest

from mgraph.codec import write_file
from mgraph.errors import GraphError
from mgraph.golden import asserting as testing
from mgraph.golden.asserting import Session, Use, shown
from mgraph.golden.pytest_plugin.settings import EXTENSIONS, GOLDENS, configured, is_plain
from mgraph.golden.rerun import graph_files

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

NARROWING: Final = ("ignore", "ignore_glob", "lf", "collectonly", "setuponly", "setupplan")
"""Options of pytest with which a session is no whole one, even if no test is deselected."""

SENT: Final = "mgraph"
"""The attribute of a report that brings what a test wants."""


class Goldens:
    """Gathers what tests want of golden files."""

    def __init__(self, config: pytest.Config) -> None:
        """Begin to watch.

        Raises:
            UsageError: A configured folder is not there.
        """
        self.config = config
        self.before = testing.session
        self.session = testing.session = Session(bool(config.getoption("mgraph_accept")))
        self.uses: dict[str, Use] = {}
        self.conflicts: dict[str, Use] = {}
        self.is_partial = False
        self.skipped = 0

    def pytest_unconfigure(self) -> None:
        """Leave `assert_graph` as it was found."""
        testing.session = self.before

    def pytest_sessionstart(self) -> None:
        """Refuse to watch a folder that is not there; the first recording makes it.

        Raises:
            UsageError: There is none.
        """
        for path in configured(self.config, GOLDENS):
            if not path.is_dir() and not self.session.accept:
                message = f"{GOLDENS}: there is no folder {path}; --mgraph-accept makes it"
                raise pytest.UsageError(message)

    # --- in the process that runs a test ---------------------------------------------------

    def pytest_deselected(self) -> None:
        """Note that not all tests are run."""
        self.is_partial = True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Send with a test's last report what it wants of golden files."""
        report = yield
        if call.when == "teardown":
            uses = [_packed(each) for each in self.session.uses]
            setattr(report, SENT, {"uses": uses, "partial": self.is_partial})
            self.session.uses.clear()
        return report

    # --- in the process that gathers the reports -------------------------------------------

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a test wants."""
        sent = getattr(report, SENT, {"uses": (), "partial": False})
        self.is_partial |= sent["partial"]
        for use in map(_unpacked, sent["uses"]):
            known = self.uses.setdefault(use.path, use)
            if known.content != use.content:
                self.conflicts.setdefault(use.path, use)
        if report.skipped and not report.location[0].endswith(EXTENSIONS):
            self.skipped += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note that the tests of a module are skipped."""
        self.skipped += report.skipped

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Record what is to be recorded, and fail if something is left over."""
        if hasattr(self.config, "workerinput"):  # of pytest-xdist: another process gathers
            return
        wrong = [*self.record(), *self.left_over(session)]
        self.tell("golden files: the session fails", wrong, red=True)
        if wrong and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def record(self) -> Iterator[str]:
        """Show what is recorded, and record it; yield what can't be."""
        for path, use in self.uses.items():
            if path in self.conflicts:
                yield from _conflict(use, self.conflicts[path])
            elif use.content is not None:
                self.tell(f"recording {shown(path)}", use.lines)
                try:
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    write_file(path, [use.content])
                except OSError as error:
                    yield f"{shown(path)}: {error.strerror}"
                except GraphError as error:
                    yield str(error)

    def left_over(self, session: pytest.Session) -> Iterator[str]:
        """Yield the golden files that no test has used, if all tests had the chance to."""
        whole = is_plain(self.config) and not self.is_partial and not session.shouldstop
        asked = any(self.config.getoption(name, default=None) for name in NARROWING)
        if not whole or asked or session.exitstatus != pytest.ExitCode.OK:
            return
        used = {os.path.realpath(path) for path in self.uses}
        folders = [path for path in configured(self.config, GOLDENS) if path.is_dir()]
        found = [path for path, _ in graph_files(folders) if os.path.realpath(path) not in used]
        lines = [f"{shown(str(path))}: no assert_graph has used it" for path in found]
        if self.skipped:
            tests = f"{self.skipped} test{'s' if self.skipped > 1 else ''}"
            self.tell(f"golden files, and {tests} skipped that may use them", lines)
        else:
            yield from lines

    def tell(self, title: str, lines: Sequence[str], *, red: bool = False) -> None:
        """Print some lines, if there are any and somebody reads."""
        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and lines:
            reporter.line("")  # after the dots
            reporter.section(title, red=red)
            for line in lines:
                reporter.line(line, red=red)


def _conflict(one: Use, other: Use) -> Iterator[str]:
    yield f"{shown(one.path)}: not recorded, because two tests want different graphs in it:"
    for use in (one, other):
        yield f"  {use.test}{'' if use.content is None else ' (other than it is)'}"


def _packed(use: Use) -> dict[str, Any]:
    """Return a use as plain data, as reports travel."""
    content = None if use.content is None else b64encode(use.content).decode()
    return {"path": use.path, "test": use.test, "lines": [*use.lines], "content": content}


def _unpacked(sent: dict[str, Any]) -> Use:
    content = None if sent["content"] is None else b64decode(sent["content"])
    return Use(sent["path"], sent["test"], sent["lines"], content)
