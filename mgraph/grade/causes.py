"""The causes that can be named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mgraph.grade.outcomes import choices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgraph.grade.cases import Case
    from mgraph.grade.outcomes import Outcome

CAUSES: Final[Mapping[str, str]] = {
    "overwritten": "a gradient is overwritten instead of added to",
    "repeated": "an operand that one op uses twice is counted only once",
    "order": "a node passes its gradient on before all nodes that use it have added to it",
    "twice": "a node passes its gradient on more than once",
    "aliased": "several nodes share one gradient, or one array in memory",
    "seed": "the gradient of the output doesn't start at 1",
    "stale": "something is left over from an earlier graph",
    "upstream": "the local derivative isn't multiplied by the upstream gradient",
    "inner": "the upstream gradient isn't multiplied by the local derivative",
    "place": "a local derivative is computed from the output instead of the input, or vice versa",
    "swapped": "operands are swapped",
    "sign": "a sign is wrong",
    "exponent": "the local derivative of a power is wrong",
    "factor": "a constant factor is wrong",
    "no-gradient": "an op passes nothing on to an operand",
    "slope": "the local derivative of an op is wrong",
    "value": "an op computes a wrong value",
    "precision": "numbers are rounded to fewer digits than a double has",
    "overflow": "an intermediate result of an op overflows, although its value is finite",
    "clipped": "values or gradients are clipped at a bound",
    "depth": "long chains exceed a recursion limit",
    "error": "an op, or backward, raises an exception",
    "reflected": "an operator with a plain number on the left is wrong or missing",
    "int-division": "whole-number division",
    "conversion": "a plain number is refused as an operand, or changed",
    "mutated": "an op changes its operand",
}
"""The causes that can be named, and what they mean."""

SYMBOLS: Final = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}
"""The operators of ops that people write between a Value and a plain number."""


LESSONS: Final[Mapping[str, tuple[str, ...]]] = {
    "overwritten": ("x-plus-x", "diamond", "used-early-and-late", "shared-weight"),
    "repeated": ("x-times-x", "x-plus-x", "x-minus-x", "x-over-x", "x-to-the-x"),
    "order": ("diamond", "diamond-turned", "short-way-first", "short-way-last", "ladder"),
    "twice": ("diamond", "diamond-turned", "ladder", "row-of-diamonds"),
    "aliased": ("x-plus-x", "inner-node-plus-itself", "x-minus-x"),
    "seed": ("output-gradient", "output-inside"),
    "stale": ("another-loss-of-the-same-leaves", "next-step-of-training"),
    "upstream": ("inside-plus-minus-times",),
    "precision": ("more-than-seven-digits", "many-digits"),
    "overflow": (
        *("tanh-far-out", "sigmoid-far-out"),
        *("overflow-tanh", "overflow-sigmoid", "overflow-softplus"),
        *("overflow-tanh-single", "overflow-sigmoid-single", "overflow-softplus-single"),
    ),
    "clipped": ("large-gradients", "large-values", "small-values"),
    "depth": ("chain-500", "chain-1000", "chain-2000"),
    "conversion": (
        "x-plus-2",
        "x-minus-2",
        "x-times-2",
        "x-over-2",
        "numbers-that-are-not-whole",
        "tenths",
    ),
    "int-division": ("seven-over-two", "whole-numbers"),
}
"""Graphs of the golden set that were made to show a cause, the best ones first."""

_REFLECTED: Final[Mapping[str, tuple[str, ...]]] = {
    "add": ("2-plus-x",),
    "sub": ("2-minus-x",),
    "mul": ("2-times-x",),
    "div": ("2-over-x",),
    "pow": ("2-to-the-x",),
    "": tuple(f"2-{how}-x" for how in ("plus", "minus", "times", "over")),
}


@dataclass
class Cause:
    """A likely cause.

    Attributes:
        id: A key of `CAUSES`.
        op: The op that is wrong; empty if it is not a single op.
        says: A sentence for the author of the engine.
        cases: The failures that it explains.
        victims: The ops that fail only because they use the one that is wrong.
    """

    id: str
    op: str
    says: str
    cases: list[Outcome] = field(default_factory=list)
    victims: Sequence[str] = ()

    @property
    def sentence(self) -> str:
        """What is wrong, and which other ops fail because of it."""
        use = "uses it, and fails" if len(self.victims) == 1 else "use it, and fail"
        return f"{self.says}; {', '.join(self.victims)} {use}, too" if self.victims else self.says

    @property
    def lesson(self) -> Case:
        """The golden graph that shows the cause best: one made for it, or else the simplest."""
        return min((outcome.case for outcome in self.cases), key=self._rank)

    @property
    def explanation(self) -> str:
        """What the lesson's file says; nothing if it is a golden graph made for something else."""
        lesson = self.lesson
        is_own = lesson.title == lesson.file
        return lesson.graph.doc if is_own or lesson.title in self._titles() else ""

    def _titles(self) -> Sequence[str]:
        """Return the golden graphs that were made for the cause, or for its op; the best first."""
        is_reflected = self.id == "reflected"
        usual = _REFLECTED.get(self.op, ()) if is_reflected else LESSONS.get(self.id, ())
        ways = ("op-{}", "inside-{}", "convention-{}-of-equals")
        of_op = tuple(way.format(self.op) for way in ways) if self.op else ()
        return (*usual, *(of_op if self.id != "upstream" else reversed(of_op)))

    def _rank(self, case: Case) -> tuple[int, int, int, int]:
        """Order cases by how well they show the cause."""
        titles = self._titles()
        rank = titles.index(case.title) if case.title in titles else len(titles)
        others = {step.op for step in case.program.steps if step.args} - {self.op}
        has_kink = next(choices(case.program), None) is not None
        return rank, has_kink, len(others) if self.op else 0, len(case.graph)


def reflected_method(op: str) -> str:
    """Return the name of the method for an operator with a plain number on the left."""
    return f"__r{'truediv' if op == 'div' else op}__"


def with_number(op: str, kinds: str) -> str:
    """Return how an op with a plain number is written, with its method if that is on the left."""
    if op not in SYMBOLS:
        return f"{op} with a plain number"
    symbol = SYMBOLS[op]
    return f"2 {symbol} x ({reflected_method(op)})" if kinds == "NV" else f"x {symbol} 2"
