"""Gradcheck: measured slopes against fifty digits, and verdicts on gradients that are wrong."""

from __future__ import annotations

import math
import random
import struct
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

import mgraph as library
from mgraph import Graph, Value
from mgraph.analysis.detailed_run import DetailedRun, run_in_detail
from mgraph.analysis.gradcheck import (
    Check,
    CheckVerdict,
    check,
    limit,
    sample,
)
from mgraph.cli import gradcheck
from mgraph.draw import native_process
from mgraph.extras import install
from mgraph.ops import TABLE, Op, no_kink
from mgraph.value import apply
from tests.command_line import FIXTURES, NEURON, Shell
from tests.loops import looped
from tests.reference.arithmetic import Real, mp
from tests.reference.evaluate import OPS as REFERENCE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

GOLDEN = sorted([NEURON, *(FIXTURES / "run").rglob("*.json")])
SMOOTH = {"a": (2.5, 1.25), "x": (0.75,)}
"""Points at which every op is smooth."""


def run_of(output: Value) -> DetailedRun:
    """Run the graph of a Value."""
    return run_in_detail(Graph.of(output).columns, {}, {})


def checked(output: Value, name: str, stored: float | None = None) -> Check:
    """Check the leaf with an id."""
    run = run_of(output)
    return check(run, run.graph.index[name], stored)


def applied(op: Op, numbers: Sequence[float]) -> Value:
    """Return an op applied to inputs a, b …, times 3."""
    leaves = [Value(x, name=name) for name, x in zip("abc", numbers, strict=False)]
    y = apply(op, tuple(leaves))
    y.name = "y"
    return y * 3.0


def smooth_point(op: Op) -> tuple[float, ...]:
    """Return a point at which an op is smooth."""
    return SMOOTH["a"] if op.inputs > 1 else SMOOTH["x"]


# --- what is measured ------------------------------------------------------------------------


@pytest.mark.parametrize("op", TABLE, ids=lambda op: op.name)
def test_measured_slopes_are_true(op: Op) -> None:
    """For every op the measured slope is the true one, known to fifty digits, within its error."""
    point = smooth_point(op)
    value = REFERENCE[op.name].value
    for place, name in enumerate("ab"[: len(point)]):
        found = checked(applied(op, point), name)

        def along(x: Any, place: int = place) -> Any:  # noqa: ANN401 - mpmath has no types
            args = [mp.mpf(number) for number in point]
            args[place] = x
            return 3 * value(Real, *args)

        true = mp.diff(along, mp.mpf(point[place]))
        assert found.verdict == CheckVerdict.OK
        assert abs(found.measured.derivative - float(true)) <= found.measured.error
        assert found.measured.error <= 1e-9 * max(1.0, abs(float(true)))


@pytest.mark.parametrize("op", TABLE, ids=lambda op: op.name)
def test_a_wrong_rule_is_found(op: Op) -> None:
    """If a partial in the op table were off by a thousandth, the verdict would be wrong."""
    point, right = smooth_point(op), op.step_partials
    names = [
        name for name, slope in zip("ab", right(*point, op.step(*point)), strict=False) if slope
    ]
    assert names

    def wrong(*x: float) -> tuple[float, ...]:
        return tuple(1.001 * slope for slope in right(*x))

    object.__setattr__(op, "step_partials", wrong)
    try:
        for name in names:
            assert checked(applied(op, point), name).verdict == CheckVerdict.WRONG
    finally:
        object.__setattr__(op, "step_partials", right)
    assert [checked(applied(op, point), name).verdict for name in names] == [CheckVerdict.OK] * len(
        names
    )


@pytest.mark.parametrize("op", TABLE, ids=lambda op: op.name)
def test_a_wrong_gradient_in_a_file_is_found(mgraph: Shell, op: Op) -> None:
    """For every op, a stored gradient that is off by a thousandth is reported, with status 1."""
    graph = Graph.of(applied(op, smooth_point(op)))
    graph.to_file(mgraph.path("op.json"), runs=[graph.run()])
    assert mgraph("gradcheck", "op.json").status == 0
    document = mgraph.document("op.json")
    grad = document["runs"][0]["grad"]
    name = next(each for each in "ab" if grad.get(each))
    grad[name] *= 1.001
    mgraph.write("op.json", document)
    result = mgraph("gradcheck", "op.json")
    assert (result.status, result.err) == (1, "")
    (line,) = [line for line in result.out.splitlines() if line.split()[:1] == [name]]
    assert line.endswith(f"wrong    the file says {grad[name]!r}")
    assert result.out.endswith(" 1 wrong\n")
    (run,) = mgraph("gradcheck", "op.json", "--json").json["runs"]
    (leaf,) = [each for each in run["leaves"] if each["verdict"] == "wrong"]
    assert (leaf["leaf"], leaf["stored"], leaf["stored_is_wrong"]) == (name, grad[name], True)


