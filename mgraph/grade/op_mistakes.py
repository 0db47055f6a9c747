"""Mistakes that people make in the rule of one op, as functions to compare with numbers."""

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
    """From an op's inputs to the inputs that an engine uses instead."""
    Local = Callable[[Sequence[float], float, Sequence[float]], float]
    """From an op's inputs, its output and the correct partials to a wrong partial."""
    Passed = Callable[[Sequence[float], float, float], float]
    """From an op's inputs, its output and its upstream adjoint to what one operand receives."""


class Mistake(NamedTuple):
    """A mistake in the rule of an op.

    Attributes:
        cause: The id of the cause.
        says: What the engine does, as the rest of a sentence that begins with the op's name.
        gives: The function that the engine computes.
        instead: The op that it computes instead; empty if it is none.
    """

    cause: str
    says: str
    gives: Callable[..., float]
    instead: str = ""


def float32(x: float) -> float:
    """Round to single precision."""
    return _through("f", x)


def float16(x: float) -> float:
    """Round to half precision."""
    return _through("e", x)


def decimals(n: int, x: float) -> float:
    """Round to `n` decimals."""
    return round(x, n) if abs(x) < 1e15 else x  # noqa: PLR2004 - larger numbers are whole


def digits(n: int, x: float) -> float:
    """Round to `n` significant digits."""
    return float(f"{x:.{n}g}")


def _through(code: str, x: float) -> float:
    try:
        rounded: float = struct.unpack(code, struct.pack(code, x))[0]
    except (OverflowError, ValueError):
        return math.copysign(ieee.INF, x)
    return rounded


def guarded(function: Callable[..., float]) -> Callable[..., float]:
    """Return a function that returns NaN instead of raising an error."""

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
    ("rounded to one decimal", partial(decimals, 1)),
    *((f"rounded to {n} decimals", partial(decimals, n)) for n in range(2, 9)),
    *((f"rounded to {n} digits", partial(digits, n)) for n in range(2, 10)),
)
"""Ways in which numbers lose digits."""

EPSILONS: Final = tuple(k * 10.0**-n for n in range(4, 13) for k in (1.0, 2.0))
"""What people add in order not to divide by zero."""
LEAKS: Final = (0.01, 0.1, 0.2)
"""Usual local derivatives of a leaky relu below zero."""
_ERF: Final = 2.0 / math.sqrt(math.pi)
_BASES: Final = {"2": math.log(2.0), "10": math.log(10.0)}
_ROUNDS: Final = "turns a plain number into a whole number"
_ZERO_FOR_ONE: Final[tuple[str, Callable[[float], float]]] = (
    "takes the plain number 0 for 1",
    lambda x: x or 1.0,
)
_CONVERSIONS: Final[tuple[tuple[str, Callable[[float], float]], ...]] = (
    *((_ROUNDS, convert) for convert in (int, round, math.floor, math.ceil)),
    ("drops the sign of a plain number", abs),
    _ZERO_FOR_ONE,
)
_LOSSY_CONVERSIONS: Final = tuple((f"uses a plain number {how}", loss) for how, loss in LOSSES)


def value_mistakes(op: str, kinds: str) -> Iterator[Mistake]:
    """Yield wrong values of an op, the most usual ones first, as functions of its inputs."""
    usual = (_swapped(op, kinds), _whole(op, kinds), _signs(op), _lossy(op), _leaks(op))
    for mistake in chain(*usual, _other(op, kinds)):
        yield mistake._replace(gives=guarded(mistake.gives))


def _swapped(op: str, kinds: str) -> Iterator[Mistake]:
    if len(kinds) == 2:  # noqa: PLR2004 - operands
        says = "takes its operands in the wrong order"
        yield Mistake("swapped", says, lambda xs: OPS[op].value(xs[::-1]))


