"""Every elementary function gives back a pair: its value, and its pullback (vjp) at that point."""
import numpy as np

np.seterr(all='ignore')
ELEMENTARY = {}


def elementary(name):
    def register(f):
        ELEMENTARY[name] = f
        return f
    return register


@elementary('add')
def add(a, b):
    return a + b, lambda w: (w, w)


@elementary('sub')
def sub(a, b):
    return a - b, lambda w: (w, -w)


@elementary('mul')
def mul(a, b):
    return a * b, lambda w: (w * b, w * a)


@elementary('div')
def div(a, b):
    return a / b, lambda w: (w / b, -w * a / b ** 2)


@elementary('pow')
def power(a, b):
    y = a ** b
    return y, lambda w: (w * b * a ** (b - 1) if b else 0.0, w * y * np.log(a) if a > 0 else 0.0)


@elementary('neg')
def neg(a):
    return -a, lambda w: (-w,)


@elementary('exp')
def exp(a):
    y = np.exp(a)
    return y, lambda w: (w * y,)


@elementary('log')
def log(a):
    return np.log(a), lambda w: (w / a,)


@elementary('sqrt')
def sqrt(a):
    y = np.sqrt(a)
    return y, lambda w: (w / (2 * y),)


@elementary('sin')
def sin(a):
    return np.sin(a), lambda w: (w * np.cos(a),)


@elementary('cos')
def cos(a):
    return np.cos(a), lambda w: (-w * np.sin(a),)


@elementary('tanh')
def tanh(a):
    y = np.tanh(a)
    return y, lambda w: (w * (1 - y ** 2),)


@elementary('sigmoid')
def sigmoid(a):
    y = 1 / (1 + np.exp(-a))
    return y, lambda w: (w * y * (1 - y),)


@elementary('relu')
def relu(a):
    y = max(a, np.float64(0))
    return y, lambda w: (w * (a > 0),)


@elementary('abs')
def absolute(a):
    return np.abs(a), lambda w: (w * np.sign(a),)


def lift(x):
    return x if isinstance(x, Value) else Value(x)


def apply(name, *args):
    parents = [lift(x) for x in args]
    y, vjp = ELEMENTARY[name](*[p.value for p in parents])
    return Value(y, parents, vjp)


class Value:
    def __init__(self, value, parents=(), vjp=None):
        self.value = np.float64(value)
        self.grad = 0.0
        self.parents = parents
        self.vjp = vjp

    def __add__(self, o): return apply('add', self, o)
    def __radd__(self, o): return apply('add', o, self)
    def __sub__(self, o): return apply('sub', self, o)
    def __rsub__(self, o): return apply('sub', o, self)
    def __mul__(self, o): return apply('mul', self, o)
    def __rmul__(self, o): return apply('mul', o, self)
    def __truediv__(self, o): return apply('div', self, o)
    def __rtruediv__(self, o): return apply('div', o, self)
    def __pow__(self, o): return apply('pow', self, o)
    def __rpow__(self, o): return apply('pow', o, self)
    def __neg__(self): return apply('neg', self)

    def linear_extension(self):
        order, seen, stack = [], set(), [('enter', self)]
        while stack:
            mark, node = stack.pop()
            if mark == 'leave':
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append(('leave', node))
                stack.extend(('enter', p) for p in node.parents)
        return order

    def backward(self):
        order = self.linear_extension()
        for node in order:
            if node.vjp:
                node.grad = 0.0
        self.grad = 1.0
        for node in reversed(order):
            if node.vjp:
                for p, w in zip(node.parents, node.vjp(node.grad)):
                    p.grad += w


for _name in ('exp', 'log', 'sqrt', 'sin', 'cos', 'tanh', 'sigmoid', 'relu', 'abs'):
    setattr(Value, _name, lambda self, _name=_name: apply(_name, self))
