"""Training on the page: its scripts in node, bit for bit against the formulas by hand."""

from __future__ import annotations

import json
import math
import random
import shutil
import struct
import subprocess
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import mpmath
import pytest

import mgraph
from mgraph import viewer
from mgraph.codec.missing import MISSING
from mgraph.ops import LEAVES, OPS
from mgraph.training.classes import known_targets, off_value
from tests.command_line import FIXTURES, HERE
from tests.reference.arithmetic import Double, nearest
from tests.rows.lines import line
from tests.training import by_hand
from tests.training.by_hand import XS, YS, measured
from tests.training.test_optimizers import VECTORS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Ask = Callable[..., Any]

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="runs scripts in node")

ANSWERS = """import { readFileSync } from "node:fs";
import { Batch } from "./batch.js";
import { readCsv } from "./csv.js";
import { ieee } from "./ieee.js";
import { Descent, paramsOf } from "./descent.js";
import { choicesOf, move, nothingKept, shorten } from "./optimizers.js";
import { readGraph } from "./read.js";
import { orderOf } from "./row-order.js";
import { matchRows } from "./rows.js";
import { rateOf } from "./schedules.js";
import { ExactSum } from "./sums.js";
import { toJson } from "./write.js";

const view = new DataView(new ArrayBuffer(8));
const bits = (x) => { view.setFloat64(0, x); return String(view.getBigUint64(0)); };
const doubles = (list) => Float64Array.from(list, Number);
const graphOf = (text) => readGraph(new TextEncoder().encode(text));
const table = (text) => readCsv(new TextEncoder().encode(text));

const ANSWER = {
  erf: (numbers) => numbers.map((x) => bits(ieee.erf(Number(x)))),
  again: async (text) => {
    try {
      return toJson(await graphOf(text), []);
    } catch (error) {
      return error.code ?? error.stack;
    }
  },
  sums: (lists) => lists.map((parts) => {
    const sum = new ExactSum();
    for (const part of parts) sum.add(doubles(part), part.length);
    return bits(sum.value);
  }),
  order: ([seed, epoch, count]) => [...orderOf(BigInt(seed), epoch, count)],
  clip: ([clip, grad]) => {
    const grads = doubles(grad);
    return [bits(shorten(grads, clip ?? Infinity)), Array.from(grads, bits)];
  },
  rates: ([schedule, rate, steps]) => Array.from(
    { length: steps }, (_, step) => bits(rateOf(schedule, rate, step, steps))),
  moves: ([method, given, params, steps]) => {
    const at = doubles(params);
    const kept = nothingKept(at.length);
    const choices = { ...choicesOf(method), ...given };
    return steps.map(([rate, grads]) => {
      move(method, choices, rate, at, doubles(grads), kept);
      return Array.from(at, bits);
    });
  },
  choices: (methods) => methods.map(choicesOf),
  train: async ([text, csv, recipes]) => {
    const graph = await graphOf(text);
    const loss = graph.outputs[0];
    const trained = paramsOf(graph, loss);
    const rows = matchRows(graph, table(csv), trained, undefined);
    const descent = new Descent(graph, loss, trained, rows);
    const values = graph.data.slice();
    return recipes.map((given) => {
      const recipe = { schedule: "constant", epochs: 100, ...given, size: given.size ?? Infinity,
        clip: given.clip ?? Infinity, seed: BigInt(given.seed ?? 0) };
      const isOver = descent.isOver(recipe);
      const { loss, rate } = descent.advance(recipe, values);
      descent.endsEpoch();
      return { loss: bits(loss), params: trained.map((node) => bits(values[node])), rate, isOver };
    });
  },
  batch: async ([text, inputs, seed, count]) => {
    const graph = await graphOf(text);
    const leaves = graph.data.slice();
    for (const [id, value] of inputs) leaves[graph.index.get(id)] = Number(value);
    const isLeaf = (node) => ["input", "param"].includes(graph.ops[node]);
    const trained = [...graph.ids.keys()].filter(isLeaf);
    const columnOf = (node) => new Float64Array(count).fill(leaves[node]);
    const columns = new Map(trained.map((node) => [node, columnOf(node)]));
    const batch = new Batch(graph, [graph.index.get(seed)], trained, columns.keys());
    batch.setLeaves(leaves);
    batch.forward(columns, null, 0, count);
    batch.backward(count);
    return [bits(batch.primals[batch.outputs[0]][count - 1]),
      trained.map((node) => [graph.ids[node], bits(batch.adjoints[node][count - 1])])];
  },
  match: async ([text, csv, target]) => {
    const graph = await graphOf(text);
    try {
      const trained = paramsOf(graph, graph.outputs[0]);
      const rows = matchRows(graph, table(csv), trained, target ?? undefined);
      const named = ([node, values]) => [graph.ids[node], [...values].map(String)];
      return [[...rows.columns].map(named), rows.target, rows.classes];
    } catch (error) {
      return [error.code ?? error.stack, error.message];
    }
  },
};
const asked = JSON.parse(readFileSync(0, "utf8"));
const answers = [];
for (const [what, question] of asked) answers.push(await ANSWER[what](question));
console.log(JSON.stringify(answers));
"""


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Return a function that asks the page's scripts one kind of question, many at once."""
    folder = tmp_path_factory.mktemp("scripts")
    for name, text in viewer.modules().items():
        (folder / f"{name}.js").write_text(text, encoding="utf-8")
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (folder / "answers-of-tests.js").write_text(ANSWERS, encoding="utf-8")

    def answers(what: str, *questions: Any) -> list[Any]:  # noqa: ANN401 - plain data
        asked = json.dumps([[what, question] for question in questions])
        command = ["node", str(folder / "answers-of-tests.js")]
        done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        answers: list[Any] = json.loads(done.stdout)
        return answers

    return answers


