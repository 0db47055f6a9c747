"""Networks with more params than rows: one pass over a table, with the gradients of all params.

The graph is that of one row, with a `sum` per neuron; `Replay.batch` adds up the gradients over the
rows. *digits* is a 64-32-10 network (tanh, softmax cross-entropy) over 1,797 rows of 64 columns,
which is the size of scikit-learn's digits, all at once and in batches of 32; *iris* is a 4-16-3
network over 150 rows; *moons* is micrograd's demo, a 2-16-16-1 network (relu, max-margin loss) over
100. The numbers are seeded, random and float64, and all sides use one thread. PyTorch, JAX (one
jitted step) and C (`gcc -O3 -march=native -ffast-math`) work on matrices and are written by hand
for such networks. All sides agree on all gradients, and take turns.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from functools import partial
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

import mgraph
from benchmarks import c, c_rows, demo
from benchmarks.demo import Side
from benchmarks.flat import relative_error
from benchmarks.measure import ratio, take_turns, timed
from benchmarks.networks import as_params, jax_loss, layers, torch_loss
from benchmarks.report import is_installed, progress, seconds, table, verdict, versions
from mgraph import Graph, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.report import Figures

DIGITS_TARGET: Final = 3.0
JAX_TARGET: Final = 1.5
_BURST: Final = 0.05
_CLOSE: Final = 1e-9


class Task(NamedTuple):
    """A network and the rows that it is trained on.

    Attributes:
        sizes: Inputs, then the neurons of each layer; the last layer is linear.
        inputs: float64[D, N].
        labels: float64[C, N]: 1 for the class of each row; or, with one output, 1 and -1.
        params: float64[P], each neuron's weights, then its bias.
        batch: The rows of a batch.
    """

    sizes: tuple[int, ...]
    inputs: NDArray[np.float64]
    labels: NDArray[np.float64]
    params: NDArray[np.float64]
    batch: int

    @property
    def batches(self) -> list[slice]:
        """The rows of each batch."""
        count = len(self.inputs[0])
        return [slice(start, start + self.batch) for start in range(0, count, self.batch)]

    @property
    def has_classes(self) -> bool:
        """Whether the loss is the cross-entropy of a softmax, and the hidden layers are tanh."""
        return len(self.labels) > 1


def tasks(*, quick: bool) -> dict[str, Task]:
    """Return the tasks."""
    count = 100 if quick else 1797
    digits = _classes((64, 32, 10), count, count)
    moons = demo.task(10 if quick else 100)
    return {
        "digits": digits,
        "digits, batches of 32": digits._replace(batch=32),
        "iris": _classes((4, 16, 3), 150, 150),
        "moons": Task(
            demo.SIZES, np.ascontiguousarray(moons.points.T), moons.labels[None],
            np.array([*moons.params.values()]), len(moons.labels),
        ),
    }  # fmt: skip


def _classes(sizes: tuple[int, ...], count: int, batch: int) -> Task:
    """Make rows of values in 0, 1/16 … 1, a class for each, and weights of a new network."""
    generator = np.random.default_rng(1)
    inputs = generator.integers(0, 17, (sizes[0], count)) / 16.0
    labels = np.eye(sizes[-1])[:, generator.integers(0, sizes[-1], count)]
    params = np.zeros(sum(b * (a + 1) for a, b in pairwise(sizes)))
    for weights, _ in layers(params, sizes):
        weights[:] = generator.uniform(-1.0, 1.0, weights.shape) / np.sqrt(weights.shape[1])
    return Task(sizes, inputs, np.ascontiguousarray(labels), params, batch)


def row_graph(work: Task) -> Graph:
    """Build the loss of one row; its inputs are `x0` … and the labels `y0` and so on."""
    out = [Value(0.0, name=f"x{i}") for i in range(work.sizes[0])]
    labels = [Value(0.0, name=f"y{i}") for i in range(len(work.labels))]
    params = (Value.param(value, name=f"p{i}") for i, value in enumerate(work.params.tolist()))
    for layer, neurons in enumerate(work.sizes[1:], start=1):
        sums = [_neuron(params, out) for _ in range(neurons)]
        is_last = layer == len(work.sizes) - 1
        out = sums if is_last else [x.tanh() if work.has_classes else x.relu() for x in sums]
    if not work.has_classes:
        return Graph.of((1.0 + -labels[0] * out[0]).relu())
    likely = mgraph.sum(y * x for y, x in zip(labels, out, strict=True))
    return Graph.of(mgraph.sum(x.exp() for x in out).log() - likely)


def _neuron(params: Iterator[Value], inputs: Sequence[Value]) -> Value:
    products = [x * next(params) for x in inputs]
    return mgraph.sum([*products, next(params)])


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    figures: Figures = []
    for name, work in tasks(quick=quick).items():
        rows, params = len(work.inputs[0]), len(work.params)
        nodes = len(row_graph(work))
        yield f"**{name}: {rows:,} rows, {nodes:,} nodes, {params:,} params**\n"
        times = _measured(name, work, rounds=2 if quick else 15)
        yield from _report(times)
        yield from _verdicts(name, times)
        yield ""
        figures += [
            {
                "task": name,
                "beside": side,
                "seconds": min(own),
                "ratio": ratio(times[_OURS], own).median,
            }
            for side, own in times.items()
        ]
    yield f"{versions(package for _, package in _SIDES.values())}."
    return figures


def _measured(name: str, work: Task, rounds: int) -> dict[str, list[float]]:
    """Return the times of each side that is installed; all must have the same gradients."""
    sides: dict[str, Side] = {}
    with tempfile.TemporaryDirectory() as folder:
        for side, (make, package) in _SIDES.items():
            if is_installed(package) and (side != _C or shutil.which("gcc")):
                progress(f"wide: {name}, preparing {side}")
                sides[side] = make(work, Path(folder))
                sides[side].measure()
        wanted = sides[_OURS].gradients()
        for side, other in sides.items():
            error = relative_error(other.gradients(), wanted)
            assert error < _CLOSE, f"{side} is off by {error}"
        progress(f"wide: {name}, {len(sides)} sides in turn")
        return take_turns({side: other.measure for side, other in sides.items()}, rounds)


def _report(times: Mapping[str, list[float]]) -> Iterator[str]:
    rows = []
    for name in _SIDES:
        if name not in times:
            rows.append((name, "", "", "", ""))
            continue
        own, compared = times[name], ratio(times[_OURS], times[name])
        spelled = seconds(min(own)), seconds(median(own))
        rows.append((name, *spelled, f"{compared.median:.2f}", str(compared.pairs)))
    header = ("", "best", "median", "mgraph's time / its time: median ratio", "pairs")
    yield from table(header, rows)


def _verdicts(name: str, times: Mapping[str, list[float]]) -> Iterator[str]:
    for side, limit in _TARGETS.get(name, {}).items():
        compared = ratio(times[_OURS], times[side]) if side in times else None
        yield verdict(f"the time of {side}", limit, compared)


# --- the sides: each adds up the gradients of all batches ---


def _mgraph(work: Task, _folder: Path) -> Side:
    replay = row_graph(work).compile()
    inputs, labels = (
        tuple(f"{kind}{i}" for i in range(len(columns)))
        for kind, columns in (("x", work.inputs), ("y", work.labels))
    )
    batches = [{inputs: work.inputs[:, i], labels: work.labels[:, i]} for i in work.batches]
    params = tuple(f"p{i}" for i in range(len(work.params)))
    order = np.array([replay.param_ids.index(name) for name in params])
    total = np.zeros(len(params))

    def step() -> None:
        total[:] = 0.0
        replay.param_primals[order] = work.params
        for batch in batches:
            total[:] += replay.batch(batch, grad="sum", wrt=params).grad_array

    return Side(timed(step, _BURST), lambda: total)


def _torch(work: Task, _folder: Path) -> Side:
    torch = import_module("torch")
    torch.set_num_threads(1)
    inputs, labels = (torch.from_numpy(a.T.copy()) for a in (work.inputs, work.labels))
    labels = labels.argmax(dim=1) if work.has_classes else labels
    new = [torch.tensor(array) for pair in layers(work.params, work.sizes) for array in pair]
    params = [tensor.clone().requires_grad_() for tensor in new]
    loss = partial(torch_loss, torch, params, has_classes=work.has_classes)

    def step() -> None:
        with torch.no_grad():
            torch._foreach_copy_(params, new)
        for param in params:
            param.grad = None
        for rows in work.batches:
            loss(
                inputs[rows], labels[rows]
            ).backward()  # which adds to the gradients of the batches before

    def gradients() -> NDArray[np.float64]:
        return as_params((w.grad, b.grad) for w, b in zip(params[::2], params[1::2], strict=True))

    return Side(timed(step, _BURST), gradients)


def _jax(work: Task, _folder: Path) -> Side:
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)  # noqa: FBT003
    batches = [
        tuple(jax.device_put(a.T[rows].copy()) for a in (work.inputs, work.labels))
        for rows in work.batches
    ]
    params = jax.device_put([*layers(work.params, work.sizes)])

    loss = partial(jax_loss, jax, has_classes=work.has_classes)
    value_and_grad = jax.jit(jax.value_and_grad(loss))
    add = jax.jit(lambda a, b: jax.tree.map(jax.numpy.add, a, b))
    total: list[Any] = []

    def step() -> None:
        total[:] = []
        for batch in batches:
            grads = value_and_grad(params, *batch)[1]
            total[:] = add(total, grads) if total else grads
        jax.block_until_ready(total)

    return Side(timed(step, _BURST), lambda: as_params(total))


def _c(work: Task, folder: Path) -> Side:
    classes = f"-DCLASSES={int(work.has_classes)}"
    library = c.compiled(folder, "wide", _SOURCE, (*c_rows.OPTIONS, classes, f"-DW={_WIDTH}"))
    sizes, count = np.array(work.sizes, np.int64), len(work.inputs[0])
    total = np.zeros(len(work.params))
    memory = np.zeros((2, sum(work.sizes), _WIDTH))
    arrays = work.inputs, work.labels, work.params, total, memory

    def step() -> None:
        total[:] = 0.0
        for rows in work.batches:
            ends = (ctypes.c_int64(x) for x in (rows.start, min(rows.stop, count), count))
            pointers = map(c.pointer, arrays)
            library.add_gradients(ctypes.c_int64(len(sizes)), c.pointer(sizes), *ends, *pointers)

    return Side(timed(step, _BURST), lambda: total)


_WIDTH: Final = 64
"""Rows in a block of the program in C."""

_SOURCE: Final = """
#include <math.h>
#include <stdint.h>
#include <string.h>
#define EACH _Pragma("omp simd") for (int j = 0; j < W; j++)

