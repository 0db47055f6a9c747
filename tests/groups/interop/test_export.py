"""Exported graphs in PyTorch, JAX and ONNX Runtime; golden files in C and JavaScript."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import pytest
import torch

import mgraph
from mgraph.exporting import export
from mgraph.exporting.python import RESERVED
from mgraph.exporting.words import MODULE
from mgraph.graph.run import DEFAULT, EXACT, Tolerance
from mgraph.ops import OPS
from mgraph.value import Value
from tests.command_line import FIXTURES, NEURON
from tests.exporting.running import (
    in_c,
    in_javascript,
    in_onnx,
    in_python,
    in_torch,
    module_of,
    random_graph,
    wrong,
)
from tests.loops import looped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.exporting.running import Numbers

GOLDEN = [NEURON, *sorted((FIXTURES / "run").rglob("*.json"))]
EXACT_OPS = [op.name for op in OPS.values() if op.exact]
NO_SQRT = [name for name in EXACT_OPS if name != "sqrt"]
"""PyTorch's sqrt is not always the nearest double: Intel's library is off by one place at times."""

ROUNDING = Tolerance(1e-11, 1e-14)
"""Frameworks differentiate in another order, so roundings differ; some gradients nearly cancel."""

SMALLEST, LARGEST = 1e-150, 1e150
"""JAX squares divisors, and takes numbers below 2.3e-308 for zero."""


def tolerance_of(run: mgraph.Run) -> Tolerance:
    """Return the tolerance of a run, or that for roundings if it is wider."""
    own = run.tolerance or DEFAULT
    return Tolerance(max(own.rel or 0.0, 1e-11), max(own.abs or 0.0, 1e-14))


def is_moderate(run: mgraph.Run) -> bool:
    """Whether no number of a run is so small or large that JAX computes something else."""
    numbers = (*(run.data or {}).values(), *(run.grad or {}).values(), *run.inputs.values())
    sizes = (abs(x) for x in numbers if np.isfinite(x) and x != 0.0)
    return all(SMALLEST <= size <= LARGEST for size in sizes)


def random_cases(ops: list[str]) -> Iterator[tuple[mgraph.Graph, Numbers]]:
    """Yield random graphs, with a seed."""
    for number in range(12):
        graph = random_graph(number, ops)
        yield graph, {graph.outputs[0]: 1.0}


# --- PyTorch ----------------------------------------------------------------------------------


@looped("path", GOLDEN)
def test_torch(path: Path) -> None:
    """Every golden file, kinks and infinities too; where no path leads there is no gradient."""
    graph = mgraph.load(path)
    program = in_torch(graph)
    for run in graph.runs:
        finite = all(map(np.isfinite, (run.grad or {}).values()))
        if path.stem == "atan2" and not (finite and is_moderate(run)):
            continue  # where a² + b² vanishes, PyTorch says 0
        assert wrong(program(run.inputs, run.seed), graph, run, tolerance_of(run)) == []


def test_torch_has_the_same_bits() -> None:
    """Values of exact ops but sqrt; gradients are summed up in another order."""
    for graph, seed in random_cases(NO_SQRT):
        outputs, grad = in_torch(graph)({}, seed)
        run = graph.run(seed=seed)
        assert wrong((outputs, {}), graph, run, EXACT) == []
        assert wrong(({}, grad), graph, run, ROUNDING) == []


def test_names_of_torch_are_known() -> None:
    """No param is called like an attribute of a module, which PyTorch would refuse."""
    attributes = {name for name in dir(torch.nn.Module()) if name[0] != "_"}
    assert attributes - {*MODULE, *RESERVED} == set()


def test_a_module_is_trained() -> None:
    """Params are Parameters in double precision; rows are broadcast; an optimizer moves params."""
    x, w, b = Value.input(0.0, name="x"), Value.param(0.5, name="w"), Value.param(0.5, name="b")
    graph = mgraph.Graph.of(mgraph.max((x * w + b).tanh(), x * 0.1), name="small net")
    model = module_of(graph, "torch").SmallNet()
    assert {name: x.dtype for name, x in model.named_parameters()} == dict.fromkeys(
        ("w", "b"), torch.float64
    )
    rows = torch.linspace(-1.0, 1.0, 5, dtype=torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    losses = []
    for _ in range(50):
        optimizer.zero_grad()
        loss = ((model(x=rows)[graph.outputs[0]] - rows) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_torch_over_rows() -> None:
    """Gradients of params are summed over the rows, also through functions with cases."""
    x, w = Value.input(0.0, name="x"), Value.param(2.0, name="w")
    model = module_of(mgraph.Graph.of(mgraph.max(x, w)), "torch").Graph()
    (output,) = model(x=torch.tensor([1.0, 2.0, 3.0, 0.0])).values()
    output.sum().backward()
    assert model.w.grad.item() == 1.0 + 0.5 + 0.0 + 1.0


# --- JAX --------------------------------------------------------------------------------------


def test_jax() -> None:
    """Golden files with moderate numbers, kinks included; where no path leads there is zero."""
    runs = 0
    for path in GOLDEN:
        graph = mgraph.load(path)
        moderate = [run for run in graph.runs if run.grad is not None and is_moderate(run)]
        program = in_python(graph, "jax")
        for run in moderate[:5]:
            got = program(run.inputs, run.seed)
            assert wrong(got, graph, run, tolerance_of(run), absent=0.0) == [], path
        runs += len(moderate[:5])
    assert runs > 200


def test_jax_has_the_same_bits() -> None:
    """Values of exact ops, one by one."""
    for graph, seed in random_cases(EXACT_OPS):
        outputs, grad = in_python(graph, "jax")({}, seed)
        run = graph.run(seed=seed)
        assert wrong((outputs, {}), graph, run, EXACT) == []
        assert wrong(({}, grad), graph, run, ROUNDING, absent=0.0) == []


def test_jax_transforms() -> None:
    """Functions with cases can be compiled, mapped and differentiated twice, in either mode.

    f(x) = relu(x²)·sigmoid(x); f'' at 3 is 2s + 12s' + 9s'', where s is the logistic function.
    """
    nodes = [
        {"id": "x", "op": "input", "data": 3},
        {"id": "two", "op": "const", "data": 2},
        {"id": "p", "op": "pow", "args": ["x", "two"]},
        {"id": "r", "op": "relu", "args": ["p"]},
        {"id": "s", "op": "sigmoid", "args": ["x"]},
        {"id": "y", "op": "mul", "args": ["r", "s"]},
    ]
    graph = mgraph.loads(json.dumps({"mgraph": "1.0", "nodes": nodes, "outputs": ["y"]}))
    module = module_of(graph, "jax")

    def f(x: Any) -> Any:  # noqa: ANN401 - arrays of JAX
        return module.forward(x=x)["y"]

    for x in (3.0, -3.0):  # below zero, the logarithm of x in a partial of x² is NaN
        s = 1.0 / (1.0 + np.exp(-x))
        first = s * (1.0 - s)
        second = first * (1.0 - 2.0 * s)
        want = 2.0 * s + 4.0 * x * first + x * x * second
        for mode in (jax.hessian, lambda f: jax.jit(jax.jacfwd(jax.jacfwd(f)))):
            assert mode(f)(x) == pytest.approx(want, rel=1e-12)
    rows = jnp.array([-1.0, 0.0, 2.0])
    assert jax.vmap(f)(rows).tolist() == [f(x).item() for x in rows]


# --- ONNX -------------------------------------------------------------------------------------


@looped("path", GOLDEN)
def test_onnx(path: Path) -> None:
    """Every golden file in ONNX Runtime; what it lacks is composed."""
    graph = mgraph.load(path)
    program = in_onnx(graph)
    for run in graph.runs:
        assert wrong(program(run.inputs, run.seed), graph, run, run.tolerance or DEFAULT) == []


def test_onnx_has_the_same_bits() -> None:
    """Values of exact ops."""
    for graph, seed in random_cases(EXACT_OPS):
        assert wrong(in_onnx(graph)({}, seed), graph, graph.run(seed=seed), EXACT) == []


def test_onnx_over_columns() -> None:
    """Inputs are columns, of one row if they keep their declared value; params are numbers."""
    import onnxruntime  # noqa: PLC0415

    model = export(mgraph.load(NEURON), "onnx").data
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    x1 = np.linspace(-1.0, 1.0, 7)
    (o,) = session.run(None, {"x1": x1, "w1": np.array(0.5)})
    b = 6.881373587019543
    assert o == pytest.approx(np.tanh(x1 * 0.5 + 0.0 * 1.0 + b), rel=1e-14)


def test_gradients_in_onnx() -> None:
    """A gradient graph is a model of the value and the gradients: those of the lecture."""
    outputs, _ = in_onnx(mgraph.load(NEURON).derive())({}, {})
    want = {"o": 0.7071, "d_o/d_x1": -1.5, "d_o/d_x2": 0.5, "d_o/d_w1": 1.0, "d_o/d_w2": 0.0}
    assert {name: round(outputs[name], 4) for name in want} == want


# --- C and JavaScript -------------------------------------------------------------------------


def test_c_on_golden_files(tmp_path: Path) -> None:
    """One golden file in three, compiled without a warning: the bits are those of mgraph."""
    for path in GOLDEN[::3]:
        graph = mgraph.load(path)
        program = in_c(graph, tmp_path)
        for run in graph.runs[:20]:
            got = program(run.inputs, run.seed)
            again = graph.run(run.inputs, seed=run.seed)
            assert wrong(got, graph, run, run.tolerance or DEFAULT, absent=0.0) == [], path
            assert wrong(got, graph, again, EXACT, absent=0.0) == [], path


def test_javascript_on_golden_files(tmp_path: Path) -> None:
    """Every golden file."""
    runs = [(graph, run) for graph in map(mgraph.load, GOLDEN) for run in graph.runs]
    answers = in_javascript(((graph, run.inputs, run.seed) for graph, run in runs), tmp_path)
    for got, (graph, run) in zip(answers, runs, strict=True):
        assert wrong(got, graph, run, run.tolerance or DEFAULT) == [], graph.name
