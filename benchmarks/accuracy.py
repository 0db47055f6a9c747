"""Accuracy and time of each libm op, by math library.

*Differs* is how often a result has other bits than exact math gives for the same arguments; 0 says
never. *Ulp* is the largest distance from mpmath's value at 50 digits. The points are drawn from a
normal distribution over several magnitudes. *Ns* is the time of one op on one row, forward only, in
a graph that has the op a hundred times, over rows that stay in the cache. V8 is node's `Math`, by
which the page computes; it isn't timed.
"""

from __future__ import annotations

import json
import platform
import random
import shutil
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import mpmath
import numpy as np

from benchmarks.accuracy_page import share_cell
from benchmarks.measure import take_turns
from benchmarks.report import table
from mgraph import Graph, Value, viewer
from mgraph.engine.tape.libraries import NAMES, library
from mgraph.errors import MissingExtraError
from mgraph.ops import OPS, TABLE, Op
from mgraph.ops.exact import exact_op
from mgraph.value import apply

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from numpy.typing import NDArray

    from benchmarks.report import Figures

    Doubles = NDArray[np.float64]

_ROWS: Final = 2**14

COPIES: Final = 100

FEW: Final = 256
"""The rows to measure something very slow with."""

_LONG: Final = 2e-6

_EXACT: Final[dict[str, Callable[..., Any]]] = {
    "pow": mpmath.power,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
}


V8: Final = "V8"

_SCRIPT: Final = """
import { readFileSync } from "node:fs";
import { OPS } from "./ops.js";
const { op, columns } = JSON.parse(readFileSync(0, "utf8"));
const value = OPS.get(op).value;
const bytes = new DataView(new ArrayBuffer(8));
const bits = (x) => { bytes.setFloat64(0, x); return String(bytes.getBigUint64(0)); };
const number = (text) => { bytes.setBigUint64(0, BigInt(text)); return bytes.getFloat64(0); };
console.log(JSON.stringify(columns[0].map(
  (_, i) => bits(value(...columns.map((column) => number(column[i])))))));
"""


class Accuracy(NamedTuple):
    """How one library does one op.

    Attributes:
        differs: The share of results with other bits than the exact one.
        ulp: The largest error, in units in the last place.
        seconds: The shortest time for one row; None if it was not measured.
    """

    differs: float
    ulp: float
    seconds: float | None


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    libraries = [name for name in NAMES if _is_installed(name)]
    count, rounds = (200, 3) if quick else (_ROWS, 50)
    measured = {op.name: _measured(op, libraries, count, rounds) for op in TABLE if not op.exact}
    names = [*next(iter(measured.values()))]
    units = [unit for name in names for unit in _units(name)]
    rows = [
        (op, *(cell for name in names for cell in _cells(by_library[name])))
        for op, by_library in measured.items()
    ]
    yield from table(("op", *units), rows)
    about = {"versions": _versions(), "count": count}
    return [about] + [
        {"op": op, "library": name, "differs": found.differs, "ulp": found.ulp}
        for op, by_library in measured.items()
        for name, found in by_library.items()
    ]


def _versions() -> str:
    """Return the versions of the libraries that are installed."""
    names = [" ".join(platform.libc_ver())]
    if shutil.which("node"):
        command = [
            "node",
            "--print",
            "`V8 ${process.versions.v8} in node ${process.versions.node}`",
        ]
        names.append(subprocess.check_output(command, text=True).strip())
    if _is_installed("svml"):
        names.append(f"svml {version('intel-cmplr-lib-rt')}")
    return ", ".join(names)


def _units(name: str) -> list[str]:
    return [f"{name} {unit}" for unit in ("differs", "ulp", "ns")[: 2 if name == V8 else 3]]


def _is_installed(name: str) -> bool:
    try:
        library(name)
    except MissingExtraError:
        return False
    return True


def _cells(found: Accuracy) -> tuple[str, ...]:
    share, ulp = share_cell(found.differs), f"{found.ulp:.2f}"
    return (share, ulp) if found.seconds is None else (share, ulp, f"{found.seconds * 1e9:.1f}")


