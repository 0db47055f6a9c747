"""What `mgraph train` refuses: options, graphs and rows that are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.command_line import codes, is_usage_error
from tests.training.folder import CSV, OPTIONS, START

if TYPE_CHECKING:
    from tests.command_line import Shell


REFUSED: tuple[tuple[tuple[str, ...], str], ...] = (
    (("--lr", "0"), "positive number"),
    (("--lr", "nan"), "positive number"),
    (("--clip", "inf"), "positive number"),
    (("--momentum", "1"), "from 0 to 1"),
    (("--weight-decay", "-1"), "0 or a positive"),
    (("--batch-size", "half"), "or full"),
    (("--batch-size", "0"), "or full"),
    (("--epochs", "0"), "--epochs"),
    (("--validation", "1.5"), "a share of the rows"),
    (("--patience", "3"), "use it with --validation"),
    (("--optimizer", "adam", "--momentum", "0.9"), "--momentum goes with sgd"),
    (("--optimizer", "lion"), "--optimizer"),
    (("--column", "x"), "LEAF=COL"),
    (("--bad-rows", "null"), "--bad-rows"),
    (("-o", "-"), "the output is a folder"),
    (("--column", "x=y", "--column", "x=x"), "--column is given twice for x"),
    (("--validation", "0.1", "--validation", "0.2"), "given twice"),
)


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_options_that_cannot_be_used(shell: Shell, options: tuple[str, ...], message: str) -> None:
    """Exit status 2, before anything is read or written."""
    assert is_usage_error(shell(*START, *options), message)
    assert not shell.path("run").exists()


def test_a_missing_option_is_answered_with_an_example(shell: Shell) -> None:
    """It is one of `train`, although the help begins with one of `new`."""
    assert is_usage_error(shell("train", "line.json", "rows.csv"), "For example: mgraph train ")


def test_streams_that_cannot_be_used(shell: Shell) -> None:
    """Standard input can be the graph or the rows."""
    assert is_usage_error(shell("train", "-", "-", "-o", "run"), "only one of")
    assert is_usage_error(shell("train", "line.json", "-", "rows.csv", "-o", "run"), "other rows")


FAULTS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("--loss", "los"), "output", 'line.json: error[output]: the loss "los"'),
    (("--train", "v*"), "run-node", 'line.json: error[run-node]: no param matches "v*"'),
    (("--column", "x=z"), "column", 'rows.csv: error[column]: the table has no column "z"'),
    (("--target", "kin"), "column", 'did you mean "kind"?'),
    (("--target", "y"), "column", 'the column "y" has 5 classes'),
    (("--validation", "none.csv"), "io", "none.csv"),
    (("--column", "x=kind"), "number", '"kind" is "a" in row 0'),
    (("--accuracy",), "output", "no node is named score"),
)


@pytest.mark.parametrize(("options", "code", "message"), FAULTS)
def test_what_does_not_fit_is_refused(
    shell: Shell, options: tuple[str, ...], code: str, message: str
) -> None:
    """Exit status 1, with a diagnostic that names a file; no folder is made."""
    said = shell(*START, *options)
    assert (said.status, codes(said)) == (1, [code])
    assert message in said.err
    assert ("--bad-rows" in said.err) == (code == "number")
    assert "error[" in said.err.split(": ")[1]
    assert not shell.path("run").exists()


def test_a_target_with_two_columns_is_refused(shell: Shell) -> None:
    """That of --target and that of --column; no folder is made."""
    shell("new", "--mlp", "1,1", "--loss", "mse", "-o", "net.json")
    shell.write("rows.csv", "x1,kind\n1,a\n2,b\n")
    said = shell("train", "net.json", "rows.csv", "-o", "run", "--target", "kind", "--column",
                 "y=x1")  # fmt: skip
    assert codes(said) == ["column"]
    assert '"y" has two columns' in said.err
    assert not shell.path("run").exists()


def test_a_trained_param_with_the_name_of_a_column(shell: Shell) -> None:
    """It is refused, unless the param is said to have none; then the column may hold anything."""
    shell.write("b.csv", "x,y,b\n3,5,low\n3,7,high\n0,0,low\n-1,1,low\n0.7,0.1,low\n")
    said = shell("train", "line.json", "b.csv", "-o", "run", *OPTIONS)
    assert codes(said) == ["column"]
    assert "--column b= (columns= in Python)" in said.err
    said = shell("train", "line.json", "b.csv", "-o", "run", *OPTIONS, "--column", "b=")
    assert (said.status, said.err) == (0, "")
    assert "scores.csv --column b= --grad none" in said.out
    shell("train", "line.json", "rows.csv", "-o", "other", *OPTIONS)
    assert shell.path("run/log.jsonl").read_bytes() == shell.path("other/log.jsonl").read_bytes()


def test_accuracy_needs_classes(shell: Shell) -> None:
    """A regression has none: refused, with the row that shows it."""
    shell("new", "--mlp", "1,1", "--loss", "mse", "-o", "net.json")
    said = shell("train", "net.json", "rows.csv", "-o", "run", "--accuracy", "--column", "x1=x",
                 "--column", "y=x")  # fmt: skip
    assert (said.status, codes(said)) == (1, ["column"])
    assert "y = 3 in row 0 of rows.csv" in said.err
    shell("new", "--mlp", "1,2", "--loss", "mse", "-o", "net.json")
    shell.write("ys.csv", "x1,y1,y2\n1,1,-1\n2,0,0\n")
    said = shell("train", "net.json", "ys.csv", "-o", "run", "--accuracy")
    assert "y1 = 0, y2 = 0 in row 1 of ys.csv" in said.err
    shell.write("ys.csv", "x1,y1,y2\n1,1,-1\n2,-1,1\n")
    assert shell("train", "net.json", "ys.csv", "-o", "run", "--accuracy").status == 0


def test_rows_in_place_of_the_graph(shell: Shell) -> None:
    """The order is said, and that standard input or a name tells no format is said of rows, too."""
    assert is_usage_error(shell("train", "rows.csv", "line.json", "-o", "run"), "graph comes first")
    shell.write("rows.txt", CSV)
    said = shell("train", "line.json", "rows.txt", "-o", "run")
    assert "give the format with --format\n" in said.err