@looped("path", GOLDEN)
def test_no_expected_gradient_is_called_wrong(path: Path) -> None:
    """The fixtures' gradients, which mgraph didn't compute, raise no false alarm."""
    graph = library.load(path)
    columns = graph.columns
    for want in graph.runs[:20]:
        run = run_in_detail(columns, want.inputs, want.seed)
        leaves = [i for i in columns.leaves if columns.op(i) != "const"]
        for leaf in sample(leaves, 10):
            grad = (want.grad or {}).get(columns.ids[leaf])
            found = check(run, leaf, grad if want.tolerance is None else None)
            assert found.verdict != CheckVerdict.WRONG, (columns.ids[leaf], found)


@looped("seed", range(300))
def test_random_graphs_raise_no_alarm(seed: int) -> None:
    """Random graphs of all ops raise no false alarm, not even at kinks and poles."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    values = [
        Value(draw.choice((draw.uniform(-3, 3), draw.randint(-2, 2), 10 ** draw.uniform(-8, 8))))
        for _ in range(draw.randint(1, 4))
    ]
    for _ in range(draw.randint(1, 10)):
        op = draw.choice(TABLE)
        count = draw.randint(1, 4) if op.fold else op.inputs
        values.append(apply(op, tuple(draw.choices(values[-5:], k=count))))
    run = run_of(values[-1])
    for leaf in run.graph.leaves:
        assert check(run, leaf).verdict != CheckVerdict.WRONG


# --- kinks and edges -------------------------------------------------------------------------

AT_KINK: dict[str, tuple[tuple[float, ...], str]] = {
    "div": ((1.0, 0.0), CheckVerdict.EDGE),
    "max": ((1.5, 1.5), CheckVerdict.KINK),
    "min": ((1.5, 1.5), CheckVerdict.KINK),
    "abs": ((0.0,), CheckVerdict.KINK),
    "sqrt": ((0.0,), CheckVerdict.EDGE),
    "log": ((0.0,), CheckVerdict.EDGE),
    "tan": ((math.pi / 2,), CheckVerdict.UNSURE),  # no double is a pole
    "relu": ((0.0,), CheckVerdict.KINK),
    "log1p": ((-1.0,), CheckVerdict.EDGE),
    "asin": ((1.0,), CheckVerdict.EDGE),
    "acos": ((-1.0,), CheckVerdict.EDGE),
    "atan2": ((0.0, 0.0), CheckVerdict.EDGE),
    "gate": ((0.0, 1.5), CheckVerdict.KINK),
}
"""A kink or pole of every op that has some, and what is said there."""


@pytest.mark.parametrize("op", TABLE, ids=lambda op: op.name)
def test_kinks_of_every_op_are_recognised(mgraph: Shell, op: Op) -> None:
    """At a kink the output names the op and the chosen slope, and nothing is wrong."""
    if op.kink_distance is no_kink:
        assert op.name not in AT_KINK
        return
    point, verdict = AT_KINK[op.name]
    Graph.of(applied(op, point)).to_file(mgraph.path("kink.json"))
    result = mgraph("gradcheck", "kink.json", "--json")
    assert result.status == 0
    leaf = result.json["runs"][0]["leaves"][0 if op.name == "gate" else -1]
    assert leaf["verdict"] == verdict
    if verdict == CheckVerdict.KINK:
        assert leaf["bend"] == "y"
        assert leaf["note"].startswith("y = ")
        assert leaf["note"].endswith(f"; the choice is {op.at_kink}")


def test_slopes_to_both_sides_of_a_kink() -> None:
    """At a kink the slopes to the left and to the right are measured."""
    x = Value(0.0, name="x")
    sides = checked(library.max(x * 2.0, x * x - x), "x").sides
    assert sides is not None
    assert [side.derivative for side in sides] == pytest.approx([-1.0, 2.0])


@pytest.mark.parametrize("distance", [1e-12, 1e-6, 0.01, 0.3])
def test_near_a_kink_the_step_is_short_enough(distance: float) -> None:
    """Steps don't cross a kink nearby, as long as rounding allows steps that short."""
    for x, slope in ((distance, 3.0), (-distance, 0.0)):
        found = checked(Value(x, name="x").relu() * 3.0, "x")
        assert found.verdict == CheckVerdict.OK
        assert found.measured.derivative == pytest.approx(slope)


