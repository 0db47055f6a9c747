"""`mgraph replay`: every format in and out, streams, options, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from pyarrow import ipc
from pyarrow import parquet as pq

from mgraph import GraphError, load
from mgraph.cli.replay import RowsProgress
from mgraph.rows.driver import replay
from tests.command_line import SCRIPT, codes, environment, is_usage_error
from tests.rows.lines import GRADIENTS, LOSS, line, rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Shell

RESULTS = {"loss": LOSS, **{f"grad:{leaf}": GRADIENTS[leaf] for leaf in ("x", "y", "b", "w")}}
"""The columns of results, in evaluation order, by hand."""

SUMS = {name: sum(column) for name, column in RESULTS.items()}

CSV = """\
x,day,y
3,Mo,5
3,Tu,7
0,We,0
-1,Th,1
"""


@pytest.fixture
def shell(mgraph: Shell) -> Shell:
    """Return a folder with the graph of a squared error, and its four rows in each format."""
    line().to_file("line.json")
    table = pa.Table.from_batches([rows()])
    mgraph.write("rows.csv", CSV)
    lines = (json.dumps(row) for row in table.to_pylist())
    mgraph.write("rows.jsonl", "\n".join(lines))
    pq.write_table(table, "rows.parquet", row_group_size=3)
    with ipc.new_file("rows.arrow", table.schema) as file:
        file.write_table(table, max_chunksize=3)
    with ipc.new_stream("rows.arrows", table.schema) as stream:
        stream.write_table(table, max_chunksize=3)
    return mgraph


FORMATS = ("csv", "jsonl", "parquet", "arrow", "arrows")


def read_back(path: Path) -> dict[str, list[Any]]:
    """Return the columns of a file, with texts of CSV as numbers where they are numbers."""
    data = path.read_bytes()
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pydict()  # type: ignore[no-any-return]
    if path.suffix in (".arrow", ".arrows"):
        reader = ipc.open_file(data) if path.suffix == ".arrow" else ipc.open_stream(data)
        return reader.read_all().to_pydict()  # type: ignore[no-any-return]
    if path.suffix == ".jsonl":
        listed = [json.loads(text) for text in data.splitlines()]
    else:
        listed = [*csv.DictReader(io.StringIO(data.decode()))]
    return {name: [_plain(row[name]) for row in listed] for name in listed[0]}


def _plain(cell: Any) -> Any:  # noqa: ANN401 - a cell of a table
    try:
        return float(cell)
    except (TypeError, ValueError):
        return cell or None


# --- formats ---


def test_csv_by_hand(shell: Shell) -> None:
    """Columns that the graph doesn't read stay as they are written; results follow."""
    said = shell("replay", "line.json", "rows.csv", "-o", "out.csv")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("wrote out.csv: 4 rows\n")
    assert shell.path("out.csv").read_text() == (
        "x,day,y,loss,grad:x,grad:y,grad:b,grad:w\n"
        "3,Mo,5,4,8,-4,4,12\n"
        "3,Tu,7,0,0,0,0,0\n"
        "0,We,0,1,4,-2,2,0\n"
        "-1,Th,1,4,-8,4,-4,4\n"
    )


def test_every_format_into_every_other(shell: Shell) -> None:
    """The same columns and numbers, in the same order."""
    want = {**rows().to_pydict(), **RESULTS}
    for source in FORMATS:
        for target in FORMATS:
            name = f"{source}.{target}"
            said = shell("replay", "line.json", f"rows.{source}", "-o", name)
            assert (said.status, said.err) == (0, ""), name
            columns = read_back(shell.path(name))
            assert [*columns] == [*want], name
            assert columns == want, name


def test_streams_of_every_format(shell: Shell) -> None:
    """What goes through standard input and output is what goes through files."""
    for kind in ("csv", "jsonl", "arrows"):
        shell("replay", "line.json", f"rows.{kind}", "-o", f"file.{kind}")
        data = shell.path(f"rows.{kind}").read_bytes()
        said = shell("replay", "line.json", "-", "-o", "-", stdin=data)
        assert said.status == 0, kind
        assert said.raw == shell.path(f"file.{kind}").read_bytes(), kind
        assert said.err.startswith("wrote standard output: 4 rows\n"), kind
    told = shell("replay", "line.json", "rows.parquet", "-o", "-", "--format", "jsonl")
    assert told.raw == shell.path("file.jsonl").read_bytes()
    assert shell("replay", "line.json", "rows.parquet", "-o", "-").out.startswith("x,day,y,loss")


