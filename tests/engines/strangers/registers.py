"""Three-address code: a Value is an SSA register; backward emits adjoint instructions, then it executes them."""
import math
from collections import namedtuple

Adjoint = namedtuple("Adjoint", "target source partial")  # bar[target] += bar[source] * partial


def stable_sigmoid(a):
    return 1 / (1 + math.exp(-a)) if a >= 0 else math.exp(a) / (1 + math.exp(a))


COMPUTE = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a ** b,
    "neg": lambda a: -a,
    "exp": math.exp,
    "log": math.log,
    "tanh": math.tanh,
    "sigmoid": stable_sigmoid,
    "relu": lambda a: max(a, 0.0),
    "sqrt": math.sqrt,
    "sin": math.sin,
    "cos": math.cos,
}

# The partial derivatives of an instruction r = op(a, b), one for each operand.
PARTIALS = {
    "add": lambda r, a, b: (1.0, 1.0),
    "sub": lambda r, a, b: (1.0, -1.0),
    "mul": lambda r, a, b: (b, a),
    "div": lambda r, a, b: (1.0 / b, -r / b),
    "pow": lambda r, a, b: (b * a ** (b - 1) if b else 0.0, r * math.log(a) if a > 0 else 0.0),
    "neg": lambda r, a: (-1.0,),
    "exp": lambda r, a: (r,),
    "log": lambda r, a: (1.0 / a,),
    "tanh": lambda r, a: (1.0 - r * r,),
    "sigmoid": lambda r, a: (r * (1.0 - r),),
    "relu": lambda r, a: (1.0 if a > 0 else 0.0,),
    "sqrt": lambda r, a: (0.5 / r,),
    "sin": lambda r, a: (math.cos(a),),
    "cos": lambda r, a: (-math.sin(a),),
}


class Value:
    registers = 0

    def __init__(self, data, opcode="load", args=()):
        self.data = data
        self.grad = 0.0
        self.opcode = opcode
        self.args = args
        self.number = Value.registers
        Value.registers += 1

    def __repr__(self):
        return f"%{self.number} = {self.opcode} " + ", ".join(f"%{a.number}" for a in self.args)

    def __add__(self, other): return emit("add", self, other)
    def __radd__(self, other): return emit("add", other, self)
    def __sub__(self, other): return emit("sub", self, other)
    def __rsub__(self, other): return emit("sub", other, self)
    def __mul__(self, other): return emit("mul", self, other)
    def __rmul__(self, other): return emit("mul", other, self)
    def __truediv__(self, other): return emit("div", self, other)
    def __rtruediv__(self, other): return emit("div", other, self)
    def __pow__(self, other): return emit("pow", self, other)
    def __rpow__(self, other): return emit("pow", other, self)
    def __neg__(self): return emit("neg", self)
    def exp(self): return emit("exp", self)
    def log(self): return emit("log", self)
    def tanh(self): return emit("tanh", self)
    def sigmoid(self): return emit("sigmoid", self)
    def relu(self): return emit("relu", self)
    def sqrt(self): return emit("sqrt", self)
    def sin(self): return emit("sin", self)
    def cos(self): return emit("cos", self)

    def backward(self):
        live = liveness(self)
        code = differentiate(live)
        bar = execute(code, live, self)
        for number, value in live.items():
            value.grad += bar[number]


def emit(opcode, *operands):
    args = tuple(o if isinstance(o, Value) else Value(o) for o in operands)
    result = COMPUTE[opcode](*[a.data for a in args])
    return Value(result, opcode, args)


def liveness(root):
    """The registers that the root needs, by number."""
    live, worklist = {}, [root]
    while worklist:
        value = worklist.pop()
        if value.number not in live:
            live[value.number] = value
            worklist.extend(value.args)
    return live


def differentiate(live):
    """The adjoint instructions; a register is always numbered after its operands."""
    code = []
    for number in sorted(live, reverse=True):
        value = live[number]
        if value.args:
            partials = PARTIALS[value.opcode](value.data, *[a.data for a in value.args])
            for arg, partial in zip(value.args, partials):
                code.append(Adjoint(arg.number, number, partial))
    return code


def execute(code, live, root):
    bar = dict.fromkeys(live, 0.0)
    bar[root.number] = 1.0
    for target, source, partial in code:
        bar[target] += bar[source] * partial
    return bar
