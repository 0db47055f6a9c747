"""Functions with forward and backward, and a context, as in PyTorch; recursion with counters."""
import math


class Context:
    def __init__(self): self.saved = ()
    def save(self, *xs): self.saved = xs


class Tensor:
    def __init__(self, data, ctx=None, fn=None, inputs=()):
        self.data = data
        self.grad = None
        self.ctx, self.fn, self.inputs = ctx, fn, inputs

    def backward(self, gradient=1.0):
        waiting = {}
        self.count(waiting, set())
        self.grad = 0.0
        self.flow(gradient, waiting)

    def count(self, waiting, seen):
        if id(self) in seen:
            return
        seen.add(id(self))
        for t in self.inputs:
            waiting[id(t)] = waiting.get(id(t), 0) + 1
            t.count(waiting, seen)

    def flow(self, g, waiting):
        self.grad = (self.grad or 0.0) + g
        left = waiting.get(id(self), 1) - 1
        waiting[id(self)] = left
        if left > 0 or self.fn is None:
            return
        gs = self.fn.backward(self.ctx, self.grad)
        for t, gt in zip(self.inputs, gs if isinstance(gs, tuple) else (gs,)):
            t.flow(gt, waiting)


def apply(fn, *args):
    args = [a if isinstance(a, Tensor) else Tensor(float(a)) for a in args]
    ctx = Context()
    return Tensor(fn.forward(ctx, *[a.data for a in args]), ctx, fn, args)


class Add:
    def forward(ctx, a, b): return a + b
    def backward(ctx, g): return g, g


class Sub:
    def forward(ctx, a, b): return a - b
    def backward(ctx, g): return g, -g


class Mul:
    def forward(ctx, a, b):
        ctx.save(a, b)
        return a * b
    def backward(ctx, g):
        a, b = ctx.saved
        return g * b, g * a


class Div:
    def forward(ctx, a, b):
        ctx.save(a, b)
        return a / b
    def backward(ctx, g):
        a, b = ctx.saved
        return g / b, -g * a / (b * b)


class Pow:
    def forward(ctx, a, b):
        ctx.save(a, b, a ** b)
        return a ** b
    def backward(ctx, g):
        a, b, y = ctx.saved
        return g * b * a ** (b - 1) if b else 0.0, g * y * math.log(a) if a > 0 else 0.0


class Neg:
    def forward(ctx, a): return -a
    def backward(ctx, g): return -g


class Exp:
    def forward(ctx, a):
        y = math.exp(a)
        ctx.save(y)
        return y
    def backward(ctx, g): return g * ctx.saved[0]


class Log:
    def forward(ctx, a):
        ctx.save(a)
        return math.log(a)
    def backward(ctx, g): return g / ctx.saved[0]


class Tanh:
    def forward(ctx, a):
        ctx.save(math.tanh(a))
        return ctx.saved[0]
    def backward(ctx, g): return g * (1 - ctx.saved[0] ** 2)


class Relu:
    def forward(ctx, a):
        ctx.save(a)
        return a if a > 0 else 0.0
    def backward(ctx, g): return g if ctx.saved[0] > 0 else 0.0


class Sin:
    def forward(ctx, a):
        ctx.save(a)
        return math.sin(a)
    def backward(ctx, g): return g * math.cos(ctx.saved[0])


def method(fn, reflected=False):
    return (lambda self, other: apply(fn, other, self)) if reflected else (lambda self, *o: apply(fn, self, *o))


for name, fn in {"add": Add, "sub": Sub, "mul": Mul, "truediv": Div, "pow": Pow}.items():
    setattr(Tensor, f"__{name}__", method(fn))
    setattr(Tensor, f"__r{name}__", method(fn, reflected=True))
for name, fn in {"__neg__": Neg, "exp": Exp, "log": Log, "tanh": Tanh, "relu": Relu, "sin": Sin}.items():
    setattr(Tensor, name, method(fn))
