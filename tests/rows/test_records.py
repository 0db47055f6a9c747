"""Text cut into records: the same rows as other readers see, however it is read."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgraph import GraphError
from mgraph.rows import records, replay
from mgraph.rows.csv_rows import CsvColumns, doubles_of_texts
from mgraph.rows.records import blocks
from tests.rows.lines import line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.command_line import Shell

CELLS = st.text(st.sampled_from('ab1 ",\n'), max_size=6)
TABLES = st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=12)


def written(rows: list[tuple[str, str]], end: str) -> bytes:
    """Return rows as Python writes them, with a blank line after the first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end)
    writer.writerow(rows[0])
    text.write(end)
    writer.writerows(rows[1:])
    return text.getvalue().encode()


def read(data: bytes, size: int) -> Iterator[tuple[str, str]]:
    """Read rows in small blocks."""
    columns = CsvColumns(("a", "b"), ("a", "b"), (), tolerates=False)
    stream, row = io.BytesIO(data), 0
    for block in blocks(lambda _: stream.read(size), "a.csv", quotes=True):
        batch = columns.parse(block, "a.csv", row)
        assert batch.num_rows == block.ends.size
        assert data[block.start :].startswith(block.data)
        row += batch.num_rows
        for cells in zip(*batch.to_pydict().values(), strict=True):
            yield cells[0] or "", cells[1] or ""


@settings(max_examples=60, deadline=None)
@given(TABLES, st.sampled_from(["\n", "\r\n"]), st.integers(1, 40))
def test_csv_as_python_reads_it(rows: list[tuple[str, str]], end: str, size: int) -> None:
    """Cells with quotes, commas and line breaks, and blank lines between rows, in any blocks."""
    assert [*read(written(rows, end), size)] == rows


@pytest.mark.parametrize("size", [1, 5, 100])
@pytest.mark.parametrize(
    ("text", "row"),
    [('1,2\n3,a"b\n', 1), ('1,2\n"a"b,4\n', 1), ('1,2\n3,4\n5,"6\n', 2), ('"1\n,2\n', 0)],
)
def test_quotes_that_other_readers_take_differently(text: str, row: int, size: int) -> None:
    """A quote inside a field, and one that is not closed, are refused, with the row."""
    with pytest.raises(GraphError) as caught:
        list(read(text.encode(), size))
    (fault,) = caught.value.diagnostics
    assert (fault.code, fault.path) == ("syntax", (row,))


def test_a_record_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """An open quote doesn't make mgraph read a whole file into memory."""
    monkeypatch.setattr(records, "_LONGEST", 100)
    with pytest.raises(GraphError) as caught:
        list(read(b'1,"2\n' + b"3,4\n" * 100, 20))
    assert caught.value.diagnostics[0].code == "size"


def test_texts_as_numbers() -> None:
    """Python agrees on every number; what it can't read, and what overflows, is null."""
    import pyarrow as pa  # noqa: PLC0415

    good = [
        "1",
        "-0",
        "+.5",
        "5.",
        "1e-400",
        "9007199254740992",
        "9007199254740993.0",
        "0.1",
        " 7 ",
        "NaN",
        "-Infinity",
    ]
    bad = [
        "",
        "abc",
        "1_0",
        "0x10",
        "1e",
        "1e400",
        "9007199254740993",
        "-0009007199254740994",
        "1,5",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "--1",
        None,
    ]
    values = doubles_of_texts(pa.array([*good, *bad])).to_pylist()
    assert [repr(x) for x in values[: len(good)]] == [repr(float(text)) for text in good]
    assert values[len(good) :] == [None] * len(bad)


def test_a_row_is_named_with_its_line(mgraph: Shell) -> None:
    """Blank lines and line breaks in quotes make lines and rows differ; parts begin anywhere."""
    long = "".join(f"{k},1\n" for k in range(200_000))  # more than a block
    for text, place in (
        ("x,y\n1,2\n3,a\n", "row 1, counted from 0 (line 3)"),
        ("x,y\n1,2\n\n\r\n3,a\n", "row 1, counted from 0 (line 5)"),
        ('x,note,y\n1,"a\nb",2\n3,,a\n', "row 1, counted from 0 (line 4)"),
        ("x,y\n1,2\n3\n", "row 1, counted from 0 (line 3)"),
        (f"x,y\n{long}a,1\n", "row 200,000, counted from 0 (line 200,002)"),
    ):
        mgraph.write("rows.csv", text)
        for out in ("out.csv", "out/"):
            with pytest.raises(GraphError) as caught:
                replay(line(), "rows.csv", out, part_rows=150_000, overwrite=True)
            assert place in caught.value.diagnostics[0].message, text[:20]
    mgraph.write("rows.jsonl", '{"x": 1, "y": 2}\n\n{"x": "b", "y": 3}\n')
    with pytest.raises(GraphError, match=r"row 1, counted from 0 \(line 3\)"):
        replay(line(), "rows.jsonl")
