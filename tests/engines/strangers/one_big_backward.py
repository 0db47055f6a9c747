"""Written again from memory after the lecture: one backward for all ops, by the name of the op."""
import math


class Value:
    def __init__(self, data, _children=(), _op=''):
        self.data = data
        self.grad = 0.0
        self.operands = _children       # in order, for backward
        self._prev = set(_children)     # for the sorting
        self._op = _op

    def __repr__(self):
        return f"Value(data={self.data}, grad={self.grad})"

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), '+')

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), '*')

    def __truediv__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data / other.data, (self, other), '/')

    def __pow__(self, k):
        assert isinstance(k, (int, float)), "only numbers as exponents"
        out = Value(self.data ** k, (self,), '**')
        out.k = k
        return out

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return (-self) + other

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __rtruediv__(self, other):
        return Value(other) / self

    def exp(self):
        return Value(math.exp(self.data), (self,), 'exp')

    def log(self):
        return Value(math.log(self.data), (self,), 'log')

    def tanh(self):
        return Value(math.tanh(self.data), (self,), 'tanh')

    def sigmoid(self):
        # 1 / (1 + exp(-x)) without big numbers
        return (1 + (self * 0.5).tanh()) * 0.5

    def relu(self):
        return Value(0.0 if self.data < 0 else self.data, (self,), 'ReLU')

    def sqrt(self):
        return self ** 0.5

    def sin(self):
        return Value(math.sin(self.data), (self,), 'sin')

    def cos(self):
        return Value(math.cos(self.data), (self,), 'cos')

    def backward(self):
        topo = []
        visited = set()

        def build_topo(v):
            if v not in visited:
                visited.add(v)
                for child in v._prev:
                    build_topo(child)
                topo.append(v)

        build_topo(self)
        self.grad = 1.0
        for v in reversed(topo):
            if v._op == '':
                continue
            elif v._op == '+':
                a, b = v.operands
                a.grad += v.grad
                b.grad += v.grad
            elif v._op == '*':
                a, b = v.operands
                a.grad += b.data * v.grad
                b.grad += a.data * v.grad
            elif v._op == '/':
                a, b = v.operands
                a.grad += v.grad / b.data
                b.grad += -a.data / b.data**2 * v.grad
            elif v._op == '**':
                a = v.operands[0]
                if v.k != 0:
                    a.grad += v.k * a.data ** (v.k - 1) * v.grad
            elif v._op == 'exp':
                a = v.operands[0]
                a.grad += v.data * v.grad
            elif v._op == 'log':
                a = v.operands[0]
                a.grad += 1 / a.data * v.grad
            elif v._op == 'tanh':
                a = v.operands[0]
                a.grad += (1 - v.data**2) * v.grad
            elif v._op == 'ReLU':
                a = v.operands[0]
                if v.data > 0:
                    a.grad += v.grad
            elif v._op == 'sin':
                a = v.operands[0]
                a.grad += math.cos(a.data) * v.grad
            elif v._op == 'cos':
                a = v.operands[0]
                a.grad -= math.sin(a.data) * v.grad
            else:
                raise ValueError('unknown op ' + v._op)
