"""Replays of frames of other libraries, on file systems of fsspec, and read by other libraries."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import dask.dataframe as dd
import duckdb
import fsspec
import pandas as pd
import polars as pl
import pytest
from pyarrow import parquet as pq

from mgraph.rows import replay
from tests.rows.lines import GRADIENTS, LOSS, X, Y, line

if TYPE_CHECKING:
    from pathlib import Path

DAYS = ["Mo", "Tu", "We", "Th"]
COLUMNS = {"x": X, "y": Y, "day": DAYS}
FORMATS = ("csv", "jsonl", "parquet", "arrow", "arrows")


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_frames_into_every_format(make: type, tmp_path: Path) -> None:
    """A frame is a source as it is, texts included."""
    for kind in FORMATS:
        result = replay(line(), make(COLUMNS), tmp_path / f"out.{kind}", wrt=["w"])
        assert (result.rows, result.sums["loss"].value) == (4, sum(LOSS)), kind
        again = replay(line(), tmp_path / f"out.{kind}", keep=["day", "grad:w"], grad=None)
        columns = again.target.to_pydict()
        assert (columns["day"], columns["loss"]) == (DAYS, LOSS), kind
        assert [float(x) for x in columns["grad:w"]] == GRADIENTS["w"], kind


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # Dask calls pandas in an old way
def test_only_whole_parts_are_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before and after each part appears, and at the end, all others read the same whole parts."""
    pl.DataFrame(COLUMNS).write_parquet(tmp_path / "rows.parquet")
    seen, out, replace = list[int](), tmp_path / "out", os.replace

    def watched(source: str, target: str) -> None:
        parts = len([*out.iterdir()])
        if parts:
            _check_read(out, LOSS[:parts])
        replace(source, target)
        if target.startswith(f"{out}/"):
            _check_read(out, LOSS[: parts + 1])
            seen.append(parts + 1)

    monkeypatch.setattr("mgraph.rows.store.os.replace", watched)
    replay(line(), tmp_path / "rows.parquet", f"{out}/", part_rows=1, grad=None)
    assert seen == [1, 2, 3, 4]
    _check_read(out, LOSS)


def _check_read(folder: Path, losses: list[float]) -> None:
    """Read a folder with each library."""
    assert pl.read_parquet(folder)["loss"].to_list() == losses
    assert pd.read_parquet(folder)["loss"].tolist() == losses
    assert dd.read_parquet(folder)["loss"].compute(scheduler="sync").tolist() == losses
    read = duckdb.read_parquet(f"{folder}/*").project("loss")
    assert [loss for (loss,) in read.fetchall()] == losses


def test_fsspec() -> None:
    """URLs that Arrow doesn't know: files in and out, parts, and their completion."""
    memory = fsspec.filesystem("memory")
    memory.pipe("/in/a.csv", b"x,y\n3,5\n3,7\n0,0\n")
    memory.pipe("/in/b.csv", b"x,y\n-1,1\n")
    replay(line(), "memory://in/*.csv", "memory://one.parquet", grad=None)
    assert pq.read_table(memory.open("/one.parquet"))["loss"].to_pylist() == LOSS
    first = replay(line(), "memory://in", "memory://out/", part_rows=2, grad=None)
    assert (first.parts, memory.glob("/out*")) == (3, ["/out", "/out.manifest.json"])
    before = {name: memory.cat(name) for name in memory.find("/out")}
    assert [*before] == [f"/out/part-0000{i}.csv" for i in range(3)]
    memory.pipe("/out/part-00001.csv", b"damaged")
    again = replay(line(), "memory://in", "memory://out/", part_rows=2, grad=None, resume=True)
    assert (again.kept, again.job) == (2, first.job)
    assert {name: memory.cat(name) for name in memory.find("/out")} == before
