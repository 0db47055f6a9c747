"""Nothing is computed before somebody asks for it: values and gradients are pulled, each at most once."""
import math


class Thunk:
    """A number that is still to be computed. Its recipe yields the thunks that it needs first."""

    __slots__ = ("recipe", "known", "number")

    def __init__(self, recipe=None, number=None):
        self.recipe = recipe
        self.known = recipe is None
        self.number = number

    def force(self):
        if self.known:
            return self.number
        waiting, answer = [(self, self.recipe())], None
        while waiting:
            thunk, steps = waiting[-1]
            try:
                needed = steps.send(answer)
            except StopIteration as end:
                thunk.number = answer = end.value
                thunk.known = True
                waiting.pop()
                continue
            if needed.known:
                answer = needed.number
            else:
                waiting.append((needed, needed.recipe()))
                answer = None
        return self.number


def primitive(function, *slopes):
    """`slopes` has a function (y, *xs) for each operand; it is called if a gradient is pulled through it."""
    def op(*operands):
        operands = [x if isinstance(x, Value) else Value(x) for x in operands]

        def recipe():
            xs = []
            for operand in operands:
                xs.append((yield operand.thunk))
            return function(*xs)

        return Value(Thunk(recipe), operands, slopes)
    return op


def power_slope(y, a, b):
    return b * a ** (b - 1) if b != 0 else 0.0


def stable_sigmoid(x):
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    z = math.exp(x)
    return z / (1 + z)


add = primitive(lambda a, b: a + b, lambda y, a, b: 1.0, lambda y, a, b: 1.0)
sub = primitive(lambda a, b: a - b, lambda y, a, b: 1.0, lambda y, a, b: -1.0)
mul = primitive(lambda a, b: a * b, lambda y, a, b: b, lambda y, a, b: a)
div = primitive(lambda a, b: a / b, lambda y, a, b: 1 / b, lambda y, a, b: -y / b)
power = primitive(lambda a, b: a ** b, power_slope, lambda y, a, b: y * math.log(a) if a > 0 else 0.0)
neg = primitive(lambda x: -x, lambda y, x: -1.0)
exp = primitive(math.exp, lambda y, x: y)
log = primitive(math.log, lambda y, x: 1 / x)
tanh = primitive(math.tanh, lambda y, x: 1 - y * y)
relu = primitive(lambda x: x if x > 0 else 0.0, lambda y, x: 1.0 if x > 0 else 0.0)
sigmoid = primitive(stable_sigmoid, lambda y, x: y * (1 - y))
sqrt = primitive(math.sqrt, lambda y, x: 0.5 / y)
sin = primitive(math.sin, lambda y, x: math.cos(x))
cos = primitive(math.cos, lambda y, x: -math.sin(x))
absolute = primitive(abs, lambda y, x: math.copysign(1.0, x) if x else 0.0)


class Value:
    def __init__(self, data, operands=(), slopes=()):
        self.thunk = data if isinstance(data, Thunk) else Thunk(number=float(data))
        self.operands = operands
        self.slopes = slopes
        self.grad = 0.0

    @property
    def data(self):
        return self.thunk.force()

    def slope(self, place):
        return self.slopes[place](self.data, *(x.data for x in self.operands))

    def backward(self):
        users = {self: []}  # node -> [(user, place among the user's operands)]
        frontier = [self]
        while frontier:
            node = frontier.pop()
            for place, operand in enumerate(node.operands):
                if operand not in users:
                    users[operand] = []
                    frontier.append(operand)
                users[operand].append((node, place))

        def pull(node):
            total = 1.0 if node is self else 0.0
            for user, place in users[node]:
                upstream = yield pulled[user]
                total += upstream * user.slope(place)
            return total

        pulled = {node: Thunk(lambda node=node: pull(node)) for node in users}
        for node, gradient in pulled.items():
            node.grad = gradient.force()

    def __add__(self, other): return add(self, other)
    def __radd__(self, other): return add(other, self)
    def __sub__(self, other): return sub(self, other)
    def __rsub__(self, other): return sub(other, self)
    def __mul__(self, other): return mul(self, other)
    def __rmul__(self, other): return mul(other, self)
    def __truediv__(self, other): return div(self, other)
    def __rtruediv__(self, other): return div(other, self)
    def __pow__(self, other): return power(self, other)
    def __rpow__(self, other): return power(other, self)
    def __neg__(self): return neg(self)
    def __abs__(self): return absolute(self)
    def exp(self): return exp(self)
    def log(self): return log(self)
    def tanh(self): return tanh(self)
    def relu(self): return relu(self)
    def sigmoid(self): return sigmoid(self)
    def sqrt(self): return sqrt(self)
    def sin(self): return sin(self)
    def cos(self): return cos(self)
