"""Behaves like PyTorch: None where no gradient arrived, and only leaves accumulate."""

import math


class Tensor:
    """A number; `grad_fn` says how it was computed, and is None for a leaf."""

    def __init__(self, data, grad_fn=None):
        self.data = float(data)
        self.grad = None
        self.grad_fn = grad_fn

    @property
    def is_leaf(self):
        return self.grad_fn is None

    @classmethod
    def apply(cls, function, *inputs):
        """Run a function, which returns its result and a slope for each input."""
        inputs = [x if isinstance(x, cls) else cls(x) for x in inputs]
        data, *slopes = function(*(x.data for x in inputs))
        return cls(data, list(zip(inputs, slopes)))

    def add(self, other):
        return Tensor.apply(lambda a, b: (a + b, 1, 1), self, other)

    def sub(self, other):
        return Tensor.apply(lambda a, b: (a - b, 1, -1), self, other)

    def mul(self, other):
        return Tensor.apply(lambda a, b: (a * b, b, a), self, other)

    def div(self, other):
        return Tensor.apply(lambda a, b: (a / b, 1 / b, -a / b**2), self, other)

    def pow(self, other):
        return Tensor.apply(_pow, self, other)

    def neg(self):
        return Tensor.apply(lambda x: (-x, -1), self)

    def abs(self):
        return Tensor.apply(lambda x: (abs(x), (x > 0) - (x < 0)), self)

    __add__ = __radd__ = add
    __mul__ = __rmul__ = mul
    __sub__ = sub
    __truediv__ = div
    __pow__ = pow  # noqa: A003
    __neg__ = neg
    __abs__ = abs  # noqa: A003

    def __rsub__(self, other):
        return Tensor(other).sub(self)

    def __rtruediv__(self, other):
        return Tensor(other).div(self)

    def __rpow__(self, other):
        return Tensor(other).pow(self)

    def maximum(self, other):
        return Tensor.apply(lambda a, b: (max(a, b), _share(a, b), _share(b, a)), self, other)

    def minimum(self, other):
        return Tensor.apply(lambda a, b: (min(a, b), _share(b, a), _share(a, b)), self, other)

    def relu(self):
        return Tensor.apply(lambda x: (max(x, 0.0), float(x > 0)), self)

    def sqrt(self):
        return Tensor.apply(lambda x: (x**0.5, 0.5 * x**-0.5), self)

    def exp(self):
        return Tensor.apply(lambda x: (math.exp(x), math.exp(x)), self)

    def log(self):
        return Tensor.apply(lambda x: (math.log(x), 1 / x), self)

    def sin(self):
        return Tensor.apply(lambda x: (math.sin(x), math.cos(x)), self)

    def cos(self):
        return Tensor.apply(lambda x: (math.cos(x), -math.sin(x)), self)

    def tan(self):
        return Tensor.apply(lambda x: (math.tan(x), 1 + math.tan(x) ** 2), self)

    def arctan(self):
        return Tensor.apply(lambda x: (math.atan(x), 1 / (1 + x * x)), self)

    def sinh(self):
        return Tensor.apply(lambda x: (math.sinh(x), math.cosh(x)), self)

    def cosh(self):
        return Tensor.apply(lambda x: (math.cosh(x), math.sinh(x)), self)

    def tanh(self):
        return Tensor.apply(lambda x: (math.tanh(x), 1 - math.tanh(x) ** 2), self)

    def sigmoid(self):
        return Tensor.apply(lambda x: (_logistic(x), _logistic(x) * _logistic(-x)), self)

    def softplus(self):
        return Tensor.apply(lambda x: (_softplus(x), _logistic(x)), self)

    def backward(self):
        grads = {id(self): 1.0}
        for node in reversed(self._sorted()):
            if id(node) not in grads:
                continue
            grad = grads[id(node)]
            node.grad = node.grad + grad if node.is_leaf and node.grad is not None else grad
            for child, slope in node.grad_fn or ():
                grads[id(child)] = grads.get(id(child), 0.0) + grad * slope

    def _sorted(self):
        done, order, stack = set(), [], [self]
        while stack:
            node = stack[-1]
            todo = [child for child, _ in node.grad_fn or () if child not in done]
            if todo:
                stack.extend(todo)
                continue
            stack.pop()
            if node not in done:
                done.add(node)
                order.append(node)
        return order


def _pow(a, b):
    return a**b, b * a ** (b - 1), a**b * math.log(a) if a > 0 else math.nan


def _share(a, b):
    return 0.5 if a == b else float(a > b)


def _softplus(x):
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


def _logistic(x):
    return (1 + math.tanh(x / 2)) / 2
