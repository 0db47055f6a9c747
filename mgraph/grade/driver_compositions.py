"""Watches which of its own ops an engine composes an op of, for `driver.py`.

Like the driver, this file needs nothing of mgraph, and runs on any Python from 3.8.
"""

from __future__ import annotations

import math
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes time to import
    from collections.abc import Callable, Iterable
    from typing import Any

BINARY = ("add", "sub", "mul", "div", "pow", "max", "min")
"""Ops of two operands."""

FEW = 3
"""Code that more ops run, and more than one in so many, is no op's own."""

VARARGS = 4
"""The flag of functions that take any number of operands."""

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
        self.others: list[tuple[Any, str, str, Any]] = []
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
        others = self.others = []

        def watch(frame: Any, event: str, result: Any) -> None:
            name, is_reflected = self.codes.get(frame.f_code, ("", False))
            if name and event == "call":
                stack.append((frame, name, operands_of(frame, name, is_reflected=is_reflected)))
            elif name and event == "return" and stack and stack[-1][0] is frame:
                calls.append((*stack.pop()[1:], result))
                if not isinstance(result, self.kind):
                    kinds = "".join(self.kind_of(arg) for arg in calls[-1][1])
                    others.append((frame.f_code, name, kinds, result))

        result = watched(function, operands, watch)
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

    def kind_of(self, operand: Any) -> str:
        """Return V for a Value, and N for anything else."""
        return "V" if isinstance(operand, self.kind) else "N"

    def without_value(
        self, error: BaseException, is_like: Callable[[Any], bool]
    ) -> tuple[str, str, Any] | None:
        """Return the first op of the last call that was given a Value and returned none.

        Args:
            error: What the call ended in. Functions that it went through returned nothing.
            is_like: Whether an object of another class is like a Value.

        Returns:
            The op, the kinds of its operands, and what it returned.
        """
        passed = []
        entry = traceback_of(error)
        while entry is not None:
            passed.append(entry.tb_frame.f_code)
            entry = entry.tb_next
        for code, op, kinds, result in self.others:
            is_raised = result is None and code in passed
            is_tried = code is not None and result is NotImplemented  # Python asks the other one
            if "V" in kinds and not (is_raised or is_tried) and not is_like(result):
                return op, kinds, result
        return None


def traceback_of(error: BaseException) -> Any:
    """Return the traceback of an exception; a class of the engine's may hide it."""
    return BaseException.__dict__["__traceback__"].__get__(error)


def base_of(kind: type, own: Any) -> type:
    """Return the most basic class of an engine's own that has operators, of which a Value is.

    Leaves and the results of ops may be of different subclasses.

    Args:
        kind: The class of a Value.
        own: The engine's own files.
    """
    for base in reversed(kind.__mro__):
        file = getattr(sys.modules.get(base.__module__), "__file__", None)
        is_own = isinstance(file, str) and file in own
        if is_own and (hasattr(base, "__add__") or hasattr(base, "__mul__")):
            return base
    return kind


def watched(function: Callable[..., Any], operands: Iterable[Any], watch: Any) -> Any:
    """Return what a function returns, while another one watches all calls."""
    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        return function(*operands)
    finally:
        sys.setprofile(before)


def entered(function: Callable[..., Any], operands: Iterable[Any], own: Any) -> dict[Any, None]:
    """Call a function; return the code of all functions in an engine's own files that it calls."""
    codes: dict[Any, None] = {}

    def watch(frame: Any, event: str, _: Any) -> None:
        if event == "call":
            codes[frame.f_code] = None

    watched(function, operands, watch)
    return {code: None for code in codes if code.co_filename in own}


def built_of_others(backwards: dict[str, dict[Any, None]]) -> list[str]:
    """Return the ops whose backward pass is done by the code of others, and by none of their own.

    Such an op makes its result of others in a way that can't be watched: as an object of their
    class, say. The op that runs the least code is the one to which that code belongs.

    Args:
        backwards: The code that the backward pass of each op runs, by op and kinds of operands.
    """
    ops: dict[Any, dict[str, None]] = {}
    for form, codes in backwards.items():
        for code in codes:
            ops.setdefault(code, {})[form.partition(":")[0]] = None
    count = len({form.partition(":")[0] for form in backwards})
    most = min(max(FEW, count // FEW), count - 1)
    forms = []
    for form, codes in backwards.items() if count >= 2 * FEW else ():
        op, _, kinds = form.partition(":")
        shared = [code for code in codes if 1 < len(ops[code]) <= most]
        if not shared or any([*ops[code]] == [op] for code in codes):
            continue
        users = [
            (len(backwards[other]), -len(other.partition(":")[2]))
            for other in backwards
            if other.partition(":")[0] != op and any(code in backwards[other] for code in shared)
        ]
        if min(users) < (len(codes), -len(kinds)):
            forms.append(form)
    return forms


def operands_of(frame: Any, op: str, *, is_reflected: bool) -> list[Any]:
    """Return the operands with which a function that does an op was called."""
    code = frame.f_code
    count = code.co_argcount
    operands = [frame.f_locals[name] for name in code.co_varnames[:count]]
    if code.co_flags & VARARGS:
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
        for name, args, value in calls:
            if not isinstance(value, self.watcher.kind) or id(value) in self.known:
                continue
            if name == op and [*map(id, args)] == [*map(id, self.operands)]:
                return UNKNOWN if self.steps else None  # it made its result itself, maybe of others
            self.known[id(value)] = self.add(name, *[self.step_of(arg) for arg in args])
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
    numbers = [("", x), ("negated", -x)]
    if x:
        numbers.append(("inverted", 1.0 / x))
    if x > 0:
        numbers.append(("logarithm", math.log(x)))
    return numbers
