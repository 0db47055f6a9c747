"""Lower the text of kernels to LLVM assembly.

Kernels are written in a small part of Python: the language of the op table's formulas, loops and
flat arrays. A kernel is a function whose arguments are numbers and arrays. It becomes a C function
that takes each array as address and length, and returns 0. It can call other kernels, which are
inlined if they are decorated with `inline`. A helper is a function that returns an expression, or
several; before that it may assign names, and loop over constants. It is inlined where it is called,
for one row (a double) or eight rows (a vector). Both sides of
`and`, `or` and `x if c else y` may be computed; with vectors they always are. Operators of bits are
for integers of 64 bits.
"""

from __future__ import annotations

import ast
import struct
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LANES: Final = 8
"""Rows in a vector; on a processor with shorter registers it takes several of them."""

INT, DOUBLE, BOOL, VECTOR, MASK = "i64", "double", "i1", f"<{LANES} x double>", f"<{LANES} x i1>"

_TABLE: Final = "table"
"""In place of the type of a value: it is a tuple of constants, for a helper to loop over."""

ARRAYS: Final = {
    "U8": ("i8", INT),
    "U32": ("i32", INT),
    "I64": ("i64", INT),
    "F64": ("double", DOUBLE),
    "Rows": (VECTOR, VECTOR),
    "Columns": ("ptr", "ptr"),
}
"""Types of a kernel's arrays: that of an element in memory, and that of an element once loaded."""

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})

ATTRIBUTES: Final = 'nounwind "no-builtins"'
"""Of kernels; without the second, LLVM makes loops over a few vectors calls of memset or memcpy."""

_COMPARE: Final[Mapping[type[ast.cmpop], tuple[str, str]]] = {
    ast.Lt: ("slt", "olt"),
    ast.LtE: ("sle", "ole"),
    ast.Gt: ("sgt", "ogt"),
    ast.GtE: ("sge", "oge"),
    ast.Eq: ("eq", "oeq"),
    ast.NotEq: ("ne", "une"),
}
_ARITHMETIC: Final[Mapping[type[ast.operator], tuple[str, str]]] = {
    ast.Add: ("add", "fadd"),
    ast.Sub: ("sub", "fsub"),
    ast.Mult: ("mul", "fmul"),
    ast.Div: ("", "fdiv"),
    ast.FloorDiv: ("sdiv", ""),
    ast.BitAnd: ("and", ""),
    ast.LShift: ("shl", ""),
    ast.RShift: ("ashr", ""),
}


class MathLibrary(NamedTuple):
    """A library with exp, tanh and so on.

    Attributes:
        name: "libm", or the name of a library with functions of vectors.
        own: The functions that, for vectors, are taken from `vector_math` instead.
        vectors: The functions of vectors, by name: number of lanes, and symbol.
        prefix: What the symbols of its functions of doubles start with, before their names in C.
    """

    name: str
    own: tuple[str, ...]
    vectors: Mapping[str, tuple[int, str]]
    prefix: str = ""


class Operand(NamedTuple):
    """A value in LLVM assembly: a constant, or the result of an instruction."""

    type: str
    text: str


class _Array(NamedTuple):
    """An array argument: its type, one of `ARRAYS`, and its name in LLVM assembly."""

    kind: str
    name: str


class Lowering:
    """The lowering of one module of kernels."""

    def __init__(
        self,
        text: str,
        math: MathLibrary,
        *,
        checked: bool = False,
        constants: Mapping[str, Any] = _NONE,
    ) -> None:
        """Read the text of a module.

        Args:
            text: Helpers and kernels.
            math: The library that the primitives of `ieee` call.
            checked: Whether kernels check every index, and return 1 if one is out of range.
            constants: Floats, and tuples to loop over, by the names that helpers use.
        """
        functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
        self.helpers = {node.name: node for node in functions if node.returns is None}
        self.kernels = {node.name: node for node in functions if node.returns is not None}
        self.math = math
        self.checked = checked
        self.constants = constants
        self.declared: dict[str, str] = {}

    def assembly(self) -> str:
        """Return the module as LLVM assembly."""
        bodies = [_Kernel(self, node).text() for node in self.kernels.values()]
        return "\n".join([*bodies, *self.declared.values()])

    def signatures(self) -> dict[str, tuple[str, ...]]:
        """Return the types of each kernel's arguments, "int", "float" or one of `ARRAYS`."""
        return {
            name: tuple(ast.unparse(arg.annotation) for arg in node.args.args if arg.annotation)
            for name, node in self.kernels.items()
        }

    def declare(self, name: str, result: str, *types: str) -> str:
        """Declare a function without side effects, to be linked, and return its symbol."""
        head = f"declare {result} @{name}({', '.join(types)})"
        self.declared[name] = f"{head} nounwind willreturn memory(none)"
        return f"@{name}"