def double_of(bits: str) -> float:
    """Return the double that has these bits."""
    value: float = struct.unpack(">d", int(bits).to_bytes(8, "big"))[0]
    return value


def bits_of(x: float) -> str:
    """Return the bits of a double."""
    return str(int.from_bytes(struct.pack(">d", x), "big"))


# --- exact sums --------------------------------------------------------------------------------

TINY, LARGEST = 5e-324, 1.7976931348623157e308
SUMS: tuple[list[float], ...] = (
    [], [0.0], [-0.0], [-0.0, -0.0], [1.0, -1.0], [0.1] * 10,
    [1.0, 2.0**-53], [1.0, 2.0**-53, TINY], [1.0, 2.0**-53, -TINY], [1.0 + 2.0**-52, 2.0**-53],
    [1e308, 1e308, -1e308], [LARGEST, LARGEST, -LARGEST], [LARGEST, 2.0**970],
    [LARGEST, 2.0**970, -TINY], [-LARGEST, -(2.0**970)], [LARGEST] * 3, [-LARGEST, -LARGEST],
    [TINY] * 3, [-TINY, TINY], [2.0**-1022, -TINY], [2.0**1000, 1.0, -(2.0**1000)],
    [1e300, 1.0, 1e-300, -1e300, -1.0], [2.0**999, 2.0**400, 2.0**-100, 2.0**-1074],
    [1e17, 1.0, 1e-17, 1e-34, 1e-51, -1e17, -1.0], [1.0, 1e-40, 1e-80, 1e-120, -1.0],
)  # fmt: skip
"""Ties, cancellation, spreads that no two doubles hold, subnormals, overflow."""


def exact_sum(values: Sequence[float]) -> float:
    """Return the sum as the format's rule says, by rationals."""
    special = [x for x in values if not math.isfinite(x)]
    if special:
        return math.nan if len({*map(str, special)}) > 1 else special[0]
    total = sum(map(Fraction, values), Fraction(0))
    return nearest(abs(total)) * (-1.0 if total < 0 else 1.0)


def test_sums_are_exact_and_rounded_once(ask: Ask) -> None:
    """By hand, and random ones of all sizes, in one piece and in two."""
    generator = random.Random(3)  # noqa: S311 - numbers to compute with
    lists = [*SUMS]
    for spread in (0, 3, 30, 60, 300):
        for _ in range(60):
            scales = [2.0 ** generator.randint(-spread, spread) for _ in range(20)]
            lists.append([generator.gauss(0.0, 1.0) * scale for scale in scales])
    halves = [[values[:7], values[7:]] for values in lists]
    (whole, split) = ask("sums", [[values] for values in lists], halves)
    for values, one, two in zip(lists, whole, split, strict=True):
        assert one == two == bits_of(exact_sum(values)), values