def _measured(op: Op, names: Sequence[str], count: int, rounds: int) -> dict[str, Accuracy]:
    """Measure an op by each library, and by V8 if node is installed."""
    columns = points_of(op, count)
    replay, copies = copies_of(op, 1).compile(), copies_of(op).compile()
    few = {name: column[:FEW] for name, column in columns.items()}
    given = {name: few if asks_python(op, name) else columns for name in names}
    times = take_turns({name: _timed(copies, given[name], name) for name in names}, rounds)
    results = {
        name: next(iter(replay.batch(columns, math=name).outputs.values())) for name in names
    }
    seconds = {name: min(times[name]) / given[name]["a"].size / COPIES for name in names}
    if shutil.which("node"):
        results[V8] = _by_node(op, [*columns.values()])
    right, real = _right(op, columns), _exact(op, columns)
    return {
        name: Accuracy(_differing(values, right), _worst(values, real), seconds.get(name))
        for name, values in results.items()
    }


def asks_python(op: Op, name: str) -> bool:
    """Whether a library has no compiled function for an op, and takes a thousand times as long."""
    measure = _timed(copies_of(op, 1).compile(), points_of(op, FEW), name)
    measure()
    return measure() > FEW * _LONG


def _differing(values: Doubles, right: Doubles) -> float:
    """Return the share of results that have other bits; any NaN is like another."""
    same = (values.view(np.uint64) == right.view(np.uint64)) | (np.isnan(values) & np.isnan(right))
    return 1.0 - float(np.mean(same))


def copies_of(op: Op, count: int = COPIES) -> Graph:
    """Return a graph that has an op many times on the same inputs; once, without a sum."""
    inputs = tuple(Value.input(1.0, name=name) for name in ("a", "b")[: op.inputs])
    if count == 1:
        return Graph.of(apply(op, inputs))
    return Graph.of(apply(OPS["sum"], tuple(apply(op, inputs) for _ in range(count))))


def points_of(op: Op, count: int) -> dict[str, Doubles]:
    """Return arguments of an op, by the names of its inputs."""
    generator = random.Random(op.name)  # noqa: S311 - no secrets
    x = [generator.gauss() * np.exp(1.5 * generator.gauss()) for _ in range(count)]
    points = {"a": _within(op, np.array(x))}
    if op.inputs > 1:
        points["b"] = np.array([generator.uniform(-3.0, 3.0) for _ in range(count)])
    return points


def _within(op: Op, x: Doubles) -> Doubles:
    """Bring points into the domain of an op's first input."""
    if not op.domain:
        return x
    low, high = op.domain[0].low, op.domain[0].high
    x = np.fmod(x, high) if high < np.inf else x
    return np.where(x < low, low + np.abs(x - low), x)


def _by_node(op: Op, columns: Sequence[Doubles]) -> Doubles:
    """Return what the page's op gives in node."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in viewer.modules().items():
            Path(folder, f"{name}.js").write_text(text, encoding="utf-8")
        Path(folder, "package.json").write_text('{"type": "module"}', encoding="utf-8")
        Path(folder, "accuracy-script.js").write_text(_SCRIPT, encoding="utf-8")
        asked = [[str(bits) for bits in column.view(np.uint64).tolist()] for column in columns]
        done = subprocess.run(
            ["node", "accuracy-script.js"], cwd=folder, check=True, capture_output=True, text=True,
            input=json.dumps({"op": op.name, "columns": asked}),
        )  # fmt: skip
    return np.array([int(bits) for bits in json.loads(done.stdout)], np.uint64).view(np.float64)


def _right(op: Op, columns: dict[str, Doubles]) -> Doubles:
    """Return the results of exact math."""
    value = exact_op(op).value
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return np.array([value(row) for row in rows])


def _timed(replay: Any, columns: dict[str, Doubles], name: str) -> Callable[[], float]:  # noqa: ANN401
    def measure() -> float:
        start = perf_counter()
        replay.batch(columns, math=name, grad=None)
        return perf_counter() - start

    return measure


def _exact(op: Op, columns: dict[str, Doubles]) -> list[Any]:
    function = _EXACT.get(op.name) or getattr(mpmath, op.name)
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    with mpmath.workdps(50):
        return [function(*map(mpmath.mpf, row)) for row in rows]


def _worst(values: Doubles, exact: list[Any]) -> float:
    """Return the largest error of finite numbers, in units in the last place."""
    with mpmath.workdps(50):
        return max(
            float(abs(mpmath.mpf(x) - y) / mpmath.mpf(float(np.spacing(abs(float(y))))))
            for x, y in zip(values.tolist(), exact, strict=True)
            if np.isfinite(x) and abs(x) > 1e-300  # noqa: PLR2004 - subnormals have fewer digits
        )
