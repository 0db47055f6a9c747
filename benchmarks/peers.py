"""The same graphs on engines that work on scalars: time to build and to evaluate, and memory.

The graphs are random ones of add, mul and tanh, where one node in ten is a leaf, and chains of mul
and add. *Evaluate* is forward and backward, to the gradients of all leaves; *build* is done once
before. mgraph's `Value`, micrograd, PyTorch (one float64 tensor per scalar) and autograd (HIPS)
record the graph in every forward pass; for them, building is a forward pass, which is part of each
evaluation, too. mgraph's tape is built from a msgpack file of the graph; CasADi (SX, its virtual
machine) and JAX (one jitted program of all ops, x64) build from the list of nodes, and C is the
loop of the table `tape`.

micrograd 0.1.0 gets the lecture's `tanh`. Its backward recurses; for chains, where that is too deep
for Python, it is replaced by one without recursion that visits the nodes in the same order.

Every cell is measured in its own process, with limits; "not tried" means that a smaller graph
exceeded them. Cells that take less than 10 s are measured three times, and the best is shown. Peak
memory is that of the whole process, libraries included. All gradients are compared with those of
mgraph's tape.
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
"""Columns, and the package that each needs (C needs gcc); the first has the gradients to match."""

PACKAGES: Final = tuple(package for _, package in ENGINES.values() if package not in ("", "mgraph"))

_NO_BUILD: Final = ("autograd", "c")
"""autograd builds nothing, and the C program is the same for all graphs."""

_NO_LIMITS: Final = cells.Limits(math.inf, sys.maxsize)
_KINDS: Final = ("random", "chain")
_TABLES: Final = {"evaluate": seconds, "build": seconds, "peak": size}
_CLOSE: Final = 1e-9
_WRONG: Final = "wrong by "
_NOT_TRIED: Final = "not tried"


class _Plan(NamedTuple):
    """How to measure.

    Attributes:
        limits: Limits of a cell.
        turns: How often each cell is measured.
        quick: Seconds from which measuring once is enough.
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
    """Yield the figures of each installed engine that has not failed on a smaller graph."""
    failed = {row["engine"] for row in before if row["graph"] == kind and _is_too_much(row)}
    progress(f"peers: making a graph, {kind}, {count:,} nodes")
    cell = cells.run("peer", "graph", kind, str(count), folder, limits=_NO_LIMITS)
    assert not cell.failure, cell.failure
    installed = [
        name for name, (_, package) in ENGINES.items()
        if name not in failed and (is_installed(package) if package else shutil.which("gcc"))
    ]  # fmt: skip
    measured: dict[str, list[cells.Cell]] = {name: [] for name in installed}
    for turn in range(plan.turns):
        for name in installed:
            if all(not cell.failure and cell.seconds < plan.quick for cell in measured[name]):
                progress(f"peers: {kind}, {count:,} nodes, {ENGINES[name][0]}, turn {turn + 1}")
                measured[name].append(cells.run("peer", "engine", name, folder, limits=plan.limits))
    for name in ENGINES:
        row = {"graph": kind, "nodes": count, "engine": name}
        if name in failed:
            yield {**row, "failure": _NOT_TRIED}
        elif name in measured:
            yield {**row, **_figures(measured[name])}


def _is_too_much(row: Mapping[str, Any]) -> bool:
    """Return whether a larger graph need not be tried."""
    return row["failure"] != "" and not row["failure"].startswith(_WRONG)


def _figures(turns: Sequence[cells.Cell]) -> dict[str, Any]:
    """Return the smallest of each figure over all turns, but the largest error."""
    figures: dict[str, Any] = {"failure": turns[-1].failure}
    for name, value in (
        pair for cell in turns for report in cell.reports for pair in report.items()
    ):
        which = max if name == "error" else min
        figures[name] = which(value, figures.get(name, value))
    if not figures.get("error", 0.0) <= _CLOSE:  # NaN is wrong, too
        figures["failure"] = f"{_WRONG}{figures['error']:.0e}"
    return figures


def _table(figures: Figures, kind: str, what: str, spell: Callable[[float], str]) -> Iterator[str]:
    """Yield the table of one figure, with a row per size and a column per engine."""
    by_cell = {(row["nodes"], row["engine"]): row for row in figures if row["graph"] == kind}
    rows = []
    for count in dict.fromkeys(nodes for nodes, _ in by_cell):
        cells = (_cell(by_cell.get((count, name)), what, spell) for name in ENGINES)
        rows.append((f"{count:,}", *cells))
    yield from table(("nodes", *(title for title, _ in ENGINES.values())), rows)


def _cell(row: Mapping[str, Any] | None, what: str, spell: Callable[[float], str]) -> str:
    """Return one figure as text, or why there is none."""
    if row is None or (what == "build" and row["engine"] in _NO_BUILD):
        return ""
    failure: str = row["failure"]
    if what in row:
        return spell(row[what]) + (f", {failure}" if what == "evaluate" and failure else "")
    return "" if what == "peak" and failure.endswith(" s") else failure
