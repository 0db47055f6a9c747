"""An arena of records and handles to them, with an enum of ops and match statements, as one writes it in Rust."""
from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto


class Op(Enum):
    LEAF = auto()
    ADD = auto()
    SUB = auto()
    MUL = auto()
    DIV = auto()
    POW = auto()
    NEG = auto()
    EXP = auto()
    LN = auto()
    TANH = auto()
    SIGMOID = auto()
    RELU = auto()
    SQRT = auto()
    SIN = auto()
    COS = auto()
    ABS = auto()
    MAX = auto()


@dataclass
class Record:
    op: Op
    args: tuple[int, ...]
    data: float
    grad: float = 0.0


class Arena:
    def __init__(self) -> None:
        self.records: list[Record] = []

    def push(self, op: Op, args: tuple[int, ...], data: float) -> int:
        self.records.append(Record(op, args, data))
        return len(self.records) - 1

    def apply(self, op: Op, *args: int) -> int:
        operands = [self.records[i].data for i in args]
        return self.push(op, args, self.forward(op, operands))

    def forward(self, op: Op, operands: list[float]) -> float:
        match op, operands:
            case Op.ADD, [a, b]: return a + b
            case Op.SUB, [a, b]: return a - b
            case Op.MUL, [a, b]: return a * b
            case Op.DIV, [a, b]: return a / b
            case Op.POW, [a, b]: return a ** b
            case Op.MAX, [a, b]: return a if a >= b else b
            case Op.NEG, [a]: return -a
            case Op.EXP, [a]: return math.exp(a)
            case Op.LN, [a]: return math.log(a)
            case Op.TANH, [a]: return math.tanh(a)
            case Op.SIGMOID, [a]: return 0.5 + 0.5 * math.tanh(0.5 * a)
            case Op.RELU, [a]: return a if a > 0.0 else 0.0
            case Op.SQRT, [a]: return math.sqrt(a)
            case Op.SIN, [a]: return math.sin(a)
            case Op.COS, [a]: return math.cos(a)
            case Op.ABS, [a]: return math.fabs(a)
            case _: raise AssertionError("unreachable")

    def partials(self, record: Record) -> tuple[float, ...]:
        y = record.data
        match record.op, [self.records[i].data for i in record.args]:
            case Op.LEAF, []: return ()
            case Op.ADD, [_, _]: return 1.0, 1.0
            case Op.SUB, [_, _]: return 1.0, -1.0
            case Op.MUL, [a, b]: return b, a
            case Op.DIV, [a, b]: return 1.0 / b, -a / b / b
            case Op.POW, [a, b]:
                by_base = b * a ** (b - 1.0) if b != 0.0 else 0.0
                by_exponent = y * math.log(a) if a > 0.0 else 0.0
                return by_base, by_exponent
            case Op.MAX, [a, b]: return (1.0, 0.0) if a >= b else (0.0, 1.0)
            case Op.NEG, [_]: return (-1.0,)
            case Op.EXP, [_]: return (y,)
            case Op.LN, [a]: return (1.0 / a,)
            case Op.TANH, [_]: return (1.0 - y * y,)
            case Op.SIGMOID, [_]: return (y * (1.0 - y),)
            case Op.RELU, [a] if a > 0.0: return (1.0,)
            case Op.RELU, [_]: return (0.0,)
            case Op.SQRT, [_]: return (0.5 / y,)
            case Op.SIN, [a]: return (math.cos(a),)
            case Op.COS, [a]: return (-math.sin(a),)
            case Op.ABS, [a]: return (float(a > 0.0) - float(a < 0.0),)
            case _: raise AssertionError("unreachable")

    def reachable(self, root: int) -> list[int]:
        mark = {root}
        stack = [root]
        while stack:
            for arg in self.records[stack.pop()].args:
                if arg not in mark:
                    mark.add(arg)
                    stack.append(arg)
        return sorted(mark)

    def backward(self, root: int) -> None:
        order = self.reachable(root)
        for index in order:
            if self.records[index].op is not Op.LEAF:
                self.records[index].grad = 0.0
        self.records[root].grad = 1.0
        for index in reversed(order):
            record = self.records[index]
            for arg, partial in zip(record.args, self.partials(record)):
                self.records[arg].grad += partial * record.grad


ARENA = Arena()


class Value:
    __slots__ = ("index",)

    def __init__(self, data: float) -> None:
        self.index = ARENA.push(Op.LEAF, (), float(data))

    @classmethod
    def handle(cls, index: int) -> Value:
        value = cls.__new__(cls)
        value.index = index
        return value

    @property
    def data(self) -> float:
        return ARENA.records[self.index].data

    @property
    def grad(self) -> float:
        return ARENA.records[self.index].grad

    def backward(self) -> None:
        ARENA.backward(self.index)

    def __add__(self, rhs): return binary(Op.ADD, self, rhs)
    def __radd__(self, lhs): return binary(Op.ADD, lhs, self)
    def __sub__(self, rhs): return binary(Op.SUB, self, rhs)
    def __rsub__(self, lhs): return binary(Op.SUB, lhs, self)
    def __mul__(self, rhs): return binary(Op.MUL, self, rhs)
    def __rmul__(self, lhs): return binary(Op.MUL, lhs, self)
    def __truediv__(self, rhs): return binary(Op.DIV, self, rhs)
    def __rtruediv__(self, lhs): return binary(Op.DIV, lhs, self)
    def __pow__(self, rhs): return binary(Op.POW, self, rhs)
    def __rpow__(self, lhs): return binary(Op.POW, lhs, self)
    def max(self, rhs): return binary(Op.MAX, self, rhs)
    def __neg__(self): return unary(Op.NEG, self)
    def __abs__(self): return unary(Op.ABS, self)
    def exp(self): return unary(Op.EXP, self)
    def ln(self): return unary(Op.LN, self)
    def tanh(self): return unary(Op.TANH, self)
    def sigmoid(self): return unary(Op.SIGMOID, self)
    def relu(self): return unary(Op.RELU, self)
    def sqrt(self): return unary(Op.SQRT, self)
    def sin(self): return unary(Op.SIN, self)
    def cos(self): return unary(Op.COS, self)


def to_handle(x) -> Value:
    return x if isinstance(x, Value) else Value(x)


def unary(op: Op, x: Value) -> Value:
    return Value.handle(ARENA.apply(op, x.index))


def binary(op: Op, lhs, rhs) -> Value:
    return Value.handle(ARENA.apply(op, to_handle(lhs).index, to_handle(rhs).index))
