"""Fixtures of the tests of grading."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.command_line import Shell
from tests.grade.test_hostile import GRAPH, LINUX, MARK

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Return a shell in a folder with one graph, and see that no process is left of it."""
    monkeypatch.setenv(MARK, str(tmp_path))
    here = Shell(tmp_path, monkeypatch)
    here.write("graph.json", GRAPH)
    here.write("once.json", GRAPH | {"runs": GRAPH["runs"][:1]})
    yield here
    assert [*left_behind(str(tmp_path))] == []


def left_behind(mark: str) -> Iterator[str]:
    """Yield what still runs of the processes that a test has started."""
    for process in Path("/proc").glob("[0-9]*") if LINUX else ():
        try:
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                yield (process / "cmdline").read_text()
        except OSError:
            continue


@pytest.fixture(autouse=True)
def given_graphs_only(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the golden set as evidence, for the sake of time, where it is not the subject."""
    if not request.module.__name__.endswith("test_few_graphs"):
        monkeypatch.setattr("mgraph.cli.grade._others", lambda *_: [])
