"""autodiff for my tuning tools. op codes + tables, no closures, no per-op classes."""
import math
from enum import IntEnum


class Op(IntEnum):
    LEAF = 0
    ADD = 1; SUB = 2; MUL = 3; DIV = 4; POW = 5
    NEG = 6; EXP = 7; LOG = 8
    TANH = 9; RELU = 10; SIGMOID = 11
    SQRT = 12; SIN = 13; COS = 14
    ABS = 15; MAX = 16; MIN = 17


def logistic(x):
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


FORWARD = {
    Op.ADD: lambda x, y: x + y,
    Op.SUB: lambda x, y: x - y,
    Op.MUL: lambda x, y: x * y,
    Op.DIV: lambda x, y: x / y,
    Op.POW: lambda x, y: x ** y,
    Op.NEG: lambda x, _: -x,
    Op.EXP: lambda x, _: math.exp(x),
    Op.LOG: lambda x, _: math.log(x),
    Op.TANH: lambda x, _: math.tanh(x),
    Op.RELU: lambda x, _: x if x > 0.0 else 0.0,
    Op.SIGMOID: lambda x, _: logistic(x),
    Op.SQRT: lambda x, _: math.sqrt(x),
    Op.SIN: lambda x, _: math.sin(x),
    Op.COS: lambda x, _: math.cos(x),
    Op.ABS: lambda x, _: abs(x),
    Op.MAX: lambda x, y: x if x >= y else y,
    Op.MIN: lambda x, y: x if x <= y else y,
}


def push(node):
    """hand node's gradient down to its operands a and b"""
    a, b = node.a, node.b
    g, out = node.grad, node.data
    x = a.data
    y = b.data if b is not None else 0.0
    match node.op:
        case Op.ADD:
            a.grad += g
            b.grad += g
        case Op.SUB:
            a.grad += g
            b.grad -= g
        case Op.MUL:
            a.grad += g * y
            b.grad += g * x
        case Op.DIV:
            a.grad += g / y
            b.grad -= g * x / (y * y)
        case Op.POW:
            a.grad += g * y * x ** (y - 1.0) if y != 0.0 else 0.0
            b.grad += g * out * math.log(x) if x > 0.0 else 0.0
        case Op.NEG:
            a.grad -= g
        case Op.EXP:
            a.grad += g * out
        case Op.LOG:
            a.grad += g / x
        case Op.TANH:
            a.grad += g * (1.0 - out * out)
        case Op.RELU:
            a.grad += g if out > 0.0 else 0.0
        case Op.SIGMOID:
            a.grad += g * out * (1.0 - out)
        case Op.SQRT:
            a.grad += g / (2.0 * out)
        case Op.SIN:
            a.grad += g * math.cos(x)
        case Op.COS:
            a.grad -= g * math.sin(x)
        case Op.ABS:
            a.grad += math.copysign(g, g * x) if x != 0.0 else 0.0
        case Op.MAX | Op.MIN:
            winner = a if out == x else b
            winner.grad += g


class Operators:
    __slots__ = ()

    def __add__(self, other): return emit(Op.ADD, self, other)
    def __radd__(self, other): return emit(Op.ADD, other, self)
    def __sub__(self, other): return emit(Op.SUB, self, other)
    def __rsub__(self, other): return emit(Op.SUB, other, self)
    def __mul__(self, other): return emit(Op.MUL, self, other)
    def __rmul__(self, other): return emit(Op.MUL, other, self)
    def __truediv__(self, other): return emit(Op.DIV, self, other)
    def __rtruediv__(self, other): return emit(Op.DIV, other, self)
    def __pow__(self, other): return emit(Op.POW, self, other)
    def __rpow__(self, other): return emit(Op.POW, other, self)
    def __neg__(self): return emit(Op.NEG, self)
    def __abs__(self): return emit(Op.ABS, self)
    def exp(self): return emit(Op.EXP, self)
    def log(self): return emit(Op.LOG, self)
    def tanh(self): return emit(Op.TANH, self)
    def relu(self): return emit(Op.RELU, self)
    def sigmoid(self): return emit(Op.SIGMOID, self)
    def sqrt(self): return emit(Op.SQRT, self)
    def sin(self): return emit(Op.SIN, self)
    def cos(self): return emit(Op.COS, self)
    def abs(self): return emit(Op.ABS, self)
    def max(self, other): return emit(Op.MAX, self, other)
    def min(self, other): return emit(Op.MIN, self, other)


class Value(Operators):
    __slots__ = ("data", "grad", "op", "a", "b", "index")
    count = 0

    def __init__(self, data, op=Op.LEAF, a=None, b=None):
        self.data = float(data)
        self.grad = 0.0
        self.op, self.a, self.b = op, a, b
        self.index = Value.count
        Value.count += 1

    def __repr__(self):
        return f"<{self.op.name} #{self.index} {self.data:g} grad {self.grad:g}>"

    def backward(self):
        live, todo = {self.index: self}, [self]
        while todo:
            node = todo.pop()
            for child in (node.a, node.b):
                if child is not None and child.index not in live:
                    live[child.index] = child
                    todo.append(child)
        self.grad = 1.0
        for index in sorted(live, reverse=True):
            node = live[index]
            if node.op != Op.LEAF:
                push(node)


def wrap(v):
    return v if isinstance(v, Value) else Value(v)


def emit(op, a, b=None):
    a = wrap(a)
    if b is None:
        return Value(FORWARD[op](a.data, 0.0), op, a)
    b = wrap(b)
    return Value(FORWARD[op](a.data, b.data), op, a, b)
