"""The benchmarks: they run, survive a peer's crash, and the documentation has their figures."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks import c_rows, cells, engines, page, peers, plot, rows, store
from benchmarks.__main__ import TABLES
from benchmarks.accuracy_page import accuracy_page
from benchmarks.flat import RELU, flat, flat_of, graph_of, read, record, relative_error, write
from benchmarks.graphs import Node, random_graph
from tests.command_line import HERE

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = HERE.parent

SQUARE = (
    Node("param", (), 2.0),
    Node("param", (), -3.0),
    Node("mul", (0, 1)),
    Node("add", (2, 0)),
    Node("mul", (3, 3)),
)
"""((a·b) + a)², by hand: the gradients are 2·(a·b + a)·(b + 1) and 2·(a·b + a)·a."""

ROWS = ((2.0, 16.0, 16.0, -16.0), (1.0, 4.0, 8.0, -4.0), (-1.0, 4.0, -8.0, -4.0))
"""a, the output and both gradients at b = -3."""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_can_be_made(name: str, tmp_path: Path) -> None:
    """With small sizes; what is printed is stored, and can be printed again from the file."""
    stored = tmp_path / "stored.json"
    result = run("--quick", name, "--json", str(stored))
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"## {name}\n")
    assert "\n|---|" in result.stdout
    assert store.load(stored)[name].text.strip() == result.stdout.strip()
    assert run("--from", str(stored)).stdout.strip() == result.stdout.strip()


@pytest.mark.parametrize(
    "arguments", [["nothing"], ["--from", "no-such-file"], ["--from", "README.md", "--quick"]]
)
def test_wrong_command_lines_are_refused(arguments: list[str]) -> None:
    """The exit status is 2, and a message says why."""
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert "error: " in result.stderr


# --- what is measured ------------------------------------------------------------------------


def test_flat_graphs_are_the_same_graphs(tmp_path: Path) -> None:
    """A graph comes back unchanged through arrays, a file and mgraph's columns."""
    nodes = flat(SQUARE)
    write(tmp_path / "graph", nodes)
    again = flat_of(graph_of(read(tmp_path / "graph")).columns)
    assert [column.tolist() for column in again] == [column.tolist() for column in nodes]
    run_again = graph_of(again).run()
    primals, adjoints = run_again.data or {}, run_again.grad or {}
    assert (primals["n4"], adjoints["n0"], adjoints["n1"]) == ROWS[0][1:]


@pytest.mark.parametrize("name", engines.ENGINES)
def test_engines_find_the_gradients(name: str, tmp_path: Path) -> None:
    """Each installed engine gives the right gradients, also the second time."""
    need(peers.ENGINES[name][1])
    graph_of(flat(SQUARE)).to_file(tmp_path / "graph.msgpack")
    engine = engines.ENGINES[name](flat(SQUARE), tmp_path / "graph.msgpack")
    for _ in range(2):
        engine.forget()
        engine.evaluate()
        assert np.asarray(engine.gradients()).tolist() == [*ROWS[0][2:]]


def need(package: str) -> None:
    """Skip a test if a package is not installed; an empty name stands for gcc."""
    if package:
        pytest.importorskip(package)
    elif shutil.which("gcc") is None:
        pytest.skip("there is no gcc")


def test_the_columns_are_the_engines() -> None:
    """Every column has an engine and a colour in the plot."""
    assert [*peers.ENGINES] == [*engines.ENGINES]
    for theme in plot.THEMES:
        assert {*theme.lines} == {*engines.ENGINES}


def test_micrograd_without_recursion_does_what_it_does_with_it() -> None:
    """It gives the same bits, so it goes in the same order; and it works in deep chains."""
    value_class = pytest.importorskip("micrograd.engine").Value
    graph = flat(random_graph(300, ("add", "mul", "relu")))
    values = record(graph, value_class, {RELU: value_class.relu}, value_class)
    values[-1].backward()
    wanted = [value.grad for value in values]
    for value in values:
        value.grad = 0
    engines.backward_without_recursion(values[-1])
    assert [value.grad for value in values] == wanted
    deep = [Node("param", (), 1.0), *(Node("add", (i, i)) for i in range(1000))]
    engine = engines.Micrograd(flat(deep), Path())
    engine.evaluate()
    assert engine.gradients() == [2.0**1000]


SIDES: dict[str, tuple[str, Callable[..., Any]]] = {
    "mgraph": ("llvmlite", lambda work, _: rows.Mgraph(work)),
    "NumPy": ("numpy", lambda work, _: rows.Numpy(work, width=2)),
    "PyTorch": ("torch", lambda work, _: rows.Torch(work, width=2)),
    "JAX": ("jax", lambda work, _: rows.Jax(work)),
    "CasADi": ("casadi", lambda work, _: rows.Casadi(work)),
    "C, blocks": ("", lambda work, folder: c_rows.Blocks(work, folder, width=2)),
    "C, this graph": ("", c_rows.Straight),
}


