"""autograd on a flat tape.

Everything lives in three lists. A Value is nothing but a number: its
position in `vals` and `grads`. One operation is one row of the tape:

    (op code, first operand, second operand, result)

Unary operations repeat their operand. Operations that are nothing but two
others (a sigmoid, a square root, ...) get no code; they are written with
the operators.
"""
from math import cos, exp, log, sin, tanh

ADD, SUB, MUL, DIV, POW, NEG, EXP, LOG, TANH, RELU, SIN, COS = range(12)

vals = []
grads = []
tape = []


def slot(number):
    vals.append(float(number))
    grads.append(0.0)
    return len(vals) - 1


def compute(code, a, b):
    if code == ADD:
        return a + b
    if code == SUB:
        return a - b
    if code == MUL:
        return a * b
    if code == DIV:
        return a / b
    if code == POW:
        return a ** b
    if code == NEG:
        return -a
    if code == EXP:
        return exp(a)
    if code == LOG:
        return log(a)
    if code == TANH:
        return tanh(a)
    if code == RELU:
        return max(a, 0.0)
    if code == SIN:
        return sin(a)
    if code == COS:
        return cos(a)
    raise ValueError(code)


def local(code, a, b, y):
    """d result / d first operand, d result / d second operand"""
    if code == ADD:
        return 1.0, 1.0
    if code == SUB:
        return 1.0, -1.0
    if code == MUL:
        return b, a
    if code == DIV:
        return 1.0 / b, -a / (b * b)
    if code == POW:
        da = b * a ** (b - 1) if b else 0.0
        db = log(a) * y if a > 0 else 0.0
        return da, db
    if code == NEG:
        return -1.0, 0.0
    if code == EXP:
        return y, 0.0
    if code == LOG:
        return 1.0 / a, 0.0
    if code == TANH:
        return 1.0 - y ** 2, 0.0
    if code == RELU:
        return float(a > 0), 0.0
    if code == SIN:
        return cos(a), 0.0
    if code == COS:
        return -sin(a), 0.0
    raise ValueError(code)


def record(code, i, j):
    k = slot(compute(code, vals[i], vals[j]))
    tape.append((code, i, j, k))
    out = Value.__new__(Value)
    out.index = k
    out.row = len(tape) - 1
    return out


def index_of(x):
    if isinstance(x, Value):
        return x.index
    return slot(x)


class Value:
    __slots__ = ("index", "row")

    def __init__(self, number):
        self.index = slot(number)
        self.row = -1  # a leaf has no row

    @property
    def data(self):
        return vals[self.index]

    @property
    def grad(self):
        return grads[self.index]

    def __add__(self, other):
        return record(ADD, self.index, index_of(other))

    def __sub__(self, other):
        return record(SUB, self.index, index_of(other))

    def __mul__(self, other):
        return record(MUL, self.index, index_of(other))

    def __truediv__(self, other):
        return record(DIV, self.index, index_of(other))

    def __pow__(self, other):
        return record(POW, self.index, index_of(other))

    def __neg__(self):
        return record(NEG, self.index, self.index)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other):
        return record(SUB, slot(other), self.index)

    def __rtruediv__(self, other):
        return record(DIV, slot(other), self.index)

    def __rpow__(self, other):
        return record(POW, slot(other), self.index)

    def exp(self):
        return record(EXP, self.index, self.index)

    def log(self):
        return record(LOG, self.index, self.index)

    def tanh(self):
        return record(TANH, self.index, self.index)

    def relu(self):
        return record(RELU, self.index, self.index)

    def sin(self):
        return record(SIN, self.index, self.index)

    def cos(self):
        return record(COS, self.index, self.index)

    def sigmoid(self):
        return ((self * 0.5).tanh() + 1) * 0.5

    def sqrt(self):
        return self ** 0.5

    def abs(self):
        return self.relu() + (-self).relu()

    def maximum(self, other):
        return self + (other - self).relu()

    def backward(self):
        """Walk the tape back from this value's row; older graphs get 0."""
        adjoint = [0.0] * len(vals)
        adjoint[self.index] = 1.0
        for code, i, j, k in reversed(tape[:self.row + 1]):
            g = adjoint[k]
            if g == 0.0:
                continue
            da, db = local(code, vals[i], vals[j], vals[k])
            adjoint[i] += g * da
            adjoint[j] += g * db
        for n, g in enumerate(adjoint):
            grads[n] += g
