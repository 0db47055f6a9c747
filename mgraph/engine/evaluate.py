"""Evaluating a graph: check inputs and seed, let an engine run it, and return a Run."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple, Protocol

from mgraph import __version__
from mgraph.errors import REPORTED, GraphError, quoted
from mgraph.format.runs import SETTABLE
from mgraph.graph.run import SELF_RECORDED, Numbers, Run, as_number, not_a_number
from mgraph.suggestions import closest, did_you_mean

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Sequence

    from mgraph.graph.columns import Columns


class Sweeps(Protocol):
    """A function that runs a graph whose leaves all have primals."""

    def __call__(
        self, graph: Columns, seeds: Mapping[int, float], *, grad: bool
    ) -> tuple[array[float], array[int] | None, array[float] | None]:
        """Return all primals, the nodes that have an adjoint, ascending, and their adjoints.

        Without `grad` the last two are None.
        """


class Engine(NamedTuple):
    """An engine.

    Attributes:
        name: Its name, which runs record as their origin.
        sweeps: The function that runs graphs.
        math: What its runs say of their math: `EXACT_MATH`, or nothing.
    """

    name: str
    sweeps: Sweeps
    math: str = ""


def evaluate(
    graph: Columns,
    inputs: Mapping[str, float] | None,
    seed: Mapping[str, float] | None,
    engine: Engine,
    *,
    grad: bool = True,
) -> Run:
    """Run a graph forward and, by default, backward.

    Args:
        graph: The graph.
        inputs: Primals that replace the declared ones, by id of an input or param.
        seed: Adjoints of outputs, by id; may be empty if there is one output, which gets 1.0.
        engine: The engine that runs it.
        grad: Whether to run backward.

    Returns:
        A complete run: a primal for every node and, with `grad`, an adjoint for every node
        that has one.

    Raises:
        GraphError: `run-node`, `seed`, `number` or `unbound-input`.
    """
    inputs, seed = numbers_of(inputs), numbers_of(seed)
    by_node = input_nodes(graph, inputs)
    if missing := [graph.ids[i] for i in graph.unbound() if i not in by_node]:
        raise unbound_inputs(missing)
    seeds = seeded_nodes(graph, seed)
    primals, nodes, adjoints = engine.sweeps(graph.with_data(by_node), seeds, grad=grad)
    return Run(
        data=Numbers(graph, None, primals),
        grad=None if adjoints is None else Numbers(graph, nodes, adjoints),
        inputs=inputs,
        seed=seed,
        origin=f"{SELF_RECORDED}{__version__} {engine.name}",
        graph=graph.hash,
        math=engine.math,
    )


def given_inputs(
    inputs: Mapping[str, float] | None, more: Mapping[str, float]
) -> Mapping[str, float]:
    """Return the inputs of a call, which come as a mapping, as keywords, or both.

    Raises:
        GraphError: `number` if the mapping came as a keyword: `inputs` would be the id of a node.
    """
    for name, value in more.items():
        if isinstance(value, Mapping):
            fix = f"pass the {type(value).__name__} as the first argument, without {name}="
            raise not_a_number(name, value, fix)
    return {**(inputs or {}), **more}


def numbers_of(given: Mapping[str, float] | None) -> dict[str, float]:
    """Return numbers given by id as doubles; empty for None.

    Raises:
        GraphError: `number` if one is not a number.
    """
    return {name: as_number(name, value) for name, value in (given or {}).items()}


def input_nodes(graph: Columns, inputs: Mapping[str, float]) -> dict[int, float]:
    """Return the values that a run sets, by node instead of id.

    Raises:
        GraphError: `run-node` if an id does not exist, or is not that of an input or param.
    """
    return {_leaf(graph, name, "a run can't set"): value for name, value in inputs.items()}


def leaf_nodes(graph: Columns, names: Iterable[str]) -> list[int]:
    """Return the nodes of inputs and params whose gradients are asked for, each once.

    Raises:
        GraphError: `run-node` if an id does not exist, or is not that of an input or param.
    """
    return [_leaf(graph, name, "a batch has no gradient of") for name in dict.fromkeys(names)]


def _leaf(graph: Columns, name: str, problem: str) -> int:
    """Return the input or param with an id."""
    node = graph.index.get(name)
    if node is None:
        raise unknown_node(graph, name, "an input or a param")
    if graph.op(node) not in SETTABLE:
        message = f"{problem} {quoted(name)}: it is {with_article(graph.op(node))}"
        raise GraphError.of("run-node", message, expected="an input or a param")
    return node


def with_article(op: str) -> str:
    """Return the name of an op as a noun: `an add`."""
    return f"{'an' if op[0] in 'aeiou' else 'a'} {op}"


def node_named(graph: Columns, name: str) -> int:
    """Return the node with an id.

    Raises:
        GraphError: `run-node` if there is none.
    """
    node = graph.index.get(name)
    if node is None:
        raise unknown_node(graph, name, "the id of a node")
    return node


def unbound_inputs(names: Sequence[str], *, in_run: bool = True) -> GraphError:
    """Build the error for inputs that have no value; `in_run` if a run could give them one."""
    from mgraph.format.runs import no_value  # noqa: PLC0415 - only for errors

    more = max(0, len(names) - REPORTED)
    return GraphError([no_value(name, in_run=in_run) for name in names[:REPORTED]], more)


def seeded_nodes(graph: Columns, seed: Mapping[str, float]) -> dict[int, float]:
    """Return the adjoint that each seeded output starts with, by node.

    Raises:
        GraphError: `seed` if it is missing with several outputs, names something that is not an
            output, or is not finite; `run-node` if it names an unknown node.
    """
    names = {graph.ids[i]: i for i in graph.outputs}
    if not seed and len(names) == 1:
        return {graph.outputs[0]: 1.0}
    if not seed or any(name not in names for name in seed):
        raise _bad_seed(graph, [*names], seed)
    for name, value in seed.items():
        if not isfinite(value):
            message = f"the seed of {quoted(name)} is {value}"
            raise GraphError.of("seed", message, expected="a finite number")
    return {names[name]: value for name, value in seed.items()}


def _bad_seed(graph: Columns, outputs: list[str], seed: Mapping[str, float]) -> GraphError:
    from mgraph.format.runs import no_seed, not_an_output  # noqa: PLC0415 - only for errors

    if not seed:
        return GraphError([no_seed(outputs)])
    for name in seed:
        if name not in graph.index:
            return unknown_node(graph, name, "an output")
    known = dict.fromkeys(outputs)
    wrong = [name for name in seed if name not in known]
    more = max(0, len(wrong) - REPORTED)
    return GraphError([not_an_output(name, outputs) for name in wrong[:REPORTED]], more)


def unknown_node(graph: Columns, name: str, expected: str) -> GraphError:
    """Build the error for an id that no node has, with a suggestion."""
    fix = did_you_mean(closest(name, graph.index))
    message = f"{quoted(name)} is not a node of this graph"
    return GraphError.of("run-node", message, expected=expected, fix=fix)
