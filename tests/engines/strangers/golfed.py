"""Autograd, golfed: edges carry their partials, and backward pops the newest node of a frontier."""
import itertools as it, math as m

count = it.count()


def _(f, args, partials):
    a = [x if isinstance(x, V) else V(x) for x in args]
    d = [x.data for x in a]
    y = f(*d)
    return V(y, [*zip(a, partials(y, *d))])


def pw(a, b):
    if a == 0 > b: return m.inf
    return a ** b


class V:
    def __init__(s, x, e=()): s.data, s.grad, s.e, s.i = float(x), 0.0, e, next(count)
    def __repr__(s): return f"V({s.data:.6g}, {s.grad:.6g})"
    def __add__(s, o): return _(lambda a, b: a + b, (s, o), lambda y, a, b: (1, 1))
    def __mul__(s, o): return _(lambda a, b: a * b, (s, o), lambda y, a, b: (b, a))
    def __pow__(s, o): return _(pw, (s, o), lambda y, a, b: (b and b * pw(a, b - 1), y * m.log(a) if a > 0 else 0))
    def __rpow__(s, o): return V(o) ** s
    def __neg__(s): return s * -1
    def __sub__(s, o): return s + (-o)
    def __rsub__(s, o): return o + (-s)
    def __truediv__(s, o): return s * (o if isinstance(o, V) else V(o)) ** -1
    def __rtruediv__(s, o): return o * s ** -1
    __radd__, __rmul__ = __add__, __mul__
    def exp(s): return _(m.exp, (s,), lambda y, a: (y,))
    def log(s): return _(m.log, (s,), lambda y, a: (1 / a,))
    def sqrt(s): return s ** .5
    def sin(s): return _(m.sin, (s,), lambda y, a: (m.cos(a),))
    def cos(s): return _(m.cos, (s,), lambda y, a: (-m.sin(a),))
    def tanh(s): return _(m.tanh, (s,), lambda y, a: (1 - y * y,))
    def relu(s): return _(lambda a: a * (a > 0), (s,), lambda y, a: (a > 0,))
    def abs(s): return _(abs, (s,), lambda y, a: ((a > 0) - (a < 0),))
    def sigmoid(s): return (s * .5).tanh() * .5 + .5
    def max(s, o): return _(max, (s, o), lambda y, a, b: (a > b, a <= b))
    def min(s, o): return _(min, (s, o), lambda y, a, b: (a < b, a >= b))

    def backward(s):
        s.grad, todo = 1.0, {s}
        while todo:
            n = max(todo, key=lambda n: n.i)
            todo.remove(n)
            for c, p in n.e:
                c.grad += p * n.grad
                if c.e: todo.add(c)
