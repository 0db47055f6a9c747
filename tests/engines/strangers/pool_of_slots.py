"""Autograd with a node pool: parallel arrays of kinds and operands; slots are counted and used again."""
import math
from array import array

(LEAF, ADD, SUB, MUL, DIV, POW, NEG, EXP, LOG, TANH, RELU, SIGMOID,
 SQRT, SIN, COS, ABS) = range(16)
NONE = -1


class Pool:
    def __init__(self):
        self.kind, self.lhs, self.rhs, self.refs, self.seen, self.dirty = (array("l") for _ in range(6))
        self.data, self.grad = array("d"), array("d")
        self.users, self.free = [], []
        self.frame = 0

    def spawn(self, kind, lhs=NONE, rhs=NONE, data=0.0):
        if self.free:
            slot = self.free.pop()
        else:
            slot = len(self.kind)
            for column in (self.kind, self.lhs, self.rhs, self.refs, self.seen, self.dirty, self.data, self.grad):
                column.append(0)
            self.users.append([])
        self.kind[slot], self.lhs[slot], self.rhs[slot] = kind, lhs, rhs
        self.data[slot], self.grad[slot] = data, 0.0
        self.dirty[slot] = kind != LEAF
        self.refs[slot] = 1
        for child in self.children(slot):
            self.refs[child] += 1
            self.users[child].append(slot)
        return slot

    def release(self, slot):
        pending = [slot]
        while pending:
            s = pending.pop()
            self.refs[s] -= 1
            if self.refs[s] > 0:
                continue
            for child in self.children(s):
                self.users[child].remove(s)
                pending.append(child)
            self.free.append(s)

    def children(self, slot):
        return [c for c in (self.lhs[slot], self.rhs[slot]) if c != NONE]

    def sort(self, root, wanted=None):
        self.frame += 1
        order, stack = [], [(root, False)]
        while stack:
            slot, done = stack.pop()
            if done:
                order.append(slot)
                continue
            if self.seen[slot] == self.frame:
                continue
            self.seen[slot] = self.frame
            stack.append((slot, True))
            for child in self.children(slot):
                if wanted is None or wanted[child]:
                    stack.append((child, False))
        return order

    def read(self, slot):
        if self.dirty[slot]:
            for s in self.sort(slot, self.dirty):
                self.data[s] = self.evaluate(s)
                self.dirty[s] = False
        return self.data[slot]

    def write(self, slot, data):
        self.data[slot] = data
        pending = list(self.users[slot])
        while pending:
            s = pending.pop()
            if not self.dirty[s]:
                self.dirty[s] = True
                pending.extend(self.users[s])

    def evaluate(self, slot):
        kind = self.kind[slot]
        a = self.data[self.lhs[slot]]
        b = self.data[self.rhs[slot]]
        if kind == ADD: return a + b
        if kind == SUB: return a - b
        if kind == MUL: return a * b
        if kind == DIV: return a / b
        if kind == POW: return a ** b
        if kind == NEG: return -a
        if kind == EXP: return math.exp(a)
        if kind == LOG: return math.log(a)
        if kind == TANH: return math.tanh(a)
        if kind == RELU: return a if a > 0 else 0.0
        if kind == SIGMOID: return 0.5 * (1.0 + math.tanh(0.5 * a))
        if kind == SQRT: return math.sqrt(a)
        if kind == SIN: return math.sin(a)
        if kind == COS: return math.cos(a)
        if kind == ABS: return abs(a)

    def slopes(self, slot):
        kind, y = self.kind[slot], self.data[slot]
        a = self.data[self.lhs[slot]]
        b = self.data[self.rhs[slot]]
        if kind == ADD: return 1.0, 1.0
        if kind == SUB: return 1.0, -1.0
        if kind == MUL: return b, a
        if kind == DIV: return 1.0 / b, -y / b
        if kind == POW: return b * a ** (b - 1.0) if b else 0.0, y * math.log(a) if a > 0 else 0.0
        if kind == NEG: return -1.0, 0.0
        if kind == EXP: return y, 0.0
        if kind == LOG: return 1.0 / a, 0.0
        if kind == TANH: return 1.0 - y * y, 0.0
        if kind == RELU: return float(a > 0), 0.0
        if kind == SIGMOID: return y * (1.0 - y), 0.0
        if kind == SQRT: return 0.5 / y, 0.0
        if kind == SIN: return math.cos(a), 0.0
        if kind == COS: return -math.sin(a), 0.0
        if kind == ABS: return float((a > 0) - (a < 0)), 0.0

    def backprop(self, root):
        self.read(root)
        order = self.sort(root)
        for slot in order:
            if self.kind[slot] != LEAF:
                self.grad[slot] = 0.0
        self.grad[root] = 1.0
        for slot in reversed(order):
            if self.kind[slot] == LEAF:
                continue
            g = self.grad[slot]
            left, right = self.slopes(slot)
            self.grad[self.lhs[slot]] += g * left
            if self.rhs[slot] != NONE:
                self.grad[self.rhs[slot]] += g * right


POOL = Pool()


class Value:
    """A handle of a slot in the pool."""
    __slots__ = ("slot",)

    def __init__(self, data=0.0, slot=None):
        self.slot = POOL.spawn(LEAF, data=float(data)) if slot is None else slot

    def __del__(self):
        POOL.release(self.slot)

    data = property(lambda self: POOL.read(self.slot), lambda self, x: POOL.write(self.slot, x))
    grad = property(lambda self: POOL.grad[self.slot], lambda self, x: POOL.grad.__setitem__(self.slot, x))

    def emit(self, kind, other=None, flip=False):
        if other is None:
            return Value(slot=POOL.spawn(kind, self.slot))
        if not isinstance(other, Value):
            other = Value(other)
        lhs, rhs = (other, self) if flip else (self, other)
        return Value(slot=POOL.spawn(kind, lhs.slot, rhs.slot))

    def __add__(self, other): return self.emit(ADD, other)
    def __radd__(self, other): return self.emit(ADD, other, flip=True)
    def __sub__(self, other): return self.emit(SUB, other)
    def __rsub__(self, other): return self.emit(SUB, other, flip=True)
    def __mul__(self, other): return self.emit(MUL, other)
    def __rmul__(self, other): return self.emit(MUL, other, flip=True)
    def __truediv__(self, other): return self.emit(DIV, other)
    def __rtruediv__(self, other): return self.emit(DIV, other, flip=True)
    def __pow__(self, other): return self.emit(POW, other)
    def __rpow__(self, other): return self.emit(POW, other, flip=True)
    def backward(self): POOL.backprop(self.slot)


def unary(kind):
    return lambda self: self.emit(kind)


for name, kind in dict(exp=EXP, log=LOG, tanh=TANH, relu=RELU, sigmoid=SIGMOID, sqrt=SQRT,
                       sin=SIN, cos=COS, __abs__=ABS, __neg__=NEG).items():
    setattr(Value, name, unary(kind))
