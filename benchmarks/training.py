"""Gradient descent: `mgraph train` beside PyTorch, JAX and micrograd, on the same rows.

*moons* is micrograd's demo without regularisation, a 2-16-16-1 network over 100 points; *digits* is
a 64-32-10 network over 1,797 rows of 64 columns, the size of scikit-learn's digits (the table
`wide` has more about both). All steps are those of SGD, and all sides start with the same params. A
*whole process* reads a CSV file, makes 100 full-batch steps, and ends; machine code of mgraph's
kernels and bytecode are cached. *In one process*, the time of a step or an epoch is that between
two of them, without what is done once; mgraph writes its log and sums exactly, the others do
neither. PyTorch uses one thread, JAX as many as it likes; with batches, all visit the rows in a
random order. All sides agree on the params after full-batch steps, and take turns. The *bare
kernel* is `Replay.batch` with `grad="sum"` over the same batches, with libm, as `mgraph train` has
it by default. Each call checks its columns, and keeps the exact sums for the caller; steps over
rows in memory do neither, and so can take less time.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
from pyarrow import csv

import mgraph
from benchmarks import trainer, wide
from benchmarks.flat import relative_error
from benchmarks.measure import ROOT, ratio, take_turns, timed, workspace
from benchmarks.report import is_installed, progress, seconds, table, verdict, versions
from mgraph.training import train

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.measure import Workspace
    from benchmarks.report import Figures
    from benchmarks.wide import Task

KERNEL_TARGET: Final = 1.3
"""The time of a step, in that of the bare kernel."""

START_TARGET: Final = 0.6
"""Seconds of a whole process, one epoch on iris."""

_RATE: Final = 0.05
_BURST: Final = 0.1
_CLOSE: Final = 1e-9
_OURS: Final = "mgraph train"
_AUTO: Final = "mgraph train --math auto"
_KERNEL: Final = "the bare kernel"
_PEERS: Final = {"torch": "PyTorch", "jax": "JAX", "micrograd": "micrograd"}


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    work = wide.tasks(quick=quick)
    rounds = 2 if quick else 9
    figures: Figures = []
    yield "**moons, 100 full-batch steps, whole processes**\n"
    with workspace() as space:
        times = _processes(space, work["moons"], 2 if quick else 100, rounds)
        figures += yield from _report("moons, whole process", times)
        yield ""
        yield _start(space, work["iris"], rounds)
    for name, what in _EPOCHS.items():
        yield ""
        yield f"**{name}, {what}, in one process**\n"
        times = _epochs(name, work[name], rounds)
        figures += yield from _report(name, times)
        yield verdict(f"the time of {_KERNEL}", KERNEL_TARGET, ratio(times[_OURS], times[_KERNEL]))
    yield ""
    yield f"{versions(('llvmlite', 'numpy', 'pyarrow', *_PEERS))}."
    return figures


_EPOCHS: Final = {
    "moons": "a full-batch step",
    "digits": "an epoch, which is one full-batch step",
    "digits, batches of 32": "an epoch",
}


def _report(
    name: str, times: Mapping[str, Sequence[float]]
) -> Generator[str, None, list[dict[str, object]]]:
    """Yield the table of one task, and return its figures."""
    ours = times[_OURS]
    compared = {side: ratio(ours[: len(own)], own) for side, own in times.items()}
    rows = [
        (side, seconds(each.second), _spelled(each.median), str(each.pairs))
        for side, each in compared.items()
    ]
    yield from table(("", "best", "mgraph's time / its time: median ratio", "pairs"), rows)
    return [
        {"task": name, "beside": side, "seconds": each.second, "ratio": each.median}
        for side, each in compared.items()
    ]


def _spelled(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"  # noqa: PLR2004 - two digits


def _problem(work: Task) -> trainer.Problem:
    return trainer.Problem(work.sizes, work.inputs.T, work.labels.T, work.params, _RATE)


def _rows(work: Task) -> pa.Table:
    """Return the rows with the names of `wide.row_graph`."""
    columns = {f"x{i}": column for i, column in enumerate(work.inputs)}
    return pa.table(columns | {f"y{i}": column for i, column in enumerate(work.labels)})


def _check(sides: Mapping[str, NDArray[np.float64]]) -> None:
    """Check that the params of all sides are those of the first."""
    wanted = next(iter(sides.values()))
    for name, params in sides.items():
        error = relative_error(params, wanted)
        assert error < _CLOSE, f"{name} is off by {error}"


def _params(graph: mgraph.Graph) -> NDArray[np.float64]:
    """Return the values of p0, p1 and so on."""
    columns = graph.columns
    names = (f"p{i}" for i in range(len(columns.index)))
    nodes = [columns.index[name] for name in names if name in columns.index]
    return np.array([columns.data[columns.leaf_index[node]] for node in nodes])


# --- whole processes ---


def _processes(space: Workspace, work: Task, steps: int, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of whole processes; micrograd's takes so long that there is only one."""
    _write(space.folder, work)
    sides: dict[str, Callable[[], NDArray[np.float64]]] = {_OURS: partial(_command, space, steps)}
    for package, name in _PEERS.items():
        if is_installed(package):
            sides[name] = partial(_program, space, package, steps)
    params, first = {}, {}
    for name, side in sides.items():
        progress(f"training: {name}, a program")
        start = perf_counter()
        params[name] = side()
        first[name] = [perf_counter() - start]
    _check(params)
    progress("training: programs in turn")
    quick = {name: timed(side) for name, side in sides.items() if name != _PEERS["micrograd"]}
    return first | take_turns(quick, rounds)


