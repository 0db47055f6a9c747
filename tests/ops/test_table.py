"""The table of ops: the language of its rows, their values, slopes, kinks and texts."""

from __future__ import annotations

import ast
import inspect
import itertools
import math
import pickle
import re
from typing import TYPE_CHECKING, Any

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgraph import ops
from mgraph.ops import LEAVES, NAMES, OPCODES, OPS, TABLE, Interval, Op, ieee

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SPECIAL = (
    0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, 1.0 / 3.0, 5e-324, -5e-324,
    2.2250738585072014e-308, -2.2250738585072014e-308, 1e-16, 1.0 + 2**-52, 0.5 - 2**-54,
    709.782712893384, 710.0, -745.2, -746.0, 1e16, -1e16, 2**53 + 0.0, 1e300, -1e300,
    1.7976931348623157e308, -1.7976931348623157e308, math.inf, -math.inf, math.nan,
)  # fmt: skip

# --- the language of the rows ---

PRIMITIVES = (
    "div", "power", "exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos",
    "atan", "atan2", "sinh", "cosh", "tanh", "erf",
)  # fmt: skip
HELPERS = ("logistic", "ramp", "sign")


def outside(node: ast.expr, names: tuple[str, ...]) -> Iterator[str]:
    """Yield what in an expression is not of the language of rows."""
    stack = [node]
    while stack:
        each = stack.pop()
        inner = [child for child in ast.iter_child_nodes(each) if isinstance(child, ast.expr)]
        match each:
            case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult()):
                stack += inner
            case ast.UnaryOp(op=ast.USub()) | ast.BoolOp() | ast.IfExp() | ast.Compare():
                stack += inner
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in (
                "abs",
                *HELPERS,
            ):
                stack += args
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="ieee"), attr=name), args=args, keywords=[]
            ) if name in PRIMITIVES:
                stack += args
            case ast.Constant(value=float()):
                pass
            case ast.Name(id=name) if name in names:
                pass
            case _:
                yield ast.unparse(each)


def rows_as_written() -> Iterator[tuple[str, str, ast.Lambda]]:
    """Yield (op, which, lambda) of every function of every row, from the source."""
    tree = ast.parse(inspect.getsource(ops.table))
    (table,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.target.id == "TABLE"
    )
    assert isinstance(table, ast.Tuple)
    for call in table.elts:
        assert isinstance(call, ast.Call)
        name = ast.literal_eval(call.args[0])
        functions: list[tuple[str, ast.expr]] = [
            ("forward", call.args[1]),
            ("partials", call.args[2]),
        ]
        functions += [("kink", key.value) for key in call.keywords if key.arg == "kink_distance"]
        for which, function in functions:
            assert isinstance(function, ast.Lambda), f"{name}: {which} is no lambda"
            yield name, which, function


@pytest.mark.parametrize(("name", "which", "function"), [*rows_as_written()])
def test_rows_keep_to_their_language(name: str, which: str, function: ast.Lambda) -> None:
    """A row uses only what Python, a compiler and a translator to JavaScript all can read."""
    arguments = tuple(arg.arg for arg in function.args.args)
    body = function.body
    parts = body.elts if which == "partials" and isinstance(body, ast.Tuple) else [body]
    if which == "partials" and isinstance(body, ast.IfExp):
        parts = list(tuples_of(body))
    assert [each for part in parts for each in outside(part, arguments)] == []
    assert len(arguments) == OPS[name].inputs + (which == "partials")


def tuples_of(choice: ast.IfExp) -> Iterator[ast.expr]:
    """Yield the conditions and the members of the tuples that a row chooses between."""
    stack: list[ast.expr] = [choice]
    while stack:
        each = stack.pop()
        if isinstance(each, ast.IfExp):
            yield each.test
            stack += [each.body, each.orelse]
        else:
            assert isinstance(each, ast.Tuple)
            yield from each.elts


@pytest.mark.parametrize("name", HELPERS)
def test_helpers_keep_to_the_language(name: str) -> None:
    """A helper is one returned expression of the same language."""
    (function,) = ast.parse(inspect.getsource(getattr(ops, name))).body
    assert isinstance(function, ast.FunctionDef)
    *before, last = function.body
    assert all(isinstance(each, ast.Expr) for each in before)
    assert isinstance(last, ast.Return)
    assert last.value is not None
    assert list(outside(last.value, tuple(arg.arg for arg in function.args.args))) == []


@pytest.mark.parametrize(
    "source",
    [
        "a / b", "a ** b", "max(a, b)", "math.exp(a)", "1 * a", "a % b", "[a][0]", "a if a else c",
        "ieee.expm2(a)", "abs(a, key=b)", "not a", "~a", "a.real", "(lambda: a)()", "a @ b", "+a",
    ],
)  # fmt: skip
def test_other_rows_are_refused(source: str) -> None:
    """The check is able to fail: what is outside the language is found."""
    assert list(outside(ast.parse(source, mode="eval").body, ("a", "b")))


