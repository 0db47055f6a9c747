"""Reverse-mode differentiation for teaching: every operation is a class, and every step is a function with a name."""
from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from typing import Union

Number = Union[int, float]


class Operation(ABC):
    """A differentiable function of one or two numbers."""

    @abstractmethod
    def value(self, *inputs: float) -> float:
        """The result of the operation."""

    @abstractmethod
    def partials(self, *inputs: float) -> list[float]:
        """The derivative of the result by each of the inputs."""


class Add(Operation):
    def value(self, a: float, b: float) -> float: return a + b
    def partials(self, a: float, b: float) -> list[float]: return [1.0, 1.0]

class Subtract(Operation):
    def value(self, a: float, b: float) -> float: return a - b
    def partials(self, a: float, b: float) -> list[float]: return [1.0, -1.0]

class Multiply(Operation):
    def value(self, a: float, b: float) -> float: return a * b
    def partials(self, a: float, b: float) -> list[float]: return [b, a]

class Divide(Operation):
    def value(self, a: float, b: float) -> float: return a / b
    def partials(self, a: float, b: float) -> list[float]: return [1.0 / b, -a / b ** 2]

class Power(Operation):
    """The exponent is a plain number."""

    def __init__(self, exponent: Number) -> None:
        self.exponent = exponent

    def value(self, a: float) -> float: return a ** self.exponent

    def partials(self, a: float) -> list[float]:
        if self.exponent == 0:
            return [0.0]
        return [self.exponent * a ** (self.exponent - 1)]

class Negate(Operation):
    def value(self, a: float) -> float: return -a
    def partials(self, a: float) -> list[float]: return [-1.0]

class Exponential(Operation):
    def value(self, a: float) -> float: return math.exp(a)
    def partials(self, a: float) -> list[float]: return [self.value(a)]

class Logarithm(Operation):
    def value(self, a: float) -> float: return math.log(a)
    def partials(self, a: float) -> list[float]: return [1.0 / a]

class HyperbolicTangent(Operation):
    def value(self, a: float) -> float: return math.tanh(a)
    def partials(self, a: float) -> list[float]: return [1.0 - self.value(a) ** 2]

class Rectifier(Operation):
    def value(self, a: float) -> float: return max(a, 0.0)
    def partials(self, a: float) -> list[float]: return [1.0 if a > 0.0 else 0.0]

class Logistic(Operation):
    def value(self, a: float) -> float:
        if a < 0.0:
            return math.exp(a) / (1.0 + math.exp(a))
        return 1.0 / (1.0 + math.exp(-a))

    def partials(self, a: float) -> list[float]:
        s = self.value(a)
        return [s * (1.0 - s)]

class SquareRoot(Operation):
    def value(self, a: float) -> float: return math.sqrt(a)
    def partials(self, a: float) -> list[float]: return [1.0 / (2.0 * self.value(a))]


class Value:
    """A number that remembers how it was computed."""

    def __init__(self, data: Number, operation: Operation | None = None, inputs: list[Value] | None = None) -> None:
        self.data = float(data)
        self.grad = 0.0
        self.operation = operation
        self.inputs = inputs if inputs is not None else []

    def __add__(self, other: Value | Number) -> Value: return apply(Add(), self, other)
    def __radd__(self, other: Number) -> Value: return apply(Add(), other, self)
    def __sub__(self, other: Value | Number) -> Value: return apply(Subtract(), self, other)
    def __rsub__(self, other: Number) -> Value: return apply(Subtract(), other, self)
    def __mul__(self, other: Value | Number) -> Value: return apply(Multiply(), self, other)
    def __rmul__(self, other: Number) -> Value: return apply(Multiply(), other, self)
    def __truediv__(self, other: Value | Number) -> Value: return apply(Divide(), self, other)
    def __rtruediv__(self, other: Number) -> Value: return apply(Divide(), other, self)
    def __neg__(self) -> Value: return apply(Negate(), self)

    def __pow__(self, exponent: Value | Number) -> Value:
        if isinstance(exponent, Value):
            return (self.log() * exponent).exp()
        return apply(Power(exponent), self)

    def __rpow__(self, base: Number) -> Value: return (math.log(base) * self).exp()
    def exp(self) -> Value: return apply(Exponential(), self)
    def log(self) -> Value: return apply(Logarithm(), self)
    def tanh(self) -> Value: return apply(HyperbolicTangent(), self)
    def relu(self) -> Value: return apply(Rectifier(), self)
    def sigmoid(self) -> Value: return apply(Logistic(), self)
    def sqrt(self) -> Value: return apply(SquareRoot(), self)

    def backward(self) -> None:
        """Store in `grad` of each node the derivative of this node by it."""
        order = topological_order(self)
        for node in order:
            node.grad = 0.0
        self.grad = 1.0
        for node in order:
            if node.operation is not None:
                numbers = [source.data for source in node.inputs]
                for source, partial in zip(node.inputs, node.operation.partials(*numbers)):
                    source.grad += partial * node.grad


def apply(operation: Operation, *operands: Value | Number) -> Value:
    """Compute an operation and remember its inputs; plain numbers become constants."""
    inputs = [operand if isinstance(operand, Value) else Value(operand) for operand in operands]
    return Value(operation.value(*[source.data for source in inputs]), operation, inputs)


def count_uses(output: Value) -> dict[Value, int]:
    """How often each node is an input of a node that leads to the output."""
    uses: dict[Value, int] = {output: 0}
    to_do = [output]
    while to_do:
        node = to_do.pop()
        for source in node.inputs:
            if source not in uses:
                uses[source] = 0
                to_do.append(source)
            uses[source] += 1
    return uses


def topological_order(output: Value) -> list[Value]:
    """Kahn's algorithm: a node is ready when all nodes that use it are in the list. The output comes first."""
    uses = count_uses(output)
    ready = deque([output])
    order: list[Value] = []
    while ready:
        node = ready.popleft()
        order.append(node)
        for source in node.inputs:
            uses[source] -= 1
            if uses[source] == 0:
                ready.append(source)
    return order