def test_sums_of_nan_and_infinities(ask: Ask) -> None:
    """NaN if there is one, or both infinities; else the infinity."""
    cases = (
        (["NaN", "1"], math.nan), (["Infinity", "1e308"], math.inf),
        (["-Infinity", "1e308", "1e308"], -math.inf), (["Infinity", "-Infinity"], math.nan),
    )  # fmt: skip
    (got,) = ask("sums", [[values] for values, _ in cases])
    assert [str(double_of(bits)) for bits in got] == [str(want) for _, want in cases]


# --- ops and versions of the format ------------------------------------------------------------


def test_erf_is_within_2_ulp(ask: Ask) -> None:
    """JavaScript has no erf; that of the page is near the 50-digit value for all sizes of x."""
    generator = random.Random(5)  # noqa: S311 - numbers to compute with
    numbers = [sign * k / 1000 for k in range(0, 6500, 5) for sign in (1, -1)]
    numbers += [2.0 ** generator.uniform(-1074, 3) for _ in range(2000)]
    numbers += [math.nextafter(x, to) for x in (1.0, 6.0) for to in (0.0, 9.0)]
    (got,) = ask("erf", [*map(str, numbers)])
    with mpmath.workdps(50):
        for x, y in zip(numbers, map(double_of, got), strict=True):
            exact = mpmath.erf(mpmath.mpf(x))
            assert abs(mpmath.mpf(y) - exact) <= 2 * math.ulp(float(exact)), x
    special = {"0": 0.0, "-0": -0.0, "Infinity": 1.0, "-Infinity": -1.0, "27": 1.0}
    (got,) = ask("erf", [*special])
    assert got == [*map(bits_of, special.values())]
    ((got,),) = ask("erf", ["NaN"])
    assert math.isnan(double_of(got))


def test_the_page_writes_the_version_that_the_ops_need(ask: Ask) -> None:
    """As the library does; what the file stated doesn't count, but must not be too low."""
    for op, stated, want in (
        ("sin", "1.0", "1.0"), ("sin", "1.1", "1.0"), ("asin", "1.1", "1.1"),
        ("asin", "1.0", "unknown-op"), ("sin", "1.2", "version"), ("asin", "1.2", "version"),
    ):  # fmt: skip
        nodes = [{"id": "x", "op": "input", "data": 0.5}, {"id": "y", "op": op, "args": ["x"]}]
        text = json.dumps({"mgraph": stated, "nodes": nodes, "outputs": ["y"]})
        (written,) = ask("again", text)
        if want in ("unknown-op", "version"):
            assert written == want
        else:
            assert json.loads(written)["mgraph"] == want
            assert written.encode() == b"".join(mgraph.loads(text).to_bytes(".json"))


# --- steps -------------------------------------------------------------------------------------


def test_orders_of_rows(ask: Ask) -> None:
    """SplitMix64, as the vectors of training have it."""
    cases = VECTORS["orders"]
    got = ask("order", *([each["random_seed"], each["epoch"], each["rows"]] for each in cases))
    assert got == [case["order"] for case in cases]


def test_long_gradients_are_clipped(ask: Ask) -> None:
    """Their norm is the root of an exact sum; None leaves them as they are."""
    cases = VECTORS["clip"]
    got = ask("clip", *([case["clip"], case["grad"]] for case in cases))
    wanted = [[bits_of(case["norm"]), [*map(bits_of, case["clipped"])]] for case in cases]
    assert got == wanted
    assert ask("clip", [None, [30.0, 40.0]]) == [[bits_of(50.0), [bits_of(30.0), bits_of(40.0)]]]


def test_rates_follow_the_schedule(ask: Ask) -> None:
    """All steps; with the browser's cos, the cosine schedule may differ by an ulp."""
    cases = VECTORS["schedules"]
    got = ask("rates", *([case["schedule"], case["lr"], case["steps"]] for case in cases))
    for case, rates in zip(cases, got, strict=True):
        ulps = 1 if case["schedule"] == "cosine" else 0
        for rate, wanted in zip(map(double_of, rates), case["rates"], strict=True):
            assert abs(rate - wanted) <= ulps * math.ulp(wanted), case


