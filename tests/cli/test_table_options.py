"""Options of commands about tables: they offer what the library has."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import mgraph
from mgraph.cli.table_options import FORMATS, MATH, print_column_notes, resume_command
from mgraph.cli.train import OPTIMIZERS, _replay_command
from mgraph.engine.tape.libraries import AUTO, NAMES
from mgraph.rows.files import RowFormat
from mgraph.training.optimizers import Method

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


class Counted(dict[str, Any]):
    """A dict that counts how often all its keys are gone through."""

    walks = 0

    def __iter__(self) -> Iterator[str]:
        """Count, and return the keys."""
        self.walks += 1
        return super().__iter__()


def test_choices_are_those_of_the_library() -> None:
    """Commands state them again, so that `--help` imports neither pyarrow nor the compiler."""
    assert (*NAMES, AUTO) == MATH
    assert {*FORMATS, RowFormat.ARROW_STREAM} == {*RowFormat}
    assert {*OPTIMIZERS} == {*Method}


def test_notes_look_at_the_columns_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The work for a graph of many inputs grows with their number, not with its square."""
    walks = []
    for count in (3, 30):
        inputs = [mgraph.Value(1.0, name=f"x{i}") for i in range(count)]
        total = mgraph.sum(inputs)
        columns, given = Counted(x0="x0"), Counted(x1="other")
        print_column_notes(mgraph.Graph.of(total), columns, given)
        walks.append((columns.walks, given.walks))
    assert walks[0] == walks[1]
    first = capsys.readouterr().err.splitlines()[0]
    assert first == "note: no column for the input x2: declared values are used"


def test_commands_say_that_they_lack_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was typed with a user and password can't be used again without them."""
    note = " (with the user and password in the URL)"
    for typed, shown in (("s3://K:S/x@b/x.csv", f"s3://b/x.csv -o o/ --resume{note}"),
                         ("a@b.csv", "a@b.csv -o o/ --resume")):  # fmt: skip
        monkeypatch.setattr(sys, "argv", ["mgraph", "replay", "g.json", typed, "-o", "o/"])
        assert resume_command() == f"mgraph replay g.json {shown}"
    shown = _replay_command(["s3://K:S@b/x.csv"], "run", ["--bad-rows", "skip"])
    assert shown == (
        f"mgraph replay {os.path.join('run', 'model.json')} s3://b/x.csv -o scores.csv "
        f"--bad-rows skip --grad none{note}"
    )
