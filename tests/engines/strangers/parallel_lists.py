"""Parallel lists on one global graph, integer handles, Values that only hold one: C++ in Python."""

import enum
import math


class Op(enum.IntEnum):
    LEAF, ADD, SUB, MUL, DIV, POW, MAX, MIN = range(8)
    NEG, EXP, LOG, TANH, SIGMOID, RELU, SQRT, SIN, COS, ABS = range(8, 18)


NONE = -1


class Graph:
    def __init__(self):
        self.op = []
        self.lhs = []
        self.rhs = []
        self.data = []
        self.grad = []

    def push(self, op, data, lhs=NONE, rhs=NONE):
        self.op.append(op)
        self.lhs.append(lhs)
        self.rhs.append(rhs)
        self.data.append(data)
        self.grad.append(0.0)
        return len(self.op) - 1

    def partials(self, i):
        op, y = self.op[i], self.data[i]
        a = self.data[self.lhs[i]]
        if op == Op.ADD:
            return 1.0, 1.0
        if op == Op.SUB:
            return 1.0, -1.0
        if op == Op.NEG:
            return -1.0, 0.0
        if op == Op.EXP:
            return y, 0.0
        if op == Op.LOG:
            return 1.0 / a, 0.0
        if op == Op.TANH:
            return (1.0 - y) * (1.0 + y), 0.0
        if op == Op.SIGMOID:
            return y * (1.0 - y), 0.0
        if op == Op.RELU:
            return float(a > 0.0), 0.0
        if op == Op.SQRT:
            return 1.0 / (2.0 * y), 0.0
        if op == Op.SIN:
            return math.cos(a), 0.0
        if op == Op.COS:
            return -math.sin(a), 0.0
        if op == Op.ABS:
            return float((a > 0.0) - (a < 0.0)), 0.0
        b = self.data[self.rhs[i]]
        if op == Op.MUL:
            return b, a
        if op == Op.DIV:
            return 1.0 / b, -y / b
        if op == Op.POW:
            return (b * a ** (b - 1.0) if b else 0.0), (y * math.log(a) if a > 0.0 else 0.0)
        if op == Op.MAX:
            return (1.0, 0.0) if a >= b else (0.0, 1.0)
        if op == Op.MIN:
            return (1.0, 0.0) if a <= b else (0.0, 1.0)
        raise AssertionError(op)

    def backward(self, root):
        for i in range(len(self.grad)):
            self.grad[i] = 0.0
        self.grad[root] = 1.0
        i = root
        while i >= 0:  # an operand always has a smaller handle
            g = self.grad[i]
            if self.op[i] != Op.LEAF and g != 0.0:
                da, db = self.partials(i)
                self.grad[self.lhs[i]] += da * g
                if self.rhs[i] != NONE:
                    self.grad[self.rhs[i]] += db * g
            i -= 1


graph = Graph()


def handle(x):
    return x.h if isinstance(x, Value) else graph.push(Op.LEAF, float(x))


def wrap(h):
    v = Value.__new__(Value)
    v.h = h
    return v


def unary(op, f, a):
    return wrap(graph.push(op, f(graph.data[a]), a))


def binary(op, f, a, b):
    return wrap(graph.push(op, f(graph.data[a], graph.data[b]), a, b))


def logistic(x):
    e = math.exp(-abs(x))
    return 1.0 / (1.0 + e) if x > 0.0 else e / (1.0 + e)


class Value:
    __slots__ = ("h",)

    def __init__(self, x):
        self.h = graph.push(Op.LEAF, float(x))

    @property
    def data(self): return graph.data[self.h]

    @property
    def grad(self): return graph.grad[self.h]

    def backward(self): graph.backward(self.h)

    def __add__(self, o): return binary(Op.ADD, lambda a, b: a + b, self.h, handle(o))
    def __radd__(self, o): return binary(Op.ADD, lambda a, b: a + b, handle(o), self.h)
    def __sub__(self, o): return binary(Op.SUB, lambda a, b: a - b, self.h, handle(o))
    def __rsub__(self, o): return binary(Op.SUB, lambda a, b: a - b, handle(o), self.h)
    def __mul__(self, o): return binary(Op.MUL, lambda a, b: a * b, self.h, handle(o))
    def __rmul__(self, o): return binary(Op.MUL, lambda a, b: a * b, handle(o), self.h)
    def __truediv__(self, o): return binary(Op.DIV, lambda a, b: a / b, self.h, handle(o))
    def __rtruediv__(self, o): return binary(Op.DIV, lambda a, b: a / b, handle(o), self.h)
    def __pow__(self, o): return binary(Op.POW, lambda a, b: a ** b, self.h, handle(o))
    def __rpow__(self, o): return binary(Op.POW, lambda a, b: a ** b, handle(o), self.h)
    def max(self, o): return binary(Op.MAX, max, self.h, handle(o))
    def min(self, o): return binary(Op.MIN, min, self.h, handle(o))
    def __neg__(self): return unary(Op.NEG, lambda a: -a, self.h)
    def __abs__(self): return unary(Op.ABS, abs, self.h)
    def exp(self): return unary(Op.EXP, math.exp, self.h)
    def log(self): return unary(Op.LOG, math.log, self.h)
    def tanh(self): return unary(Op.TANH, math.tanh, self.h)
    def sigmoid(self): return unary(Op.SIGMOID, logistic, self.h)
    def relu(self): return unary(Op.RELU, lambda a: max(0.0, a), self.h)
    def sqrt(self): return unary(Op.SQRT, math.sqrt, self.h)
    def sin(self): return unary(Op.SIN, math.sin, self.h)
    def cos(self): return unary(Op.COS, math.cos, self.h)