def test_optimizers_have_the_bits_of_their_formulas(ask: Ask) -> None:
    """Five steps with falling rates, of each method and with other constants."""
    given = VECTORS["optimizers"]
    steps = [*zip(given["lr"], given["grads"], strict=True)]
    names = {"momentum": "momentum", "weightDecay": "weight_decay", "betas": "betas", "eps": "eps"}
    questions = [
        [case["optimizer"], {new: case[old] for new, old in names.items() if old in case},
         given["start"], steps]
        for case in given["cases"]
    ]  # fmt: skip
    for case, moves in zip(given["cases"], ask("moves", *questions), strict=True):
        assert moves == [[*map(bits_of, params)] for params in case["params"]], case["optimizer"]


DEFAULTS = {"sgd": (0.0, 0.0), "momentum": (0.9, 0.0), "adam": (0.0, 0.0), "adamw": (0.0, 0.01)}
"""Momentum and weight decay, as in PyTorch."""


def test_optimizers_have_the_defaults_of_pytorch(ask: Ask) -> None:
    """Those that docs/training.md states; and the page offers each method."""
    (got,) = ask("choices", [*DEFAULTS])
    for each, (momentum, decay) in zip(got, DEFAULTS.values(), strict=True):
        assert each == {
            "momentum": momentum, "betas": [0.9, 0.999], "eps": 1e-8, "weightDecay": decay,
        }  # fmt: skip
    shell = (HERE.parent / "mgraph/viewer/static/page.html").read_text(encoding="utf-8")
    offered = shell.split('<select id="optimizer">')[1].split("</select>")[0]
    assert offered == "".join(f"<option>{name}</option>" for name in DEFAULTS)


CSV = "x,y\n" + "".join(f"{x},{y}\n" for x, y in zip(XS, YS, strict=True))


def test_training_has_the_bits_of_its_formulas(ask: Ask) -> None:
    """Losses and params of the trainings whose weight decay is the one that the page has."""
    given = VECTORS["trainings"]
    cases = [case for case in given["cases"] if has_default_decay(case)]
    assert len(cases) >= 5
    recipes = [
        {"method": case["optimizer"], "rate": case["lr"], "size": case["batch_size"],
         "schedule": case["schedule"], "epochs": case["epochs"], "clip": case["clip"],
         "seed": case["random_seed"]}
        for case in cases
    ]  # fmt: skip
    graph = json.dumps(given["graph"])
    counts = [len(case["losses"]) for case in cases]
    questions = [[graph, CSV, [recipe] * n] for recipe, n in zip(recipes, counts, strict=True)]
    for case, steps in zip(cases, ask("train", *questions), strict=True):
        assert [step["loss"] for step in steps] == [*map(bits_of, case["losses"])]
        wanted = [[bits_of(params["b"]), bits_of(params["w"])] for params in case["params"]]
        assert [step["params"] for step in steps] == wanted, case["optimizer"]


def has_default_decay(case: dict[str, Any]) -> bool:
    """Whether a training has the weight decay that its method has by default."""
    decay: float = case["weight_decay"]
    return decay == DEFAULTS[case["optimizer"]][1]


def test_a_schedule_goes_by_the_rows_that_are_done(ask: Ask) -> None:
    """If the batch size changes: 3 and 4 of 7 rows, then 1 each, of 2 epochs; then it is over."""
    sizes = (3, 4, 1, 1, 1, 1, 1, 1, 1, None)
    recipes = [{"method": "sgd", "rate": 1.0, "schedule": "linear", "epochs": 2, "size": size}
               for size in sizes]  # fmt: skip
    (steps,) = ask("train", [LINE, CSV, recipes])
    done = [Fraction(0, 6), Fraction(1, 4), *(Fraction(7 + k, 14) for k in range(7)), Fraction(1)]
    assert [step["rate"] for step in steps] == pytest.approx([float(1 - t) for t in done])
    assert [step["isOver"] for step in steps] == [False] * 9 + [True]


