"""What `mgraph replay` refuses: rows, outputs and command lines that are wrong."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from pyarrow import ipc
from pyarrow import parquet as pq

from mgraph import GraphError, load
from mgraph.rows.driver import replay
from tests.command_line import codes, is_usage_error
from tests.rows.lines import CSV, LOSS, RESULTS, line, rows

if TYPE_CHECKING:
    from tests.command_line import Shell


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
