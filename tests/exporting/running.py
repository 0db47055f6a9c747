"""Exported programs as functions: inputs and seed by id in, outputs and gradients by id out."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import random
import struct
import subprocess
from typing import TYPE_CHECKING, Any

import mgraph
from mgraph.exporting import export
from mgraph.exporting.c_header import FLAGS
from mgraph.format.runs import SETTABLE
from mgraph.graph.run import is_complete
from mgraph.ops import OPS, PARAM
from mgraph.value import Value, apply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from mgraph.graph.run import Tolerance

    Numbers = Mapping[str, float]
    Program = Callable[[Numbers, Numbers], tuple[Numbers, Numbers]]
    Case = tuple[mgraph.Graph, Numbers, Numbers]

WARNINGS = "-Wall -Wextra -pedantic -Werror"


def module_of(graph: mgraph.Graph, target: str) -> Any:  # noqa: ANN401 - a module that was just made
    """Return the module that a graph is exported to."""
    spec = importlib.util.spec_from_loader("exported", None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    exec(export(graph, target).text, module.__dict__)  # noqa: S102 - runs what was exported
    return module


def in_python(graph: mgraph.Graph, target: str = "python") -> Program:
    """Return the program in Python, or in another library of Python with the same functions."""
    module = module_of(graph, target)

    def program(inputs: Numbers, seed: Numbers) -> tuple[Numbers, Numbers]:
        given = {module.ARGUMENTS[name]: x for name, x in inputs.items()}
        outputs, grad = module.gradient(**given, seed=seed)
        alone = module.forward(**given)
        assert {name: bits(float(x)) for name, x in alone.items()} == {
            name: bits(float(x)) for name, x in outputs.items()
        }
        return outputs, grad

    return program


def in_c(graph: mgraph.Graph, folder: Path) -> Program:
    """Return the program in C: compiled as its header says, where no warning is allowed."""
    exported = export(graph, "c", name="graph")
    for name, content in exported.files.items():
        (folder / name).write_bytes(content)
    command = ["cc", *FLAGS.split(), *WARNINGS.split(), "-shared", "-fPIC", "graph.c", "-lm"]
    library_path = folder / f"{len([*folder.glob('*.so')])}.so"  # a library is loaded once
    subprocess.run([*command, "-o", library_path], cwd=folder, check=True)
    library: Any = ctypes.CDLL(str(library_path))
    leaves = [graph.columns.ids[i] for i in graph.columns.leaves if graph.columns.op(i) in SETTABLE]
    numbers, starts = ctypes.c_double * max(1, len(leaves)), ctypes.c_double * len(graph.outputs)

    def program(inputs: Numbers, seed: Numbers) -> tuple[Numbers, Numbers]:
        given = numbers(*numbers.in_dll(library, "graph_defaults"))
        for name, x in inputs.items():
            given[leaves.index(name)] = x
        seeds = starts(*(seed.get(name, float("nan")) for name in graph.outputs))
        outputs, alone, grad = starts(), starts(), numbers()
        pointer = ctypes.byref(seeds) if seed else None
        library.graph_gradient(
            ctypes.byref(given), pointer, ctypes.byref(outputs), ctypes.byref(grad)
        )
        library.graph_forward(ctypes.byref(given), ctypes.byref(alone))
        assert [*map(bits, alone)] == [*map(bits, outputs)]
        return dict(zip(graph.outputs, outputs, strict=True)), dict(zip(leaves, grad, strict=False))

    return program


def in_torch(graph: mgraph.Graph) -> Program:
    """Return the module of PyTorch; a gradient that PyTorch doesn't compute is left out."""
    import torch  # noqa: PLC0415 - is not installed everywhere

    module = module_of(graph, "torch")
    model = next(
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, torch.nn.Module)
    )()
    defaults = dict(zip(graph.columns.leaves, graph.columns.data, strict=True))

    def program(inputs: Numbers, seed: Numbers) -> tuple[Numbers, Numbers]:
        leaves = {}
        for name, attribute in module.ARGUMENTS.items():
            node = graph.columns.index[name]
            data = torch.tensor(inputs.get(name, defaults[node]), dtype=torch.float64)
            if graph.columns.op(node) == PARAM:
                leaves[name] = getattr(model, attribute)
                leaves[name].data, leaves[name].grad = data, None
            else:
                leaves[name] = data.requires_grad_()
        given = {name: x for name, x in leaves.items() if not isinstance(x, torch.nn.Parameter)}
        outputs = model(**{module.ARGUMENTS[name]: x for name, x in given.items()})
        for name, start in (seed or dict.fromkeys(graph.outputs, 1.0)).items():
            if outputs[name].requires_grad:
                first = torch.tensor(start, dtype=torch.float64)
                outputs[name].backward(first, retain_graph=True)
        grad = {name: x.grad.item() for name, x in leaves.items() if x.grad is not None}
        return {name: x.item() for name, x in outputs.items()}, grad

    return program


