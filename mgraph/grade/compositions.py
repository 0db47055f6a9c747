"""Ops that an engine composes of others: if one of the others is wrong, so is the composed op."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mgraph.grade.program import LEAF, NUMBER, Instruction, Program, composition, operand_names
from mgraph.grade.simulation import simulate
from mgraph.ops import OPS, ieee

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.grade.simulation import Rules

FORMULAS: Final = {
    "neg": ("x * -1", "-1 * x", "0 - x"),
    "sub": ("a + -b", "-b + a", "a + b * -1", "b * -1 + a", "-(b - a)"),
    "div": ("a * b**-1", "b**-1 * a"),
    "sqrt": ("x**0.5",),
    "sigmoid": ("1 / (1 + exp(-x))", "(1 + exp(-x))**-1", "exp(x) / (1 + exp(x))"),
    "tanh": (
        "(exp(2 * x) - 1) / (exp(2 * x) + 1)",
        "(exp(x) - exp(-x)) / (exp(x) + exp(-x))",
        "2 * sigmoid(2 * x) - 1",
    ),
    "softplus": ("log(1 + exp(x))",),
    "relu": ("max(x, 0)",),
    "tan": ("sin(x) / cos(x)",),
    "abs": ("max(x, -x)",),
}
"""Formulas by which an engine may compose an op, in x, or in a and b."""


class Composition(NamedTuple):
    """The steps of which an engine composes an op, as the driver has watched them.

    Attributes:
        operands: The number of operands, which are the first steps.
        steps: The further steps, each an op or a way to make a number, and the steps it takes.
        numbers: The number of each step that is one, else 0.
        calls: The ops that were called on the way, also those that are composed themselves.
    """

    operands: int
    steps: tuple[tuple[str, tuple[int, ...]], ...]
    numbers: tuple[float, ...]
    calls: tuple[str, ...] = ()

    @property
    def is_sum(self) -> bool:
        """Whether it only adds up its operands."""
        return all(op in ("add", NUMBER, _VALUE) for op, _ in self.steps)

    @property
    def ops(self) -> dict[str, None]:
        """The ops it is composed of."""
        return dict.fromkeys((*(op for op, _ in self.steps if op in OPS), *self.calls))

    def uses_numbers_first(self, op: str, kinds: str) -> bool:
        """Whether it may use an op with a plain number on the left, as far as its steps tell.

        Args:
            op: The op.
            kinds: Which of its own operands are Values (V), and which are plain numbers (N).
        """
        firsts = [args[0] for own, args in self.steps if own == op and args]
        made = [own in (NUMBER, *_MADE) for own, _ in self.steps]
        is_number = [*(kind == "N" for kind in kinds[: self.operands]), *made]
        return not firsts or any(is_number[i] for i in firsts)


Known = Mapping[tuple[str, str], Composition | None]
"""What ops are composed of, by op and kinds of operands; None if it can't be told."""

_VALUE: Final = "value"
_MADE: Final = {
    "negated": lambda x: -x,
    "inverted": lambda x: ieee.div(1.0, x),
    "logarithm": ieee.log,
}
_LONGEST: Final = 200  # steps of a composition


def read_compositions(answer: Any) -> Known:  # noqa: ANN401 - untrusted
    """Return the compositions in a driver's answer, by op and kinds; None for invalid ones."""
    read: dict[tuple[str, str], Composition | None] = {}
    for key, steps in answer.items() if isinstance(answer, dict) else ():
        op, _, kinds = key.partition(":")
        if op in OPS:
            read[op, kinds] = _read(len(kinds), steps)
    return read


def read_parts(program: Program, answer: Any) -> dict[int, Composition | None]:  # noqa: ANN401
    """Return the compositions of single steps in a driver's answer; None for a step without."""
    read: dict[int, Composition | None] = {}
    for key, steps in answer.items() if isinstance(answer, dict) else ():
        step = int(key) if key.isascii() and key.isdecimal() else len(program.steps)
        if step < len(program.steps):
            read[step] = _read(len(program.steps[step].args), steps)
    return read


def _read(operands: int, answer: Any) -> Composition | None:  # noqa: ANN401 - untrusted
    if not isinstance(answer, dict):
        return None
    stated, calls = answer.get("steps"), answer.get("calls")
    if not isinstance(calls, list) or not all(isinstance(op, str) and op in OPS for op in calls):
        return None
    if not isinstance(stated, list) or not 0 < len(stated) <= _LONGEST:
        return None
    steps: list[tuple[str, tuple[int, ...]]] = []
    numbers: list[float] = []
    for i, step in enumerate(stated, operands):
        if not isinstance(step, list) or len(step) < 2 or not isinstance(step[0], str):  # noqa: PLR2004
            return None
        op, *args = step
        if op == NUMBER:
            is_valid = len(args) == 1 and isinstance(args[0], float) and math.isfinite(args[0])
        else:
            is_known = op in _MADE or op == _VALUE
            count = 1 if is_known else OPS[op].inputs if op in OPS else 0
            is_valid = (len(args) == count or op == "sum") and all(
                isinstance(arg, int) and 0 <= arg < i for arg in args
            )
        if not is_valid:
            return None
        steps.append((op, () if op == NUMBER else tuple(args)))
        numbers.append(args[0] if op == NUMBER else 0.0)
    return Composition(operands, tuple(steps), tuple(numbers), tuple(calls))


