"""ExactValue: a Value whose results have one right answer, bit for bit, on every machine."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ClassVar, Final

from mgraph.graph.run import EXACT_MATH, LIBM
from mgraph.ops import TABLE, Op
from mgraph.value import Value, apply, as_operand, node

if TYPE_CHECKING:
    from collections.abc import Callable


class ExactValue(Value):
    """A `Value` in exact math: each operation is rounded correctly, and so is each derivative.

    It works like `Value`. What is computed from it is an `ExactValue`, too, and has the same bits
    on every machine, whatever its math library does. Plain numbers and leaves, which are numbers
    that nothing was computed for, can be used beside it. The result of an op on ordinary Values
    can't: its bits depend on the machine.

    ```python
    x = mgraph.ExactValue(0.5)
    y = (x * mgraph.Value.param(3.0)).tanh()
    ```
    """

    __slots__ = ()

    math: ClassVar[str] = EXACT_MATH

    @classmethod
    def _apply(cls, op: Op, args: tuple[Value, ...]) -> Value:
        """Make the ExactValue of an op applied to its arguments; their number is not checked.

        Raises:
            TypeError: One of them was computed in other math.
        """
        for arg in args:
            if type(arg) is not ExactValue:
                _check(arg)
        return apply(exact(op), args, ExactValue)

    def __repr__(self) -> str:
        """Show primal and adjoint, as a Value does."""
        return f"Exact{super().__repr__()}"


def _check(arg: Value) -> None:
    """Refuse a Value that was computed in other math; a leaf is just a number.

    Raises:
        TypeError: It was.
    """
    if arg.args and not isinstance(arg, ExactValue):
        message = (
            f"an ExactValue can't be combined with a result of {arg.op} that is an ordinary"
            f" Value: compute that from ExactValues, too"
        )
        raise TypeError(message)


_TWINS: Final[dict[str, Op]] = {}


def exact(op: Op) -> Op:
    """Return an op in exact math; an exact op is the same in any math."""
    if op.exact:
        return op
    twin = _TWINS.get(op.name)
    if twin is None:
        from mgraph.ops.exact import exact_op  # noqa: PLC0415 - only programs that use it pay

        twin = _TWINS[op.name] = exact_op(op)
    return twin


def value_class(math: str) -> type[Value]:
    """Return the class of Values in a math.

    Raises:
        ValueError: There is no such math.
    """
    if math not in (LIBM, EXACT_MATH):
        message = f"there is no math {math!r} for Values: choose {LIBM} or {EXACT_MATH}"
        raise ValueError(message)
    return ExactValue if math == EXACT_MATH else Value


# --- the methods of Value, by the table of ops -----------------------------------------------


def _unary(op: Op) -> Callable[[ExactValue], Value]:
    def method(self: ExactValue) -> Value:
        twin = exact(op)
        return node(twin, twin.step(self._data), (self,), ExactValue)

    return method


def _binary(op: Op) -> Callable[[ExactValue, object], Value]:
    def method(self: ExactValue, other: object) -> Value:
        if type(other) is not ExactValue:
            other = _other(other)
            if other is None:
                return NotImplemented  # type: ignore[no-any-return]
        twin = exact(op)
        return node(twin, twin.step(self._data, other._data), (self, other), ExactValue)

    return method


def _reflected(op: Op) -> Callable[[ExactValue, object], Value]:
    def method(self: ExactValue, other: object) -> Value:
        first = _other(other)
        if first is None:
            return NotImplemented  # type: ignore[no-any-return]
        twin = exact(op)
        return node(twin, twin.step(first._data, self._data), (first, self), ExactValue)

    return method


def _other(x: object) -> Value | None:
    """Return a Value for the other operand; None for what is neither a Value nor a number.

    Raises:
        TypeError: It was computed in other math.
    """
    value = as_operand(x)
    if value is not None:
        _check(value)
    return value


_OPERATORS: Final = {"add": "add", "sub": "sub", "mul": "mul", "div": "truediv", "pow": "pow"}
"""The names of Python's operators, by op."""

_NAMES: Final = {"neg": "__neg__", "abs": "__abs__"}


def _give_methods() -> None:
    """Give ExactValue its own methods for all ops; those of Value are as fast as before."""
    for op in TABLE:
        made: dict[str, Callable[..., Value]] = {}
        if op.name in _OPERATORS:
            made[f"__{_OPERATORS[op.name]}__"] = _binary(op)
            made[f"__r{_OPERATORS[op.name]}__"] = _reflected(op)
        elif op.inputs == 1:
            made[_NAMES.get(op.name, op.name)] = _unary(op)
        for name, method in made.items():
            setattr(ExactValue, name, wraps(getattr(Value, name))(method))


_give_methods()
