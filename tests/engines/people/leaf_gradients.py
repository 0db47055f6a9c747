'''
Gradients belong to the variables that I make myself. Whatever is computed from them
keeps grad = None; its share of the chain rule lives in a dictionary during the pass.
'''
from math import cos, exp, log, sin, tanh


def logistic(x):
    if x < 0:
        return exp(x) / (1 + exp(x))
    return 1 / (1 + exp(-x))


# name: (value of the operands, what the operands get from g when the result is y)
RULES = {
    'add': (lambda a, b: a + b, lambda g, y, a, b: (g, g)),
    'sub': (lambda a, b: a - b, lambda g, y, a, b: (g, -g)),
    'mul': (lambda a, b: a * b, lambda g, y, a, b: (g * b, g * a)),
    'div': (lambda a, b: a / b, lambda g, y, a, b: (g / b, -g * y / b)),
    'pow': (
        lambda a, b: a ** b,
        lambda g, y, a, b: (
            g * b * a ** (b - 1) if b else 0.0,
            g * y * log(a) if a > 0 else 0.0,
        ),
    ),
    'neg': (lambda a: -a, lambda g, y, a: (-g,)),
    'exp': (exp, lambda g, y, a: (g * y,)),
    'log': (log, lambda g, y, a: (g / a,)),
    'sin': (sin, lambda g, y, a: (g * cos(a),)),
    'cos': (cos, lambda g, y, a: (-g * sin(a),)),
    'tanh': (tanh, lambda g, y, a: (g * (1 - y * y),)),
    'sigmoid': (logistic, lambda g, y, a: (g * y * (1 - y),)),
    'relu': (lambda a: a if a > 0 else 0.0, lambda g, y, a: (g if a > 0 else 0.0,)),
    'max': (
        lambda a, b: a if a > b else b,
        lambda g, y, a, b: (g, 0.0) if a > b else (0.0, g),
    ),
    'sum': (lambda *terms: sum(terms), lambda g, y, *terms: [g] * len(terms)),
}


class Variable:
    def __init__(self, value):
        self.value = value
        self.grad = 0.0
        self.rule = None
        self.operands = []
        self.level = 0  # more than that of any operand

    def __add__(self, other): return compute('add', self, other)
    def __radd__(self, other): return compute('add', other, self)
    def __sub__(self, other): return compute('sub', self, other)
    def __rsub__(self, other): return compute('sub', other, self)
    def __mul__(self, other): return compute('mul', self, other)
    def __rmul__(self, other): return compute('mul', other, self)
    def __truediv__(self, other): return compute('div', self, other)
    def __rtruediv__(self, other): return compute('div', other, self)
    def __pow__(self, other): return compute('pow', self, other)
    def __rpow__(self, other): return compute('pow', other, self)
    def __neg__(self): return compute('neg', self)
    def max(self, other): return compute('max', self, other)
    def sum(self, *others): return compute('sum', self, *others)

    def backward(self):
        share = {self: 1.0}
        for node in by_level(self):
            if node.rule is None:
                continue
            numbers = [operand.value for operand in node.operands]
            back = RULES[node.rule][1]
            for operand, g in zip(node.operands, back(share[node], node.value, *numbers)):
                share[operand] = share.get(operand, 0.0) + g
        for node, g in share.items():
            if node.rule is None:
                node.grad = g


for name in ('exp', 'log', 'sin', 'cos', 'tanh', 'sigmoid', 'relu'):
    setattr(Variable, name, lambda self, name=name: compute(name, self))


def compute(rule, *operands):
    operands = [x if isinstance(x, Variable) else Variable(x) for x in operands]
    forward = RULES[rule][0]
    result = Variable(forward(*[x.value for x in operands]))
    result.grad = None
    result.rule = rule
    result.operands = operands
    result.level = 1 + max(x.level for x in operands)
    return result


def by_level(top):
    '''All nodes that top depends on, highest level first.'''
    found = {top}
    queue = [top]
    for node in queue:
        for operand in node.operands:
            if operand not in found:
                found.add(operand)
                queue.append(operand)
    return sorted(queue, key=lambda node: node.level, reverse=True)
