"""Recording golden files in a pytest session, and finding those that are not used.

Tests only note how they use a golden file, which is sent with their reports, from whatever process.
One process collects the notes, and writes files when all tests are done. So writes can't collide,
and tests that need different contents in one file are found.
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
"""Options of pytest that make a session incomplete even if no test is deselected."""

SENT: Final = "mgraph"
"""The attribute of a report that holds the uses of golden files."""


class Goldens:
    """A plugin that collects the uses of golden files by tests."""

    def __init__(self, config: pytest.Config) -> None:
        """Start to collect uses."""
        self.config = config
        self.before = testing.session
        self.session = testing.session = Session(bool(config.getoption("mgraph_accept")))
        self.uses: dict[str, Use] = {}
        self.conflicts: dict[str, Use] = {}
        self.is_partial = False
        self.skipped = 0

    def pytest_unconfigure(self) -> None:
        """Restore the session that `assert_graph` had before."""
        testing.session = self.before

    # --- in the process that runs a test ---------------------------------------------------

    def pytest_deselected(self) -> None:
        """Note that not all tests run."""
        self.is_partial = True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the uses of golden files to the last report of a test."""
        report = yield
        if call.when == "teardown":
            uses = [_to_data(use) for use in self.session.uses]
            setattr(report, SENT, {"uses": uses, "partial": self.is_partial})
            self.session.uses.clear()
        return report

    # --- in the process that collects the reports ------------------------------------------

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the uses of golden files from a report."""
        sent = getattr(report, SENT, {"uses": (), "partial": False})
        self.is_partial |= sent["partial"]
        for use in map(_from_data, sent["uses"]):
            first = self.uses.setdefault(use.path, use)
            if first.content != use.content:
                self.conflicts.setdefault(use.path, use)
        if report.skipped and not report.location[0].endswith(EXTENSIONS):
            self.skipped += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note that a whole module is skipped."""
        self.skipped += report.skipped

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Record golden files, and fail the session if one can't be recorded or is not used."""
        if hasattr(
            self.config, "workerinput"
        ):  # a worker of pytest-xdist: another process collects
            return
        errors = [*self.record()]
        if self.is_complete(session):
            errors += [*self.missing(), *self.unused()]
        self.print_section("golden files: the session fails", errors, red=True)
        if errors and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def record(self) -> Iterator[str]:
        """Show differences and record them; yield errors."""
        for path, use in self.uses.items():
            if path in self.conflicts:
                yield from _conflict(use, self.conflicts[path])
            elif use.content is not None:
                self.print_section(f"recording {shown(path)}", use.lines)
                try:
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    write_file(path, [use.content])
                except OSError as error:
                    yield f"{shown(path)}: {error.strerror}"
                except GraphError as error:
                    yield str(error)

    def is_complete(self, session: pytest.Session) -> bool:
        """Whether all tests ran and passed, so that each golden file should have been used."""
        is_whole = is_plain(self.config) and not self.is_partial and not session.shouldstop
        is_narrowed = any(self.config.getoption(name, default=None) for name in NARROWING)
        return is_whole and not is_narrowed and session.exitstatus == pytest.ExitCode.OK

    def missing(self) -> Iterator[str]:
        """Yield the configured folders that don't exist, not even after recording."""
        for path in configured(self.config, GOLDENS):
            if not path.is_dir():
                name = shown(str(path))
                yield f"{GOLDENS}: there is no folder {name}; --mgraph-accept creates it"

    def unused(self) -> Iterator[str]:
        """Yield the golden files that no test has used."""
        used = {os.path.realpath(path) for path in self.uses}
        folders = [path for path in configured(self.config, GOLDENS) if path.is_dir()]
        try:
            files = [path for path, _ in graph_files(folders)]
        except GraphError as error:
            yield str(error)
            return
        unused = [path for path in files if os.path.realpath(path) not in used]
        lines = [f"{shown(str(path))}: not used by any assert_graph" for path in unused]
        if self.skipped:
            tests = f"{self.skipped} skipped test{'s' if self.skipped > 1 else ''}"
            self.print_section(f"unused golden files, which {tests} may use", lines)
        else:
            yield from lines

    def print_section(self, title: str, lines: Sequence[str], *, red: bool = False) -> None:
        """Print a section, if it has lines and pytest prints a report."""
        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and lines:
            reporter.line("")  # after the dots
            reporter.section(title, red=red)
            for line in lines:
                reporter.line(line, red=red)


def _conflict(one: Use, other: Use) -> Iterator[str]:
    yield f"{shown(one.path)}: not recorded, because two tests need different contents:"
    for use in (one, other):
        yield f"  {use.test}{' (as it is)' if use.content is None else ' (changed)'}"


def _to_data(use: Use) -> dict[str, Any]:
    """Return a use as plain data, which can be sent with a report."""
    content = None if use.content is None else b64encode(use.content).decode()
    return {"path": use.path, "test": use.test, "lines": [*use.lines], "content": content}


def _from_data(sent: dict[str, Any]) -> Use:
    content = None if sent["content"] is None else b64decode(sent["content"])
    return Use(sent["path"], sent["test"], sent["lines"], content)
