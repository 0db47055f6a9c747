"""A scalar "tensor" after Joel Grus' livecoding: every result knows what it depends on, and how."""
from typing import Callable, List, NamedTuple, Optional, Union

import numpy as np


class Dependency(NamedTuple):
    node: 'Value'
    grad_fn: Callable[[np.ndarray], np.ndarray]


Valuable = Union['Value', float, int]


def ensure_value(valuable: Valuable) -> 'Value':
    if isinstance(valuable, Value):
        return valuable
    else:
        return Value(valuable, requires_grad=False)


class Value:
    def __init__(self,
                 data: float,
                 requires_grad: bool = True,
                 depends_on: Optional[List[Dependency]] = None) -> None:
        self.data = np.array(data, dtype=np.float64)
        self.requires_grad = requires_grad
        self.depends_on = depends_on or []
        self.zero_grad()

    def zero_grad(self) -> None:
        self.grad = np.zeros_like(self.data)

    def __repr__(self) -> str:
        return f"Value({self.data}, requires_grad={self.requires_grad})"

    def __add__(self, other) -> 'Value':
        return _add(self, ensure_value(other))

    def __radd__(self, other) -> 'Value':
        return _add(ensure_value(other), self)

    def __mul__(self, other) -> 'Value':
        return _mul(self, ensure_value(other))

    def __rmul__(self, other) -> 'Value':
        return _mul(ensure_value(other), self)

    def __neg__(self) -> 'Value':
        return _neg(self)

    def __sub__(self, other) -> 'Value':
        return _sub(self, ensure_value(other))

    def __rsub__(self, other) -> 'Value':
        return _sub(ensure_value(other), self)

    def __truediv__(self, other) -> 'Value':
        return _div(self, ensure_value(other))

    def __rtruediv__(self, other) -> 'Value':
        return _div(ensure_value(other), self)

    def __pow__(self, other) -> 'Value':
        return _pow(self, ensure_value(other))

    def __rpow__(self, other) -> 'Value':
        return _pow(ensure_value(other), self)

    def backward(self, grad=None) -> None:
        assert self.requires_grad, "called backward on non-requires-grad value"

        if grad is None:
            grad = np.array(1.0)

        self.grad += grad

        for dependency in self.depends_on:
            backward_grad = dependency.grad_fn(grad)
            dependency.node.backward(backward_grad)

    def exp(self): return exp(self)
    def log(self): return log(self)
    def tanh(self): return tanh(self)
    def relu(self): return relu(self)
    def sigmoid(self): return sigmoid(self)
    def sqrt(self): return sqrt(self)
    def sin(self): return sin(self)
    def cos(self): return cos(self)


def _add(a: Value, b: Value) -> Value:
    data = a.data + b.data
    requires_grad = a.requires_grad or b.requires_grad
    depends_on: List[Dependency] = []

    if a.requires_grad:
        depends_on.append(Dependency(a, lambda grad: grad))

    if b.requires_grad:
        depends_on.append(Dependency(b, lambda grad: grad))

    return Value(data, requires_grad, depends_on)


def _neg(a: Value) -> Value:
    return elementwise(a, -a.data, -1.0)


def _sub(a: Value, b: Value) -> Value:
    return a + -b


def _mul(a: Value, b: Value) -> Value:
    """
    y = (a + eps) * b = a * b + eps * b
    so an eps in a is worth b in y, and the other way round
    """
    data = a.data * b.data
    requires_grad = a.requires_grad or b.requires_grad
    depends_on: List[Dependency] = []

    if a.requires_grad:
        def grad_fn1(grad):
            return grad * b.data

        depends_on.append(Dependency(a, grad_fn1))

    if b.requires_grad:
        def grad_fn2(grad):
            return grad * a.data

        depends_on.append(Dependency(b, grad_fn2))

    return Value(data, requires_grad, depends_on)


def _div(a: Value, b: Value) -> Value:
    data = a.data / b.data
    requires_grad = a.requires_grad or b.requires_grad
    depends_on: List[Dependency] = []

    if a.requires_grad:
        def grad_fn_top(grad):
            return grad / b.data

        depends_on.append(Dependency(a, grad_fn_top))

    if b.requires_grad:
        def grad_fn_bottom(grad):
            return -grad * a.data / (b.data * b.data)

        depends_on.append(Dependency(b, grad_fn_bottom))

    return Value(data, requires_grad, depends_on)


def _pow(a: Value, b: Value) -> Value:
    data = a.data ** b.data
    requires_grad = a.requires_grad or b.requires_grad
    depends_on: List[Dependency] = []

    if a.requires_grad:
        def grad_fn_base(grad):
            if b.data == 0:
                return np.zeros_like(grad)
            return grad * b.data * a.data ** (b.data - 1)

        depends_on.append(Dependency(a, grad_fn_base))

    if b.requires_grad:
        def grad_fn_exponent(grad):
            return grad * data * np.log(a.data) if a.data > 0 else np.zeros_like(grad)

        depends_on.append(Dependency(b, grad_fn_exponent))

    return Value(data, requires_grad, depends_on)


def maximum(a: Valuable, b: Valuable) -> Value:
    a, b = ensure_value(a), ensure_value(b)
    return _choose(a, b, a.data >= b.data)


def minimum(a: Valuable, b: Valuable) -> Value:
    a, b = ensure_value(a), ensure_value(b)
    return _choose(a, b, a.data <= b.data)


def _choose(a: Value, b: Value, first: bool) -> Value:
    data = a.data if first else b.data
    depends_on = []
    for value, chosen in [(a, first), (b, not first)]:
        if value.requires_grad:
            depends_on.append(Dependency(value, lambda grad, chosen=chosen: grad * chosen))
    return Value(data, a.requires_grad or b.requires_grad, depends_on)


def elementwise(value: Value, data, slope) -> Value:
    """A function of one value, of which we know the result and the derivative."""
    if not value.requires_grad:
        return Value(data, False)

    def grad_fn(grad):
        return grad * slope

    return Value(data, True, [Dependency(value, grad_fn)])


def exp(value: Value) -> Value:
    data = np.exp(value.data)
    return elementwise(value, data, data)


def log(value: Value) -> Value:
    return elementwise(value, np.log(value.data), 1 / value.data)


def tanh(value: Value) -> Value:
    data = np.tanh(value.data)
    return elementwise(value, data, 1 - data * data)


def sigmoid(value: Value) -> Value:
    data = 0.5 + 0.5 * np.tanh(0.5 * value.data)
    return elementwise(value, data, data * (1 - data))


def relu(value: Value) -> Value:
    return elementwise(value, np.maximum(value.data, 0.0), value.data > 0)


def sqrt(value: Value) -> Value:
    data = np.sqrt(value.data)
    return elementwise(value, data, 0.5 / data)


def sin(value: Value) -> Value:
    return elementwise(value, np.sin(value.data), np.cos(value.data))


def cos(value: Value) -> Value:
    return elementwise(value, np.cos(value.data), -np.sin(value.data))
