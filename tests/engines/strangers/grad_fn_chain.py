"""As in PyTorch's sources: Functions with a ctx, grad_fn, next functions, AccumulateGrad, and an engine."""
import heapq
import itertools
import math

sequence = itertools.count()


class Node:
    """A node of the backward graph."""

    def __init__(self):
        self.sequence_nr = next(sequence)
        self.next_functions = ()

    def __lt__(self, other):
        return self.sequence_nr > other.sequence_nr


class AccumulateGrad(Node):
    def __init__(self, variable):
        super().__init__()
        self.variable = variable

    def apply(self, grad_output):
        if self.variable.grad is None:
            self.variable.grad = grad_output
        else:
            self.variable.grad = self.variable.grad + grad_output
        return ()


class FunctionCtx(Node):
    fn = None

    def save_for_backward(self, *tensors):
        self.saved_tensors = tensors

    def apply(self, grad_output):
        grads = self.fn.backward(self, grad_output)
        return grads if isinstance(grads, tuple) else (grads,)


class Function:
    @classmethod
    def apply(cls, *args):
        ctx = FunctionCtx()
        ctx.fn = cls
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        data = cls.forward(ctx, *[a.data if isinstance(a, Tensor) else float(a) for a in args])
        out = Tensor(data, requires_grad=any(ctx.needs_input_grad))
        if out.requires_grad:
            ctx.next_functions = tuple(
                a.gradient_edge() if needed else None for a, needed in zip(args, ctx.needs_input_grad)
            )
            out.grad_fn = ctx
        return out


class Engine:
    def compute_dependencies(self, root):
        dependencies, seen, stack = {}, {root}, [root]
        while stack:
            for fn in stack.pop().next_functions:
                if fn is None:
                    continue
                dependencies[fn] = dependencies.get(fn, 0) + 1
                if fn not in seen:
                    seen.add(fn)
                    stack.append(fn)
        return dependencies

    def execute(self, root, grad):
        dependencies = self.compute_dependencies(root)
        buffers = {root: grad}
        ready = [root]
        while ready:
            fn = heapq.heappop(ready)
            for next_fn, g in zip(fn.next_functions, fn.apply(buffers.pop(fn))):
                if next_fn is None:
                    continue
                buffers[next_fn] = buffers[next_fn] + g if next_fn in buffers else g
                dependencies[next_fn] -= 1
                if dependencies[next_fn] == 0:
                    heapq.heappush(ready, next_fn)


class Tensor:
    def __init__(self, data, requires_grad=True):
        self.data = float(data)
        self.requires_grad = requires_grad
        self.grad = None
        self.grad_fn = None
        self.grad_accumulator = None

    def gradient_edge(self):
        if self.grad_fn is not None:
            return self.grad_fn
        if self.grad_accumulator is None:
            self.grad_accumulator = AccumulateGrad(self)
        return self.grad_accumulator

    def backward(self, gradient=1.0):
        Engine().execute(self.gradient_edge(), gradient)

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
    def sqrt(self): return Sqrt.apply(self)
    def relu(self): return Clamp.apply(self, 0.0)


class Add(Function):
    @staticmethod
    def forward(ctx, a, b): return a + b
    @staticmethod
    def backward(ctx, grad): return grad, grad


class Sub(Function):
    @staticmethod
    def forward(ctx, a, b): return a - b
    @staticmethod
    def backward(ctx, grad): return grad, -grad


class Mul(Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a * b
    @staticmethod
    def backward(ctx, grad):
        a, b = ctx.saved_tensors
        return grad * b, grad * a


class Div(Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a / b
    @staticmethod
    def backward(ctx, grad):
        a, b = ctx.saved_tensors
        return grad / b, -grad * (a / b) / b


class Pow(Function):
    @staticmethod
    def forward(ctx, base, exponent):
        result = base ** exponent
        ctx.save_for_backward(base, exponent, result)
        return result
    @staticmethod
    def backward(ctx, grad):
        base, exponent, result = ctx.saved_tensors
        grad_base = grad_exponent = None
        if ctx.needs_input_grad[0]:
            grad_base = grad * (exponent * base ** (exponent - 1)) if exponent != 0 else 0.0
        if ctx.needs_input_grad[1]:
            grad_exponent = grad * (result * math.log(base)) if base > 0 else 0.0
        return grad_base, grad_exponent


class Neg(Function):
    @staticmethod
    def forward(ctx, a): return -a
    @staticmethod
    def backward(ctx, grad): return -grad


class Exp(Function):
    @staticmethod
    def forward(ctx, a):
        result = math.exp(a)
        ctx.save_for_backward(result)
        return result
    @staticmethod
    def backward(ctx, grad):
        result, = ctx.saved_tensors
        return grad * result


class Log(Function):
    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return math.log(a)
    @staticmethod
    def backward(ctx, grad):
        a, = ctx.saved_tensors
        return grad / a


class Tanh(Function):
    @staticmethod
    def forward(ctx, a):
        result = math.tanh(a)
        ctx.save_for_backward(result)
        return result
    @staticmethod
    def backward(ctx, grad):
        result, = ctx.saved_tensors
        return grad * (1 - result * result)


class Sigmoid(Function):
    @staticmethod
    def forward(ctx, a):
        result = 1 / (1 + math.exp(-a)) if a >= 0 else math.exp(a) / (1 + math.exp(a))
        ctx.save_for_backward(result)
        return result
    @staticmethod
    def backward(ctx, grad):
        result, = ctx.saved_tensors
        return grad * result * (1 - result)


class Sqrt(Function):
    @staticmethod
    def forward(ctx, a):
        result = math.sqrt(a)
        ctx.save_for_backward(result)
        return result
    @staticmethod
    def backward(ctx, grad):
        result, = ctx.saved_tensors
        return grad / (2 * result)


class Clamp(Function):
    @staticmethod
    def forward(ctx, a, low):
        ctx.passes = a > low
        return a if a > low else low
    @staticmethod
    def backward(ctx, grad): return (grad if ctx.passes else 0.0), None
