"""micrograd's demo, one step of training: a 2-16-16-1 network over 100 points, full batch.

The points form two moons, the loss is the max-margin loss with L2 regularisation, the hidden layers
are relu; written as in micrograd's notebook this is one graph of 65,818 scalars, 337 of them
params. A step sets the params and runs forward and backward, to the gradients of all params, on
which all sides agree. *Flat* is that graph; *rows* is the graph of one point, run by
`Replay.batch` over 100 rows with `grad="sum"` (the regularisation, which has no rows, is added with
NumPy); *vectorised* is written by hand with matrices. Building, tracing and compiling are not
counted if they are done once; PyTorch and micrograd record the graph in every step. All sides take
turns, fast ones for many steps at a time.
"""

from __future__ import annotations

import gc
import math
import tempfile
from functools import partial
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks import c
from benchmarks.engines import Casadi, Micrograd, Torch
from benchmarks.flat import flat_of, relative_error
from benchmarks.measure import ratio, take_turns, timed
from benchmarks.networks import as_params, layers
from benchmarks.report import is_installed, progress, seconds, table, verdict, versions
from mgraph import Graph, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from benchmarks.engines import Engine
    from benchmarks.flat import Flat
    from benchmarks.measure import Ratio
    from benchmarks.report import Figures

FLAT_TARGET: Final = 1.2
ROWS_TARGET: Final = 1e-4
SIZES: Final = (2, 16, 16, 1)
_ALPHA: Final = 1e-4
_BURST: Final = 0.05
_CLOSE: Final = 1e-9


class Task(NamedTuple):
    """The demo.

    Attributes:
        points: float64[100, 2].
        labels: float64[100], 1 or -1.
        params: float64[337] by id, in the order of the notebook: each neuron's weights, then its
            bias.
    """

    points: NDArray[np.float64]
    labels: NDArray[np.float64]
    params: dict[str, float]


class Side(NamedTuple):
    """One way to do a step.

    Attributes:
        measure: Returns the seconds of a step.
        gradients: Returns float64[337] of the last step.
    """

    measure: Callable[[], float]
    gradients: Callable[[], ArrayLike]


def task(count: int = 100, seed: int = 1337) -> Task:
    """Make points on two moons, and params as micrograd draws them."""
    random = Random(seed)  # noqa: S311 - nothing secret
    points, labels = [], []
    for i in range(count):
        upper = i % 2 == 0
        angle = math.pi * random.random()
        x, y = math.cos(angle), math.sin(angle)
        x, y = (x, y) if upper else (1.0 - x, 0.5 - y)
        points.append([x + random.gauss(0.0, 0.1), y + random.gauss(0.0, 0.1)])
        labels.append(-1.0 if upper else 1.0)
    params = {}
    for layer, (inputs, neurons) in enumerate(pairwise(SIZES), start=1):
        for neuron in range(1, neurons + 1):
            for i in range(1, inputs + 1):
                params[f"layer{layer}.neuron{neuron}.w{i}"] = random.uniform(-1.0, 1.0)
            params[f"layer{layer}.neuron{neuron}.b"] = 0.0
    return Task(np.array(points), np.array(labels), params)


def flat_graph(work: Task) -> Graph:
    """Build the loss over all points as one graph, written as in the notebook."""
    params = [Value.param(primal, name=name) for name, primal in work.params.items()]
    inputs = [[Value(x) for x in point] for point in work.points.tolist()]
    scores = [_network(params, x) for x in inputs]
    losses = [
        (1 + -y * score).relu() for y, score in zip(work.labels.tolist(), scores, strict=True)
    ]
    data_loss = sum(losses) * (1.0 / len(losses))
    return Graph.of(data_loss + _ALPHA * sum(p * p for p in params))


def row_graph(work: Task) -> Graph:
    """Build the max-margin loss of one point."""
    params = [Value.param(primal, name=name) for name, primal in work.params.items()]
    x1, x2, y = (Value(0.0, name=name) for name in ("x1", "x2", "y"))
    return Graph.of((1 + -y * _network(params, [x1, x2])).relu())