# --- nothing raises ---


@pytest.mark.parametrize("op", TABLE, ids=lambda op: op.name)
def test_nothing_raises(op: Op) -> None:
    """Every row answers every combination of special values with floats."""
    for inputs in itertools.product(SPECIAL, repeat=op.inputs):
        output = op.step(*inputs)
        partials = op.step_partials(*inputs, output)
        assert type(output) is float, inputs
        assert [type(each) for each in partials] == [float] * op.inputs, inputs
        assert (
            op.kink_distance(*inputs) >= 0.0
            or any(math.isnan(x) for x in inputs)
            or (math.isnan(op.kink_distance(*inputs)))
        )


@pytest.mark.parametrize("name", PRIMITIVES)
def test_primitives_never_raise(name: str) -> None:
    """Every primitive answers every combination of special values with a float."""
    function: Callable[..., float] = getattr(ieee, name)
    count = len(inspect.signature(function).parameters)
    for inputs in itertools.product(SPECIAL, repeat=count):
        assert type(function(*inputs)) is float, inputs


def test_there_are_eighteen_primitives() -> None:
    """The list above is all that the module has."""
    public = [
        name
        for name, each in vars(ieee).items()
        if inspect.isfunction(each) and not name.startswith("_")
    ]
    assert sorted(public) == sorted(PRIMITIVES)
    assert len(PRIMITIVES) == 18


INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [  # C17, annex F.10.4.4, case by case
        (0.0, -1.0, INF), (-0.0, -1.0, -INF), (0.0, -3.0, INF), (-0.0, -3.0, -INF),
        (0.0, -2.0, INF), (-0.0, -2.0, INF), (0.0, -0.5, INF), (-0.0, -0.5, INF),
        (0.0, -INF, INF), (-0.0, -INF, INF), (0.0, 3.0, 0.0), (-0.0, 3.0, -0.0),
        (-0.0, 2.0, 0.0), (-1.0, INF, 1.0), (-1.0, -INF, 1.0), (1.0, NAN, 1.0), (1.0, -INF, 1.0),
        (NAN, 0.0, 1.0), (NAN, -0.0, 1.0), (INF, 0.0, 1.0), (-8.0, 1.0 / 3.0, NAN),
        (0.5, -INF, INF), (2.0, -INF, 0.0), (-0.5, INF, 0.0), (-2.0, INF, INF),
        (-INF, -1.0, -0.0), (-INF, -2.0, 0.0), (-INF, 3.0, -INF), (-INF, 2.0, INF),
        (INF, -0.5, 0.0), (INF, 0.5, INF), (NAN, 1.0, NAN), (2.0, NAN, NAN),
        (-2.0, 1025.0, -INF), (-2.0, 1026.0, INF), (1e300, 2.0, INF), (-1e300, 3.0, -INF),
        (-1e-300, 3.0, -0.0),
    ],
)  # fmt: skip
def test_power_is_that_of_c(a: float, b: float, expected: float) -> None:
    """The special cases of pow, infinities, signs of zero and all."""
    assert same(ieee.power(a, b), expected)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1.0, 0.0, INF), (1.0, -0.0, -INF), (-1.0, 0.0, -INF), (-1.0, -0.0, INF), (0.0, 0.0, NAN),
        (-0.0, 0.0, NAN), (NAN, 0.0, NAN), (INF, 0.0, INF), (INF, -0.0, -INF), (INF, INF, NAN),
        (1.0, -INF, -0.0), (0.0, -1.0, -0.0), (1.0, 5e-324, INF),
    ],
)  # fmt: skip
def test_division_is_that_of_ieee(a: float, b: float, expected: float) -> None:
    """Division by zero and by infinities."""
    assert same(ieee.div(a, b), expected)


def same(a: float, b: float) -> bool:
    """Whether two doubles are the same, signs of zero included, or both NaN."""
    return (a == b and math.copysign(1.0, a) == math.copysign(1.0, b)) or (a != a and b != b)


# --- values and slopes against fifty digits ---

mpmath.mp.dps = 50
TRUE: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b, "pow": lambda a, b: a**b, "max": max, "min": min,
    "sum": lambda a, b: a + b, "neg": lambda x: -x, "abs": abs, "sqrt": mpmath.sqrt,
    "exp": mpmath.exp, "log": mpmath.log, "sin": mpmath.sin, "cos": mpmath.cos,
    "tan": mpmath.tan, "atan": mpmath.atan, "sinh": mpmath.sinh, "cosh": mpmath.cosh,
    "tanh": mpmath.tanh, "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)), "relu": lambda x: max(x, mpmath.mpf(0)),
    "erf": mpmath.erf, "log1p": mpmath.log1p, "expm1": mpmath.expm1, "asin": mpmath.asin,
    "acos": mpmath.acos, "atan2": mpmath.atan2, "gate": lambda a, b: b if a > 0 else mpmath.mpf(0),
}  # fmt: skip
assert [*TRUE] == [*OPS]


