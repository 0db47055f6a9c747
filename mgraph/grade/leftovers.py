"""Causes that show in graphs that depend on others, or change when they are built again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mgraph.grade.causes import Cause
from mgraph.grade.observations import uses
from mgraph.grade.outcomes import Verdict
from mgraph.grade.search import MANY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.grade.evidence import Evidence
    from mgraph.grade.outcomes import Outcome

_FEW: Final = 10  # fewer than one case in ten may have another reason


def find_leftovers(evidence: Evidence) -> Iterator[Cause]:
    """Name a graph that depends on the graphs before it, and one that changes when rebuilt."""
    unsteady = evidence.unsteady
    tried = [outcome.alone for outcome in evidence.outcomes if outcome.alone is not None]
    ran = [*evidence.numeric, *unsteady]
    if tried and all(tried):
        says = (
            "a graph that is right on its own is wrong after others: something is shared "
            "between graphs, or kept from the last backward"
        )
        yield Cause("stale", "", says, [*unsteady, *evidence.wrong])
    elif len(unsteady) >= MANY and (op := _all_unsteady(unsteady, ran)):
        says = (
            f"{op} gives other numbers when the same graph is built again: it remembers something"
        )
        yield Cause("stale", op, says, unsteady)
    elif len(unsteady) >= MANY and _FEW * len(unsteady) > len(ran):
        says = (
            "the same graph gives other numbers when it is built again: it uses random numbers, or "
            "something is kept from the last graph"
        )
        yield Cause("stale", "", says, unsteady)


def _all_unsteady(unsteady: Sequence[Outcome], ran: Sequence[Outcome]) -> str:
    """Return the op whose cases are exactly those that aren't reproducible, or an empty string."""
    ops = dict.fromkeys(step.op for step in unsteady[0].answer.program.steps if step.args)
    for op in ops:
        if all(
            uses(outcome, op) == (outcome.outcome == Verdict.NOT_REPRODUCIBLE) for outcome in ran
        ):
            return op
    return ""
