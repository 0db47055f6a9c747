"""Options of commands about tables: they offer what the library has."""

from __future__ import annotations

from mgraph.cli.table_options import FORMATS, MATH
from mgraph.cli.train import OPTIMIZERS
from mgraph.engine.tape.libraries import AUTO, NAMES
from mgraph.rows.files import RowFormat
from mgraph.training.optimizers import Method


def test_choices_are_those_of_the_library() -> None:
    """Commands state them again, so that `--help` imports neither pyarrow nor the compiler."""
    assert (*NAMES, AUTO) == MATH
    assert {*FORMATS, RowFormat.ARROW_STREAM} == {*RowFormat}
    assert {*OPTIMIZERS} == {*Method}