class Body:
    """The lowering of what is in a function: loops, loads and stores, and expressions."""

    def __init__(self, module: Lowering) -> None:
        """Start with an empty function of a module."""
        self.module = module
        self.lines: list[str] = []
        self.slots: dict[str, Operand] = {}
        self.arrays: dict[str, _Array] = {}
        self.loops: list[str] = []
        self.numbers = count()

    def allocations(self) -> list[str]:
        """Return the lines that make room for variables."""
        return [f"%{name}.slot = alloca {slot.type}" for name, slot in self.slots.items()]

    # --- lines ---

    def new(self, type_: str, line: str) -> Operand:
        """Add an instruction and return its result."""
        name = f"%t{next(self.numbers)}"
        self.lines.append(f"{name} = {line}")
        return Operand(type_, name)

    def label(self) -> str:
        """Return a new label."""
        return f"l{next(self.numbers)}"

    def start(self, label: str) -> None:
        """Start a block, and jump to it from the current one."""
        self.lines += [f"br label %{label}", f"{label}:"]

    def leave(self, target: str) -> None:
        """Jump to a label, and start a block that nothing jumps to."""
        self.lines += [f"br label %{target}", f"{self.label()}:"]

    def branch(self, test: Operand) -> tuple[str, str]:
        """Start the block for a true test; return the labels for a false one and for the end."""
        yes, no, end = self.label(), self.label(), self.label()
        self.lines += [f"br i1 {test.text}, label %{yes}, label %{no}", f"{yes}:"]
        return no, end

    def assign(self, name: str, value: Operand) -> None:
        """Assign a value to a variable, which keeps its first type."""
        slot = self.slots.setdefault(name, Operand(value.type, f"%{name}.slot"))
        value = self.cast(value, slot.type)
        self.lines.append(f"store {value.type} {value.text}, ptr {slot.text}")

    def cast(self, value: Operand, type_: str) -> Operand:
        """Convert a value to another type: a double becomes a vector of equal lanes."""
        if value.type == type_:
            return value
        if (value.type, type_) in ((DOUBLE, VECTOR), (BOOL, MASK)):
            element = f"{value.type} {value.text}"
            if not value.text.startswith("%"):
                return Operand(type_, f"<{', '.join([element] * LANES)}>")
            one = self.new(type_, f"insertelement {type_} poison, {element}, i64 0")
            mask = f"<{LANES} x i32> zeroinitializer"
            return self.new(type_, f"shufflevector {type_} {one.text}, {type_} poison, {mask}")
        message = f"{value.type} can't become {type_}"
        raise TypeError(message)

    # --- memory ---

    def address(self, array: _Array, index: Operand, *, flat: bool = False, width: int = 1) -> str:
        """Return the address of an element; in checked kernels, check the index first."""
        element = DOUBLE if flat else ARRAYS[array.kind][0]
        if self.module.checked:
            size = Operand(INT, f"{array.name}.size")
            if flat and array.kind == "Rows":
                size = self.new(INT, f"mul i64 {size.text}, {LANES}")
            last = self.new(INT, f"add i64 {index.text}, {width - 1}")
            for end in {index.text: index, last.text: last}.values():
                inside = self.new(BOOL, f"icmp ult i64 {end.text}, {size.text}")
                on = self.label()
                self.lines += [f"br i1 {inside.text}, label %{on}, label %out_of_range", f"{on}:"]
        pointer = f"getelementptr inbounds {element}, ptr {array.name}, i64 {index.text}"
        return self.new("ptr", pointer).text

    def load(self, array: _Array, index: Operand) -> Operand:
        """Return an element of an array."""
        memory, type_ = ARRAYS[array.kind]
        address = self.address(array, index)
        align = ", align 8" if type_ == VECTOR else ""
        value = self.new(type_, f"load {memory}, ptr {address}{align}")
        if type_ == INT and memory != INT:
            return self.new(INT, f"zext {memory} {value.text} to i64")
        return value

    def store(self, array: _Array, index: Operand, value: Operand) -> None:
        """Set an element of an array."""
        memory, type_ = ARRAYS[array.kind]
        value = self.cast(value, type_)
        address = self.address(array, index)
        if type_ == INT and memory != INT:
            value = self.new(memory, f"trunc i64 {value.text} to {memory}")
        align = ", align 8" if type_ == VECTOR else ""
        self.lines.append(f"store {memory} {value.text}, ptr {address}{align}")

    # --- statements ---

    def block(self, statements: Sequence[ast.stmt], env: Mapping[str, Operand]) -> None:
        """Lower a list of statements."""
        for statement in statements:
            self.statement(statement, env)

    def statement(self, node: ast.stmt, env: Mapping[str, Operand]) -> None:
        """Lower one statement."""
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self.assign(name, self.value(value, env))
            case ast.Assign(targets=[ast.Subscript() as target], value=value):
                array, index = self.element(target, env)
                self.store(array, index, self.value(value, env))
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                self.assign(name, self.arithmetic(op, self.name(name, env), self.value(value, env)))
            case ast.AugAssign(target=ast.Subscript() as target, op=op, value=value):
                array, index = self.element(target, env)
                right = self.value(value, env)
                self.store(array, index, self.arithmetic(op, self.load(array, index), right))
            case ast.For(target=ast.Name(id=name), iter=ast.Call(args=bounds), body=body):
                self.loop(name, bounds, body, env)
            case ast.If():
                self.choice(node, env)
            case ast.Continue():
                self.leave(self.loops[-1])
            case ast.Expr(value=ast.Call() as call):
                self.call(call, env)
            case ast.Expr(value=ast.Constant()):
                pass  # a docstring
            case _:
                raise _unsupported(node)

    def choice(self, node: ast.If, env: Mapping[str, Operand]) -> None:
        """Lower `if`, `elif` and `else`; LLVM turns a chain of them into a jump table."""
        no, end = self.branch(self.value(node.test, env))
        self.block(node.body, env)
        self.lines += [f"br label %{end}", f"{no}:"]
        self.block(node.orelse, env)
        self.start(end)

    def loop(
        self,
        name: str,
        bounds: list[ast.expr],
        body: list[ast.stmt],
        env: Mapping[str, Operand],
    ) -> None:
        """Lower `for name in range(…)`; it counts down if the step is a negative literal."""
        values = [self.value(bound, env) for bound in bounds[:2]]
        begin, stop = values if len(values) > 1 else [Operand(INT, "0"), *values]
        by = self.value(bounds[2], env) if len(bounds) > 2 else Operand(INT, "1")  # noqa: PLR2004
        word = "sgt" if by.text.startswith("-") else "slt"
        counter = f"{name}.{next(self.numbers)}"
        self.assign(counter, begin)
        head, body_, on, end = (self.label() for _ in range(4))
        self.start(head)
        at = self.name(counter, {})
        inside = self.new(BOOL, f"icmp {word} i64 {at.text}, {stop.text}")
        self.lines += [f"br i1 {inside.text}, label %{body_}, label %{end}", f"{body_}:"]
        self.assign(name, at)
        self.loops.append(on)
        self.block(body, env)
        self.loops.pop()
        self.start(on)
        self.assign(counter, self.new(INT, f"add nsw i64 {at.text}, {by.text}"))
        self.lines += [f"br label %{head}", f"{end}:"]

    # --- expressions ---

    def element(self, node: ast.Subscript, env: Mapping[str, Operand]) -> tuple[_Array, Operand]:
        """Return the array and the index of `array[index]`."""
        assert isinstance(node.value, ast.Name)  # noqa: S101 - our own text
        return self.arrays[node.value.id], self.value(node.slice, env)

    def name(self, name: str, env: Mapping[str, Operand]) -> Operand:
        """Return the value of a name: a helper's argument, or a variable."""
        if name in env:
            return env[name]
        if name in self.module.constants:
            number = self.module.constants[name]
            return Operand(_TABLE, name) if isinstance(number, tuple) else _constant(number)
        slot = self.slots[name]
        return self.new(slot.type, f"load {slot.type}, ptr {slot.text}")

    def value(self, node: ast.expr, env: Mapping[str, Operand]) -> Operand:
        """Lower an expression."""
        match node:
            case ast.Constant(value=bool() | float() | int() as number):
                return _constant(number)
            case ast.Name(id=name):
                return self.name(name, env)
            case ast.Subscript(value=ast.Call() as call, slice=ast.Constant(value=int(index))):
                return self.call(call, env, index)
            case ast.Subscript():
                return self.load(*self.element(node, env))
            case ast.Call():
                return self.call(node, env)
            case _:
                return self.operation(node, env)

    def operation(  # noqa: PLR0911 - one return per case
        self, node: ast.expr, env: Mapping[str, Operand]
    ) -> Operand:
        """Lower an expression with an operator."""
        match node:
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return self.arithmetic(op, self.value(left, env), self.value(right, env))
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=float() | int() as number)):
                return _constant(-number)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.negative(self.value(operand, env))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.truth("xor", [self.value(operand, env), Operand(BOOL, "true")])
            case ast.BoolOp(op=op, values=values):
                word = "and" if isinstance(op, ast.And) else "or"
                return self.truth(word, [self.value(value, env) for value in values])
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
                return self.compare(op, self.value(left, env), self.value(right, env))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.select(
                    self.value(test, env), lambda: self.value(body, env),
                    lambda: self.value(orelse, env),
                )  # fmt: skip
            case _:
                raise _unsupported(node)

    def both(self, a: Operand, b: Operand) -> tuple[Operand, Operand]:
        """Convert two values to the wider of their types."""
        type_ = VECTOR if VECTOR in (a.type, b.type) else a.type
        return self.cast(a, type_), self.cast(b, type_)

    def arithmetic(self, op: ast.operator, a: Operand, b: Operand) -> Operand:
        """Lower `a op b`."""
        a, b = self.both(a, b)
        word = _ARITHMETIC[type(op)][a.type != INT]
        if not word:
            message = f"kernels have no {type(op).__name__} of {a.type}"
            raise NotImplementedError(message)
        return self.new(a.type, f"{word} {a.type} {a.text}, {b.text}")

    def negative(self, x: Operand) -> Operand:
        """Lower `-x`."""
        line = f"sub i64 0, {x.text}" if x.type == INT else f"fneg {x.type} {x.text}"
        return self.new(x.type, line)

    def truth(self, word: str, values: list[Operand]) -> Operand:
        """Lower `and`, `or` and `not`."""
        type_ = MASK if any(value.type == MASK for value in values) else BOOL
        result, *others = [self.cast(value, type_) for value in values]
        for other in others:
            result = self.new(type_, f"{word} {type_} {result.text}, {other.text}")
        return result

    def compare(self, op: ast.cmpop, a: Operand, b: Operand) -> Operand:
        """Lower a comparison; with NaN, all except `!=` are false."""
        a, b = self.both(a, b)
        ints, floats = _COMPARE[type(op)]
        line = f"icmp {ints}" if a.type == INT else f"fcmp {floats}"
        type_ = MASK if a.type == VECTOR else BOOL
        return self.new(type_, f"{line} {a.type} {a.text}, {b.text}")

    def select(
        self, test: Operand, yes: Callable[[], Operand], no: Callable[[], Operand]
    ) -> Operand:
        """Lower `yes if test else no`, with a branch only for a single row."""
        if test.type == BOOL:
            return self.branched(test, yes, no)
        a, b = self.both(yes(), no())
        a, b = self.cast(a, VECTOR), self.cast(b, VECTOR)
        line = f"select {MASK} {test.text}, {a.type} {a.text}, {b.type} {b.text}"
        return self.new(VECTOR, line)

    def branched(
        self, test: Operand, yes: Callable[[], Operand], no: Callable[[], Operand]
    ) -> Operand:
        """Lower `yes if test else no` with a branch, so that only one side is computed."""
        name = f"either.{next(self.numbers)}"
        other, end = self.branch(test)
        self.assign(name, yes())
        self.lines += [f"br label %{end}", f"{other}:"]
        self.assign(name, no())
        self.start(end)
        return self.name(name, {})

    # --- calls ---

    def call(self, node: ast.Call, env: Mapping[str, Operand], index: int = 0) -> Operand:
        """Lower a call: of a helper (one of its results), a kernel, a primitive, or a special."""
        name = ast.unparse(node.func)
        if name in self.module.helpers:
            values = [self.value(argument, env) for argument in node.args]
            return self.inlined(self.module.helpers[name], values, index)
        if name in self.module.kernels:
            return self.run(name, node.args, env)
        if name.startswith("ieee_"):
            return self.primitive(name.removeprefix("ieee_"), node, env)
        return self.special(name, node, env)

    def run(self, kernel: str, nodes: Sequence[ast.expr], env: Mapping[str, Operand]) -> Operand:
        """Lower a call of another kernel; in checked kernels, fail if it fails."""
        arguments: list[str] = []
        for node in nodes:
            if isinstance(node, ast.Name) and node.id in self.arrays:
                arguments += [f"ptr %{node.id}", f"i64 %{node.id}.size"]
            else:
                value = self.value(node, env)
                arguments.append(f"{value.type} {value.text}")
        status = self.new("i32", f"call i32 @{kernel}({', '.join(arguments)})")
        if self.module.checked:
            failed, on = self.new(BOOL, f"icmp ne i32 {status.text}, 0"), self.label()
            self.lines += [f"br i1 {failed.text}, label %out_of_range, label %{on}", f"{on}:"]
        return status

    def inlined(
        self, helper: ast.FunctionDef, values: Sequence[Operand], index: int = 0
    ) -> Operand:
        """Lower a helper (one of its results) with some arguments."""
        env, result = self.entered(helper, values)
        return self.result(result, env, index)

    def entered(
        self, helper: ast.FunctionDef, values: Sequence[Operand]
    ) -> tuple[dict[str, Operand], ast.expr]:
        """Lower the assignments of a helper with some arguments.

        Returns:
            The values of its names, and what it returns.
        """
        env = dict(zip((arg.arg for arg in helper.args.args), values, strict=True))
        *statements, result = helper.body
        for statement in statements:
            self.named(statement, env)
        assert isinstance(result, ast.Return)  # noqa: S101 - our own text
        assert result.value is not None  # noqa: S101
        return env, result.value

    def named(self, node: ast.stmt, env: dict[str, Operand]) -> None:
        """Lower a statement of a helper: it gives names to values, or repeats that."""
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                env[name] = self.value(value, env)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=value):
                values = self.several(value, env)
                env.update(zip(map(ast.unparse, names), values, strict=True))
            case ast.For(target=target, iter=ast.Name(id=table), body=body):
                names = target.elts if isinstance(target, ast.Tuple) else [target]
                for constant in self.module.constants[self.name(table, env).text]:
                    numbers = constant if isinstance(constant, tuple) else (constant,)
                    env.update(zip(map(ast.unparse, names), map(_constant, numbers), strict=True))
                    for statement in body:
                        self.named(statement, env)
            case ast.Expr(value=ast.Constant()):
                pass  # a docstring
            case _:
                raise _unsupported(node)

    def several(self, node: ast.expr, env: Mapping[str, Operand]) -> list[Operand]:
        """Lower an expression that has several results."""
        if isinstance(node, ast.Tuple):
            return [self.value(element, env) for element in node.elts]
        if isinstance(node, ast.Call) and ast.unparse(node.func) in self.module.helpers:
            values = [self.value(argument, env) for argument in node.args]
            inner, result = self.entered(self.module.helpers[ast.unparse(node.func)], values)
            return self.several(result, inner)
        return [self.value(node, env)]

    def result(self, node: ast.expr, env: Mapping[str, Operand], index: int) -> Operand:
        """Lower one of the results of an expression."""
        if isinstance(node, ast.Tuple):
            return self.value(node.elts[index], env)
        if isinstance(node, ast.Call):
            return self.call(node, env, index)
        if isinstance(node, ast.IfExp):
            return self.select(
                self.value(node.test, env), lambda: self.result(node.body, env, index),
                lambda: self.result(node.orelse, env, index),
            )  # fmt: skip
        return self.value(node, env)

    def primitive(self, name: str, node: ast.Call, env: Mapping[str, Operand]) -> Operand:
        """Lower a primitive of `ieee`."""
        values = [self.value(argument, env) for argument in node.args]
        if name == "div":
            return self.arithmetic(ast.Div(), *values)
        type_ = _widest(values)
        values = [self.cast(value, type_) for value in values]
        if name == "sqrt":
            return self.invoke(f"llvm.sqrt.{_suffix(type_)}", values)
        if type_ == DOUBLE:
            return self.invoke(self.module.math.prefix + c_name(name), values)
        if name in self.module.math.own:
            return self.inlined(self.module.helpers[f"vector_{name}"], values)
        width, symbol = self.module.math.vectors.get(name, (0, ""))
        if width in (0, LANES):
            return self.invoke(symbol, values) if width else self.each_lane(name, values)
        return self.in_parts(width, symbol, values)

    def invoke(self, symbol: str, values: Sequence[Operand]) -> Operand:
        """Call a linked function whose arguments and result have the same type."""
        type_ = values[0].type
        name = self.module.declare(symbol, type_, *(value.type for value in values))
        arguments = ", ".join(f"{type_} {value.text}" for value in values)
        return self.new(type_, f"call {type_} {name}({arguments})")

    def each_lane(self, name: str, values: Sequence[Operand]) -> Operand:
        """Call a function of doubles for each lane."""
        vector = Operand(VECTOR, "poison")
        for lane in range(LANES):
            line = f"extractelement {VECTOR} %s, i64 {lane}"
            arguments = [self.new(DOUBLE, line % value.text) for value in values]
            symbol = self.module.math.prefix + c_name(name)
            vector = self.inserted(vector, lane, self.invoke(symbol, arguments))
        return vector

    def inserted(self, vector: Operand, lane: int, value: Operand) -> Operand:
        """Return a vector with one lane replaced."""
        line = f"insertelement {VECTOR} {vector.text}, double {value.text}, i64 {lane}"
        return self.new(VECTOR, line)

    def in_parts(self, width: int, symbol: str, values: Sequence[Operand]) -> Operand:
        """Call a function of shorter vectors on both halves, and join the results."""
        part = f"<{width} x double>"
        halves = []
        for start in range(0, LANES, width):
            lanes = ", ".join(f"i32 {start + k}" for k in range(width))
            line = f"shufflevector {VECTOR} %s, {VECTOR} poison, <{width} x i32> <{lanes}>"
            halves.append(self.invoke(symbol, [self.new(part, line % v.text) for v in values]))
        lanes = ", ".join(f"i32 {k}" for k in range(LANES))
        a, b = (f"{part} {half.text}" for half in halves)
        return self.new(VECTOR, f"shufflevector {a}, {b}, <{LANES} x i32> <{lanes}>")

    def special(self, name: str, node: ast.Call, env: Mapping[str, Operand]) -> Operand:
        """Lower a function that is an instruction, or that accesses an array."""
        if name in _INSTRUCTIONS:
            return _INSTRUCTIONS[name](self, [self.value(argument, env) for argument in node.args])
        match node.args:
            case [ast.Name(id=array)] if name == "len" and array in self.arrays:
                return Operand(INT, f"%{array}.size")
            case [ast.Name(id=array), *rest] if name in _ACCESS and array in self.arrays:
                values = [self.value(argument, env) for argument in rest]
                return _ACCESS[name](self, self.arrays[array], values)
            case _:
                raise _unsupported(node)

    def square_root(self, values: list[Operand]) -> Operand:
        """Lower the square root."""
        return self.invoke(f"llvm.sqrt.{_suffix(values[0].type)}", values)

    def absolute(self, values: list[Operand]) -> Operand:
        """Lower `abs`."""
        return self.invoke(f"llvm.fabs.{_suffix(values[0].type)}", values)

    def least(self, values: list[Operand]) -> Operand:
        """Lower `min` of two indices."""
        return self.invoke("llvm.smin.i64", values)

    def fused(self, values: list[Operand]) -> Operand:
        """Lower a·b + c, in one instruction where there is one."""
        type_ = _widest(values)
        values = [self.cast(value, type_) for value in values]
        return self.invoke(f"llvm.fmuladd.{_suffix(type_)}", values)

    def fused_exactly(self, values: list[Operand]) -> Operand:
        """Lower a·b + c, rounded once; only where the processor has an instruction for it.

        If a or b is the constant 0, that is c: Horner's rule starts with it.
        """
        if _constant(0.0) in values[:2]:
            return values[2]
        type_ = _widest(values)
        return self.invoke(
            f"llvm.fma.{_suffix(type_)}", [self.cast(value, type_) for value in values]
        )

    def exponent(self, values: list[Operand]) -> Operand:
        """Lower the exponent of a normal positive double, as a double."""
        type_, ints, lanes = _with_ints(values[0])
        whole = self.new(ints, f"bitcast {type_} {values[0].text} to {ints}")
        moved = self.new(ints, f"lshr {ints} {whole.text}, {_all(52, lanes)}")
        number = self.new(ints, f"sub {ints} {moved.text}, {_all(1023, lanes)}")
        return self.new(type_, f"sitofp {ints} {number.text} to {type_}")

    def significand(self, values: list[Operand]) -> Operand:
        """Lower x/2^e, from 1 to 2, for a normal positive double with the exponent e."""
        type_, ints, lanes = _with_ints(values[0])
        whole = self.new(ints, f"bitcast {type_} {values[0].text} to {ints}")
        digits = self.new(ints, f"and {ints} {whole.text}, {_all(2**52 - 1, lanes)}")
        bits = self.new(ints, f"or {ints} {digits.text}, {_all(1023 << 52, lanes)}")
        return self.new(type_, f"bitcast {ints} {bits.text} to {type_}")

    def bits(self, values: list[Operand]) -> Operand:
        """Lower the 64 bits of a double as an integer."""
        return self.new(INT, f"bitcast double {values[0].text} to i64")

    def double_of(self, values: list[Operand]) -> Operand:
        """Lower the double that has the bits of an integer."""
        return self.new(DOUBLE, f"bitcast i64 {values[0].text} to double")

    def rounded(self, values: list[Operand]) -> Operand:
        """Lower the double that is nearest to an integer."""
        return self.new(DOUBLE, f"sitofp i64 {values[0].text} to double")

    def spread(self, values: list[Operand]) -> Operand:
        """Lower a vector of equal lanes."""
        return self.cast(values[0], VECTOR)

    def some(self, values: list[Operand]) -> Operand:
        """Lower whether a comparison of vectors is true in any lane."""
        name = self.module.declare(f"llvm.vector.reduce.or.v{LANES}i1", BOOL, MASK)
        return self.new(BOOL, f"call {BOOL} {name}({MASK} {values[0].text})")

    def lane_sum(self, values: list[Operand]) -> Operand:
        """Lower the sum of the lanes of a vector, added in any order."""
        name = self.module.declare(f"llvm.vector.reduce.fadd.v{LANES}f64", DOUBLE, DOUBLE, VECTOR)
        arguments = f"double 0.0, {VECTOR} {values[0].text}"
        return self.new(DOUBLE, f"call reassoc double {name}({arguments})")

    def with_sign(self, values: list[Operand]) -> Operand:
        """Lower the absolute value of a with the sign of b."""
        type_ = _widest(values)
        values = [self.cast(value, type_) for value in values]
        return self.invoke(f"llvm.copysign.{_suffix(type_)}", values)

    def two_to(self, values: list[Operand]) -> Operand:
        """Lower 2^n: move n, the last bits of the argument, to the exponent of a double."""
        type_, ints, lanes = _with_ints(values[0])
        whole = f"bitcast {type_} {values[0].text} to {ints}"
        moved = self.new(ints, f"shl {ints} {self.new(ints, whole).text}, {_all(52, lanes)}")
        bits = self.new(ints, f"add {ints} {moved.text}, {_all(1023 << 52, lanes)}")
        return self.new(type_, f"bitcast {ints} {bits.text} to {type_}")

    def looked_up(self, values: list[Operand]) -> Operand:
        """Lower a number of a table of constants, at an index plus another, constant one."""
        table, at, column = values
        numbers = self.module.constants[table.text]
        array = f"[{len(numbers)} x double]"
        elements = ", ".join(f"double {_constant(number).text}" for number in numbers)
        self.module.declared[table.text] = f"@{table.text} = private constant {array} [{elements}]"
        offset = int(struct.unpack(">d", bytes.fromhex(column.text[2:]))[0])
        type_, ints, lanes = _with_ints(at)
        index = self.new(ints, f"fptosi {type_} {at.text} to {ints}")
        vector = Operand(VECTOR, "poison")
        for lane in range(lanes):
            one = index
            if type_ == VECTOR:
                one = self.new(INT, f"extractelement {ints} {index.text}, i64 {lane}")
            entry = self.new(INT, f"add i64 {one.text}, {offset}")
            line = f"getelementptr {array}, ptr @{table.text}, i64 0, i64 {entry.text}"
            number = self.new(DOUBLE, f"load double, ptr {self.new('ptr', line).text}")
            if type_ != VECTOR:
                return number
            vector = self.inserted(vector, lane, number)
        return vector

    # --- access to rows ---

    def rows_at(self, array: _Array, values: list[Operand]) -> Operand:
        """Return the rows that start at an index of an array of doubles."""
        address = self.address(array, values[0], flat=True, width=LANES)
        return self.new(VECTOR, f"load {VECTOR}, ptr {address}, align 8")

    def put_rows(self, array: _Array, values: list[Operand]) -> Operand:
        """Set the rows that start at an index of an array of doubles."""
        address = self.address(array, values[0], flat=True, width=LANES)
        rows = self.cast(values[1], VECTOR)
        self.lines.append(f"store {VECTOR} {rows.text}, ptr {address}, align 8")
        return rows

    def row(self, array: _Array, values: list[Operand]) -> Operand:
        """Return one row of an array of vectors."""
        address = self.address(array, values[0], flat=True)
        return self.new(DOUBLE, f"load double, ptr {address}")

    def put_row(self, array: _Array, values: list[Operand]) -> Operand:
        """Set one row of an array of vectors."""
        address = self.address(array, values[0], flat=True)
        self.lines.append(f"store double {values[1].text}, ptr {address}")
        return values[1]

    def gathered(self, array: _Array, values: list[Operand]) -> Operand:
        """Return eight elements as a vector, given the index of each."""
        vector = Operand(VECTOR, "poison")
        for lane, index in enumerate(values):
            vector = self.inserted(vector, lane, self.row(array, [index]))
        return vector

    def column_rows(self, array: _Array, values: list[Operand]) -> Operand:
        """Return the rows of a column that start at an index: `column_rows(columns, k, row)`."""
        address = self.column_address(array, values)
        return self.new(VECTOR, f"load {VECTOR}, ptr {address}, align 8")

    def column_row(self, array: _Array, values: list[Operand]) -> Operand:
        """Return one row of a column: `column_row(columns, k, row)`."""
        return self.new(DOUBLE, f"load double, ptr {self.column_address(array, values)}")

    def column_address(self, array: _Array, values: list[Operand]) -> str:
        """Return the address of one row of a column."""
        column = self.load(array, values[0])
        line = f"getelementptr inbounds double, ptr {column.text}, i64 {values[1].text}"
        return self.new("ptr", line).text


