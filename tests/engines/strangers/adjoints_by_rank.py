"""Adjoint method on a computational graph, graded by rank.

A quantity that is measured (a leaf) has rank 0; one that is computed has a rank one higher than
the largest rank among its operands. No quantity depends on another of the same rank, so the
adjoints can be swept down rank by rank.
"""
from functools import singledispatch

import numpy as np

ZERO, ONE = np.float64(0.0), np.float64(1.0)


# ---------------------------------------------------------------- laws

class Law: pass
class Sum(Law): pass
class Difference(Law): pass
class Product(Law): pass
class Quotient(Law): pass
class Power(Law): pass
class Negation(Law): pass
class Exponential(Law): pass
class Logarithm(Law): pass
class SquareRoot(Law): pass
class Sine(Law): pass
class Cosine(Law): pass
class HyperbolicTangent(Law): pass
class Logistic(Law): pass
class Rectifier(Law): pass
class Modulus(Law): pass
class Larger(Law): pass
class Smaller(Law): pass


@singledispatch
def evaluate(law, *x):
    raise NotImplementedError(f"no formula for {type(law).__name__}")


@singledispatch
def shares(law, w, y, *x):
    """What each operand receives of w, the adjoint of y = law(*x)."""
    raise NotImplementedError(f"no adjoint rule for {type(law).__name__}")


@evaluate.register
def _(law: Sum, a, b): return a + b
@shares.register
def _(law: Sum, w, y, a, b): return w, w

@evaluate.register
def _(law: Difference, a, b): return a - b
@shares.register
def _(law: Difference, w, y, a, b): return w, -w

@evaluate.register
def _(law: Product, a, b): return a * b
@shares.register
def _(law: Product, w, y, a, b): return w * b, w * a

@evaluate.register
def _(law: Quotient, a, b): return a / b
@shares.register
def _(law: Quotient, w, y, a, b): return w / b, -w * a / b**2

@evaluate.register
def _(law: Power, x, n): return x ** n
@shares.register
def _(law: Power, w, y, x, n):
    dx = n * x ** (n - 1) if n != 0 else ZERO
    dn = y * np.log(x) if x > 0 else ZERO
    return w * dx, w * dn

@evaluate.register
def _(law: Negation, x): return -x
@shares.register
def _(law: Negation, w, y, x): return (-w,)

@evaluate.register
def _(law: Exponential, x): return np.exp(x)
@shares.register
def _(law: Exponential, w, y, x): return (w * y,)

@evaluate.register
def _(law: Logarithm, x): return np.log(x)
@shares.register
def _(law: Logarithm, w, y, x): return (w / x,)

@evaluate.register
def _(law: SquareRoot, x): return np.sqrt(x)
@shares.register
def _(law: SquareRoot, w, y, x): return (w / (2 * y),)

@evaluate.register
def _(law: Sine, x): return np.sin(x)
@shares.register
def _(law: Sine, w, y, x): return (w * np.cos(x),)

@evaluate.register
def _(law: Cosine, x): return np.cos(x)
@shares.register
def _(law: Cosine, w, y, x): return (-w * np.sin(x),)

@evaluate.register
def _(law: HyperbolicTangent, x): return np.tanh(x)
@shares.register
def _(law: HyperbolicTangent, w, y, x): return (w * (1 - y**2),)

@evaluate.register
def _(law: Logistic, x):
    e = np.exp(-abs(x))
    return 1 / (1 + e) if x >= 0 else e / (1 + e)
@shares.register
def _(law: Logistic, w, y, x): return (w * y * (1 - y),)

@evaluate.register
def _(law: Rectifier, x): return max(x, ZERO)
@shares.register
def _(law: Rectifier, w, y, x): return (w * np.heaviside(x, 0),)

@evaluate.register
def _(law: Modulus, x): return np.abs(x)
@shares.register
def _(law: Modulus, w, y, x): return (w * np.sign(x),)

@evaluate.register
def _(law: Larger, a, b): return np.maximum(a, b)
@shares.register
def _(law: Larger, w, y, a, b): return (w, ZERO) if a >= b else (ZERO, w)

@evaluate.register
def _(law: Smaller, a, b): return np.minimum(a, b)
@shares.register
def _(law: Smaller, w, y, a, b): return (w, ZERO) if a <= b else (ZERO, w)


# ---------------------------------------------------------------- quantities

def quantity(x):
    return x if isinstance(x, Value) else Value(x)


def apply(law, *operands):
    operands = tuple(quantity(x) for x in operands)
    y = Value(evaluate(law, *(x.data for x in operands)))
    y.law = law
    y.operands = operands
    y.rank = 1 + max(x.rank for x in operands)
    return y


class Value:
    __array_ufunc__ = None  # np.float64(2) * x is ours, not numpy's

    def __init__(self, data):
        self.data = np.float64(data)
        self.adjoint = ZERO
        self.law = None
        self.operands = ()
        self.rank = 0

    @property
    def grad(self): return self.adjoint

    def __add__(self, other): return apply(Sum(), self, other)
    def __radd__(self, other): return apply(Sum(), other, self)
    def __sub__(self, other): return apply(Difference(), self, other)
    def __rsub__(self, other): return apply(Difference(), other, self)
    def __mul__(self, other): return apply(Product(), self, other)
    def __rmul__(self, other): return apply(Product(), other, self)
    def __truediv__(self, other): return apply(Quotient(), self, other)
    def __rtruediv__(self, other): return apply(Quotient(), other, self)
    def __pow__(self, other): return apply(Power(), self, other)
    def __rpow__(self, other): return apply(Power(), other, self)
    def __neg__(self): return apply(Negation(), self)
    def __abs__(self): return apply(Modulus(), self)
    def exp(self): return apply(Exponential(), self)
    def log(self): return apply(Logarithm(), self)
    def sqrt(self): return apply(SquareRoot(), self)
    def sin(self): return apply(Sine(), self)
    def cos(self): return apply(Cosine(), self)
    def tanh(self): return apply(HyperbolicTangent(), self)
    def sigmoid(self): return apply(Logistic(), self)
    def relu(self): return apply(Rectifier(), self)
    def max(self, other): return apply(Larger(), self, other)
    def min(self, other): return apply(Smaller(), self, other)

    def strata(self):
        """Everything that this quantity depends on, in one bucket per rank."""
        buckets = [[] for _ in range(self.rank + 1)]
        buckets[self.rank].append(self)
        found = {id(self)}
        for rank in range(self.rank, 0, -1):
            for node in buckets[rank]:
                for x in node.operands:
                    if id(x) not in found:
                        found.add(id(x))
                        buckets[x.rank].append(x)
        return buckets

    def backward(self):
        buckets = self.strata()
        for bucket in buckets:
            for node in bucket:
                node.adjoint = ZERO
        self.adjoint = ONE
        while len(buckets) > 1:
            for node in buckets.pop():
                inputs = [x.data for x in node.operands]
                for x, share in zip(node.operands, shares(node.law, node.adjoint, node.data, *inputs)):
                    x.adjoint = x.adjoint + share

    def __repr__(self):
        return f"Value({self.data:.6g}, adjoint={self.adjoint:.6g}, rank={self.rank})"