@cache
def guessed() -> Known:
    """Return how engines that can't be watched often compose some ops."""
    formulas = {"neg": "x * -1", "sub": "a + b * -1", "div": "a * b**-1"}
    known = {}
    for op, formula in formulas.items():
        for kinds in ("V",) if op == "neg" else ("VV", "VN", "NV"):
            steps, _ = composition(formula, len(kinds))
            known[op, kinds] = Composition(
                len(kinds),
                tuple((step.op, step.args) for step in steps),
                tuple(step.x for step in steps),
            )
    return known


def expanded(
    program: Program,
    known: Known,
    parts: Mapping[int, Composition | None] | None = None,
) -> Program:
    """Return a program in which ops that the engine composes are replaced by their parts.

    Args:
        program: The program.
        known: The compositions, by op and kinds of operands.
        parts: Those of single steps that differ.
    """
    if not known:
        return program
    steps: list[Instruction] = []
    new: list[int] = []
    for i, step in enumerate(program.steps):
        args = tuple(new[arg] for arg in step.args)
        kinds = program.kinds(i)
        composition = known.get((step.op, kinds[:2] if step.op == "sum" else kinds))
        if composition is not None and parts and i in parts:
            composition = parts[i]
        if composition is None or not args:
            steps.append(step._replace(args=args))
            new.append(len(steps) - 1)
        elif step.op == "sum":
            new.append(_added_up(steps, args) if composition.is_sum else _kept(steps, step, args))
        else:
            new.append(_inlined(steps, composition, args))
    step_of_node = tuple(-1 if step < 0 else new[step] for step in program.step_of_node)
    return Program(tuple(steps), step_of_node, new[program.root], program.backward)


def _kept(steps: list[Instruction], step: Instruction, args: tuple[int, ...]) -> int:
    steps.append(step._replace(args=args))
    return len(steps) - 1


def _added_up(steps: list[Instruction], args: Sequence[int]) -> int:
    total = args[0]
    for arg in args[1:]:
        steps.append(Instruction("add", (total, arg)))
        total = len(steps) - 1
    return total


def _inlined(steps: list[Instruction], composition: Composition, args: Sequence[int]) -> int:
    """Append the parts of a composed op; return the step that has its result."""
    where = [*args]
    for (op, parts), x in zip(composition.steps, composition.numbers, strict=True):
        mine = tuple(where[part] for part in parts)
        if op == NUMBER:
            steps.append(Instruction(NUMBER, (), x))
        elif op == _VALUE:
            steps.append(Instruction(LEAF, (), steps[mine[0]].x))
        elif op in _MADE:
            steps.append(Instruction(NUMBER, (), _MADE[op](steps[mine[0]].x)))
        else:
            steps.append(Instruction(op, mine))
        where.append(len(steps) - 1)
    return where[-1]


def compositions(
    op: str, kinds: str, xs: Sequence[float], *, is_watched: bool
) -> Iterator[Program]:
    """Yield the programs that may compose an op; their first steps are its operands.

    Args:
        op: The op.
        kinds: Which operands are Values (V), and which are plain numbers (N).
        xs: The operands' numbers.
        is_watched: Whether the engine was seen not to call other ops, so that only what it does
            with a plain number is not known.
    """
    operands = tuple(
        Instruction(NUMBER if kind == "N" else LEAF, (), x)
        for kind, x in zip(kinds, xs, strict=True)
    )
    for steps, root in () if is_watched else _composed(op, len(kinds)):
        yield Program((*operands, *steps), tuple(range(len(xs))), root)
    if "N" in kinds:
        yield from _with_numbers(op, kinds, operands)


@cache
def _composed(op: str, operands: int) -> tuple[tuple[tuple[Instruction, ...], int], ...]:
    formulas = [*FORMULAS.get(op, ())]
    if op == "sum":
        formulas.append(" + ".join(operand_names(operands)))
    return tuple(composition(formula, operands) for formula in formulas)


@cache
def usual_parts(op: str) -> tuple[str, ...]:
    """Return the ops of which engines often compose an op."""
    if op == "pow":
        return ("exp", "mul", "log")
    formulas = _composed(op, OPS[op].inputs)
    return tuple(step.op for steps, _ in formulas for step in steps if step.args)


def _with_numbers(op: str, kinds: str, operands: Sequence[Instruction]) -> Iterator[Program]:
    """Yield what an engine may do with a plain number beside a Value."""
    number = kinds.index("N")
    x = operands[number].x
    both = (0, 1)
    as_values = tuple(2 if operand == number else operand for operand in both)
    yield Program((*operands, Instruction(LEAF, (), x), Instruction(op, as_values)), both, 3)
    if op in ("add", "mul"):
        yield Program((*operands, Instruction(op, (1, 0))), both, 2)
    if op == "sub" and number == 1:
        yield Program((*operands, Instruction(NUMBER, (), -x), Instruction("add", (0, 2))), both, 3)
    if op == "div" and number == 1 and x:
        inverse = Instruction(NUMBER, (), 1.0 / x)
        yield Program((*operands, inverse, Instruction("mul", (0, 2))), both, 3)


def run_composition(
    program: Program, rules: Rules, upstream: float = 1.0
) -> tuple[float, Sequence[float], bool]:
    """Run a composed op by an engine's rules.

    Returns:
        Its value, the adjoint that each operand receives, and whether both can be known.
    """
    numbers = simulate(program, rules._replace(seed=lambda _: upstream))
    received = [numbers.grad[step] for step in program.step_of_node]
    return numbers.data[program.root], received, not numbers.is_unknown
