"""Two tables, one counter."""
import math as m
from itertools import count

FWD = {
    'add': lambda a, b: a + b,
    'sub': lambda a, b: a - b,
    'mul': lambda a, b: a * b,
    'div': lambda a, b: a / b,
    'pow': lambda a, b: a ** b,
    'max': lambda a, b: max(a, b),
    'min': lambda a, b: min(a, b),
    'neg': lambda a: -a,
    'exp': lambda a: m.exp(a),
    'log': lambda a: m.log(a),
    'tanh': lambda a: m.tanh(a),
    'relu': lambda a: max(a, 0),
    'sigmoid': lambda a: .5 + .5 * m.tanh(.5 * a),
    'sqrt': lambda a: m.sqrt(a),
    'sin': lambda a: m.sin(a),
    'cos': lambda a: m.cos(a),
    'abs': lambda a: abs(a),
}

BWD = {  # y: result, a, b: operands
    'add': lambda y, a, b: (1, 1),
    'sub': lambda y, a, b: (1, -1),
    'mul': lambda y, a, b: (b, a),
    'div': lambda y, a, b: (1 / b, -y / b),
    'pow': lambda y, a, b: (b * a ** (b - 1) if b else 0, y * m.log(a) if a > 0 else 0),
    'max': lambda y, a, b: (a >= b, a < b),
    'min': lambda y, a, b: (a <= b, a > b),
    'neg': lambda y, a: (-1,),
    'exp': lambda y, a: (y,),
    'log': lambda y, a: (1 / a,),
    'tanh': lambda y, a: (1 - y * y,),
    'relu': lambda y, a: (a > 0,),
    'sigmoid': lambda y, a: (y * (1 - y),),
    'sqrt': lambda y, a: (.5 / y,),
    'sin': lambda y, a: (m.cos(a),),
    'cos': lambda y, a: (-m.sin(a),),
    'abs': lambda y, a: ((a > 0) - (a < 0),),
}


class V:
    __slots__ = 'data', 'grad', 'op', 'args', 'n'
    tick = count()

    def __init__(s, data, op='', args=()):
        s.data, s.grad, s.op, s.args, s.n = data, 0, op, args, next(V.tick)

    def backward(s):
        seen, todo = {s}, [s]
        while todo:
            for a in todo.pop().args:
                if a not in seen:
                    seen.add(a)
                    todo.append(a)
        for v in seen:
            if v.op: v.grad = 0
        s.grad = 1
        for v in sorted(seen, key=lambda v: v.n, reverse=True):
            if v.op:
                ds = BWD[v.op](v.data, *(a.data for a in v.args))
                for a, d in zip(v.args, ds):
                    a.grad += d * v.grad


def do(op, *xs):
    xs = [x if isinstance(x, V) else V(x) for x in xs]
    return V(FWD[op](*(x.data for x in xs)), op, xs)


for d, op in dict(add='add', sub='sub', mul='mul', truediv='div', pow='pow').items():
    setattr(V, f'__{d}__', lambda s, o, op=op: do(op, s, o))
    setattr(V, f'__r{d}__', lambda s, o, op=op: do(op, o, s))
for op in 'max', 'min': setattr(V, op, lambda s, o, op=op: do(op, s, o))
for op in 'neg exp log tanh relu sigmoid sqrt sin cos abs'.split():
    setattr(V, op, lambda s, op=op: do(op, s))
V.__neg__, V.__abs__ = V.neg, V.abs
