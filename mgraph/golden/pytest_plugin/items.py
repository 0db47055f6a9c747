"""What pytest collects: graph files, and each of their runs as a test."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mgraph.errors import GraphError, printable, render
from mgraph.golden.rerun import (
    FileOutcome,
    Options,
    RunTest,
    Status,
    graph_files,
    is_graph_file,
    read_tests,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class GoldenFile(pytest.File):
    """A graph file. It is read when collected, and dropped from memory after its last test."""

    def __init__(self, *, walked: bool, **node: Any) -> None:  # noqa: ANN401 - pytest's
        """Keep whether it was found in a folder, so that it may not be a graph file."""
        super().__init__(**node)
        self.walked = walked
        self.tests: dict[int | None, RunTest] = {}

    def collect(self) -> Iterator[GoldenRun]:
        """Yield a test for each run, or one for the file as a whole."""
        for run in self.read():
            test: GoldenRun = GoldenRun.from_parent(self, name=name_of(run), file=self, run=run)
            if run is None and (outcome := test.outcome()).status in (
                Status.SKIPPED,
                Status.UNTESTED,
            ):
                test.add_marker(pytest.mark.skip(reason=outcome.note))
            yield test

    def read(self) -> dict[int | None, RunTest]:
        """Return the tests, by run."""
        if not self.tests:
            path = Path(from_here(self.path))  # tests may change the current folder
            tests = read_tests(path, Options(), walked=self.walked)
            self.tests = {test.run: test for test in tests}
        return self.tests

    def teardown(self) -> None:
        """Drop the graph: there may be many large ones."""
        self.tests = {}


class GoldenRun(pytest.Item):
    """The test of one run of a graph file, or of the file as a whole."""

    def __init__(self, *, file: GoldenFile, run: int | None, **node: Any) -> None:  # noqa: ANN401
        """Keep which run, from 0; None for the file as a whole."""
        super().__init__(**node)
        self.file = file
        self.run = run

    def outcome(self) -> FileOutcome:
        """Run the test."""
        return self.file.read()[self.run].test()

    def runtest(self) -> None:
        """Fail with the reason, and a command that shows more."""
        outcome = self.outcome()
        if outcome.failed:
            rest = f"; mgraph test {printable(shlex.quote(outcome.file))} --json lists all"
            lines = [*outcome.why(rest=rest), f"look closer: {closer(outcome)}"]
            if outcome.diagnostics:
                lines.insert(0, render(outcome.diagnostics))
            pytest.fail("\n".join(lines), pytrace=False)
        elif outcome.run is not None and not outcome.compared:
            self.warn(pytest.PytestWarning(f"{self.nodeid}: {outcome.note}"))

    def reportinfo(self) -> tuple[str, int, str]:
        """Return file, line, and the heading of a failure."""
        what = "" if self.run is None else f", run {self.run}"
        return printable(str(self.path)), 0, f"{printable(from_here(self.path))}{what}"


def name_of(run: int | None) -> str:
    """Return the name of a test; in pytest, `FILE::run` also selects all runs of a file."""
    return "file" if run is None else f"run[{run}]"


def from_here(path: Path) -> str:
    """Return a path relative to the current folder."""
    try:
        return os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)


def closer(outcome: FileOutcome) -> str:
    """Return the command that shows more about a failure."""
    file = printable(shlex.quote(outcome.file))
    if outcome.first is None:
        return f"mgraph check {file}"
    return f"mgraph explain {file} {outcome.first.node} --run {outcome.run}"


def has_graph_files(path: Path) -> bool:
    """Whether a path has graph files, by their names.

    Raises:
        UsageError: A folder can't be read.
    """
    try:
        return any(graph_files([path]))
    except GraphError as error:
        raise pytest.UsageError(str(error)) from None


def collected(parent: pytest.Collector, path: Path, *, walked: bool) -> GoldenFile | None:
    """Return a graph file to collect; None if it was found in a folder, and not one by its name."""
    if walked and not is_graph_file(path.name):
        return None
    name = node_id = None
    if not str(path).isprintable():  # keep such a name out of reports and terminals
        name = printable(path.name)
        node_id = printable(Path(os.path.relpath(path, parent.config.rootpath)).as_posix())
    file: GoldenFile = GoldenFile.from_parent(
        parent, path=path, name=name, nodeid=node_id, walked=walked
    )
    return file