def points(op: Op) -> st.SearchStrategy[tuple[float, ...]]:
    """Ordinary points of an op's domain, away from kinks and poles."""
    domain = op.domain or (ops.REAL,) * op.inputs
    axes = [st.floats(max(each.low + 1e-3, -30.0), min(each.high - 1e-3, 30.0)) for each in domain]
    return st.tuples(*axes).filter(lambda x: op.kink_distance(*x) > 1e-3)


@pytest.mark.parametrize("op", TABLE, ids=lambda op: op.name)
@given(data=st.data())
@settings(max_examples=60, derandomize=True, deadline=None)
def test_values_and_slopes_are_true(op: Op, data: st.DataObject) -> None:
    """Away from kinks, value and partials are those of calculus.

    1e-12: a few roundings of 1e-16 each, and 1 - y² of tanh loses up to four digits more where
    y is near 1; measured against the size of the terms, hence the absolute part.
    """
    x = data.draw(points(op))
    exact = [mpmath.mpf(each) for each in x]
    output = op.step(*x)
    assert output == pytest.approx(float(TRUE[op.name](*exact)), rel=1e-13, abs=1e-300)
    for k, partial in enumerate(op.step_partials(*x, output)):
        order = tuple(int(i == k) for i in range(op.inputs))
        slope = mpmath.diff(TRUE[op.name], tuple(exact), order, h=mpmath.mpf(10) ** -20)
        assert partial == pytest.approx(float(slope), rel=1e-12, abs=1e-14)


# --- texts ---

WORDS = {
    "·": "*", "^": "**", "∞": "inf", "ln": "log", "√": "sqrt ", "|x|": "abs x",
}  # fmt: skip


def evaluated(text: str, names: dict[str, float]) -> float:
    """Evaluate a formula of the table, as a person would read it."""
    for old, new in WORDS.items():
        text = text.replace(old, new)
    text = re.sub(r"\b([a-z]{2,}) ([a-z])\b", r"\1(\2)", text)  # sin x -> sin(x)
    known: dict[str, Any] = {"__builtins__": {}, **TRUE, **names}
    return float(eval(text, known))  # noqa: S307 - our own table


WORDED = {"max", "min", "sum", "abs", "relu"}  # slopes in words; the fixtures hold their numbers


@pytest.mark.parametrize("op", TABLE, ids=lambda op: op.name)
def test_formulas_say_what_rows_do(op: Op) -> None:
    """The formula and slopes that people read give the numbers that engines compute."""
    x = (0.625, 0.75)[: op.inputs]
    names = dict(zip("ab" if op.inputs > 1 else "x", x, strict=True))
    output = op.step(*x)
    assert evaluated(op.formula.removesuffix(" + …"), names) == pytest.approx(output, rel=1e-14)
    if op.name not in WORDED:
        slopes = [evaluated(part, names | {"y": output}) for part in op.partials_text.split(", ")]
        assert slopes == pytest.approx(op.step_partials(*x, output), rel=1e-14)


def test_folds_have_unit_slopes() -> None:
    """Engines pass an adjoint through a fold unchanged, so each partial of its step is 1."""
    folds = [op for op in TABLE if op.fold]
    assert [op.name for op in folds] == ["sum"]
    for op in folds:
        assert op.step_partials(2.0, 3.0, op.step(2.0, 3.0)) == (1.0, 1.0)


def test_registry_is_whole() -> None:
    """Names are unique, leaves come first, and opcodes index the names."""
    assert len({*NAMES}) == len(NAMES) == len(LEAVES) + len(TABLE)
    assert [NAMES[code] for code in OPCODES.values()] == [*OPCODES]
    exact = [op.name for op in TABLE if op.exact]
    of_1_0 = ["add", "sub", "mul", "div", "max", "min", "sum", "neg", "abs", "sqrt", "relu"]
    assert exact == [*of_1_0, "gate"]


def test_ops_are_pickled_by_name() -> None:
    """Unpickling an op gives the op of the table itself, so ops can be compared by identity."""
    for op in TABLE:
        assert pickle.loads(pickle.dumps(op)) is op  # noqa: S301 - our own bytes


def test_intervals_are_spelled_as_in_mathematics() -> None:
    """Open and closed ends, and infinities."""
    assert str(Interval(-INF)) == "(-∞, ∞)"
    assert str(Interval(0.0)) == "[0, ∞)"
    assert str(Interval(0.0, 1.0, open_low=True)) == "(0, 1]"


@pytest.mark.parametrize("name", ["add", "sum", "tanh"])
def test_arity_is_checked(name: str) -> None:
    """Each op takes its number of arguments, a fold any from one."""
    counts = [count for count in range(5) if OPS[name].takes(count)]
    assert counts == {"add": [2], "sum": [1, 2, 3, 4], "tanh": [1]}[name]
