"""Measure how far exported programs are from mgraph, and print the table of docs/export.md.

    python -m tests.exporting [TARGET]...

What is not installed is left out. Golden files of whole functions and networks, and of single ops
between 1e-150 and 1e150, are run at every input that they state.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from functools import partial
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Final

import mgraph
from mgraph.graph.run import EXACT, Tolerance
from mgraph.ops import OPS
from tests.exporting.running import (
    fits,
    in_c,
    in_javascript,
    in_onnx,
    in_python,
    in_torch,
    random_graph,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tests.exporting.running import Case, Numbers, Program

    Answers = Iterable[tuple[Numbers, Numbers]]
    Runner = Callable[[Sequence[Case], Path], Answers]

ROOT: Final = Path(__file__).parents[2]
EXACT_OPS: Final = [op.name for op in OPS.values() if op.exact]
NO_SQRT: Final = [name for name in EXACT_OPS if name != "sqrt"]
EQUAL: Final = Tolerance(0.0, 0.0)
GRAPHS: Final = 80
"""How many random graphs are run."""

LARGE, SMALL = 1e150, 1e-150


def one_by_one(
    load: Callable[[mgraph.Graph], Callable[[Numbers, Numbers], tuple[Numbers, Numbers]]],
) -> Runner:
    """Return what runs cases with a program for each graph."""

    def run(cases: Sequence[Case], _: Path) -> Iterator[tuple[Numbers, Numbers]]:
        programs: dict[int, Program] = {}
        for graph, inputs, seed in cases:
            if id(graph) not in programs:
                programs[id(graph)] = load(graph)
            yield programs[id(graph)](inputs, seed)

    return run


def with_c(cases: Sequence[Case], folder: Path) -> Answers:
    """Run cases in C."""
    return one_by_one(partial(in_c, folder=folder))(cases, folder)


RUNNERS: Final[Mapping[str, tuple[str, Runner]]] = {
    "python": ("", one_by_one(in_python)),
    "numpy": ("numpy", one_by_one(partial(in_python, target="numpy"))),
    "torch": ("torch", one_by_one(in_torch)),
    "jax": ("jax", one_by_one(partial(in_python, target="jax"))),
    "c": ("cc", with_c),
    "javascript": ("node", in_javascript),
    "onnx": ("onnxruntime", one_by_one(in_onnx)),
}
"""For each target the module or program that it needs, and what runs its programs."""


def golden_cases() -> list[Case]:
    """Return the runs of golden files whose numbers no system takes for zero or infinity."""
    cases: list[Case] = []
    for folder in ("functions", "nets", "lecture", "ops"):
        for path in sorted((ROOT / "fixtures" / "run" / folder).glob("*.json")):
            graph = mgraph.load(path)
            cases += [
                (graph, run.inputs, run.seed) for run in graph.runs[:40] if moderate(graph, run)
            ]
    return cases


def moderate(graph: mgraph.Graph, run: mgraph.Run) -> bool:
    """Whether all numbers of a run are finite, and neither large nor small."""
    again = graph.run(run.inputs, seed=run.seed)
    numbers = (*(again.data or {}).values(), *(again.grad or {}).values())
    return all(isfinite(x) and (x == 0.0 or SMALL < abs(x) < LARGE) for x in numbers)


def difference(got: Numbers, want: Numbers) -> float:
    """Return the largest difference, relative to a number or to a thousandth of the largest one."""
    scale = max((abs(x) for x in want.values()), default=0.0) / 1000.0
    pairs = [(float(x), want[name]) for name, x in got.items() if name in want]
    return max((abs(x - y) / max(abs(y), scale) for x, y in pairs if x != y), default=0.0)


def agreement(runner: Runner, folder: Path) -> list[str]:
    """Return for which exact ops the values, and the gradients, are those of mgraph."""
    rules = (
        ("all", EXACT_OPS, EXACT),
        ("all, save the sign of zero", EXACT_OPS, EQUAL),
        ("all but sqrt", NO_SQRT, EXACT),
    )
    said = ["", ""]
    for words, ops, tolerance in rules:
        for k, same in enumerate(same_bits(runner, folder, ops, tolerance)):
            said[k] = said[k] or words * same
    return [each or "no" for each in said]


def same_bits(
    runner: Runner, folder: Path, ops: Sequence[str], tolerance: Tolerance
) -> tuple[bool, bool]:
    """Return whether values, and gradients, of random graphs of some ops are those of mgraph."""
    graphs = [random_graph(number, ops) for number in range(GRAPHS)]
    cases: list[Case] = [(graph, {}, {graph.outputs[0]: 1.0}) for graph in graphs]
    same = [True, True]
    for got, (graph, _, seed) in zip(runner(cases, folder), cases, strict=True):
        run = graph.run(seed=seed)
        for k, (numbers, want) in enumerate(zip(got, (run.data, run.grad), strict=True)):
            pairs = ((x, (want or {}).get(name, 0.0)) for name, x in numbers.items())
            same[k] &= all(fits(x, y, tolerance) for x, y in pairs)
    return same[0], same[1]


def largest_differences(runner: Runner, folder: Path) -> tuple[int, float, float]:
    """Return the number of golden runs, and the largest differences of values and gradients."""
    cases = golden_cases()
    values, gradients = 0.0, 0.0
    for got, (graph, inputs, seed) in zip(runner(cases, folder), cases, strict=True):
        run = graph.run(inputs, seed=seed)
        values = max(values, difference(got[0], run.data or {}))
        gradients = max(gradients, difference(got[1], run.grad or {}))
    return len(cases), values, gradients


def row(name: str, runner: Runner, folder: Path) -> Iterator[str]:
    """Yield the cells of a target."""
    words = agreement(runner, folder)
    count, *worst = largest_differences(runner, folder)
    far = [f"{each:.1e}" if each else "0" for each in worst]
    if name == "onnx":
        words[1] = far[1] = ""
    yield from (f"`{name}`", f"{3 * GRAPHS + count:,}", *words, *far)


def main() -> None:
    """Print a row for each target."""
    print("| target | runs | exact ops: values | gradients | all ops: values | gradients |")
    print("|---|---|---|---|---|---|")
    for name, (need, runner) in RUNNERS.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        if need and not (shutil.which(need) or find_spec(need)):
            print(f"{name} is left out: there is no {need}", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as folder:
            print(f"| {' | '.join(row(name, runner, Path(folder)))} |", flush=True)


if __name__ == "__main__":
    main()
