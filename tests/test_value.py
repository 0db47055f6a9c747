"""Value: operators, methods, gradients, depth, order."""

from __future__ import annotations

import math
import operator
import pickle
import subprocess
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

import mgraph
from mgraph import Value
from mgraph.ops import OPS
from mgraph.value import ancestry, sweep

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "max": mgraph.max,
    "min": mgraph.min,
    "atan2": Value.atan2,
    "gate": Value.gate,
}


def built(op: str, *args: Value) -> Value:
    """Apply an op the way a user would: by operator, method or function."""
    if op in BINARY:
        value = BINARY[op](*args)
    elif op == "sum":
        value = mgraph.sum(args)
    elif op in ("neg", "abs"):
        value = -args[0] if op == "neg" else abs(args[0])
    else:
        value = getattr(args[0], op)()
    assert isinstance(value, Value)
    return value


@pytest.mark.parametrize("op", OPS)
def test_every_op_can_be_written(op: str) -> None:
    """Each op of the table is an operator, a method or a function, and keeps its arguments."""
    args = tuple(Value(x) for x in (0.75, 0.25)[: OPS[op].inputs])
    value = built(op, *args)
    assert (value.op, value.args) == (op, args)
    assert value.data == OPS[op].step(*(arg.data for arg in args))


@pytest.mark.parametrize("op", ["add", "sub", "mul", "div", "pow", "max", "min"])
@pytest.mark.parametrize("number", [3, 3.0, True, Fraction(3), 10**400])
def test_numbers_stand_on_either_side(op: str, number: Fraction | float) -> None:
    """A plain number becomes a const, wherever it stands."""
    x = Value(2.0)
    as_float = float(number) if number != 10**400 else math.inf
    for value, place in ((BINARY[op](x, number), 1), (BINARY[op](number, x), 0)):
        assert value.args[1 - place] is x
        assert (value.args[place].op, value.args[place].data) == ("const", as_float)
        inputs = (2.0, as_float) if place else (as_float, 2.0)
        assert value.data == OPS[op].step(*inputs)


@pytest.mark.parametrize("other", ["3", None, [1.0], 1j, b"3"])
def test_what_is_no_number_is_refused(other: object) -> None:
    """Anything else is a TypeError, as between Python's own numbers."""
    x = Value(2.0)
    for op in BINARY.values():
        with pytest.raises(TypeError):
            op(x, other)
    with pytest.raises(TypeError):
        Value(other)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        x.data = other  # type: ignore[assignment]


def test_readme_example_of_micrograd() -> None:
    """The published numbers of micrograd's README come out of the same program."""
    a, b = Value(-4.0), Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    assert f"{g.data:.4f} {a.grad:.4f} {b.grad:.4f}" == "24.7041 138.8338 645.5773"


def test_python_sum_works() -> None:
    """`sum` starts with the number 0, as it does for micrograd."""
    total = sum([Value(1.0), Value(2.0)])
    assert isinstance(total, Value)
    assert total.data == 3.0
    assert mgraph.sum([Value(1.0), 2, 3.0]).data == 6.0
    with pytest.raises(ValueError, match="at least one"):
        mgraph.sum([])


def test_the_larger_and_the_smaller_of_several() -> None:
    """It is that of two, again and again, as in formulas; a number may be among them."""
    a, b, c = Value(1.0), Value(3.0), Value(2.0)
    assert [x.data for x in (mgraph.max(a, b, c, 0.5), mgraph.min(a, b, c, 0.5))] == [3.0, 0.5]
    largest = mgraph.max(a, b, c)
    assert (largest.op, largest.args[0].op, largest.args[1]) == ("max", "max", c)
    (largest * mgraph.min(c, b, a)).backward()
    assert (a.grad, b.grad, c.grad) == (3.0, 1.0, 0.0)
    assert mgraph.max(a=a, b=2).data == 2.0


@pytest.mark.parametrize("name", ["max", "min", "sum"])
def test_functions_have_their_public_names(name: str) -> None:
    """Errors, help and pickles call a function what its users call it."""
    function = getattr(mgraph, name)
    with pytest.raises(TypeError, match=rf"^{name}\(\) missing 1 required"):
        function(*[Value(1.0)] * (name != "sum"))
    assert f"{function.__module__}.{function.__qualname__}" == f"mgraph.{name}"
    assert pickle.loads(pickle.dumps(function)) is function  # noqa: S301 - our own bytes


def test_repeats_and_diamonds_add_up() -> None:
    """Every use of a value contributes to its gradient."""
    a = Value(3.0)
    (a + a).backward()
    assert a.grad == 2.0
    x = Value(0.5)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60


def test_leaves_accumulate_and_the_others_do_not() -> None:
    """A second backward adds to leaves, as in PyTorch, and starts anew inside."""
    a, k = Value(2.0), Value.const(5.0)
    b = a * k
    c = b * b
    c.backward()
    assert (a.grad, b.grad, c.grad, k.grad) == (100.0, 20.0, 1.0, 0.0)
    c.backward()
    assert (a.grad, b.grad, c.grad, k.grad) == (200.0, 20.0, 1.0, 0.0)
    b.backward(seed=2.0)
    assert (a.grad, b.grad, c.grad) == (210.0, 2.0, 1.0)


