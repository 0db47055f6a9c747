"""The causes that can be named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mgraph.grade.outcomes import choices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgraph.grade.cases import Case
    from mgraph.grade.outcomes import Outcome

CAUSES: Final[Mapping[str, str]] = {
    "overwritten": "a gradient is overwritten instead of added to",
    "repeated": "an operand that one op uses twice is counted only once",
    "order": "a node passes its gradient on before all nodes that use it have added to it",
    "twice": "a node passes its gradient on more than once",
    "aliased": "gradients of several nodes share one array in memory",
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
    "interface": "the engine can't be used: it lacks a backward, or its constructor wants more",
    "reflected": "an operator with a plain number on the left is wrong or missing",
    "int-division": "whole-number division",
    "conversion": "a plain number is refused as an operand, or changed",
    "mutated": "an op changes its operand",
}
"""The causes that can be named, and what they mean."""

SYMBOLS: Final = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}
"""The operators of ops that people write between a Value and a plain number."""


@dataclass
class Cause:
    """A likely cause.

    Attributes:
        id: A key of `CAUSES`.
        op: The op that is wrong; empty if it is not a single op.
        says: A sentence for the author of the engine.
        cases: The failures that it explains.
    """

    id: str
    op: str
    says: str
    cases: list[Outcome] = field(default_factory=list)

    @property
    def lesson(self) -> Case:
        """The smallest golden graph that shows the cause, if possible one without a kink."""
        cases = [outcome.case for outcome in self.cases]
        plain = [case for case in cases if next(choices(case.program), None) is None]
        return min(plain or cases, key=lambda case: len(case.graph))


def reflected_method(op: str) -> str:
    """Return the name of the method for an operator with a plain number on the left."""
    return f"__r{'truediv' if op == 'div' else op}__"
