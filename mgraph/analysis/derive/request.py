"""What is derived: one output, by some nodes; and which nodes take part in that."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mgraph.engine.evaluate import node_named
from mgraph.errors import GraphError, quoted
from mgraph.format.runs import SETTABLE
from mgraph.ops import CONST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.graph.columns import Columns


class Derivation(NamedTuple):
    """What is derived.

    Attributes:
        output: The node whose value is differentiated.
        wrt: The nodes by which, each once.
        kept: u8[N], 1 for the nodes on which the output depends, and for itself.
    """

    output: int
    wrt: tuple[int, ...]
    kept: bytearray


def request_of(graph: Columns, wrt: Sequence[str], output: str | None) -> Derivation:
    """Return what is asked for, as nodes.

    Args:
        graph: The graph.
        wrt: Ids; empty for all inputs and params from which a path leads to the output.
        output: The id of an output; None for the only one.

    Raises:
        GraphError: `seed` if there are several outputs and none is chosen, or it isn't an output;
            `run-node` if an id doesn't exist, is that of a const, or no path leads from there.
    """
    chosen = _output(graph, output)
    kept = bytearray(b"\x01") * len(graph)
    for node in graph.without_path_to([chosen]):
        kept[node] = 0
    if not wrt:
        nodes = tuple(i for i in graph.leaves if kept[i] and graph.op(i) in SETTABLE)
        if not nodes:
            message = f"{quoted(graph.ids[chosen])} depends on no input and no param"
            raise GraphError.of("run-node", message)
        return Derivation(chosen, nodes, kept)
    nodes = tuple(_by(graph, name, chosen, kept) for name in dict.fromkeys(wrt))
    return Derivation(chosen, nodes, kept)


def _output(graph: Columns, name: str | None) -> int:
    if name is None and len(graph.outputs) == 1:
        return graph.outputs[0]
    if name is not None and (node := node_named(graph, name)) in graph.outputs:
        return node
    count = f"the graph has {len(graph.outputs)} outputs, and only one is derived at a time"
    message = count if name is None else f"{quoted(name)} is not an output"
    names = ", ".join(quoted(graph.ids[i]) for i in graph.outputs[:5])
    fix = f"choose one, for example --output {graph.ids[graph.outputs[0]]}"
    raise GraphError.of("seed", message, expected=f"one of {names}", fix=fix)


def _by(graph: Columns, name: str, output: int, kept: bytearray) -> int:
    node = node_named(graph, name)
    if graph.op(node) == CONST:
        message = f"{quoted(name)} is a const, which has no gradient"
        raise GraphError.of("run-node", message, expected="another node than a const")
    if not kept[node]:
        message = f"no path leads from {quoted(name)} to {quoted(graph.ids[output])}"
        fix = "leave it out: no path is not the same as a gradient of zero"
        raise GraphError.of("run-node", message, fix=fix)
    return node
