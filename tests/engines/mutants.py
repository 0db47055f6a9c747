"""Mutants: copies of the engine with one mistake each, and the causes that are right for them.

A mutant is a textual edit of `engine.py`. Names are permanent, because they decide which mutants
are held out.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engines.edits import (
    EVERYWHERE,
    NUMBERS,
    PASS,
    REFLECTED,
    REPEATS,
    SLOPES,
    VALUES,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).with_name("engine.py").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake.

    Attributes:
        name: Its permanent name.
        causes: The causes that a grader may name. There are several if the numbers don't decide: a
            missing minus is a wrong sign, but also a missing local derivative.
        op: The wrong op; None if it isn't a single one.
        where: The function to edit; empty for the whole file.
        old: The text to replace.
        new: The text that replaces it.
        count: How often `old` occurs there; all occurrences are replaced.
    """

    name: str
    causes: tuple[str, ...]
    op: str | None
    where: str
    old: str
    new: str
    count: int = 1


def mutated(mutant: Mutant) -> str:
    """Return the source of the engine with the mistake in it.

    Raises:
        ValueError: If the text to replace doesn't occur as often as the mutant says.
    """
    start, end = _span(mutant.where)
    part = SOURCE[start:end]
    if part.count(mutant.old) != mutant.count or mutant.old == mutant.new:
        message = f"{mutant.name}: {mutant.old!r} occurs {part.count(mutant.old)} times"
        raise ValueError(message)
    return SOURCE[:start] + part.replace(mutant.old, mutant.new) + SOURCE[end:]


def is_held_out(name: str) -> bool:
    """Whether a mutant is kept for the final measurement, as every third by name is."""
    return _index_by_name()[name] % 3 == 2


@cache
def _index_by_name() -> dict[str, int]:
    return {name: index for index, name in enumerate(sorted(mutant.name for mutant in MUTANTS))}


@cache
def _span(function: str) -> tuple[int, int]:
    """Return the start and end of a method in the source."""
    if not function:
        return 0, len(SOURCE)
    lines = SOURCE.splitlines(keepends=True)
    (value,) = (node for node in ast.parse(SOURCE).body if isinstance(node, ast.ClassDef))
    (method,) = (
        node for node in value.body if isinstance(node, ast.FunctionDef) and node.name == function
    )
    return sum(map(len, lines[: method.lineno - 1])), sum(map(len, lines[: method.end_lineno]))


# What each op passes on to each operand: method, operand, local derivative.
PASSED: dict[str, tuple[tuple[str, str, str], ...]] = {
    "add": (("__add__", "self", ""), ("__add__", "other", "")),
    "sub": (("__sub__", "self", ""), ("__sub__", "other", "-")),
    "mul": (("__mul__", "self", "other.data"), ("__mul__", "other", "self.data")),
    "div": (
        ("__truediv__", "self", "1 / other.data"),
        ("__truediv__", "other", "-self.data / other.data**2"),
    ),
    "pow": (
        ("__pow__", "self", "other.data * self.data ** (other.data - 1)"),
        ("__pow__", "other", "out.data * math.log(self.data)"),
    ),
    "max": (("max", "self", ""), ("max", "other", "")),
    "min": (("min", "self", ""), ("min", "other", "")),
    "sum": (("sum", "term", ""),),
    "neg": (("__neg__", "self", "-"),),
    "abs": (("__abs__", "self", "(1 if self.data > 0 else -1)"),),
    "relu": (("relu", "self", "(self.data > 0)"),),
    "sqrt": (("sqrt", "self", "0.5 / out.data"),),
    "exp": (("exp", "self", "out.data"),),
    "log": (("log", "self", "1 / self.data"),),
    "sin": (("sin", "self", "math.cos(self.data)"),),
    "cos": (("cos", "self", "-math.sin(self.data)"),),
    "tan": (("tan", "self", "(1 + t**2)"),),
    "atan": (("atan", "self", "1 / (1 + self.data**2)"),),
    "sinh": (("sinh", "self", "math.cosh(self.data)"),),
    "cosh": (("cosh", "self", "math.sinh(self.data)"),),
    "tanh": (("tanh", "self", "(1 - t**2)"),),
    "sigmoid": (("sigmoid", "self", "s * (1 - s)"),),
    "softplus": (("softplus", "self", "1 / (1 + math.exp(min(-self.data, 700)))"),),
}
SIGNS = ("", "-")  # local derivatives of 1 and -1
SIDE = {"self": "left", "other": "right", "term": "terms"}


def _passed() -> Iterator[tuple[str, str, str, str, str]]:
    """Yield op, method, operand, local derivative and the whole line."""
    for op, operands in PASSED.items():
        for where, operand, slope in operands:
            product = f"{slope}out.grad" if slope in SIGNS else f"{slope} * out.grad"
            yield op, where, operand, slope, f"{operand}.grad += {product}"


