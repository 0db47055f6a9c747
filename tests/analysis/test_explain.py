"""Explain: paths, products and sums against counting them one by one in exact rationals."""

from __future__ import annotations

import json
import math
import random
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

import mgraph as library
from mgraph import Graph, Value
from mgraph.analysis.detailed_run import DetailedRun, run_in_detail
from mgraph.analysis.explain import MOST, Explanation, explain, no_path
from mgraph.ops import OPS, Op
from mgraph.value import apply
from tests.command_line import FIXTURES, NEURON, Shell
from tests.loops import looped, shared
from tests.reference.arithmetic import mp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

GOLDEN = sorted([NEURON, *(FIXTURES / "run").rglob("*.json")])


def ran(*outputs: Value, **seed: float) -> DetailedRun:
    """Run the graph of some Values."""
    return run_in_detail(Graph.of(*outputs).columns, {}, seed)


def explained(run: DetailedRun, name: str, most: int = 10) -> Explanation:
    """Explain the node with an id."""
    return explain(run, run.graph.index[name], most)


# --- an implementation of its own: exact, recursive, one path after the other -----------------

SLOPES: dict[str, Callable[..., tuple[Any, ...]]] = {
    "add": lambda a, b: (1, 1),
    "sub": lambda a, b: (1, -1),
    "mul": lambda a, b: (b, a),
    "neg": lambda x: (-1,),
    "relu": lambda x: (1 if x > 0 else 0,),
    "abs": lambda x: (0 if x == 0 else 1 if x > 0 else -1,),
    "sum": lambda *x: (1,) * len(x),
    "max": lambda a, b: (Fraction(1, 2),) * 2 if a == b else (1, 0) if a > b else (0, 1),
}
"""The slopes of some ops, written down anew."""


def all_paths(value: Value, target: Value, product: Fraction) -> Iterator[tuple[str, Fraction]]:
    """Yield every path down from a Value, with the product of the partials along it."""
    if value is target:
        yield str(value.name), product
    if not value.args:
        return
    numbers = (Fraction(arg.data) for arg in value.args)
    for arg, slope in zip(value.args, SLOPES[value.op](*numbers), strict=True):
        for way, found in all_paths(arg, target, product * slope):
            yield f"{value.name} {way}", found


