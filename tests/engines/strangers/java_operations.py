"""A class for each operation below an abstract one, with getters and a visitor: from Java to Python."""

import math
from abc import ABC, abstractmethod
from collections import deque


class Value:
    def __init__(self, data):
        self.__data = float(data)
        self.__grad = 0.0

    def get_data(self):
        return self.__data

    def get_grad(self):
        return self.__grad

    def set_grad(self, grad):
        self.__grad = grad

    def add_grad(self, delta):
        self.__grad += delta

    data = property(get_data)
    grad = property(get_grad)

    def get_operands(self):
        return []

    def accept(self, visitor):
        visitor.visit_leaf(self)

    @staticmethod
    def value_of(thing):
        if isinstance(thing, Value):
            return thing
        return Value(thing)

    def __add__(self, other): return Add(self, Value.value_of(other))
    def __radd__(self, other): return Add(Value.value_of(other), self)
    def __sub__(self, other): return Subtract(self, Value.value_of(other))
    def __rsub__(self, other): return Subtract(Value.value_of(other), self)
    def __mul__(self, other): return Multiply(self, Value.value_of(other))
    def __rmul__(self, other): return Multiply(Value.value_of(other), self)
    def __truediv__(self, other): return Divide(self, Value.value_of(other))
    def __rtruediv__(self, other): return Divide(Value.value_of(other), self)
    def __pow__(self, other): return Power(self, Value.value_of(other))
    def __rpow__(self, other): return Power(Value.value_of(other), self)
    def __neg__(self): return Negate(self)
    def __abs__(self): return Absolute(self)
    def exp(self): return Exponential(self)
    def log(self): return Logarithm(self)
    def tanh(self): return HyperbolicTangent(self)
    def sigmoid(self): return Sigmoid(self)
    def relu(self): return Rectifier(self)
    def sqrt(self): return SquareRoot(self)
    def max(self, other): return Maximum(self, Value.value_of(other))

    def backward(self):
        nodes = TopologicalSorter().sort(self)
        for node in nodes:
            node.set_grad(0.0)
        self.set_grad(1.0)
        propagator = GradientPropagator()
        for node in reversed(nodes):
            node.accept(propagator)


class TopologicalSorter:
    def __init__(self):
        self.finished = set()
        self.result = []

    def sort(self, root):
        stack = deque([root])
        while len(stack) > 0:
            node = stack[-1]
            pending = [x for x in node.get_operands() if x not in self.finished]
            if node in self.finished:
                stack.pop()
            elif len(pending) > 0:
                stack.extend(pending)
            else:
                self.finished.add(node)
                self.result.append(stack.pop())
        return self.result


class GradientPropagator:
    def visit_leaf(self, leaf):
        pass

    def visit_unary(self, node):
        operand, = node.get_operands()
        operand.add_grad(node.derivative(operand.get_data(), node.get_data()) * node.get_grad())

    def visit_binary(self, node):
        left, right = node.get_operands()
        to_left, to_right = node.derivatives(left.get_data(), right.get_data())
        left.add_grad(to_left * node.get_grad())
        right.add_grad(to_right * node.get_grad())


class UnaryOperation(Value, ABC):
    def __init__(self, operand):
        self.operand = operand
        super().__init__(self.evaluate(operand.get_data()))

    def get_operands(self):
        return [self.operand]

    def accept(self, visitor):
        visitor.visit_unary(self)

    @abstractmethod
    def evaluate(self, x): ...

    @abstractmethod
    def derivative(self, x, y): ...


class BinaryOperation(Value, ABC):
    def __init__(self, left, right):
        self.left = left
        self.right = right
        super().__init__(self.evaluate(left.get_data(), right.get_data()))

    def get_operands(self):
        return [self.left, self.right]

    def accept(self, visitor):
        visitor.visit_binary(self)

    @abstractmethod
    def evaluate(self, a, b): ...

    @abstractmethod
    def derivatives(self, a, b): ...


class Add(BinaryOperation):
    def evaluate(self, a, b): return a + b
    def derivatives(self, a, b): return 1.0, 1.0


class Subtract(BinaryOperation):
    def evaluate(self, a, b): return a - b
    def derivatives(self, a, b): return 1.0, -1.0


class Multiply(BinaryOperation):
    def evaluate(self, a, b): return a * b
    def derivatives(self, a, b): return b, a


class Divide(BinaryOperation):
    def evaluate(self, a, b): return a / b
    def derivatives(self, a, b): return 1.0 / b, -a / (b * b)


class Power(BinaryOperation):
    def evaluate(self, a, b): return a ** b

    def derivatives(self, a, b):
        to_base = b * a ** (b - 1) if b != 0 else 0.0
        to_exponent = a ** b * math.log(a) if a > 0 else 0.0
        return to_base, to_exponent


class Maximum(BinaryOperation):
    def evaluate(self, a, b): return a if a >= b else b
    def derivatives(self, a, b): return (1.0, 0.0) if a >= b else (0.0, 1.0)


class Negate(UnaryOperation):
    def evaluate(self, x): return -x
    def derivative(self, x, y): return -1.0


class Absolute(UnaryOperation):
    def evaluate(self, x): return abs(x)
    def derivative(self, x, y): return math.copysign(1.0, x) if x != 0 else 0.0


class Exponential(UnaryOperation):
    def evaluate(self, x): return math.exp(x)
    def derivative(self, x, y): return y


class Logarithm(UnaryOperation):
    def evaluate(self, x): return math.log(x)
    def derivative(self, x, y): return 1.0 / x


class HyperbolicTangent(UnaryOperation):
    def evaluate(self, x): return math.tanh(x)
    def derivative(self, x, y): return 1.0 - y * y


class Sigmoid(UnaryOperation):
    def evaluate(self, x):
        return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))

    def derivative(self, x, y): return y * (1.0 - y)


class Rectifier(UnaryOperation):
    def evaluate(self, x): return x if x > 0 else 0.0
    def derivative(self, x, y): return 1.0 if x > 0 else 0.0


class SquareRoot(UnaryOperation):
    def evaluate(self, x): return math.sqrt(x)
    def derivative(self, x, y): return 0.5 / y