def test_too_near_a_kink_it_is_said() -> None:
    """If no step is short enough, the verdict is unsure."""
    x = Value(1.0, name="x")
    found = checked((x - (1.0 - 2.0**-53)).relu(), "x")
    assert found.verdict == CheckVerdict.UNSURE
    assert found.distance == 2.0**-53


def test_a_kink_that_the_leaf_does_not_cross_is_none() -> None:
    """A tie that the leaf doesn't break, as in max(x, x), is not a kink."""
    x = Value(2.0, name="x")
    assert checked(library.max(x, x) * x, "x").verdict == CheckVerdict.OK
    assert checked((x - x).relu() + x, "x").verdict == CheckVerdict.OK


def test_what_cant_be_measured_is_unsure() -> None:
    """If rounding is larger than every difference, the verdict is unsure, never wrong."""
    x = Value(1.0, name="x")
    assert checked((x + 1e16) - 1e16, "x").verdict == CheckVerdict.UNSURE
    assert checked(Value(1e300, name="x").cos(), "x").verdict == CheckVerdict.UNSURE
    assert checked(Value(1e-20, name="x") ** 2.0, "x").verdict == CheckVerdict.OK


def test_values_that_are_not_finite_are_edges() -> None:
    """If the leaf or the output is NaN or infinite, there is no slope to measure."""
    for x in (math.inf, -math.inf, math.nan):
        assert checked(Value(x, name="x") * 2.0, "x").verdict == CheckVerdict.EDGE
    assert checked(Value(-1.0, name="x").log(), "x").verdict == CheckVerdict.EDGE


def test_a_pole_at_the_leaf_is_named() -> None:
    """Where the output is infinite because one op is at its pole, the check names that op."""
    y = Value(0.0, name="x").log()
    y.name = "y"
    run = run_of(y + 1.0)
    found = check(run, run.graph.index["x"])
    assert (found.verdict, found.bend) == (CheckVerdict.EDGE, run.graph.index["y"])


def test_without_a_path_nothing_may_be_stored() -> None:
    """A leaf without a path has no gradient; a stored one is wrong unless it is 0."""
    x, y = Value(1.0, name="x"), Value(2.0, name="y")
    run = run_in_detail(Graph.of(x * 2.0, y * 2.0).columns, {}, {"n3": 1.0})
    leaf = run.graph.index["x" if run.graph.ids[3] != "n3" else "y"]
    verdicts = [check(run, run.graph.index[name]).verdict for name in ("x", "y")]
    assert sorted(verdicts) == [CheckVerdict.NO_PATH, CheckVerdict.OK]
    leaf = run.graph.index[("x", "y")[verdicts.index(CheckVerdict.NO_PATH)]]
    assert check(run, leaf, 0.0).verdict == CheckVerdict.NO_PATH
    assert check(run, leaf, 0.5).verdict == CheckVerdict.WRONG


def test_flat_from_afar_is_not_flat() -> None:
    """The slope of a short wave is found, even if the leaf's value is very large."""
    x = Value(94133445.73878041, name="x")
    slope = -float(mp.sin(mp.mpf(x.data)))
    for y, true in ((x.cos(), slope), (x.cos() - x * 2.0, slope - 2.0)):
        found = checked(y, "x")
        assert found.verdict == CheckVerdict.OK
        assert found.measured.derivative == pytest.approx(true, rel=1e-4)


def test_what_is_not_seen_from_afar_is_looked_at_closely() -> None:
    """Before the verdict is wrong, very short steps are tried."""
    x = Value(9.4e11, name="x")
    found = checked(x.cos() - x * 2.0, "x")
    slope = -2.0 - float(mp.sin(mp.mpf(9.4e11)))
    assert found.verdict == CheckVerdict.OK
    assert abs(found.measured.derivative - slope) <= found.measured.error


