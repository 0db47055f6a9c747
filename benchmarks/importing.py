"""A network of 64-32-10 from ONNX, JAX and PyTorch as a graph, after the framework's own import.

Each is imported once before, and the least of some times is shown. `torch.export` is a part of the
import from PyTorch, and takes nearly all of it; when a process calls it for the first time, PyTorch
imports more of itself, which takes seconds and is not counted.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import mgraph
from benchmarks import report
from benchmarks.report import is_installed, progress, table

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from benchmarks.report import Figures

TARGET: Final = 1.0
"""Seconds that an import may take."""


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    rounds = 1 if quick else 5
    times: dict[str, float] = {}
    for package, sides in (("onnx", with_onnx), ("jax", with_jax), ("torch", with_torch)):
        if is_installed(package):
            progress(package)
            times |= {name: seconds(call, rounds) for name, call in sides().items()}
    rows = [(name, report.seconds(x), _verdict(name, x)) for name, x in times.items()]
    yield from table(("what", "time", f"target: {report.seconds(TARGET)}"), rows)
    return [{"what": name, "seconds": x} for name, x in times.items()]


def _verdict(name: str, time: float) -> str:
    if not name.startswith("`from_"):
        return ""
    return "reached" if time <= TARGET else "missed"


SIZES = (64, 32, 10)


def seconds(call: Callable[[], Any], rounds: int) -> float:
    """Return the least time of some calls, after a first one."""
    call()
    times = []
    for _ in range(rounds):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return min(times)


def weights() -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    """Return weights and biases of both layers."""
    rng = np.random.default_rng(0)
    a, b, c = SIZES
    return [rng.normal(size=shape) for shape in ((a, b), (b,), (b, c), (c,))]


def with_torch() -> dict[str, Callable[[], Any]]:
    """Return what imports a module of PyTorch."""
    import torch  # noqa: PLC0415 - so that what is not installed is left out

    nn = torch.nn
    layers = nn.Linear(*SIZES[:2]), nn.ReLU(), nn.Linear(*SIZES[1:]), nn.Softmax(-1)
    module, x = nn.Sequential(*layers).double(), torch.zeros(1, 64, dtype=torch.float64)
    return {
        "`torch.export` alone": lambda: torch.export.export(module, (x,)),
        "`from_torch`": lambda: mgraph.from_torch(module, x),
    }


def with_jax() -> dict[str, Callable[[], Any]]:
    """Return what imports a function of JAX."""
    import jax  # noqa: PLC0415

    net = weights()

    def scores(x: Any, net: Any) -> Any:  # noqa: ANN401 - arrays of JAX
        hidden = jax.nn.relu(x @ net[0] + net[1])
        return jax.nn.softmax(hidden @ net[2] + net[3])

    x = np.zeros(64)
    return {"`from_jax`": lambda: mgraph.from_jax(scores, x, net, params=(1,))}


def with_onnx() -> dict[str, Callable[[], Any]]:
    """Return what imports a model of ONNX."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    names = ["w1", "b1", "w2", "b2"]
    arrays = [numpy_helper.from_array(x, n) for x, n in zip(weights(), names, strict=True)]
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["fc1"]),
        helper.make_node("Relu", ["fc1"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "w2", "b2"], ["fc2"]),
        helper.make_node("Softmax", ["fc2"], ["y"]),
    ]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "net", [info("x", TensorProto.DOUBLE, ["N", 64])],
        [info("y", TensorProto.DOUBLE, None)], arrays,
    )  # fmt: skip
    data = helper.make_model(graph).SerializeToString()
    return {"`from_onnx`": lambda: mgraph.from_onnx(data)}