def random_values(seed: int) -> list[Value]:
    """Make a small graph of exact ops over small numbers, so that no product is rounded."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    values = [Value(draw.randint(-3, 3) / 2, name=f"x{i}") for i in range(draw.randint(1, 3))]
    for i in range(draw.randint(1, 9)):
        op = draw.choice([*SLOPES])
        count = draw.randint(1, 3) if op == "sum" else OPS[op].inputs
        values.append(apply(OPS[op], tuple(draw.choices(values[-5:], k=count))))
        values[-1].name = f"n{len(values)}_{i}"
        if abs(values[-1].data) > 1e6:
            return values[:-1]
    return values


@looped("seed", range(150))
def test_paths_are_those_that_are_there(seed: int) -> None:
    """Count, largest products, sum of the others and total are right for any graph."""
    values = random_values(seed)
    output, weight = values[-1], (1.0, -2.0, 0.5)[seed % 3]
    run = ran(output, **{str(output.name): weight})
    for target in (value for value in values if str(value.name) in run.graph.index):
        node = run.graph.index[str(target.name)]
        ways = [*all_paths(output, target, Fraction(weight))]
        if not run.has_adjoint(node):
            assert ways == []
            continue
        for most in (1, 3, 1000):
            found = explain(run, node, most).paths
            shown = [
                (" ".join(run.graph.ids[i] for i in path.nodes), Fraction(path.product))
                for path in found.shown
            ]
            assert found.count == len(ways)
            assert len(shown) == min(most, len(ways))
            sizes = sorted((abs(product) for _, product in ways), reverse=True)
            assert [abs(product) for _, product in shown] == sizes[:most]
            left = [*ways]
            for way in shown:
                left.remove(way)  # each of them is one that is there, and none comes twice
            assert Fraction(found.rest) == sum(product for _, product in left)
            assert Fraction(found.total) == sum(product for _, product in ways)
        assert Fraction(run.adjoints[node]) == Fraction(found.total)


def diamonds(count: int, slope: float = 0.5) -> Value:
    """Return x after many steps from y to y + slope·y, which makes 2^count paths."""
    y = Value(1.0, name="x")
    for _ in range(count):
        y = y + y * slope
    y.name = "y"
    return y


@pytest.mark.parametrize("count", [1, 2, 10, 100, 1000])
def test_diamonds_have_two_to_the_n_paths(count: int) -> None:
    """The closed form holds: 2^n paths, (3/2)^n in total, one path of product 1, n of 1/2."""
    found = explained(ran(diamonds(count)), "x", count + 1).paths
    assert found.count == 2**count
    assert [path.product for path in found.shown] == [1.0] + [0.5] * count
    total = Fraction(3, 2) ** count
    rest = total - 1 - Fraction(count, 2)
    assert found.total == pytest.approx(float(total), rel=1e-12)
    assert found.rest == pytest.approx(float(rest), rel=1e-12)


def test_counting_ends_somewhere() -> None:
    """From the largest count on, the result is `that many or more`, and no number grows further."""
    assert explained(ran(diamonds(4095, 0.0)), "x", 1).paths.count == 2**4095
    for count in (4096, 6000):
        assert explained(ran(diamonds(count, 0.0)), "x", 1).paths.count == MOST == 2**4096


def test_a_long_chain_is_no_recursion() -> None:
    """A path of twenty thousand steps is one path."""
    y = Value(1.0, name="x")
    for _ in range(20_000):
        y = -y
    (path,) = explained(ran(y), "x").paths.shown
    assert (len(path.nodes), path.product) == (20_001, 1.0)


def test_ranks_are_beyond_overflow_and_underflow() -> None:
    """Paths are ranked correctly even if a partial product overflows or underflows a double."""
    x = Value(1.0, name="x")
    lost = x * 10.0 * 1e200 * 1e200 * 1e-200 * 1e-200  # from the output: 1e-200, 1e-400, …
    found = explained(ran(lost + x * 9.0), "x").paths.shown
    assert [path.partials[-1] for path in found] == [10.0, 9.0]
    assert [path.product for path in found] == [0.0, 9.0]  # as the backward pass has it, too
    small = x * 1e-200 * 1e-200 * 1e200
    found = explained(ran(small * 1e190 + small * 1e180), "x").paths.shown
    assert [path.partials[1] for path in found] == [1e190, 1e180]


def test_what_is_not_finite_comes_first_and_zero_last() -> None:
    """A path with an infinite partial ranks above any number, one with a zero below."""
    x, zero = Value(0.0, name="x"), Value.const(0.0)
    y = library.sum([x * zero, x * 1e300, x.sqrt(), x * 2.0])
    found = explained(ran(y), "x").paths
    assert [path.product for path in found.shown] == [math.inf, 1e300, 2.0, 0.0]
    assert found.total == math.inf


# --- contributions ---------------------------------------------------------------------------


def bits(x: float) -> str:
    """Return the bits of a double; all NaNs are alike."""
    return "nan" if x != x else x.hex()


@looped("path", GOLDEN)
def test_contributions_add_up_to_the_last_bit(path: Path) -> None:
    """What the users pass on is upstream · partial; added in their order, it is the gradient."""
    graph = library.load(path)
    for want in graph.runs[:5]:
        run = run_in_detail(graph.columns, want.inputs, want.seed)
        for node in range(0, len(graph), 1 + len(graph) // 100):
            if not run.has_adjoint(node):
                continue
            found = explain(run, node, 2)
            total = run.start(node)
            for share in found.contributions:
                assert bits(share.amount) == bits(share.upstream * share.partial)
                assert bits(share.before) == bits(total)
                total += share.amount
                assert bits(share.after) == bits(total)
            assert bits(total) == bits(run.adjoints[node])
            name = graph.columns.ids[node]
            if want.grad is not None and name in want.grad and want.tolerance is None:
                assert run.adjoints[node] == pytest.approx(
                    want.grad[name], rel=1e-9, abs=1e-12, nan_ok=True
                )


def test_a_hub_of_one_sum_is_quick() -> None:
    """If a node is every argument of a large sum, the sum's partials are computed once."""
    x = Value(2.0, name="x")
    y = library.sum([x] * 60_000)
    found = explained(ran(y), "x", 1)
    assert len(found.contributions) == found.paths.count == 60_000
    assert found.contributions[-1].after == 60_000.0
    assert (found.paths.rest, found.paths.total) == (59_999.0, 60_000.0)


