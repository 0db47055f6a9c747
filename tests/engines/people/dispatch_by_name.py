import numpy as np

# Every Variable keeps an array with one element, so that whole vectors can be
# put in later without changing much.


class Variable:
    def __init__(self, data, op=None, inputs=()):
        self.data = np.atleast_1d(np.array(data, dtype=np.float64))
        self.grad = None
        self.op = op
        self.inputs = list(inputs)

    def __repr__(self):
        return "Variable({}, op={})".format(self.data, self.op)

    def accumulate(self, g):
        if self.grad is None:
            self.grad = g.copy()
        else:
            self.grad += g

    # forward: compute, remember the name

    def __add__(self, other):
        other = as_variable(other)
        return Variable(self.data + other.data, "add", [self, other])

    def __sub__(self, other):
        other = as_variable(other)
        return Variable(self.data - other.data, "sub", [self, other])

    def __mul__(self, other):
        other = as_variable(other)
        return Variable(self.data * other.data, "mul", [self, other])

    def __truediv__(self, other):
        other = as_variable(other)
        return Variable(self.data / other.data, "div", [self, other])

    def __pow__(self, other):
        other = as_variable(other)
        return Variable(self.data ** other.data, "pow", [self, other])

    def __neg__(self):
        return Variable(-self.data, "neg", [self])

    def __abs__(self):
        return Variable(np.abs(self.data), "abs", [self])

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other):
        return as_variable(other).__sub__(self)

    def __rtruediv__(self, other):
        return as_variable(other).__truediv__(self)

    def __rpow__(self, other):
        return as_variable(other).__pow__(self)

    def exp(self):
        return Variable(np.exp(self.data), "exp", [self])

    def log(self):
        return Variable(np.log(self.data), "log", [self])

    def sqrt(self):
        return Variable(np.sqrt(self.data), "sqrt", [self])

    def sin(self):
        return Variable(np.sin(self.data), "sin", [self])

    def cos(self):
        return Variable(np.cos(self.data), "cos", [self])

    def tanh(self):
        return Variable(np.tanh(self.data), "tanh", [self])

    def sigmoid(self):
        z = np.exp(-np.abs(self.data))
        return Variable(np.where(self.data >= 0, 1, z) / (1 + z), "sigmoid", [self])

    def relu(self):
        return Variable(np.maximum(self.data, 0), "relu", [self])

    def maximum(self, other):
        other = as_variable(other)
        return Variable(np.maximum(self.data, other.data), "max", [self, other])

    def minimum(self, other):
        other = as_variable(other)
        return Variable(np.minimum(self.data, other.data), "min", [self, other])

    # backward: look up the name

    def backward(self):
        order = sort_graph(self)
        for v in order:
            v.grad = None
        self.grad = np.ones_like(self.data)
        for v in reversed(order):
            if v.op is not None and v.grad is not None:
                propagate(v)


def propagate(v):
    g = v.grad
    out = v.data
    if len(v.inputs) == 1:
        a, = v.inputs
        x = a.data
    else:
        a, b = v.inputs
        x, y = a.data, b.data

    if v.op == "add":
        a.accumulate(g)
        b.accumulate(g)
    elif v.op == "sub":
        a.accumulate(g)
        b.accumulate(-g)
    elif v.op == "mul":
        a.accumulate(g * y)
        b.accumulate(g * x)
    elif v.op == "div":
        a.accumulate(g / y)
        b.accumulate(-g * x / (y * y))
    elif v.op == "pow":
        a.accumulate(g * y * x ** (y - 1))
        if x > 0:
            b.accumulate(g * out * np.log(x))
    elif v.op == "neg":
        a.accumulate(-g)
    elif v.op == "abs":
        a.accumulate(g * np.sign(x))
    elif v.op == "exp":
        a.accumulate(g * out)
    elif v.op == "log":
        a.accumulate(g / x)
    elif v.op == "sqrt":
        a.accumulate(g * 0.5 / out)
    elif v.op == "sin":
        a.accumulate(g * np.cos(x))
    elif v.op == "cos":
        a.accumulate(-g * np.sin(x))
    elif v.op == "tanh":
        a.accumulate(g * (1 - out ** 2))
    elif v.op == "sigmoid":
        a.accumulate(g * out * (1 - out))
    elif v.op == "relu":
        a.accumulate(g * (x > 0))
    elif v.op == "max":
        a.accumulate(g * (x >= y))
        b.accumulate(g * (x < y))
    elif v.op == "min":
        a.accumulate(g * (x <= y))
        b.accumulate(g * (x > y))
    else:
        raise ValueError("unknown op " + v.op)


def sort_graph(root):
    order = []
    visited = set()
    todo = [root]
    while todo:
        v = todo[-1]
        if v in visited:
            todo.pop()
            continue
        missing = [i for i in v.inputs if i not in visited]
        if missing:
            todo.extend(missing)
        else:
            visited.add(v)
            order.append(todo.pop())
    return order


def as_variable(x):
    return x if isinstance(x, Variable) else Variable(x)
