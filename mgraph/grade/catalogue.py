"""The mistakes that people make in a rule, each as a function that can be held against numbers."""

from __future__ import annotations

import math
import struct
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.ops import OPS, TABLE, ieee

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Point = Callable[[Sequence[float]], Sequence[float]]
    """Inputs to others."""
    Local = Callable[[Sequence[float], float, Sequence[float]], float]
    """Inputs, output and right partials to a local slope."""


class Guess(NamedTuple):
    """A way in which a rule may be wrong.

    Attributes:
        cause: The id of the cause.
        says: What the engine does, in words, after the op's name.
        gives: The number that it gives.
    """

    cause: str
    says: str
    gives: Callable[..., float]


def float32(x: float) -> float:
    """Round to single precision."""
    return _through("f", x)


def float16(x: float) -> float:
    """Round to half precision."""
    return _through("e", x)


def decimals(n: int, x: float) -> float:
    """Round to some decimals."""
    return round(x, n) if abs(x) < 1e15 else x  # noqa: PLR2004 - whole numbers beyond


def digits(n: int, x: float) -> float:
    """Round to some significant digits."""
    return float(f"{x:.{n}g}")


def _through(code: str, x: float) -> float:
    try:
        rounded: float = struct.unpack(code, struct.pack(code, x))[0]
    except (OverflowError, ValueError):
        return math.copysign(ieee.INF, x)
    return rounded


def guarded(function: Callable[..., float]) -> Callable[..., float]:
    """Return a function that gives NaN where it has no answer."""

    def gives(*args: object) -> float:
        try:
            x = function(*args)
        except (ArithmeticError, ValueError, IndexError, TypeError):
            return math.nan
        return x if isinstance(x, float) else math.nan

    return gives


# --- values --------------------------------------------------------------------------------------

LOSSES: Final[tuple[tuple[str, Callable[[float], float]], ...]] = (
    ("in single precision", float32),
    ("in half precision", float16),
    *((f"rounded to {n} decimals", partial(decimals, n)) for n in range(1, 9)),
    *((f"rounded to {n} digits", partial(digits, n)) for n in range(2, 10)),
)
"""How numbers lose digits."""

EPSILONS: Final = tuple(k * 10.0**-n for n in range(4, 13) for k in (1.0, 2.0))
"""What people add so that nothing is divided by zero."""
LEAKS: Final = (0.01, 0.1, 0.2)
"""Usual slopes of a leaky relu below zero."""
_BASES: Final = {"2": math.log(2.0), "10": math.log(10.0)}


def value_guesses(op: str, kinds: str) -> Iterator[Guess]:
    """Yield what an engine may compute in the place of an op; its inputs are the only argument."""
    usual = (_turned(op, kinds), _whole(op, kinds), _signs(op), _lossy(op), _leaks(op))
    found = chain(*usual, _other(op, kinds))
    for guess in found:
        yield guess._replace(gives=guarded(guess.gives))


def _turned(op: str, kinds: str) -> Iterator[Guess]:
    if len(kinds) == 2:  # noqa: PLR2004 - operands
        says = "takes its operands in the wrong order"
        yield Guess("swapped", says, lambda xs: OPS[op].value(xs[::-1]))


