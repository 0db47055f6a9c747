"""How an engine's math library rounds: its results of libm ops beside the exact ones.

Each result is compared with what the op gives, in exact math, for the numbers that the engine
itself had as operands: so a difference is counted where it arises, and not where it is passed on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mgraph.golden.rerun import ulps
from mgraph.grade.observations import nodes_of
from mgraph.grade.program import NUMBER
from mgraph.ops import OPS
from mgraph.ops.exact import exact_op

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mgraph.grade.outcomes import Outcome


FAR: Final = 64
"""More units in the last place than this are not the rounding of a library but another formula."""


@dataclass(frozen=True)
class Rounding:
    """How many results of libm ops an engine rounds otherwise than exact math does.

    Attributes:
        results: How many results were compared, by op; wrong ones, outside of a case's tolerance,
            are left out.
        differing: How many of them have other bits, by op, the most frequent first.
        ulps: The largest of these differences, in units in the last place.
        far: How many more differ by more than `FAR` units, by op.
    """

    results: Mapping[str, int]
    differing: Mapping[str, int]
    ulps: int
    far: Mapping[str, int]

    def sentence(self) -> str:
        """Say it in one sentence."""
        total, differing = sum(self.results.values()), sum(self.differing.values())
        if not total:
            return "there are no results of libm ops to compare with exact ones"
        if not (differing or self.far):
            return f"all {total:,} results of libm ops have the bits of the exact one"
        parts = []
        if differing:
            parts.append(
                f"{differing:,} of {total:,} results of libm ops differ from the exact one in the "
                f"last bits, by at most {self.ulps:,} ulp ({_listed(self.differing)})"
            )
        if self.far:
            parts.append(
                f"{sum(self.far.values()):,} of {total:,} differ by more than {FAR} ulp, which is "
                f"another formula rather than rounding ({_listed(self.far)})"
            )
        return "; ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """Return the numbers as plain data."""
        ops = {
            op: {
                "results": count,
                "differing": self.differing.get(op, 0),
                "far": self.far.get(op, 0),
            }
            for op, count in sorted(self.results.items())
        }
        sums = {
            name: sum(counts.values())
            for name, counts in (
                ("results", self.results), ("differing", self.differing), ("far", self.far),
            )
        }  # fmt: skip
        return {**sums, "ulps": self.ulps, "ops": ops}


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{op} {count:,}" for op, count in counts.items())


def rounding_of(outcomes: Iterable[Outcome]) -> Rounding:
    """Compare all results of libm ops in some cases with the exact ones."""
    results: Counter[str] = Counter()
    differing: Counter[str] = Counter()
    far: Counter[str] = Counter()
    largest = 0
    for outcome in outcomes:
        for op, xs, got in _results(outcome):
            want = exact_op(OPS[op]).value(xs)
            if not outcome.case.tolerance.allows(got, want):
                continue  # a wrong value, which the cases tell
            results[op] += 1
            distance = ulps(got, want) or 0
            if distance > FAR:
                far[op] += 1
            elif distance:
                differing[op] += 1
                largest = max(largest, distance)
    return Rounding(results, dict(differing.most_common()), largest, dict(far.most_common()))


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
