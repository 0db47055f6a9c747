"""Damaged files of rows are refused; they never end in another exception."""

from __future__ import annotations

import io
import random
from contextlib import suppress
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyarrow import ipc
from pyarrow import parquet as pq

from mgraph import GraphError
from mgraph.rows import replay
from tests.rows.lines import line, rows

if TYPE_CHECKING:
    from pathlib import Path

CSV = b'x,"da""y",y\n' + 3 * b'3,"M,o",5\n"4","T\nu",7\r\n\n0,We,0\n'
JSON_LINES = 3 * b'{"x":3,"d":"a","y":[1,{"a":null}]}\n{"x":1.5,"d":"\\u00e9","y":[2]}\n'
PIECES = (
    b'"', b",", b"\n", b"\r", b"\\ud800", b"NaN", b"1e999", b"{", b"}", b"[", b"\x00", b"\xff",
    b"\xef\xbb\xbf", b"-0", b"9" * 30, b"null", b"true", b":", b'"x":1,', b"x,",
)  # fmt: skip
"""What readers stumble over."""


def whole() -> dict[str, bytes]:
    """Return a file of each format."""
    table = pa.Table.from_batches([rows()] * 3)
    files = {"csv": CSV, "jsonl": JSON_LINES}
    for kind in ("parquet", "arrow", "arrows"):
        sink = io.BytesIO()
        if kind == "parquet":
            pq.write_table(table, sink, row_group_size=5)
        else:
            with (ipc.new_file if kind == "arrow" else ipc.new_stream)(sink, table.schema) as file:
                file.write_table(table)
        files[kind] = sink.getvalue()
    return files


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return some bytes with a byte changed, something put in or taken out, or the end cut off."""
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.randrange(len(data) or 1)
        after = at + chance.choice([0, 0, 1, 20, len(data)])
        data = (
            data[:at] + chance.choice([b"", bytes([chance.randrange(256)]), *PIECES]) + data[after:]
        )
    return data


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.thorough)])
def test_damaged_files(tmp_path: Path, seed: int) -> None:
    """Whatever is read, and however it is written, there is a result or a GraphError."""
    files, chance, graph = whole(), random.Random(seed), line()  # noqa: S311 - not for secrets
    for i in range(2_000 if seed else 250):
        kind = chance.choice([*files])
        source, target = (
            tmp_path / f"rows.{kind}",
            chance.choice(["csv", "jsonl", "parquet", "arrow"]),
        )
        source.write_bytes(damaged(files[kind], chance))
        bad, grad = chance.choice(["fail", "skip", "null"]), chance.choice([None, "rows", "sum"])
        out = f"{tmp_path}/{chance.choice(['out.' + target, 'parts/'])}"
        options = {"grad": grad, "bad_rows": bad, "keep": chance.choice(["all", "none"])}
        try:
            with suppress(GraphError):
                replay(graph, source, out, overwrite=True, part_rows=2, **options)  # type: ignore[arg-type]
        except BaseException as error:
            error.add_note(f"case {i}: {source.read_bytes()!r} -> {out}, {options}")
            raise


def table_of(name: str) -> pa.Table:
    """Return two rows with a column that text can't hold."""
    not_text = pa.array([b"ok", b"\xff"])
    columns = {
        "nested": pa.array([[1], None]),
        "bytes": not_text,
        "texts": pa.Array.from_buffers(pa.string(), 2, not_text.buffers()),
    }
    return pa.table({"x": [1.0, 2.0], name: columns[name]})


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [("nested", "csv", "column"), ("bytes", "csv", "column"), ("bytes", "jsonl", "column"),
     ("texts", "csv", "encoding"), ("texts", "jsonl", "encoding")],
)  # fmt: skip
def test_what_text_can_not_hold(tmp_path: Path, name: str, kind: str, code: str) -> None:
    """It is refused with the name of the column, and can be left out."""
    target = tmp_path / f"out.{kind}"
    with pytest.raises(GraphError) as caught:
        replay(line(), table_of(name), target)
    (fault,) = caught.value.diagnostics
    assert (fault.code, fault.path, fault.file) == (code, (name,), str(target))
    assert not target.exists()
    assert replay(line(), table_of(name), target, keep=["x"]).rows == 2
    assert replay(line(), table_of(name), tmp_path / "out.parquet").rows == 2


def test_nested_values_in_json(tmp_path: Path) -> None:
    """They are written as they are, with NaN as a text."""
    table = pa.table({"x": [1.0], "n": [[{"a": float("nan"), "b": "NaN \N{DEGREE SIGN}"}]]})
    replay(line(), table, tmp_path / "out.jsonl", grad=None)
    text = '{"x": 1, "n": [{"a": "nan", "b": "NaN \N{DEGREE SIGN}"}], "loss": 4}\n'
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == text
