"""How an engine's math library rounds: its results of libm ops beside the exact ones.

Each result is compared with what the op gives, in exact math, for the numbers that the engine
itself had as operands: so a difference is counted where it arises, and not where it is passed on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mgraph.golden.rerun import ulps
from mgraph.grade.observations import nodes_of
from mgraph.grade.program import NUMBER
from mgraph.ops import OPS
from mgraph.ops.exact import exact_op

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mgraph.grade.outcomes import Outcome


@dataclass(frozen=True)
class Rounding:
    """How many results of libm ops an engine rounds otherwise than exact math does.

    Attributes:
        results: How many results were compared, by op; wrong ones, outside of a case's tolerance,
            are left out.
        differing: How many of them have other bits, by op, the most frequent first.
        ulps: The largest difference, in units in the last place.
    """

    results: Mapping[str, int]
    differing: Mapping[str, int]
    ulps: int

    def sentence(self) -> str:
        """Say it in one sentence."""
        total, differing = sum(self.results.values()), sum(self.differing.values())
        if not total:
            return "there are no results of libm ops to compare with exact ones"
        if not differing:
            return f"all {total:,} results of libm ops have the bits of the exact one"
        names = ", ".join(f"{op} {count:,}" for op, count in self.differing.items())
        return (
            f"{differing:,} of {total:,} results of libm ops differ from the exact one in the last "
            f"bits, by at most {self.ulps:,} ulp ({names})"
        )

    def as_json(self) -> dict[str, Any]:
        """Return the numbers as plain data."""
        ops = {
            op: {"results": count, "differing": self.differing.get(op, 0)}
            for op, count in sorted(self.results.items())
        }
        total, differing = sum(self.results.values()), sum(self.differing.values())
        return {"results": total, "differing": differing, "ulps": self.ulps, "ops": ops}


def rounding_of(outcomes: Iterable[Outcome]) -> Rounding:
    """Compare all results of libm ops in some cases with the exact ones."""
    results: Counter[str] = Counter()
    differing: Counter[str] = Counter()
    largest = 0
    for outcome in outcomes:
        for op, xs, got in _results(outcome):
            want = exact_op(OPS[op]).value(xs)
            if not outcome.case.tolerance.allows(got, want):
                continue  # a wrong value, which the cases tell
            results[op] += 1
            if distance := ulps(got, want):
                differing[op] += 1
                largest = max(largest, distance)
    return Rounding(results, dict(differing.most_common()), largest)


def _results(outcome: Outcome) -> Iterator[tuple[str, tuple[float, ...], float]]:
    """Yield each libm op of a case with its operands and its result, as the engine had them."""
    answer = outcome.answer
    if not answer.has_numbers:
        return
    steps, nodes = answer.program.steps, nodes_of(outcome)

    def datum(step: int) -> float | None:
        if steps[step].op == NUMBER:
            return steps[step].x
        return answer.data[nodes[step]] if step in nodes else None

    for i, step in enumerate(steps):
        if step.op in OPS and not OPS[step.op].exact:
            *xs, got = (*map(datum, step.args), datum(i))
            if got is not None and None not in xs:
                yield step.op, tuple(x for x in xs if x is not None), got