# --- why it is zero, or not finite -----------------------------------------------------------


def edges(run: DetailedRun, name: str) -> list[tuple[str, str, int | None]]:
    """Return where a gradient became zero or not finite."""
    return [
        (each.kind, run.graph.ids[each.node], each.argument) for each in explained(run, name).edges
    ]


def test_a_zero_gradient_is_traced() -> None:
    """A dead relu, a saturated tanh, a factor 0, an underflow and a cancellation are located."""
    x, w = Value(-2.0, name="x"), Value.param(0.0, name="w")
    dead = x.relu()
    dead.name = "dead"
    flat = (x * 100.0).tanh()
    flat.name = "flat"
    times = x * w
    times.name = "times"
    gone = x * 1e-200 * 1e-200
    run = ran(dead, flat, times, gone, x - x, dead=1.0)
    assert edges(run, "x") == [("zero slope", "dead", 0)]
    run = ran(flat)
    assert edges(run, "x") == [("zero slope", "flat", 0)]
    run = ran(times)
    assert edges(run, "x") == [("zero slope", "times", 0)]
    assert edges(run, "w") == []
    gone.name = "gone"
    gone.args[0].name = "inner"
    assert edges(ran(gone), "x") == [("underflow", "inner", 0)]
    difference = x - x
    assert edges(ran(difference), "x") == [("cancel", "x", None)]
    assert edges(ran(dead + x - x), "x")[-1] == ("cancel", "x", None)


def test_what_is_not_finite_is_traced() -> None:
    """An infinite partial, a product too large and a sum too large are located."""
    x = Value(0.0, name="x")
    root = x.sqrt()
    root.name = "root"
    assert edges(ran(root * 2.0), "x") == [("slope", "root", 0)]
    huge = x * 1e200
    huge.name = "huge"
    assert edges(ran(huge * 1e200), "x") == [("overflow", "huge", 0)]
    assert edges(ran(x * 1.5e308 + x * 1.5e308), "x") == [("sum", "x", None)]


def test_where_the_ways_end() -> None:
    """For a node without a path: its users, where they end, and the outputs it does reach."""
    x = Value(1.0, name="x")
    used, aside = x * 2.0, x * 3.0
    used.name, aside.name = "used", "aside"
    y = Value(2.0, name="y")
    other = y * 2.0
    other.name = "other"
    run = ran(used, other, other=1.0)
    found = no_path(run, run.graph.index["x"])
    ids = run.graph.ids
    assert [ids[i] for i in found.users] == ["used"]
    assert ([ids[i] for i in found.outputs], found.ends) == (["used"], ())
    document = {
        "mgraph": "1.0",
        "nodes": [
            {"id": "x", "op": "input", "data": 1.0},
            {"id": "a", "op": "neg", "args": ["x"]},
            {"id": "b", "op": "add", "args": ["a", "x"]},
            {"id": "alone", "op": "input", "data": 2.0},
        ],
        "outputs": ["alone"],
    }
    run = run_in_detail(library.loads(json.dumps(document)).columns, {}, {})
    found = no_path(run, 0)
    assert (found.users, found.ends, found.outputs) == ((1, 2), (2,), ())


# --- the command -----------------------------------------------------------------------------

W1 = """\
w1  param

value     w1 = -3.0
gradient  ∂o/∂w1 = 1.0 (in full 0.9999999999999996)

passed on by its users: upstream gradient · local derivative, added from the top down
user  formula  upstream  local  product  sum
x1w1  x1·w1    0.5       2.0    1.0      1.0

1 path from o: local derivatives multiplied along it
1.0  o ─0.5→ n ─1.0→ x1w1x2w2 ─1.0→ x1w1 ─2.0→ w1
1.0  the product is the gradient
"""