class _Kernel(Body):
    """The lowering of one kernel."""

    def __init__(self, module: Lowering, node: ast.FunctionDef) -> None:
        super().__init__(module)
        self.node = node

    def text(self) -> str:
        """Return the function as LLVM assembly."""
        arguments: list[str] = []
        for arg in self.node.args.args:
            arguments += self._argument(arg)
        self.block(self.node.body, {})
        self.lines.append("ret i32 0")
        fail = ["out_of_range:", "ret i32 1"] if self.module.checked else []
        inline = " alwaysinline" if self.node.decorator_list else ""
        head = f"define i32 @{self.node.name}({', '.join(arguments)}) {ATTRIBUTES}{inline} {{"
        return "\n".join([head, *self.allocations(), *self.lines, *fail, "}"])

    def _argument(self, arg: ast.arg) -> list[str]:
        kind = ast.unparse(arg.annotation) if arg.annotation else ""
        if kind in ARRAYS:
            self.arrays[arg.arg] = _Array(kind, f"%{arg.arg}")
            return [f"ptr noalias %{arg.arg}", f"i64 %{arg.arg}.size"]
        type_ = {"int": INT, "float": DOUBLE}[kind]
        self.assign(arg.arg, Operand(type_, f"%{arg.arg}"))
        return [f"{type_} %{arg.arg}"]