def in_onnx(graph: mgraph.Graph) -> Program:
    """Return the model as ONNX Runtime computes it, in its own order of operators; no gradients."""
    import numpy as np  # noqa: PLC0415 - is not installed everywhere
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        export(graph, "onnx").data, options, providers=["CPUExecutionProvider"]
    )

    def program(inputs: Numbers, _: Numbers) -> tuple[Numbers, Numbers]:
        ops = {name: graph.columns.op(graph.columns.index[name]) for name in inputs}
        given = {name: np.array(x if ops[name] == PARAM else [x]) for name, x in inputs.items()}
        outputs = session.run(None, given)
        return {name: x.item() for name, x in zip(graph.outputs, outputs, strict=True)}, {}

    return program


_DRIVER = """
import { readFileSync } from "node:fs";
const view = new DataView(new ArrayBuffer(8));
const bits = (x) => { view.setFloat64(0, x); return view.getBigUint64(0).toString(16); };
const number = (text) => { view.setBigUint64(0, BigInt("0x" + text)); return view.getFloat64(0); };
const over = (object, f) => Object.fromEntries(Object.entries(object).map(([k, x]) => [k, f(x)]));
const said = [];
for (const [name, ...given] of JSON.parse(readFileSync("cases.json", "utf8"))) {
  const program = await import(name);
  const [inputs, seed] = given.map((object) => over(object, number));
  const answer = program.gradient(inputs, seed);
  said.push([...answer, program.forward(inputs)].map((object) => over(object, bits)));
}
console.log(JSON.stringify(said));
"""


def in_javascript(cases: Iterable[Case], folder: Path) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield what the programs in JavaScript give for some cases, all in one process."""
    asked = []
    for i, (graph, *given) in enumerate(cases):
        (folder / f"graph{i}.mjs").write_bytes(export(graph, "javascript").data)
        asked.append(
            [f"./graph{i}.mjs", *({k: bits(x) for k, x in each.items()} for each in given)]
        )
    (folder / "cases.json").write_text(json.dumps(asked), encoding="utf-8")
    (folder / "driver.mjs").write_text(_DRIVER, encoding="utf-8")
    done = subprocess.run(["node", "driver.mjs"], cwd=folder, check=True, capture_output=True)
    for outputs, grad, alone in json.loads(done.stdout):
        assert outputs == alone
        yield tuple({k: number(x) for k, x in each.items()} for each in (outputs, grad))  # type: ignore[misc]


def bits(x: float) -> str:
    """Return the bits of a double; all NaNs are one."""
    return "7ff8000000000000" if x != x else struct.pack(">d", x).hex()


def number(text: str) -> float:
    """Return the double of some bits."""
    return float(struct.unpack(">d", bytes.fromhex(text.zfill(16)))[0])


def wrong(
    got: tuple[Numbers, Numbers],
    graph: mgraph.Graph,
    want: mgraph.Run,
    tolerance: Tolerance,
    *,
    absent: float | None = None,
) -> list[str]:
    """Return the outputs and gradients that differ from a run's.

    Args:
        got: Outputs and gradients.
        graph: The graph.
        want: The run.
        tolerance: How far they may differ.
        absent: What stands for a gradient that there isn't; None if it is left out.
    """
    data, grad = want.data or {}, want.grad
    found = [
        f"{name}: {x}" for name, x in got[0].items() if not fits(x, data.get(name, x), tolerance)
    ]
    if grad is None:
        return found
    for name, x in got[1].items():
        unknown = (
            absent if is_complete(want, graph.columns) else x
        )  # only a complete run says which there aren't
        if not fits(x, grad.get(name, unknown), tolerance):
            found.append(f"d {name}: {x}, not {grad.get(name, unknown)}")
    return found


def fits(x: float, want: float | None, tolerance: Tolerance) -> bool:
    """Whether a number is what is wanted; None wants none."""
    return want is not None and tolerance.allows(float(x), want)


def random_graph(seed: int, ops: Sequence[str] = (*OPS,), nodes: int = 40) -> mgraph.Graph:
    """Return a graph of ops drawn from some, with two outputs and leaves near the origin."""
    source = random.Random(seed)  # noqa: S311 - scattered, not secret
    values = [Value.input(source.uniform(-2.0, 2.0), name=f"x{i}") for i in range(3)]
    values += [Value.param(source.uniform(-2.0, 2.0), name=f"w.{i}") for i in range(3)]
    values += [Value.const(float(source.randint(-2, 2))) for _ in range(2)]
    while len(values) < nodes:
        op = OPS[source.choice(ops)]
        count = source.randint(1, 20) if op.fold else op.inputs
        args = tuple(source.choice(values[-12:]) for _ in range(count))
        values.append(apply(op, args))
    return mgraph.Graph.of(values[-1], values[-4])
