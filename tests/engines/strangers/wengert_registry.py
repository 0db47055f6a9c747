"""Reverse mode on a Wengert list: line k of an evaluation is w[k] = op(w[i], w[j]).

Ops live in a registry: @primitive(name, vjp) files a forward function together with its
vector-Jacobian product. The operators of Value are made from the registry, in a loop.
"""
import itertools

import numpy as np

np.seterr(all="ignore")
PRIMITIVES = {}
LINE_NUMBERS = itertools.count()


class Op:
    def __init__(self, name, forward, vjp):
        self.name, self.forward, self.vjp = name, forward, vjp

    def __call__(self, *operands):
        args = tuple(lift(x) for x in operands)
        w = self.forward(*(a.data for a in args))
        return Value(w, self.name, args)


def primitive(name, vjp):
    def register(forward):
        PRIMITIVES[name] = Op(name, forward, vjp)
        return forward
    return register


class Value:
    __array_ufunc__ = None  # NumPy scalars on the left leave the operator to us

    def __init__(self, data, op=None, args=()):
        self.data = np.float64(data)
        self.grad = np.float64(0.0)
        self.op = op
        self.args = args
        self.line = next(LINE_NUMBERS)

    def backward(self): reverse_sweep(self)
    def __repr__(self): return f"w{self.line} = {self.data}, adjoint {self.grad}"


def lift(x):
    return x if isinstance(x, Value) else Value(x)

# vjp(wbar, w, a[, b]): adjoint and value of the result, then the values of the operands

@primitive("add", lambda wbar, w, a, b: (wbar, wbar))
def add(a, b): return a + b

@primitive("sub", lambda wbar, w, a, b: (wbar, -wbar))
def sub(a, b): return a - b

@primitive("mul", lambda wbar, w, a, b: (wbar * b, wbar * a))
def mul(a, b): return a * b

@primitive("div", lambda wbar, w, a, b: (wbar / b, -wbar * w / b))
def div(a, b): return a / b

def pow_vjp(wbar, w, a, b):
    abar = wbar * (b * a ** (b - 1)) if b != 0 else 0.0 * wbar
    bbar = wbar * (w * np.log(a)) if a > 0 else 0.0 * wbar
    return abar, bbar

@primitive("pow", pow_vjp)
def power(a, b): return a ** b

@primitive("max", lambda wbar, w, a, b: (wbar, 0.0) if a >= b else (0.0, wbar))
def maximum(a, b): return np.maximum(a, b)

@primitive("min", lambda wbar, w, a, b: (wbar, 0.0) if a <= b else (0.0, wbar))
def minimum(a, b): return np.minimum(a, b)

@primitive("neg", lambda wbar, w, a: (-wbar,))
def neg(a): return -a

@primitive("exp", lambda wbar, w, a: (wbar * w,))
def exp(a): return np.exp(a)

@primitive("log", lambda wbar, w, a: (wbar / a,))
def log(a): return np.log(a)

@primitive("sqrt", lambda wbar, w, a: (wbar / (2 * w),))
def sqrt(a): return np.sqrt(a)

@primitive("sin", lambda wbar, w, a: (wbar * np.cos(a),))
def sin(a): return np.sin(a)

@primitive("cos", lambda wbar, w, a: (-wbar * np.sin(a),))
def cos(a): return np.cos(a)

@primitive("tanh", lambda wbar, w, a: (wbar * (1 - w * w),))
def tanh(a): return np.tanh(a)

@primitive("sigmoid", lambda wbar, w, a: (wbar * w * (1 - w),))
def sigmoid(a):
    e = np.exp(-np.abs(a))
    return (1.0 if a >= 0 else e) / (1 + e)

@primitive("relu", lambda wbar, w, a: (wbar if a > 0 else 0.0,))
def relu(a): return np.maximum(a, 0.0)

@primitive("abs", lambda wbar, w, a: (wbar * np.sign(a),))
def absolute(a): return np.abs(a)

INFIX = {"add": "add", "sub": "sub", "mul": "mul", "div": "truediv", "pow": "pow"}
for name, stem in INFIX.items():
    binary = PRIMITIVES[name]
    setattr(Value, f"__{stem}__", lambda self, other, op=binary: op(self, other))
    setattr(Value, f"__r{stem}__", lambda self, other, op=binary: op(other, self))
for name, method in PRIMITIVES.items():
    if name not in INFIX:
        setattr(Value, name, lambda self, *others, op=method: op(self, *others))
Value.__neg__ = Value.neg
Value.__abs__ = Value.abs


def wengert_list(output):
    """The lines that the output depends on, in the order in which they were evaluated."""
    lines, todo, seen = [], [output], {output.line}
    while todo:
        v = todo.pop()
        lines.append(v)
        for a in v.args:
            if a.line not in seen:
                seen.add(a.line)
                todo.append(a)
    return sorted(lines, key=lambda v: v.line)


def reverse_sweep(output):
    lines = wengert_list(output)
    n = len(lines)
    position = {v.line: k for k, v in enumerate(lines)}
    adjoint = np.zeros(n)
    partial = np.zeros((n, 2))
    adjoint[n - 1] = 1.0
    for k in range(n - 1, -1, -1):
        v = lines[k]
        if v.op is None:
            continue
        where = [position[a.line] for a in v.args]
        m = len(where)
        partial[k, :m] = PRIMITIVES[v.op].vjp(adjoint[k], v.data, *(a.data for a in v.args))
        np.add.at(adjoint, where, partial[k, :m])
    for v, g in zip(lines, adjoint):
        v.grad = g
