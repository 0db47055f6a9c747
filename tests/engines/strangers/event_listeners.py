"""Nodes as event emitters: an operand listens to the node made of it, and a queue of tasks runs the callbacks."""
import math
from collections import deque

task_queue = deque()


def next_tick(callback, *args):
    task_queue.append((callback, args))


def run_event_loop():
    while task_queue:
        callback, args = task_queue.popleft()
        callback(*args)


class Emitter:
    def __init__(self):
        self.listeners = {}

    def on(self, event, callback):
        self.listeners.setdefault(event, []).append(callback)
        return self

    def emit(self, event, payload):
        for callback in self.listeners.get(event, []):
            callback(payload)


class Value(Emitter):
    def __init__(self, data, sources=()):
        super().__init__()
        self.data = float(data)
        self.grad = 0.0
        self.sources = list(sources)
        self.pending = 0

    @staticmethod
    def wrap(x):
        return x if isinstance(x, Value) else Value(x)

    def receive(self, gradient):
        self.grad += gradient
        self.pending -= 1
        if self.pending == 0:
            next_tick(self.emit, "gradient", self.grad)

    def count_users(self):
        known = {self}
        todo = [self]
        while todo:
            node = todo.pop()
            if node.sources:
                node.grad = 0.0
            for source in node.sources:
                if source not in known:
                    known.add(source)
                    source.pending = 0
                    todo.append(source)
                source.pending += 1

    def backward(self):
        task_queue.clear()
        self.count_users()
        self.pending = 1
        self.receive(1.0)
        run_event_loop()

    def unary(self, data, slope):
        out = Value(data, [self])
        out.on("gradient", lambda g: self.receive(slope * g))
        return out

    def binary(self, other, data, on_gradient):
        out = Value(data, [self, other])

        def handler(g):
            mine, theirs = on_gradient(g)
            self.receive(mine)
            other.receive(theirs)

        out.on("gradient", handler)
        return out

    def __add__(self, other):
        other = Value.wrap(other)
        return self.binary(other, self.data + other.data, lambda g: (g, g))

    def __sub__(self, other):
        other = Value.wrap(other)
        return self.binary(other, self.data - other.data, lambda g: (g, -g))

    def __mul__(self, other):
        other = Value.wrap(other)
        return self.binary(other, self.data * other.data, lambda g: (g * other.data, g * self.data))

    def __truediv__(self, other):
        other = Value.wrap(other)
        quotient = self.data / other.data
        return self.binary(other, quotient, lambda g: (g / other.data, -g * quotient / other.data))

    def __pow__(self, other):
        other = Value.wrap(other)
        power = self.data ** other.data

        def on_gradient(g):
            base, exponent = self.data, other.data
            to_base = g * exponent * base ** (exponent - 1) if exponent != 0 else 0.0
            to_exponent = g * power * math.log(base) if base > 0 else 0.0
            return to_base, to_exponent

        return self.binary(other, power, on_gradient)

    def max(self, other):
        other = Value.wrap(other)
        wins = self.data >= other.data
        return self.binary(other, self.data if wins else other.data, lambda g: (g, 0.0) if wins else (0.0, g))

    def min(self, other):
        other = Value.wrap(other)
        wins = self.data <= other.data
        return self.binary(other, self.data if wins else other.data, lambda g: (g, 0.0) if wins else (0.0, g))

    def __radd__(self, other): return Value.wrap(other) + self
    def __rsub__(self, other): return Value.wrap(other) - self
    def __rmul__(self, other): return Value.wrap(other) * self
    def __rtruediv__(self, other): return Value.wrap(other) / self
    def __rpow__(self, other): return Value.wrap(other) ** self
    def __neg__(self): return self.unary(-self.data, -1.0)
    def __abs__(self): return self.unary(abs(self.data), (self.data > 0) - (self.data < 0))
    def relu(self): return self.unary(max(0.0, self.data), 1.0 if self.data > 0 else 0.0)
    def log(self): return self.unary(math.log(self.data), 1 / self.data)
    def sin(self): return self.unary(math.sin(self.data), math.cos(self.data))
    def cos(self): return self.unary(math.cos(self.data), -math.sin(self.data))

    def exp(self):
        e = math.exp(self.data)
        return self.unary(e, e)

    def tanh(self):
        t = math.tanh(self.data)
        return self.unary(t, 1 - t * t)

    def sigmoid(self):
        e = math.exp(-abs(self.data))
        s = 1 / (1 + e) if self.data >= 0 else e / (1 + e)
        return self.unary(s, s * (1 - s))

    def sqrt(self):
        root = math.sqrt(self.data)
        return self.unary(root, 0.5 / root)
