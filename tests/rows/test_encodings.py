"""Columns that pyarrow has no kernels for: views, run ends, dictionaries of views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pytest
from pyarrow import ipc

from mgraph import GraphError
from mgraph.rows import replay
from tests.rows.lines import LOSS, X, Y, line

if TYPE_CHECKING:
    from pathlib import Path

TEXTS: Final = ["Mo", "Tu", "We", None]
FORMATS: Final = ("csv", "jsonl", "parquet", "arrow", "arrows")

COLUMNS: Final[dict[str, pa.Array]] = {
    "texts": pa.array(TEXTS, pa.string_view()),
    "bytes": pa.array([b"\xff", b"", b"We", None], pa.binary_view()),
    "lists": pa.array([["Mo"], [], [None], None], pa.list_(pa.string_view())),
    "structs": pa.array([{"day": day} for day in TEXTS], pa.struct({"day": pa.string_view()})),
    "structs of two fields of one name": pa.StructArray.from_arrays(
        [pa.array(TEXTS, pa.string_view()), pa.array(X)], ["day", "day"]
    ),
    "structs of nanoseconds": pa.StructArray.from_arrays(
        [pa.array(TEXTS, pa.string_view()), pa.array([1, 2, None, 4], pa.timestamp("ns"))],
        ["day", "time"],
    ),
    "run ends": pa.RunEndEncodedArray.from_arrays([1, 4], pa.array(["Mo", "Tu"])),
    "categories": pa.DictionaryArray.from_arrays(
        pa.array([0, 1, 0, None], pa.uint8()), pa.array(TEXTS[:2], pa.string_view()), ordered=True
    ),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_bad_rows_are_left_out_beside_any_column(name: str) -> None:
    """The second row is bad; the others keep their values and the column its type."""
    column = COLUMNS[name]
    table = pa.table({"x": [X[0], None, *X[2:]], "y": Y, "k": column})
    result = replay(line(), table, bad_rows="skip")
    assert (result.rows, result.skipped) == (3, 1)
    assert result.target["k"].type == column.type
    assert [*result.target["k"]] == [column[i] for i in (0, 2, 3)]
    assert result.target["loss"].to_pylist() == [LOSS[0], *LOSS[2:]]
    result.target.validate(full=True)


@pytest.mark.parametrize("kind", FORMATS)
def test_dictionaries_of_views_in_every_format(kind: str, tmp_path: Path) -> None:
    """Categories of Polars are written as the texts that they are."""
    column, target = COLUMNS["categories"], tmp_path / f"out.{kind}"
    replay(line(), pa.table({"x": X, "y": Y, "k": column}), target)
    days = replay(line(), target, keep=["k"], grad=None).target["k"].to_pylist()
    assert days == ["Mo", "Tu", "Mo", None]


def test_json_lines_refuse_two_fields_of_one_name(tmp_path: Path) -> None:
    """An object has each key once."""
    table = pa.table({"x": X, "y": Y, "k": COLUMNS["structs of two fields of one name"]})
    with pytest.raises(GraphError, match=r'the column "k" is struct.* jsonl can\'t hold') as caught:
        replay(line(), table, tmp_path / "out.jsonl")
    assert caught.value.diagnostics[0].code == "column"


def test_parts_of_an_arrow_file_with_dictionaries_of_views(tmp_path: Path) -> None:
    """The digest of a part reads such columns, too."""
    table = pa.table({"x": X, "y": Y, "k": COLUMNS["categories"]})
    with ipc.new_file(tmp_path / "rows.arrow", table.schema) as writer:
        writer.write_table(table)
    result = replay(line(), tmp_path / "rows.arrow", f"{tmp_path}/out/", part_rows=3)
    assert (result.parts, result.sums["loss"].value) == (2, sum(LOSS))
    again = replay(line(), tmp_path / "rows.arrow", f"{tmp_path}/out/", part_rows=3, resume=True)
    assert again.kept == 2


def test_a_table_that_arrow_cannot_hold() -> None:
    """What another library exports is refused as `column`, with the reason that Arrow gives."""
    with pytest.raises(GraphError, match=r"can't read the .*Array as a table of Arrow") as caught:
        replay(line(), pa.chunked_array([pa.array(X)]))
    assert caught.value.diagnostics[0].code == "column"