@pytest.mark.parametrize("x", [33.54114651484926, 43.82161178053014])
def test_a_wave_shorter_than_the_spacing_of_doubles(x: float) -> None:
    """If neighbouring doubles give unrelated values, the verdict is unsure, never wrong."""
    for function in (Value.sinh, Value.cosh):
        assert checked(function(Value(x, name="x")).cos(), "x").verdict == CheckVerdict.UNSURE


# --- the limit -------------------------------------------------------------------------------


def test_the_limit_is_the_lectures() -> None:
    """Each quotient is (f(a + h) - f(a))/h in doubles; its error falls, then rises."""
    a = 3.0
    x = Value(a, name="x")
    quotients = limit(run_of(x * x * x), 0)

    def f(x: float) -> float:
        return x * x * x

    assert [each.h for each in quotients] == [
        *(1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8),
        *(1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15),
    ]
    for each in quotients:
        assert each.slope == (f(a + each.h) - f(a)) / each.h
        assert each.error == abs(each.slope - 27.0)
    errors = [each.error for each in quotients]
    best = errors.index(min(errors))
    assert 5 <= best <= 9
    assert errors[:6] == sorted(errors[:6], reverse=True)
    assert errors[-1] > 1e4 * errors[best]


def test_leaf_shows_the_limit(mgraph: Shell) -> None:
    """There are fifteen lines with bars, and a plot that parses as SVG."""
    result = mgraph("gradcheck", "neuron.json", "--leaf", "w1", "-o", "limit.svg")
    assert (result.status, result.err) == (0, "")
    rows = [line for line in result.out.splitlines() if line.startswith("1e-")]
    assert [row.split()[0] for row in rows] == [f"1e-{k:02}" for k in range(1, 16)]
    bars = [row.count("█") for row in rows]
    assert bars[0] > bars[3] > bars[6]
    assert bars[-1] > bars[8]
    assert result.out.endswith("1 gradient: 1 ok\nwrote limit.svg\n")
    picture = ET.fromstring(mgraph.path("limit.svg").read_text(encoding="utf-8"))  # noqa: S314
    names = [each.tag.rpartition("}")[2] for each in picture.iter()]
    assert names.count("circle") == 15
    found = mgraph("gradcheck", "neuron.json", "--leaf", "w1", "--json").json
    assert [each["h"] for each in found["limit"]] == [float(f"1e-{k}") for k in range(1, 16)]
    result = mgraph("gradcheck", "neuron.json", "--leaf", "w1", "-o", "-")
    assert result.out.startswith("<svg ")
    assert "the limit: f is o as a function of w1, a = -3.0" in result.err


def test_the_limit_as_png(mgraph: Shell) -> None:
    """A PNG has the same plot, twice as large as the SVG, however long the leaf's id is."""
    for name in ("x", "layer1.neuron3." * 8 + "w2"):
        leaf = {"id": name, "op": "param", "data": 2.0}
        nodes = [leaf, {"id": "y", "op": "mul", "args": [name, name]}]
        mgraph.write("square.json", {"mgraph": "1.0", "nodes": nodes, "outputs": ["y"]})
        result = mgraph("gradcheck", "square.json", "--leaf", name, "-o", "limit.PNG")
        assert (result.status, result.err) == (0, "")
        assert result.out.endswith("wrote limit.PNG\n")
        content = mgraph.path("limit.PNG").read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", content[16:24]) == (1280, 800)


