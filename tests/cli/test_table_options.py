"""Options of commands about tables: they offer what the library has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mgraph
from mgraph.cli.table_options import FORMATS, MATH, print_column_notes
from mgraph.cli.train import OPTIMIZERS
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