def _write(folder: Path, work: Task) -> None:
    csv.write_csv(_rows(work), folder / "rows.csv")
    wide.row_graph(work).to_file(folder / "start.graph.json")
    start = {"sizes": work.sizes, "params": work.params.tolist(), "rate": _RATE}
    (folder / "start.json").write_text(json.dumps(start), encoding="utf-8")


def _command(space: Workspace, steps: int) -> NDArray[np.float64]:
    with _new_folder(space.folder) as out:
        space.mgraph(
            "train", "start.graph.json", "rows.csv", "-o", out, "--lr", str(_RATE),
            "--epochs", str(steps),
        )  # fmt: skip
        return _params(mgraph.load(Path(out, "final.json")))


@contextmanager
def _new_folder(beside: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir=beside) as folder:
        yield folder


def _program(space: Workspace, package: str, steps: int) -> NDArray[np.float64]:
    code = f"import sys; sys.path[0] = {str(ROOT)!r}; import runpy; "
    code += "runpy.run_module('benchmarks.trainer', run_name='__main__', alter_sys=True)"
    cost = space.python("-c", code, package, str(space.folder), str(steps))
    return np.array(json.loads(cost.printed))


def _start(space: Workspace, work: Task, rounds: int) -> str:
    """Say how long a whole process takes for one epoch on iris."""
    _write(space.folder, work)
    progress("training: starting")
    least = min(timed(partial(_command, space, 1))() for _ in range(rounds + 1))
    reached = "reached" if least <= START_TARGET else "missed"
    target = f"one epoch on 150 rows (iris) in at most {START_TARGET} s, a whole process"
    return f"Target: {target}: {reached}, {seconds(least)} (best of {rounds + 1})."


# --- in one process ---


def _epochs(name: str, work: Task, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of an epoch."""
    progress(f"training: {name}")
    graph, rows, problem = wide.row_graph(work), _rows(work), _problem(work)
    sides: dict[str, Callable[[], float]] = {
        _OURS: partial(_ours, graph, rows, work, "libm"),
        _AUTO: partial(_ours, graph, rows, work, "auto"),
        _KERNEL: _kernel(graph, work),
    }
    whole = {_OURS: _params(train(graph, rows, lr=_RATE, epochs=3).graph)}
    for package, title in _PEERS.items():
        if is_installed(package) and (package != "micrograd" or name == "moons"):
            whole[title] = _after(trainer.TRAINERS[package](problem), 3)
            made = trainer.TRAINERS[package](problem)
            made.epoch(work.batch)
            sides[title] = timed(partial(made.epoch, work.batch), _BURST)
    _check(whole)
    return take_turns(sides, rounds)


def _after(made: trainer.Trainer, epochs: int) -> NDArray[np.float64]:
    """Return the params after some full-batch steps."""
    for _ in range(epochs):
        made.epoch(sys.maxsize)
    return made.params()


def _ours(graph: mgraph.Graph, rows: pa.Table, work: Task, math: str) -> float:
    """Train for a while, and return the mean time between two epochs."""
    times: list[float] = []
    per_epoch = len(work.batches)

    def progress(entry: Mapping[str, int], _steps: int) -> None:
        if entry["step"] % per_epoch == 0:
            times.append(perf_counter())

    def stop() -> bool:
        return len(times) > 1 and times[-1] - times[0] > _BURST

    with tempfile.TemporaryDirectory() as out:
        size = None if per_epoch == 1 else work.batch
        train(graph, rows, out, lr=_RATE, epochs=10**6, batch_size=size, math=math,
              progress=progress, stop=stop)  # fmt: skip
    return (times[-1] - times[0]) / (len(times) - 1)


def _kernel(graph: mgraph.Graph, work: Task) -> Callable[[], float]:
    """Return what measures the same batches without training."""
    replay = graph.compile()
    names = tuple(f"p{i}" for i in range(len(work.params)))
    order = np.array([replay.param_ids.index(name) for name in names])
    kinds = (("x", work.inputs), ("y", work.labels))
    ids = tuple(f"{kind}{i}" for kind, columns in kinds for i in range(len(columns)))
    columns = np.concatenate((work.inputs, work.labels))
    batches = [{ids: np.ascontiguousarray(columns[:, rows])} for rows in work.batches]
    old = [replay.batch(batch, grad="sum", wrt=names, math="libm") for batch in batches]

    def epoch() -> None:
        for i, batch in enumerate(batches):
            replay.param_primals[order] = work.params
            old[i] = replay.batch(batch, grad="sum", wrt=names, math="libm", reuse=old[i])

    return timed(epoch, _BURST)
