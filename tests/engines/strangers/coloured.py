"""Nodes are white, grey and black, as in the textbook on graphs; what isn't coloured in this epoch is white."""
import math

WHITE, GREY, BLACK = "white", "grey", "black"
epoch = 0


def as_value(x):
    return x if isinstance(x, Value) else Value(x)


def sigma(x):
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    return math.exp(x) / (1.0 + math.exp(x))


class Value:
    def __init__(self, data, op=None, args=(), extra=None):
        self.data = float(data)
        self.grad = 0.0
        self.op = op
        self.args = args
        self.extra = extra
        self.paint = (0, WHITE)

    def __add__(self, other):
        other = as_value(other)
        return Value(self.data + other.data, "add", (self, other))

    def __sub__(self, other):
        other = as_value(other)
        return Value(self.data - other.data, "sub", (self, other))

    def __mul__(self, other):
        other = as_value(other)
        return Value(self.data * other.data, "mul", (self, other))

    def __truediv__(self, other):
        other = as_value(other)
        return Value(self.data / other.data, "div", (self, other))

    def __pow__(self, n):
        if isinstance(n, Value):
            return (n * self.log()).exp()
        return Value(self.data ** n, "pow", (self,), n)

    def __rpow__(self, base): return (self * math.log(base)).exp()

    __radd__ = __add__
    __rmul__ = __mul__
    def __rsub__(self, other): return as_value(other) - self
    def __rtruediv__(self, other): return as_value(other) / self
    def __neg__(self): return Value(-self.data, "neg", (self,))
    def __abs__(self): return Value(abs(self.data), "abs", (self,))
    def exp(self): return Value(math.exp(self.data), "exp", (self,))
    def log(self): return Value(math.log(self.data), "log", (self,))
    def tanh(self): return Value(math.tanh(self.data), "tanh", (self,))
    def sigmoid(self): return Value(sigma(self.data), "sigmoid", (self,))
    def relu(self): return Value(self.data if self.data > 0 else 0.0, "relu", (self,))

    def sin(self): return Value(math.sin(self.data), "sin", (self,))
    def cos(self): return Value(math.cos(self.data), "cos", (self,))
    def max(self, other):
        other = as_value(other)
        return Value(max(self.data, other.data), "max", (self, other))

    def _grad_add(self, x, y):
        x.grad += self.grad
        y.grad += self.grad

    def _grad_sub(self, x, y):
        x.grad += self.grad
        y.grad -= self.grad

    def _grad_mul(self, x, y):
        x.grad += self.grad * y.data
        y.grad += self.grad * x.data

    def _grad_div(self, x, y):
        x.grad += self.grad / y.data
        y.grad -= self.grad * self.data / y.data

    def _grad_pow(self, x):
        if self.extra != 0:
            x.grad += self.grad * self.extra * x.data ** (self.extra - 1)

    def _grad_neg(self, x):
        x.grad -= self.grad

    def _grad_abs(self, x):
        x.grad += self.grad if x.data > 0 else -self.grad if x.data < 0 else 0.0

    def _grad_exp(self, x):
        x.grad += self.grad * self.data

    def _grad_log(self, x):
        x.grad += self.grad / x.data

    def _grad_tanh(self, x):
        x.grad += self.grad * (1.0 - self.data * self.data)

    def _grad_sigmoid(self, x):
        x.grad += self.grad * self.data * (1.0 - self.data)

    def _grad_relu(self, x):
        if self.data > 0:
            x.grad += self.grad

    def _grad_sin(self, x):
        x.grad += self.grad * math.cos(x.data)

    def _grad_cos(self, x):
        x.grad -= self.grad * math.sin(x.data)

    def _grad_max(self, x, y):
        winner = x if x.data >= y.data else y
        winner.grad += self.grad

    def colour(self):
        return self.paint[1] if self.paint[0] == epoch else WHITE

    def visit(self, finished):
        self.paint = (epoch, GREY)
        self.grad = 0.0
        for arg in self.args:
            if arg.colour() == GREY:
                raise ValueError("a cycle")
            if arg.colour() == WHITE:
                arg.visit(finished)
        self.paint = (epoch, BLACK)
        finished.append(self)

    def backward(self):
        global epoch
        epoch += 1
        finished = []
        self.visit(finished)
        self.grad = 1.0
        for node in reversed(finished):
            if node.op is not None:
                getattr(node, "_grad_" + node.op)(*node.args)
