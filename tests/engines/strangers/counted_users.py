"""Partials are numbers on edges; a count of the users of each node tells when its adjoint is complete."""
import math


class Variable:
    """y = f(x_1, ..., x_m), m <= 2, with the partials dy/dx_k."""
    __slots__ = ("value", "grad", "edges", "pending", "__weakref__")

    def __init__(self, value, edges=()):
        self.value = float(value)
        self.grad = 0.0
        self.edges = edges
        self.pending = 0

    # arithmetic

    def __add__(self, other):
        y = _as_variable(other)
        return Variable(self.value + y.value, ((self, 1.0), (y, 1.0)))

    def __sub__(self, other):
        y = _as_variable(other)
        return Variable(self.value - y.value, ((self, 1.0), (y, -1.0)))

    def __mul__(self, other):
        if self is other:
            return Variable(self.value * self.value, ((self, 2.0 * self.value),))
        y = _as_variable(other)
        return Variable(self.value * y.value, ((self, y.value), (y, self.value)))

    def __truediv__(self, other):
        y = _as_variable(other)
        q = self.value / y.value
        return Variable(q, ((self, 1.0 / y.value), (y, -q / y.value)))

    def __pow__(self, other):
        if isinstance(other, Variable):
            x, p = self.value, other.value
            z = math.pow(x, p)
            return Variable(z, ((self, _dpow(x, p)), (other, z * math.log(x) if x > 0.0 else 0.0)))
        return Variable(math.pow(self.value, other), ((self, _dpow(self.value, other)),))

    def __neg__(self):
        return Variable(-self.value, ((self, -1.0),))

    def __radd__(self, other):
        return _as_variable(other) + self

    def __rsub__(self, other):
        return _as_variable(other) - self

    def __rmul__(self, other):
        return _as_variable(other) * self

    def __rtruediv__(self, other):
        return _as_variable(other) / self

    def __rpow__(self, other):
        return _as_variable(other) ** self

    # elementary functions

    def exp(self):
        e = math.exp(self.value)
        return Variable(e, ((self, e),))

    def log(self):
        return Variable(math.log(self.value), ((self, 1.0 / self.value),))

    def sin(self):
        return Variable(math.sin(self.value), ((self, math.cos(self.value)),))

    def cos(self):
        return Variable(math.cos(self.value), ((self, -math.sin(self.value)),))

    def sqrt(self):
        r = math.sqrt(self.value)
        return Variable(r, ((self, 0.5 / r if r else math.inf),))

    def tanh(self):
        t = math.tanh(self.value)
        return Variable(t, ((self, (1.0 - t) * (1.0 + t)),))

    def sigmoid(self):
        e = math.exp(-abs(self.value))  # never overflows
        s = 1.0 / (1.0 + e) if self.value >= 0.0 else e / (1.0 + e)
        return Variable(s, ((self, s * (1.0 - s)),))

    def relu(self):
        return Variable(max(self.value, 0.0), ((self, 1.0 if self.value > 0.0 else 0.0),))

    def abs(self):
        return Variable(math.fabs(self.value), ((self, _sign(self.value)),))

    # reverse sweep

    def backward(self):
        _count_users(self)
        self.grad = 1.0
        ready = [self]
        while ready:
            node = ready.pop()
            for operand, partial in node.edges:
                operand.grad += partial * node.grad
                operand.pending -= 1
                if operand.pending == 0:
                    ready.append(operand)


def _count_users(output):
    """Count, for each node below the output, the edges that lead to it; clear the adjoints."""
    reached = [output]
    known = {output}
    output.pending = 0
    for node in reached:  # grows
        node.grad = 0.0
        for operand, _ in node.edges:
            if operand not in known:
                known.add(operand)
                operand.pending = 0
                reached.append(operand)
            operand.pending += 1


def _as_variable(x):
    return x if isinstance(x, Variable) else Variable(x)


def _dpow(x, p):
    """d(x**p)/dx, also for p = 0 and p = 1 at x = 0."""
    if p == 0:
        return 0.0
    return p * math.pow(x, p - 1)


def _sign(x):
    return math.copysign(1.0, x) if x else 0.0
