"""Kill rates with their intervals, of one checkout and of two."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from tests.mutants.packages import PACKAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Tried = Mapping[str, Mapping[str, Any]]


class Outcome(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    TIME = "time"
    """It did not end. That counts as noticed: nobody overlooks a test that hangs."""
    SURVIVED = "survived"
    GONE = "gone"
    """There is no such code in this checkout."""


_Z: Final = 1.959963984540054
"""The quantile of the normal distribution for 95 % between two bounds."""


def wilson(killed: int, count: int) -> tuple[float, float]:
    """Return Wilson's interval of 95 % of a share.

    Source:
        Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    share, square = killed / count, _Z * _Z
    middle = share + square / (2 * count)
    spread = _Z * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    return (middle - spread) / (1 + square / count), (middle + spread) / (1 + square / count)


def is_killed(trial: Mapping[str, Any]) -> bool:
    """Whether the tests noticed a mutant."""
    return trial.get("outcome") in (Outcome.KILLED, Outcome.TIME)


def is_counted(trial: Mapping[str, Any]) -> bool:
    """Whether a mutant was tried; not if it is gone, nor if it is the run without a mutant."""
    return "outcome" in trial and trial["outcome"] != Outcome.GONE


def summary(tried: Tried) -> Iterator[str]:
    """Yield the kill rate of each package and of all, then the survivors."""
    counted = [trial for trial in tried.values() if is_counted(trial)]
    for package in PACKAGES:
        yield _rate(package, (trial for trial in counted if trial["package"] == package))
    yield _rate("all", counted)
    for number, trial in tried.items():
        if is_counted(trial) and not is_killed(trial):
            yield _survivor(number, trial)


def compared(before: Tried, after: Tried) -> Iterator[str]:
    """Yield both kill rates, those of the mutants that both have, and who is noticed no more."""
    yield "before"
    yield from summary(before)
    yield "\nafter"
    yield from summary(after)
    both = [
        number
        for number in before
        if is_counted(before[number]) and is_counted(after.get(number, {}))
    ]
    yield "\nmutants in both"
    yield _rate("before", (before[number] for number in both))
    yield _rate("after", (after[number] for number in both))
    for text, first, second in (("noticed no more", before, after), ("noticed now", after, before)):
        yield f"\n{text}"
        for number in both:
            if is_killed(first[number]) and not is_killed(second[number]):
                yield _survivor(number, after[number])


def _rate(name: str, trials: Iterable[Mapping[str, Any]]) -> str:
    outcomes = [*map(is_killed, trials)]
    if not outcomes:
        return f"{name}: none"
    low, high = wilson(sum(outcomes), len(outcomes))
    share = sum(outcomes) / len(outcomes)
    return f"{name}: {sum(outcomes)} of {len(outcomes)}, {share:.1%} ({low:.1%} to {high:.1%})"


def _survivor(number: str, trial: Mapping[str, Any]) -> str:
    head = f"{number}: {trial['path']}:{trial['line']} {trial['unit']}, {trial['operator']}"
    return "\n".join([head, *(f"    {line}" for line in trial["diff"])])
