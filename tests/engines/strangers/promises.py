"""Nothing is computed until somebody looks: an operator makes a promise, reading .data keeps it."""
import numpy as np


def promised(x):
    return x if isinstance(x, Value) else Value(x)


def credit(node, amount):
    node.grad += amount


def lazy(work):
    """Turn work(out, *operands) -> (number, push) into a method that only remembers what to do."""
    def method(*operands):
        node = Value()
        node._needs = tuple(promised(x) for x in operands)
        node._work = work
        return node
    method.__name__ = work.__name__
    return method


def flipped(method):
    return lambda self, other: method(other, self)


class Value:
    def __init__(self, data=None):
        self._data = None if data is None else np.float64(data)
        self._needs, self._work, self._push = (), None, None
        self.grad = 0.0

    @property
    def data(self):
        if self._data is None:
            self._keep()
        return self._data

    def _keep(self):
        todo = [self]
        with np.errstate(all='ignore'):
            while todo:
                node = todo[-1]
                if node._data is None:
                    missing = [n for n in node._needs if n._data is None]
                    if missing:
                        todo.extend(missing)
                        continue
                    node._data, node._push = node._work(node, *node._needs)
                todo.pop()

    def _history(self):
        """All nodes this one needs, and itself, each after those it needs."""
        order, seen, todo = [], set(), [(self, False)]
        while todo:
            node, ready = todo.pop()
            if ready:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                todo.append((node, True))
                todo.extend((n, False) for n in node._needs)
        return order

    def backward(self):
        self._keep()
        order = self._history()
        for node in order:
            if node._push:
                node.grad = 0.0
        self.grad = 1.0
        with np.errstate(all='ignore'):
            for node in reversed(order):
                if node._push:
                    node._push()

    @lazy
    def __add__(out, a, b):
        def push(): credit(a, out.grad), credit(b, out.grad)
        return a._data + b._data, push
    @lazy
    def __sub__(out, a, b):
        def push(): credit(a, out.grad), credit(b, -out.grad)
        return a._data - b._data, push
    @lazy
    def __mul__(out, a, b):
        x, y = a._data, b._data
        def push():
            credit(a, y * out.grad)
            credit(b, x * out.grad)
        return x * y, push
    @lazy
    def __truediv__(out, a, b):
        x, y = a._data, b._data
        def push():
            credit(a, out.grad / y)
            credit(b, -out.grad * x / (y * y))
        return x / y, push
    @lazy
    def __pow__(out, a, b):
        x, y = a._data, b._data
        def push():
            if y != 0:
                credit(a, out.grad * y * x ** (y - 1))
            if x > 0:
                credit(b, out.grad * out._data * np.log(x))
        return x ** y, push
    @lazy
    def __neg__(out, a):
        return -a._data, lambda: credit(a, -out.grad)
    @lazy
    def __abs__(out, a):
        return abs(a._data), lambda: credit(a, np.sign(a._data) * out.grad)
    @lazy
    def exp(out, a):
        return np.exp(a._data), lambda: credit(a, out._data * out.grad)
    @lazy
    def log(out, a):
        return np.log(a._data), lambda: credit(a, out.grad / a._data)
    @lazy
    def tanh(out, a):
        t = np.tanh(a._data)
        return t, lambda: credit(a, (1 - t * t) * out.grad)
    @lazy
    def sigmoid(out, a):
        z = np.exp(-abs(a._data))
        s = 1 / (1 + z) if a._data >= 0 else z / (1 + z)
        return s, lambda: credit(a, z / (1 + z) ** 2 * out.grad)
    @lazy
    def relu(out, a):
        on = a._data > 0
        return a._data if on else np.float64(0), lambda: on and credit(a, out.grad)
    @lazy
    def sqrt(out, a):
        root = np.sqrt(a._data)
        return root, lambda: credit(a, out.grad / (2 * root))
    @lazy
    def sin(out, a):
        return np.sin(a._data), lambda: credit(a, np.cos(a._data) * out.grad)
    @lazy
    def cos(out, a):
        return np.cos(a._data), lambda: credit(a, -np.sin(a._data) * out.grad)
    @lazy
    def max(out, a, b):
        winner = a if a._data >= b._data else b
        return winner._data, lambda: credit(winner, out.grad)

    __radd__, __rsub__, __rmul__ = flipped(__add__), flipped(__sub__), flipped(__mul__)
    __rtruediv__, __rpow__ = flipped(__truediv__), flipped(__pow__)
