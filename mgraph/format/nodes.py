"""Rules that both encodings of nodes share: references to ids, unknown ops, outputs.

The functions that find faults run on documents that are not clean, so they take nothing for
granted, and leave out what `format.shape` has already reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from mgraph.errors import Diagnostic, Path, quoted
from mgraph.format import FORMAT_VERSION
from mgraph.format.ids import are_ids
from mgraph.ops import CONST, OPCODES
from mgraph.suggestions import LOOKED_AT, Suggestions, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.graph.columns import Columns


@dataclass(eq=False)
class KnownIds:
    """The ids of a document that may not be clean.

    Attributes:
        first: The index of the first node with each id.
        count: The number of nodes.
        is_complete: Whether the ids of all nodes could be read.
        leaves: For each leaf, whether a run may set it.
        hints: Suggestions for unknown names.
    """

    first: dict[str, int]
    count: int
    is_complete: bool
    leaves: dict[str, bool]
    hints: Suggestions = field(default_factory=Suggestions)

    @cached_property
    def _offered(self) -> list[str]:
        """The ids that may be suggested: malformed ones must be changed themselves."""
        return [*islice((name for name in self.first if are_ids([name])), LOOKED_AT)]

    def unknown(self, code: str, name: str, path: Path, what: str) -> Iterator[Diagnostic]:
        """Report a name that is not a node, unless it may be a node whose id could not be read."""
        if name in self.first or not self.is_complete:
            return
        fix = did_you_mean(self.hints.closest(name, self._offered)) or "declare it, or name another"
        message = f"{what} {quoted(name)}, which is not a node of this graph"
        yield Diagnostic(code, message, path, expected="the id of a node", fix=fix)


def ids_of(graph: Columns) -> KnownIds:
    """Return the ids of a clean graph."""
    leaves = {graph.ids[i]: graph.op(i) != CONST for i in graph.leaves}
    first = {name: i for i, name in enumerate(graph.ids)}
    return KnownIds(first, len(graph), is_complete=True, leaves=leaves)


def unknown_op(op: str, path: Path, who: str, hints: Suggestions) -> Diagnostic:
    """Say that the format has no such op."""
    message = f"{who} op {quoted(op)}, which format {FORMAT_VERSION} does not have"
    known = "one of " + ", ".join(OPCODES)
    fix = did_you_mean(hints.closest(op, OPCODES)) or "`mgraph ops` lists all ops"
    return Diagnostic("unknown-op", message, path, expected=known, fix=fix)


def outputs_are_clean(outputs: object) -> bool:
    """Whether the outputs are a list that is not empty and has no repeats; ids are not checked."""
    return type(outputs) is list and 0 < len(outputs) == len({*outputs})


def output_faults(outputs: list[Any], names: KnownIds) -> Iterator[Diagnostic]:
    """Find what is wrong with the outputs, if there are any nodes."""
    if not names.first and names.is_complete:
        return
    if not outputs:
        fix = "name the node whose value is the result"
        yield Diagnostic(
            "output", "the graph has no output", ("outputs",), expected="at least one", fix=fix
        )
    seen: dict[str, int] = {}
    for k, name in enumerate(outputs):
        if not isinstance(name, str):
            continue
        if name in seen:
            message = f"the output {quoted(name)} is named twice"
            yield Diagnostic("output", message, ("outputs", k), expected="each output once")
        seen[name] = k
        yield from names.unknown("output", name, ("outputs", k), "the outputs name")
