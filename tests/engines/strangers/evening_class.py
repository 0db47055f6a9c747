"""Automatic differentiation, as we do it on Thursday evenings.

There is only one idea: a Value remembers which Values it was computed from,
and for each of them a number, the local derivative (we call it the slope).
The rest is the chain rule: multiply along the way, add up where ways meet.
"""
import math


def as_value(x):
    """Turn a plain number into a Value; leave a Value as it is."""
    if isinstance(x, Value):
        return x
    return Value(x)


class Value:
    """A number that remembers where it comes from."""

    def __init__(self, data, parents=()):
        """data: the number; parents: pairs (parent, slope)."""
        self.data = float(data)
        self.grad = 0.0
        self.parents = list(parents)

    def of_one(self, result, slope):
        """The result of a function of one variable, applied to self."""
        return Value(result, [(self, slope)])

    def __add__(self, other):
        """a + b: both slopes are 1."""
        other = as_value(other)
        return Value(self.data + other.data, [(self, 1.0), (other, 1.0)])

    def __radd__(self, other): return as_value(other) + self

    def __neg__(self):
        """-a: the slope is -1."""
        return self.of_one(-self.data, -1.0)

    def __sub__(self, other):
        """a - b: the slopes are 1 and -1."""
        other = as_value(other)
        return Value(self.data - other.data, [(self, 1.0), (other, -1.0)])

    def __rsub__(self, other): return as_value(other) - self

    def __mul__(self, other):
        """a * b: the slope of a is b, the slope of b is a."""
        if not isinstance(other, Value):
            return self.of_one(self.data * other, other)
        return Value(self.data * other.data, [(self, other.data), (other, self.data)])

    def __rmul__(self, other): return self * other

    def __truediv__(self, other):
        """a / b: the slopes are 1/b and -a/b**2."""
        other = as_value(other)
        quotient = self.data / other.data
        return Value(quotient, [(self, 1.0 / other.data), (other, -quotient / other.data)])

    def __rtruediv__(self, other): return as_value(other) / self

    def __pow__(self, other):
        """a ** b: the slope of a is b * a**(b-1), that of b is a**b * log(a)."""
        exponent = as_value(other)
        n = exponent.data
        power = self.data ** n
        parents = [(self, n * self.data ** (n - 1) if n != 0 else 0.0)]
        if isinstance(other, Value):
            parents.append((other, power * math.log(self.data) if self.data > 0 else 0.0))
        return Value(power, parents)

    def __rpow__(self, other): return as_value(other) ** self

    def exp(self):
        """exp is its own derivative."""
        y = math.exp(self.data)
        return self.of_one(y, y)

    def log(self):
        """The natural logarithm; its slope is 1/a."""
        return self.of_one(math.log(self.data), 1.0 / self.data)

    def tanh(self):
        """The slope is 1 - tanh(a)**2."""
        y = math.tanh(self.data)
        return self.of_one(y, 1.0 - y ** 2)

    def sigmoid(self):
        """1 / (1 + exp(-a)), in a form that can't overflow."""
        e = math.exp(-abs(self.data))
        y = 1.0 / (1.0 + e) if self.data >= 0 else e / (1.0 + e)
        return self.of_one(y, y * (1.0 - y))

    def relu(self):
        """a if a is positive, otherwise 0."""
        if self.data > 0:
            return self.of_one(self.data, 1.0)
        return self.of_one(0.0, 0.0)

    def sqrt(self):
        """The slope is 1 / (2 * sqrt(a))."""
        root = math.sqrt(self.data)
        return self.of_one(root, 0.5 / root)

    def sin(self): return self.of_one(math.sin(self.data), math.cos(self.data))
    def cos(self): return self.of_one(math.cos(self.data), -math.sin(self.data))

    def __abs__(self):
        """The distance from 0; the slope is the sign of a."""
        signum = (self.data > 0) - (self.data < 0)
        return self.of_one(abs(self.data), float(signum))

    abs = __abs__

    def max(self, other):
        """The larger of the two gets all of the gradient."""
        other = as_value(other)
        first = self.data >= other.data
        return Value(max(self.data, other.data), [(self, float(first)), (other, float(not first))])

    def backward(self):
        """Compute the derivative of self with respect to all that it depends on."""
        # First walk: how often will the second walk come to each Value?
        visits = {self: 0}
        stack = [self]
        while stack:
            node = stack.pop()
            for parent, _ in node.parents:
                if parent not in visits:
                    visits[parent] = 0
                    stack.append(parent)
                visits[parent] += 1
        # Second walk: go on from a Value only when its gradient is complete.
        self.grad = 1.0
        stack = [self]
        while stack:
            node = stack.pop()
            for parent, slope in node.parents:
                parent.grad += slope * node.grad
                visits[parent] -= 1
                if visits[parent] == 0:
                    stack.append(parent)


# The same functions for those who prefer to write exp(x), also of plain numbers.

def exp(x): return as_value(x).exp()
def log(x): return as_value(x).log()
def tanh(x): return as_value(x).tanh()
def sigmoid(x): return as_value(x).sigmoid()
def relu(x): return as_value(x).relu()
def sqrt(x): return as_value(x).sqrt()
def sin(x): return as_value(x).sin()
def cos(x): return as_value(x).cos()
