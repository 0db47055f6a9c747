"""Autodiff with a tape.

Each operation writes one line onto TAPE: its result, and for each operand how
strongly the result reacts to it. backward() reads the tape from the end to the
beginning, and then throws it away.
"""

import math

TAPE = []


def record(result, *reactions):
    """Write (result, [(operand, local derivative), ...]) onto the tape."""
    TAPE.append((result, reactions))
    return result


class Var:
    def __init__(self, val):
        self.val = val
        self.grad = 0.0

    def __repr__(self):
        return "Var(%r, grad=%r)" % (self.val, self.grad)

    # ------------------------------------------------------------ arithmetic

    def __add__(self, other):
        other = as_var(other)
        return record(Var(self.val + other.val), (self, 1.0), (other, 1.0))

    __radd__ = __add__

    def __mul__(self, other):
        other = as_var(other)
        return record(Var(self.val * other.val), (self, other.val), (other, self.val))

    __rmul__ = __mul__

    def __neg__(self):
        return record(Var(-self.val), (self, -1.0))

    def __sub__(self, other):
        return self + -as_var(other)

    def __rsub__(self, other):
        return as_var(other) + -self

    def reciprocal(self):
        r = 1.0 / self.val
        return record(Var(r), (self, -r * r))

    def __truediv__(self, other):
        return self * as_var(other).reciprocal()

    def __rtruediv__(self, other):
        return as_var(other) * self.reciprocal()

    def __pow__(self, other):
        if not isinstance(other, Var):
            result = self.val ** other
            slope = other * self.val ** (other - 1) if other else 0.0
            return record(Var(result), (self, slope))
        result = self.val ** other.val
        return record(
            Var(result),
            (self, other.val * self.val ** (other.val - 1)),
            (other, result * math.log(self.val)),
        )

    def __rpow__(self, other):
        return as_var(other) ** self

    def __abs__(self):
        return record(Var(abs(self.val)), (self, math.copysign(1.0, self.val)))

    # ------------------------------------------------------------- backward

    def backward(self):
        self.grad = 1.0
        for result, reactions in reversed(TAPE):
            for operand, reaction in reactions:
                operand.grad += reaction * result.grad
        TAPE.clear()


def as_var(x):
    if isinstance(x, Var):
        return x
    return Var(x)


# ------------------------------------------------------------------ functions


def exp(x):
    e = math.exp(x.val)
    return record(Var(e), (x, e))


def log(x):
    return record(Var(math.log(x.val)), (x, 1.0 / x.val))


def sin(x):
    return record(Var(math.sin(x.val)), (x, math.cos(x.val)))


def cos(x):
    return record(Var(math.cos(x.val)), (x, -math.sin(x.val)))


def sqrt(x):
    return x ** 0.5


def tanh(x):
    t = math.tanh(x.val)
    return record(Var(t), (x, 1.0 - t * t))


def sigmoid(x):
    # 0.5 * (1 + tanh(x / 2)) would lose digits far to the left
    e = math.exp(-abs(x.val))
    s = 1.0 / (1.0 + e) if x.val >= 0 else e / (1.0 + e)
    return record(Var(s), (x, s * (1.0 - s)))


def relu(x):
    if x.val > 0:
        return record(Var(x.val), (x, 1.0))
    return record(Var(0.0), (x, 0.0))


def maximum(a, b):
    a, b = as_var(a), as_var(b)
    bigger = a if a.val >= b.val else b
    return record(Var(bigger.val), (bigger, 1.0))


def minimum(a, b):
    a, b = as_var(a), as_var(b)
    smaller = a if a.val <= b.val else b
    return record(Var(smaller.val), (smaller, 1.0))
