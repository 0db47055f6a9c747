"""Find arguments whose results are hardly distinguishable from a midpoint of two doubles.

`python -m tests.groups.exact.search` looks for a while at each function and writes hard_cases.json.

On a short interval of n doubles a function is a line, but for an error that is known. Which of the
n points of the line come closest to a midpoint is what the Euclidean algorithm tells in a few
steps, without looking at the others, so that billions of arguments are searched in a second
(V. Lefèvre, "New results on the distance between a segment and Z²", 2005). What it names is
measured with 200 digits.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from time import perf_counter
from typing import Any, Final

import gmpy2

from tests.groups.exact.arguments import HARD_CASES

WIDE: Final = gmpy2.context(precision=250)
SCALE: Final = 1 << 110
"""One place of the result, in the units of the search."""

BINADES: Final = {
    "exp": (-10, 9), "expm1": (-10, 9), "log": (-6, 40), "log1p": (-10, 40), "sin": (-8, 6),
    "cos": (-8, 6), "tan": (-8, 6), "asin": (-8, -1), "acos": (-8, -1), "atan": (-8, 12),
    "sinh": (-8, 8), "cosh": (-8, 8), "tanh": (-8, 4), "erf": (-8, 2),
}  # fmt: skip
"""The exponents of the arguments that are searched."""

POINTS: Final = 5
LONGEST: Final = 2**34


def first_within(step: int, modulus: int, low: int, high: int) -> int | None:
    """Return the smallest k ≥ 0 with low ≤ k·step mod modulus ≤ high; None if there is none."""
    step %= modulus
    if low == 0 or high >= modulus:
        return 0
    if 2 * step > modulus:
        step, low, high = modulus - step, modulus - high, modulus - low
    if step == 0:
        return None
    k = -(-low // step)
    if k * step <= high:
        return k
    turns = first_within(modulus % step, step, -high % step, -low % step)
    return None if turns is None else -(-(low + modulus * turns) // step)


def distance(name: str, x: float) -> float:
    """Return how far f(x) is from the nearest midpoint, in places of the result."""
    y = getattr(WIDE, name)(x)
    places = WIDE.div(y, float(gmpy2.next_above(gmpy2.mpfr(abs(y), 53)) - gmpy2.mpfr(abs(y), 53)))
    return abs(float(WIDE.sub(WIDE.sub(places, WIDE.floor(places)), 0.5)))


def candidates(name: str, start: float, place: float) -> list[float]:
    """Return the doubles from `start` on that come closest to midpoints, on a short interval."""
    function = getattr(WIDE, name)

    def result(k: int) -> Any:  # noqa: ANN401 - an mpfr
        return WIDE.mul(function(WIDE.add(start, WIDE.mul(k, place))), 1 / unit)

    unit = _place_of(float(function(start)))
    probe = 2**26
    bend = abs(float(WIDE.add(WIDE.sub(result(probe), WIDE.mul(2, result(0))), result(-probe))))
    bend = max(bend / probe**2 / 2.0, 1e-40)
    length = min(int((4.0 / bend) ** (1 / 3)), LONGEST)
    left, right = result(0), result(length)
    if _place_of(float(WIDE.mul(right, unit))) != unit or _place_of(start) != place:
        return []
    slope = int(WIDE.mul(WIDE.div(WIDE.sub(right, left), length), SCALE))
    slack = int(max(bend * length**2 / 4.0, 1e-16) * SCALE)
    found: list[float] = []
    k = 0
    while k < length and len(found) < POINTS:
        low = (SCALE // 2 - slack - int(WIDE.mul(left, SCALE)) - k * slope) % SCALE
        more = first_within(slope, SCALE, low, low + 2 * slack)
        if more is None or k + more >= length:
            break
        k += more
        found.append(start + k * place)
        k += 1
    return found


def _place_of(x: float) -> float:
    y = gmpy2.mpfr(abs(x), 53)
    return float(gmpy2.next_above(y) - y)


def search(name: str, seconds: float, keep: int) -> list[tuple[float, float]]:
    """Return the hardest arguments found, each behind its distance."""
    generator = random.Random(name)  # noqa: S311 - no secrets
    best: list[tuple[float, float]] = []
    end = perf_counter() + seconds
    while perf_counter() < end:
        start = generator.uniform(1.0, 2.0) * 2.0 ** generator.randrange(*BINADES[name])
        best += [(distance(name, x), x) for x in candidates(name, start, _place_of(start))]
        if len(best) > 1_000:
            best = sorted(best)[:keep]
    return sorted({*best})[:keep]


def main() -> None:
    """Search and write the file."""
    parser = argparse.ArgumentParser(prog="python -m tests.groups.exact.search")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each function")
    parser.add_argument("--keep", type=int, default=40, help="cases of each function")
    options = parser.parse_args()
    cases = {}
    for name in sorted(BINADES):
        best = search(name, options.seconds, options.keep)
        cases[name] = [x.hex() for _, x in best]
        print(f"{name}: {best[0][0]:.2g} to {best[-1][0]:.2g} places", file=sys.stderr)
    document = {"origin": "python -m tests.groups.exact.search", "functions": cases}
    HARD_CASES.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