def test_another_random_seed_counts_from_the_next_epoch(ask: Ask) -> None:
    """The rows of an epoch that has begun stay in their order, so that each is visited once."""
    seeds = (3, 8, 8, 8, 8, 8)
    recipes = [{"method": "sgd", "rate": 0.05, "size": 3, "seed": str(seed)} for seed in seeds]
    (steps,) = ask("train", [json.dumps(VECTORS["trainings"]["graph"]), CSV, recipes])
    params, method = [*map(Double, by_hand.START)], by_hand.ByHand("sgd")
    orders = [by_hand.order(3, 1, [*range(7)]), by_hand.order(8, 2, [*range(7)])]
    batches = [order[at : at + 3] for order in orders for at in (0, 3, 6)]
    for rows, step in zip(batches, steps, strict=True):
        params = method.step(params, measured(params, rows)[1], 0.05)
        assert step["params"] == [*map(bits_of, params)]


def test_another_optimizer_starts_anew(ask: Ask) -> None:
    """What momentum keeps is nothing for Adam: its steps are those from the params as they are."""
    text = b"".join(line().to_bytes()).decode()
    methods = ("momentum", "momentum", "adam", "adam")
    (steps,) = ask("train", [text, CSV, [{"method": name, "rate": 0.05} for name in methods]])
    params = [Double(1.0), Double(2.0)]
    first, second = by_hand.ByHand("momentum", 0.9), by_hand.ByHand("adam")
    for method, step in zip((first, first, second, second), steps, strict=True):
        params = method.step(params, measured(params, range(7))[1], 0.05)
        assert step["params"] == [*map(bits_of, params)]


def test_more_rows_than_are_computed_at_once(ask: Ask) -> None:
    """Sums go on from block to block: a step of 350 rows."""
    xs, ys = XS * 50, YS * 50
    csv = "x,y\n" + "".join(f"{x},{y}\n" for x, y in zip(xs, ys, strict=True))
    text = b"".join(line().to_bytes()).decode()
    ((step,),) = ask("train", [text, csv, [{"method": "sgd", "rate": 0.05}]])
    start = [Double(1.0), Double(2.0)]
    loss, grads = measured(start, range(350), xs, ys)
    after = by_hand.ByHand("sgd").step(start, grads, 0.05)
    assert (step["loss"], step["params"]) == (bits_of(loss), [*map(bits_of, after)])


# --- batches -----------------------------------------------------------------------------------

FILES = sorted(
    path for folder in ("ops", "nets", "shapes", "lecture", "edges")
    for path in (FIXTURES / "run" / folder).glob("*.json")
)  # fmt: skip


loaded: Final = cache(mgraph.load)


@cache
def declared(path: Path) -> str:
    """Return the text of a fixture without its runs."""
    document = json.loads(path.read_bytes())
    del document["runs"]
    return json.dumps(document)


def question_of(path: Path, place: int = 0) -> list[Any]:
    """Return what the scripts are asked about a run of a fixture: three equal rows."""
    graph = loaded(path)
    run = graph.runs[place]
    inputs = [[name, spelled(x)] for name, x in run.inputs.items()]
    seed = next(iter(run.seed)) if run.seed else graph.outputs[0]
    return [declared(path), inputs, seed, 3]


def spelled(x: float) -> str:
    """Return a double as JavaScript reads it."""
    return repr(x).replace("inf", "Infinity").replace("nan", "NaN")


def test_batches_give_what_the_fixtures_say(ask: Ask) -> None:
    """Values and gradients of leaves; exact ops give the same bits, others stay near."""
    paths = [path for path in FILES if has_plain_run(path)]
    assert len(paths) > 50
    for path, (value, grads) in zip(paths, ask("batch", *map(question_of, paths)), strict=True):
        graph = loaded(path)
        run = graph.runs[0]
        columns = graph.columns
        exact = all(OPS[op].exact for op in {*map(columns.op, range(len(columns)))} - {*LEAVES})
        data = dict(run.data or {})
        seed = next(iter(run.seed)) if run.seed else graph.outputs[0]
        pairs = [(seed, value, data[seed])] if seed in data else []
        wanted = run.grad or {}
        pairs += [(name, bits, wanted[name]) for name, bits in grads if name in wanted]
        for name, bits, want in pairs:
            got = double_of(bits)
            if exact:
                assert got == want or (got != got and want != want), (path.name, name)
            else:
                assert is_near(got, want), (path.name, name, got, want)


