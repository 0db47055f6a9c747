"""Exact math on the page: its scripts in node, against MPFR's answers and the Python reference."""

from __future__ import annotations

import json
import math
import random
import shutil
import struct
import subprocess
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

import mgraph
from mgraph import viewer
from mgraph.graph.run import DEFAULT, EXACT
from mgraph.ops import OPS, exact
from tests.command_line import FIXTURES, NEURON
from tests.ops.exact_vectors import bits_of, rows_of_bits
from tests.ops.test_exact import HARD, SAMPLES, SUBNORMAL, THRESHOLDS, TRUE, drawn
from tests.ops.test_table import SPECIAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Ask = Callable[..., Any]

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="runs scripts in node")

ANSWERS = """import { readFileSync } from "node:fs";
import { readCsv } from "./csv.js";
import { Descent, paramsOf } from "./descent.js";
import { evaluate } from "./engine.js";
import { EXACT_FUNCTIONS } from "./exact.js";
import { nearestDouble } from "./exact-integers.js";
import { bringExactMath, ieee, useExactMath } from "./ieee.js";
import { OPS } from "./ops.js";
import { readGraph } from "./read.js";
import { matchRows } from "./rows.js";

const view = new DataView(new ArrayBuffer(8));
const bits = (x) => {
  if (x !== x) return "7ff8000000000000";
  view.setFloat64(0, x);
  return view.getBigUint64(0).toString(16).padStart(16, "0");
};
const double = (digits) => {
  view.setBigUint64(0, BigInt("0x" + digits));
  return view.getFloat64(0);
};
const before = useExactMath(true); // nothing was brought yet
bringExactMath(EXACT_FUNCTIONS);

const ANSWER = {
  functions: ([name, rows]) => rows.map((row) => bits(EXACT_FUNCTIONS[name](...row.map(double)))),
  ops: ([name, rows]) => {
    useExactMath(true);
    const { value, partials } = OPS.get(name);
    return rows.map((row) => {
      const inputs = row.map(double);
      const y = value(...inputs);
      return [y, ...partials(...inputs, y)].map(bits);
    });
  },
  nearest: (rows) => rows.map(([digits, e]) => bits(nearestDouble(BigInt(digits), e))),
  states: () => [before, useExactMath(true), ieee.exp === EXACT_FUNCTIONS.exp,
    useExactMath(false), ieee.exp === Math.exp],
  train: async ([text, csv, epochs]) => {
    useExactMath(true);
    const graph = await readGraph(new TextEncoder().encode(text));
    const trained = paramsOf(graph, graph.outputs[0]);
    const rows = matchRows(graph, readCsv(new TextEncoder().encode(csv)), trained, undefined);
    const descent = new Descent(graph, graph.outputs[0], trained, rows);
    const values = graph.data.slice();
    const recipe = { method: "adam", rate: 0.05, size: Infinity, schedule: "cosine", epochs,
      clip: Infinity, seed: 0n };
    for (let epoch = 0; epoch < epochs; epoch++) {
      descent.advance(recipe, values);
      descent.endsEpoch();
    }
    return trained.map((node) => [graph.ids[node], bits(values[node])]);
  },
  graph: async (text) => {
    const graph = await readGraph(new TextEncoder().encode(text));
    useExactMath(true);
    const seeds = new Map([[graph.outputs[0], 1]]);
    const { primals, adjoints, has } = evaluate(graph, graph.data, seeds);
    return graph.ids.map((id, i) => [id, bits(primals[i]), has[i] ? bits(adjoints[i]) : null]);
  },
  runs: async ([text, isExact]) => {
    const graph = await readGraph(new TextEncoder().encode(text));
    useExactMath(isExact);
    return graph.runs.map((run) => {
      const leaves = graph.data.slice();
      for (const [id, x] of run.inputs) leaves[graph.index.get(id)] = x;
      const seeds = [...run.seed].map(([id, x]) => [graph.index.get(id), x]);
      const asked = new Map(seeds.length ? seeds : [[graph.outputs[0], 1]]);
      const { primals, adjoints, has } = evaluate(graph, leaves, asked);
      return graph.ids.map((id, i) => [id, bits(primals[i]), has[i] ? bits(adjoints[i]) : null]);
    });
  },
};
const [what, questions] = JSON.parse(readFileSync(0, "utf8"));
const answers = [];
for (const question of questions) answers.push(await ANSWER[what](question));
console.log(JSON.stringify(answers));
"""


