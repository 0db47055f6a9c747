"""The gradient of a graph as a graph: the backward pass in nodes like any others.

The new nodes do in the same order what an engine does backward: one `mul` for each product of an
adjoint and a partial, one `add` for each further one that an adjoint gets. So their values are the
adjoints of a run, bit for bit, except for the sign of zero: a run begins each adjoint at +0.0,
which turns -0.0 into +0.0, and the graph doesn't.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgraph.analysis.derive import layout, plain
from mgraph.analysis.derive.request import request_of
from mgraph.codec import LIMITS
from mgraph.collector import paused_collector
from mgraph.graph.passes import MANY, passes_for
from mgraph.graph.passes.plain import PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.analysis.derive.request import Derivation
    from mgraph.graph.columns import Columns


def derived(graph: Columns, wrt: Sequence[str] = (), output: str | None = None) -> Columns:
    """Return a graph whose outputs are an output of a graph and its gradients.

    Args:
        graph: The graph.
        wrt: The ids of the nodes by which to derive; empty for all inputs and params from which a
            path leads to the output.
        output: The id of the output; None for the only one.

    Raises:
        GraphError: `seed` if there are several outputs and none is chosen, or it isn't an output;
            `run-node` if an id doesn't exist, is that of a const, or no path leads from there.
    """
    derivation = request_of(graph, wrt, output)
    with paused_collector():
        return _derived(graph, derivation)


def _derived(graph: Columns, derivation: Derivation) -> Columns:
    if len(graph) >= MANY and is_vectorised():
        from mgraph.analysis.derive import columns, layout_columns  # noqa: PLC0415 - an extra

        growth = columns.grow(graph, derivation) or plain.grow(graph, derivation)
        return layout_columns.assembled(growth)
    return layout.assembled(plain.grow(graph, derivation))


def is_vectorised() -> bool:
    """Whether large graphs can be derived with NumPy."""
    return passes_for(LIMITS.nodes) is not PLAIN


def title(name: str, output: str) -> str:
    """Return the name of a gradient graph.

    Args:
        name: The name of the graph that was derived; empty if it has none.
        output: The id of the output.
    """
    short = f"gradient of {output}"
    long = f"{short} in {name}" if name else short
    return long if len(long.encode()) <= LIMITS.text else short