_ACCESS: Final[Mapping[str, Callable[[Body, _Array, list[Operand]], Operand]]] = {
    "rows_at": Body.rows_at,
    "put_rows": Body.put_rows,
    "row": Body.row,
    "put_row": Body.put_row,
    "gathered": Body.gathered,
    "column_rows": Body.column_rows,
    "column_row": Body.column_row,
}


_INSTRUCTIONS: Final[Mapping[str, Callable[[Body, list[Operand]], Operand]]] = {
    "abs": Body.absolute,
    "square_root": Body.square_root,
    "looked_up": Body.looked_up,
    "min": Body.least,
    "fused": Body.fused,
    "fma": Body.fused_exactly,
    "exponent": Body.exponent,
    "significand": Body.significand,
    "with_sign": Body.with_sign,
    "two_to": Body.two_to,
    "bits": Body.bits,
    "double_of": Body.double_of,
    "float": Body.rounded,
    "spread": Body.spread,
    "some": Body.some,
    "lane_sum": Body.lane_sum,
}


def _with_ints(x: Operand) -> tuple[str, str, int]:
    """Return the type of a double or vector, that of as many integers, and how many these are."""
    lanes = LANES if x.type == VECTOR else 1
    return x.type, f"<{lanes} x i64>" if x.type == VECTOR else INT, lanes


def _all(number: int, lanes: int) -> str:
    return str(number) if lanes == 1 else f"<{', '.join([f'i64 {number}'] * lanes)}>"


def _constant(number: float) -> Operand:
    if isinstance(number, bool):
        return Operand(BOOL, str(number).lower())
    if isinstance(number, int):
        return Operand(INT, str(number))
    return Operand(DOUBLE, f"0x{struct.pack('>d', number).hex().upper()}")


def c_name(primitive: str) -> str:
    """Return what C calls a primitive of `ieee`."""
    return "pow" if primitive == "power" else primitive


def _widest(values: Sequence[Operand]) -> str:
    return VECTOR if any(value.type == VECTOR for value in values) else DOUBLE


def _suffix(type_: str) -> str:
    return f"v{LANES}f64" if type_ == VECTOR else "f64"


def _unsupported(node: ast.AST) -> NotImplementedError:
    return NotImplementedError(f"kernels have no {type(node).__name__}: {ast.unparse(node)}")