def test_explain_prints_the_chain_rule(mgraph: Shell) -> None:
    """The text for a leaf has its value, gradient, users and paths."""
    result = mgraph("explain", "neuron.json", "w1")
    assert (result.status, result.err) == (0, "")
    full = r"0\.99999999999999\d+"  # its last digits are the math library's
    assert re.sub(full, "FULL", result.out) == re.sub(full, "FULL", W1)


def test_explain_shows_the_rule_with_numbers(mgraph: Shell) -> None:
    """An op node shows its formula and local derivatives, with ids and with numbers."""
    result = mgraph("explain", "neuron.json", "x1w1")
    assert "value     x1w1 = x1·w1 = 2.0·(-3.0) = -6.0\n" in result.out
    assert "local     ∂x1w1/∂x1 = w1 = -3.0\n          ∂x1w1/∂w1 = x1 = 2.0\n" in result.out
    result = mgraph("explain", "neuron.json", "o")
    assert "∂o/∂n = 1 - o·o = 1 - 0.7071067812·0.7071067812 = 0.5\n" in result.out
    assert "seed      it is an output: its gradient starts at 1.0\n" in result.out


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_rules_of_every_op(mgraph: Shell, op: Op) -> None:
    """Each formula and partial with numbers, evaluated, gives the number at its end."""
    numbers = {"a": 2.5, "b": 0.75} if op.inputs > 1 else {"a": 0.75}
    leaves = [Value(x, name=name) for name, x in numbers.items()]
    y = apply(op, tuple(leaves))
    y.name = "y"
    Graph.of(y).to_file(mgraph.path("op.json"))
    found = mgraph("explain", "op.json", "y", "--json").json
    equation = mgraph("explain", "op.json", "y").out.splitlines()[2].removeprefix("value     y = ")
    *parts, last = equation.split(" = ")
    assert float(last) == pytest.approx(found["data"], rel=1e-9)
    known = {**numbers, "y": found["data"]}
    assert worked_out(parts[-1], known) == pytest.approx(found["data"], rel=1e-9)
    for slope in found["slopes"]:
        *parts, last = slope["rule"].split(" = ")
        value = last.split(" (")[0]
        assert float(value) == pytest.approx(slope["slope"], rel=1e-9)
        if "(" not in last and len(parts) > 1:
            assert worked_out(parts[-1], known) == pytest.approx(slope["slope"], rel=1e-6)


def worked_out(text: str, known: Mapping[str, float]) -> float:
    """Evaluate a formula with mpmath's functions."""
    text = re.sub(r"\|(.*)\|", r"abs(\1)", text).replace("·", "*").replace("^", "**")
    text = text.replace("√(", "sqrt(").replace("ln(", "log(")
    text = re.sub(r"√(\S+)", r"sqrt(\1)", text).replace("ln ", "log ")
    text = re.sub(r"([a-z]{3,}) (\([^)]*\)|[\d.e-]+)", r"\1(\2)", text)
    names = {name: getattr(mp, name) for name in ("sqrt", "exp", "log", "sin", "cos", "tan", "atan",
                                                  "sinh", "cosh", "tanh", "erf", "asin", "acos",
                                                  "atan2")}  # fmt: skip
    own = {"sigmoid": lambda x: 1 / (1 + mp.exp(-x)), "softplus": lambda x: mp.log(1 + mp.exp(x)),
           "relu": lambda x: max(x, 0), "max": max, "min": min, "abs": abs}  # fmt: skip
    return float(eval(text, {"__builtins__": {}}, {**names, **own, **known}))  # noqa: S307 - our own output


@pytest.mark.parametrize(
    ("path", "node", "words"),
    [
        ("nets/dead_relu", "w", "∂h/∂n = 0.0 (1 if n > 0, else 0): the relu is off in this run"),
        (
            "functions/if_else",
            "down_slope",
            "(1 if is_down > 0 else 0): the gate is shut in this run",
        ),
        (
            "functions/if_else",
            "is_down",
            "∂kept_down/∂is_down = 0.0: a gate passes nothing on to its condition",
        ),
        ("edges/tanh_saturates", "x", "∂y/∂n = 1 - y·y = 1 - 1.0·1.0 = 0.0: a saturated tanh"),
        ("lecture/readme", "nowhere", ""),
        ("edges/zero_gradient_meets_infinity", "x", "∂minus_log/∂x = 1/x = 1/0.0 = inf"),
        ("edges/zero_by_zero", "a", "the first value that is not finite: q = a/b = 0.0/0.0 = nan"),
        ("edges/relu_at_zero", "y", "at a kink: the choice is 0"),
    ],
    ids=lambda value: value if "/" in value and " " not in value else None,
)
def test_hints(mgraph: Shell, path: str, node: str, words: str) -> None:
    """The cause of a zero or non-finite gradient is named with its numbers."""
    mgraph.write("graph.json", (FIXTURES / "run" / f"{path}.json").read_bytes())
    result = mgraph("explain", "graph.json", node, "--run", "0")
    if not words:
        assert (result.status, "error[run-node]" in result.err) == (1, True)
    else:
        assert words in result.out