def test_the_page_knows_the_edges_of_every_op(ask: Ask) -> None:
    """Every run of every op of one or two arguments: zeros with signs, infinities, NaN, kinks."""
    paths = [FIXTURES / "run" / "ops" / f"{op.name}.json" for op in OPS.values()]
    asked = [(path, k) for path in paths for k in range(len(loaded(path).runs))]
    assert len(asked) > 800
    got = ask("batch", *(question_of(path, k) for path, k in asked))
    for (path, k), (value, grads) in zip(asked, got, strict=True):
        graph = loaded(path)
        run = graph.runs[k]
        data, grad = dict(run.data or {}), dict(run.grad or {})
        name = graph.outputs[0]
        assert is_near(double_of(value), data[name]), (path.name, k, double_of(value), data[name])
        assert data[name] != 0.0 or value == bits_of(data[name]), (path.name, k)
        for leaf, bits in grads:
            assert is_near(double_of(bits), grad[leaf]), (path.name, k, double_of(bits), grad[leaf])


def has_plain_run(path: Path) -> bool:
    """Whether run 0 of a fixture has numbers, and one output with the seed 1."""
    run = next(iter(mgraph.load(path).runs), None)
    seeds = [] if run is None else [*run.seed.values()]
    return run is not None and run.data is not None and seeds in ([], [1.0])


def is_near(got: float, want: float) -> bool:
    """Whether two doubles are equal, or as near as those of two math libraries (a few ulp) stay."""
    if got != got or want != want or math.isinf(want):
        return got == want or (got != got and want != want)
    return abs(got - want) <= 1e-12 * abs(want) + 1e-12


# --- rows --------------------------------------------------------------------------------------


def text_of(**options: Any) -> str:  # noqa: ANN401 - of `mlp`
    """Return a network as JSON."""
    from mgraph.build.network import mlp  # noqa: PLC0415 - not part of the public API

    return b"".join(mlp(**options).to_bytes()).decode()


HINGE = text_of(sizes=(2, 1), loss="hinge")
THREE = text_of(sizes=(1, 3), loss="cross-entropy")
LINE = b"".join(line().to_bytes()).decode()
STANDARDIZED = LINE.replace('{"id": "x",', '{"id": "x", "meta": {"standardized": {"mean": 3.0, '
                            '"deviation": 2.0}},')  # fmt: skip


def formula(text: str) -> str:
    """Return the graph of a formula with the params w and b as JSON."""
    from mgraph.build.expression import graph_of  # noqa: PLC0415 - not part of the public API

    params = {"w": ("param", 1.0), "b": ("param", 0.0)}
    return b"".join(graph_of(text, params, ()).to_bytes()).decode()


FITS: tuple[tuple[str, str, str | None, Any], ...] = (
    (LINE, "x,day,y\n3,Mo,5\n-1,Tu,1e-3\n", None,
     [[["x", ["3", "-1"]], ["y", ["5", "0.001"]]], "", []]),
    (LINE, '\ufeffx,"a ""b"", c"\r\n" 1 ",2\r\n\r\n-inf,"3\n4"\r\nNaN,', None,
     [[["x", ["1", "-Infinity", "NaN"]]], "", []]),
    (HINGE, "x1,x2,moon\n1,2,upper\n3,4,lower\n", None,
     [[["x1", ["1", "3"]], ["x2", ["2", "4"]], ["y", ["1", "-1"]]], "moon", ["lower", "upper"]]),
    (HINGE, "x1,x2,kind,day\n1,2,10,Mo\n3,4,9,Tu\n5,6,9,We\n", None,
     [[["x1", ["1", "3", "5"]], ["x2", ["2", "4", "6"]], ["y", ["1", "-1", "-1"]]], "kind",
      ["9", "10"]]),
    (HINGE, "x1,x2,a,b\n1,2,1,0\n3,4,0,0\n", "a",
     [[["x1", ["1", "3"]], ["x2", ["2", "4"]], ["y", ["1", "-1"]]], "a", ["0", "1"]]),
    (STANDARDIZED, "x,y\n3,5\n-1,4\n", None, [[["x", ["0", "-2"]], ["y", ["5", "4"]]], "", []]),
    *((formula(f"s = w*x + b; L = {loss}"), "x,k\n1,b\n2,a\n", None,
       [[["x", ["1", "2"]], ["y", ["1", off]]], "k", ["a", "b"]])
      for loss, off in (("relu(1 - y*s)", "-1"), ("relu(1 + -y*s)", "-1"),
                        ("max(0, 1 - s*y)", "-1"), ("relu(1 + -(s*y))", "-1"),
                        ("(relu(s) - y)**2", "0"))),
    (THREE, "x1,kind\n1,b\n2,a\n3,c\n", None,
     [[["x1", ["1", "2", "3"]], ["y1", ["0", "1", "0"]], ["y2", ["1", "0", "0"]],
       ["y3", ["0", "0", "1"]]], "kind", ["a", "b", "c"]]),
)  # fmt: skip
"""Graph, file, column of classes; and the columns by leaf, that column, the classes."""