def double_of(digits: str) -> float:
    """Return the double with these bits."""
    value: float = struct.unpack(">d", bytes.fromhex(digits))[0]
    return value


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Return a function that asks the page's scripts some questions."""
    folder = tmp_path_factory.mktemp("scripts")
    for name, text in viewer.modules(viewer.MAIN, viewer.WITH_EXACT_MATH).items():
        (folder / f"{name}.js").write_text(text, encoding="utf-8")
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (folder / "answers-of-tests.js").write_text(ANSWERS, encoding="utf-8")

    def answers(what: str, *questions: Any) -> list[Any]:  # noqa: ANN401 - plain data
        command = ["node", str(folder / "answers-of-tests.js")]
        asked = json.dumps([what, questions])
        done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: list[Any] = json.loads(done.stdout)
        return found

    return answers


@needs_node
def test_functions_give_the_answers_of_mpfr(ask: Ask) -> None:
    """All vectors that other implementations of exact math are tested with, too."""
    vectors = {"power" if name == "pow" else name: rows for name, rows in rows_of_bits().items()}
    assert {*TRUE} <= {*vectors}
    questions = ([name, [row[:-1] for row in vectors[name]]] for name in TRUE)
    for name, answers in zip(TRUE, ask("functions", *questions), strict=True):
        for row, answer in zip(vectors[name], answers, strict=True):
            assert answer == row[-1], (name, row)


@needs_node
def test_integers_are_rounded_once(ask: Ask) -> None:
    """Middles, and what is 1 more or less, of any length: normal, subnormal, and at both ends."""
    rows = []
    for top in (-1080, -1075, -1074, -1073, -1060, -1023, -1022, -1021, -1000, -880, -870, 0, 1023):
        for length in (54, 60, 150, 199, 200, 201, 202, 254, 300, 600):
            for middle in (2**53 + 1, 2**53 + 3, 2**54 - 1):
                n = middle << (length - 54)
                for near in (n - 1, n, n + 1):
                    rows += [(near, top - length + 1), (-near, top - length + 1)]
    (answers,) = ask("nearest", [(str(n), e) for n, e in rows])
    for (n, e), answer in zip(rows, answers, strict=True):
        try:
            want = float(Fraction(n) * Fraction(2) ** e)
        except OverflowError:
            want = math.copysign(math.inf, n)
        assert double_of(answer) == want, (n, e)


def arguments(name: str) -> list[tuple[float, ...]]:
    """Return special, hard, tiny and random arguments."""
    draw = random.Random(f"page {name}")  # noqa: S311
    taken = 2 if name in ("atan2", "power") else 1
    found = [
        tuple(draw.choice(SPECIAL) for _ in range(taken)) for _ in range(150 if taken > 1 else 0)
    ]
    if taken == 1:
        found = [(x,) for x in (*SPECIAL, *SUBNORMAL, *THRESHOLDS[name])]
    for first, *rest in HARD[name]:
        found += [(near, *rest) for near in (first, math.nextafter(first, 0), -first)]
    if name == "atan2":
        found += [(x, y) for x in SUBNORMAL for y in (1.0, 2.0, 3.0, -1.5, 2.0**40, 1e300)]
    return found + [drawn(name, draw) for _ in range(120)]


@needs_node
def test_functions_give_what_python_gives(ask: Ask) -> None:
    """Special values, hard cases, thresholds, and random arguments."""
    given = {name: arguments(name) for name in TRUE}
    questions = ([name, [[*map(bits_of, case)] for case in cases]] for name, cases in given.items())
    for name, answers in zip(given, ask("functions", *questions), strict=True):
        for case, answer in zip(given[name], answers, strict=True):
            assert answer == bits_of(getattr(exact, name)(*case)), (name, case)


@needs_node
def test_ops_call_them(ask: Ask) -> None:
    """Values and partials of all ops, by the formulas of the op table."""
    given: dict[str, list[Sequence[float]]] = {
        name: [[x, y][: op.inputs] for x in SAMPLES for y in (0.3, -2.0)]
        for name, op in OPS.items()
    }
    questions = ([name, [[*map(bits_of, case)] for case in cases]] for name, cases in given.items())
    for name, answers in zip(given, ask("ops", *questions), strict=True):
        op = exact.exact_op(OPS[name])
        for case, answer in zip(given[name], answers, strict=True):
            y = op.value(case)
            assert answer == [*map(bits_of, (y, *op.partials(case, y)))], (name, case)


@needs_node
def test_pages_without_exact_math_say_so(ask: Ask) -> None:
    """They compute on, with the browser's functions; others can go to and fro."""
    assert ask("states", None) == [[False, True, True, False, True]]


