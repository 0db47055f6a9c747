"""PyTorch modules as graphs, through `torch.export`."""

from __future__ import annotations

import operator
import warnings
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from mgraph.codec import LIMITS
from mgraph.errors import quoted
from mgraph.importing.packages import require
from mgraph.importing.problems import Problems, refuse
from mgraph.importing.scalars import Scalars, Tensor, known
from mgraph.importing.torch_ops import OPERATORS, WHOLE
from mgraph.ops import CONST, INPUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.codec import Limits
    from mgraph.document import Graph
    from mgraph.importing.scalars import Array


def read_torch(module: Any, example: tuple[Any, ...], limits: Limits = LIMITS) -> Graph:
    """Return the graph that a module computes for arguments of the shapes of the example.

    Args:
        module: A module, or a program that `torch.export` made.
        example: Arguments, whose values the inputs declare.
        limits: The most nodes.

    Raises:
        GraphError: Everything that can't be imported.
        MissingExtraError: PyTorch is not installed.
        TypeError: `module` is neither.
    """
    torch = require("torch")
    program = module
    if isinstance(module, torch.nn.Module):
        with _without_own_warnings():
            program = torch.export.export(module, example, strict=False)
    elif not isinstance(module, torch.export.ExportedProgram):
        kind = type(module).__name__
        message = f"expected a torch.nn.Module, or a program of torch.export.export, not {kind}"
        raise TypeError(message)
    elif not example and program.example_inputs:
        example = program.example_inputs[0]
    leaves = [x for x in torch.utils._pytree.tree_leaves(example) if x is not None]  # noqa: SLF001
    problems = Problems()
    _check_gradients(program, problems)
    return _ProgramReader(_decomposed(program), limits, problems).graph(
        leaves, type(module).__name__
    )


def _check_gradients(program: Any, problems: Problems) -> None:
    """Note where gradients are stopped, which decompositions don't show.

    A graph has no op that passes on a value without its gradient. Constants that are written in the
    code are detached, too, which changes nothing.
    """
    for node in program.graph.nodes:
        name = str(node.target)
        constant = "lift_fresh_copy" in str(getattr([*node.all_input_nodes, None][0], "target", ""))
        if ("detach" in name and not constant) or "set_grad_enabled" in name:
            message = "a gradient that is stopped: graphs pass on the gradient of every value"
            problems.add("unknown-op", f"node {quoted(node.name)} ({name})", message)


def _decomposed(program: Any) -> Any:
    """Return a program in few operators; decomposing takes seconds, so only if it is necessary."""
    calls = [x.target for x in program.graph.nodes if x.op == "call_function"]
    if all(_operator_name(x) in OPERATORS for x in calls):
        return program
    torch = require("torch")
    table = torch.export.default_decompositions()
    whole = [key for key in table if key._schema.name.partition("::")[2] in WHOLE]  # noqa: SLF001
    for key in whole:
        table.pop(key, None)
    with _without_own_warnings():
        return program.run_decompositions(table)