def test_several_outputs_and_runs(mgraph: Shell) -> None:
    """Seeds and runs choose what is differentiated, as for `run`."""
    mgraph("new", "s = a+b; p = a*b", "--input", "a=2", "--param", "b=3", "-o", "two.json")
    assert "error[seed]" in mgraph("explain", "two.json", "a").err
    found = mgraph("explain", "two.json", "a", "--seed", "p=10", "--output", "s", "--json").json
    assert (found["grad"], found["paths"]["count"]) == (31.0, 2)
    assert [path["product"] for path in found["paths"]["shown"]] == [30.0, 1.0]
    result = mgraph("explain", "two.json", "s", "--output", "p")
    assert "gradient  none: no path from p leads to it" in result.out
    assert "leads to  s, not seeded: try --output s" in result.out
    mgraph("run", "two.json", "--seed", "s=5", "--set", "a=7", "--in-place")
    found = mgraph("explain", "two.json", "a", "--run", "0", "--json").json
    assert (found["seed"], found["data"], found["grad"]) == ({"s": 5.0}, 7.0, 5.0)
    assert mgraph("explain", "two.json", "a", "--json").json == found  # else no seed is known
    found = mgraph("explain", "two.json", "a", "--run", "0", "--output", "p", "--json").json
    assert (found["seed"], found["data"], found["grad"]) == ({"p": 1.0}, 7.0, 3.0)
    result = mgraph("explain", "two.json", "a", "--run", "1")
    assert (result.status, "two.json has 1 run: choose --run 0" in result.err) == (2, True)


def test_a_const_and_a_dead_end(mgraph: Shell) -> None:
    """Text and JSON say why a node has no gradient."""
    mgraph("new", "L = x*2", "--input", "x=3", "-o", "const.json")
    result = mgraph("explain", "const.json", "n1")
    assert result.out.endswith("gradient  none: a const receives no gradient\n")
    found = mgraph("explain", "const.json", "n1", "--json").json
    assert found["grad"] is None
    assert found["no_gradient"]["why"] == "a const receives no gradient"
    assert "&= 0" in mgraph("explain", "const.json", "n1", "--latex").out
    document = mgraph.document("const.json")
    document["nodes"].append({"id": "spare", "op": "neg", "args": ["x"]})
    mgraph.write("spare.json", document)
    result = mgraph("explain", "spare.json", "spare")
    assert result.out.endswith("gradient  none: no path from L leads to it\nused by   no node\n")


def test_a_node_that_uses_an_operand_twice(mgraph: Shell) -> None:
    """L = a·a at 3: ∂L/∂a is 6, and each operand has a local derivative of 3, by another name."""
    mgraph("new", "L = a*a", "--param", "a=3", "-o", "square.json")
    text = mgraph("explain", "square.json", "L").out
    assert "local     ∂L/∂(1st operand) = a = 3.0\n          ∂L/∂(2nd operand) = a = 3.0\n" in text
    assert "∂L/∂a" not in text
    text = mgraph("explain", "square.json", "a").out
    assert "gradient  ∂L/∂a = 6.0\n" in text
    assert re.findall(r"^L \((.*)\)", text, re.MULTILINE) == ["as 1st operand", "as 2nd operand"]
    text = mgraph("explain", "square.json", "a", "--latex").out
    assert text.count("\\partial \\text{a}") == 1
    assert text.count("\\partial \\text{(1st operand)}") == 1
    assert text.count("\\partial \\text{(2nd operand)}") == 1
    slopes = mgraph("explain", "square.json", "L", "--json").json["slopes"]
    assert [slope["rule"] for slope in slopes] == [
        "∂L/∂(1st operand) = a = 3.0", "∂L/∂(2nd operand) = a = 3.0"
    ]  # fmt: skip
    assert [slope["arg"] for slope in slopes] == ["a", "a"]