def test_rows_are_written_as_they_arrive(shell: Shell) -> None:
    """Results of the first rows come out before the input has ended."""
    command = [SCRIPT, "replay", "line.json", "-", "-o", "-", "--keep", "none", "--grad", "none"]
    with subprocess.Popen(
        command, cwd=shell.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment(),
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"x,y\n3,5\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"loss\n"
        assert process.stdout.readline() == b"4\n"
        process.stdin.write(b"0,0\n")
        process.stdin.close()
        assert process.stdout.read() == b"1\n"
        assert process.wait() == 0


def test_numbers_that_text_needs_words_for(shell: Shell) -> None:
    """NaN and infinities keep their spelling in CSV, and are texts in JSON, as in graph files."""
    shell.write("odd.csv", "x,y\nnan,1\n-inf,0\n1e400,0\n")
    said = shell("replay", "line.json", "odd.csv", "-o", "odd.jsonl", "--bad-rows", "null")
    assert "1 bad row with null results" in said.out
    columns = read_back(shell.path("odd.jsonl"))
    assert [str(x) for x in columns["loss"]] == ["nan", "inf", "None"]
    options = ("--keep", "none", "--grad", "none", "--format", "csv", "--bad-rows", "skip")
    again = shell("replay", "line.json", "odd.jsonl", "-o", "-", *options)
    assert again.out == "loss\nnan\ninf\n"
    shell("replay", "line.json", "odd.csv", "-o", "odd2.csv", "--bad-rows", "skip")
    assert [str(x) for x in read_back(shell.path("odd2.csv"))["loss"]] == ["nan", "inf"]
    assert "loss    nan                2, the first in row 0 of odd.csv" in said.out


def test_folders_globs_and_several_files(shell: Shell) -> None:
    """Files of a folder or glob come in byte order; hidden ones and those of Spark are left out."""
    (shell.folder / "in" / "deep").mkdir(parents=True)
    for name, x in (("b.csv", 1), ("B.csv", 2), ("a-2.csv", 3), ("deep/c.csv", 4), (".d.csv", 5),
                    ("_e.csv", 6)):  # fmt: skip
        shell.write(f"in/{name}", f"x,y\n{x},0\n")
    want = {"in": [2, 3, 1, 4], "in/*.csv": [2, 3, 1], "in/**/c.csv": [4], "in/[!B].csv": [1]}
    for name, numbers in want.items():
        result = replay("line.json", name, keep=["x"], grad=None)
        assert result.target["x"].to_pylist() == numbers, name
    both = replay("line.json", ["in/b.csv", "in/B.csv"], keep=["x"], grad=None)
    assert both.target["x"].to_pylist() == [1.0, 2.0]
    url = replay("line.json", (shell.folder / "in" / "b.csv").as_uri(), keep=["x"], grad=None)
    assert url.target["x"].to_pylist() == [1.0]


# --- options ---


def test_options_choose_columns(shell: Shell) -> None:
    """`--keep`, `--wrt`, `--column`, `--seed` and `--grad`, by hand."""

    def header(*options: str) -> str:
        return shell("replay", "line.json", "rows.csv", "-o", "-", *options).out.splitlines()[0]

    assert header("--keep", "none", "--grad", "none") == "loss"
    assert header("--keep", "day,y", "--wrt", "w", "--wrt", "x") == "day,y,loss,grad:w,grad:x"
    assert header("--grad", "sum") == "x,day,y,loss"
    swapped = ("--column", "x=y", "--column", "y=x", "--keep", "none", "--wrt", "b")
    said = shell("replay", "line.json", "rows.csv", "-o", "-", *swapped, "--seed", "loss=0.5")
    # errors with x and y swapped: 2·5+1-3 = 8, 2·7+1-3 = 12, 1, 2·1+1+1 = 4
    assert said.out == "loss,grad:b\n64,8\n144,12\n1,1\n16,4\n"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_sums(shell: Shell, kind: str) -> None:
    """Sums of outputs always, of gradients with `--grad sum`; as doubles and exactly."""
    said = shell("replay", "line.json", f"rows.{kind}", "-o", "out.csv", "--grad", "sum", "--json")
    document = said.json
    assert {name: x["value"] for name, x in document["sums"].items()} == SUMS
    # 9 units of 2^0, counted in 2^-1074; the first byte holds the flags
    exact = document["sums"]["loss"]["exact"]
    assert int.from_bytes(bytes.fromhex(exact)[1:], "big", signed=True) == 9 << 1074
    assert (document["rows"], document["skipped"], document["wrote"]) == (4, 0, "out.csv")
    rows_only = shell("replay", "line.json", f"rows.{kind}", "-o", "rows.out.csv", "--json").json
    assert [*rows_only["sums"]] == ["loss"]


def test_bad_rows(shell: Shell) -> None:
    """A missing or wrong value fails with file and row, or is left out, or gives nulls."""
    table = pa.Table.from_batches([rows()])
    x = pa.array([3.0, None, 0.0, -1.0])
    pq.write_table(table.set_column(0, "x", x), "bad.parquet")
    shell.write("bad.csv", CSV.replace("3,Tu", "three,Tu"))
    shell.write("empty.csv", CSV.replace("3,Tu", ",Tu"))
    row = {"x": "3", "day": "Tu", "y": 7}
    good = [json.dumps(each) for each in table.to_pylist()]
    shell.write("bad.jsonl", "\n".join([good[0], json.dumps(row), *good[2:]]))
    for name in ("bad.parquet", "bad.csv", "empty.csv", "bad.jsonl"):
        said = shell("replay", "line.json", name, "-o", "fail.csv")
        assert (said.status, codes(said)) == (1, ["number"]), name
        assert f'{name}: error[number]: "x" is ' in said.err, name
        assert " in row 1" in said.err, name
        for bad, losses in (("skip", [4.0, 1.0, 4.0]), ("null", [4.0, None, 1.0, 4.0])):
            result = replay("line.json", name, bad_rows=bad, grad="sum")  # type: ignore[arg-type]
            assert result.target["loss"].to_pylist() == losses, name
            assert result.sums["loss"].value == 9.0, name
            assert result.sums["grad:w"].value == 16.0, name  # 12 + 0 + 4
            assert result.sums["grad:b"].value == 2.0, name  # 4 + 2 - 4
            assert (result.skipped, result.nulls) == ((1, 0) if bad == "skip" else (0, 1)), name
    assert not shell.path("fail.csv").exists()


MESSY = "x,y,n\n1,2,a\nNA,?,b\n3,4,c\n9007199254740993,1,d\n5,,e\n"
"""Rows 1, 3 and 4 are bad; in the first of them, both values are."""

NO_NUMBER = "missing, not a number, or too large"


def test_all_bad_columns_of_text_are_reported(shell: Shell) -> None:
    """Each with its first value, its line, and how many there are, as for Parquet."""
    shell.write("messy.csv", MESSY)
    said = shell("replay", "line.json", "messy.csv", "-o", "-")
    assert codes(said) == ["number", "number"]
    for words in (
        '"x" is "NA" in row 1, counted from 0 (line 3), the first of 2 such rows\n',
        '"y" is "?" in row 1, counted from 0 (line 3), the first of 2 such rows\n',
    ):
        assert words in said.err
    shell.write("messy.jsonl", '{"x": 1, "y": 2}\n{"x": "a", "y": 2}\n{"x": "b", "y": true}\n')
    said = shell("replay", "line.json", "messy.jsonl", "-o", "-")
    assert '"x" is "a" in row 1, counted from 0 (line 2), the first of 2 such rows\n' in said.err
    assert '"y" is true in row 2, counted from 0 (line 3)\n' in said.err


def test_bad_rows_are_named(shell: Shell) -> None:
    """The first few, with the first column that is bad and why; the same for parts and JSON."""
    shell.write("messy.csv", MESSY)
    x = pa.array([1, None, 3, 2**53 + 1, 5])
    pq.write_table(pa.table({"x": x, "y": [2.0, 2.0, 4.0, 1.0, None]}), "messy.parquet")
    for name, reason in (
        ("messy.csv", NO_NUMBER), ("messy.parquet", "an integer beyond 2^53"),
    ):  # fmt: skip
        places = [(1, "x", NO_NUMBER), (3, "x", reason)]
        places.append((4, "y", NO_NUMBER))
        want = [dict(zip(("file", "row", "column", "reason"), (name, *place), strict=True))
                for place in places]  # fmt: skip
        for bad in ("skip", "null"):
            options = ("line.json", name, "--bad-rows", bad, "--json", "-o")
            assert shell("replay", *options, f"{bad}-{name}").json["bad"] == want
            folder = f"{bad}-{name}-parts/"
            parts = (*options, folder, "--part-rows", "2")
            assert shell("replay", *parts).json["bad"] == want
    said = shell("replay", "line.json", "messy.csv", "--bad-rows", "skip", "-o", "out.csv")
    assert "wrote out.csv: 2 rows, 3 bad rows left out\n" in said.out
    assert said.err.startswith(
        f'note: bad rows, counted from 0: row 1 of messy.csv ("x" is {NO_NUMBER}), row 3 of'
    )
    shell.write("many.csv", "x,y\n1,1\n" + "?,1\n" * 9)
    said = shell("replay", "line.json", "many.csv", "--bad-rows", "skip", "-o", "many.out.csv")
    assert said.err.endswith(
        'row 5 of many.csv ("x" is missing, not a number, or too large), and 4 more\n'
    )


def test_where_numbers_are_not_finite(shell: Shell) -> None:
    """The first such value of each column is found in its file, whatever was left out before."""
    shell.write("a.csv", "x,y\n1,1\nbad,1\n")
    shell.write("b.csv", "x,y\nbad,1\n1,1\ninf,1\n1,nan\n")
    shell.write("c.csv", "x,y\nnan,1\n")
    options = ("--bad-rows", "skip", "--wrt", "b", "--json")
    said = shell("replay", "line.json", "a.csv", "b.csv", "c.csv", "-o", "out.csv", *options)
    place = {"values": 3, "file": "b.csv", "row": 2}
    assert said.json["non_finite"] == {"loss": place, "grad:b": place}


def test_an_input_without_a_column_is_noted(shell: Shell) -> None:
    """A misspelt column doesn't go unnoticed: the input has a declared value."""
    shell.write("typo.csv", "X,y\n3,5\n")
    said = shell("replay", "line.json", "typo.csv", "-o", "out.csv")
    assert said.err == "note: no column for the input x: declared values are used\n"


def test_a_name_in_blanks_is_noted(shell: Shell) -> None:
    """A blank after the comma of a header makes another name, which the note shows."""
    shell.write("blank.csv", "y, x\n3,5\n")
    command = ("replay", "line.json", "blank.csv", "-o", "-")
    said = shell(*command)
    assert "note: no column for the input x: declared values are used\n" in said.err
    option = "--column 'x= x'"
    assert f'is the column " x" meant for x? Then leave out the blanks, or use {option}' in said.err
    assert "note: " not in shell(*command, "--column", "x= x").err


def test_a_param_that_reads_a_column_is_noted(shell: Shell) -> None:
    """A trained value that a column replaces doesn't go unnoticed; `LEAF=` keeps it."""
    shell.write("b.csv", "x,y,b\n3,5,2\n")  # loss = (2x + b - y)²
    options = ("b.csv", "-o", "-", "--grad", "none")
    said = shell("replay", "line.json", *options)
    assert said.out == "x,y,b,loss\n3,5,2,9\n"
    note = "note: the param b takes its values from the column of its name; --column b= keeps"
    assert said.err.startswith(note)
    said = shell("replay", "line.json", *options, "--column", "b=")
    assert said.out == "x,y,b,loss\n3,5,2,4\n"
    assert "note" not in said.err
    assert "note" not in shell("replay", "line.json", *options, "--column", "b=b").err
    shell.write("b.csv", "x,y,b,w\n3,5,low,2\n")
    said = shell("replay", "line.json", *options, "--column", "b=")
    assert said.out == "x,y,b,w,loss\n3,5,low,2,4\n"
    assert codes(said := shell("replay", "line.json", *options)) == ["number"]
    assert "the param b takes its values from this column: --column b=" in said.err
    pq.write_table(pa.table({"x": [3.0], "y": [5.0], "b": ["low"]}), "b.parquet")
    assert codes(said := shell("replay", "line.json", "b.parquet", *options[1:])) == ["column"]
    assert "the param b takes its values from this column: --column b=" in said.err


def test_an_input_keeps_its_declared_value_if_asked_to(shell: Shell) -> None:
    """That of x is 3; an input without one still needs a column."""
    result = replay("line.json", "rows.csv", grad=None, columns={"x": ""})
    assert result.target["loss"].to_pylist() == [(7.0 - y) ** 2 for y in (5.0, 7.0, 0.0, 1.0)]
    assert shell("replay", "line.json", "rows.csv", "-o", "x.csv", "--column", "x=").err == ""
    shell("new", "o = 2*x", "-o", "open.json")
    said = shell("replay", "open.json", "rows.csv", "-o", "open.csv", "--column", "x=")
    assert codes(said) == ["unbound-input"]


def test_no_row_is_left(shell: Shell) -> None:
    """If all rows are bad, sums are those of no rows."""
    shell.write("bad.csv", "x,y\n?,1\n?,2\n")
    for grad in ("rows", "sum"):
        for bad, count in (("skip", 0), ("null", 2)):
            result = replay("line.json", "bad.csv", grad=grad, bad_rows=bad)  # type: ignore[arg-type]
            assert (result.rows, result.target.num_rows) == (count, count)
            assert {total.value for total in result.sums.values()} == {0.0}


# --- Python ---


class Foreign:
    """A table of another library: it exports an Arrow stream, and that's all."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export the four rows."""
        table = pa.Table.from_batches([rows()])
        return table.__arrow_c_stream__(requested_schema)


def test_tables_of_python(shell: Shell) -> None:
    """Arrow's tables, batches, readers and datasets, and whatever exports Arrow streams."""
    table = pa.Table.from_batches([rows()])
    sources = {
        "table": table, "batch": rows(), "reader": table.to_reader(), "foreign": Foreign(),
        "dataset": ds.dataset(shell.path("rows.parquet")), "name": "rows.csv",
        "names": ["rows.csv"], "path": shell.path("rows.csv"), "stream": io.BytesIO(CSV.encode()),
    }  # fmt: skip
    for name, source in sources.items():
        result = replay(line(), source, keep="none")
        assert result.target.to_pydict() == RESULTS, name
        assert (result.rows, result.columns) == (4, {"x": "x", "y": "y"}), name
    with pytest.raises(TypeError, match="expected a table of Arrow, pandas or Polars"):
        replay(line(), 5)


def test_threads_change_nothing() -> None:
    """Without parts, workers are threads; the rows stay in order."""
    x = [math.sin(i) for i in range(200_000)]
    table = pa.table({"x": x, "y": x[::-1]})
    one, three = (replay(line(), table, workers=n) for n in (1, 3))
    assert three.target.equals(one.target)
    assert three.sums == one.sums


def test_a_byte_order_mark(shell: Shell) -> None:
    """Text may begin with one, and nowhere else have one."""
    rows = '{"x": 3, "y": 5}\n{"x": 1, "y": 2}\n'
    for name, text in (("a.csv", CSV), ("a.jsonl", rows)):
        results = []
        for mark in ("", "\ufeff"):
            shell.write(name, mark + text)
            results.append(shell("replay", "line.json", name, "-o", "-").raw)
        assert results[0] == results[1] != b"", name
    shell.write("b.jsonl", rows + "\ufeff" + rows)
    said = shell("replay", "line.json", "b.jsonl", "-o", "-")
    assert codes(said) == ["syntax"]
    assert "row 2" in said.err


# --- refusals ---

WRONG: dict[str, tuple[str, bytes, tuple[str, ...], str, str]] = {
    "no column": ("a.csv", b"p,q\n1,2\n", (), "column", "no column of the table has the name"),
    "unknown column": ("a.csv", CSV.encode(), ("--column", "x=X"), "column", 'no column "X"'),
    "unknown kept": ("a.csv", CSV.encode(), ("--keep", "dya"), "column", 'did you mean "day"'),
    "text": ("a.csv", b"x,y\n1,2\n3,abc\n", (), "number", '"y" is "abc" in row 1'),
    "true": ("a.jsonl", b'{"x":1,"y":true}\n', (), "number", '"y" is true in row 0'),
    "ragged": ("a.csv", b"x,y\n1,2\n\n3,4,5\n", (), "syntax", "counted from 0 (line 4), has 3"),
    "too few": ("a.csv", b"x,y\n1\n", (), "syntax", "a missing one is an empty cell, as in 1,,3"),
    "too many": ("a.csv", b"x,y\n1,2,3\n", (), "syntax", "put quotes around fields with commas"),
    "tabs": ("a.tsv", b"x\ty\n1\t2\n", (), "io", "convert tabs to commas, and name it .csv"),
    "empty": ("a.csv", b"", (), "column", "a.csv is empty"),
    "empty lines": ("a.jsonl", b"\n\n", (), "column", "no rows in a.jsonl"),
    "header": ("a.csv", b"x,y\n", (), "column", "no rows in a.csv"),
    "extension": ("a.txt", CSV.encode(), (), "io", "can't tell from its name"),
    "parquet": ("a.parquet", b"PAR1 PAR1", (), "syntax", "can't read a.parquet"),
    "arrow": ("a.arrow", b"ARROW1 ARROW1", (), "syntax", "can't read a.arrow"),
    "twice": ("a.csv", b"x,x\n1,2\n", (), "column", 'two columns named "x"'),
    "nameless": ("a.csv", b"x,\n1,2\n", (), "column", "a column without a name"),
    "index": ("a.csv", b",x\n0,1\n", (), "column", "with index=False"),
    "long header": ("a.csv", b'x,a"b\n1,2\n', (), "syntax", "inside a field in the header\n"),
    "case": ("a.csv", b"X,q\n1,2\n", (), "column", 'if "X" is the column of "x", use --column x=X'),
    "spaces": ("a.csv", b"my x,y\n1,2\n", ("--column", "x=p"), "column", 'one of "my x", y'),
    "bad": ("a.csv", b"x\n?\n", (), "number", "leave them out with --bad-rows skip"),
    "compressed": ("a.csv.gz", b"", (), "io", "zcat rows.csv.gz | mgraph replay GRAPH - -o OUT"),
    "collision": ("a.csv", b"x,y,loss\n1,2,3\n", (), "column", 'a column "loss"'),
    "latin": ("a.csv", b"x,y,n\n1,2,a\n1,2,\xe9\n", (), "encoding", "row 1, counted from 0"),
    "latin json": ("a.jsonl", b'{"x":1}\n{"x":1,"n":"\xe9"}\n', (), "encoding", "row 1"),
    "latin header": ("a.csv", b"x,\xe9\n1,2\n", (), "encoding", "the header"),
    "no object": ("a.jsonl", b'{"x":1}\n[1]\n', (), "syntax", "row 1, counted from 0, is [1]"),
    "no json": ("a.jsonl", b'{"x":1}\n{"x":1\n', (), "syntax", "is not JSON"),
    "two objects": ("a.jsonl", b'{"x":1} {"x":2}\n', (), "syntax", "is not JSON"),
    "same key": ("a.jsonl", b'{"x":1,"x":2}\n', (), "syntax", 'the key "x" twice'),
    "deep": ("a.jsonl", b'{"x":' + b"[" * 10**5, (), "syntax", "is nested too deeply"),
    "surrogate": ("a.jsonl", b'{"x":1,"t":"\\ud800"}\n', (), "column", "that is not Unicode"),
    "line ends": ("a.csv", b"x,y\r1,2\r", (), "syntax", "the lines of a.csv end in CR only"),
    "types": ("a.jsonl", b'{"x":1,"n":1}\n{"x":1,"n":"a"}\n', (), "column", "several types"),
    "node": ("a.csv", CSV.encode(), ("--wrt", "q"), "run-node", '"q" is not a node'),
    "seed": ("a.csv", CSV.encode(), ("--seed", "q=1"), "run-node", '"q" is not a node'),
    "resume": ("a.csv", CSV.encode(), ("--resume",), "io", "only a folder of parts"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said(mgraph: Shell, case: str) -> None:
    """A code, the place and words; status 1; nothing is written."""
    name, content, options, code, words = WRONG[case]
    line().to_file("line.json")
    mgraph.write(name, content)
    said = mgraph("replay", "line.json", name, "-o", "out.csv", *options)
    assert (said.status, codes(said), said.out) == (1, [code], "")
    assert words in said.err
    assert not mgraph.path("out.csv").exists()


def test_a_later_row_of_another_type(mgraph: Shell) -> None:
    """JSON lines: a column has the type of its first thousand rows."""
    line().to_file("line.json")
    mgraph.write("a.jsonl", '{"x":1,"n":1}\n' * 1001 + '{"x":1,"n":"a"}\n')
    said = mgraph("replay", "line.json", "a.jsonl", "-o", "out.csv")
    assert '"n" is "a" in row 1,001, counted from 0' in said.err
    mgraph.write("a.jsonl", '{"x":1}\n' * 1001 + '{"x":1,"n":"a"}\n')
    said = mgraph("replay", "line.json", "a.jsonl", "-o", "out.csv")
    assert 'row 1,001, counted from 0 (line 1,002), has a column "n"' in said.err
    assert mgraph("replay", "line.json", "a.jsonl", "-o", "out.csv", "--keep", "x").status == 0


CHANGED: dict[str, tuple[str, str, str]] = {
    "fraction": ("1", "1.5", "1.5"),
    "float": ("1", "1.0", "1.0"),
    "truth": ("0.5", "true", "true"),
    "nested fraction": ('{"a":1}', '{"a":1.5}', '{"a": 1.5}'),
    "nested list": ("[1]", "[1.5]", "[1.5]"),
    "unknown key": ('{"a":1}', '{"a":1,"b":2}', '{"a": 1, "b": 2}'),
    "large": ("0.5", "9007199254740993", "9007199254740993"),
    "nested large": ("[0.5]", "[9007199254740993]", "[9007199254740993]"),
    "too large": ("0.5", "1e400", "1e400"),
}
"""A value of a column of JSON lines, one that its type would change, and how messages show it."""


@pytest.mark.parametrize("case", CHANGED)
@pytest.mark.parametrize("keep", ["all", "n,x"])
def test_no_kept_value_is_changed(mgraph: Shell, case: str, keep: str) -> None:
    """A later value of another type is refused, in the same file and in the next one."""
    first, other, words = CHANGED[case]
    line().to_file("line.json")
    good = f'{{"x":1,"n":{first}}}\n'
    mgraph.write("a.jsonl", good * 1001 + f'{{"x":1,"n":{other}}}\n')
    mgraph.write("b.jsonl", good)
    mgraph.write("c.jsonl", f'{{"x":1,"n":{other}}}\n')
    for files, row in (("a.jsonl", "1,001"), ("b.jsonl c.jsonl", "0")):
        said = mgraph("replay", "line.json", *files.split(), "-o", "out.jsonl", "--keep", keep)
        assert (said.status, codes(said)) == (1, ["column"])
        assert f'"n" is {words} in row {row}, counted from 0' in said.err
    assert mgraph("replay", "line.json", "a.jsonl", "-o", "out.csv", "--keep", "x").status == 0


@pytest.mark.parametrize("text", ["null", "[1]", "5", " null", '"x"'])
def test_a_later_line_that_is_no_object(mgraph: Shell, text: str) -> None:
    """It is refused in every row, not only in the first thousand."""
    line().to_file("line.json")
    mgraph.write("a.jsonl", '{"x":1}\n' * 1001 + f'{text}\n{{"x":1}}\n')
    said = mgraph("replay", "line.json", "a.jsonl", "-o", "out.csv", "--bad-rows", "skip")
    assert (said.status, codes(said)) == (1, ["syntax"])
    assert "row 1,001, counted from 0 (line 1,002), is " in said.err


def test_integers_among_doubles_and_missing_keys_are_kept(shell: Shell) -> None:
    """They fit the types of the column, whichever reader meets them."""
    rows: list[dict[str, Any]]
    rows = [{"x": 1, "n": 0.5, "o": {"a": 1, "b": [1.5]}}, {"x": 2, "n": 2, "o": {"a": 3}},
            {"x": 3, "o": None}, {"x": 2**52, "n": 2**53, "o": {"b": [2**53, None]}}]  # fmt: skip
    shell.write("a.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    kept = replay("line.json", "a.jsonl", grad=None).target
    assert kept["n"].to_pylist() == [0.5, 2.0, None, 2.0**53]
    empty = {"a": None, "b": None}
    want = [{**empty, **row["o"]} if row["o"] else None for row in rows]
    assert kept["o"].to_pylist() == want


def test_literals_that_json_has_not(shell: Shell) -> None:
    """NaN and Infinity are read as numbers; what is too large for a double is shown as it is."""
    shell.write("a.jsonl", '{"x":NaN,"y":1,"n":1.5}\n{"x":1,"y":-Infinity,"n":NaN}\n')
    kept = replay("line.json", "a.jsonl", grad=None).target
    assert str(kept["x"].to_pylist()) == "[nan, 1.0]"
    assert str(kept["n"].to_pylist()) == "[1.5, nan]"
    shell.write("b.jsonl", '{"x":1}\n{"x":-1e400}\n')
    said = shell("replay", "line.json", "b.jsonl", "-o", "out.csv")
    assert 'error[number]: "x" is -1e400 in row 1, counted from 0' in said.err
    shell.write("c.jsonl", '{"x":1,"n":18446744073709551616}\n')
    said = shell("replay", "line.json", "c.jsonl", "-o", "out.csv")
    assert 'the column "n" of c.jsonl has an integer beyond 64 bits' in said.err


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["x", '"x"'])
def test_a_blank_line_of_one_column(mgraph: Shell, end: str, name: str) -> None:
    """It is an empty cell, in files, parts and streams; with more columns, it is no row."""
    line().to_file("line.json")
    text = end.join(["", name, "3", "", "0", '""', "-1", ""])
    mgraph.write("a.csv", text)
    for source, said in (
        ("a.csv", mgraph("replay", "line.json", "a.csv", "-o", "out.csv")),
        ("standard input", mgraph("replay", "line.json", "-", "-o", "-", stdin=text.encode())),
    ):
        assert (said.status, codes(said)) == (1, ["number"])
        assert f'{source}: error[number]: "x" is empty in row 1, counted from 0' in said.err
    options = ("--bad-rows", "null", "--part-rows", "2", "--format", "jsonl", "--grad", "none")
    assert mgraph("replay", "line.json", "a.csv", "-o", "out/", *options).status == 0
    parts = sorted(mgraph.path("out").iterdir())
    made = [json.loads(text) for part in parts for text in part.read_text().splitlines()]
    assert [row["x"] for row in made] == [3, None, 0, None, -1]
    mgraph.write("b.csv", f"x,y{end}3,5{end}{end}0,0{end}")
    assert replay("line.json", "b.csv").rows == 2


@pytest.mark.parametrize("name", ["rows.arrows", "rows.arrow"])
def test_a_stream_of_arrow_that_was_cut(shell: Shell, name: str) -> None:
    """Without the mark of its end it is refused, as a file and as standard input."""
    whole = shell.path("rows.arrows").read_bytes()
    cut = whole[:-8]
    assert ipc.open_stream(cut).read_all().num_rows == 4  # Arrow doesn't tell
    shell.write(name, cut)
    for source, target in ((name, "out.csv"), (name, "out/"), ("-", "-")):
        said = shell("replay", "line.json", source, "-o", target, stdin=cut)
        assert (said.status, codes(said)) == (1, ["syntax"]), target
        assert "ends too early" in said.err
    shell.write(name, whole)
    assert replay("line.json", name).rows == 4


def test_files_that_differ(mgraph: Shell) -> None:
    """All files have one format, and the columns of the first."""
    line().to_file("line.json")
    mgraph.write("a.csv", "x,y\n1,2\n")
    mgraph.write("b.csv", "x,z\n1,2\n")
    mgraph.write("c.jsonl", '{"x": 1}\n')
    said = mgraph("replay", "line.json", "a.csv", "b.csv", "-o", "out.csv")
    assert codes(said) == ["column"]
    assert 'b.csv has other columns than a.csv: "x", "z"' in said.err
    mgraph.write("d.csv", "y,x\n2,1\n")
    said = mgraph("replay", "line.json", "a.csv", "d.csv", "-o", "out.csv")
    assert 'd.csv has the same columns in another order than a.csv: "y", "x"' in said.err
    said = mgraph("replay", "line.json", "a.csv", "c.jsonl", "-o", "out.csv")
    assert "a.csv is csv, c.jsonl is jsonl" in said.err


def test_several_outputs_need_a_seed_or_no_gradients(shell: Shell) -> None:
    """Whoever only wants values is told how."""
    shell("new", "a = 2*x; b = 3*x", "-o", "two.json")
    said = shell("replay", "two.json", "rows.csv", "-o", "-")
    assert codes(said) == ["seed"]
    assert 'seed one, for example --seed a=1; in Python, seed={"a": 1}; or compute' in said.err
    assert "; or compute no gradients: --grad none (grad=None in Python)\n" in said.err
    assert "--output" not in said.err  # replay has no such option
    assert shell("replay", "two.json", "rows.csv", "-o", "-", "--grad", "none").status == 0


def test_a_compressed_output_is_refused(shell: Shell) -> None:
    """The advice is for an output."""
    said = shell("replay", "line.json", "rows.csv", "-o", "new.csv.gz")
    assert codes(said) == ["io"]
    assert "can't compress new.csv.gz" in said.err
    assert "compress it then, for example with gzip" in said.err


def test_types_of_numbers_that_differ(shell: Shell) -> None:
    """Numbers that are only read may be integers in one file and doubles in another."""
    for name, x in (("a", pa.array([3, 3])), ("b", pa.array([0.0, -1.0])), ("c", pa.array(["1"]))):
        y = pa.array([5.0, 7.0] if name == "a" else [0.0, 1.0])
        pq.write_table(pa.table({"x": x, "y": y[: len(x)]}), f"{name}.parquet")
    command = ("replay", "line.json", "a.parquet", "b.parquet", "-o")
    said = shell(*command, "out.csv")
    assert codes(said) == ["column"]
    assert 'b.parquet has columns of other types than a.parquet: "x" is double' in said.err
    assert 'expected  "x" as int64\n' in said.err
    assert codes(shell(*command, "out.csv", "--keep", "y,x")) == ["column"]
    result = replay("line.json", ["a.parquet", "b.parquet"], keep=["y"])
    assert result.target.to_pydict() == {"y": [5.0, 7.0, 0.0, 1.0], **RESULTS}
    assert shell(*command, "out/", "--keep", "none", "--part-rows", "1").status == 0
    loss = ds.dataset("out").to_table()["loss"].to_pylist()
    assert loss == LOSS
    assert shell("train", "line.json", "a.parquet", "b.parquet", "-o", "run", "--json").json[
        "before"] == {"loss": sum(LOSS) / 4}  # fmt: skip
    said = shell("replay", "line.json", "a.parquet", "c.parquet", "-o", "c.csv", "--keep", "none")
    assert '"x" is string' in said.err


def test_outputs_that_would_do_harm(shell: Shell) -> None:
    """An output that exists, is an input, or lies among the inputs."""
    (shell.folder / "in").mkdir()
    shell.write("in/a.csv", CSV)
    shell.write("there.csv", "precious")
    for source, target, words in (
        ("rows.csv", "there.csv", "there.csv exists"),
        ("rows.csv", "rows.csv", "is among the inputs"),
        ("in", "in/out.csv", "is among the inputs"),
        ("in", "in/out/", "is among the inputs"),
        ("in", "in", "is among the inputs"),
        ("in/*.csv", "in/b.csv", "is among the inputs"),
        ("in/*.csv", "in/", "is among the inputs"),
        ("in/**/*.csv", "in/out/", "is among the inputs"),
        ("file://a.csv", "out.csv", "file:// and an absolute path"),
        ("in/a.csv", "in/", "or holds one"),
        ("rows.csv", "no/such/folder.csv", "No such file or directory"),
        ("nothing.csv", "out.csv", "No such file or directory"),
        ("nothing*.csv", "out.csv", "no files of rows"),
        ("line://a/b.csv", "out.csv", "can't read line://a/b.csv"),
    ):
        said = shell("replay", "line.json", source, "-o", target)
        assert (said.status, codes(said)) == (1, ["io"]), target
        assert words in said.err, target
    assert shell.path("there.csv").read_text() == "precious"
    shell.path("line.json").rename("in/line.jsonl")  # a graph whose name is that of a table
    for target in ("in/line.jsonl", "in/../in/line.jsonl", "in/", "."):
        said = shell("replay", "in/line.jsonl", "rows.csv", "-o", target, "--overwrite")
        assert (said.status, codes(said)) == (1, ["io"]), target
        assert "is among the inputs, or holds one" in said.err, target
        with pytest.raises(GraphError, match="is among the inputs"):
            replay("in/line.jsonl", rows(), target, overwrite=True)
    assert load("in/line.jsonl").hash == line().hash
    overwriting = shell("replay", "in/line.jsonl", "rows.csv", "-o", "rows.csv", "--overwrite")
    assert overwriting.status == 1
    assert shell.path("rows.csv").read_text() == CSV
    again = shell("replay", "in/line.jsonl", "rows.csv", "-o", "there.csv", "--overwrite")
    assert again.status == 0


def test_passwords_in_urls_are_not_shown(shell: Shell) -> None:
    """Neither of rows nor of results, nor those that Arrow repeats; nor do files hold them."""
    for url in ("line://ada:s3cret@a/b.csv", "s3://KEY:s3c/ret@b/c.csv", "s3://KEY:s3cret@b:c/d"):
        for place in ((url, "-o", "out.csv"), ("rows.csv", "-o", url), (url, "-o", url)):
            said = shell("replay", "line.json", *place, "--format", "csv")
            assert (said.status, codes(said)) == (1, ["io"]), url
            assert "s3c" not in said.err + said.out, place
        said = shell("train", "line.json", url, "-o", "run/")
        assert said.status == 1
        assert "s3c" not in said.err + said.out, url


def test_command_lines(shell: Shell) -> None:
    """What can't be combined is refused with status 2."""
    for options, words in (
        (("-", "-", "-o", "-"), "only one of the graph and the rows"),
        (("line.json", "-", "rows.csv", "-o", "-"), "can't be combined with other rows"),
        (("line.json", "-", "-o", "out/", "--resume"), "can't be resumed"),
        (("line.json", "rows.csv", "-o", "-", "--resume"), "can't be resumed"),
        (("line.json", "rows.csv", "-o", "o/", "--resume", "--overwrite"), "can't be combined"),
        (("line.json", "rows.csv", "-o", "-", "--wrt", "w", "--grad", "none"), "--wrt says"),
        (("line.json", "rows.csv", "-o", "-", "--column", "x"), "write LEAF=COL"),
        (("line.json", "rows.csv"), "For example: mgraph replay"),
        (("rows.csv", "line.json", "-o", "-"), "rows.csv is a table: the graph comes first"),
        (("line.json", "rows.csv", "-o", "-", "--column", "x=x,y=y"), "--column x=x --column y=y"),
        (("line.json", "rows.csv", "-o", "-", "--column", "x=x", "--column", "x=y"), "there twice"),
        (("line.json", "rows.csv", "-o", "o.csv", "--part-rows", "5"), "for a folder of parts"),
    ):
        assert is_usage_error(shell("replay", *options), words), options


def test_names_that_are_not_utf8(shell: Shell) -> None:
    """Arrow can't name such files: an error says so, whatever they are for."""
    name = os.fsdecode(b"\xff.csv")
    shell.path("in").mkdir()
    for path in (name, f"in/{name}"):
        shell.path(path).write_bytes(CSV.encode())
    for source, target in (
        (name, "out.csv"), ("in", "out.csv"), ("in/*.csv", "out/"), ("rows.csv", f"out{name}"),
        ("rows.csv", f"{name}/"), ("rows.csv", "in/"),
    ):  # fmt: skip
        said = shell("replay", "line.json", source, "-o", target)
        assert (said.status, codes(said)) == (1, ["io"]), (source, target)
        assert "is not UTF-8" in said.err, (source, target)
    shell.path("line.json").rename(shell.path(f"{name}.json"))
    assert shell("replay", f"{name}.json", "rows.csv", "-o", "out.csv").status == 0


def test_standard_output_is_closed(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is an error; nothing says that rows were written."""
    monkeypatch.setattr("sys.__stdout__", None)
    said = shell("replay", "line.json", "rows.csv", "-o", "-")
    assert (said.status, codes(said)) == (1, ["io"])
    assert "standard output is closed" in said.err
    assert "wrote" not in said.err


def test_manifests_are_no_rows(shell: Shell) -> None:
    """A folder that holds the output of another job, with its manifest, can be read."""
    shell.path("in").mkdir()
    assert shell("replay", "line.json", "rows.csv", "-o", "in/out/").status == 0
    assert shell.path("in/out.manifest.json").exists()
    assert replay("line.json", "in", keep=["x"]).rows == 4


def test_what_is_said_about_the_result(shell: Shell) -> None:
    """Kept parts only with --resume; a note if no row is left; a short repr."""
    said = shell("replay", "line.json", "rows.csv", "-o", "out/")
    assert "wrote out/: 4 rows, 1 part\n" in said.out
    said = shell("replay", "line.json", "rows.csv", "-o", "out/", "--resume")
    assert "wrote out/: 4 rows, 1 part, 1 of them kept\n" in said.out
    shell.write("bad.csv", "x,y\n?,1\n")
    said = shell("replay", "line.json", "bad.csv", "-o", "out.csv", "--bad-rows", "skip")
    assert said.err.endswith("\nnote: all rows are bad, so no row was written\n")
    shown = "<ReplayResult rows=4, skipped=0, nulls=0, sums={'loss': 9.0}>"
    assert repr(replay("line.json", "rows.csv")) == shown


def test_progress_has_rate_and_time_left() -> None:
    """A quarter of the rows took ten seconds: thirty more; without an end, only a rate."""
    bar = RowsProgress()
    bar.start -= 10.0
    bar.report(5_000_000, None)
    assert re.fullmatch(r"5,000,000 rows, (499,9\d\d|500,000) rows/s", bar.line())
    bar.report(5_000_000, 0.25)
    assert bar.line().startswith("█████·")
    assert bar.line().endswith("rows/s, 30 s left")
