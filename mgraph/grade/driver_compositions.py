"""Watches which of its own ops an engine composes an op of, for `driver.py`.

Like the driver, this file needs nothing of mgraph, and runs on any Python from 3.8.
"""

from __future__ import annotations

import inspect
import math
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes time to import
    from collections.abc import Callable, Iterable
    from typing import Any

BINARY = ("add", "sub", "mul", "div", "pow", "max", "min")
"""Ops of two operands."""

UNKNOWN = "unknown"
"""Stands for a composition that can't be told: a Value in it was made by no op."""


class Watcher:
    """Calls an engine's ops, and notes which others they call.

    A composition has a list of steps that follow those of the operands; the last one is the result.
    They are ops that make a Value themselves; `calls` has all that were called on the way, `hidden`
    the numbers of Values that none of them made: they may be constants, or not. A step is an op and
    the steps of its operands, or a number: `["number", x]`, or one made of the number `k`:
    `["negated", k]`, `["inverted", k]`, `["logarithm", k]`; or a Value made of a number:
    `["value", k]`.
    """

    def __init__(
        self, kind: type, number: Callable[[Any], float | None],
        functions: Iterable[tuple[str, Any, bool]],
    ) -> None:  # fmt: skip
        """List the code of the functions that do an op; not that which several ops share.

        Args:
            kind: The class of Values.
            number: Returns the number in a Value.
            functions: Ops, the functions that do them, and whether those are reflected.
        """
        self.kind = kind
        self.number = number
        self.codes: dict[Any, tuple[str, bool]] = {}
        shared = []
        for op, known, is_reflected in functions:
            for function in (known, getattr(known, "__wrapped__", None)):
                code = getattr(function, "__code__", None)
                if code is not None and self.codes.setdefault(code, (op, is_reflected))[0] != op:
                    shared.append(code)
        for code in shared:
            self.codes.pop(code, None)

    def call(self, function: Any, operands: list[Any], op: str) -> tuple[Any, Any]:
        """Call a function that does an op; return its result, and its composition.

        That is None if it isn't composed of other ops, and `UNKNOWN` if it can't be told.
        """
        calls: list[Any] = []
        stack: list[Any] = []

        def watch(frame: Any, event: str, result: Any) -> None:
            name, is_reflected = self.codes.get(frame.f_code, ("", False))
            if name and event == "call":
                stack.append((frame, name, operands_of(frame, name, is_reflected=is_reflected)))
            elif name and event == "return" and stack and stack[-1][0] is frame:
                calls.append((*stack.pop()[1:], result))

        before = sys.getprofile()
        sys.setprofile(watch)
        try:
            result = function(*operands)
        finally:
            sys.setprofile(before)
        try:
            composition = StepsOfOp(self, operands)
            steps = composition.steps_of(calls, result, op)
            names = sorted({name for name, _, _ in calls} - {op})
            hidden = sorted(composition.hidden)
        except Exception:  # noqa: BLE001 - objects of the engine's may fail in any way
            return result, UNKNOWN
        if not isinstance(steps, list):
            return result, steps
        return result, {"steps": steps, "calls": names, "hidden": hidden}


def operands_of(frame: Any, op: str, *, is_reflected: bool) -> list[Any]:
    """Return the operands with which a function that does an op was called."""
    code = frame.f_code
    count = code.co_argcount
    operands = [frame.f_locals[name] for name in code.co_varnames[:count]]
    if code.co_flags & inspect.CO_VARARGS:
        operands += frame.f_locals[code.co_varnames[count + code.co_kwonlyargcount]]
    if op != "sum":
        operands = operands[: 2 if op in BINARY else 1]
    return operands[::-1] if is_reflected else operands


class StepsOfOp:
    """The steps of which an op is composed, as far as they are known."""

    def __init__(self, watcher: Watcher, operands: list[Any]) -> None:
        """Start with the operands."""
        self.watcher = watcher
        self.operands = operands
        self.steps: list[Any] = []
        self.hidden: list[float] = []
        self.known = {id(x): i for i, x in enumerate(operands) if isinstance(x, watcher.kind)}

    def add(self, *step: Any) -> int:
        """Add a step; return its index."""
        self.steps.append(list(step))
        return len(self.operands) + len(self.steps) - 1

    def steps_of(self, calls: list[Any], result: Any, op: str) -> Any:
        """Return the steps that give a result; None if the op makes it itself, or `UNKNOWN`."""
        for name, args, made in calls:
            if not isinstance(made, self.watcher.kind) or id(made) in self.known:
                continue
            if name == op and [*map(id, args)] == [*map(id, self.operands)]:
                return None  # it made its result itself
            self.known[id(made)] = self.add(name, *[self.step_of(arg) for arg in args])
        step = self.known.get(id(result), -1)
        if step >= len(self.operands) and step == len(self.operands) + len(self.steps) - 1:
            return self.steps
        return UNKNOWN if calls and step < 0 else None

    def step_of(self, thing: Any) -> int:
        """Return the step of an operand: a Value or a number."""
        if id(thing) in self.known:
            return self.known[id(thing)]
        if isinstance(thing, self.watcher.kind):  # made of a number, as far as one can see
            x = self.watcher.number(thing)
            step = self.of_number(x)
            if step >= len(self.operands) and self.steps[-1][0] == "number":
                self.hidden.append(x)  # type: ignore[arg-type] # of_number refuses None
            self.known[id(thing)] = self.add("value", step)
            return self.known[id(thing)]
        return self.of_number(float(thing))

    def of_number(self, x: float | None) -> int:
        """Return the step of a number."""
        if x is None:
            raise TypeError
        for k, operand in enumerate(self.operands):
            if not isinstance(operand, self.watcher.kind):
                for how, y in made_of(operand):
                    if x == y:
                        return self.add(how, k) if how else k
        return self.add("number", x)


def made_of(x: float) -> list[tuple[str, float]]:
    """Return the numbers that an op may make of an operand, and how."""
    made = [("", x), ("negated", -x)]
    if x:
        made.append(("inverted", 1.0 / x))
    if x > 0:
        made.append(("logarithm", math.log(x)))
    return made
