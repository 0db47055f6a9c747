"""The same graphs on engines that work on scalars: building, evaluating, memory; limits to all.

Random graphs of add, mul and tanh, one node in ten a leaf, and chains of mul and add. *Evaluate* is
forward and backward, to the gradients of all leaves; *build* is what is done once before. mgraph's
`Value`, micrograd, PyTorch (one float64 tensor a scalar) and autograd (HIPS) record the graph anew
with every forward, so for them building is that forward, and part of each evaluation. mgraph's tape
is built from a msgpack file of the graph; CasADi (SX, its virtual machine) and JAX (one jitted
program of all ops, x64) build from the list of nodes, and C is the loop of the table `tape`.

micrograd 0.1.0 gets the lecture's `tanh`; its backward recurses, and where that is too deep for
Python, in chains, one without recursion takes its place, which visits the nodes in the same order.

Every cell is a process of its own with its limits; "not tried": a smaller graph was too much
already. Cells that are done in 10 s have three turns, and the best is shown. Peak memory is that of
the whole process, libraries included. All gradients are compared with those of mgraph's tape.
"""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks import cells
from benchmarks.report import is_installed, progress, seconds, size, table, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from benchmarks.report import Figures

ENGINES: Final = {
    "tape": ("mgraph tape", "llvmlite"),
    "value": ("mgraph `Value`", "mgraph"),
    "micrograd": ("micrograd", "micrograd"),
    "torch": ("PyTorch", "torch"),
    "autograd": ("autograd", "autograd"),
    "jax": ("JAX", "jax"),
    "casadi": ("CasADi", "casadi"),
    "c": ("C", ""),
}
"""Columns, and the package that each needs; C needs gcc. The first one's gradients are wanted."""

PACKAGES: Final = tuple(package for _, package in ENGINES.values() if package not in ("", "mgraph"))

_NO_BUILD: Final = ("autograd", "c")
"""The first keeps nothing, and compiling the other is the same for all graphs."""

_NO_LIMITS: Final = cells.Limits(math.inf, sys.maxsize)
_KINDS: Final = ("random", "chain")
_TABLES: Final = {"evaluate": seconds, "build": seconds, "peak": size}
_CLOSE: Final = 1e-9
_WRONG: Final = "wrong by "
_NOT_TRIED: Final = "not tried"


class _Plan(NamedTuple):
    """How to measure.

    Attributes:
        limits: Of a cell.
        turns: How often each cell has its turn, so that it is undisturbed once.
        quick: Seconds from which one turn is enough: it was long, and so was not all disturbed.
    """

    limits: cells.Limits
    turns: int
    quick: float


_FULL: Final = _Plan(cells.Limits(60.0, 8 * 2**30), 3, 10.0)
_QUICK: Final = _Plan(cells.Limits(30.0, 2 * 2**30), 1, 0.0)


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    sizes = (100,) if quick else (10**3, 10**4, 10**5, 10**6, 10**7)
    plan = _QUICK if quick else _FULL
    figures: Figures = []
    for kind in _KINDS:
        for count in sizes:
            with tempfile.TemporaryDirectory(prefix="mgraph-benchmarks-") as folder:
                figures += _measured(kind, count, folder, plan, figures)
        for what, spell in _TABLES.items():
            yield f"**{kind}, {what}**\n"
            yield from _table(figures, kind, what, spell)
    time, memory = plan.limits
    yield f"Limits of a cell: {time:g} s, {size(memory)}. {versions(PACKAGES)}."
    return figures


def _measured(
    kind: str, count: int, folder: str, plan: _Plan, before: Figures
) -> Iterator[dict[str, Any]]:
    """Yield a row for each engine that is there; what failed on a smaller graph is not tried."""
    failed = {row["engine"] for row in before if row["graph"] == kind and _is_too_much(row)}
    progress(f"peers: making a graph, {kind}, {count:,} nodes")
    made = cells.run("peer", "graph", kind, str(count), folder, limits=_NO_LIMITS)
    assert not made.failure, made.failure
    there = [
        name for name, (_, package) in ENGINES.items()
        if name not in failed and (is_installed(package) if package else shutil.which("gcc"))
    ]  # fmt: skip
    found: dict[str, list[cells.Cell]] = {name: [] for name in there}
    for turn in range(plan.turns):
        for name in there:
            if all(not cell.failure and cell.seconds < plan.quick for cell in found[name]):
                progress(f"peers: {kind}, {count:,} nodes, {ENGINES[name][0]}, turn {turn + 1}")
                found[name].append(cells.run("peer", "engine", name, folder, limits=plan.limits))
    for name in ENGINES:
        row = {"graph": kind, "nodes": count, "engine": name}
        if name in failed:
            yield {**row, "failure": _NOT_TRIED}
        elif name in found:
            yield {**row, **_figures(found[name])}


def _is_too_much(row: Mapping[str, Any]) -> bool:
    """Whether a larger graph need not be tried."""
    return row["failure"] != "" and not row["failure"].startswith(_WRONG)


def _figures(turns: Sequence[cells.Cell]) -> dict[str, Any]:
    """Return the least of what a cell said in all turns, but the largest error."""
    found: dict[str, Any] = {"failure": turns[-1].failure}
    for name, value in (pair for cell in turns for said in cell.said for pair in said.items()):
        which = max if name == "error" else min
        found[name] = which(value, found.get(name, value))
    if not found.get("error", 0.0) <= _CLOSE:  # NaN is wrong, too
        found["failure"] = f"{_WRONG}{found['error']:.0e}"
    return found


def _table(figures: Figures, kind: str, what: str, spell: Callable[[float], str]) -> Iterator[str]:
    """Yield the table of one figure: a row for each size, a column for each engine."""
    by_place = {(row["nodes"], row["engine"]): row for row in figures if row["graph"] == kind}
    rows = []
    for count in dict.fromkeys(nodes for nodes, _ in by_place):
        cells = (_cell(by_place.get((count, name)), what, spell) for name in ENGINES)
        rows.append((f"{count:,}", *cells))
    yield from table(("nodes", *(title for title, _ in ENGINES.values())), rows)


def _cell(row: Mapping[str, Any] | None, what: str, spell: Callable[[float], str]) -> str:
    """Spell one figure, or say why it isn't there."""
    if row is None or (what == "build" and row["engine"] in _NO_BUILD):
        return ""
    failure: str = row["failure"]
    if what in row:
        return spell(row[what]) + (f", {failure}" if what == "evaluate" and failure else "")
    return "" if what == "peak" and failure.endswith(" s") else failure
