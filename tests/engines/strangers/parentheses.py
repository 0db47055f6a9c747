"""A node is a list of its operator, its number, its arguments and a box for the gradient. The rest is assoc and fold."""
import math
from functools import reduce

nil = ()


def cons(a, d): return (a, d)
def car(c): return c[0]
def cdr(c): return c[1]
def atom(x): return not isinstance(x, tuple)
def number(x): return x if atom(x) else x[1]


def assoc(key, alist):
    return next(entry for entry in alist if car(entry) == key)


def quotient(x, y):
    return x / y if y else math.copysign(math.inf, x) * math.copysign(1.0, y) if x else math.nan


def sigma(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


# (operator function derivatives); a derivative is given the arguments x, y and the result z
RULES = (
    ('add', lambda x, y: x + y, (lambda x, y, z: 1.0, lambda x, y, z: 1.0)),
    ('sub', lambda x, y: x - y, (lambda x, y, z: 1.0, lambda x, y, z: -1.0)),
    ('mul', lambda x, y: x * y, (lambda x, y, z: y, lambda x, y, z: x)),
    ('div', quotient, (lambda x, y, z: quotient(1.0, y), lambda x, y, z: quotient(-z, y))),
    ('pow', lambda x, y: x ** y,
     (lambda x, y, z: y * x ** (y - 1) if y else 0.0,
      lambda x, y, z: z * math.log(x) if x > 0 else 0.0)),
    ('neg', lambda x: -x, (lambda x, z: -1.0,)),
    ('abs', abs, (lambda x, z: (x > 0) - (x < 0),)),
    ('exp', math.exp, (lambda x, z: z,)),
    ('log', math.log, (lambda x, z: 1 / x,)),
    ('sqrt', math.sqrt, (lambda x, z: quotient(0.5, z),)),
    ('sin', math.sin, (lambda x, z: math.cos(x),)),
    ('cos', math.cos, (lambda x, z: -math.sin(x),)),
    ('tanh', math.tanh, (lambda x, z: 1 - z ** 2,)),
    ('sigmoid', sigma, (lambda x, z: z * sigma(-x),)),
    ('relu', lambda x: max(x, 0.0), (lambda x, z: 1.0 if x > 0 else 0.0,)),
    ('max', max, (lambda x, y, z: float(x >= y), lambda x, y, z: float(x < y))),
    ('min', min, (lambda x, y, z: float(x <= y), lambda x, y, z: float(x > y))),
)


def apply(op, *args):
    args = tuple(a.node if isinstance(a, Value) else float(a) for a in args)
    _, function, _ = assoc(op, RULES)
    return Value((op, function(*map(number, args)), args, [0.0]))


def one(op):
    return lambda a: apply(op, a)


def two(op):
    """The operator, and the same one with its arguments the other way around."""
    return lambda a, b: apply(op, a, b), lambda a, b: apply(op, b, a)


def walk(seen, node):
    """seen, with the nodes below node and node itself at its end."""
    if atom(node) or id(node) in seen:
        return seen
    below = reduce(walk, node[2], seen)
    below[id(node)] = node
    return below


def spread(node, adjoint):
    """What node hands down: a list of (argument . adjoint)."""
    op, z, args, _ = node
    if not args:
        return []
    xs = [number(a) for a in args]
    _, _, derivatives = assoc(op, RULES)
    return [(a, adjoint * d(*xs, z)) for a, d in zip(args, derivatives) if not atom(a)]


def merge(pairs, pair):
    """Put pair among pairs; if its node is there (eq, not equal), their adjoints become one."""
    node, adjoint = pair
    same = [a for n, a in pairs if n is node]
    others = [p for p in pairs if p[0] is not node]
    return others + [(node, sum(same, adjoint))]


def step(state, node):
    done, pending = state
    adjoint = sum((a for n, a in pending if n is node), 0.0)
    rest = [p for p in pending if p[0] is not node]
    return cons((node, adjoint), done), reduce(merge, spread(node, adjoint), rest)


class Value:
    def __init__(self, x):
        self.node = ('leaf', float(x), nil, [0.0]) if atom(x) else x

    data = property(lambda self: number(self.node))
    grad = property(lambda self: self.node[3][0])

    def backward(self):
        nodes = list(walk({}, self.node).values())
        done, _ = reduce(step, reversed(nodes), (nil, [(self.node, 1.0)]))
        while done:
            node, adjoint = car(done)
            node[3][0] = adjoint
            done = cdr(done)

    __add__, __radd__ = two('add')
    __sub__, __rsub__ = two('sub')
    __mul__, __rmul__ = two('mul')
    __truediv__, __rtruediv__ = two('div')
    __pow__, __rpow__ = two('pow')
    __neg__, __abs__ = one('neg'), one('abs')
    exp, log, sqrt, sin, cos = map(one, ('exp', 'log', 'sqrt', 'sin', 'cos'))
    tanh, sigmoid, relu = map(one, ('tanh', 'sigmoid', 'relu'))
    max, min = car(two('max')), car(two('min'))
