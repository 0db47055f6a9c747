"""Two workers of a Dask cluster on this machine, compared with `--workers 2`.

The job is `mgraph.rows.replay` of the neuron, values and all gradients, Parquet to parts. Dask's
workers run already, and those of `--workers` are started each time; connecting and checks count.
What a part costs beside its rows is the time of many parts of one row each, less that of two of
them. Training takes all rows in each step, 8 parts of them; its costs are those of a step of few
rows.
"""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from distributed import LocalCluster
from pyarrow import parquet as pq

from benchmarks.measure import ROOT, ratio, take_turns, timed
from benchmarks.report import RATIO_COLUMNS, progress, ratio_cells, seconds, table, versions
from mgraph.build.network import mlp
from mgraph.rows import replay
from mgraph.training import train

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from benchmarks.report import Figures

GRAPH: Final = ROOT / "fixtures" / "neuron.json"

_HERE: Final = "--workers 2"
_THERE: Final = "--cluster, 2 workers"


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    rows, tiny, steps, rounds = (20_000, 20, 5, 2) if quick else (8_000_000, 400, 100, 5)
    os.environ["DASK_LOGGING__DISTRIBUTED"] = "error"
    with tempfile.TemporaryDirectory() as name, _cluster() as cluster:
        folder, url = Path(name), cluster.scheduler_address
        _write_rows(folder, rows, tiny)
        progress("cluster: replay")
        times = _replays(folder, "rows.parquet", -(-rows // 16), url, rounds)
        compared = ratio(times[_THERE], times[_HERE])
        costs = _part_costs(folder, tiny, url, rounds)
        progress("cluster: training")
        step = _step_costs(folder, steps, url)
    cells = [(label, seconds(min(x)), seconds(costs[label])) for label, x in times.items()]
    heads = (f"{rows:,} rows in 16 parts", "a part of one row")
    yield from table(("", *heads), cells)
    yield from table(("", *RATIO_COLUMNS), [("cluster / workers", *ratio_cells(compared))])
    yield ""
    yield f"A step of training on few rows in 8 parts: {seconds(step)} on the cluster."
    yield ""
    yield f"{versions(('distributed', 'llvmlite', 'numpy', 'pyarrow'))}."
    return [
        {"rows": rows, "parts": 16, "ratio": compared.median if compared else None},
        *({"side": label, "part_seconds": cost} for label, cost in costs.items()),
        {"step_seconds": step, "step_parts": 8},
    ]


def _cluster() -> Any:  # noqa: ANN401 - Dask's
    return LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)


def _write_rows(folder: Path, rows: int, tiny: int) -> None:
    random = np.random.default_rng(1)
    for name, count in (("rows", rows), ("tiny", tiny), ("two", 2)):
        columns = dict(zip(("x1", "x2"), random.uniform(-1.0, 1.0, (2, count)), strict=True))
        pq.write_table(pa.table(columns), folder / f"{name}.parquet", row_group_size=2**17)
    (folder / "few").mkdir()
    for i in range(8):
        x1, x2 = random.uniform(-1.0, 1.0, (2, 100))
        pq.write_table(pa.table({"x1": x1, "x2": x2, "y": x1}), folder / "few" / f"{i}.parquet")


def _replays(
    folder: Path, source: str, part_rows: int, url: str, rounds: int
) -> Mapping[str, list[float]]:
    """Return the times of both sides, in turns."""

    def work(**where: Any) -> Callable[[], float]:  # noqa: ANN401
        out = f"{folder}/parts/"
        call = partial(replay, GRAPH, folder / source, out, overwrite=True, part_rows=part_rows)
        return timed(partial(call, **where))

    return take_turns({_HERE: work(workers=2), _THERE: work(cluster=url)}, rounds)


def _part_costs(folder: Path, tiny: int, url: str, rounds: int) -> dict[str, float]:
    """Return what a part costs on both sides: many of them, less two, each of one row."""
    progress("cluster: parts")
    many = _replays(folder, "tiny.parquet", 1, url, rounds)
    two = _replays(folder, "two.parquet", 1, url, rounds)
    return {side: max(0.0, min(many[side]) - min(two[side])) / (tiny - 2) for side in many}


def _step_costs(folder: Path, steps: int, url: str) -> float:
    """Return the time of a step of training on few rows, from runs of two lengths."""
    graph = mlp((2, 4, 1), loss="mse")

    def work(epochs: int) -> Callable[[], float]:
        return timed(lambda: train(graph, folder / "few", epochs=epochs, cluster=url))

    times = take_turns({"short": work(1), "long": work(1 + steps)}, 3)
    return (min(times["long"]) - min(times["short"])) / steps