def _network(params: Sequence[Value], x: Sequence[Value]) -> Value:
    following = iter(params)
    for layer, (inputs, neurons) in enumerate(pairwise(SIZES), start=1):
        out = []
        for _ in range(neurons):
            *weights, bias = (next(following) for _ in range(inputs + 1))
            neuron = sum((w * xi for w, xi in zip(weights, x, strict=True)), bias)
            out.append(neuron.relu() if layer < len(SIZES) - 1 else neuron)
        x = out
    return x[0]


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    work = task(10 if quick else 100)
    graph = flat_graph(work)
    yield f"{len(work.points)} points, {len(graph):,} nodes in the flat graph.\n"
    with tempfile.TemporaryDirectory() as folder:
        sides = _sides(work, graph, Path(folder))
        _check_same(sides)
        gc.collect()
        gc.freeze()  # so that collecting micrograd's cycles does not go through JAX's objects
        progress(f"demo: {len(sides)} sides in turn")
        measures = {name: side.measure for name, side in sides.items()}
        times = take_turns(measures, rounds=2 if quick else 15)
    yield from _report(times)
    yield f"{versions(package for _, package in _SIDES.values())}."
    return [
        {"side": name, "beside": other, "seconds": min(ours), "ratio": ratio(ours, theirs).median}
        for name, ours in times.items()
        for other, theirs in times.items()
    ]


def _report(times: Mapping[str, list[float]]) -> Iterator[str]:
    rows = []
    for name in _SIDES:
        own = times.get(name, [])
        cells = [seconds(min(own)), seconds(median(own))] if own else ["", ""]
        limit = _compared(times, name, _C)
        rows.append((name, *cells, f"{limit.median:.2f}" if limit else "", str(len(own) or "")))
    header = ("one step", "best", "median", "relative to C, flat: median ratio", "rounds")
    yield from table(header, rows)
    yield verdict("the C tape's time, flat", FLAT_TARGET, _compared(times, _FLAT, _C))
    by_hand = _compared(times, _ROWS, _BY_HAND)
    yield verdict("the time of PyTorch, vectorised, for the rows", 1.0, by_hand)
    typical = median(times[_ROWS])
    reached = "reached" if typical <= ROWS_TARGET else "missed"
    yield f"Target: rows in {seconds(ROWS_TARGET)}: {reached}, {seconds(typical)} (median)."
    yield ""


def _compared(times: Mapping[str, list[float]], first: str, second: str) -> Ratio | None:
    return ratio(times[first], times[second]) if {first, second} <= times.keys() else None


def _sides(work: Task, graph: Graph, folder: Path) -> dict[str, Side]:
    """Prepare the sides whose packages are installed, and run one step of each."""
    sides = {}
    for name, (make, package) in _SIDES.items():
        if is_installed(package):
            progress(f"demo: preparing {name}")
            if side := make(work, graph, folder):
                side.measure()
                sides[name] = side
    return sides


def _check_same(sides: Mapping[str, Side]) -> None:
    wanted = sides[_FLAT].gradients()
    for name, side in sides.items():
        error = relative_error(side.gradients(), wanted)
        assert error < _CLOSE, f"{name} is off by {error}"


# --- the sides ---


def _flat(work: Task, graph: Graph, _folder: Path) -> Side:
    replay = graph.compile()
    indices = np.array([replay.leaf_ids.index(name) for name in work.params])
    params = np.array([*work.params.values()])

    def step() -> None:
        replay.leaf_primals[indices] = params
        replay.step()

    return Side(timed(step, _BURST), lambda: replay.leaf_adjoints[indices])


def _c_tape(work: Task, graph: Graph, folder: Path) -> Side | None:
    library = c.tape_library(folder, graph.columns)
    if library is None:
        return None
    tape = c.Tape(graph.columns, library)
    indices = np.array([graph.columns.index[name] for name in work.params])
    params = np.array([*work.params.values()])

    def step() -> None:
        tape.primals[indices] = params
        tape.step()

    return Side(timed(step, _BURST), lambda: tape.adjoints[indices])


