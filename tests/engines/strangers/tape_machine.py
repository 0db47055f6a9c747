"""A Wengert tape in a context: registers, instructions with opcodes, and an interpreter that runs in reverse."""
import math
from dataclasses import dataclass
from enum import Enum, auto


class Opcode(Enum):
    LOAD = auto()
    CONST = auto()
    ADD = auto()
    SUB = auto()
    MUL = auto()
    DIV = auto()
    POW = auto()
    NEG = auto()
    EXP = auto()
    LOG = auto()
    TANH = auto()
    RELU = auto()
    SIN = auto()
    COS = auto()
    SQRT = auto()


@dataclass(frozen=True)
class Instruction:
    opcode: Opcode
    sources: tuple = ()
    immediate: object = None


class Context:
    """Instruction k writes register k."""
    stack = []

    def __init__(self):
        self.code, self.registers, self.adjoints = [], [], []

    def __enter__(self):
        Context.stack.append(self)
        return self

    def __exit__(self, *exc):
        Context.stack.pop()

    def emit(self, opcode, *sources, immediate=None):
        instruction = Instruction(opcode, sources, immediate)
        result = self.execute(instruction)
        self.code.append(instruction)
        self.registers.append(result)
        self.adjoints.append(0.0)
        return len(self.code) - 1

    def execute(self, instruction):
        r = [self.registers[s] for s in instruction.sources]
        match instruction.opcode, *r:
            case (Opcode.LOAD | Opcode.CONST), : return float(instruction.immediate)
            case Opcode.ADD, a, b: return a + b
            case Opcode.SUB, a, b: return a - b
            case Opcode.MUL, a, b: return a * b
            case Opcode.DIV, a, b: return a / b
            case Opcode.POW, a, b: return a ** b
            case Opcode.NEG, a: return -a
            case Opcode.EXP, a: return math.exp(a)
            case Opcode.LOG, a: return math.log(a)
            case Opcode.TANH, a: return math.tanh(a)
            case Opcode.RELU, a: return a if a > 0 else 0.0
            case Opcode.SIN, a: return math.sin(a)
            case Opcode.COS, a: return math.cos(a)
            case Opcode.SQRT, a: return math.sqrt(a)

    def reverse(self, output):
        bar = [0.0] * (output + 1)
        bar[output] = 1.0
        for pc in range(output, -1, -1):
            ins, g, y = self.code[pc], bar[pc], self.registers[pc]
            if g == 0.0:
                continue
            x = [self.registers[s] for s in ins.sources]
            match ins.opcode:
                case Opcode.LOAD | Opcode.CONST: partials = ()
                case Opcode.ADD: partials = g, g
                case Opcode.SUB: partials = g, -g
                case Opcode.MUL: partials = g * x[1], g * x[0]
                case Opcode.DIV: partials = g / x[1], -g * y / x[1]
                case Opcode.POW:
                    a, b = x
                    da = g * b * a ** (b - 1) if b != 0 else 0.0
                    constant = self.code[ins.sources[1]].opcode is Opcode.CONST
                    partials = da, 0.0 if constant or a <= 0 else g * y * math.log(a)
                case Opcode.NEG: partials = -g,
                case Opcode.EXP: partials = g * y,
                case Opcode.LOG: partials = g / x[0],
                case Opcode.TANH: partials = g * (1 - y * y),
                case Opcode.RELU: partials = (g if x[0] > 0 else 0.0),
                case Opcode.SIN: partials = g * math.cos(x[0]),
                case Opcode.COS: partials = -g * math.sin(x[0]),
                case Opcode.SQRT: partials = g / (2 * y),
            for source, partial in zip(ins.sources, partials):
                bar[source] += partial
        for register, adjoint in enumerate(bar):
            self.adjoints[register] += adjoint


Context().__enter__()


class Value:
    __slots__ = "context", "register"

    def __init__(self, data=None, context=None, register=None):
        self.context = context or Context.stack[-1]
        self.register = self.context.emit(Opcode.LOAD, immediate=data) if register is None else register

    @property
    def data(self):
        return self.context.registers[self.register]

    @property
    def grad(self):
        return self.context.adjoints[self.register]

    def _use(self, other):
        if isinstance(other, Value):
            return other.register
        return self.context.emit(Opcode.CONST, immediate=other)

    def _emit(self, opcode, *sources):
        return Value(context=self.context, register=self.context.emit(opcode, *sources))

    def __add__(self, other): return self._emit(Opcode.ADD, self.register, self._use(other))
    def __radd__(self, other): return self._emit(Opcode.ADD, self._use(other), self.register)
    def __sub__(self, other): return self._emit(Opcode.SUB, self.register, self._use(other))
    def __rsub__(self, other): return self._emit(Opcode.SUB, self._use(other), self.register)
    def __mul__(self, other): return self._emit(Opcode.MUL, self.register, self._use(other))
    def __rmul__(self, other): return self._emit(Opcode.MUL, self._use(other), self.register)
    def __truediv__(self, other): return self._emit(Opcode.DIV, self.register, self._use(other))
    def __rtruediv__(self, other): return self._emit(Opcode.DIV, self._use(other), self.register)
    def __pow__(self, other): return self._emit(Opcode.POW, self.register, self._use(other))
    def __rpow__(self, other): return self._emit(Opcode.POW, self._use(other), self.register)
    def __neg__(self): return self._emit(Opcode.NEG, self.register)
    def exp(self): return self._emit(Opcode.EXP, self.register)
    def log(self): return self._emit(Opcode.LOG, self.register)
    def tanh(self): return self._emit(Opcode.TANH, self.register)
    def relu(self): return self._emit(Opcode.RELU, self.register)
    def sin(self): return self._emit(Opcode.SIN, self.register)
    def cos(self): return self._emit(Opcode.COS, self.register)
    def sqrt(self): return self._emit(Opcode.SQRT, self.register)
    def backward(self): self.context.reverse(self.register)
