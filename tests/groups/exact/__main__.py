"""Compare the tape with MPFR on very many arguments.

`python -m tests.groups.exact exp tanh --count 1e9` takes several minutes on two cores.

`--cases FOLDER` compares the reference and the tape on published cases instead: files of arguments
in hexadecimal, one or two on a line, named for their functions, such as CORE-MATH's exp.wc.

Most results are confirmed by the C library's long double, whose error is taken to be below 16
units of its last place; glibc's manual states at most 5. A result is only left to it if it is
farther than that from a midpoint. All others are compared with MPFR, and so are all that differ.
"""

from __future__ import annotations

import argparse
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

import numpy as np

from tests.groups.exact.arguments import KINDS, PAIRS
from tests.groups.exact.oracle import FUNCTIONS, right_answers, told
from tests.groups.exact.test_functions import by_reference, by_tape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from tests.groups.exact.oracle import Doubles

CHUNK: Final = 2**18
SMALLEST: Final = 2.0**-1074
MARGIN: Final = 2.0**-59
"""Relative; 16 units in the last of 64 places."""

LONG: Final = {
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "pow": np.power,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "atan2": np.arctan2, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
}  # fmt: skip
"""The functions that NumPy has in long double."""

_NUMBER: Final = re.compile(r"[-+]?(?:inf|nan|0x[0-9a-f.]+(?:p[-+]?\d+)?|\d+)", re.IGNORECASE)

HAS_LONG: Final = np.finfo(np.longdouble).nmant >= 63


@dataclass(frozen=True)
class Compared:
    """What a comparison found: how many by MPFR, and a line for each wrong result."""

    count: int
    by_mpfr: int
    mistakes: list[str]


def compare_chunk(name: str, seed: int) -> Compared:
    """Compare the tape on one chunk of random arguments."""
    random = np.random.default_rng([seed, *name.encode()])
    kinds = [kind for kind in KINDS[name] if kind.__name__ != "middles"]  # they take MPFR's time
    with np.errstate(all="ignore"):
        parts = [kind(random, CHUNK // len(kinds)) for kind in kinds]
    return compare(name, [np.concatenate(column) for column in zip(*parts, strict=True)])


def compare(name: str, columns: Sequence[Doubles]) -> Compared:
    """Compare the tape on some arguments."""
    got = by_tape(name, columns)
    doubtful = np.flatnonzero(~confirmed(name, columns, got))
    few = [column[doubtful] for column in columns]
    mistakes = told(name, few, got[doubtful], right_answers(name, few))
    return Compared(got.size, doubtful.size, mistakes)


@np.errstate(all="ignore")
def confirmed(name: str, columns: Sequence[Doubles], got: Doubles) -> NDArray[np.bool_]:
    """Return where long double shows that a result is right."""
    if name not in LONG or not HAS_LONG:
        return np.zeros(got.size, np.bool_)
    precise = LONG[name](*(column.astype(np.longdouble) for column in columns))
    size = np.abs(got)
    places = np.maximum(size - np.nextafter(size, 0.0), SMALLEST).astype(np.longdouble)
    near = np.abs(precise - got) < places / 2 - np.abs(precise) * np.longdouble(MARGIN)
    both_infinite = (size == np.inf) & (np.abs(precise) > np.longdouble(2.0) ** 1025)
    both_nan = np.isnan(got) & np.isnan(precise)
    same_sign = np.signbit(precise) == np.signbit(got)
    result: NDArray[np.bool_] = both_nan | ((near | both_infinite) & same_sign)
    return result


def compare_many(name: str, count: int, workers: int, seed: int) -> int:
    """Compare chunk by chunk, say on standard error how far it is, and return the exit status."""
    chunks, done, by_mpfr, wrong = -(-count // CHUNK), 0, 0, 0
    start = perf_counter()
    with ProcessPoolExecutor(workers) as pool:
        seeds = (seed * chunks + i for i in range(chunks))
        for found in pool.map(compare_chunk, [name] * chunks, seeds, chunksize=4):
            done, by_mpfr = done + found.count, by_mpfr + found.by_mpfr
            wrong += len(found.mistakes)
            for line in found.mistakes[: max(0, 100 - wrong)]:
                print(line, flush=True)
            rate = done / (perf_counter() - start)
            left = max(0, count - done) / rate
            print(f"\r{name}: {done:,} of {count:,}, {wrong:,} wrong, {left:,.0f} s left  ",
                  end="", file=sys.stderr, flush=True)  # fmt: skip
    print(file=sys.stderr)
    seconds = perf_counter() - start
    print(f"{name}: {done:,} compared ({by_mpfr:,} with MPFR), {wrong:,} wrong, {seconds:.0f} s")
    return 1 if wrong else 0


def published(folder: Path, name: str) -> Iterator[tuple[Doubles, ...]]:
    """Yield the columns of a file of published cases, with both signs; nothing without one."""
    for path in [*folder.rglob(f"{name}.wc")][:1]:
        rows = [row for row in map(_row, path.read_text(encoding="utf-8").splitlines()) if row]
        width = 2 if name in PAIRS else 1
        columns = np.array([row for row in rows if len(row) == width]).reshape(-1, width).T
        yield tuple(columns)
        yield (-columns[0], *columns[1:])


def _row(line: str) -> list[float]:
    """Return the numbers of a line; comments and other words are left out."""
    words = line.partition("#")[0].replace(",", " ").replace("snan", "nan").split()
    return [float.fromhex(word) for word in words if _NUMBER.fullmatch(word)]


def compare_published(folder: Path, names: Sequence[str]) -> int:
    """Compare reference and tape on published cases; return the exit status."""
    status = 0
    for name in names:
        for columns in published(folder, name):
            want = right_answers(name, columns)
            for way, results in (("reference", by_reference), ("tape", by_tape)):
                mistakes = told(name, columns, results(name, columns), want)
                print(f"{name}, {way}: {want.size:,} cases, {len(mistakes):,} wrong", flush=True)
                print("\n".join(mistakes[:100]), end="\n" if mistakes else "")
                status = max(status, 1 if mistakes else 0)
    return status


def main() -> int:
    """Compare what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.groups.exact", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(FUNCTIONS)}; default: all")
    parser.add_argument("--count", type=float, default=1e7, help="arguments of each function")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers")
    parser.add_argument("--cases", type=Path, metavar="FOLDER", help="published cases")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in FUNCTIONS]:
        parser.error(f"there is no {', '.join(unknown)}")
    names = options.names or [*FUNCTIONS]
    if options.cases:
        return compare_published(options.cases, names)
    many = (compare_many(name, int(options.count), options.workers, options.seed) for name in names)
    return max([*many])


if __name__ == "__main__":
    sys.exit(main())
