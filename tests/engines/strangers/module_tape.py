"""A Wengert list: operations are written down as they happen, and read backwards afterwards.

There is one tape for the module. `y.backward()` plays back the records that y was made of
and takes them off the tape, so that a training loop doesn't grow it.
"""
import numpy as np

np.seterr(all="ignore")


class Record:
    __slots__ = ("output", "inputs", "pullback")

    def __init__(self, output, inputs, pullback):
        self.output = output
        self.inputs = inputs
        self.pullback = pullback


class Tape:
    def __init__(self):
        self.records = []

    def write(self, output, inputs, pullback):
        self.records.append(Record(output, inputs, pullback))
        return output

    def play(self, target):
        target.grad = np.float64(1.0)
        wanted = {id(target)}
        left = []
        for record in reversed(self.records):
            if id(record.output) not in wanted:
                left.append(record)
                continue
            wanted.update(id(v) for v in record.inputs)
            record.pullback(record.output.grad)
        left.reverse()
        self.records = left


TAPE = Tape()


def asvalue(x):
    if isinstance(x, Value):
        return x
    return Value(x)


def elementwise(x, y, slope):
    """Write down y = f(x), whose derivative is slope."""
    out = Value(y)

    def pullback(g):
        x.grad += g * slope

    return TAPE.write(out, (x,), pullback)


def choose(a, b, first):
    """The value of a if first, or else that of b."""
    winner = a if first else b
    out = Value(winner.data)

    def pullback(g):
        winner.grad += g

    return TAPE.write(out, (a, b), pullback)


class Value:
    def __init__(self, data):
        self.data = np.float64(data)
        self.grad = np.float64(0.0)

    def __repr__(self):
        return "Value(%g, grad=%g)" % (self.data, self.grad)

    def __add__(self, other):
        other = asvalue(other)
        out = Value(self.data + other.data)

        def pullback(g):
            self.grad += g
            other.grad += g

        return TAPE.write(out, (self, other), pullback)

    def __sub__(self, other):
        other = asvalue(other)
        out = Value(self.data - other.data)

        def pullback(g):
            self.grad += g
            other.grad -= g

        return TAPE.write(out, (self, other), pullback)

    def __mul__(self, other):
        other = asvalue(other)
        out = Value(self.data * other.data)

        def pullback(g):
            self.grad += g * other.data
            other.grad += g * self.data

        return TAPE.write(out, (self, other), pullback)

    def __truediv__(self, other):
        other = asvalue(other)
        a, b = self.data, other.data
        out = Value(a / b)

        def pullback(g):
            self.grad += g / b
            other.grad -= g * a / (b * b)

        return TAPE.write(out, (self, other), pullback)

    def __pow__(self, n):
        if isinstance(n, Value):
            return self.power(n)
        slope = n * self.data ** (n - 1) if n else 0.0
        return elementwise(self, self.data ** n, slope)

    def power(self, other):
        out = Value(self.data ** other.data)

        def pullback(g):
            if other.data != 0:
                self.grad += g * other.data * self.data ** (other.data - 1)
            if self.data > 0:
                other.grad += g * out.data * np.log(self.data)

        return TAPE.write(out, (self, other), pullback)

    def __neg__(self):
        return elementwise(self, -self.data, -1.0)

    def __radd__(self, other):
        return asvalue(other) + self

    def __rsub__(self, other):
        return asvalue(other) - self

    def __rmul__(self, other):
        return asvalue(other) * self

    def __rtruediv__(self, other):
        return asvalue(other) / self

    def __rpow__(self, other):
        return asvalue(other) ** self

    def exp(self):
        e = np.exp(self.data)
        return elementwise(self, e, e)

    def log(self):
        return elementwise(self, np.log(self.data), 1 / self.data)

    def sqrt(self):
        root = np.sqrt(self.data)
        return elementwise(self, root, 0.5 / root)

    def sin(self):
        return elementwise(self, np.sin(self.data), np.cos(self.data))

    def cos(self):
        return elementwise(self, np.cos(self.data), -np.sin(self.data))

    def tanh(self):
        t = np.tanh(self.data)
        return elementwise(self, t, 1 - t ** 2)

    def sigmoid(self):
        small = np.exp(-abs(self.data))
        s = 1 / (1 + small) if self.data >= 0 else small / (1 + small)
        return elementwise(self, s, s * (1 - s))

    def relu(self):
        on = self.data > 0
        return elementwise(self, self.data if on else 0.0, float(on))

    def abs(self):
        return elementwise(self, abs(self.data), np.sign(self.data))

    __abs__ = abs

    def max(self, other):
        other = asvalue(other)
        return choose(self, other, self.data >= other.data)

    def min(self, other):
        other = asvalue(other)
        return choose(self, other, self.data <= other.data)

    def backward(self):
        TAPE.play(self)
