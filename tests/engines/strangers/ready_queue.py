"""torch.autograd in miniature: Functions with a context, AccumulateGrad for leaves, an engine with a ready queue."""
import math
import operator
from collections import deque

class Context:
    saved = ()
    def save_for_backward(self, *items): self.saved = items

class AccumulateGrad:
    next_functions = ()
    def __init__(self, variable): self.variable = variable
    def __call__(self, grad):
        self.variable.grad += grad
        return ()

class BackwardNode:
    def __init__(self, function, ctx, next_functions, output):
        self.function, self.ctx, self.output = function, ctx, output
        self.next_functions = next_functions
    def __call__(self, grad):
        self.output.grad += grad  # every result retains its gradient
        grads = self.function.backward(self.ctx, grad)
        return grads if isinstance(grads, tuple) else (grads,)

def gradient_edge(v):
    if not v.requires_grad:
        return None
    if v.grad_fn is not None:
        return v.grad_fn
    if v.grad_accumulator is None:
        v.grad_accumulator = AccumulateGrad(v)
    return v.grad_accumulator

def compute_dependencies(root):
    dependencies, seen, stack = {}, {root}, [root]
    while stack:
        for nxt in stack.pop().next_functions:
            if nxt is None:
                continue
            dependencies[nxt] = dependencies.get(nxt, 0) + 1
            if nxt not in seen:
                seen.add(nxt)
                stack.append(nxt)
    return dependencies

def run_backward(root, gradient):
    dependencies = compute_dependencies(root)
    buffers, ready = {root: gradient}, deque([root])
    while ready:
        node = ready.popleft()
        grads = node(buffers.pop(node))
        for nxt, g in zip(node.next_functions, grads):
            if nxt is None:  # a constant
                continue
            buffers[nxt] = buffers.get(nxt, 0.0) + g
            dependencies[nxt] -= 1
            if dependencies[nxt] == 0:
                ready.append(nxt)

class Function:
    @classmethod
    def apply(cls, *args):
        args = [as_value(a) for a in args]
        ctx = Context()
        ctx.needs_input_grad = [a.requires_grad for a in args]
        result = cls.forward(ctx, *[a.data for a in args])
        out = Value(result, requires_grad=any(ctx.needs_input_grad))
        if out.requires_grad:
            out.grad_fn = BackwardNode(cls, ctx, [gradient_edge(a) for a in args], out)
        return out

class SavesInput(Function):
    @classmethod
    def forward(cls, ctx, *x):
        ctx.save_for_backward(*x)
        return cls.compute(*x)

class SavesOutput(Function):
    @classmethod
    def forward(cls, ctx, x):
        y = cls.compute(x)
        ctx.save_for_backward(y)
        return y

class Add(Function):
    def forward(ctx, a, b): return a + b
    def backward(ctx, grad): return grad, grad

class Sub(Function):
    def forward(ctx, a, b): return a - b
    def backward(ctx, grad): return grad, -grad

class Mul(SavesInput):
    compute = operator.mul
    def backward(ctx, grad):
        a, b = ctx.saved
        return grad * b, grad * a

class Div(SavesInput):
    compute = operator.truediv
    def backward(ctx, grad):
        a, b = ctx.saved
        return grad / b, -grad * (a / b) / b

class Pow(Function):
    def forward(ctx, a, b):
        out = a ** b
        ctx.save_for_backward(a, b, out)
        return out
    def backward(ctx, grad):
        a, b, out = ctx.saved
        grad_a = grad * b * a ** (b - 1) if b != 0 else 0.0
        grad_b = grad * out * math.log(a) if ctx.needs_input_grad[1] and a > 0 else 0.0
        return grad_a, grad_b

class Neg(Function):
    def forward(ctx, x): return -x
    def backward(ctx, grad): return -grad

class Exp(SavesOutput):
    compute = math.exp
    def backward(ctx, grad): return grad * ctx.saved[0]

class Log(SavesInput):
    compute = math.log
    def backward(ctx, grad): return grad / ctx.saved[0]

class Tanh(SavesOutput):
    compute = math.tanh
    def backward(ctx, grad): return grad * (1 - ctx.saved[0] ** 2)

class Sigmoid(SavesOutput):
    def compute(x):
        if x >= 0:
            return 1 / (1 + math.exp(-x))
        e = math.exp(x)
        return e / (1 + e)
    def backward(ctx, grad):
        s, = ctx.saved
        return grad * s * (1 - s)

class ReLU(SavesInput):
    def compute(x): return max(x, 0.0)
    def backward(ctx, grad): return grad if ctx.saved[0] > 0 else 0.0

class Sqrt(SavesOutput):
    compute = math.sqrt
    def backward(ctx, grad): return grad / (2 * ctx.saved[0])

class Sin(SavesInput):
    compute = math.sin
    def backward(ctx, grad): return grad * math.cos(ctx.saved[0])

class Cos(SavesInput):
    compute = math.cos
    def backward(ctx, grad): return grad * -math.sin(ctx.saved[0])

class Select(Function):
    """One of two operands is the result, and gets the gradient."""
    @classmethod
    def forward(cls, ctx, a, b):
        first = cls.prefers(a, b)
        ctx.save_for_backward(first)
        return a if first else b
    def backward(ctx, grad):
        first, = ctx.saved
        return (grad, 0.0) if first else (0.0, grad)

class Max(Select):
    def prefers(a, b): return a >= b

class Min(Select):
    def prefers(a, b): return a <= b

class Value:
    def __init__(self, data, requires_grad=True):
        self.data, self.requires_grad = float(data), requires_grad
        self.grad, self.grad_fn, self.grad_accumulator = 0.0, None, None

    def backward(self, gradient=None):
        if not self.requires_grad:
            raise RuntimeError("this Value does not require grad")
        run_backward(gradient_edge(self), 1.0 if gradient is None else gradient)

    def __add__(self, other): return Add.apply(self, other)
    def __radd__(self, other): return Add.apply(other, self)
    def __sub__(self, other): return Sub.apply(self, other)
    def __rsub__(self, other): return Sub.apply(other, self)
    def __mul__(self, other): return Mul.apply(self, other)
    def __rmul__(self, other): return Mul.apply(other, self)
    def __truediv__(self, other): return Div.apply(self, other)
    def __rtruediv__(self, other): return Div.apply(other, self)
    def __pow__(self, other): return Pow.apply(self, other)
    def __rpow__(self, other): return Pow.apply(other, self)

for function in Neg, Exp, Log, Tanh, Sigmoid, ReLU, Sqrt, Sin, Cos, Max, Min:
    name = "__neg__" if function is Neg else function.__name__.lower()
    setattr(Value, name, lambda *args, apply=function.apply: apply(*args))

def as_value(x):
    return x if isinstance(x, Value) else Value(x, requires_grad=False)
