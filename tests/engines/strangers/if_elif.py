"""Plain functions and long if/elif chains over nodes that have a left, a right and a kind."""
import math

count = 0


def next_number():
    global count
    count = count + 1
    return count


def sign_of(x):
    if x > 0:
        return 1
    elif x < 0:
        return -1
    else:
        return 0


def squash(x):
    if x > 0:
        return 1 / (1 + math.exp(-x))
    else:
        return math.exp(x) / (1 + math.exp(x))


def calculate(kind, a, b):
    if kind == "add":
        return a + b
    elif kind == "sub":
        return a - b
    elif kind == "mul":
        return a * b
    elif kind == "div":
        return a / b
    elif kind == "pow":
        return a ** b
    elif kind == "max":
        return max(a, b)
    elif kind == "min":
        return min(a, b)
    elif kind == "neg":
        return -a
    elif kind == "abs":
        return abs(a)
    elif kind == "exp":
        return math.exp(a)
    elif kind == "log":
        return math.log(a)
    elif kind == "sqrt":
        return math.sqrt(a)
    elif kind == "sin":
        return math.sin(a)
    elif kind == "cos":
        return math.cos(a)
    elif kind == "tanh":
        return math.tanh(a)
    elif kind == "sigmoid":
        return squash(a)
    elif kind == "relu":
        return max(a, 0.0)


def collect(end):
    nodes = []
    found = set()
    todo = [end]
    while len(todo) > 0:
        node = todo.pop()
        if node.number in found:
            continue
        found.add(node.number)
        nodes.append(node)
        if node.left is not None:
            todo.append(node.left)
        if node.right is not None:
            todo.append(node.right)
    nodes.sort(key=lambda node: node.number)
    return nodes


def give(node, amount):
    if node is not None:
        node.grad = node.grad + amount


def pass_back(node):
    g = node.grad
    left = node.left
    right = node.right
    y = node.data
    a = None if left is None else left.data
    b = None if right is None else right.data
    if node.kind == "add":
        give(left, g)
        give(right, g)
    elif node.kind == "sub":
        give(left, g)
        give(right, -g)
    elif node.kind == "mul":
        give(left, g * b)
        give(right, g * a)
    elif node.kind == "div":
        give(left, g / b)
        give(right, -g * (a / b) / b)
    elif node.kind == "pow":
        if b != 0:
            give(left, g * b * a ** (b - 1))
        if a > 0:
            give(right, g * y * math.log(a))
    elif node.kind == "max":
        if a >= b:
            give(left, g)
        else:
            give(right, g)
    elif node.kind == "min":
        if a <= b:
            give(left, g)
        else:
            give(right, g)
    elif node.kind == "neg":
        give(left, -g)
    elif node.kind == "abs":
        give(left, g * sign_of(a))
    elif node.kind == "exp":
        give(left, g * y)
    elif node.kind == "log":
        give(left, g / a)
    elif node.kind == "sqrt":
        give(left, g / (2 * y))
    elif node.kind == "sin":
        give(left, g * math.cos(a))
    elif node.kind == "cos":
        give(left, -g * math.sin(a))
    elif node.kind == "tanh":
        give(left, g * (1 - y ** 2))
    elif node.kind == "sigmoid":
        give(left, g * y * (1 - y))
    elif node.kind == "relu":
        if a > 0:
            give(left, g)


def make(kind, left, right=None):
    if not isinstance(left, Value):
        left = Value(left)
    if right is None:
        node = Value(calculate(kind, left.data, None))
    else:
        if not isinstance(right, Value):
            right = Value(right)
        node = Value(calculate(kind, left.data, right.data))
    node.kind = kind
    node.left = left
    node.right = right
    return node


class Value:
    def __init__(self, data):
        self.data = float(data)
        self.grad = 0.0
        self.kind = "number"
        self.left = None
        self.right = None
        self.number = next_number()

    def backward(self):
        nodes = collect(self)
        for node in nodes:
            if node.kind != "number":
                node.grad = 0.0
        self.grad = 1.0
        for i in range(len(nodes) - 1, -1, -1):
            pass_back(nodes[i])

    def __add__(self, other): return make("add", self, other)
    def __radd__(self, other): return make("add", other, self)
    def __sub__(self, other): return make("sub", self, other)
    def __rsub__(self, other): return make("sub", other, self)
    def __mul__(self, other): return make("mul", self, other)
    def __rmul__(self, other): return make("mul", other, self)
    def __truediv__(self, other): return make("div", self, other)
    def __rtruediv__(self, other): return make("div", other, self)
    def __pow__(self, other): return make("pow", self, other)
    def __rpow__(self, other): return make("pow", other, self)
    def max(self, other): return make("max", self, other)
    def min(self, other): return make("min", self, other)
    def __neg__(self): return make("neg", self)
    def __abs__(self): return make("abs", self)
    def exp(self): return make("exp", self)
    def log(self): return make("log", self)
    def sqrt(self): return make("sqrt", self)
    def sin(self): return make("sin", self)
    def cos(self): return make("cos", self)
    def tanh(self): return make("tanh", self)
    def sigmoid(self): return make("sigmoid", self)
    def relu(self): return make("relu", self)