def _rows(work: Task, _graph: Graph, _folder: Path) -> Side:
    """Average over the points, and add the gradient of the regularisation."""
    replay = row_graph(work).compile()
    params = np.array([*work.params.values()])
    inputs, labels = np.ascontiguousarray(work.points.T), work.labels[None]
    columns = {("x1", "x2"): inputs, ("y",): labels}
    names = tuple(work.params)
    indices = np.array([replay.param_ids.index(name) for name in names])
    gradients: list[NDArray[np.float64]] = []

    def step() -> None:
        replay.param_primals[indices] = params
        sums = replay.batch(columns, grad="sum", wrt=names).grad_array
        gradients[:] = [sums / len(work.labels) + 2.0 * _ALPHA * params]

    return Side(timed(step, _BURST), lambda: gradients[0])


def _torch(work: Task, _graph: Graph, _folder: Path) -> Side:
    torch = import_module("torch")
    torch.set_num_threads(1)  # too little work for more: they would only wait for each other
    points, labels = torch.from_numpy(work.points.copy()), torch.from_numpy(work.labels)
    new = [
        torch.tensor(array)
        for pair in layers(np.array([*work.params.values()]), SIZES)
        for array in pair
    ]
    params = [tensor.clone().requires_grad_() for tensor in new]

    def step() -> None:
        with torch.no_grad():
            torch._foreach_copy_(params, new)
        for param in params:
            param.grad = None
        out = points
        for i in range(0, len(params), 2):
            out = torch.nn.functional.linear(out, params[i], params[i + 1])
            out = torch.relu(out) if i + 2 < len(params) else out
        losses = torch.relu(1.0 - labels * out[:, 0])
        squares = sum((param * param).sum() for param in params)
        (losses.mean() + _ALPHA * squares).backward()

    def gradients() -> NDArray[np.float64]:
        return as_params((w.grad, b.grad) for w, b in zip(params[::2], params[1::2], strict=True))

    return Side(timed(step, _BURST), gradients)


def _jax(work: Task, _graph: Graph, _folder: Path) -> Side:
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)  # noqa: FBT003
    points, labels = jax.numpy.asarray(work.points), jax.numpy.asarray(work.labels)
    params = jax.device_put([*layers(np.array([*work.params.values()]), SIZES)])

    def loss(params: Sequence[tuple[Any, Any]]) -> Any:  # noqa: ANN401 - a traced number
        out = points
        for i, (weights, bias) in enumerate(params, start=1):
            out = out @ weights.T + bias
            out = jax.nn.relu(out) if i < len(params) else out
        losses = jax.nn.relu(1.0 - labels * out[:, 0])
        return losses.mean() + _ALPHA * sum((array**2).sum() for pair in params for array in pair)

    value_and_grad = jax.jit(jax.value_and_grad(loss))
    result: list[Any] = []

    def step() -> None:
        result[:] = jax.block_until_ready(value_and_grad(params))

    return Side(timed(step, _BURST), lambda: as_params(result[1]))


def _by_scalars(
    make: Callable[[Flat, Path], Engine], _work: Task, graph: Graph, folder: Path
) -> Side:
    engine = make(flat_of(graph.columns), folder)

    def measure() -> float:
        engine.forget()
        return timed(engine.evaluate, _BURST)()

    return Side(measure, engine.gradients)


_FLAT: Final = "mgraph, flat"
_C: Final = "C, flat"
_ROWS: Final = "mgraph, rows"
_BY_HAND: Final = "PyTorch, vectorised"
_SIDES: Final[Mapping[str, tuple[Callable[[Task, Graph, Path], Side | None], str]]] = {
    _FLAT: (_flat, "llvmlite"),
    _C: (_c_tape, "numpy"),
    _ROWS: (_rows, "llvmlite"),
    _BY_HAND: (_torch, "torch"),
    "JAX, vectorised": (_jax, "jax"),
    "CasADi, flat": (partial(_by_scalars, Casadi), "casadi"),
    "micrograd, flat": (partial(_by_scalars, Micrograd), "micrograd"),
    "PyTorch, flat, one op per scalar": (partial(_by_scalars, Torch), "torch"),
}
"""The function that makes each side, and the package that it needs."""