def _named(op: str, operand: str, what: str) -> str:
    return f"{op}-{what}" if len(PASSED[op]) == 1 else f"{op}-{SIDE[operand]}-{what}"


def _of_every_rule() -> Iterator[Mutant]:
    """Yield mistakes that are possible in any rule."""
    for op, where, operand, slope, line in _passed():
        target = f"{operand}.grad"
        edits = {
            ("nothing", "no-gradient"): "pass",
            ("set", "overwritten"): line.replace("+=", "="),
        }
        if slope not in SIGNS:
            same = ("inner",) if op != "abs" else ("inner", "sign")
            edits["upstream-missing", "upstream"] = f"{target} += {slope}"
            edits["slope-missing", " ".join(same)] = f"{target} += out.grad"
        elif op in ("neg", "sub") and slope == "-":
            edits["sign-missing", "sign inner"] = f"{target} += out.grad"
            edits["upstream-missing", "upstream"] = f"{target} += -1"
        elif op in ("add", "sub", "sum"):
            edits["upstream-missing", "upstream"] = f"{target} += 1"
        for (what, causes), new in edits.items():
            name = _named(op, operand, what)
            yield Mutant(name, tuple(causes.split()), op, where, line, new)


FACTORS = (
    *(("tanh", 2), ("exp", 2), ("tan", 2), ("softplus", 0.5), ("sin", 2)),
    *(("cosh", 0.5), ("log", 0.5), ("sigmoid", 4), ("neg", 2), ("relu", 2), ("abs", 2)),
)
MINUSES = (
    "sin",
    "sinh",
    "cosh",
    "log",
    "exp",
    "tanh",
    "sigmoid",
    "atan",
    "tan",
    "sqrt",
    "softplus",
)


def _of_some_rules() -> Iterator[Mutant]:
    """Yield wrong signs and factors."""
    by_op = {op: (where, line) for op, where, _, _, line in _passed()}
    for op, factor in FACTORS:
        where, line = by_op[op]
        new = line.replace("+= ", f"+= {factor} * ")
        yield Mutant(f"{op}-times-{factor}", ("factor",), op, where, line, new)
    for op in MINUSES:
        where, line = by_op[op]
        new = line.replace("+=", "-=")
        yield Mutant(f"{op}-turned", ("sign",), op, where, line, new)


COERCED = "other = other if isinstance(other, Value) else Value(other)"
BY_OPERATOR = {
    "add": "__add__", "sub": "__sub__", "mul": "__mul__", "div": "__truediv__", "pow": "__pow__",
}  # fmt: skip
ATTACHED = "        out._backward = _backward\n"


def _of_operands() -> Iterator[Mutant]:
    """Yield mistakes in how operands are converted, kept and reached."""
    for op, where in BY_OPERATOR.items():
        for what, new in (
            ("number-not-taken", "pass"),
            ("number-made-int", "other = other if isinstance(other, Value) else Value(int(other))"),
        ):
            yield Mutant(f"{op}-{what}", ("conversion",), op, where, COERCED, new)
        yield Mutant(f"{op}-not-attached", ("no-gradient",), op, where, ATTACHED, "")
        for what, new in (("left", "(other,)"), ("right", "(self,)")):
            causes = ("no-gradient", "order")
            yield Mutant(f"{op}-{what}-not-kept", causes, op, where, "(self, other),", f"{new},")
    for op in ("tanh", "relu", "exp", "sigmoid", "log"):
        causes = ("no-gradient", "order")
        yield Mutant(f"{op}-operand-not-kept", causes, op, op, "(self,),", "(),")
    for what, new in (
        ("numbers-not-taken", "pass"),
        ("numbers-made-int", "other = other if isinstance(other, Value) else Value(int(other))"),
        ("numbers-rounded", "other = other if isinstance(other, Value) else Value(round(other))"),
        (
            "numbers-without-sign",
            "other = other if isinstance(other, Value) else Value(abs(other))",
        ),
        ("floats-only", "other = Value(other) if isinstance(other, float) else other"),
        ("ints-only", "other = Value(other) if isinstance(other, int) else other"),
    ):
        yield Mutant(what, ("conversion",), None, "", COERCED, new, 7)


def _from_edits() -> Iterator[Mutant]:
    for name, causes, op, where, old, new in (
        *(*SLOPES, *VALUES, *REPEATS, *REFLECTED, *NUMBERS, *PASS),
    ):
        yield Mutant(name, tuple(causes.split()), op, where, old, new, EVERYWHERE.get(name, 1))


MUTANTS: tuple[Mutant, ...] = (
    *(*_of_every_rule(), *_of_some_rules(), *_of_operands()),
    *_from_edits(),
)
"""All mutants; no two have the same name."""