GRAPH = {
    "mgraph": "1.1",
    "nodes": [
        {"id": "a", "op": "input", "data": 0.7},
        {"id": "b", "op": "param", "data": -1.3},
        *(
            {"id": name, "op": name, "args": ["a"]}
            for name in (
                "exp",
                "sin",
                "cosh",
                "tanh",
                "sigmoid",
                "softplus",
                "erf",
                "asin",
                "log1p",
            )
        ),
        {"id": "p", "op": "pow", "args": ["a", "b"]},
        {"id": "angle", "op": "atan2", "args": ["p", "b"]},
        {
            "id": "y",
            "op": "sum",
            "args": ["exp", "sin", "cosh", "tanh", "sigmoid", "softplus", "erf", "asin", "angle"],
        },
    ],
    "outputs": ["y"],
}


@needs_node
def test_a_graph_has_the_bits_that_mgraph_run_gives(ask: Ask) -> None:
    """Values and gradients of all nodes."""
    text = json.dumps(GRAPH)
    run = mgraph.loads(text).run(math="exact")
    given = {id_: (value, grad) for id_, value, grad in ask("graph", text)[0]}
    assert {id_: value for id_, (value, _) in given.items()} == {
        id_: bits_of(x) for id_, x in (run.data or {}).items()
    }
    assert {id_: grad for id_, (_, grad) in given.items() if grad} == {
        id_: bits_of(x) for id_, x in (run.grad or {}).items()
    }


@needs_node
def test_the_golden_files_hold(ask: Ask) -> None:
    """Those of exact math, by MPFR: bit for bit, and within the tolerance with node's functions."""
    paths = sorted((FIXTURES / "exact").rglob("*.json"))
    texts = [path.read_text(encoding="utf-8") for path in paths]
    for is_exact, tolerance in ((True, EXACT), (False, DEFAULT)):
        for path, answers in zip(paths, ask("runs", *([x, is_exact] for x in texts)), strict=True):
            for want, got in zip(mgraph.load(path).runs, answers, strict=True):
                found = {id_: (double_of(value), grad) for id_, value, grad in got}
                for id_, x in (want.data or {}).items():
                    assert tolerance.allows(found[id_][0], x), (path, id_, is_exact)
                grads = {id_: double_of(grad) for id_, (_, grad) in found.items() if grad}
                assert {*grads} == {*(want.grad or {})}
                for id_, x in (want.grad or {}).items():
                    assert tolerance.allows(grads[id_], x), (path, id_, is_exact)


@needs_node
def test_training_has_the_bits_of_mgraph_train(ask: Ask) -> None:
    """Adam, with the cosine of the schedule, on rows."""
    pa = pytest.importorskip("pyarrow")
    pytest.importorskip("llvmlite")
    nodes = [
        {"id": "x", "op": "input"},
        {"id": "y", "op": "input"},
        {"id": "w", "op": "param", "data": 0.3},
        {"id": "b", "op": "param", "data": -0.2},
        {"id": "wx", "op": "mul", "args": ["w", "x"]},
        {"id": "z", "op": "add", "args": ["wx", "b"]},
        {"id": "p", "op": "tanh", "args": ["z"]},
        {"id": "d", "op": "sub", "args": ["p", "y"]},
        {"id": "e", "op": "softplus", "args": ["d"]},
        {"id": "loss", "op": "mul", "args": ["d", "e"]},
    ]
    text = json.dumps({"mgraph": "1.0", "nodes": nodes, "outputs": ["loss"]})
    columns = {"x": [0.1, -0.7, 1.3, 2.2, -1.9], "y": [0.5, -0.4, 0.9, 0.3, -0.8]}
    csv = "x,y\n" + "".join(f"{x},{y}\n" for x, y in zip(*columns.values(), strict=True))
    trained = mgraph.loads(text).train(
        pa.table(columns), optimizer="adam", lr=0.05, schedule="cosine", epochs=6,
        batch_size="full", math="exact",
    )  # fmt: skip
    (params,) = ask("train", [text, csv, 6])
    values = trained.graph.run({"x": 0.0, "y": 0.0}, math="exact").data or {}
    assert dict(params) == {id_: bits_of(values[id_]) for id_ in ("w", "b")}


def test_only_pages_of_exact_runs_have_exact_math() -> None:
    """Others stay small; it comes before the script that starts the page."""

    def page_of(graph: mgraph.Graph | None) -> str:
        return b"".join(viewer.page(graph, "graph.json")).decode()

    graph = mgraph.load(NEURON)
    plain = page_of(graph)
    with_exact_math = page_of(graph.with_runs([graph.run(math="exact")]))
    assert "EXACT_FUNCTIONS" not in plain
    assert "EXACT_FUNCTIONS" in page_of(None)
    assert with_exact_math.index("bringExactMath(EXACT_FUNCTIONS)") < with_exact_math.index(
        "const started="
    )
    assert len(with_exact_math.encode()) - len(plain.encode()) < 16_000
