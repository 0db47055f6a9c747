"""Text of kernels to LLVM: the row language, loops and flat arrays; nothing else of Python.

A kernel is a function whose arguments are numbers and arrays; it becomes a C function that takes
each array as address and length, and returns 0. A helper is a function that only returns an
expression; it is inlined, for one row (a double) or for eight at once (a vector), as it is
called. Both sides of `and`, `or` and `x if c else y` may be worked out; a vector's always are.
"""

from __future__ import annotations

import ast
import struct
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LANES: Final = 8
"""Rows in a vector; a machine with shorter registers takes several for one."""

INT, DOUBLE, BOOL, VECTOR, MASK = "i64", "double", "i1", f"<{LANES} x double>", f"<{LANES} x i1>"

ARRAYS: Final = {
    "U8": ("i8", INT),
    "U32": ("i32", INT),
    "I64": ("i64", INT),
    "F64": ("double", DOUBLE),
    "Rows": (VECTOR, VECTOR),
    "Columns": ("ptr", "ptr"),
}
"""What a kernel's array holds: in memory, and in a kernel's hands."""

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
}


class MathLibrary(NamedTuple):
    """Where exp, tanh and so on come from.

    Attributes:
        name: "libm", or the name of a library with functions of vectors.
        own: The functions that, for vectors, are taken from `elementary` instead.
        vectors: By function: how many lanes it takes at a time, and the symbol.
    """

    name: str
    own: tuple[str, ...]
    vectors: Mapping[str, tuple[int, str]]


class _Value(NamedTuple):
    type: str
    text: str


class _Array(NamedTuple):
    kind: str
    name: str


class Lowering:
    """One module of kernels on its way to LLVM."""

    def __init__(self, text: str, math: MathLibrary, *, checked: bool = False) -> None:
        """Read the text of a module.

        Args:
            text: Helpers and kernels.
            math: What the primitives of `ieee` call.
            checked: Whether kernels look at every index, and return 1 instead of going astray.
        """
        functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
        self.helpers = {node.name: node for node in functions if node.returns is None}
        self.kernels = {node.name: node for node in functions if node.returns is not None}
        self.math = math
        self.checked = checked
        self.declared: dict[str, str] = {}

    def module(self) -> str:
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
        """Declare a function without side effects that is linked in, and return its symbol."""
        head = f"declare {result} @{name}({', '.join(types)})"
        self.declared[name] = f"{head} nounwind willreturn memory(none)"
        return f"@{name}"


