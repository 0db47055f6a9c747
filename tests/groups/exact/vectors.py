"""Right answers for tests that have no MPFR: `python -m tests.groups.exact.vectors` writes them.

tests/ops/exact_vectors.json has some rows for each function: arguments and result, as the 16
hexadecimal digits of their bits. All NaNs are written as one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import numpy as np

from tests.groups.exact.arguments import KINDS, PAIRS, SPECIAL, hard_cases
from tests.groups.exact.oracle import FUNCTIONS, right_answers
from tests.ops.exact_vectors import VECTORS, bits_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.groups.exact.oracle import Doubles

SEED: Final = 5
OF_A_KIND: Final = 8
HARD: Final = 20
_FEW: Final = (0.0, 5e-324, 0.5, 1.0, 2.0, 3.0, np.inf, np.nan)


def columns_of(name: str) -> tuple[Doubles, ...]:
    """Return the arguments of a function: special ones, some of each kind, hard cases."""
    random = np.random.default_rng([SEED, *name.encode()])
    values = np.array([x for y in (_FEW if name in PAIRS else SPECIAL) for x in (y, -y)])
    special = (values,) if name not in PAIRS else (values.repeat(16), np.tile(values, 16))
    parts = [special, *(kind(random, OF_A_KIND) for kind in KINDS[name])]
    parts.append(tuple(column[:HARD] for column in hard_cases(name)))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def document() -> dict[str, list[str]]:
    """Return the rows of all functions."""
    rows = {}
    for name in FUNCTIONS:
        columns = columns_of(name)
        numbers = [*columns, right_answers(name, columns)]
        digits = [[bits_of(x) for x in column.tolist()] for column in numbers]
        rows[name] = [" ".join(row) for row in zip(*digits, strict=True)]
    return rows


def write(path: Path = VECTORS) -> None:
    """Write the file."""
    path.write_text(json.dumps(document(), indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