def test_operands_are_counted_in_english(mgraph: Shell) -> None:
    """11th and 13th, but 21st and 23rd; an operand that is there once has its name."""
    terms = ["a"] * 11 + ["b"] + ["a"] * 12
    nodes = [
        {"id": "a", "op": "input", "data": 1.0},
        {"id": "b", "op": "input", "data": 1.0},
        {"id": "y", "op": "sum", "args": terms},
    ]
    mgraph.write("sum.json", {"mgraph": "1.1", "nodes": nodes, "outputs": ["y"]})
    slopes = mgraph("explain", "sum.json", "y", "--json").json["slopes"]
    names = [slope["rule"].removeprefix("∂y/∂").split(" = ")[0] for slope in slopes]
    assert names == [
        *(f"({n} operand)" for n in ("1st", "2nd", "3rd", *(f"{n}th" for n in range(4, 12)))),
        "b",
        *(f"({n}th operand)" for n in range(13, 21)),
        *(f"({n} operand)" for n in ("21st", "22nd", "23rd", "24th")),
    ]


def test_a_product_of_minus_zero(mgraph: Shell) -> None:
    """0·(-3) is -0.0, but gradients are added up from 0.0: the product and its sum look equal."""
    mgraph("new", "L = (a*b)*c", "--param", "a=0", "--param", "b=1", "--param", "c=-3",
           "-o", "zero.json")  # fmt: skip
    text = mgraph("explain", "zero.json", "b").out
    assert re.search(r"^0\.0  L .* b\n0\.0  the product is the gradient\n", text, re.MULTILINE)


def test_a_const_is_where_it_begins(mgraph: Shell) -> None:
    """An infinite const is named as the first value that is not finite; an unused one is not."""
    nodes = [
        {"id": "unused", "op": "const", "data": "inf"},
        {"id": "x", "op": "param", "data": 2.0},
        {"id": "k", "op": "const", "data": "-inf"},
        {"id": "y", "op": "mul", "args": ["x", "k"]},
    ]
    mgraph.write("a.json", {"mgraph": "1.0", "nodes": nodes, "outputs": ["y"]})
    result = mgraph("explain", "a.json", "x").out
    assert "look at   the first value that is not finite: k = -inf\n" in result


def test_many_paths_are_summed(mgraph: Shell) -> None:
    """Paths beyond --paths are counted and summed, in text and in JSON."""
    Graph.of(diamonds(60)).to_file(mgraph.path("d.json"))
    result = mgraph("explain", "d.json", "x", "--paths", "2")
    assert "1.15·10^18 paths from y" in result.out
    assert "1.15·10^18 other paths" in result.out
    assert "… 44 more steps …" in result.out
    found = mgraph("explain", "d.json", "x", "--paths", "2", "--json").json
    assert found["paths"]["count"] == 2**60
    assert len(found["paths"]["shown"]) == 2
    assert found["paths"]["sum"] == pytest.approx(1.5**60)
    assert max(map(len, result.out.splitlines())) <= 100


def test_one_step_that_is_left_out(mgraph: Shell) -> None:
    """Of 17 steps 16 are shown: `1 more step`, not `1 more steps`."""
    y = Value(1.0, name="x")
    for _ in range(17):
        y = -y
    Graph.of(y).to_file(mgraph.path("chain.json"))
    assert "… 1 more step …" in mgraph("explain", "chain.json", "x").out


def test_more_paths_than_can_be_counted(mgraph: Shell) -> None:
    """Text and JSON say that there are too many, without a number of a thousand digits."""
    Graph.of(diamonds(5000, 0.0)).to_file(mgraph.path("d.json"))
    assert "more than 10^1,233 paths" in mgraph("explain", "d.json", "x", "--paths", "1").out
    assert mgraph("explain", "d.json", "x", "--json").json["paths"]["count"] is None


