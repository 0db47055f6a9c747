"""What pytest collects: a graph file, and each run in it as a test."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mgraph.errors import GraphError, printable, render
from mgraph.golden.rerun import (
    SKIPPED,
    UNTESTED,
    FileOutcome,
    Options,
    RunResult,
    cases_of,
    graph_files,
    is_graph_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class GoldenFile(pytest.File):
    """A graph file. It is read once, when it is collected, and forgotten after its last test."""

    def __init__(self, *, walked: bool, **node: Any) -> None:  # noqa: ANN401 - pytest's
        """Say whether a walk found it, so that it may turn out to be no graph file at all."""
        super().__init__(**node)
        self.walked = walked
        self.cases: dict[int | None, RunResult] = {}

    def collect(self) -> Iterator[GoldenRun]:
        """Yield a test for each run, and one for what is to be said of the file as a whole."""
        for run in self.read():
            test: GoldenRun = GoldenRun.from_parent(self, name=name_of(run), file=self, run=run)
            if run is None and (outcome := test.outcome()).status in (SKIPPED, UNTESTED):
                test.add_marker(pytest.mark.skip(reason=outcome.note))
            yield test

    def read(self) -> dict[int | None, RunResult]:
        """Return what there is to test."""
        if not self.cases:
            path = Path(from_here(self.path))  # at this moment it leads there
            self.cases = {each.run: each for each in cases_of(path, Options(), walked=self.walked)}
        return self.cases

    def teardown(self) -> None:
        """Let the graph go: there may be many, and large ones."""
        self.cases = {}


class GoldenRun(pytest.Item):
    """One run of a graph file, replayed and compared; or the file as a whole."""

    def __init__(self, *, file: GoldenFile, run: int | None, **node: Any) -> None:  # noqa: ANN401
        """Take which run, from 0; None for the file as a whole."""
        super().__init__(**node)
        self.file = file
        self.run = run

    def outcome(self) -> FileOutcome:
        """Test it."""
        return self.file.read()[self.run].test()

    def runtest(self) -> None:
        """Fail with what is wrong, and a command to look closer."""
        outcome = self.outcome()
        if outcome.failed:
            lines = [*outcome.why, f"look closer: {closer(outcome)}"]
            if outcome.diagnostics:
                lines.insert(0, render(outcome.diagnostics))
            pytest.fail("\n".join(lines), pytrace=False)

    def reportinfo(self) -> tuple[str, int, str]:
        """Return file, line, and what failures are headed with."""
        what = "" if self.run is None else f", run {self.run}"
        return printable(str(self.path)), 0, f"{printable(from_here(self.path))}{what}"


def name_of(run: int | None) -> str:
    """Return what a test is called; pytest finds all runs of a file as `FILE::run`, too."""
    return "file" if run is None else f"run[{run}]"


def from_here(path: Path) -> str:
    """Return a path as somebody in this folder would write it."""
    try:
        return os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)


def closer(outcome: FileOutcome) -> str:
    """Return the command that shows more of what is wrong."""
    file = printable(shlex.quote(outcome.file))
    if outcome.first is None:
        return f"mgraph check {file}"
    return f"mgraph explain {file} {outcome.first.node} --run {outcome.run}"


def has_graph_files(path: Path) -> bool:
    """Whether there are graph files, by their names.

    Raises:
        UsageError: A folder can't be read.
    """
    try:
        return any(graph_files([path]))
    except GraphError as error:
        raise pytest.UsageError(str(error)) from None


def collected(parent: pytest.Collector, path: Path, *, walked: bool) -> GoldenFile | None:
    """Return a graph file to collect; None if a walk passes over files of such a name."""
    if walked and not is_graph_file(path.name):
        return None
    name = node_id = None
    if not str(path).isprintable():  # neither reports nor terminals are to meet such a name
        name = printable(path.name)
        node_id = printable(Path(os.path.relpath(path, parent.config.rootpath)).as_posix())
    file: GoldenFile = GoldenFile.from_parent(
        parent, path=path, name=name, nodeid=node_id, walked=walked
    )
    return file