@contextmanager
def _without_own_warnings() -> Iterator[None]:
    """Silence what PyTorch warns itself of: it uses a class that it has deprecated."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)
        yield


class _ProgramReader:
    """Evaluates an exported program, with node numbers for numbers."""

    def __init__(self, program: Any, limits: Limits, problems: Problems) -> None:
        self._program = program
        self._problems = problems
        self._scalars = Scalars(limits)
        self._results: dict[Any, Any] = {}

    def graph(self, example: list[Any], title: str) -> Graph:
        """Return the graph."""
        nodes = [*self._program.graph.nodes]
        holders = [x for x in nodes if x.op == "placeholder"]
        specs = self._program.graph_signature.input_specs
        values = iter(example)
        pairs = [*zip(holders, specs, strict=True)]
        for node, spec in pairs:  # inputs come first
            if spec.kind.name == "USER_INPUT":
                self._input(node, next(values, None))
        for node, spec in pairs:
            if spec.kind.name != "USER_INPUT":
                self._weights(node, spec)
        for node in nodes:
            if node.op == "call_function":
                self._node(node)
            elif node.op not in {"placeholder", "output"}:
                self._problems.add("unknown-op", f"node {quoted(node.name)}", f"a {node.op}")
        self._problems.check()
        return self._scalars.graph(self._outputs(nodes[-1]), title)

    def _input(self, node: Any, value: Any) -> None:
        with self._problems.noted(f"input {quoted(node.name)}"):
            shown = node.meta.get("val")
            if shown is None or not hasattr(shown, "shape"):
                self._results[node] = node.meta.get("val")
                return
            if not shown.dtype.is_floating_point:
                refuse(f"it has the type {shown.dtype}; inputs are real numbers", "type")
            shape = [n if isinstance(n, int) else 1 for n in shown.shape]
            data = None if value is None or list(value.shape) != shape else _values(value)
            self._results[node] = self._scalars.leaf(INPUT, node.name, shape, data)

    def _weights(self, node: Any, spec: Any) -> None:
        program, name = self._program, spec.target
        if spec.kind.name == "PARAMETER":
            values = _values(program.state_dict[name])
            self._results[node] = self._scalars.param(name, values)
            return
        source = program.state_dict if name in program.state_dict else program.constants
        values = source[name]
        if not hasattr(values, "dtype"):
            self._problems.add("type", f"constant {quoted(name)}", "it is no tensor")
        elif spec.kind.name == "BUFFER" and values.dtype.is_floating_point and values.ndim:
            data = _values(values)
            self._results[node] = self._scalars.leaf(CONST, name, data.shape, data)
        else:
            self._results[node] = known(_values(values))

    def _node(self, node: Any) -> None:
        if any(x not in self._results for x in node.all_input_nodes):
            return  # follows from another problem
        where = f"node {quoted(node.name)} ({node.target}{self._shape(node)})"
        with self._problems.noted(where):
            if node.target is operator.getitem:
                result = self._results[node.args[0]][node.args[1]]
            else:
                result = self._scalars.named(_name(node), lambda: self._made(node))
            self._results[node] = result

    def _made(self, node: Any) -> Any:
        make = OPERATORS.get(_operator_name(node.target))
        if make is None:
            return refuse("this operator can't be imported")
        schema = node.target._schema  # noqa: SLF001 - the names of the arguments are only there
        arguments = {x.name: x.default_value for x in schema.arguments if x.has_default_value()}
        named = zip((x.name for x in schema.arguments), node.args, strict=False)
        given = {**dict(named), **node.kwargs}
        return make(
            self._scalars,
            SimpleNamespace(**{**arguments, **{key: self._value(x) for key, x in given.items()}}),
        )

    def _value(self, given: Any) -> Any:
        """Return an argument with tensors in place of nodes, also in lists."""
        if isinstance(given, (list, tuple)):
            return [self._results[x] if type(x).__name__ == "Node" else x for x in given]
        return self._results[given] if type(given).__name__ == "Node" else given

    def _shape(self, node: Any) -> str:
        shapes = [self._results[x] for x in node.all_input_nodes]
        text = ", ".join(str(list(x.shape)) for x in shapes if isinstance(x, Tensor))
        return f" of {text}" if text else ""

    def _outputs(self, node: Any) -> list[tuple[str, Tensor]]:
        specs = self._program.graph_signature.output_specs
        made = [self._results[x] for x in node.args[0] if type(x).__name__ == "Node"]
        chosen = [
            x for x, spec in zip(made, specs, strict=False) if spec.kind.name == "USER_OUTPUT"
        ]
        if len(chosen) == 1:
            return [("output", chosen[0])]
        return [(f"output{i}", x) for i, x in enumerate(chosen, 1)]


def _operator_name(target: Any) -> str:
    """Return the name of an operator of ATen; empty for anything else."""
    schema = getattr(target, "_schema", None)
    space, _, name = (schema.name if schema else "").partition("::")
    return str(name) if space == "aten" else ""


def _values(tensor: Any) -> Array:
    whole = tensor.detach().cpu()
    return np.asarray(whole.double() if whole.dtype.is_floating_point else whole)


def _name(node: Any) -> str:
    """Return what the numbers of a node are called: by its module, then by itself."""
    stack = [*(node.meta.get("nn_module_stack") or {}).values()]
    path = stack[-1][0] if stack else ""
    return f"{path}.{node.name}" if path else str(node.name)
