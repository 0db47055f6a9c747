from functools import partial
import math
import operator


def _add(a, b, out):
    a.grad += out.grad
    b.grad += out.grad


def _sub(a, b, out):
    a.grad += out.grad
    b.grad += -out.grad


def _mul(a, b, out):
    a.grad += out.grad * b.data
    b.grad += out.grad * a.data


def _div(a, b, out):
    a.grad += out.grad / b.data
    b.grad += -out.grad * a.data / b.data**2


def _pow(a, b, out):
    if b.data:
        a.grad += out.grad * b.data * a.data ** (b.data - 1)
    if a.data > 0:
        b.grad += out.grad * out.data * math.log(a.data)


def _through(slope, a, out):
    """for functions of one operand: slope(x, y) is dy/dx"""
    a.grad += out.grad * slope(a.data, out.data)


def _pick(winner, out):
    winner.grad += out.grad


def logistic(x):
    # exp never gets a positive argument
    if x < 0:
        return 1 - logistic(-x)
    return 1 / (1 + math.exp(-x))


def lazily(method):
    """let a binary method take plain numbers"""

    def wrapped(self, other):
        if not isinstance(other, Value):
            other = Value(other)
        return method(self, other)

    return wrapped


class Value:
    def __init__(self, data, parents=()):
        self.data = data
        self.grad = 0.0
        self.parents = parents
        self.propagate = None

    def _result(self, data, parents, rule, *args):
        out = Value(data, parents)
        out.propagate = partial(rule, *args, out)
        return out

    def _binary(self, other, function, rule):
        y = function(self.data, other.data)
        return self._result(y, (self, other), rule, self, other)

    def _unary(self, function, slope):
        return self._result(function(self.data), (self,), _through, slope, self)

    @lazily
    def __add__(self, other):
        return self._binary(other, operator.add, _add)

    @lazily
    def __sub__(self, other):
        return self._binary(other, operator.sub, _sub)

    @lazily
    def __mul__(self, other):
        return self._binary(other, operator.mul, _mul)

    @lazily
    def __truediv__(self, other):
        return self._binary(other, operator.truediv, _div)

    @lazily
    def __pow__(self, other):
        return self._binary(other, operator.pow, _pow)

    @lazily
    def __radd__(self, other):
        return other + self

    @lazily
    def __rsub__(self, other):
        return other - self

    @lazily
    def __rmul__(self, other):
        return other * self

    @lazily
    def __rtruediv__(self, other):
        return other / self

    @lazily
    def __rpow__(self, other):
        return other**self

    @lazily
    def max(self, other):
        winner = other if other.data > self.data else self
        return self._result(winner.data, (self, other), _pick, winner)

    @lazily
    def min(self, other):
        winner = other if other.data < self.data else self
        return self._result(winner.data, (self, other), _pick, winner)

    def __neg__(self):
        return self._unary(operator.neg, lambda x, y: -1)

    def __abs__(self):
        return self._unary(abs, lambda x, y: math.copysign(1, x))

    def exp(self):
        return self._unary(math.exp, lambda x, y: y)

    def ln(self):
        return self._unary(math.log, lambda x, y: 1 / x)

    def tanh(self):
        return self._unary(math.tanh, lambda x, y: 1 - y**2)

    def sigmoid(self):
        return self._unary(logistic, lambda x, y: y * (1 - y))

    def relu(self):
        return self._unary(lambda x: max(x, 0), lambda x, y: 1 if x > 0 else 0)

    def sqrt(self):
        return self._unary(math.sqrt, lambda x, y: 1 / (2 * y))

    def sin(self):
        return self._unary(math.sin, lambda x, y: math.cos(x))

    def topo(self, seen):
        """yield everything below this node, then the node itself"""
        if self in seen:
            return
        seen.add(self)
        for parent in self.parents:
            yield from parent.topo(seen)
        yield self

    def backward(self):
        order = list(self.topo(set()))
        self.grad = 1.0
        for node in reversed(order):
            if node.propagate:
                node.propagate()
