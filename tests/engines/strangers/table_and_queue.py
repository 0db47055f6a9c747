"""Operators made in a loop from a table of lambdas; backward takes nodes from a priority queue, newest first."""
import heapq
import math
from itertools import count

step = lambda x: 1.0 if x > 0 else 0.0
sigmoid = lambda x: 1 / (1 + math.exp(-x)) if x > -700 else math.exp(x)

# name: (value, derivative by each operand); the derivatives get the operands and then the output
OPS = {
    'add': (lambda a, b: a + b, (lambda a, b, y: 1.0, lambda a, b, y: 1.0)),
    'sub': (lambda a, b: a - b, (lambda a, b, y: 1.0, lambda a, b, y: -1.0)),
    'mul': (lambda a, b: a * b, (lambda a, b, y: b, lambda a, b, y: a)),
    'truediv': (lambda a, b: a / b, (lambda a, b, y: 1 / b, lambda a, b, y: -y / b)),
    'pow': (
        lambda a, b: a ** b,
        (
            lambda a, b, y: b * a ** (b - 1) if b else 0.0,
            lambda a, b, y: y * math.log(a) if a > 0 else 0.0,
        ),
    ),
    'neg': (lambda a: -a, (lambda a, y: -1.0,)),
    'abs': (abs, (lambda a, y: step(a) - step(-a),)),
    'exp': (math.exp, (lambda a, y: y,)),
    'log': (math.log, (lambda a, y: 1 / a,)),
    'sqrt': (math.sqrt, (lambda a, y: 0.5 / y,)),
    'sin': (math.sin, (lambda a, y: math.cos(a),)),
    'cos': (math.cos, (lambda a, y: -math.sin(a),)),
    'tanh': (math.tanh, (lambda a, y: 1 - y ** 2,)),
    'sigmoid': (sigmoid, (lambda a, y: y * (1 - y),)),
    'relu': (lambda a: a if a > 0 else 0.0, (lambda a, y: step(y),)),
    'max': (max, (lambda a, b, y: step(a - b), lambda a, b, y: 1 - step(a - b))),
    'min': (min, (lambda a, b, y: step(b - a), lambda a, b, y: 1 - step(b - a))),
}
DUNDER = {'add', 'sub', 'mul', 'truediv', 'pow', 'neg', 'abs'}
REFLECTED = DUNDER - {'neg', 'abs'}


class Value:
    counter = count()

    def __init__(self, data, children=(), derivatives=()):
        self.data = data
        self.grad = 0.0
        self.children = children
        self.derivatives = derivatives
        self.serial = next(Value.counter)

    def __lt__(self, other):
        return self.serial > other.serial  # heapq pops the least: the newest

    def backward(self):
        queue, queued = [self], {self.serial}
        self.grad = 1.0
        while queue:
            node = heapq.heappop(queue)
            inputs = [child.data for child in node.children]
            for child, derivative in zip(node.children, node.derivatives):
                child.grad += node.grad * derivative(*inputs, node.data)
                if child.serial not in queued:
                    queued.add(child.serial)
                    heapq.heappush(queue, child)


def wrap(x):
    return x if isinstance(x, Value) else Value(float(x))


def make_op(forward, derivatives):
    def method(*operands):
        children = [wrap(x) for x in operands]
        return Value(forward(*[c.data for c in children]), children, derivatives)
    return method


def make_reflected(method):
    return lambda self, other: method(other, self)


for name, (forward, derivatives) in OPS.items():
    method = make_op(forward, derivatives)
    setattr(Value, f'__{name}__' if name in DUNDER else name, method)
    if name in REFLECTED:
        setattr(Value, f'__r{name}__', make_reflected(method))