static void loss(int64_t outputs, const double (*v)[W], double (*g)[W], const double (*y)[W]) {
  double sum[W];
  if (!CLASSES) {
    EACH g[0][j] = y[0][j] * v[0][j] < 1.0 ? -y[0][j] : 0.0;
    return;
  }
  memset(sum, 0, sizeof sum);
  for (int64_t k = 0; k < outputs; k++) EACH sum[j] += g[k][j] = exp(v[k][j]);
  for (int64_t k = 0; k < outputs; k++) EACH g[k][j] = g[k][j] / sum[j] - y[k][j];
}

void add_gradients(int64_t layers, const int64_t *size, int64_t start, int64_t stop, int64_t rows,
                   const double *x, const double *y, const double *params, double *total,
                   double (*v)[W]) {
  int64_t units = 0;
  for (int64_t l = 0; l < layers; l++) units += size[l];
  int64_t outputs = size[layers - 1];
  double (*g)[W] = v + units, labels[outputs][W];
  for (int64_t row = start; row < stop; row += W) {
    int64_t count = stop - row < W ? stop - row : W;
    for (int64_t k = 0; k < size[0]; k++) memcpy(v[k], x + k * rows + row, count * sizeof(double));
    for (int64_t k = 0; k < outputs; k++)
      memcpy(labels[k], y + k * rows + row, count * sizeof(double));
    const double *w = params;
    double (*from)[W] = v, (*to)[W] = v + size[0];
    for (int64_t l = 1; l < layers; from = to, to += size[l++])
      for (int64_t i = 0; i < size[l]; i++, w++) {
        double sum[W];
        memset(sum, 0, sizeof sum);
        for (int64_t k = 0; k < size[l - 1]; k++, w++) EACH sum[j] += *w * from[k][j];
        if (l == layers - 1) EACH to[i][j] = sum[j] + *w;
        else if (CLASSES) EACH to[i][j] = tanh(sum[j] + *w);
        else EACH to[i][j] = sum[j] + *w > 0.0 ? sum[j] + *w : 0.0;
      }
    memset(g, 0, (units - outputs) * sizeof *g);
    loss(outputs, v + units - outputs, g + units - outputs, labels);
    for (int64_t k = 0; k < outputs; k++)
      for (int64_t j = count; j < W; j++) g[units - outputs + k][j] = 0.0;
    double *sums = total + (w - params);
    to = v + units - outputs;
    for (int64_t l = layers - 1; l > 0; to = from, l--) {
      from = to - size[l - 1];
      for (int64_t i = size[l] - 1; i >= 0; i--) {
        double up[W], (*back)[W] = from + units, sum = 0.0;
        EACH {
          double a = to[i][j], slope = a > 0.0;
          if (CLASSES) slope = 1.0 - a * a;
          up[j] = l == layers - 1 ? to[units + i][j] : to[units + i][j] * slope;
          sum += up[j];
        }
        *--sums += sum;
        --w;
        for (int64_t k = size[l - 1] - 1; k >= 0; k--) {
          double share = 0.0;
          EACH share += up[j] * from[k][j];
          *--sums += share;
          --w;
          if (l > 1) EACH back[k][j] += *w * up[j];
        }
      }
    }
  }
}
"""

_OURS: Final = "mgraph"
_TORCH: Final = "PyTorch"
_JAX: Final = "JAX"
_C: Final = "C"
_SIDES: Final[Mapping[str, tuple[Callable[[Task, Path], Side], str]]] = {
    _OURS: (_mgraph, "llvmlite"),
    _TORCH: (_torch, "torch"),
    _JAX: (_jax, "jax"),
    _C: (_c, "numpy"),
}
"""The function that makes each side, and the package that it needs (C needs gcc)."""

_TARGETS: Final[Mapping[str, Mapping[str, float]]] = {
    "digits": {_TORCH: DIGITS_TARGET},
    "digits, batches of 32": {_TORCH: DIGITS_TARGET},
    "iris": {_JAX: JAX_TARGET, _TORCH: 1.0},
    "moons": {_JAX: JAX_TARGET, _TORCH: 1.0},
}
