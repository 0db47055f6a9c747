"""Engines that compute a graph of add, mul, tanh and relu one scalar op at a time.

Each is a class: its constructor builds what can be kept, `evaluate` runs forward and backward from
the primals of the params, and `gradients` returns the result. Engines that record the graph in
every forward pass have nothing to keep: their constructor runs forward once, and each `evaluate`
does so again.
"""

from __future__ import annotations

import gc
import math
import tempfile
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

import mgraph
from benchmarks import c
from benchmarks.flat import RELU, TANH, Functions, columns_of, output_of, record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from benchmarks.flat import Flat


class Engine(Protocol):
    """A graph, ready to be evaluated."""

    def evaluate(self) -> None:
        """Run forward and backward."""

    def gradients(self) -> ArrayLike:
        """Return float64[M]: the adjoints of the params from the last `evaluate`."""

    def forget(self) -> None:
        """Drop what the last `evaluate` recorded, so that freeing it is not measured."""


class _Kept:
    """An engine that builds the graph once and keeps it."""

    def forget(self) -> None:
        """Nothing is recorded."""


class Tape(_Kept):
    """mgraph's tape, loaded from a file and compiled."""

    def __init__(self, graph: Flat, file: Path) -> None:
        """Load the file; `graph` is used only to find the params."""
        self._params = graph.params
        self.replay = mgraph.load(file).compile()

    def evaluate(self) -> None:
        """Run a step."""
        self.replay.step()

    def gradients(self) -> NDArray[np.float64]:
        """Return the adjoints of the params."""
        return self.replay.adjoints[self._params]


class CTape(_Kept):
    """The tape in C."""

    def __init__(self, graph: Flat, _file: Path) -> None:
        """Compile it with gcc."""
        columns = columns_of(graph)
        with tempfile.TemporaryDirectory() as folder:
            self._tape = c.Tape(columns, c.tape_library(Path(folder), columns))
        self._params = graph.params

    def evaluate(self) -> None:
        """Run a step."""
        self._tape.step()

    def gradients(self) -> NDArray[np.float64]:
        """Return the adjoints of the params."""
        return self._tape.adjoints[self._params]


class _Recorded:
    """An engine that records the graph in every evaluation; its numbers have `.grad`."""

    def __init__(
        self,
        graph: Flat,
        param: Callable[[float], Any],
        functions: Functions,
        fixed: Callable[[float], Any],
    ) -> None:
        """Record once, which counts as building."""
        self._graph = graph
        self._record = partial(record, graph, param, functions, fixed)
        self._values = self._record()

    def evaluate(self) -> None:
        """Record the graph, which computes it, and go backward."""
        self._values = self._record()
        self.backward(self._values[-1])

    def backward(self, output: Any) -> None:  # noqa: ANN401 - the engine's number
        """Go backward."""
        output.backward()

    def gradients(self) -> list[float]:
        """Return the gradients of the params."""
        return [float(self._values[i].grad) for i in self._graph.params]

    def forget(self) -> None:
        """Drop the graph, which may be full of cycles."""
        self._values = []
        gc.collect()


class Value(_Recorded):
    """mgraph's `Value`."""

    def __init__(self, graph: Flat, _file: Path) -> None:
        """Record once."""
        value = mgraph.Value
        super().__init__(graph, value.param, {TANH: value.tanh, RELU: value.relu}, value.input)


class Micrograd(_Recorded):
    """micrograd's `Value` with the lecture's tanh, and without recursion where that is too deep."""

    def __init__(self, graph: Flat, _file: Path) -> None:
        """Record once."""
        value = import_module("micrograd.engine").Value
        super().__init__(graph, value, {TANH: _micrograd_tanh, RELU: value.relu}, value)
        self.is_own = True

    def backward(self, output: Any) -> None:  # noqa: ANN401 - micrograd's Value
        """Call micrograd's `backward`; once it was too deep for Python, go without recursion."""
        if self.is_own:
            try:
                output.backward()
            except RecursionError:  # raised before anything is computed
                self.is_own = False
        if not self.is_own:
            backward_without_recursion(output)


def _micrograd_tanh(x: Any) -> Any:  # noqa: ANN401 - micrograd's Value
    y = math.tanh(x.data)
    out = type(x)(y, (x,), "tanh")

    def backward() -> None:
        x.grad += (1.0 - y * y) * out.grad

    out._backward = backward  # noqa: SLF001 - as micrograd's own ops do
    return out