@pytest.mark.parametrize("name", SIDES)
def test_rows_find_the_gradients(name: str, tmp_path: Path) -> None:
    """Every row is right, also in the last block, which is not full."""
    package, make = SIDES[name]
    need(package)
    a, out, to_a, to_b = np.array(ROWS).T
    side = make(rows.Table(flat(SQUARE), (0,), a[None].copy()), tmp_path)
    for _ in range(2):
        side.run()
        assert np.array_equal(side.out, out)
        assert np.array_equal([np.asarray(grad) for grad in side.grads], [to_a, to_b])


def test_errors_are_relative() -> None:
    """They are relative to the wanted number, or to a millionth of the largest if that is more."""
    assert relative_error([1.0, 3.0], [1.0, 2.0]) == 0.5
    assert relative_error([1.0, 1e-9], [1.0, 0.0]) == pytest.approx(1e-3)  # 1e-9 in 1e-6
    assert math.isnan(relative_error([math.nan], [1.0]))


# --- cells -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "failure"),
    [
        (cells.Limits(0.0, sys.maxsize), "> 0 s"),
        (cells.Limits(60.0, 1), "> 0.00 MiB"),
        (cells.Limits(60.0, sys.maxsize), "FileNotFoundError"),
    ],
)
def test_a_failure_is_a_text(limits: cells.Limits, failure: str, tmp_path: Path) -> None:
    """The texts of a process that runs too long, grows too large, or fails for want of a graph."""
    if limits.memory == 1 and not Path("/proc/self/statm").exists():
        pytest.skip("the memory of a process is not known")
    cell = cells.run("peer", "engine", "tape", str(tmp_path), limits=limits)
    assert (cell.reports, cell.failure) == ([], failure)


# --- the documentation -----------------------------------------------------------------------


MEASURED = pytest.mark.skipif(
    not page.FIGURES.exists(), reason="python -m benchmarks --docs was not run yet"
)


@MEASURED
def test_the_documentation_is_what_was_measured() -> None:
    """Pages and README are what `--docs --from benchmarks/figures.json` writes."""
    tables = store.load(page.FIGURES)
    assert {*tables} == {*TABLES}
    assert [name for name, table in tables.items() if "--quick" in table.text] == []
    ordered = {name: tables[name] for name in TABLES}
    assert page.PAGE.read_text(encoding="utf-8") == page.page(ordered)
    assert page.ACCURACY.read_text(encoding="utf-8") == accuracy_page(tables["accuracy"])
    readme = page.README.read_text(encoding="utf-8")
    assert page.with_part(readme, ordered) == readme


@MEASURED
def test_every_comparison_was_measured() -> None:
    """Every row of the README's table has one figure."""
    tables = store.load(page.FIGURES)
    assert [short for short in page.SHORT if len([*page.figures_for(short, tables)]) != 1] == []


def test_the_readme_has_its_part(tmp_path: Path) -> None:
    """Only the part between the marks is replaced; it is an error if the marks are missing.

    What tables have in common, such as the versions, is said once.
    """
    stored = tmp_path / "stored.json"
    figures = [{"phase": "build", "ratio": 0.25}]
    for name, machine in (("values", "2 cores"), ("files", "2 cores"), ("memory", "4 cores")):
        table = store.StoredTable(f"## {name}", figures, "2026-01-02", f"Python 3 · {machine}")
        store.save(stored, name, table)
    readme = page.README.read_text(encoding="utf-8")
    written = page.with_part(readme, store.load(stored))
    assert "| `Value`: building 100,000 nodes | micrograd | 0.25 |\n" in written
    assert "Measured on 2026-01-02: Python 3 · 2 cores, or 4 cores.\n" in written
    assert page.with_part(written, store.load(stored)) == written
    before, after = readme.index(page.START), readme.index(page.END)
    assert written.startswith(readme[:before])
    assert written.endswith(readme[after:])
    with pytest.raises(ValueError, match=r"README\.md lacks"):
        page.with_part("no marks", {})


def test_the_pictures_are_drawn(tmp_path: Path) -> None:
    """One is for light backgrounds, one for dark ones, of the same size; none without figures."""
    pytest.importorskip("matplotlib")
    figures = [
        {"graph": "random", "nodes": nodes, "engine": name, "evaluate": nodes * 1e-6, "failure": ""}
        for name in ("tape", "c", "jax")
        for nodes in (10, 100)
    ]
    plot.draw(tmp_path / "none.png", {})
    plot.draw(tmp_path / "two.png", {"peers": store.StoredTable("", figures, "", "")})
    assert {path.name for path in tmp_path.iterdir()} == {"two.png", "two-dark.png"}
    heads = [path.read_bytes()[:24] for path in tmp_path.iterdir()]
    assert heads[0] == heads[1]
    assert heads[0].startswith(b"\x89PNG")


def test_the_lines_are_the_figures() -> None:
    """A line has the figures of random graphs, up to the largest that an engine managed."""
    figures = [
        {"graph": "random", "nodes": 10, "engine": "jax", "evaluate": 0.5, "failure": ""},
        {"graph": "chain", "nodes": 10, "engine": "jax", "evaluate": 0.6, "failure": ""},
        {"graph": "random", "nodes": 100, "engine": "jax", "failure": "> 60 s"},
        {"graph": "random", "nodes": 1000, "engine": "jax", "failure": "not tried"},
    ]
    assert [*plot.lines_of(figures)] == [plot.Line("jax", [10], [0.5], "JAX")]