def test_a_leaf_can_be_differentiated() -> None:
    """The gradient of a leaf by itself is the seed; a const has none even then."""
    x, k = Value.param(3.0), Value.const(3.0)
    x.backward()
    k.backward()
    assert (x.grad, k.grad) == (1.0, 0.0)


def test_several_seeds_start_together() -> None:
    """A sweep from several outputs visits every node once; what is reached has an adjoint."""
    x, k, alone = Value(2.0), Value.const(3.0), Value(1.0)
    a = x * k
    b = a * a
    sweep([(a, 10.0), (b, 1.0)])
    assert (a.grad, b.grad, x.grad) == (22.0, 1.0, 66.0)
    assert (k.grad, alone.grad) == (0.0, 0.0)


def test_order_of_accumulation_is_by_creation() -> None:
    """Contributions add up from the latest user to the earliest: the bits depend on it.

    By hand: ((0 + 1e16) + 1) + 1 = 1e16, while 1 + 1 + 1e16 = 1e16 + 2.
    """
    x = Value(1.0)
    first, second, third = x * 1.0, x * 1.0, x * 1e16
    (first + second + third).backward()
    assert x.grad == 1e16
    x = Value(1.0)
    third, second, first = x * 1e16, x * 1.0, x * 1.0
    (first + second + third).backward()
    assert x.grad == 1e16 + 2.0


def test_nothing_raises() -> None:
    """Overflow, division by zero and domain errors give what IEEE 754 gives."""
    assert (Value(1.0) / 0).data == math.inf
    assert (Value(1000.0).exp()).data == math.inf
    assert math.isnan((Value(-1.0).log()).data)
    assert math.isnan((Value(-8.0) ** (1 / 3)).data)
    assert Value(0.0) ** 0 is not None
    root = Value(0.0)
    root.sqrt().backward()
    assert root.grad == math.inf


def test_values_are_equal_by_identity() -> None:
    """Two Values with the same number are two values."""
    a, b = Value(1.0), Value(1.0)
    assert a != b
    assert a == a
    assert len({a, b, a}) == 2


def test_plus_does_nothing() -> None:
    """A sign without effect makes no node."""
    x = Value(2.0)
    assert +x is x


def test_numbers_are_coerced() -> None:
    """What is assigned to data and grad is a float from then on."""
    x = Value(2)
    assert type(x.data) is float
    x.data, x.grad = 3, 4
    assert (type(x.data), type(x.grad)) == (float, float)
    x.data += 0.5 * x.grad
    assert repr(x) == "Value(data=5.0, grad=4.0)"
    assert repr(Value(1.0, name="w")) == "Value(data=1.0, grad=0.0, name='w')"


def test_kinds_of_leaves() -> None:
    """Inputs, params and consts are told apart."""
    kinds = [Value(1.0), Value.input(1.0, name="x"), Value.param(1.0), Value.const(1.0)]
    assert [each.op for each in kinds] == ["input", "input", "param", "const"]
    assert kinds[1].name == "x"


def test_ancestry_is_in_creation_order() -> None:
    """Everything that a value depends on, once, arguments before users."""
    x, y = Value(1.0), Value(2.0)
    z = y * x
    w = z + z
    assert ancestry([w, z]) == [x, y, z, w]


MILLION = """
import gc
import mgraph
from mgraph import Value
x = y = Value(1.0)
for i in range({steps}):
    y = -y if i % 3 == 0 else y + x if i % 3 == 1 else y.relu()
y.backward()
print(y.data, x.grad)
del y
gc.collect()
y = x
for _ in range({steps}):
    y = -y
mgraph.save(y, "chain.msgpack")
graph = mgraph.load("chain.msgpack")
assert len(graph) == {steps} + 1
assert graph.runs[0].grad["n0"] == 1.0
values = graph.values()
del values, graph, y, x
gc.collect()
print("done")
"""


@pytest.mark.parametrize("steps", [100_000, pytest.param(1_000_000, marks=pytest.mark.thorough)])
def test_a_million_operations(steps: int, tmp_path: Path) -> None:
    """A chain of a million operations is built, run, saved and freed on a stack of 1 MiB.

    Three steps take y to relu(x - y), and the last of them negates once more. The slope
    by x, carried along forwards: 1 - slope where relu lets pass, else 0.
    """
    script = f"ulimit -s 1024; exec {sys.executable} -c '{MILLION.format(steps=steps)}'"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    y, slope = 1.0, 1.0
    for _ in range(steps // 3):
        y, slope = max(1.0 - y, 0.0), (1.0 - slope if 1.0 - y > 0.0 else 0.0)
    assert done.stdout.split() == [repr(-y), repr(0.0 - slope), "done"]
