"""ExactValue: Values in exact math. What is expected was computed by MPFR, or by hand."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from typing import TYPE_CHECKING, Any

import pytest

import mgraph
from mgraph import ExactValue, Graph, Value, nn
from mgraph.exact_value import value_class
from mgraph.ops import TABLE, Op
from tests.command_line import FIXTURES
from tests.loops import looped
from tests.reference.reading import numbers

if TYPE_CHECKING:
    from pathlib import Path

OPERATORS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
    "neg": lambda x: -x,
    "abs": abs,
    "max": mgraph.max,
    "min": mgraph.min,
    "sum": lambda a, b: mgraph.sum([a, b]),
}


def applied(op: Op, *args: Any) -> Value:  # noqa: ANN401 - Values and numbers
    """Apply an op as a program does: by operator, method or function."""
    if op.name in OPERATORS:
        result: Value = OPERATORS[op.name](*args)  # type: ignore[operator]
        return result
    first, *others = args
    value: Value = getattr(first, op.name)(*others)
    return value


def golden(op: str) -> tuple[dict[str, float], dict[str, float], int]:
    """Return what MPFR says of an op at many points: values, slopes, and their number."""
    document = json.loads((FIXTURES / "exact" / "ops" / f"{op}.json").read_text(encoding="utf-8"))
    run = document["runs"][0]
    return numbers(run["data"]), numbers(run["grad"]), len(document["outputs"])


@looped("op", [op for op in TABLE if not op.exact])
def test_ops_are_rounded_correctly(op: Op) -> None:
    """Values and slopes at all points of the fixtures, bit for bit."""
    data, grad, count = golden(op.name)
    letters = "ab" if op.inputs > 1 else "x"
    for i in range(count):
        args = [ExactValue(data[f"{letter}{i}"]) for letter in letters]
        y = applied(op, *args)
        y.backward()
        assert y.data.hex() == data[f"y{i}"].hex(), i
        assert [x.grad.hex() for x in args] == [grad[f"{letter}{i}"].hex() for letter in letters], i


@looped("op", TABLE)
def test_results_are_exact_values(op: Op) -> None:
    """Of every op, with ExactValues in any place, beside leaves and plain numbers."""
    exact, others = ExactValue(0.5), (ExactValue(0.25), Value(0.25), Value.param(0.25), 0.25)
    for other in others:
        pairs = ((exact, other), (other, exact)) if op.inputs > 1 else ((exact,),)
        for args in pairs:
            if op.name in ("atan2", "gate") and isinstance(args[0], float):
                continue  # methods of Values
            result = applied(op, *args)
            assert type(result) is ExactValue, args
            assert result.op == op.name
            data = [x if isinstance(x, float) else x.data for x in args]
            assert [value.data for value in result.args] == data


@looped("op", [op for op in TABLE if op.inputs > 1])
def test_other_math_is_refused(op: Op) -> None:
    """An ExactValue has only exact ancestors: a result of an ordinary op is refused."""
    exact, other = ExactValue(0.5), Value(0.25).tanh()
    for args in ((exact, other), (other, exact)):
        with pytest.raises(TypeError, match="a result of tanh that is an ordinary Value"):
            applied(op, *args)


def test_other_operands_are_left_to_python() -> None:
    """As with Value: a text is refused by Python, and another class may know better."""

    class Other:
        def __radd__(self, other: object) -> str:
            return "other"

    exact: Any = ExactValue(1.0)
    assert exact + Other() == "other"
    for bad in ("a", None, [1.0]):
        with pytest.raises(TypeError):
            exact * bad
        with pytest.raises(TypeError):
            bad / exact


def test_it_works_like_a_value() -> None:
    """Kinds of leaves, names, labels, += and sum, as in micrograd."""
    x, w = ExactValue(2.0, label="x₁"), ExactValue.param(-3.0, name="w")
    assert [ExactValue.input(1.0).op, w.op, ExactValue.const(1.0).op] == ["input", "param", "const"]
    y: Any = sum([x * w, 3 - x, 2 / w, 2**x, x**2])
    y += 1
    assert isinstance(y, ExactValue)
    assert (y.math, Value(1.0).math) == ("exact", "libm")
    assert repr(w) == "ExactValue(data=-3.0, grad=0.0, name='w')"
    assert getattr(x**2, "_op") == "**2"  # noqa: B009 - what programs for micrograd read
    assert +x is x


def test_pickles_and_copies_stay_exact() -> None:
    """A pickle has the ops by name; what comes out of it passes on exact derivatives."""
    x = ExactValue(golden("tanh")[0]["x40"])
    y = x.tanh() * 3.0
    y.backward()
    for again in (pickle.loads(pickle.dumps(y)), copy.deepcopy(y)):  # noqa: S301 - our own bytes
        leaf = again.args[0].args[0]
        assert type(again) is type(leaf) is ExactValue
        assert (again.data, leaf.grad) == (y.data, x.grad)
        leaf.grad = 0.0
        again.backward()
        assert leaf.grad == x.grad
        assert type(again.tanh()) is ExactValue


def test_threads_do_not_meet() -> None:
    """Exact math belongs to Values, not to a thread: both kinds are built side by side."""
    found: dict[int, type] = {}

    def build(i: int) -> None:
        kind = ExactValue if i % 2 else Value
        x = kind(0.3)
        for _ in range(100):
            x = x.tanh() + 0.3
        found[i] = type(x)

    threads = [threading.Thread(target=build, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {i: ExactValue if i % 2 else Value for i in range(6)}


def test_saved_graphs_say_that_they_are_exact(tmp_path: Path) -> None:
    """`save` runs a graph of ExactValues in exact math; so does a golden test of the file."""
    x, w = ExactValue(0.3, name="x"), ExactValue.param(1.7, name="w")
    y = (x * w).tanh()
    y.name = "y"
    y.backward()
    graph = mgraph.save(y, tmp_path / "exact.json")
    run = mgraph.load(tmp_path / "exact.json").runs[0]
    assert (graph.version, run.math) == ("1.1", "exact")
    assert run.data is not None
    assert run.grad is not None
    assert (run.data["y"], run.grad["w"]) == (y.data, w.grad)
    assert mgraph.save(Value(1.0).tanh(), tmp_path / "libm.json").runs[0].math == ""
    assert {type(value) for value in graph.values(math="exact").values()} == {ExactValue}
    assert {type(value) for value in graph.values().values()} == {Value}
    with pytest.raises(ValueError, match="there is no math 'fast'"):
        graph.values(math="fast")


def test_an_input_may_be_called_math() -> None:
    """Its value goes into the dict; as a keyword, which means something else, it is refused."""
    graph = mgraph.loads(
        '{"mgraph":"1.0","nodes":[{"id":"math","op":"input"},'
        '{"id":"y","op":"neg","args":["math"]}],"outputs":["y"]}'
    )
    assert dict(graph.run({"math": 0.5}).data or {})["y"] == -0.5
    with pytest.raises(ValueError, match=r"for an input with the id math, write run"):
        graph.run(math=0.5)  # type: ignore[arg-type]


def test_networks_can_be_exact() -> None:
    """Their params are ExactValues, and plain numbers go in; the run of the graph is the same."""
    network = nn.MLP(2, [3, 1], activation="tanh", math="exact")
    output = network([0.5, -0.25])
    assert isinstance(output, ExactValue)
    run = Graph.of(output).run(math="exact")
    assert run.data is not None
    assert [*run.data.values()][-1] == output.data
    with pytest.raises(ValueError, match="there is no math 'best'"):
        nn.Neuron(2, math="best")
    assert [value_class(math) for math in ("libm", "exact")] == [Value, ExactValue]
