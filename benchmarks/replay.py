"""`mgraph replay`: the neuron over tables of rows, values and all gradients, to files and parts.

The rows have two columns, x1 and x2, the results six; all numbers are float64. Rows per second are
those of `mgraph.rows.replay` in one process, files to files. Two workers are compared with one in
turns, on eight times the Parquet file; starting the processes counts. The command is measured as a
whole process, on 1,000 rows of CSV. Machine code is compiled before.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
from pyarrow import parquet as pq

from benchmarks.measure import ROOT, ratio, script, take_turns, timed
from benchmarks.report import progress, seconds, table, verdict, versions
from mgraph.rows import replay

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from benchmarks.report import Figures

GRAPH: Final = ROOT / "fixtures" / "neuron.json"

ROWS_TARGET: Final = 4e6
"""Rows per second, Parquet to Parquet."""

WORKERS_TARGET: Final = 1 / 1.7
COMMAND_TARGET: Final = 0.5
"""Seconds of a whole process for 1,000 rows of CSV."""

_SMALL: Final = 1000


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    rows, rounds = (20_000, 2) if quick else (4_000_000, 5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_rows(folder, rows)
        progress("replay: files to files")
        times = {label: _least(work, 3) for label, work in _files(folder, rows).items()}
        cells = [(label, seconds(x), f"{rows / x:,.0f}") for label, x in times.items()]
        yield from table(("", "time", "rows/s"), cells)
        fastest = rows / times["Parquet to Parquet"]
        reached = "reached" if fastest >= ROWS_TARGET else "missed"
        yield f"Target: at least {ROWS_TARGET:,.0f} rows/s, Parquet to Parquet: {reached}."
        progress("replay: one and two workers")
        turns = take_turns({n: _parts(folder, n, 1 if quick else 8) for n in ("1", "2")}, rounds)
        workers = ratio(turns["2"], turns["1"])
        yield verdict("the time of one worker, with two", WORKERS_TARGET, workers)
        progress("replay: the command")
        least = _least(_command(folder), 3 if quick else 10)
        reached = "reached" if least <= COMMAND_TARGET else "missed"
        yield f"Target: the command in at most {COMMAND_TARGET} s: {reached}, {seconds(least)}."
    yield ""
    yield f"{versions(('llvmlite', 'numpy', 'pyarrow'))}."
    figures: Figures = [
        {"files": label, "rows": rows, "seconds": x, "rows_per_second": rows / x}
        for label, x in times.items()
    ]
    return [*figures, {"workers": 2, "ratio": workers.median}, {"command": least}]


def _write_rows(folder: Path, rows: int) -> None:
    columns = dict(
        zip(("x1", "x2"), np.random.default_rng(1).uniform(-1.0, 1.0, (2, rows)), strict=True)
    )
    pq.write_table(pa.table(columns), folder / "rows.parquet")
    for target in ("rows.csv", "rows.jsonl", "rows.arrow"):
        replay(GRAPH, folder / "rows.parquet", folder / target, grad=None)
    pairs = zip(*(column[:_SMALL].tolist() for column in columns.values()), strict=True)
    text = "".join(f"{x1!r},{x2!r}\n" for x1, x2 in pairs)
    (folder / "small.csv").write_text(f"x1,x2\n{text}")


def _files(folder: Path, rows: int) -> dict[str, Callable[[], object]]:
    """Return what is measured from files to files."""

    def work(kind: str, target: str) -> Callable[[], object]:
        source, out = folder / f"rows.{kind}", folder / target
        return lambda: replay(
            GRAPH, source, f"{out}/" if target == "parts" else out, overwrite=True,
            keep=["x1", "x2"], part_rows=max(1, rows // 4),
        )  # fmt: skip

    return {
        "Parquet to Parquet": work("parquet", "out.parquet"),
        "Parquet to parts": work("parquet", "parts"),
        "Arrow to Arrow": work("arrow", "out.arrow"),
        "CSV to CSV": work("csv", "out.csv"),
        "JSON lines to JSON lines": work("jsonl", "out.jsonl"),
    }


def _parts(folder: Path, workers: str, times: int) -> Callable[[], float]:
    """Return what measures parts from a file that is read several times."""
    source, target = [folder / "rows.parquet"] * times, f"{folder}/parts/"
    return timed(lambda: replay(GRAPH, source, target, overwrite=True, workers=int(workers)))


def _command(folder: Path) -> Callable[[], object]:
    command = [script(), "replay", str(GRAPH), "small.csv", "-o", "out.csv", "--overwrite"]
    return lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True)


def _least(work: Callable[[], object], rounds: int) -> float:
    """Return the smallest time of some work, after once to warm up."""
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