def _whole(op: str, kinds: str) -> Iterator[Mistake]:
    """Yield values computed with whole numbers, or with a plain number that was changed."""
    if op == "div":
        says = "divides with //, which drops the fraction"
        yield Mistake("int-division", says, lambda xs: float(xs[0] // xs[1]))
        yield Mistake("int-division", says, lambda xs: float(int(xs[0] / xs[1])))
        yield Mistake("int-division", says, lambda xs: float(int(xs[0]) // int(xs[1])))
    if "N" in kinds:
        number = kinds.index("N")
        for says, convert in (*_CONVERSIONS, *_LOSSY_CONVERSIONS):
            point = partial(_converted, number, convert)
            yield Mistake("conversion", says, partial(_value_at, op, point))


def _value_at(op: str, point: Point, xs: Sequence[float]) -> float:
    return OPS[op].value(point(xs))


def _signs(op: str) -> Iterator[Mistake]:
    yield Mistake("sign", "has the wrong sign", lambda xs: -OPS[op].value(xs))
    if op == "sub":
        yield Mistake("sign", "adds", lambda xs: xs[0] + xs[1])
    if op == "add":
        yield Mistake("sign", "subtracts", lambda xs: xs[0] - xs[1])


def _lossy(op: str) -> Iterator[Mistake]:
    for says, loss in LOSSES:
        yield Mistake("precision", f"returns its value {says}", partial(_lost, op, loss))


def _lost(op: str, loss: Callable[[float], float], xs: Sequence[float]) -> float:
    return loss(OPS[op].value(xs))


def _other(op: str, kinds: str) -> Iterator[Mistake]:
    """Yield values of other functions."""
    if op == "log":
        for base, log in _BASES.items():
            says = f"takes the logarithm to base {base}"
            yield Mistake("value", says, partial(_scaled, op, 1.0 / log))
    if op in ("sin", "cos", "tan"):
        says = "takes its operand to be in degrees, not radians"
        yield Mistake("value", says, lambda xs: OPS[op].value([math.radians(xs[0])]))
    says = "returns the absolute value of its result"
    yield Mistake("value", says, lambda xs: abs(OPS[op].value(xs)))
    if op == "neg":
        yield Mistake("value", says, lambda xs: abs(xs[0]))
    if len(kinds) == 2:  # noqa: PLR2004 - operands
        says = "uses one operand twice, and the other not at all"
        yield Mistake("value", says, lambda xs: OPS[op].value([xs[0], xs[0]]))
        yield Mistake("value", says, lambda xs: OPS[op].value([xs[1], xs[1]]))
    for eps in EPSILONS:
        for operand in range(min(len(kinds), 2)):
            says = f"adds {eps:g} to an operand"
            yield Mistake("value", says, partial(_value_at, op, partial(_moved, operand, eps)))
    yield Mistake("value", "returns its operand unchanged", lambda xs: xs[0])
    for other in TABLE:
        if other.inputs == len(kinds) and other.name != op and not other.fold:
            yield Mistake("value", f"computes {other.name}", other.value, other.name)
    yield Mistake("factor", "returns twice its value", partial(_scaled, op, 2.0))
    yield Mistake("factor", "returns half its value", partial(_scaled, op, 0.5))


def _leaks(op: str) -> Iterator[Mistake]:
    for leak in LEAKS if op == "relu" else ():
        yield Mistake("value", f"leaks below zero: {leak:g}·x", partial(_leaky, leak))


def _leaky(leak: float, xs: Sequence[float]) -> float:
    return xs[0] if xs[0] > 0.0 else leak * xs[0]


def _scaled(op: str, factor: float, xs: Sequence[float]) -> float:
    return factor * OPS[op].value(xs)


# --- partials ------------------------------------------------------------------------------------


def partial_mistakes(op: str, operand: int, kinds: str) -> Iterator[Mistake]:
    """Yield wrong adjoints for an operand, as functions of inputs, output and upstream adjoint."""
    for cause, says, local in _local(op, operand, kinds):
        yield Mistake(cause, says, guarded(partial(_times, op, local)))
    yield from _beside(op, operand, kinds)
    for gives in _WITHOUT_BRACKETS.get((op, operand), ()):
        says = (
            "multiplies the upstream gradient by its local derivative as if brackets were missing: "
            f"that is {OPS[op].partial_text(operand)}"
        )
        yield Mistake("slope", says, guarded(gives))
    if op == "relu":
        says = "passes a gradient on if the gradient is positive; it must check its operand instead"
        yield Mistake("slope", says, guarded(lambda xs, y, up: max(up, 0.0)))
    says = "multiplies its local derivative by the square of the upstream gradient"
    yield Mistake(
        "upstream", says, guarded(lambda xs, y, up: OPS[op].partials(xs, y)[operand] * up * up)
    )
    says = "passes on its local derivative alone, without the upstream gradient"
    yield Mistake("upstream", says, guarded(lambda xs, y, _: OPS[op].partials(xs, y)[operand]))
    says = "adds the upstream gradient to its local derivative instead of multiplying"
    yield Mistake(
        "upstream", says, guarded(lambda xs, y, up: OPS[op].partials(xs, y)[operand] + up)
    )


_WITHOUT_BRACKETS: Final[dict[tuple[str, int], tuple[Passed, ...]]] = {
    ("tanh", 0): (lambda xs, y, up: up - y * y, lambda xs, y, up: 1.0 - y * y * up),
    ("sigmoid", 0): (
        lambda xs, y, up: up * y - y,
        lambda xs, y, up: y - y * up,
        lambda xs, y, up: up - y * y,
        lambda xs, y, up: 1.0 - y * y * up,
    ),
    ("tan", 0): (lambda xs, y, up: up + y * y, lambda xs, y, up: 1.0 + y * y * up),
    ("atan", 0): (lambda xs, y, up: up + xs[0] * xs[0], lambda xs, y, up: 1.0 + xs[0] * xs[0] * up),
    ("log1p", 0): (lambda xs, y, up: up + xs[0], lambda xs, y, up: 1.0 + xs[0] * up),
    ("sqrt", 0): (lambda xs, y, up: up / 2.0 * y,),
    ("relu", 0): (lambda xs, y, up: 1.0 if up * xs[0] > 0.0 else 0.0,),
    ("pow", 0): (lambda xs, y, up: xs[1] * y - up, lambda xs, y, up: up * xs[1] * y - 1.0),
}
"""What ops pass on to an operand without their brackets, from inputs, output and upstream adjoint.

The upstream adjoint may be the first factor, or the last.
"""


def _beside(op: str, operand: int, kinds: str) -> Iterator[Mistake]:
    """Yield the correct partial at another point: an operand is rounded, or moved a little."""
    if "N" in kinds:
        for says, convert in (*_CONVERSIONS[:2], _ZERO_FOR_ONE, *_LOSSY_CONVERSIONS):
            point = partial(_converted, kinds.index("N"), convert)
            yield Mistake("conversion", says, guarded(partial(_partial_at, op, operand, point)))
    for eps in EPSILONS:
        for moved in range(min(len(kinds), 2)):
            says = f"adds {eps:g} to an operand in its local derivative"
            point = partial(_moved, moved, eps)
            yield Mistake("value", says, guarded(partial(_partial_at, op, operand, point)))


def _partial_at(
    op: str, operand: int, point: Point, xs: Sequence[float], _: float, upstream: float
) -> float:
    moved = point(xs)
    return OPS[op].partials(moved, OPS[op].value(moved))[operand] * upstream


def _converted(operand: int, convert: Callable[[float], float], xs: Sequence[float]) -> list[float]:
    return [float(convert(x)) if i == operand else x for i, x in enumerate(xs)]


def _moved(operand: int, eps: float, xs: Sequence[float]) -> list[float]:
    return [x + eps if i == operand else x for i, x in enumerate(xs)]


def _times(op: str, local: Local, xs: Sequence[float], y: float, upstream: float) -> float:
    return local(xs, y, OPS[op].partials(xs, y)) * upstream


def _local(op: str, operand: int, kinds: str) -> Iterator[tuple[str, str, Local]]:
    """Yield wrong partials by an operand, with their causes and sentences."""
    k = operand
    derivative = OPS[op].partial_text(operand)
    says = f"has the wrong sign in its local derivative, which is {derivative}"
    yield "sign", says, lambda xs, y, p: -p[k]
    if op in ("max", "min", "div"):  # what is simpler than swapped operands comes first
        yield from _of_one_op(op, derivative)
    if op == "div" and k == 1:  # which isn't -a/b² with other operands
        says = f"as its local derivative; the right one is {derivative}"
        yield "slope", f"has 1/a {says}", lambda xs, y, p: ieee.div(1.0, xs[0])
        yield "slope", f"has -1/a {says}", lambda xs, y, p: ieee.div(-1.0, xs[0])
    if len(kinds) == 2:  # noqa: PLR2004 - operands
        says = f"uses the local derivative for the other operand; for this one it is {derivative}"
        yield "swapped", says, lambda xs, y, p: p[1 - k]
        says = f"has its operands swapped in the local derivative, which is {derivative}"
        yield "swapped", says, lambda xs, y, p: _swapped_partials(op, xs, y)[k]
        yield "swapped", says, lambda xs, y, p: _swapped_partials(op, xs, y)[1 - k]
        yield "swapped", says, lambda xs, y, p: -_swapped_partials(op, xs, y)[1 - k]
        yield "swapped", says, lambda xs, y, p: _swapped_partials(op, xs, _swapped_value(op, xs))[k]
    if op == "pow":
        yield from _power(operand)
    says = f"passes the upstream gradient on without its local derivative, {derivative}"
    yield "inner", says, lambda xs, y, p: 1.0
    yield "no-gradient", "passes nothing on", lambda xs, y, p: 0.0
    says = f"computes its local derivative, {derivative}, as if the output were the input"
    yield "place", says, lambda xs, y, p: OPS[op].partials([*xs[:k], y, *xs[k + 1 :]], y)[k]
    yield "place", says, lambda xs, y, p: OPS[op].partials([y, *xs[1:]], y)[k]
    yield (
        "place", says,
        lambda xs, y, p: OPS[op].partials([y] * len(xs), OPS[op].value([y] * len(xs)))[k],
    )  # fmt: skip
    says = f"computes its local derivative, {derivative}, as if the input were the output"
    yield "place", says, lambda xs, y, p: OPS[op].partials(xs, xs[k])[k]
    yield from _of_one_op(op, derivative)
    yield from _factors(k, derivative)
    says = f"computes its local derivative, {derivative}, in single precision"
    yield "precision", says, lambda xs, y, p: float32(p[k])
    yield from _others(k, derivative)


def _swapped_value(op: str, xs: Sequence[float]) -> float:
    return OPS[op].value(xs[::-1])


def _swapped_partials(op: str, xs: Sequence[float], y: float) -> Sequence[float]:
    return OPS[op].partials(xs[::-1], y)


def _factors(k: int, derivative: str) -> Iterator[tuple[str, str, Local]]:
    for factor, multiple in ((2.0, "twice"), (0.5, "half")):
        says = f"passes on {multiple} its local derivative, which is {derivative}"
        yield "factor", says, partial(_multiple, factor, k)


def _multiple(factor: float, k: int, _: object, __: object, p: Sequence[float]) -> float:
    return factor * p[k]


def _power(operand: int) -> Iterator[tuple[str, str, Local]]:
    power = ieee.power
    if operand == 1:
        says = "has the base instead of y in its local derivative for the exponent, y·ln a"
        yield "place", says, lambda xs, y, p: xs[0] * ieee.log(xs[0])
        says = "forgets ln a in its local derivative for the exponent, y·ln a"
        yield "slope", says, lambda xs, y, p: y
        yield (
            "slope",
            "forgets y in its local derivative for the exponent, y·ln a",
            lambda xs, y, p: ieee.log(xs[0]),
        )
        yield (
            "swapped",
            "takes ln of the exponent in its local derivative for the exponent, y·ln a",
            lambda xs, y, p: y * ieee.log(xs[1]),
        )  # fmt: skip
        yield (
            "swapped",
            "takes ln of the exponent in its local derivative for the exponent, y·ln a",
            lambda xs, y, p: y * ieee.log(xs[1]) if xs[1] > 0.0 else 0.0,
        )
        yield (
            "exponent",
            "treats the exponent like the base",
            lambda xs, y, p: xs[1] * power(xs[0], xs[1] - 1.0),
        )
        yield (
            "exponent",
            "lowers the exponent in its local derivative for the exponent, y·ln a",
            lambda xs, y, p: power(xs[0], xs[1] - 1.0) * ieee.log(xs[0]),
        )  # fmt: skip
        return
    rule = "the power rule is b·a^(b-1)"
    for says, gives in (
        ("forgets the factor b", lambda a, b: power(a, b - 1.0)),
        ("doesn't lower the exponent by one", lambda a, b: b * power(a, b)),
        ("raises the exponent instead of lowering it", lambda a, b: b * power(a, b + 1.0)),
        ("has b - 1 instead of the factor b", lambda a, b: (b - 1.0) * power(a, b - 1.0)),
        ("has b + 1 instead of the factor b", lambda a, b: (b + 1.0) * power(a, b - 1.0)),
        ("lowers the exponent twice", lambda a, b: b * power(a, b - 2.0)),
        ("has b - 1 instead of b everywhere", lambda a, b: (b - 1.0) * power(a, b - 2.0)),
        ("forgets a^(b-1)", lambda a, b: b),
        ("multiplies b by a instead of a power of a", lambda a, b: b * a),
        ("multiplies a by b - 1 instead of raising it to b - 1", lambda a, b: b * a * (b - 1.0)),
        ("has a constant 2 instead of b", lambda a, b: 2.0 * a),
        ("has a constant 2 instead of the factor b", lambda a, b: 2.0 * power(a, b - 1.0)),
        ("passes on the power itself", power),
        ("has b^2 instead of the factor b", lambda a, b: b * b * power(a, b - 1.0)),
        ("divides by b", lambda a, b: ieee.div(power(a, b - 1.0), b)),
        ("turns b - 1 into a whole number", lambda a, b: b * power(a, float(int(b - 1.0)))),
        ("turns b into a whole number in b - 1", lambda a, b: b * power(a, float(int(b)) - 1.0)),
        ("turns the factor b into a whole number", lambda a, b: float(int(b)) * power(a, b - 1.0)),
        ("has b·(a-1)", lambda a, b: b * (a - 1.0)),
        ("swaps base and exponent", lambda a, b: a * power(b, a - 1.0)),
        ("uses the rule for exponentials", lambda a, b: power(a, b) * ieee.log(a)),
        ("subtracts 1 from the product, not from the exponent", lambda a, b: b * power(a, b) - 1.0),
        ("subtracts 1 from the power, not from the exponent", lambda a, b: b * (power(a, b) - 1.0)),
        ("multiplies a by b before raising it", lambda a, b: power(b * a, b - 1.0)),
        ("swaps base and exponent", lambda a, b: a * power(b, b - 1.0)),
        ("swaps base and exponent", lambda a, b: b * power(b - 1.0, a)),
        ("swaps base and exponent", lambda a, b: a * power(b - 1.0, a)),
        ("drops the base's sign", lambda a, b: b * power(abs(a), b - 1.0)),
        ("drops the exponent's sign", lambda a, b: abs(b) * power(a, b - 1.0)),
        ("drops the exponent's sign", lambda a, b: b * power(a, abs(b) - 1.0)),
        ("drops the exponent's sign", lambda a, b: abs(b) * power(a, abs(b) - 1.0)),
        ("drops the exponent's sign", lambda a, b: b * power(a, abs(b - 1.0))),
        (
            "integrates instead of differentiating",
            lambda a, b: ieee.div(power(a, b + 1.0), b + 1.0),
        ),
    ):
        yield "exponent", f"{says}: {rule}", partial(_of_two, gives)


def _of_two(function: Callable[[float, float], float], xs: Sequence[float], *_: object) -> float:
    return function(xs[0], xs[1])


def _of_one_op(op: str, derivative: str) -> Iterator[tuple[str, str, Local]]:
    """Yield wrong partials that only one op has."""
    div = ieee.div
    wrong: dict[str, tuple[tuple[str, str, Callable[[float, float, float], float]], ...]] = {
        "tanh": (
            ("slope", "forgets to square y", lambda x, b, y: 1.0 - y),
            ("slope", "squares 1 - y instead of y", lambda x, b, y: (1.0 - y) ** 2),
            ("sign", "adds instead of subtracting", lambda x, b, y: 1.0 + y * y),
            ("slope", "forgets the 1", lambda x, b, y: y * y),
            ("slope", "forgets the 1", lambda x, b, y: -y * y),
            ("slope", "has the local derivative of sigmoid", lambda x, b, y: y * (1.0 - y)),
            ("sign", "has the wrong sign", lambda x, b, y: y * y - 1.0),
        ),
        "sigmoid": (
            ("slope", "forgets the factor 1 - y", lambda x, b, y: y),
            ("slope", "forgets the factor y", lambda x, b, y: 1.0 - y),
            ("sign", "adds instead of subtracting", lambda x, b, y: y * (1.0 + y)),
            ("slope", "has the local derivative of tanh", lambda x, b, y: 1.0 - y * y),
        ),
        "exp": (("slope", "uses the power rule", lambda x, b, y: x * ieee.exp(x - 1.0)),),
        "log": (
            ("slope", "has x instead of 1/x", lambda x, b, y: x),
            ("slope", "squares x", lambda x, b, y: div(1.0, x * x)),
            ("factor", "uses base 10", lambda x, b, y: div(1.0, x * _BASES["10"])),
            ("factor", "uses base 2", lambda x, b, y: div(1.0, x * _BASES["2"])),
        ),
        "sqrt": (
            ("factor", "forgets the factor 0.5", lambda x, b, y: div(1.0, y)),
            ("slope", "has 0.5·y", lambda x, b, y: 0.5 * y),
        ),
        "div": (
            ("slope", "forgets to square the divisor", lambda x, b, y: div(-x, b)),
            ("slope", "forgets the dividend", lambda x, b, y: div(-1.0, b * b)),
            ("sign", "has the wrong sign and no dividend", lambda x, b, y: div(1.0, b * b)),
            ("slope", "has the wrong power of b", lambda x, b, y: div(-x, b * b * b)),
            ("slope", "forgets to divide", lambda x, b, y: -x),
            ("slope", "has b instead of 1/b", lambda x, b, y: b),
            ("slope", "has -a·b", lambda x, b, y: -x * b),
            ("slope", "has -y", lambda x, b, y: -y),
            ("slope", "has -1/b", lambda x, b, y: div(-1.0, b)),
            ("slope", "squares all of a/b", lambda x, b, y: -y * y),
            ("slope", "squares all of a/b", lambda x, b, y: y * y),
        ),
        "tan": (
            ("slope", "forgets the 1", lambda x, b, y: y * y),
            ("slope", "forgets to square y", lambda x, b, y: 1.0 + y),
            ("sign", "subtracts instead of adding", lambda x, b, y: 1.0 - y * y),
            ("slope", "forgets to square cos x", lambda x, b, y: div(1.0, ieee.cos(x))),
        ),
        "atan": (
            ("slope", "forgets to square x", lambda x, b, y: div(1.0, 1.0 + x)),
            ("sign", "subtracts instead of adding", lambda x, b, y: div(1.0, 1.0 - x * x)),
            ("slope", "forgets the reciprocal", lambda x, b, y: 1.0 + x * x),
            ("slope", "takes a square root", lambda x, b, y: div(1.0, ieee.sqrt(1.0 + x * x))),
        ),
        "erf": (
            ("factor", "forgets the factor 2/√π", lambda x, b, y: ieee.exp(-x * x)),
            ("sign", "has x·x without its minus sign", lambda x, b, y: _ERF * ieee.exp(x * x)),
            ("slope", "forgets to square x", lambda x, b, y: _ERF * ieee.exp(-x)),
        ),
        "log1p": (
            ("slope", "has the local derivative of log", lambda x, b, y: div(1.0, x)),
            ("slope", "has 1 + x instead of 1/(1 + x)", lambda x, b, y: 1.0 + x),
        ),
        "expm1": (("slope", "has y, which lacks the 1", lambda x, b, y: y),),
        "asin": (
            ("slope", "forgets the square root", lambda x, b, y: div(1.0, 1.0 - x * x)),
            ("sign", "adds x·x", lambda x, b, y: div(1.0, ieee.sqrt(1.0 + x * x))),
            ("slope", "forgets the reciprocal", lambda x, b, y: ieee.sqrt(1.0 - x * x)),
        ),
        "acos": (
            ("slope", "forgets the square root", lambda x, b, y: div(-1.0, 1.0 - x * x)),
            ("sign", "adds x·x", lambda x, b, y: div(-1.0, ieee.sqrt(1.0 + x * x))),
        ),
        "gate": (("slope", "passes the gradient on while it is shut", lambda x, b, y: 1.0),),
        "relu": (
            ("slope", "passes the gradient on everywhere", lambda x, b, y: 1.0),
            ("slope", "leaks below zero", lambda x, b, y: 1.0 if x > 0.0 else 0.01),
            ("slope", "has x instead of 1", lambda x, b, y: max(0.0, x)),
            (
                "slope", "passes the gradient on below zero only",
                lambda x, b, y: 0.0 if x > 0.0 else 1.0,
            ),
        ),
        "softplus": (
            ("slope", "has the local derivative of sigmoid", _logistic_partial),
            ("slope", "has 1 - sigmoid(x)", lambda x, b, y: 1.0 - _logistic(x)),
        ),
        "mul": (("slope", "passes on the product", lambda x, b, y: y),),
        "abs": (("sign", "has -1 on both sides", lambda x, b, y: -1.0),),
        "max": (
            ("slope", "passes half of the gradient on to each operand", lambda x, b, y: 0.5),
            (
                "slope", "passes the gradient on to an operand that isn't the largest",
                lambda x, b, y: 1.0,
            ),
        ),
        "min": (
            ("slope", "passes half of the gradient on to each operand", lambda x, b, y: 0.5),
            (
                "slope", "passes the gradient on to an operand that isn't the smallest",
                lambda x, b, y: 1.0,
            ),
        ),
    }  # fmt: skip
    for cause, says, gives in wrong.get(op, ()):
        yield (
            cause,
            f"{says}; the right local derivative is {derivative}",
            partial(_of_three, gives),
        )


def _of_three(
    function: Callable[[float, float, float], float], xs: Sequence[float], y: float, _: object
) -> float:
    return function(xs[0], xs[-1], y)


def _logistic(x: float) -> float:
    return OPS["sigmoid"].value([x])


def _logistic_partial(x: float, *_: float) -> float:
    return OPS["sigmoid"].partials([x], _logistic(x))[0]


def _others(k: int, derivative: str) -> Iterator[tuple[str, str, Local]]:
    """Yield further wrong partials; the sentence only says what would be right."""
    says = f"has a wrong local derivative; the right one is {derivative}"
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