def test_rounding_is_told(mgraph: Shell) -> None:
    """If the sum of the products differs from the gradient by rounding, the output says so."""
    mgraph("new", "y = x*0.1 + x*0.2 + x*0.3", "--input", "x=1", "-o", "sum.json")
    found = mgraph("explain", "sum.json", "x", "--json").json
    exact = float(Fraction(0.1) + Fraction(0.2) + Fraction(0.3))
    assert (found["paths"]["sum"], found["grad"]) == (exact, 0.3 + 0.2 + 0.1)
    assert found["paths"]["ulps"] == round(abs(exact - (0.3 + 0.2 + 0.1)) / 2.0**-53)
    mgraph.write("o.json", (FIXTURES / "run/shapes/order_decides_rounding.json").read_bytes())
    result = mgraph("explain", "o.json", "x", "--run", "0")
    assert "cancel, so rounding makes the gradient differ" in result.out


def test_latex(mgraph: Shell) -> None:
    """There is one product per path, with names and with numbers, as valid LaTeX."""
    mgraph("new", "y_1 = a*a*b_2 - a", "--input", "a=3", "--param", "b_2=-2", "-o", "l.json")
    text = mgraph("explain", "l.json", "a", "--latex").out
    assert text.startswith(
        "\\begin{align*}\n\\frac{\\partial \\text{y\\_1}}{\\partial \\text{a}}\n"
    )
    assert text.endswith("&= -13.0\n\\end{align*}\n")
    assert text.count("{") == text.count("}")
    _, names, numbers, _ = re.split(r"^  &= ", text, flags=re.MULTILINE)
    assert names.count("\\frac") == 3 + 3 + 1
    products = []
    for product in re.split(r"\\quad \+", numbers):
        factors = re.findall(r"\(?(-?\d+\.\d+)\)?", product)
        products.append(math.prod(map(float, factors)))
    assert sorted(products) == [-6.0, -6.0, -1.0]
    mgraph("new", "L = w*x", "--param", "w=1", "--input", "x=-3", "-o", "one.json")
    for name, equal in (("w", "-3.0"), ("L", "1.0")):
        assert mgraph("explain", "one.json", name, "--latex").out == (
            "\\begin{align*}\n"
            f"\\frac{{\\partial \\text{{L}}}}{{\\partial \\text{{{name}}}}}\n"
            f"  &= {equal}\n"
            "\\end{align*}\n"
        )  # nothing is said twice
    result = mgraph("explain", "l.json", "a", "--latex", "--json")
    assert (result.status, "can't be combined" in result.err) == (2, True)


def test_labels_are_shown_as_text(mgraph: Shell) -> None:
    """A label is printed escaped and in quotes; control characters in it have no effect."""
    document = mgraph.document("neuron.json")
    document["nodes"][0]["label"] = "\x1b[31mred\n\u202eevil"
    document["nodes"][1]["label"] = "long" * 200
    del document["runs"]
    mgraph.write("labels.json", document)
    result = mgraph("explain", "labels.json", "x1")
    assert result.out.startswith("x1  input “\\u{1b}[31mred\\u{a}\\u{202e}evil”\n")
    result = mgraph("explain", "labels.json", "x2")
    assert len(result.out.splitlines()[0]) < 100
    assert mgraph("explain", "labels.json", "x1", "--json").json["label"].endswith("evil")
    listed = mgraph("step", "labels.json").out
    assert "x1 = 2.0  input  “\\u{1b}[31mred\\u{a}\\u{202e}evil”\n" in listed
    assert "\x1b" not in listed


@shared
def test_every_node_of_every_fixture_can_be_explained(mgraph: Shell, share: float) -> None:
    """Every fixture can be explained, whatever its values, shape and labels."""
    for path in GOLDEN[:: round(1 / share)]:
        graph = library.load(path)
        mgraph.write("graph.json", path.read_bytes())
        ids = graph.columns.ids
        for name in {ids[0]: None, ids[len(ids) // 2]: None, ids[-1]: None}:
            result = mgraph("explain", "graph.json", name, "--run", str(len(graph.runs) - 1))
            assert result.status == 0, path
            assert result.err == "" or "warning" in result.err
            found = mgraph("explain", "graph.json", name, "--run", "0", "--json").json
            assert found["id"] == name
