"""The quick set: the fewest runs of the golden set that catch every known mistake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mgraph.grade.cases import Case

QUICK: Final[tuple[tuple[str, int], ...]] = (
    ("2-over-x.json", 1),
    ("2-to-the-x.json", 1),
    ("chain-1000.json", 0),
    ("exp-of-50.json", 0),
    ("inside-abs.json", 0),
    ("inside-atan.json", 1),
    ("inside-cos.json", 1),
    ("inside-cosh.json", 1),
    ("inside-div.json", 1),
    ("inside-exp.json", 1),
    ("inside-log.json", 1),
    ("inside-max.json", 0),
    ("inside-max.json", 1),
    ("inside-min.json", 0),
    ("inside-min.json", 1),
    ("inside-neg.json", 1),
    ("inside-pow.json", 1),
    ("inside-relu.json", 0),
    ("inside-sigmoid.json", 1),
    ("inside-sin.json", 1),
    ("inside-sinh.json", 1),
    ("inside-softplus.json", 1),
    ("inside-sqrt.json", 1),
    ("inside-tan.json", 1),
    ("inside-tanh.json", 1),
    ("ladder.json", 1),
    ("logistic-regression.json", 1),
    ("net-relu-hinge.json", 1),
    ("net-tanh-squared-error.json", 0),
    ("numbers-that-are-not-whole.json", 0),
    ("op-abs.json", 3),
    ("op-log.json", 3),
    ("op-relu.json", 2),
    ("op-softplus.json", 2),
    ("shared-weight.json", 1),
    ("sigmoid-by-exp.json", 1),
    ("sigmoid-far-out.json", 3),
    ("small-values.json", 1),
    ("sum-with-repeats.json", 1),
    ("tanh-far-out.json", 3),
    ("used-early-and-late.json", 1),
    ("x-minus-2.json", 1),
    ("x-minus-x.json", 1),
    ("x-over-x.json", 1),
    ("x-plus-x.json", 1),
    ("x-to-the-minus-1.json", 2),
    ("x-to-the-minus-three-halves.json", 2),
    ("x-to-the-x.json", 1),
)
"""File names, and the indices of runs."""


def is_quick(case: Case) -> bool:
    """Whether a case of the golden set belongs to the quick set."""
    return (Path(case.file).name, case.run) in QUICK
