"""My own backpropagation, written from memory after the lecture.
Every Value knows its parents and how to push its gradient back to them."""
import math

def do_nothing():
    """Leaves have nobody to push a gradient to."""

def is_number(thing):
    return isinstance(thing, (int, float))

def make_sure_it_is_a_value(thing):
    """Plain numbers become Values, Values stay what they are."""
    if isinstance(thing, Value):
        return thing
    if is_number(thing):
        return Value(thing)
    raise TypeError("I can't calculate with " + repr(thing))

def give_gradient(node, amount):
    """Adds to the gradient, because a node can be used in several places!"""
    node.grad = node.grad + amount

def derivative_of_tanh(tanh_of_x):
    return 1 - tanh_of_x ** 2

class Value:
    def __init__(self, data, parents=()):
        self.data = float(data)
        self.grad = 0.0
        self.parents = list(parents)
        self.push_gradient_back = do_nothing

    def remember(self, push_gradient_back):
        self.push_gradient_back = push_gradient_back
        return self

    # ---- the two ops that I know by heart ----
    def __add__(self, other):
        other = make_sure_it_is_a_value(other)
        result = Value(self.data + other.data, (self, other))
        def push_gradient_back():
            give_gradient(self, result.grad)
            give_gradient(other, result.grad)
        return result.remember(push_gradient_back)

    def __mul__(self, other):
        other = make_sure_it_is_a_value(other)
        result = Value(self.data * other.data, (self, other))
        def push_gradient_back():
            self.grad += other.data * result.grad
            other.grad += self.data * result.grad
        return result.remember(push_gradient_back)

    def __pow__(self, exponent):
        if not is_number(exponent):
            return NotImplemented  # only numbers as exponent for now
        result = Value(self.data ** exponent, (self,))
        def push_gradient_back():
            if exponent != 0:
                local_derivative = exponent * self.data ** (exponent - 1)
                give_gradient(self, local_derivative * result.grad)
        return result.remember(push_gradient_back)

    # ---- everything that can be built from the others ----
    def __neg__(self):
        return self * -1
    def __sub__(self, other):
        return self + (-make_sure_it_is_a_value(other))
    def __truediv__(self, other):
        return self * make_sure_it_is_a_value(other) ** -1
    def __radd__(self, other): return self + other  # number + Value
    def __rsub__(self, other): return make_sure_it_is_a_value(other) - self  # number - Value
    def __rmul__(self, other): return self * other  # number * Value
    def __rtruediv__(self, other): return make_sure_it_is_a_value(other) / self  # number / Value

    def sqrt(self):
        return self ** (1 / 2)
    def sigmoid(self):
        # sigmoid(x) is a tanh that is half as wide and half as high, moved up
        return (self * 0.5).tanh() * 0.5 + 0.5

    # ---- functions ----
    def exp(self):
        result = Value(math.exp(self.data), (self,))
        def push_gradient_back():
            self.grad += result.data * result.grad  # e^x is its own derivative
        return result.remember(push_gradient_back)

    def log(self):
        result = Value(math.log(self.data), (self,))
        def push_gradient_back():
            self.grad += (1 / self.data) * result.grad
        return result.remember(push_gradient_back)

    def tanh(self):
        result = Value(math.tanh(self.data), (self,))
        def push_gradient_back():
            give_gradient(self, derivative_of_tanh(result.data) * result.grad)
        return result.remember(push_gradient_back)

    def sin(self):
        result = Value(math.sin(self.data), (self,))
        def push_gradient_back():
            self.grad += math.cos(self.data) * result.grad
        return result.remember(push_gradient_back)

    def cos(self):
        result = Value(math.cos(self.data), (self,))
        def push_gradient_back():
            self.grad -= math.sin(self.data) * result.grad
        return result.remember(push_gradient_back)

    def relu(self):
        result = Value(self.data if self.data > 0 else 0.0, (self,))
        def push_gradient_back():
            if self.data > 0:
                give_gradient(self, result.grad)
        return result.remember(push_gradient_back)

    def __abs__(self):
        result = Value(-self.data if self.data < 0 else self.data, (self,))
        def push_gradient_back():
            if self.data > 0:
                give_gradient(self, result.grad)
            elif self.data < 0:
                give_gradient(self, -result.grad)
        return result.remember(push_gradient_back)

    # ---- the backward pass ----
    def topological_order(self):
        """Parents come before the nodes that are made from them."""
        order = []
        visited = set()
        def visit(node):
            if node in visited:
                return
            visited.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)
        visit(self)
        return order

    def backward(self):
        order = self.topological_order()
        for node in order:
            node.grad = 0.0
        self.grad = 1.0  # d(self)/d(self)
        for node in reversed(order):
            node.push_gradient_back()
