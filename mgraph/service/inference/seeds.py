"""Gradients that outputs start with, as inputs of a graph: another one in each row."""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mgraph.graph.columns import starts
from mgraph.ops import INPUT, OPCODES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.graph.columns import Columns

SEED: Final = "seed:"
"""What the names of seeds begin with; no id contains a colon."""

SEEDED: Final = "seeded:"
"""The id of the output that is added."""


def with_seeds(graph: Columns, seeded: Sequence[int]) -> Columns:
    """Return a graph whose gradients are those of a graph from seeded outputs.

    Its last output is the sum of all products of an output and its seed, so that each output gets
    its seed as the first term of its adjoint, exactly as in a run with these seeds.

    Args:
        graph: The graph.
        seeded: The outputs that have a seed, as nodes.

    Returns:
        The graph with an input `seed:ID` for each of them, and the output `seeded:`.
    """
    count, seeds = len(graph), range(len(graph), len(graph) + len(seeded))
    products = range(seeds.stop, seeds.stop + len(seeded))
    names = [graph.ids[node] for node in seeded]
    args = [arg for pair in zip(seeded, seeds, strict=True) for arg in pair]
    kinds = [INPUT] * len(seeded) + ["mul"] * len(seeded) + ["sum"]
    sizes = [0] * len(seeded) + [2] * len(seeded) + [len(seeded)]
    ends = starts([graph.first[count], *sizes])
    return replace(
        graph,
        opcode=graph.opcode + bytes(OPCODES[kind] for kind in kinds),
        first=graph.first[:count] + ends[1:],
        args=graph.args + array("I", [*args, *products]),
        leaves=graph.leaves + array("I", seeds),
        data=graph.data + array("d", [1.0] * len(seeded)),
        has_data=None if graph.has_data is None else graph.has_data + b"\x01" * len(seeded),
        ids=[
            *graph.ids,
            *(SEED + name for name in names),
            *(f"product:{name}" for name in names),
            SEEDED,
        ],
        outputs=(*graph.outputs, products.stop),
        order=None,
    )
