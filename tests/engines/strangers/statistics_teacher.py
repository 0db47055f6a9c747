"""
Automatic differentiation for my statistics course.
The topological sort is copied from a lecture on the internet.
"""
import math


class Value:
    """One number in a calculation, with its gradient."""

    def __init__(self, number, parents=(), name_of_operation="given"):
        if isinstance(number, Value):
            number = number.value
        try:
            self.value = float(number)
        except (TypeError, ValueError):
            raise TypeError("A Value needs a number, but got " + repr(number))
        self.gradient = 0.0
        self.parents = tuple(parents)
        self.name_of_operation = name_of_operation
        self.send_gradient_to_parents = None

    def __repr__(self):
        return "Value(value=" + str(self.value) + ", gradient=" + str(self.gradient) + ")"

    def add_to_gradient(self, amount):
        if isinstance(amount, (int, float)):
            self.gradient = self.gradient + amount
        else:
            raise TypeError("A gradient must be a number")

    def __add__(self, other): return add(self, other)
    def __radd__(self, other): return add(other, self)
    def __sub__(self, other): return subtract(self, other)
    def __rsub__(self, other): return subtract(other, self)
    def __mul__(self, other): return multiply(self, other)
    def __rmul__(self, other): return multiply(other, self)
    def __truediv__(self, other): return divide(self, other)
    def __rtruediv__(self, other): return divide(other, self)
    def __pow__(self, other): return power(self, other)
    def __rpow__(self, other): return power(other, self)
    def __neg__(self): return multiply(self, -1)
    def __abs__(self): return absolute_value(self)
    def exp(self): return exponential(self)
    def log(self): return logarithm(self)
    def tanh(self): return hyperbolic_tangent(self)
    def relu(self): return positive_part(self)
    def sigmoid(self): return logistic(self)
    def sqrt(self): return square_root(self)

    def backward(self):
        calculate_gradients(self)


def make_value(thing):
    if isinstance(thing, Value):
        return thing
    return Value(thing)


def new_value(number, parents, name_of_operation, local_derivatives):
    """Makes the result of an operation; local_derivatives has one number for each parent."""
    result = Value(number, parents, name_of_operation)

    def send_gradient_to_parents():
        for parent, local_derivative in zip(parents, local_derivatives):
            parent.add_to_gradient(local_derivative * result.gradient)

    result.send_gradient_to_parents = send_gradient_to_parents
    return result


def add(a, b):
    a, b = make_value(a), make_value(b)
    return new_value(a.value + b.value, [a, b], "add", [1.0, 1.0])


def subtract(a, b):
    a, b = make_value(a), make_value(b)
    return new_value(a.value - b.value, [a, b], "subtract", [1.0, -1.0])


def multiply(a, b):
    a, b = make_value(a), make_value(b)
    return new_value(a.value * b.value, [a, b], "multiply", [b.value, a.value])


def divide(numerator, denominator):
    numerator, denominator = make_value(numerator), make_value(denominator)
    n, d = numerator.value, denominator.value
    return new_value(n / d, [numerator, denominator], "divide", [1 / d, -n / d ** 2])


def power(base, exponent):
    base, exponent = make_value(base), make_value(exponent)
    b, e = base.value, exponent.value
    answer = b ** e
    if isinstance(answer, complex):
        raise ValueError("The power of a negative number must be a whole number")
    if e == 0:
        derivative_by_base = 0.0
    else:
        derivative_by_base = e * b ** (e - 1)
    try:
        derivative_by_exponent = answer * math.log(b)
    except ValueError:
        derivative_by_exponent = 0.0
    return new_value(answer, [base, exponent], "power", [derivative_by_base, derivative_by_exponent])


def exponential(a):
    a = make_value(a)
    answer = math.exp(a.value)
    return new_value(answer, [a], "exponential", [answer])


def logarithm(a):
    a = make_value(a)
    return new_value(math.log(a.value), [a], "logarithm", [1 / a.value])


def hyperbolic_tangent(a):
    a = make_value(a)
    answer = math.tanh(a.value)
    return new_value(answer, [a], "hyperbolic tangent", [1 - answer ** 2])


def positive_part(a):
    a = make_value(a)
    if a.value > 0:
        return new_value(a.value, [a], "positive part", [1.0])
    else:
        return new_value(0.0, [a], "positive part", [0.0])


def logistic(a):
    a = make_value(a)
    try:
        answer = 1 / (1 + math.exp(-a.value))
    except OverflowError:
        answer = 0.0
    return new_value(answer, [a], "logistic", [answer * (1 - answer)])


def square_root(a):
    a = make_value(a)
    answer = math.sqrt(a.value)
    return new_value(answer, [a], "square root", [0.5 / answer])


def absolute_value(a):
    a = make_value(a)
    if a.value == 0:
        return new_value(0.0, [a], "absolute value", [0.0])
    return new_value(abs(a.value), [a], "absolute value", [a.value / abs(a.value)])


def topological_sort(root):
    topo = []
    visited = set()

    def build_topo(v):
        if v not in visited:
            visited.add(v)
            for child in v.parents:
                build_topo(child)
            topo.append(v)

    build_topo(root)
    return topo


def calculate_gradients(final_result):
    if not isinstance(final_result, Value):
        raise TypeError("I can only calculate gradients of a Value")
    all_values = topological_sort(final_result)
    for value in all_values:
        value.gradient = 0.0
    final_result.gradient = 1.0
    for value in reversed(all_values):
        if value.send_gradient_to_parents is not None:
            value.send_gradient_to_parents()
