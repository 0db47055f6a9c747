"""Scalar reverse-mode differentiation: a dataclass, an enumeration of operations, and two match statements."""
from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Sequence, Union


class Op(Enum):
    """What a node was computed with."""
    LEAF, CONST = auto(), auto()
    ADD, SUB, MUL, DIV, POW, MAX, MIN = (auto() for _ in range(7))
    NEG, EXP, LOG, TANH, SIGMOID, RELU, SQRT, SIN, COS, ABS = (auto() for _ in range(10))


@dataclass(eq=False)
class Value:
    data: float
    op: Op = Op.LEAF
    operands: tuple[Value, ...] = field(default=(), repr=False)
    grad: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.data = float(self.data)

    def __add__(self, other: Operand) -> Value: return apply(Op.ADD, self, other)
    def __radd__(self, other: Operand) -> Value: return apply(Op.ADD, other, self)
    def __sub__(self, other: Operand) -> Value: return apply(Op.SUB, self, other)
    def __rsub__(self, other: Operand) -> Value: return apply(Op.SUB, other, self)
    def __mul__(self, other: Operand) -> Value: return apply(Op.MUL, self, other)
    def __rmul__(self, other: Operand) -> Value: return apply(Op.MUL, other, self)
    def __truediv__(self, other: Operand) -> Value: return apply(Op.DIV, self, other)
    def __rtruediv__(self, other: Operand) -> Value: return apply(Op.DIV, other, self)
    def __pow__(self, other: Operand) -> Value: return apply(Op.POW, self, other)
    def __rpow__(self, other: Operand) -> Value: return apply(Op.POW, other, self)
    def max(self, other: Operand) -> Value: return apply(Op.MAX, self, other)
    def min(self, other: Operand) -> Value: return apply(Op.MIN, self, other)
    def __neg__(self) -> Value: return apply(Op.NEG, self)
    def __abs__(self) -> Value: return apply(Op.ABS, self)
    def exp(self) -> Value: return apply(Op.EXP, self)
    def log(self) -> Value: return apply(Op.LOG, self)
    def tanh(self) -> Value: return apply(Op.TANH, self)
    def sigmoid(self) -> Value: return apply(Op.SIGMOID, self)
    def relu(self) -> Value: return apply(Op.RELU, self)
    def sqrt(self) -> Value: return apply(Op.SQRT, self)
    def sin(self) -> Value: return apply(Op.SIN, self)
    def cos(self) -> Value: return apply(Op.COS, self)

    def backward(self) -> None:
        order = postorder(self)
        for node in order:
            node.grad = 0.0
        self.grad = 1.0
        for node in reversed(order):
            propagate(node)


Operand = Union[Value, float, int]


def lift(x: Operand) -> Value:
    """Plain numbers become constants."""
    return x if isinstance(x, Value) else Value(x, Op.CONST)


def apply(op: Op, *operands: Operand) -> Value:
    nodes = tuple(lift(x) for x in operands)
    return Value(evaluate(op, [n.data for n in nodes]), op, nodes)


def evaluate(op: Op, args: Sequence[float]) -> float:
    match op, args:
        case Op.ADD, [a, b]: return a + b
        case Op.SUB, [a, b]: return a - b
        case Op.MUL, [a, b]: return a * b
        case Op.DIV, [a, b]: return a / b
        case Op.POW, [a, b]: return a ** b
        case Op.MAX, [a, b]: return a if a >= b else b
        case Op.MIN, [a, b]: return a if a <= b else b
        case Op.NEG, [a]: return -a
        case Op.EXP, [a]: return math.exp(a)
        case Op.LOG, [a]: return math.log(a)
        case Op.TANH, [a]: return math.tanh(a)
        case Op.SIGMOID, [a]: return 0.5 * (1.0 + math.tanh(0.5 * a))
        case Op.RELU, [a]: return a if a > 0.0 else 0.0
        case Op.SQRT, [a]: return math.sqrt(a)
        case Op.SIN, [a]: return math.sin(a)
        case Op.COS, [a]: return math.cos(a)
        case Op.ABS, [a]: return abs(a)
    raise ValueError(f"{op} doesn't take {len(args)} operands")


def postorder(root: Value) -> list[Value]:
    """All nodes that root depends on, each after its operands."""
    order: list[Value] = []
    seen: set[Value] = {root}
    stack: list[tuple[Value, int]] = [(root, 0)]
    while stack:
        node, index = stack.pop()
        if index < len(node.operands):
            stack.append((node, index + 1))
            operand = node.operands[index]
            if operand not in seen:
                seen.add(operand)
                stack.append((operand, 0))
        else:
            order.append(node)
    return order


def propagate(node: Value) -> None:
    """Hands the gradient of a node on to its operands."""
    g, y = node.grad, node.data
    match node.op, node.operands:
        case Op.ADD, (a, b):
            a.grad += g
            b.grad += g
        case Op.SUB, (a, b):
            a.grad += g
            b.grad -= g
        case Op.MUL, (a, b):
            a.grad += g * b.data
            b.grad += g * a.data
        case Op.DIV, (a, b):
            a.grad += g / b.data
            b.grad -= g * a.data / (b.data * b.data)
        case Op.POW, (a, b):
            if b.data != 0.0:
                a.grad += g * b.data * a.data ** (b.data - 1.0)
            if b.op is not Op.CONST and a.data > 0.0:
                b.grad += g * y * math.log(a.data)
        case Op.MAX | Op.MIN, (a, b):
            chosen = a if a.data == y else b
            chosen.grad += g
        case Op.NEG, (a,): a.grad -= g
        case Op.EXP, (a,): a.grad += g * y
        case Op.LOG, (a,): a.grad += g / a.data
        case Op.TANH, (a,): a.grad += g * (1.0 - y * y)
        case Op.SIGMOID, (a,): a.grad += g * y * (1.0 - y)
        case Op.RELU, (a,):
            if a.data > 0.0:
                a.grad += g
        case Op.SQRT, (a,): a.grad += g * 0.5 / y
        case Op.SIN, (a,): a.grad += g * math.cos(a.data)
        case Op.COS, (a,): a.grad -= g * math.sin(a.data)
        case Op.ABS, (a,):
            if a.data != 0.0:
                a.grad += math.copysign(g, g * a.data)