def backward_without_recursion(output: Any) -> None:  # noqa: ANN401 - micrograd's Value
    """Do the same as micrograd's `backward`, in the same order, without recursion."""
    order = []
    visited = {output}
    stack = [(output, iter(output._prev))]  # noqa: SLF001
    while stack:
        value, children = stack[-1]
        child = next((other for other in children if other not in visited), None)
        if child is None:
            order.append(value)
            stack.pop()
        else:
            visited.add(child)
            stack.append((child, iter(child._prev)))  # noqa: SLF001
    output.grad = 1
    for value in reversed(order):
        value._backward()  # noqa: SLF001


class Torch(_Recorded):
    """PyTorch, with one tensor per number."""

    def __init__(self, graph: Flat, _file: Path) -> None:
        """Record once."""
        torch = import_module("torch")
        param = partial(torch.tensor, dtype=torch.float64, requires_grad=True)
        super().__init__(graph, param, {TANH: torch.tanh, RELU: torch.relu}, float)


class Autograd:
    """HIPS autograd: all params are one array."""

    def __init__(self, graph: Flat, _file: Path) -> None:
        """Prepare the function; nothing is built before it is evaluated."""
        numpy = import_module("autograd.numpy")
        functions = {TANH: numpy.tanh, RELU: lambda x: numpy.maximum(x, 0.0)}
        self._work = import_module("autograd").value_and_grad(
            partial(output_of, graph, functions, every=False)
        )
        self._params = graph.data[graph.params]
        self._result: Any = None

    def forget(self) -> None:
        """Drop what was traced."""
        gc.collect()

    def evaluate(self) -> None:
        """Trace forward, and go backward."""
        self._result = self._work(self._params)

    def gradients(self) -> NDArray[np.float64]:
        """Return the gradient."""
        return np.asarray(self._result[1])


class Casadi(_Kept):
    """CasADi's SX, and a Function of output and gradient in its virtual machine."""

    def __init__(self, graph: Flat, _file: Path) -> None:
        """Build the expressions of value and gradient."""
        casadi = import_module("casadi")
        params = casadi.SX.sym("params", len(graph.params))
        functions = {TANH: casadi.tanh, RELU: lambda x: casadi.fmax(x, 0.0)}
        output = output_of(graph, functions, casadi.vertsplit(params), every=False)
        work = casadi.Function("f", [params], [output, casadi.gradient(output, params)])
        self._arrays = [graph.data[graph.params], np.zeros(1), np.zeros(len(graph.params))]
        self._buffer, self._evaluate = work.buffer()
        self._buffer.set_arg(0, self._arrays[0].data)
        self._buffer.set_res(0, self._arrays[1].data)
        self._buffer.set_res(1, self._arrays[2].data)

    def evaluate(self) -> None:
        """Call the function."""
        self._evaluate()

    def gradients(self) -> NDArray[np.float64]:
        """Return the gradient."""
        return self._arrays[2]


class Jax(_Kept):
    """JAX: the program of all ops, compiled."""

    def __init__(self, graph: Flat, _file: Path) -> None:
        """Trace and compile."""
        self._jax = import_module("jax")
        self._jax.config.update("jax_enable_x64", True)  # noqa: FBT003
        functions = {TANH: self._jax.numpy.tanh, RELU: self._jax.nn.relu}
        work = self._jax.value_and_grad(partial(output_of, graph, functions, every=False))
        self._params = graph.data[graph.params]
        self._work = self._jax.jit(work).lower(self._params).compile()
        self._result: Any = None

    def evaluate(self) -> None:
        """Call it, and wait."""
        self._result = self._jax.block_until_ready(self._work(self._params))

    def gradients(self) -> NDArray[np.float64]:
        """Return the gradient."""
        return np.asarray(self._result[1])


ENGINES: Final[Mapping[str, Callable[[Flat, Path], Engine]]] = {
    "tape": Tape,
    "value": Value,
    "micrograd": Micrograd,
    "torch": Torch,
    "autograd": Autograd,
    "jax": Jax,
    "casadi": Casadi,
    "c": CTape,
}
"""The constructors, which take a graph and a file of the same graph."""