def test_columns_become_those_of_leaves(ask: Ask) -> None:
    """By their names; classes become targets, in graphs of a hinge loss 1 and -1."""
    got = ask("match", *([text, csv, target] for text, csv, target, _ in FITS))
    assert got == [want for *_, want in FITS]
    hinge, three = mgraph.loads(HINGE).columns, mgraph.loads(THREE).columns
    assert (known_targets(hinge), off_value(hinge)) == (["y"], -1.0)
    assert (known_targets(three), off_value(three)) == (["y1", "y2", "y3"], 0.0)


REFUSED: tuple[tuple[str, str, str, str], ...] = (
    (LINE, "x,y\n1,2\n3,four\n", "number", "“y” is “four” in row 1, counted from 0"),
    (LINE, "x,y\n1,2\n3,\n", "number", "“y” is empty in row 1"),
    (LINE, "x,y\n1e999,2\n", "number", "“x” is “1e999” in row 0"),
    (LINE, "x,y\n0x10,2\n", "number", "“x” is “0x10” in row 0"),
    (LINE, "x,y\n1,2\n3\n", "syntax", "row 1, counted from 0, has 1 values; the header has 2"),
    (LINE, 'x,y\n1,"2\n', "syntax", "row 0, counted from 0, has a quote that does not end"),
    (LINE, 'x,y\n1,"2"3\n', "syntax", "row 0, counted from 0, has a quote"),
    (LINE, "x,x\n1,2\n", "column", "two columns named “x”"),
    (LINE, "x,\n1,2\n", "column", "a column without a name"),
    (LINE, "", "syntax", "it is empty"),
    (LINE, "x\n" + "1\n" * 200_001, "size", "more than 200,000 rows"),
    (LINE, "x,y\n", "syntax", "it has no rows"),
    (LINE, "u,v\n1,2\n", "column", "no column has the name of an input or param"),
    (LINE, "x,w\n1,2\n", "column", "the param “w” is trained"),
    (HINGE, "x1,moon\n1,a\n2,b\n", "unbound-input", "the input “x2” has neither a column nor"),
    (HINGE, "x1,x2\n1,2\n", "unbound-input", "the input “y” has neither a column nor"),
    (HINGE, "x1,x2,k\n1,2,a\n1,2,a\n", "column", "“k” has 1 classes; the graph's y can be 2"),
    (HINGE, "x1,x2,k\n1,2,a\n1,2,\n", "number", "“k” is empty in row 1"),
    *(
        (HINGE, f"x1,x2,k\n1,2,a\n1,2,{mark} \n", "number", f"“k” is “{mark} ” in row 1")
        for mark in MISSING
    ),
    (
        HINGE,
        "x1,x2,k\n1,2,3\n1,2,4\n1,2,5.5\n",
        "column",
        "can be 2; for numbers, rename it to “y”",
    ),
    (HINGE, "len,width,k\n1,2,a\n1,2,b\n1,2,c\n", "unbound-input", "the input “x1” has neither"),
    (THREE, "x1,k\n1,a\n2,b\n3,c\n4,d\n", "column", "has 4 classes; the graph's y1, y2, y3"),
    (THREE, "x1,y1,y2\n1,1,0\n", "unbound-input", "the input “y3” has neither a column nor"),
)


def test_rows_that_do_not_fit_are_refused(ask: Ask) -> None:
    """By their code, naming column and row."""
    got = ask("match", *([text, csv, None] for text, csv, *_ in REFUSED))
    for (_, csv, code, words), (got_code, message) in zip(REFUSED, got, strict=True):
        assert got_code == code, (csv[:40], message)
        assert words in message, csv[:40]
