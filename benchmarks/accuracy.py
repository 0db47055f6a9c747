"""Error and time of each libm op, by math library.

The error is the largest distance from mpmath's value at 50 digits; points are drawn from a normal
distribution over several magnitudes. The time is that of one op on one row, forward only, in a
graph that has the op a hundred times, over rows that stay in the cache.
"""

from __future__ import annotations

import random
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import mpmath
import numpy as np

from benchmarks.measure import take_turns
from benchmarks.report import table
from mgraph import Graph, Value
from mgraph.engine.tape.libraries import NAMES, library
from mgraph.errors import MissingExtraError
from mgraph.ops import OPS, TABLE, Op
from mgraph.value import apply

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from numpy.typing import NDArray

    from benchmarks.report import Figures

_ROWS: Final = 2**14

_COPIES: Final = 100

_EXACT: Final[dict[str, Callable[..., Any]]] = {
    "pow": mpmath.power,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
}


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    libraries = [name for name in NAMES if _is_installed(name)]
    rows = [
        (op.name, *(cell for name in libraries for cell in _cells(*measured[name])))
        for op in TABLE
        if not op.exact
        for measured in [_measured(op, libraries, 200 if quick else _ROWS, 3 if quick else 50)]
    ]
    header = (f"{name} {unit}" for name in libraries for unit in ("ulp", "ns"))
    yield from table(("op", *header), rows)
    return []


def _is_installed(name: str) -> bool:
    try:
        library(name)
    except MissingExtraError:
        return False
    return True


def _cells(ulps: float, seconds: float) -> tuple[str, str]:
    return f"{ulps:.2f}", f"{seconds * 1e9:.1f}"


def _measured(op: Op, names: list[str], count: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Return the largest error in ulp and the shortest time per row in seconds, by library."""
    columns = _points(op, count)
    inputs = tuple(Value.input(1.0, name=name) for name in columns)
    replay = Graph.of(apply(op, inputs)).compile()
    copies = Graph.of(apply(OPS["sum"], tuple(apply(op, inputs) for _ in range(_COPIES)))).compile()
    times = take_turns({name: _timed(copies, columns, name) for name in names}, rounds)
    exact = _exact(op, columns)
    return {
        name: (
            _worst(next(iter(replay.batch(columns, math=name).outputs.values())), exact),
            min(times[name]) / count / _COPIES,
        )
        for name in names
    }


def _points(op: Op, count: int) -> dict[str, NDArray[np.float64]]:
    generator = random.Random(op.name)  # noqa: S311 - no secrets
    x = [generator.gauss() * np.exp(1.5 * generator.gauss()) for _ in range(count)]
    points = {"a": np.fmod(np.abs(x), op.domain[0].high) if op.domain else np.array(x)}
    if op.inputs > 1:
        points["b"] = np.array([generator.uniform(-3.0, 3.0) for _ in range(count)])
    return points


def _timed(replay: Any, columns: dict[str, NDArray[np.float64]], name: str) -> Callable[[], float]:  # noqa: ANN401
    def measure() -> float:
        start = perf_counter()
        replay.batch(columns, math=name, grad=None)
        return perf_counter() - start

    return measure


def _exact(op: Op, columns: dict[str, NDArray[np.float64]]) -> list[Any]:
    function = _EXACT.get(op.name) or getattr(mpmath, op.name)
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    with mpmath.workdps(50):
        return [function(*map(mpmath.mpf, row)) for row in rows]


def _worst(values: NDArray[np.float64], exact: list[Any]) -> float:
    """Return the largest error of finite numbers, in units in the last place."""
    with mpmath.workdps(50):
        return max(
            float(abs(mpmath.mpf(x) - y) / mpmath.mpf(float(np.spacing(abs(float(y))))))
            for x, y in zip(values.tolist(), exact, strict=True)
            if np.isfinite(x) and abs(x) > 1e-300  # noqa: PLR2004 - subnormals have fewer digits
        )
