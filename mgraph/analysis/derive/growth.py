"""What the backward pass adds to a graph, before it is a graph of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mgraph.ops import op_of

if TYPE_CHECKING:
    from array import array

    from mgraph.analysis.derive.request import Derivation
    from mgraph.graph.columns import Columns


@dataclass(frozen=True)
class Growth:
    """K new nodes behind the N nodes of a graph; some of either may be used by nothing.

    Attributes:
        graph: The graph.
        derivation: What is derived.
        opcode: u8[K], that of a const or an op with one or two arguments.
        first: u32[K], the first argument, a node of the graph or N + a new one; 0 for consts.
        second: u32[K], the second argument; the first again if there is only one.
        value: f64[K], the values of consts; 0 for ops.
        gradients: u32[number of `derivation.wrt`], the node that is each gradient.
    """

    graph: Columns
    derivation: Derivation
    opcode: bytes
    first: array[int]
    second: array[int]
    value: array[float]
    gradients: array[int]

    def arguments(self, node: int) -> tuple[int, ...]:
        """Return the arguments of a new node that is an op."""
        pair = self.first[node], self.second[node]
        return pair[: op_of(self.opcode[node]).inputs]
