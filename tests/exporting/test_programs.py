"""Exported programs give what golden files expect, and for exact ops the bits of mgraph."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

import mgraph
from mgraph.graph.run import DEFAULT, EXACT
from mgraph.ops import OPS
from tests.command_line import FIXTURES, NEURON
from tests.exporting.running import in_c, in_javascript, in_python, random_graph, wrong
from tests.loops import looped

if TYPE_CHECKING:
    from pathlib import Path

    from tests.exporting.running import Case


EXACT_OPS = [op.name for op in OPS.values() if op.exact]
GOLDEN = [NEURON, *sorted((FIXTURES / "run").rglob("*.json"))]
SOME = [NEURON, *(FIXTURES / "run" / name for name in (
    "edges/ties.json", "edges/softplus_far_out.json", "edges/signed_zeros.json", "nets/lstm.json",
    "shapes/two_outputs.json", "shapes/wide_500.json", "shapes/javascript_ids.json",
    "shapes/constants_only.json", "ops/pow.json",
))]  # fmt: skip
needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")


@pytest.mark.parametrize("target", ["python", "numpy"])
@looped("path", GOLDEN)
def test_golden_files(path: Path, target: str) -> None:
    """Every run of every file: outputs and gradients, and nothing else has a gradient."""
    graph = mgraph.load(path)
    program = in_python(graph, target)
    for run in graph.runs:
        assert wrong(program(run.inputs, run.seed), graph, run, run.tolerance or DEFAULT) == []


@pytest.mark.parametrize("target", ["python", "numpy"])
@looped("number", range(40))
def test_the_same_bits(number: int, target: str) -> None:
    """Exact ops, in random graphs; in Python all ops, which are of the same library."""
    graph = random_graph(number, [*OPS] if target == "python" else EXACT_OPS)
    program = in_python(graph, target)
    for seed in ({graph.outputs[0]: 1.0}, dict.fromkeys(graph.outputs, -0.5)):
        run = graph.run(seed=seed)
        got = program({}, seed)
        assert wrong(got, graph, run, EXACT) == []
        assert [*got[1]] == [name for name in got[1] if name in (run.grad or {})]


@needs_cc
def test_c(tmp_path: Path) -> None:
    """Golden files in C, without a warning: all ops have the same bits, being of one library."""
    for path in SOME:
        graph = mgraph.load(path)
        program = in_c(graph, tmp_path)
        for run in graph.runs:
            got = program(run.inputs, run.seed)
            assert wrong(got, graph, run, run.tolerance or DEFAULT, absent=0.0) == [], path
            assert (
                wrong(got, graph, graph.run(run.inputs, seed=run.seed), EXACT, absent=0.0) == []
            ), path


@needs_node
def test_javascript(tmp_path: Path) -> None:
    """Golden files in JavaScript."""
    graphs = [mgraph.load(path) for path in SOME]
    runs = [(graph, run) for graph in graphs for run in graph.runs]
    answers = in_javascript(((graph, run.inputs, run.seed) for graph, run in runs), tmp_path)
    for got, (graph, run) in zip(answers, runs, strict=True):
        assert wrong(got, graph, run, run.tolerance or DEFAULT) == [], graph.name


@needs_node
def test_javascript_has_the_same_bits(tmp_path: Path) -> None:
    """Exact ops, in random graphs."""
    graphs = [random_graph(number, EXACT_OPS) for number in range(20)]
    cases: list[Case] = [(graph, {}, {graph.outputs[0]: 1.0}) for graph in graphs]
    for got, (graph, _, seed) in zip(in_javascript(cases, tmp_path), cases, strict=True):
        assert wrong(got, graph, graph.run(seed=seed), EXACT) == []
