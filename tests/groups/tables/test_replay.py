"""Replays of frames of other libraries, on file systems of fsspec, and read by other libraries."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import dask.dataframe as dd
import duckdb
import fsspec
import pandas as pd
import polars as pl
import pytest
from pyarrow import parquet as pq

from mgraph import GraphError
from mgraph.rows import replay
from tests.rows.lines import GRADIENTS, LOSS, X, Y, line

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Shell

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


def test_bad_rows_of_polars_are_left_out(tmp_path: Path) -> None:
    """Beside texts, which are views in its frames, and categories: dictionaries of views."""
    frame = pl.DataFrame({"x": [X[0], None, *X[2:]], "y": Y, "day": DAYS})
    frame = frame.with_columns(kind=pl.col("day").cast(pl.Categorical))
    frame = frame.with_columns(days=pl.concat_list("day"), both=pl.struct("day"))
    want = frame[[0, 2, 3]].with_columns(loss=pl.Series([LOSS[0], *LOSS[2:]]))
    result = replay(line(), frame, bad_rows="skip", grad=None)
    assert pl.DataFrame(result.target).equals(want)
    for kind in FORMATS:
        replay(line(), frame.drop("days", "both"), tmp_path / f"out.{kind}", bad_rows="skip")
        again = replay(line(), tmp_path / f"out.{kind}", keep=["kind"], grad=None).target
        assert again["kind"].to_pylist() == ["Mo", "We", "Th"], kind


UNREADABLE: dict[str, Any] = {
    "values of several types": pd.DataFrame({"x": pd.Series([1, "a"], dtype=object)}),
    "complex": pd.DataFrame({"x": [1.0], "z": [1j]}),
    "sparse": pd.DataFrame({"x": pd.arrays.SparseArray([1.0, 0.0])}),
    "a name twice": pd.DataFrame([[1.0, 2.0]], columns=["x", "x"]),
    "a series": pd.Series([1.0], name="x"),
    "a series of Polars": pl.Series("x", [1.0]),
    "integers of 128 bits": pl.DataFrame({"x": pl.Series([1], dtype=pl.Int128)}),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_frames_that_arrow_cannot_hold(what: str) -> None:
    """They are refused as `column`, like other tables that don't fit."""
    with pytest.raises(GraphError, match="as a table of Arrow: ") as caught:
        replay(line(), UNREADABLE[what])
    assert caught.value.diagnostics[0].code == "column"


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


def test_passwords_in_urls_are_not_shown(mgraph: Shell) -> None:
    """Neither with results, nor in commands to go on with, nor in the files of a training."""
    memory = fsspec.filesystem("memory")
    memory.pipe("/ada:s3cret@in/a.csv", b"x,y\n3,5\n,7\n")
    line().to_file("line.json")
    url = "memory://ada:s3cret@in/a.csv"
    for options, status in (
        (("replay", "line.json", url, "-o", "memory://ada:s3cret@out/b.csv"), 1),
        (("replay", "line.json", url, "-o", "memory://ada:s3cret@out/b.csv", "--bad-rows=skip"), 0),
        (("replay", "line.json", url, "-o", "memory://ada:s3cret@parts/", "--bad-rows=skip"), 0),
        (("replay", "line.json", url, "-o", "memory://ada:s3cret@parts/", "--bad-rows=skip"), 1),
        (("train", "line.json", url, "-o", "run/", "--epochs=1"), 1),
        (("train", "line.json", url, "-o", "run/", "--epochs=1", "--bad-rows=skip"), 0),
    ):
        said = mgraph(*options)
        assert said.status == status, (options, said.err)
        assert "memory://" in said.out + said.err, options
        assert "s3cret" not in said.out + said.err, options
    for file in (path for path in mgraph.folder.rglob("*") if path.is_file()):
        assert b"s3cret" not in file.read_bytes(), file


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