class _Kernel:
    """One kernel on its way to LLVM: loops, stores, and the expressions of one row or many."""

    def __init__(self, module: Lowering, node: ast.FunctionDef) -> None:
        self.module = module
        self.node = node
        self.lines: list[str] = []
        self.slots: dict[str, _Value] = {}
        self.arrays: dict[str, _Array] = {}
        self.loops: list[str] = []
        self.numbers = count()

    def text(self) -> str:
        """Return the function as LLVM assembly."""
        arguments: list[str] = []
        for arg in self.node.args.args:
            arguments += self._argument(arg)
        self.block(self.node.body, {})
        self.lines.append("ret i32 0")
        slots = [f"%{name}.slot = alloca {slot.type}" for name, slot in self.slots.items()]
        fail = ["astray:", "ret i32 1"] if self.module.checked else []
        head = f"define i32 @{self.node.name}({', '.join(arguments)}) nounwind {{"
        return "\n".join([head, *slots, *self.lines, *fail, "}"])

    def _argument(self, arg: ast.arg) -> list[str]:
        kind = ast.unparse(arg.annotation) if arg.annotation else ""
        if kind in ARRAYS:
            self.arrays[arg.arg] = _Array(kind, f"%{arg.arg}")
            return [f"ptr noalias %{arg.arg}", f"i64 %{arg.arg}.size"]
        type_ = {"int": INT, "float": DOUBLE}[kind]
        self.assign(arg.arg, _Value(type_, f"%{arg.arg}"))
        return [f"{type_} %{arg.arg}"]

    # --- lines ---

    def new(self, type_: str, line: str) -> _Value:
        """Add an instruction that has a result."""
        name = f"%t{next(self.numbers)}"
        self.lines.append(f"{name} = {line}")
        return _Value(type_, name)

    def label(self) -> str:
        """Return a fresh label."""
        return f"l{next(self.numbers)}"

    def start(self, label: str) -> None:
        """Go on in a new block, to which what is written so far falls through."""
        self.lines += [f"br label %{label}", f"{label}:"]

    def leave(self, target: str) -> None:
        """Jump away; what follows is reached by nothing."""
        self.lines += [f"br label %{target}", f"{self.label()}:"]

    def branch(self, test: _Value) -> tuple[str, str]:
        """Go on where a test holds; return the labels for where it doesn't, and for the end."""
        yes, no, end = self.label(), self.label(), self.label()
        self.lines += [f"br i1 {test.text}, label %{yes}, label %{no}", f"{yes}:"]
        return no, end

    def assign(self, name: str, value: _Value) -> None:
        """Give a name a value; it keeps its first type."""
        slot = self.slots.setdefault(name, _Value(value.type, f"%{name}.slot"))
        value = self.cast(value, slot.type)
        self.lines.append(f"store {value.type} {value.text}, ptr {slot.text}")

    def cast(self, value: _Value, type_: str) -> _Value:
        """Return a value as another type: a double as a vector of equal lanes."""
        if value.type == type_:
            return value
        if (value.type, type_) == (DOUBLE, VECTOR):
            if value.text.startswith("0x"):
                return _Value(VECTOR, f"<{', '.join([f'double {value.text}'] * LANES)}>")
            one = self.new(VECTOR, f"insertelement {VECTOR} poison, double {value.text}, i64 0")
            mask = f"<{LANES} x i32> zeroinitializer"
            return self.new(VECTOR, f"shufflevector {VECTOR} {one.text}, {VECTOR} poison, {mask}")
        message = f"{value.type} is no {type_}"
        raise TypeError(message)

    # --- memory ---

    def place(self, array: _Array, index: _Value, *, flat: bool = False, width: int = 1) -> str:
        """Return where an element lies, after looking at the index if kernels are checked."""
        element = DOUBLE if flat else ARRAYS[array.kind][0]
        if self.module.checked:
            size = _Value(INT, f"{array.name}.size")
            if flat and array.kind == "Rows":
                size = self.new(INT, f"mul i64 {size.text}, {LANES}")
            last = self.new(INT, f"add i64 {index.text}, {width - 1}")
            for each in {index.text: index, last.text: last}.values():
                inside = self.new(BOOL, f"icmp ult i64 {each.text}, {size.text}")
                on = self.label()
                self.lines += [f"br i1 {inside.text}, label %{on}, label %astray", f"{on}:"]
        pointer = f"getelementptr inbounds {element}, ptr {array.name}, i64 {index.text}"
        return self.new("ptr", pointer).text

    def load(self, array: _Array, index: _Value) -> _Value:
        """Return an element of an array."""
        memory, type_ = ARRAYS[array.kind]
        at = self.place(array, index)
        align = ", align 8" if type_ == VECTOR else ""
        value = self.new(type_, f"load {memory}, ptr {at}{align}")
        if type_ == INT and memory != INT:
            return self.new(INT, f"zext {memory} {value.text} to i64")
        return value

    def store(self, array: _Array, index: _Value, value: _Value) -> None:
        """Set an element of an array."""
        memory, type_ = ARRAYS[array.kind]
        value = self.cast(value, type_)
        at = self.place(array, index)
        if type_ == INT and memory != INT:
            value = self.new(memory, f"trunc i64 {value.text} to {memory}")
        align = ", align 8" if type_ == VECTOR else ""
        self.lines.append(f"store {memory} {value.text}, ptr {at}{align}")

    # --- statements ---

    def block(self, statements: Sequence[ast.stmt], env: Mapping[str, _Value]) -> None:
        """Lower statements, one after the other."""
        for each in statements:
            self.statement(each, env)

    def statement(self, node: ast.stmt, env: Mapping[str, _Value]) -> None:
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
                more = self.value(value, env)
                self.store(array, index, self.arithmetic(op, self.load(array, index), more))
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
                raise _refused(node)

    def choice(self, node: ast.If, env: Mapping[str, _Value]) -> None:
        """Lower `if`, `elif` and `else`; LLVM makes a jump table of a chain of them."""
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
        env: Mapping[str, _Value],
    ) -> None:
        """Lower `for name in range(…)`; it counts down by a number that is written out."""
        values = [self.value(each, env) for each in bounds[:2]]
        begin, stop = values if len(values) > 1 else [_Value(INT, "0"), *values]
        by = self.value(bounds[2], env) if len(bounds) > 2 else _Value(INT, "1")  # noqa: PLR2004
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

    def element(self, node: ast.Subscript, env: Mapping[str, _Value]) -> tuple[_Array, _Value]:
        """Return the array and the index of `array[index]`."""
        assert isinstance(node.value, ast.Name)  # noqa: S101 - our own text
        return self.arrays[node.value.id], self.value(node.slice, env)

    def name(self, name: str, env: Mapping[str, _Value]) -> _Value:
        """Return what a name stands for: a helper's argument, or a variable."""
        if name in env:
            return env[name]
        slot = self.slots[name]
        return self.new(slot.type, f"load {slot.type}, ptr {slot.text}")

    def value(self, node: ast.expr, env: Mapping[str, _Value]) -> _Value:
        """Lower an expression: a number, a name, an element, a call, or one with operators."""
        match node:
            case ast.Constant(value=bool() | float() | int() as number):
                return _constant(number)
            case ast.Name(id=name):
                return self.name(name, env)
            case ast.Subscript(value=ast.Call() as call, slice=ast.Constant(value=int(place))):
                return self.call(call, env, place)
            case ast.Subscript():
                return self.load(*self.element(node, env))
            case ast.Call():
                return self.call(node, env)
            case _:
                return self.operation(node, env)

    def operation(  # noqa: PLR0911 - cases
        self, node: ast.expr, env: Mapping[str, _Value]
    ) -> _Value:
        """Lower an expression with an operator."""
        match node:
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return self.arithmetic(op, self.value(left, env), self.value(right, env))
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=float() | int() as number)):
                return _constant(-number)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.negative(self.value(operand, env))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.truth("xor", [self.value(operand, env), _Value(BOOL, "true")])
            case ast.BoolOp(op=op, values=values):
                word = "and" if isinstance(op, ast.And) else "or"
                return self.truth(word, [self.value(each, env) for each in values])
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
                return self.compare(op, self.value(left, env), self.value(right, env))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.select(
                    self.value(test, env), lambda: self.value(body, env),
                    lambda: self.value(orelse, env),
                )  # fmt: skip
            case _:
                raise _refused(node)

    def both(self, a: _Value, b: _Value) -> tuple[_Value, _Value]:
        """Return two values as the wider of their types."""
        type_ = VECTOR if VECTOR in (a.type, b.type) else a.type
        return self.cast(a, type_), self.cast(b, type_)

    def arithmetic(self, op: ast.operator, a: _Value, b: _Value) -> _Value:
        """Lower `a op b`."""
        a, b = self.both(a, b)
        word = _ARITHMETIC[type(op)][a.type != INT]
        return self.new(a.type, f"{word} {a.type} {a.text}, {b.text}")

    def negative(self, x: _Value) -> _Value:
        """Lower `-x`."""
        line = f"sub i64 0, {x.text}" if x.type == INT else f"fneg {x.type} {x.text}"
        return self.new(x.type, line)

    def truth(self, word: str, values: list[_Value]) -> _Value:
        """Lower `and`, `or` and `not`."""
        found = values[0]
        for each in values[1:]:
            type_ = found.type
            text = each.text
            if type_ == MASK and each.type == BOOL:
                text = f"<{', '.join(['i1 true'] * LANES)}>"
            found = self.new(type_, f"{word} {type_} {found.text}, {text}")
        return found

    def compare(self, op: ast.cmpop, a: _Value, b: _Value) -> _Value:
        """Lower a comparison; with a NaN, all but `!=` are false."""
        a, b = self.both(a, b)
        ints, floats = _COMPARE[type(op)]
        line = f"icmp {ints}" if a.type == INT else f"fcmp {floats}"
        type_ = MASK if a.type == VECTOR else BOOL
        return self.new(type_, f"{line} {a.type} {a.text}, {b.text}")

    def select(self, test: _Value, yes: Callable[[], _Value], no: Callable[[], _Value]) -> _Value:
        """Lower `yes if test else no`; LLVM makes it a branch or not, as it sees fit."""
        if test.type == BOOL:
            return self.branched(test, yes, no)
        a, b = self.both(yes(), no())
        a, b = self.cast(a, VECTOR), self.cast(b, VECTOR)
        line = f"select {MASK} {test.text}, {a.type} {a.text}, {b.type} {b.text}"
        return self.new(VECTOR, line)

    def branched(self, test: _Value, yes: Callable[[], _Value], no: Callable[[], _Value]) -> _Value:
        """Work out one of two values, so that a call on the other side is not made."""
        name = f"either.{next(self.numbers)}"
        other, end = self.branch(test)
        self.assign(name, yes())
        self.lines += [f"br label %{end}", f"{other}:"]
        self.assign(name, no())
        self.start(end)
        return self.name(name, {})

    # --- calls ---

    def call(self, node: ast.Call, env: Mapping[str, _Value], place: int = 0) -> _Value:
        """Lower a call: of a helper (one of its results), a primitive, or one of the few below."""
        name = ast.unparse(node.func)
        if name in self.module.helpers:
            values = [self.value(each, env) for each in node.args]
            return self.inlined(self.module.helpers[name], values, place)
        if name.startswith("ieee_"):
            return self.primitive(name.removeprefix("ieee_"), node, env)
        return self.special(name, node, env)

    def inlined(self, helper: ast.FunctionDef, values: Sequence[_Value], place: int = 0) -> _Value:
        """Lower what a helper returns (one of its results)."""
        names = (arg.arg for arg in helper.args.args)
        result = helper.body[-1]
        assert isinstance(result, ast.Return)  # noqa: S101 - our own text
        assert result.value is not None  # noqa: S101
        return self.result(result.value, dict(zip(names, values, strict=True)), place)

    def result(self, node: ast.expr, env: Mapping[str, _Value], place: int) -> _Value:
        """Lower one of the results that an expression gives."""
        if isinstance(node, ast.Tuple):
            return self.value(node.elts[place], env)
        if isinstance(node, ast.IfExp):
            return self.select(
                self.value(node.test, env), lambda: self.result(node.body, env, place),
                lambda: self.result(node.orelse, env, place),
            )  # fmt: skip
        return self.value(node, env)

    def primitive(self, name: str, node: ast.Call, env: Mapping[str, _Value]) -> _Value:
        """Lower a primitive of `ieee`."""
        values = [self.value(each, env) for each in node.args]
        if name == "div":
            return self.arithmetic(ast.Div(), *values)
        type_ = VECTOR if VECTOR in (each.type for each in values) else DOUBLE
        values = [self.cast(each, type_) for each in values]
        if name == "sqrt":
            return self.invoke(f"llvm.sqrt.{_suffix(type_)}", values)
        if type_ == DOUBLE:
            return self.invoke({"power": "pow"}.get(name, name), values)
        if name in self.module.math.own:
            helper = self.module.helpers[f"vector_{name}"]
            return self.inlined(helper, values)
        width, symbol = self.module.math.vectors.get(name, (0, ""))
        if width in (0, LANES):
            return self.invoke(symbol, values) if width else self.each_lane(name, values)
        return self.in_parts(width, symbol, values)

    def invoke(self, symbol: str, values: Sequence[_Value]) -> _Value:
        """Call a linked function whose arguments and result are of one type."""
        type_ = values[0].type
        name = self.module.declare(symbol, type_, *(each.type for each in values))
        arguments = ", ".join(f"{type_} {each.text}" for each in values)
        return self.new(type_, f"call {type_} {name}({arguments})")

    def each_lane(self, name: str, values: Sequence[_Value]) -> _Value:
        """Call a function of doubles for each lane."""
        found = _Value(VECTOR, "poison")
        for lane in range(LANES):
            line = f"extractelement {VECTOR} %s, i64 {lane}"
            ones = [self.new(DOUBLE, line % each.text) for each in values]
            one = self.invoke({"power": "pow"}.get(name, name), ones)
            line = f"insertelement {VECTOR} {found.text}, double {one.text}, i64 {lane}"
            found = self.new(VECTOR, line)
        return found

    def in_parts(self, width: int, symbol: str, values: Sequence[_Value]) -> _Value:
        """Call a function of shorter vectors on both halves, and join what it gives."""
        part = f"<{width} x double>"
        halves = []
        for start in range(0, LANES, width):
            lanes = ", ".join(f"i32 {start + k}" for k in range(width))
            line = f"shufflevector {VECTOR} %s, {VECTOR} poison, <{width} x i32> <{lanes}>"
            halves.append(self.invoke(symbol, [self.new(part, line % v.text) for v in values]))
        lanes = ", ".join(f"i32 {k}" for k in range(LANES))
        a, b = (f"{part} {half.text}" for half in halves)
        return self.new(VECTOR, f"shufflevector {a}, {b}, <{LANES} x i32> <{lanes}>")

    def special(self, name: str, node: ast.Call, env: Mapping[str, _Value]) -> _Value:
        """Lower what is an instruction, and how kernels reach lengths and single rows."""
        if name in _INSTRUCTIONS:
            return _INSTRUCTIONS[name](self, [self.value(each, env) for each in node.args])
        match node.args:
            case [ast.Name(id=array)] if name == "len" and array in self.arrays:
                return _Value(INT, f"%{array}.size")
            case [ast.Name(id=array), *rest] if name in _REACH and array in self.arrays:
                values = [self.value(each, env) for each in rest]
                return _REACH[name](self, self.arrays[array], values)
            case _:
                raise _refused(node)

    def absolute(self, values: list[_Value]) -> _Value:
        """Lower `abs`."""
        return self.invoke(f"llvm.fabs.{_suffix(values[0].type)}", values)

    def least(self, values: list[_Value]) -> _Value:
        """Lower `min`, of indices."""
        return self.invoke("llvm.smin.i64", values)

    def fused(self, values: list[_Value]) -> _Value:
        """Lower a·b + c, in one instruction where there is one."""
        type_ = VECTOR if VECTOR in (each.type for each in values) else DOUBLE
        return self.invoke(
            f"llvm.fmuladd.{_suffix(type_)}", [self.cast(each, type_) for each in values]
        )

    def with_sign(self, values: list[_Value]) -> _Value:
        """Lower the absolute value of a, with the sign of b."""
        return self.invoke(f"llvm.copysign.{_suffix(values[0].type)}", values)

    def two_to(self, values: list[_Value]) -> _Value:
        """Lower 2^n, where n is in the last bits: moved to where a double has its exponent."""
        type_ = values[0].type
        lanes = LANES if type_ == VECTOR else 1
        ints = f"<{lanes} x i64>" if type_ == VECTOR else INT
        whole = f"bitcast {type_} {values[0].text} to {ints}"
        moved = self.new(ints, f"shl {ints} {self.new(ints, whole).text}, {_all(52, lanes)}")
        bits = self.new(ints, f"add {ints} {moved.text}, {_all(1023 << 52, lanes)}")
        return self.new(type_, f"bitcast {ints} {bits.text} to {type_}")

    # --- single rows of vectors ---

    def rows_at(self, array: _Array, values: list[_Value]) -> _Value:
        """Return the rows that begin at an index of an array of doubles."""
        at = self.place(array, values[0], flat=True, width=LANES)
        return self.new(VECTOR, f"load {VECTOR}, ptr {at}, align 8")

    def put_rows(self, array: _Array, values: list[_Value]) -> _Value:
        """Set the rows that begin at an index of an array of doubles."""
        at = self.place(array, values[0], flat=True, width=LANES)
        rows = self.cast(values[1], VECTOR)
        self.lines.append(f"store {VECTOR} {rows.text}, ptr {at}, align 8")
        return rows

    def row(self, array: _Array, values: list[_Value]) -> _Value:
        """Return one row of an array of vectors."""
        at = self.place(array, values[0], flat=True)
        return self.new(DOUBLE, f"load double, ptr {at}")

    def put_row(self, array: _Array, values: list[_Value]) -> _Value:
        """Set one row of an array of vectors."""
        at = self.place(array, values[0], flat=True)
        self.lines.append(f"store double {values[1].text}, ptr {at}")
        return values[1]

    def gathered(self, array: _Array, values: list[_Value]) -> _Value:
        """Return eight elements, whose indices are given one by one."""
        found = _Value(VECTOR, "poison")
        for lane, index in enumerate(values):
            one = self.row(array, [index])
            line = f"insertelement {VECTOR} {found.text}, double {one.text}, i64 {lane}"
            found = self.new(VECTOR, line)
        return found

    def column_rows(self, array: _Array, values: list[_Value]) -> _Value:
        """Return the rows of a column that begin at an index: `column_rows(columns, k, row)`."""
        column = self.load(array, values[0])
        line = f"getelementptr inbounds double, ptr {column.text}, i64 {values[1].text}"
        at = self.new("ptr", line).text
        return self.new(VECTOR, f"load {VECTOR}, ptr {at}, align 8")

    def column_row(self, array: _Array, values: list[_Value]) -> _Value:
        """Return one row of a column: `column_row(columns, k, row)`."""
        column = self.load(array, values[0])
        line = f"getelementptr inbounds double, ptr {column.text}, i64 {values[1].text}"
        at = self.new("ptr", line).text
        return self.new(DOUBLE, f"load double, ptr {at}")


