"""ExactValue: a Value whose results have one right answer, bit for bit, on every machine."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ClassVar, Final

from mgraph.graph.run import EXACT_MATH, LIBM
from mgraph.ops import OPS, TABLE, Op
from mgraph.value import Value, apply, as_operand, leaf

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


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
    def _apply(cls, op: Op, args: Sequence[Value]) -> ExactValue:
        """Make the ExactValue of an op applied to its arguments; their number is not checked.

        Raises:
            TypeError: One of them was computed in other math.
        """
        for arg in args:
            if arg.args and not isinstance(arg, ExactValue):
                message = (
                    f"an ExactValue can't be combined with a result of {arg.op} that is an ordinary"
                    f" Value: compute that from ExactValues, too"
                )
                raise TypeError(message)
        return _in_exact_math(apply(exact(op), tuple(args)))

    def __repr__(self) -> str:
        """Show primal and adjoint, as a Value does."""
        return f"Exact{super().__repr__()}"


def exact_leaf(op: str, data: float) -> ExactValue:
    """Make a leaf of the given kind in exact math."""
    return _in_exact_math(leaf(op, data))


def _in_exact_math(value: Value) -> ExactValue:
    """Make a Value that nobody has seen yet an ExactValue, which has the same attributes."""
    value.__class__ = ExactValue
    return value  # type: ignore[return-value]


_TWINS: Final[dict[str, Op]] = {}


def exact(op: Op) -> Op:
    """Return an op in exact math."""
    twin = _TWINS.get(op.name)
    if twin is None:
        from mgraph.ops.exact import exact_op  # noqa: PLC0415 - only programs that use it pay

        twin = _TWINS[op.name] = exact_op(OPS[op.name])
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


def _unary(op: Op) -> Callable[[ExactValue], ExactValue]:
    return lambda self: self._apply(op, (self,))


def _binary(op: Op) -> Callable[[ExactValue, object], ExactValue]:
    def method(self: ExactValue, other: object) -> ExactValue:
        b = as_operand(other)
        if b is None:
            return NotImplemented  # type: ignore[no-any-return]
        return self._apply(op, (self, b))

    return method


def _reflected(op: Op) -> Callable[[ExactValue, object], ExactValue]:
    def method(self: ExactValue, other: object) -> ExactValue:
        a = as_operand(other)
        if a is None:
            return NotImplemented  # type: ignore[no-any-return]
        return self._apply(op, (a, self))

    return method


_OPERATORS: Final = {"add": "add", "sub": "sub", "mul": "mul", "div": "truediv", "pow": "pow"}
"""The names of Python's operators, by op."""

_NAMES: Final = {"neg": "__neg__", "abs": "__abs__"}


def _give_methods() -> None:
    """Give ExactValue its own methods for all ops; those of Value are as fast as before."""
    for op in TABLE:
        made: dict[str, Callable[..., ExactValue]] = {}
        if op.name in _OPERATORS:
            made[f"__{_OPERATORS[op.name]}__"] = _binary(op)
            made[f"__r{_OPERATORS[op.name]}__"] = _reflected(op)
        elif op.inputs == 1:
            made[_NAMES.get(op.name, op.name)] = _unary(op)
        for name, method in made.items():
            setattr(ExactValue, name, wraps(getattr(Value, name))(method))


_give_methods()
