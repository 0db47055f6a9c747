"""A scalar version of how torch.autograd does it: one Function per operation."""
import math
import sys
from abc import ABC, abstractmethod

sys.setrecursionlimit(10_000)  # the sort below calls itself once per level


class Context:
    """What forward wants to remember for backward."""

    def __init__(self):
        self.saved = ()

    def save_for_backward(self, *numbers):
        self.saved = numbers


class Function(ABC):
    @staticmethod
    @abstractmethod
    def forward(ctx, *inputs):
        """Return the result, a number."""

    @staticmethod
    @abstractmethod
    def backward(ctx, grad_output):
        """Return a tuple with one gradient per input."""

    @classmethod
    def apply(cls, *inputs):
        ctx = Context()
        inputs = [x if isinstance(x, Value) else Value(x) for x in inputs]
        output = Value(cls.forward(ctx, *[x.data for x in inputs]))
        output.grad_fn = (cls, ctx, inputs)
        return output


class Add(Function):
    @staticmethod
    def forward(ctx, a, b):
        return a + b

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output, grad_output


class Sub(Function):
    @staticmethod
    def forward(ctx, a, b):
        return a - b

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output, -grad_output


class Mul(Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    def backward(ctx, grad_output):
        a, b = ctx.saved
        return b * grad_output, a * grad_output


class Div(Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a / b

    @staticmethod
    def backward(ctx, grad_output):
        a, b = ctx.saved
        return grad_output / b, -grad_output * a / (b * b)


class Pow(Function):
    @staticmethod
    def forward(ctx, a, b):
        c = a ** b
        ctx.save_for_backward(a, b, c)
        return c

    @staticmethod
    def backward(ctx, grad_output):
        a, b, c = ctx.saved
        grad_a = grad_output * b * a ** (b - 1) if b != 0 else 0.0
        # the exponent is mostly a constant; below zero there is no logarithm
        grad_b = grad_output * c * math.log(a) if a > 0 else 0.0
        return grad_a, grad_b


class Neg(Function):
    @staticmethod
    def forward(ctx, a):
        return -a

    @staticmethod
    def backward(ctx, grad_output):
        return (-grad_output,)


class Exp(Function):
    @staticmethod
    def forward(ctx, a):
        result = math.exp(a)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, grad_output):
        (result,) = ctx.saved
        return (grad_output * result,)


class Log(Function):
    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return math.log(a)

    @staticmethod
    def backward(ctx, grad_output):
        (a,) = ctx.saved
        return (grad_output / a,)


class Tanh(Function):
    @staticmethod
    def forward(ctx, a):
        result = math.tanh(a)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, grad_output):
        (result,) = ctx.saved
        return (grad_output * (1 - result * result),)


class Sigmoid(Function):
    @staticmethod
    def forward(ctx, a):
        z = math.exp(-abs(a))
        result = (1.0 if a >= 0 else z) / (1.0 + z)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, grad_output):
        (result,) = ctx.saved
        return (grad_output * result * (1 - result),)


class ReLU(Function):
    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return a if a > 0 else 0.0

    @staticmethod
    def backward(ctx, grad_output):
        (a,) = ctx.saved
        return (grad_output if a > 0 else 0.0,)


class Value:
    def __init__(self, data):
        self.data = data
        self.grad = 0.0
        self.grad_fn = None

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
    def __neg__(self): return Neg.apply(self)
    def exp(self): return Exp.apply(self)
    def log(self): return Log.apply(self)
    def tanh(self): return Tanh.apply(self)
    def sigmoid(self): return Sigmoid.apply(self)
    def relu(self): return ReLU.apply(self)

    def _sort(self, seen, order):
        if self in seen:
            return
        seen.add(self)
        if self.grad_fn is not None:
            for parent in self.grad_fn[2]:
                parent._sort(seen, order)
        order.append(self)

    def backward(self, gradient=1.0):
        order = []
        self._sort(set(), order)
        self.grad = gradient
        for value in reversed(order):
            if value.grad_fn is None:
                continue
            function, ctx, parents = value.grad_fn
            grads = function.backward(ctx, value.grad)
            for parent, grad in zip(parents, grads):
                parent.grad += grad
