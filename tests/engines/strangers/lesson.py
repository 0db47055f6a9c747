"""For the lesson: an op is a class that knows its forward and its backward formula, as in torch.autograd.Function."""
import math


class Scalar:
    """A number that remembers how it was computed."""

    def __init__(self, data):
        self.data = float(data)
        self.grad = 0.0
        self.recipe = None          # the Context of the op that made this number; None for a leaf

    def backward(self):
        """Writes d self / d n into n.grad, for every n that self was computed from."""
        order = topological_order(self)
        for node in order:
            node.grad = 0.0
        self.grad = 1.0
        for node in reversed(order):
            distribute(node)

    def __add__(self, other): return apply(Add, self, other)
    def __radd__(self, other): return apply(Add, other, self)
    def __sub__(self, other): return apply(Sub, self, other)
    def __rsub__(self, other): return apply(Sub, other, self)
    def __mul__(self, other): return apply(Mul, self, other)
    def __rmul__(self, other): return apply(Mul, other, self)
    def __truediv__(self, other): return apply(Div, self, other)
    def __rtruediv__(self, other): return apply(Div, other, self)
    def __pow__(self, other): return apply(Pow, self, other)
    def __rpow__(self, other): return apply(Pow, other, self)
    def __neg__(self): return apply(Neg, self)
    def __abs__(self): return apply(Abs, self)
    def exp(self): return apply(Exp, self)
    def log(self): return apply(Log, self)
    def tanh(self): return apply(Tanh, self)
    def relu(self): return apply(Relu, self)
    def sigmoid(self): return apply(Sigmoid, self)
    def maximum(self, other): return apply(Maximum, self, other)
    def minimum(self, other): return -(-self).maximum(-other)


class Context:
    """What an op wants to remember until its backward."""

    def __init__(self, function, inputs):
        self.function = function
        self.inputs = inputs
        self.saved = ()

    def save(self, *numbers):
        self.saved = numbers


def apply(function, *operands):
    inputs = [x if isinstance(x, Scalar) else Scalar(x) for x in operands]
    ctx = Context(function, inputs)
    result = Scalar(function.forward(ctx, *[x.data for x in inputs]))
    result.recipe = ctx
    return result


def inputs_of(node):
    return node.recipe.inputs if node.recipe else []


def distribute(node):
    """Passes the gradient of a node on to its inputs."""
    if node.recipe is None:
        return
    gradients = node.recipe.function.backward(node.recipe, node.grad)
    for x, gradient in zip(node.recipe.inputs, gradients):
        x.grad += gradient


def topological_order(root):
    """Inputs come before the numbers computed from them."""
    order, seen = [], set()
    to_visit, path = [root], []
    while to_visit:
        node = to_visit[-1]
        if path and path[-1] is node:       # all below this node is done
            path.pop()
            order.append(to_visit.pop())
        elif node in seen:
            to_visit.pop()
        else:
            seen.add(node)
            path.append(node)
            to_visit.extend(inputs_of(node))
    return order


class Add:
    def forward(ctx, a, b): return a + b
    def backward(ctx, upstream): return upstream, upstream

class Sub:
    def forward(ctx, a, b): return a - b
    def backward(ctx, upstream): return upstream, -upstream

class Mul:
    def forward(ctx, a, b):
        ctx.save(a, b)
        return a * b
    def backward(ctx, upstream):
        a, b = ctx.saved
        return upstream * b, upstream * a

class Div:
    def forward(ctx, a, b):
        ctx.save(a, b)
        return a / b
    def backward(ctx, upstream):
        a, b = ctx.saved
        return upstream / b, -upstream * a / (b * b)

class Pow:
    def forward(ctx, base, exponent):
        ctx.save(base, exponent)
        return base ** exponent
    def backward(ctx, upstream):
        base, exponent = ctx.saved
        to_base = exponent * base ** (exponent - 1) if exponent != 0 else 0.0
        to_exponent = math.log(base) * base ** exponent if base > 0 else 0.0
        return upstream * to_base, upstream * to_exponent

class Neg:
    def forward(ctx, a): return -a
    def backward(ctx, upstream): return [-upstream]

class Abs:
    def forward(ctx, a):
        ctx.save(a)
        return abs(a)
    def backward(ctx, upstream):
        [a] = ctx.saved
        return [upstream * (1 if a > 0 else -1 if a < 0 else 0)]

class Exp:
    def forward(ctx, a):
        result = math.exp(a)
        ctx.save(result)
        return result
    def backward(ctx, upstream):
        [result] = ctx.saved
        return [upstream * result]

class Log:
    def forward(ctx, a):
        ctx.save(a)
        return math.log(a)
    def backward(ctx, upstream):
        [a] = ctx.saved
        return [upstream / a]

class Tanh:
    def forward(ctx, a):
        result = math.tanh(a)
        ctx.save(result)
        return result
    def backward(ctx, upstream):
        [result] = ctx.saved
        return [upstream * (1 - result ** 2)]

class Relu:
    def forward(ctx, a):
        ctx.save(a)
        return max(a, 0.0)
    def backward(ctx, upstream):
        [a] = ctx.saved
        return [upstream if a > 0 else 0.0]

class Sigmoid:
    def forward(ctx, a):
        result = 1 / (1 + math.exp(-a)) if a >= 0 else math.exp(a) / (1 + math.exp(a))
        ctx.save(result)
        return result
    def backward(ctx, upstream):
        [result] = ctx.saved
        return [upstream * result * (1 - result)]

class Maximum:
    def forward(ctx, a, b):
        ctx.save(a >= b)
        return max(a, b)
    def backward(ctx, upstream):
        [first] = ctx.saved
        return (upstream, 0.0) if first else (0.0, upstream)