def _whole(op: str, kinds: str) -> Iterator[Guess]:
    """Yield what comes of whole numbers."""
    if op == "div":
        says = "divides with //, which throws the fraction away"
        yield Guess("int-division", says, lambda xs: float(xs[0] // xs[1]))
        yield Guess("int-division", says, lambda xs: float(int(xs[0] / xs[1])))
        yield Guess("int-division", says, lambda xs: float(int(xs[0]) // int(xs[1])))
    if "N" in kinds:
        at = kinds.index("N")
        for whole in (int, round, math.floor, math.ceil):
            says = "turns a plain number into a whole one"
            yield Guess("conversion", says, partial(_value_at, op, partial(_made_whole, at, whole)))
        yield Guess(
            "conversion",
            "forgets a plain number's sign",
            partial(_value_at, op, partial(_made_whole, at, abs)),
        )


def _value_at(op: str, point: Point, xs: Sequence[float]) -> float:
    return OPS[op].value(point(xs))


def _signs(op: str) -> Iterator[Guess]:
    yield Guess("sign", "has the wrong sign", lambda xs: -OPS[op].value(xs))
    if op == "sub":
        yield Guess("sign", "adds", lambda xs: xs[0] + xs[1])
    if op == "add":
        yield Guess("sign", "subtracts", lambda xs: xs[0] - xs[1])


def _lossy(op: str) -> Iterator[Guess]:
    for says, loss in LOSSES:
        yield Guess("precision", f"gives its value {says}", partial(_lost, op, loss))


def _lost(op: str, loss: Callable[[float], float], xs: Sequence[float]) -> float:
    return loss(OPS[op].value(xs))


def _other(op: str, kinds: str) -> Iterator[Guess]:
    """Yield other functions."""
    if op == "log":
        for base, log in _BASES.items():
            says = f"takes the logarithm to base {base}"
            yield Guess("value", says, partial(_scaled, op, 1.0 / log))
    if op in ("sin", "cos", "tan"):
        says = "takes degrees for radians"
        yield Guess("value", says, lambda xs: OPS[op].value([math.radians(xs[0])]))
    says = "gives its absolute value"
    yield Guess("value", says, lambda xs: abs(OPS[op].value(xs)))
    if op == "neg":
        yield Guess("value", says, lambda xs: abs(xs[0]))
    if len(kinds) == 2:  # noqa: PLR2004 - operands
        says = "takes one operand twice"
        yield Guess("value", says, lambda xs: OPS[op].value([xs[0], xs[0]]))
        yield Guess("value", says, lambda xs: OPS[op].value([xs[1], xs[1]]))
    for eps in EPSILONS:
        for at in range(min(len(kinds), 2)):
            says = f"adds {eps:g} to an operand"
            yield Guess("value", says, partial(_value_at, op, partial(_moved, at, eps)))
    yield Guess("value", "gives its operand unchanged", lambda xs: xs[0])
    for row in TABLE:
        if row.inputs == len(kinds) and row.name != op and not row.fold:
            yield Guess("value", f"computes {row.name}", row.value)
    yield Guess("factor", "gives twice its value", partial(_scaled, op, 2.0))
    yield Guess("factor", "gives half its value", partial(_scaled, op, 0.5))


def _leaks(op: str) -> Iterator[Guess]:
    for leak in LEAKS if op == "relu" else ():
        yield Guess("value", f"leaks below zero: {leak:g}·x", partial(_leaky, leak))


def _leaky(leak: float, xs: Sequence[float]) -> float:
    return xs[0] if xs[0] > 0.0 else leak * xs[0]


def _scaled(op: str, factor: float, xs: Sequence[float]) -> float:
    return factor * OPS[op].value(xs)


# --- slopes --------------------------------------------------------------------------------------


def slope_guesses(op: str, place: int, kinds: str) -> Iterator[Guess]:
    """Yield what an engine may pass on; the arguments are inputs, output and upstream adjoint."""
    for cause, says, local in _local(op, place, kinds):
        yield Guess(cause, says, guarded(partial(_times, op, local)))
    yield from _beside(op, place, kinds)
    says = "passes on its local slope alone, without the upstream gradient"
    yield Guess("upstream", says, guarded(lambda xs, y, _: OPS[op].partials(xs, y)[place]))
    says = "adds the upstream gradient to its slope instead of multiplying"
    yield Guess("upstream", says, guarded(lambda xs, y, up: OPS[op].partials(xs, y)[place] + up))


def _beside(op: str, place: int, kinds: str) -> Iterator[Guess]:
    """Yield the right slope at another point: a number made whole, or something added to it."""
    if "N" in kinds:
        at = kinds.index("N")
        for whole in (int, round):
            says = "turns a plain number into a whole one"
            point = partial(_made_whole, at, whole)
            yield Guess("conversion", says, guarded(partial(_slope_at, op, place, point)))
    for eps in EPSILONS:
        for at in range(min(len(kinds), 2)):
            says = f"adds {eps:g} to an operand"
            point = partial(_moved, at, eps)
            yield Guess("value", says, guarded(partial(_slope_at, op, place, point)))


def _slope_at(
    op: str, place: int, point: Point, xs: Sequence[float], _: float, upstream: float
) -> float:
    moved = point(xs)
    return OPS[op].partials(moved, OPS[op].value(moved))[place] * upstream


def _made_whole(at: int, whole: Callable[[float], float], xs: Sequence[float]) -> list[float]:
    return [float(whole(x)) if i == at else x for i, x in enumerate(xs)]


def _moved(at: int, eps: float, xs: Sequence[float]) -> list[float]:
    return [x + eps if i == at else x for i, x in enumerate(xs)]


def _times(op: str, local: Local, xs: Sequence[float], y: float, upstream: float) -> float:
    return local(xs, y, OPS[op].partials(xs, y)) * upstream


def _local(op: str, place: int, kinds: str) -> Iterator[tuple[str, str, Local]]:
    """Yield wrong local slopes: functions of inputs, output and right partials."""
    k = place
    slope = OPS[op].partial_text(place)
    yield "sign", f"has the wrong sign in its slope, which is {slope}", lambda xs, y, p: -p[k]
    if op in ("max", "min"):
        yield from _of_one_op(op, slope)
    if len(kinds) == 2:  # noqa: PLR2004 - operands
        says = f"takes the slope of the other operand; this one's is {slope}"
        yield "swapped", says, lambda xs, y, p: p[1 - k]
        says = f"has its operands swapped in the slope, which is {slope}"
        yield "swapped", says, lambda xs, y, p: _turned_partials(op, xs, y)[k]
        yield "swapped", says, lambda xs, y, p: _turned_partials(op, xs, y)[1 - k]
        yield "swapped", says, lambda xs, y, p: -_turned_partials(op, xs, y)[1 - k]
        yield "swapped", says, lambda xs, y, p: _turned_partials(op, xs, _turned_value(op, xs))[k]
    if op == "pow":
        yield from _power(place)
    says = f"passes the upstream gradient on without its own slope, {slope}"
    yield "inner", says, lambda xs, y, p: 1.0
    yield "no-gradient", "passes nothing on", lambda xs, y, p: 0.0
    says = f"takes its slope at the output where it belongs at the input: it is {slope}"
    yield "place", says, lambda xs, y, p: OPS[op].partials([*xs[:k], y, *xs[k + 1 :]], y)[k]
    yield "place", says, lambda xs, y, p: OPS[op].partials([y, *xs[1:]], y)[k]
    yield (
        "place", says,
        lambda xs, y, p: OPS[op].partials([y] * len(xs), OPS[op].value([y] * len(xs)))[k],
    )  # fmt: skip
    says = f"takes its slope at the input where it belongs at the output: it is {slope}"
    yield "place", says, lambda xs, y, p: OPS[op].partials(xs, xs[k])[k]
    yield from _of_one_op(op, slope)
    yield from _factors(k, slope)
    says = f"has the slope in single precision; it is {slope}"
    yield "precision", says, lambda xs, y, p: float32(p[k])
    yield from _others(k, slope)


def _turned_value(op: str, xs: Sequence[float]) -> float:
    return OPS[op].value(xs[::-1])


def _turned_partials(op: str, xs: Sequence[float], y: float) -> Sequence[float]:
    return OPS[op].partials(xs[::-1], y)


def _factors(k: int, slope: str) -> Iterator[tuple[str, str, Local]]:
    for factor, said in ((2.0, "twice"), (0.5, "half")):
        says = f"passes on {said} its slope, which is {slope}"
        yield "factor", says, partial(_multiple, factor, k)


def _multiple(factor: float, k: int, _: object, __: object, p: Sequence[float]) -> float:
    return factor * p[k]


def _power(place: int) -> Iterator[tuple[str, str, Local]]:
    power = ieee.power
    if place == 1:
        says = "has the base for the output in the slope by the exponent, y·ln a"
        yield "place", says, lambda xs, y, p: xs[0] * ieee.log(xs[0])
        yield "slope", "forgets ln a in the slope by the exponent", lambda xs, y, p: y
        yield (
            "slope",
            "forgets y in the slope by the exponent, y·ln a",
            lambda xs, y, p: ieee.log(xs[0]),
        )
        yield (
            "swapped", "takes ln of the exponent in the slope by it, y·ln a",
            lambda xs, y, p: y * ieee.log(xs[1]),
        )  # fmt: skip
        yield (
            "exponent",
            "treats the exponent like a base",
            lambda xs, y, p: xs[1] * power(xs[0], xs[1] - 1.0),
        )
        yield (
            "exponent", "lowers the exponent in the slope by it, y·ln a",
            lambda xs, y, p: power(xs[0], xs[1] - 1.0) * ieee.log(xs[0]),
        )  # fmt: skip
        return
    rule = "the power rule is b·a^(b-1)"
    for says, gives in (
        ("forgets the factor b", lambda a, b: power(a, b - 1.0)),
        ("doesn't lower the exponent by one", lambda a, b: b * power(a, b)),
        ("raises the exponent instead of lowering it", lambda a, b: b * power(a, b + 1.0)),
        ("has b - 1 for the factor b", lambda a, b: (b - 1.0) * power(a, b - 1.0)),
        ("has b + 1 for the factor b", lambda a, b: (b + 1.0) * power(a, b - 1.0)),
        ("lowers the exponent twice", lambda a, b: b * power(a, b - 2.0)),
        ("has b - 1 for b everywhere", lambda a, b: (b - 1.0) * power(a, b - 2.0)),
        ("forgets the power of a", lambda a, b: b),
        ("multiplies b by a instead of raising", lambda a, b: b * a),
        ("multiplies a by b - 1 instead of raising", lambda a, b: b * a * (b - 1.0)),
        ("has a constant 2 for b", lambda a, b: 2.0 * a),
        ("has a constant 2 for the factor b", lambda a, b: 2.0 * power(a, b - 1.0)),
        ("passes the power itself on", power),
        ("has b^2 for the factor b", lambda a, b: b * b * power(a, b - 1.0)),
        ("divides by b", lambda a, b: ieee.div(power(a, b - 1.0), b)),
        ("has a whole number for b - 1", lambda a, b: b * power(a, float(int(b - 1.0)))),
        ("has a whole number for b", lambda a, b: float(int(b)) * power(a, b - 1.0)),
        ("has b·a·(b-1)", lambda a, b: b * (a - 1.0)),
        ("swaps base and exponent", lambda a, b: a * power(b, a - 1.0)),
        ("takes the rule of an exponential", lambda a, b: power(a, b) * ieee.log(a)),
        ("takes the 1 from the whole", lambda a, b: b * power(a, b) - 1.0),
        ("multiplies before raising", lambda a, b: power(b * a, b - 1.0)),
        ("swaps base and exponent", lambda a, b: a * power(b, b - 1.0)),
        ("swaps base and exponent", lambda a, b: b * power(b - 1.0, a)),
        ("swaps base and exponent", lambda a, b: a * power(b - 1.0, a)),
        ("forgets the exponent's sign", lambda a, b: abs(b) * power(a, b - 1.0)),
        ("forgets the exponent's sign", lambda a, b: b * power(a, abs(b) - 1.0)),
        ("forgets the exponent's sign", lambda a, b: abs(b) * power(a, abs(b) - 1.0)),
        ("forgets the exponent's sign", lambda a, b: b * power(a, abs(b - 1.0))),
        ("integrates", lambda a, b: ieee.div(power(a, b + 1.0), b + 1.0)),
    ):
        yield "exponent", f"{says}: {rule}", partial(_of_two, gives)


def _of_two(function: Callable[[float, float], float], xs: Sequence[float], *_: object) -> float:
    return function(xs[0], xs[1])


def _of_one_op(op: str, slope: str) -> Iterator[tuple[str, str, Local]]:
    """Yield what is wrong with just one op's slope."""
    div = ieee.div
    wrong: dict[str, tuple[tuple[str, str, Callable[[float, float, float], float]], ...]] = {
        "tanh": (
            ("slope", "forgets to square y", lambda x, b, y: 1.0 - y),
            ("sign", "adds where it takes away", lambda x, b, y: 1.0 + y * y),
            ("slope", "forgets the 1", lambda x, b, y: y * y),
            ("slope", "forgets the 1", lambda x, b, y: -y * y),
            ("slope", "has the slope of sigmoid", lambda x, b, y: y * (1.0 - y)),
            ("sign", "has the wrong sign", lambda x, b, y: y * y - 1.0),
        ),
        "sigmoid": (
            ("slope", "forgets the factor 1 - y", lambda x, b, y: y),
            ("slope", "forgets the factor y", lambda x, b, y: 1.0 - y),
            ("sign", "adds where it takes away", lambda x, b, y: y * (1.0 + y)),
            ("slope", "has the slope of tanh", lambda x, b, y: 1.0 - y * y),
        ),
        "exp": (("slope", "takes the power rule", lambda x, b, y: x * ieee.exp(x - 1.0)),),
        "log": (
            ("slope", "has x for 1/x", lambda x, b, y: x),
            ("slope", "squares x", lambda x, b, y: div(1.0, x * x)),
            ("factor", "has the slope to base 10", lambda x, b, y: div(1.0, x * _BASES["10"])),
            ("factor", "has the slope to base 2", lambda x, b, y: div(1.0, x * _BASES["2"])),
        ),
        "sqrt": (
            ("factor", "forgets the half", lambda x, b, y: div(1.0, y)),
            ("slope", "has 0.5·y", lambda x, b, y: 0.5 * y),
        ),
        "div": (
            ("slope", "forgets the divisor's square", lambda x, b, y: div(-x, b)),
            ("slope", "forgets the dividend", lambda x, b, y: div(-1.0, b * b)),
            ("sign", "has the wrong sign and no dividend", lambda x, b, y: div(1.0, b * b)),
            ("slope", "has the wrong power of b", lambda x, b, y: div(-x, b * b * b)),
            ("slope", "forgets to divide", lambda x, b, y: -x),
            ("slope", "has b for 1/b", lambda x, b, y: b),
            ("slope", "has -a·b", lambda x, b, y: -x * b),
            ("slope", "has -y", lambda x, b, y: -y),
            ("slope", "squares all of a/b", lambda x, b, y: -y * y),
            ("slope", "squares all of a/b", lambda x, b, y: y * y),
        ),
        "tan": (
            ("slope", "forgets the 1", lambda x, b, y: y * y),
            ("slope", "forgets to square y", lambda x, b, y: 1.0 + y),
            ("sign", "takes away where it adds", lambda x, b, y: 1.0 - y * y),
            ("slope", "forgets to square cos x", lambda x, b, y: div(1.0, ieee.cos(x))),
        ),
        "atan": (
            ("slope", "forgets to square x", lambda x, b, y: div(1.0, 1.0 + x)),
            ("sign", "takes away where it adds", lambda x, b, y: div(1.0, 1.0 - x * x)),
            ("slope", "forgets the reciprocal", lambda x, b, y: 1.0 + x * x),
            ("slope", "takes a root", lambda x, b, y: div(1.0, ieee.sqrt(1.0 + x * x))),
        ),
        "relu": (
            ("slope", "lets the gradient through everywhere", lambda x, b, y: 1.0),
            ("slope", "leaks below zero", lambda x, b, y: 1.0 if x > 0.0 else 0.01),
            ("slope", "has x for 1", lambda x, b, y: max(0.0, x)),
            ("slope", "lets the other side through", lambda x, b, y: 0.0 if x > 0.0 else 1.0),
        ),
        "softplus": (
            ("slope", "has the slope of sigmoid", _logistic_slope),
            ("slope", "has 1 - sigmoid x", lambda x, b, y: 1.0 - _logistic(x)),
        ),
        "mul": (("slope", "passes on the product", lambda x, b, y: y),),
        "abs": (("sign", "has slope -1 on both sides", lambda x, b, y: -1.0),),
        "max": (
            ("slope", "passes half of the gradient on to each", lambda x, b, y: 0.5),
            ("slope", "passes the gradient on to both", lambda x, b, y: 1.0),
        ),
        "min": (
            ("slope", "passes half of the gradient on to each", lambda x, b, y: 0.5),
            ("slope", "passes the gradient on to both", lambda x, b, y: 1.0),
        ),
    }  # fmt: skip
    for cause, says, gives in wrong.get(op, ()):
        yield cause, f"{says}: its slope is {slope}", partial(_of_three, gives)


def _of_three(
    function: Callable[[float, float, float], float], xs: Sequence[float], y: float, _: object
) -> float:
    return function(xs[0], xs[-1], y)


def _logistic(x: float) -> float:
    return OPS["sigmoid"].value([x])


def _logistic_slope(x: float, *_: float) -> float:
    return OPS["sigmoid"].partials([x], _logistic(x))[0]


def _others(k: int, slope: str) -> Iterator[tuple[str, str, Local]]:
    """Yield slips that need no name: the sentence says what would be right."""
    says = f"has another slope than {slope}"
    for gives in (
        lambda xs, y, p: xs[k],
        lambda xs, y, p: y,
        lambda xs, y, p: p[k] * xs[k],
        lambda xs, y, p: p[k] * y,
        lambda xs, y, p: p[k] * p[k],
        lambda xs, y, p: ieee.div(1.0, p[k]),
        lambda xs, y, p: ieee.div(p[k], xs[k]),
        lambda xs, y, p: 1.0 - p[k],
        lambda xs, y, p: 1.0 + p[k],
        lambda xs, y, p: abs(p[k]),
        lambda xs, y, p: p[k] - 1.0,
    ):
        yield "slope", says, gives
