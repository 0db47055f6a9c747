"""An engine as written after a lecture, with one mistake: find it with `mgraph grade`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Value:
    """A number that knows how it was computed."""

    def __init__(self, data: float, children: tuple[Value, ...] = ()) -> None:
        """Keep the number, and the Values it was computed from."""
        self.data = data
        self.grad = 0.0
        self.children = children
        self.pass_on: Callable[[], None] = lambda: None

    def __add__(self, other: Value | float) -> Value:
        """Add."""
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))

        def pass_on() -> None:
            self.grad += out.grad
            other.grad += out.grad

        out.pass_on = pass_on
        return out

    def __mul__(self, other: Value | float) -> Value:
        """Multiply."""
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other))

        def pass_on() -> None:
            self.grad = other.data * out.grad
            other.grad = self.data * out.grad

        out.pass_on = pass_on
        return out

    __radd__, __rmul__ = __add__, __mul__

    def tanh(self) -> Value:
        """Take the hyperbolic tangent."""
        out = Value(math.tanh(self.data), (self,))

        def pass_on() -> None:
            self.grad += (1 - out.data**2) * out.grad

        out.pass_on = pass_on
        return out

    def backward(self) -> None:
        """Compute the gradients of all Values that this one was computed from."""
        order, todo = [], [(self, False)]
        while todo:
            value, is_done = todo.pop()
            if is_done:
                order.append(value)
            elif not any(value is other for other in order):
                todo.append((value, True))
                todo.extend((child, False) for child in value.children)
        self.grad = 1.0
        for value in reversed(order):
            value.pass_on()