def test_pixels_need_the_extra(mgraph: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what to install, before anything is measured; SVG is written all the same."""
    monkeypatch.setattr(native_process, "find_spec", lambda _: None)
    result = mgraph("gradcheck", "neuron.json", "--leaf", "w1", "-o", "limit.png")
    assert (result.status, result.out) == (1, "")
    assert result.err == (
        "error: this picture needs resvg_py, which is not installed: "
        f"{install('draw')}; .svg needs nothing installed\n"
    )
    assert not mgraph.path("limit.png").exists()
    assert mgraph("gradcheck", "neuron.json", "--leaf", "w1", "-o", "limit.svg").status == 0


def test_the_limit_at_an_edge(mgraph: Shell) -> None:
    """If nothing is finite, there is still a table, and a plot without points."""
    mgraph("new", "y = log(x)", "--input", "x=0", "-o", "log.json")
    result = mgraph("gradcheck", "log.json", "--leaf", "x", "-o", "limit.svg")
    assert (result.status, result.err) == (0, "")
    assert "y is -inf" in result.out
    ET.fromstring(mgraph.path("limit.svg").read_text(encoding="utf-8"))  # noqa: S314 - our own


# --- the command -----------------------------------------------------------------------------


def test_gradcheck_prints_a_table(mgraph: Shell) -> None:
    """There is one line per leaf: gradient, measured slope, expected error, verdict."""
    result = mgraph("gradcheck", "neuron.json")
    assert (result.status, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "run 0, by mpmath 1.4, 50 digits"
    assert lines[1].split() == ["leaf", "gradient", "measured", "±", "error", "verdict"]
    assert lines[2].split()[:3] == ["x1", "-1.5", "-1.5"]
    assert lines[-1] == "5 gradients: 5 ok"


def test_gradcheck_of_what_is_asked(mgraph: Shell) -> None:
    """Settings replace the file's runs; a run with the same inputs and seed is checked, too."""
    found = mgraph("gradcheck", "neuron.json", "--set", "x1=0.5", "--json").json
    (run,) = found["runs"]
    assert (run["run"], run["inputs"], run["of"]) == (None, {"x1": 0.5}, 5)
    assert [each["stored"] for each in run["leaves"]] == [None] * 5
    found = mgraph("gradcheck", "neuron.json", "--seed", "o=1", "--json").json
    assert found["runs"][0]["leaves"][0]["stored"] == -1.4999999999999998
    document = mgraph.document("neuron.json")
    document["runs"][0]["grad"]["x1"] = -1.6
    mgraph.write("wrong.json", document)
    assert mgraph("gradcheck", "wrong.json", "--run", "0").status == 1
    assert mgraph("gradcheck", "wrong.json", "--seed", "o=1").status == 1
    assert mgraph("gradcheck", "wrong.json", "--seed", "o=2").status == 0
    assert mgraph("gradcheck", "wrong.json", "--tolerance", "0.1").status == 0
    assert mgraph("gradcheck", "wrong.json", "--leaf", "x2").status == 0


def test_leaves_of_a_large_graph_are_sampled(
    mgraph: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some leaves are checked, evenly spread, and the output says how many; --all checks all."""
    sets = [f"--input=x{i}=0.5" for i in range(1, 4)]
    mgraph("new", "--mlp", "3,8,8,1", *sets, "-o", "net.json")
    count = 3 + 3 * 8 + 8 + 8 * 8 + 8 + 8 + 1
    assert mgraph("gradcheck", "net.json").out.endswith(f"{count} gradients: {count} ok\n")
    monkeypatch.setattr(gradcheck, "_BUDGET", 1)
    result = mgraph("gradcheck", "net.json")
    assert (
        f"checked 3 of {count} leaves, evenly spread; --all checks all, --leaf ID checks one"
        in (result.out)
    )
    assert result.out.endswith("3 gradients: 3 ok\n")
    result = mgraph("gradcheck", "net.json", "--all")
    assert result.out.endswith(f"{count} gradients: {count} ok\n")
    assert len(result.out.splitlines()) == count + 2
    assert [*sample(range(100), 4)] == [0, 25, 50, 75]


def test_many_leaves_are_folded(mgraph: Shell) -> None:
    """Of the leaves that are ok, forty are shown; those that are wrong are all shown."""
    graph = Graph.of(library.sum(Value(0.1 * i, name=f"x{i}") * 2.0 for i in range(100)))
    run = graph.run()
    graph.to_file(mgraph.path("wide.json"), runs=[run])
    document = mgraph.document("wide.json")
    document["runs"][0]["grad"]["x90"] = 3.0
    mgraph.write("wide.json", document)
    result = mgraph("gradcheck", "wide.json")
    assert "… and 59 more, all ok\n" in result.out
    assert "the file says 3.0" in result.out
    assert result.out.endswith("100 gradients: 99 ok, 1 wrong\n")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--leaf", "o"), '"o" is a node with op tanh: only inputs and params are checked'),
        (("--leaf", "nothing"), '"nothing" is not a node of this graph'),
        (("--output", "n"), "which is not an output"),
    ],
    ids=" ".join,
)
def test_gradcheck_of_what_is_no_leaf(mgraph: Shell, args: tuple[str, ...], words: str) -> None:
    """A node that can't be checked gives an error with the name of the file."""
    result = mgraph("gradcheck", "neuron.json", *args)
    assert (result.status, result.out) == (1, "")
    assert result.err.startswith("neuron.json: error[")
    assert words in result.err
