"""Fast paths of the correctly rounded functions: pairs of doubles, and the proofs of their bounds.

A fast path computes a function as a pair of doubles, whose sum is within a proven bound of the
exact value, and then tests whether every number that near to it rounds to the same double
(`pairs.rounds`). If not, the slow path knows the answer, `mgraph.ops.exact`. The bound is relative
to the result; the test assumes 16 times as much. So a fast path returns (y, is_certain), and y is
the correctly rounded result if `is_certain`.

The functions are in the language of kernels (see `lowering`): they are compiled for one row and for
eight, and Python can run them, too, slowly. In a vector all sides of every `if` are computed, so
arguments that a formula is not made for are replaced by ordinary ones.

`tests/engine/test_fast_bounds.py` computes all bounds again, in exact arithmetic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mgraph.engine.tape.fast import (
    angles,
    error_function,
    exponential,
    logarithm,
    pairs,
    power,
    trigonometry,
)

if TYPE_CHECKING:
    from types import ModuleType

MODULES: Final[tuple[ModuleType, ...]] = (
    pairs, exponential, logarithm, trigonometry, angles, power, error_function,
)  # fmt: skip
"""Where the functions are; their names differ from each other."""

PREFIX: Final = "fast_"
"""What the names of fast paths start with, before that of the function in C."""