_REACH: Final[Mapping[str, Callable[[_Kernel, _Array, list[_Value]], _Value]]] = {
    "rows_at": _Kernel.rows_at,
    "put_rows": _Kernel.put_rows,
    "row": _Kernel.row,
    "put_row": _Kernel.put_row,
    "gathered": _Kernel.gathered,
    "column_rows": _Kernel.column_rows,
    "column_row": _Kernel.column_row,
}


_INSTRUCTIONS: Final[Mapping[str, Callable[[_Kernel, list[_Value]], _Value]]] = {
    "abs": _Kernel.absolute,
    "min": _Kernel.least,
    "fused": _Kernel.fused,
    "with_sign": _Kernel.with_sign,
    "two_to": _Kernel.two_to,
}


def _all(number: int, lanes: int) -> str:
    return str(number) if lanes == 1 else f"<{', '.join([f'i64 {number}'] * lanes)}>"


def _constant(number: float) -> _Value:
    if isinstance(number, bool):
        return _Value(BOOL, str(number).lower())
    if isinstance(number, int):
        return _Value(INT, str(number))
    return _Value(DOUBLE, f"0x{struct.pack('>d', number).hex().upper()}")


def _suffix(type_: str) -> str:
    return f"v{LANES}f64" if type_ == VECTOR else "f64"


def _refused(node: ast.AST) -> NotImplementedError:
    return NotImplementedError(f"kernels have no {type(node).__name__}: {ast.unparse(node)}")
