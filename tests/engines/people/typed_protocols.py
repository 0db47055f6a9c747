"""Reverse-mode differentiation of scalars, with types throughout."""

from __future__ import annotations

import math
from typing import Callable, Generic, Iterator, Protocol, Sequence, Tuple, TypeVar, Union

Number = Union[int, float]
Operand = Union["Value", int, float]
Shares = Tuple[float, ...]
Pullback = Callable[[float], Shares]


class HasInputs(Protocol):
    """Anything that was computed from other things of its kind."""

    @property
    def inputs(self) -> Sequence["HasInputs"]: ...


class UnaryRule(Protocol):
    """A function of one number, and its derivative."""

    def forward(self, x: float) -> float: ...

    def slope(self, x: float, y: float) -> float: ...


class BinaryRule(Protocol):
    """A function of two numbers, and both partial derivatives."""

    def forward(self, a: float, b: float) -> float: ...

    def slopes(self, a: float, b: float, y: float) -> Tuple[float, float]: ...


NodeT = TypeVar("NodeT", bound=HasInputs)


class Ordering(Generic[NodeT]):
    """The nodes under a root, so that each comes after all of its inputs."""

    def __init__(self, root: NodeT) -> None:
        self._root: NodeT = root

    def __iter__(self) -> Iterator[NodeT]:
        done: set[int] = set()
        stack: list[tuple[NodeT, bool]] = [(self._root, False)]
        while stack:
            node, expanded = stack.pop()
            if expanded:
                yield node
                continue
            if id(node) in done:
                continue
            done.add(id(node))
            stack.append((node, True))
            for child in node.inputs:
                stack.append((child, False))


class Add:
    def forward(self, a: float, b: float) -> float:
        return a + b

    def slopes(self, a: float, b: float, y: float) -> Tuple[float, float]:
        return 1.0, 1.0


class Sub:
    def forward(self, a: float, b: float) -> float:
        return a - b

    def slopes(self, a: float, b: float, y: float) -> Tuple[float, float]:
        return 1.0, -1.0


class Mul:
    def forward(self, a: float, b: float) -> float:
        return a * b

    def slopes(self, a: float, b: float, y: float) -> Tuple[float, float]:
        return b, a


class Div:
    def forward(self, a: float, b: float) -> float:
        return a / b

    def slopes(self, a: float, b: float, y: float) -> Tuple[float, float]:
        return 1.0 / b, -a / b**2


class Pow:
    def forward(self, a: float, b: float) -> float:
        return a**b

    def slopes(self, a: float, b: float, y: float) -> Tuple[float, float]:
        base = b * a ** (b - 1.0) if b != 0.0 else 0.0
        exponent = y * math.log(a) if a > 0.0 else 0.0
        return base, exponent


class Neg:
    def forward(self, x: float) -> float:
        return -x

    def slope(self, x: float, y: float) -> float:
        return -1.0


class Exp:
    def forward(self, x: float) -> float:
        return math.exp(x)

    def slope(self, x: float, y: float) -> float:
        return y


class Log:
    def forward(self, x: float) -> float:
        return math.log(x)

    def slope(self, x: float, y: float) -> float:
        return 1.0 / x


class Tanh:
    def forward(self, x: float) -> float:
        return math.tanh(x)

    def slope(self, x: float, y: float) -> float:
        return 1.0 - y * y


class Sigmoid:
    def forward(self, x: float) -> float:
        if x >= 0.0:
            return 1.0 / (1.0 + math.exp(-x))
        return math.exp(x) / (1.0 + math.exp(x))

    def slope(self, x: float, y: float) -> float:
        return y * (1.0 - y)


class Relu:
    def forward(self, x: float) -> float:
        return x if x > 0.0 else 0.0

    def slope(self, x: float, y: float) -> float:
        return 1.0 if x > 0.0 else 0.0


class Value:
    """A number that remembers where it came from."""

    def __init__(
        self, data: Number, inputs: Sequence[Value] = (), pullback: Pullback | None = None
    ) -> None:
        self._data: float = float(data)
        self._grad: float = 0.0
        self._inputs: tuple[Value, ...] = tuple(inputs)
        self._pullback: Pullback = pullback or (lambda upstream: ())

    @property
    def data(self) -> float:
        return self._data

    @property
    def grad(self) -> float:
        return self._grad

    @property
    def inputs(self) -> Sequence[Value]:
        return self._inputs

    def __repr__(self) -> str:
        return f"Value({self._data!r}, grad={self._grad!r})"

    def _unary(self, rule: UnaryRule) -> Value:
        x = self._data
        y = rule.forward(x)
        return Value(y, (self,), lambda upstream: (rule.slope(x, y) * upstream,))

    def _binary(self, rule: BinaryRule, other: Operand, swap: bool = False) -> Value:
        right = other if isinstance(other, Value) else Value(other)
        first, second = (right, self) if swap else (self, right)
        a, b = first.data, second.data
        y = rule.forward(a, b)

        def pullback(upstream: float) -> Shares:
            da, db = rule.slopes(a, b, y)
            return da * upstream, db * upstream

        return Value(y, (first, second), pullback)

    def __add__(self, other: Operand) -> Value:
        return self._binary(Add(), other)

    def __radd__(self, other: Number) -> Value:
        return self._binary(Add(), other, swap=True)

    def __sub__(self, other: Operand) -> Value:
        return self._binary(Sub(), other)

    def __rsub__(self, other: Number) -> Value:
        return self._binary(Sub(), other, swap=True)

    def __mul__(self, other: Operand) -> Value:
        return self._binary(Mul(), other)

    def __rmul__(self, other: Number) -> Value:
        return self._binary(Mul(), other, swap=True)

    def __truediv__(self, other: Operand) -> Value:
        return self._binary(Div(), other)

    def __rtruediv__(self, other: Number) -> Value:
        return self._binary(Div(), other, swap=True)

    def __pow__(self, other: Operand) -> Value:
        return self._binary(Pow(), other)

    def __rpow__(self, other: Number) -> Value:
        return self._binary(Pow(), other, swap=True)

    def __neg__(self) -> Value:
        return self._unary(Neg())

    def exp(self) -> Value:
        return self._unary(Exp())

    def log(self) -> Value:
        return self._unary(Log())

    def tanh(self) -> Value:
        return self._unary(Tanh())

    def sigmoid(self) -> Value:
        return self._unary(Sigmoid())

    def relu(self) -> Value:
        return self._unary(Relu())

    def backward(self) -> None:
        order: list[Value] = list(Ordering(self))
        self._grad = 1.0
        for node in reversed(order):
            for child, share in zip(node.inputs, node._pullback(node._grad)):
                child._grad += share
