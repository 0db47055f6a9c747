"""A scalar torch: requires_grad, grad_fn with saved values, grad is None until backward gets there."""
import math
from collections import defaultdict
from contextlib import contextmanager

_grad_enabled = [True]


@contextmanager
def no_grad():
    before = _grad_enabled[0]
    _grad_enabled[0] = False
    try:
        yield
    finally:
        _grad_enabled[0] = before


class GradFn:
    def __init__(self, name, inputs, saved):
        self.name = name
        self.inputs = inputs
        self.saved = saved

    def __call__(self, grad_output):
        grads = BACKWARD[self.name](grad_output, *self.saved)
        return grads if isinstance(grads, tuple) else (grads,)

    def __repr__(self):
        return f"<{self.name}Backward>"


def pow_backward(g, base, exponent, result):
    grad_base = g * exponent * base ** (exponent - 1) if exponent != 0 else 0.0
    grad_exponent = g * result * math.log(base) if base > 0 else 0.0
    return grad_base, grad_exponent


BACKWARD = {
    "Add": lambda g: (g, g),
    "Sub": lambda g: (g, -g),
    "Mul": lambda g, a, b: (g * b, g * a),
    "Div": lambda g, a, b: (g / b, -g * a / (b * b)),
    "Pow": pow_backward,
    "Neg": lambda g: -g,
    "Exp": lambda g, result: g * result,
    "Log": lambda g, a: g / a,
    "Tanh": lambda g, result: g * (1 - result ** 2),
    "Sigmoid": lambda g, result: g * result * (1 - result),
    "Relu": lambda g, result: g if result > 0 else 0.0,
    "Sqrt": lambda g, result: g / (2 * result),
    "Sin": lambda g, a: g * math.cos(a),
    "Cos": lambda g, a: -g * math.sin(a),
    "Abs": lambda g, a: g * ((a > 0) - (a < 0)),
    "Maximum": lambda g, a, b: (g, 0.0) if a > b else (0.0, g) if b > a else (g / 2, g / 2),
    "Minimum": lambda g, a, b: (g, 0.0) if a < b else (0.0, g) if b < a else (g / 2, g / 2),
}


class Value:
    def __init__(self, data, requires_grad=True):
        self.data = data.item() if hasattr(data, "item") else float(data)
        self.requires_grad = requires_grad
        self.grad = None
        self.grad_fn = None
        self.retains_grad = True  # unlike torch, because I want to look at all of them

    @staticmethod
    def _wrap(other):
        return other if isinstance(other, Value) else Value(other, requires_grad=False)

    @staticmethod
    def _record(name, data, inputs, saved=()):
        needed = _grad_enabled[0] and any(i.requires_grad for i in inputs)
        out = Value(data, requires_grad=needed)
        if needed:
            out.grad_fn = GradFn(name, inputs, saved)
        return out

    @property
    def is_leaf(self):
        return self.grad_fn is None

    def item(self):
        return self.data

    def detach(self):
        return Value(self.data, requires_grad=False)

    def retain_grad(self, keep=True):
        self.retains_grad = keep

    def zero_grad(self):
        self.grad = None

    def __add__(self, other):
        other = self._wrap(other)
        return self._record("Add", self.data + other.data, (self, other))

    def __sub__(self, other):
        other = self._wrap(other)
        return self._record("Sub", self.data - other.data, (self, other))

    def __mul__(self, other):
        other = self._wrap(other)
        return self._record("Mul", self.data * other.data, (self, other), (self.data, other.data))

    def __truediv__(self, other):
        other = self._wrap(other)
        return self._record("Div", self.data / other.data, (self, other), (self.data, other.data))

    def __pow__(self, other):
        other = self._wrap(other)
        result = self.data ** other.data
        return self._record("Pow", result, (self, other), (self.data, other.data, result))

    def maximum(self, other):
        other = self._wrap(other)
        return self._record("Maximum", max(self.data, other.data), (self, other), (self.data, other.data))

    def minimum(self, other):
        other = self._wrap(other)
        return self._record("Minimum", min(self.data, other.data), (self, other), (self.data, other.data))

    def _unary(self, name, result, save_result=True):
        return self._record(name, result, (self,), (result if save_result else self.data,))

    __radd__ = __add__
    __rmul__ = __mul__
    def __rsub__(self, other): return self._wrap(other) - self
    def __rtruediv__(self, other): return self._wrap(other) / self
    def __rpow__(self, other): return self._wrap(other) ** self
    def __neg__(self): return self._record("Neg", -self.data, (self,))
    def __abs__(self): return self._unary("Abs", abs(self.data), save_result=False)
    def exp(self): return self._unary("Exp", math.exp(self.data))
    def log(self): return self._unary("Log", math.log(self.data), save_result=False)
    def tanh(self): return self._unary("Tanh", math.tanh(self.data))
    def relu(self): return self._unary("Relu", max(self.data, 0.0))
    def sqrt(self): return self._unary("Sqrt", math.sqrt(self.data))
    def sin(self): return self._unary("Sin", math.sin(self.data), save_result=False)
    def cos(self): return self._unary("Cos", math.cos(self.data), save_result=False)

    def sigmoid(self):
        e = math.exp(-abs(self.data))
        return self._unary("Sigmoid", 1 / (1 + e) if self.data >= 0 else e / (1 + e))

    def backward(self, gradient=1.0):
        if not self.requires_grad:
            raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
        waiting = defaultdict(int)  # how many times each node is used between here and the leaves
        todo, seen = [self], {self}
        while todo:
            node = todo.pop()
            if node.is_leaf:
                continue
            for i in node.grad_fn.inputs:
                if i.requires_grad:
                    waiting[i] += 1
                    if i not in seen:
                        seen.add(i)
                        todo.append(i)
        buffers = defaultdict(float)
        buffers[self] = gradient
        ready = [self]
        while ready:
            node = ready.pop()
            g = buffers.pop(node)
            if node.is_leaf or node.retains_grad:
                node.grad = g if node.grad is None else node.grad + g
            if node.is_leaf:
                continue
            for i, gi in zip(node.grad_fn.inputs, node.grad_fn(g)):
                if i.requires_grad:
                    buffers[i] += gi
                    waiting[i] -= 1
                    if waiting[i] == 0:
                        ready.append(i)
