# Every operation is a class of its own. The operators live in a mixin, so
# that the expression classes only contain mathematics.
import math


class Operators:
    """Gives a class all arithmetic operators and the usual functions."""

    def __add__(self, other):
        return Add(self, wrap(other))

    def __radd__(self, other):
        return Add(wrap(other), self)

    def __sub__(self, other):
        return Sub(self, wrap(other))

    def __rsub__(self, other):
        return Sub(wrap(other), self)

    def __mul__(self, other):
        return Mul(self, wrap(other))

    def __rmul__(self, other):
        return Mul(wrap(other), self)

    def __truediv__(self, other):
        return Div(self, wrap(other))

    def __rtruediv__(self, other):
        return Div(wrap(other), self)

    def __pow__(self, other):
        return Pow(self, wrap(other))

    def __rpow__(self, other):
        return Pow(wrap(other), self)

    def __neg__(self):
        return Neg(self)

    def __abs__(self):
        return Abs(self)

    def exp(self):
        return Exp(self)

    def log(self):
        return Log(self)

    def sqrt(self):
        return Sqrt(self)

    def tanh(self):
        return Tanh(self)

    def relu(self):
        return ReLU(self)

    def max(self, other):
        return Max(self, wrap(other))

    def min(self, other):
        return Min(self, wrap(other))


class Value(Operators):
    """A leaf, and the base class of all operations."""

    operands = ()

    def __init__(self, data):
        self.data = data
        self.grad = 0.0

    def push(self):
        """Hand this node's gradient down to its operands."""

    def backward(self):
        order = topological(self)
        self.grad = 1.0
        for node in reversed(order):
            node.push()


def wrap(thing):
    return thing if isinstance(thing, Value) else Value(thing)


def topological(root):
    seen = {root}
    order = []
    todo = [(root, iter(root.operands))]
    while todo:
        node, rest = todo[-1]
        for child in rest:
            if child not in seen:
                seen.add(child)
                todo.append((child, iter(child.operands)))
                break
        else:
            order.append(node)
            todo.pop()
    return order


class Unary(Value):
    def __init__(self, x):
        super().__init__(self.compute(x.data))
        self.x = x
        self.operands = (x,)


class Binary(Value):
    def __init__(self, a, b):
        super().__init__(self.compute(a.data, b.data))
        self.a = a
        self.b = b
        self.operands = (a, b)


class Add(Binary):
    def compute(self, a, b):
        return a + b

    def push(self):
        self.a.grad += self.grad
        self.b.grad += self.grad


class Sub(Binary):
    def compute(self, a, b):
        return a - b

    def push(self):
        self.a.grad += self.grad
        self.b.grad -= self.grad


class Mul(Binary):
    def compute(self, a, b):
        return a * b

    def push(self):
        self.a.grad += self.grad * self.b.data
        self.b.grad += self.grad * self.a.data


class Div(Binary):
    def compute(self, a, b):
        return a / b

    def push(self):
        self.a.grad += self.grad / self.b.data
        self.b.grad -= self.grad * self.data / self.b.data


class Pow(Binary):
    def compute(self, a, b):
        return a ** b

    def push(self):
        a, b = self.a.data, self.b.data
        if b != 0:
            self.a.grad += self.grad * b * a ** (b - 1)
        if a > 0:
            self.b.grad += self.grad * self.data * math.log(a)


class Max(Binary):
    def compute(self, a, b):
        return a if a >= b else b

    def push(self):
        if self.a.data >= self.b.data:
            self.a.grad += self.grad
        else:
            self.b.grad += self.grad


class Min(Binary):
    def compute(self, a, b):
        return a if a <= b else b

    def push(self):
        if self.a.data <= self.b.data:
            self.a.grad += self.grad
        else:
            self.b.grad += self.grad


class Neg(Unary):
    def compute(self, x):
        return -x

    def push(self):
        self.x.grad -= self.grad


class Abs(Unary):
    def compute(self, x):
        return abs(x)

    def push(self):
        if self.x.data > 0:
            self.x.grad += self.grad
        elif self.x.data < 0:
            self.x.grad -= self.grad


class Exp(Unary):
    def compute(self, x):
        return math.exp(x)

    def push(self):
        self.x.grad += self.grad * self.data


class Log(Unary):
    def compute(self, x):
        return math.log(x)

    def push(self):
        self.x.grad += self.grad / self.x.data


class Sqrt(Unary):
    def compute(self, x):
        return math.sqrt(x)

    def push(self):
        self.x.grad += self.grad / (2 * self.data)


class Tanh(Unary):
    def compute(self, x):
        return math.tanh(x)

    def push(self):
        self.x.grad += self.grad * (1 - self.data ** 2)


class ReLU(Unary):
    def compute(self, x):
        return x if x > 0 else 0.0

    def push(self):
        if self.x.data > 0:
            self.x.grad += self.grad
