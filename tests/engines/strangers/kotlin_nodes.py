"""Autograd with a sealed hierarchy of immutable expression nodes, ported from my Kotlin version.

    val y = sigmoid(a * b + 1)        y = (a * b + 1).sigmoid()
    y.backward()                      y.backward()

Only `grad` is a `var`; everything else is a `val`.
"""
from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Iterator, List, Tuple, Union

Number = Union[int, float]


class Value(ABC):
    """sealed class Value(val data: Double, vararg val operands: Value)"""

    def __new__(cls, *args):
        # the companion object's invoke(): Value(3.0) is a Leaf
        return super().__new__(Leaf if cls is Value else cls)

    def __init__(self, data: Number, *operands: Value):
        self._data = float(data)
        self._operands = operands
        self.grad = 0.0

    @property
    def data(self) -> float:
        return self._data

    @property
    def operands(self) -> Tuple[Value, ...]:
        return self._operands

    @abstractmethod
    def local(self) -> Tuple[float, ...]:
        """The partial derivatives by the operands, in the order of the operands."""

    # operators
    def __add__(self, other): return Plus(self, wrap(other))
    def __radd__(self, other): return Plus(wrap(other), self)
    def __sub__(self, other): return Minus(self, wrap(other))
    def __rsub__(self, other): return Minus(wrap(other), self)
    def __mul__(self, other): return Times(self, wrap(other))
    def __rmul__(self, other): return Times(wrap(other), self)
    def __truediv__(self, other): return Div(self, wrap(other))
    def __rtruediv__(self, other): return Div(wrap(other), self)
    def __pow__(self, other): return Pow(self, wrap(other))
    def __rpow__(self, other): return Pow(wrap(other), self)
    def __neg__(self): return UnaryMinus(self)
    def __abs__(self): return Abs(self)

    # functions
    def exp(self): return Exp(self)
    def log(self): return Ln(self)
    def tanh(self): return Tanh(self)
    def sin(self): return Sin(self)
    def cos(self): return Cos(self)
    def relu(self): return Relu(self)
    def abs(self): return Abs(self)
    def max(self, other): return Max(self, wrap(other))

    # composed functions
    def min(self, other): return -Max(-self, -wrap(other))
    def sqrt(self): return self ** 0.5

    def sigmoid(self):
        if self.data >= 0:
            return 1 / (1 + (-self).exp())
        e = self.exp()
        return e / (e + 1)

    def backward(self) -> None:
        nodes: List[Value] = list(topological(self))
        for node in nodes:
            node.grad = 0.0
        self.grad = 1.0
        for node in reversed(nodes):
            for operand, partial in zip(node.operands, node.local()):
                operand.grad += partial * node.grad

    def __repr__(self):
        return f"{type(self).__name__}(data={self.data}, grad={self.grad})"


def wrap(x: Union[Value, Number]) -> Value:
    return x if isinstance(x, Value) else Leaf(x)


def topological(root: Value) -> Iterator[Value]:
    """sequence { … }: operands first, root last, each node once."""
    visited = {root}
    stack = [(root, iter(root.operands))]
    while stack:
        node, rest = stack[-1]
        for operand in rest:
            if operand not in visited:
                visited.add(operand)
                stack.append((operand, iter(operand.operands)))
                break
        else:
            stack.pop()
            yield node


class Leaf(Value):
    def __init__(self, data: Number):
        super().__init__(data)

    def local(self): return ()


class Unary(Value, ABC):
    def __init__(self, x: Value):
        super().__init__(self.apply(x.data), x)

    def local(self): return (self.slope(self._operands[0].data, self.data),)

    @abstractmethod
    def apply(self, x): ...

    @abstractmethod
    def slope(self, x, y): ...


class UnaryMinus(Unary):
    def apply(self, x): return -x
    def slope(self, x, y): return -1.0


class Exp(Unary):
    def apply(self, x): return math.exp(x)
    def slope(self, x, y): return y


class Ln(Unary):
    def apply(self, x): return math.log(x)
    def slope(self, x, y): return 1 / x


class Tanh(Unary):
    def apply(self, x): return math.tanh(x)
    def slope(self, x, y): return 1 - y * y


class Sin(Unary):
    def apply(self, x): return math.sin(x)
    def slope(self, x, y): return math.cos(x)


class Cos(Unary):
    def apply(self, x): return math.cos(x)
    def slope(self, x, y): return -math.sin(x)


class Relu(Unary):
    def apply(self, x): return x if x > 0 else 0.0
    def slope(self, x, y): return 1.0 if x > 0 else 0.0


class Abs(Unary):
    def apply(self, x): return abs(x)
    def slope(self, x, y): return (x > 0) - (x < 0)


class Binary(Value, ABC):
    def __init__(self, left: Value, right: Value):
        super().__init__(self.apply(left.data, right.data), left, right)

    @property
    def left(self): return self._operands[0].data

    @property
    def right(self): return self._operands[1].data

    @abstractmethod
    def apply(self, a, b): ...


class Plus(Binary):
    def apply(self, a, b): return a + b
    def local(self): return 1.0, 1.0


class Minus(Binary):
    def apply(self, a, b): return a - b
    def local(self): return 1.0, -1.0


class Times(Binary):
    def apply(self, a, b): return a * b
    def local(self): return self.right, self.left


class Div(Binary):
    def apply(self, a, b): return a / b
    def local(self): return 1 / self.right, -self.data / self.right


class Pow(Binary):
    def apply(self, a, b): return a ** b

    def local(self):
        a, b = self.left, self.right
        by_base = b * a ** (b - 1) if b != 0 else 0.0
        by_exponent = self.data * math.log(a) if a > 0 else 0.0
        return by_base, by_exponent


class Max(Binary):
    def apply(self, a, b): return a if a >= b else b
    def local(self): return (1.0, 0.0) if self.left >= self.right else (0.0, 1.0)
