"""`mgraph replay`: every format in and out, streams, options, and what it says."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import subprocess
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from pyarrow import ipc
from pyarrow import parquet as pq

from mgraph.cli.replay import RowsProgress
from mgraph.rows.driver import replay
from mgraph.rows.files import RowFormat
from mgraph.rows.targets import streamed
from tests.command_line import SCRIPT, codes, environment
from tests.rows.lines import CSV, LOSS, RESULTS, line, rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command_line import Shell

SUMS = {name: sum(column) for name, column in RESULTS.items()}

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
        shell.path(f"stream.{kind}").write_bytes(said.raw)
        stream, file = (read_back(shell.path(f"{name}.{kind}")) for name in ("stream", "file"))
        assert stream == file, kind
        assert said.err.startswith("wrote standard output: 4 rows\n"), kind
    told = shell("replay", "line.json", "rows.parquet", "-o", "-", "--format", "jsonl")
    assert told.raw == shell.path("file.jsonl").read_bytes()
    assert shell("replay", "line.json", "rows.parquet", "-o", "-").out.startswith("x,day,y,loss")


def test_rows_are_written_as_they_arrive(shell: Shell) -> None:
    """Results of the first rows come out before the input has ended."""
    with _started(shell) as process:
        process.stdin.write(b"x,y\n3,5\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"loss\n"
        assert process.stdout.readline() == b"4\n"
        assert process.communicate(b"0,0\n")[0] == b"1\n"
    assert process.returncode == 0


def test_batches_are_written_as_they_arrive(shell: Shell) -> None:
    """On a stream of Arrow, columns don't wait for the first batch, nor that for the second."""
    columns, first, second = _messages(rows().slice(0, 3), rows().slice(3))
    with _started(shell) as process:
        watch = threading.Timer(60.0, process.kill)
        watch.start()
        process.stdin.write(columns)
        process.stdin.flush()
        results = ipc.open_stream(process.stdout)
        assert results.schema.names == ["loss"]
        process.stdin.write(first)
        process.stdin.flush()
        assert results.read_next_batch().to_pydict() == {"loss": LOSS[:3]}
        assert process.poll() is None
        process.stdin.write(second)
        process.stdin.close()
        assert results.read_all().to_pydict() == {"loss": LOSS[3:]}
        assert process.stderr.read().startswith(b"wrote standard output: 4 rows\n")
        watch.cancel()
    assert process.returncode == 0


def _messages(*batches: pa.RecordBatch) -> list[bytes]:
    """Return a stream of Arrow as its schema, each batch, and its end with the last of them."""
    sink = io.BytesIO()
    cuts = [0, len(batches[0].schema.serialize())]
    with ipc.new_stream(sink, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            cuts.append(sink.tell())
        cuts[-1] += 8  # the end of the stream
    return [sink.getvalue()[a:b] for a, b in pairwise(cuts)]


def test_a_stream_has_its_columns_once() -> None:
    """They come before the rows are asked for; the bytes are those that Arrow writes."""
    days = pa.array(["Mo", "Tu", "Mo"]).dictionary_encode()
    for columns in ({"x": pa.array([1.0, 2.0, 3.0])}, {"k": days, "x": days}, {"k": days[:0]}):
        batch = pa.record_batch(columns).replace_schema_metadata({"key": "value"})
        asked: list[str] = []

        def batches(batch: pa.RecordBatch = batch, asked: list[str] = asked) -> Iterator[Any]:
            asked.append("for a batch")
            yield batch

        chunks = streamed(RowFormat.ARROW_STREAM, batch.schema, batches(), "the output")
        first = next(chunks)
        assert ipc.read_schema(pa.py_buffer(first)).equals(batch.schema, check_metadata=True)
        assert asked == []
        with ipc.new_stream(sink := pa.BufferOutputStream(), batch.schema) as writer:
            if batch.num_rows:
                writer.write_batch(batch)
        assert first + b"".join(chunks) == sink.getvalue()


def _started(shell: Shell) -> Any:  # noqa: ANN401 - a process whose pipes are there
    """Start a replay from standard input to standard output."""
    command = [SCRIPT, "replay", "line.json", "-", "-o", "-", "--keep", "none", "--grad", "none"]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=shell.folder, stdin=pipe, stdout=pipe, stderr=pipe, env=environment()
    )


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
    with pytest.raises(TypeError, match="a table of Arrow, pandas or Polars, or names of files"):
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


def test_manifests_are_no_rows(shell: Shell) -> None:
    """A folder that holds the output of another job, with its manifest, can be read."""
    shell.path("in").mkdir()
    assert shell("replay", "line.json", "rows.csv", "-o", "in/out/").status == 0
    assert shell.path("in/out.manifest.json").exists()
    assert replay("line.json", "in", keep=["x"]).rows == 4


# --- messages ---


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
