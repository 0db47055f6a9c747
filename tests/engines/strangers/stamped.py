"""No sets and no closures: opcodes, a stamp for each backward, plain loops, everything updated in place."""
import math

LEAF, ADD, SUB, MUL, DIV, POW, NEG, EXP, LOG, TANH, RELU, SIGMOID, SQRT, ABS, MIN, MAX = range(16)


class Value:
    __slots__ = ("val", "grad", "op", "a", "b", "stamp")
    frame = 0

    def __init__(self, val, op=LEAF, a=None, b=None):
        self.val = float(val)
        self.grad = 0.0
        self.op = op
        self.a = a
        self.b = b
        self.stamp = -1

    def __add__(self, other):
        other = wrap(other)
        return Value(self.val + other.val, ADD, self, other)

    def __sub__(self, other):
        other = wrap(other)
        return Value(self.val - other.val, SUB, self, other)

    def __mul__(self, other):
        other = wrap(other)
        return Value(self.val * other.val, MUL, self, other)

    def __truediv__(self, other):
        other = wrap(other)
        return Value(self.val / other.val, DIV, self, other)

    def __pow__(self, other):
        other = wrap(other)
        return Value(self.val ** other.val, POW, self, other)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other): return wrap(other) - self
    def __rtruediv__(self, other): return wrap(other) / self
    def __rpow__(self, other): return wrap(other) ** self
    def __neg__(self): return Value(-self.val, NEG, self)
    def exp(self): return Value(math.exp(self.val), EXP, self)
    def log(self): return Value(math.log(self.val), LOG, self)
    def tanh(self): return Value(math.tanh(self.val), TANH, self)

    def relu(self):
        x = self.val
        if x < 0.0:
            x = 0.0
        return Value(x, RELU, self)

    def sigmoid(self):
        e = math.exp(-abs(self.val))
        return Value((1.0 if self.val >= 0.0 else e) / (1.0 + e), SIGMOID, self)

    def sqrt(self): return Value(math.sqrt(self.val), SQRT, self)
    def abs(self): return Value(abs(self.val), ABS, self)

    def min(self, other):
        other = wrap(other)
        return Value(min(self.val, other.val), MIN, self, other)

    def max(self, other):
        other = wrap(other)
        return Value(max(self.val, other.val), MAX, self, other)

    def backward(self):
        Value.frame += 1
        now = Value.frame
        order = []
        stack = [self]
        while stack:
            n = stack[-1]
            if n.stamp == now:
                stack.pop()
                continue
            top = len(stack)
            if n.a is not None and n.a.stamp != now:
                stack.append(n.a)
            if n.b is not None and n.b.stamp != now:
                stack.append(n.b)
            if len(stack) == top:
                n.stamp = now
                if n.op != LEAF:
                    n.grad = 0.0
                order.append(n)
                stack.pop()
        self.grad += 1.0
        for i in range(len(order) - 1, -1, -1):
            push(order[i])


def wrap(x):
    if isinstance(x, Value):
        return x
    return Value(x)


def push(n):
    """Add the share of each operand to its gradient."""
    op, a, b, g = n.op, n.a, n.b, n.grad
    if op == ADD:
        a.grad += g
        b.grad += g
    elif op == SUB:
        a.grad += g
        b.grad -= g
    elif op == MUL:
        a.grad += g * b.val
        b.grad += g * a.val
    elif op == DIV:
        a.grad += g / b.val
        b.grad -= g * n.val / b.val
    elif op == POW:
        if b.val != 0.0:
            a.grad += g * b.val * a.val ** (b.val - 1.0)
        if a.val > 0.0:
            b.grad += g * n.val * math.log(a.val)
    elif op == NEG:
        a.grad -= g
    elif op == EXP:
        a.grad += g * n.val
    elif op == LOG:
        a.grad += g / a.val
    elif op == TANH:
        a.grad += g * (1.0 - n.val * n.val)
    elif op == RELU:
        if n.val > 0.0:
            a.grad += g
    elif op == SIGMOID:
        a.grad += g * n.val * (1.0 - n.val)
    elif op == SQRT:
        a.grad += g * 0.5 / n.val
    elif op == ABS:
        if a.val < 0.0:
            a.grad -= g
        elif a.val > 0.0:
            a.grad += g
    elif op == MIN:
        if a.val < b.val:
            a.grad += g
        else:
            b.grad += g
    elif op == MAX:
        if a.val > b.val:
            a.grad += g
        else:
            b.grad += g
