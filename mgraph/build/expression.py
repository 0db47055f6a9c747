"""Graphs from formulas such as `L = tanh(x1*w1 + b)`, parsed as Python but never run."""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_left
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Final

from mgraph.build.functions import FUNCTIONS
from mgraph.build.mistakes import ELSEWHERE, MODULES, misread, replacement
from mgraph.document import Graph
from mgraph.errors import quoted, some
from mgraph.format.ids import IN_WORDS, are_ids, bad_id
from mgraph.suggestions import closest, did_you_mean
from mgraph.value import Value, leaf

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

OPERATORS: Final = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
    ast.USub: "neg",
}
LONGEST: Final = 2**20

Position = tuple[int, int]
"""Line and column in a formula, from 1."""

_STRANGE: Final = re.compile(r"[^\t\n -~]")
_SHOWN: Final = 72
_IDS: Final = f"an id is {IN_WORDS}; in a formula, without - and /"
_USE: Final = "use + - * / ** and the ops that `mgraph ops` lists"
_EXAMPLE: Final = "write, for example, 'L = tanh(x*w + b)'"


class ExpressionError(ValueError):
    """A formula can't be read; the message says why, and shows where."""

    def __init__(self, message: str, at: Position | None = None) -> None:
        """Store the message, and the position in the formula that it is about."""
        super().__init__(message)
        self.at = at


def graph_of(
    text: str,
    leaves: Mapping[str, tuple[str, float | None]],
    outputs: Iterable[str] = (),
) -> Graph:
    """Build a graph from statements `name = formula`.

    Every name that is assigned becomes the id of its node. Names that are neither assigned nor
    declared become inputs without a value.

    Args:
        text: Statements, separated by `;` or newlines. The last may be a bare formula.
        leaves: Declared leaves, by id: op and primal (None for an input without one).
        outputs: Ids of outputs; by default the names that no statement uses.

    Raises:
        ExpressionError: The formula can't be read; the message says why and where.
    """
    if len(text) > LONGEST:
        message = f"a formula of {len(text):,} characters; at most {LONGEST:,}"
        raise ExpressionError(message)
    source = [line.strip() for line in text.strip().split("\n")]
    try:
        return _graph_of(source, leaves, outputs)
    except ExpressionError as error:
        if error.at is None:
            raise
        raise ExpressionError(_with_caret(str(error), source, error.at), error.at) from None


def _graph_of(
    source: list[str], leaves: Mapping[str, tuple[str, float | None]], outputs: Iterable[str]
) -> Graph:
    statements = _statements(source)
    reader = _Reader(leaves, statements)
    for statement in statements:
        reader.assign(statement)
    chosen = reader.chosen(outputs)
    graph = Graph.of(*chosen, name=", ".join(value.name or "" for value in chosen))
    names = (*leaves, *(statement.target for statement in statements if statement.target))
    if unused := [name for name in names if name not in graph.columns.index]:
        it = "it" if len(unused) == 1 else "them"
        message = f"no output depends on {some(map(quoted, unused))}: remove {it}, or use {it}"
        raise ExpressionError(message)
    return without_data(graph, reader.unbound)


def without_data(graph: Graph, names: Iterable[str]) -> Graph:
    """Return the graph with some of its inputs lacking a declared primal."""
    columns = graph.columns
    has = bytearray(b"\x01" * len(columns.leaves))
    for name in names:
        if name in columns.index:
            has[columns.leaf_index[columns.index[name]]] = 0
    return replace(graph, columns=replace(columns, has_data=bytes(has) if 0 in has else None))


# --- text to statements ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Statement:
    """One `name = formula`; the last statement may lack the name."""

    target: str
    formula: ast.expr
    at: Position


def _with_caret(message: str, source: list[str], at: Position) -> str:
    """Show the line that a message is about, with a caret at the position."""
    line = source[at[0] - 1] if at[0] <= len(source) else ""
    start = max(0, at[1] - _SHOWN)
    visible = (c if c.isprintable() or c == "\t" else "\ufffd" for c in line)  # one column each
    shown = "".join(visible)[start : start + _SHOWN + 8]
    return f"line {at[0]}, column {at[1]}: {message}\n  {shown}\n  {' ' * (at[1] - 1 - start)}^"


def _statements(source: list[str]) -> list[_Statement]:
    for number, line in enumerate(source, start=1):
        if strange := _STRANGE.search(line):
            written = replacement(strange[0])
            fix = f"write {written}" if written else _IDS
            message = f"{quoted(strange[0])} can't be used in a formula: {fix}"
            raise ExpressionError(message, (number, strange.start() + 1))
    tree = _parsed(source)
    if not tree.body:
        message = f"the formula is empty: {_EXAMPLE}"
        raise ExpressionError(message)
    return [_statement(node, last=node is tree.body[-1]) for node in tree.body]


def _parsed(source: list[str]) -> ast.Module:
    columns = _Columns(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's warnings are about programs
            tree = ast.parse("\n".join(source).replace("^", "**"))
    except SyntaxError as error:
        _explain(source, error.lineno or 1)
        why = error.msg.removesuffix(" here. Maybe you meant '==' instead of '='?")
        why = "a number has too many digits" if "integer string conversion" in why else why
        message = f"the formula can't be read: {why}"
        raise ExpressionError(message, columns.of(error.lineno or 1, error.offset or 1)) from None
    except (RecursionError, MemoryError, ValueError):
        message = "the formula is nested too deeply: give names to parts of it"
        raise ExpressionError(message) from None
    for node in ast.walk(tree):  # from here on, columns are those of the text as written
        if isinstance(node, (ast.expr, ast.stmt)):
            node.lineno, node.col_offset = columns.of(node.lineno, node.col_offset + 1)
    return tree


def _explain(source: list[str], line: int) -> None:
    """Refuse a line that can't be parsed with the reason, if it is a known one."""
    if found := misread(source[line - 1] if line <= len(source) else ""):
        message, column = found
        raise ExpressionError(message, (line, column)) from None


class _Columns:
    """Converts Python's columns to those of the text as written, where every ** may be a ^."""

    def __init__(self, source: list[str]) -> None:
        self.source = source
        self.carets: dict[int, list[int]] = {}

    def of(self, line: int, column: int) -> Position:
        """Return the position in the text as written."""
        if line not in self.carets:
            text = self.source[line - 1] if line <= len(self.source) else ""
            carets = (i for i, c in enumerate(text, start=1) if c == "^")
            self.carets[line] = [i + before for before, i in enumerate(carets)]
        return line, max(1, column - bisect_left(self.carets[line], column))


def _at(node: ast.expr | ast.stmt) -> Position:
    return node.lineno, node.col_offset


def _statement(node: ast.stmt, *, last: bool) -> _Statement:
    if isinstance(node, ast.Expr) and last:
        return _Statement("", node.value, _at(node))
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        return _Statement(_id(node.targets[0]), node.value, _at(node))
    message = "expected 'name = formula', separated by ; or newlines"
    raise ExpressionError(message, _at(node))


def _id(node: ast.expr) -> str:
    """Return the id that a node spells: a name with dots and [numbers]."""
    parts: list[str] = []
    inner = node
    while not isinstance(inner, ast.Name):
        if isinstance(inner, ast.Attribute):
            parts.append(f".{inner.attr}")
        elif isinstance(inner, ast.Subscript) and _is_index(inner.slice):
            parts.append(f"[{inner.slice.value}]")  # type: ignore[attr-defined]
        else:
            message = f"this can't be an id: x[3] but not x[i]; {_IDS}"
            raise ExpressionError(message, _at(node))
        inner = inner.value
    name = "".join([inner.id, *reversed(parts)])
    if not are_ids([name]):
        fault = bad_id((), name)
        raise ExpressionError(f"{fault.message}; expected {fault.expected}", _at(node))
    return name


def _is_index(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


# --- statements to Values --------------------------------------------------------------------


class _Reader:
    """Turns statements into Values, leaves first, without recursion."""

    def __init__(
        self, leaves: Mapping[str, tuple[str, float | None]], statements: list[_Statement]
    ) -> None:
        self.named: dict[str, Value] = {}
        self.assigned: list[Value] = []
        self.used: dict[int, None] = {}
        self.unbound: list[str] = []
        targets = {statement.target: statement for statement in reversed(statements)}
        for name in leaves:
            if name in targets:
                message = f"{name} is declared as a leaf, but computed here"
                raise ExpressionError(message, targets[name].at)
        for statement in statements:
            _refuse_modules(statement.formula, {*leaves, *targets})
            for name in _names(statement.formula):
                if name not in self.named and name not in targets:
                    op, data = leaves.get(name, ("input", None))
                    if data is None:
                        self.unbound.append(name)
                    self.named[name] = leaf(op, 0.0 if data is None else data, name)

    def assign(self, statement: _Statement) -> None:
        """Build the Values of one statement."""
        target = statement.target
        if target in self.named:
            message = f"{target} is assigned twice: a node is computed once, so use another name"
            raise ExpressionError(message, statement.at)
        value = self._value(statement.formula)
        if target and (value.name is not None or not value.args):
            raise ExpressionError(_name_fault(target, value), statement.at)
        if not target and any(value is other for other in self.assigned):
            message = f"{value.name} alone computes nothing: choose it with --output {value.name}"
            raise ExpressionError(message, statement.at)
        if target:
            value.name = target
            self.named[target] = value
        self.assigned.append(value)

    def _value(self, formula: ast.expr) -> Value:
        """Evaluate a formula: arguments before their users, left to right."""
        todo: list[tuple[ast.expr, bool]] = [(formula, False)]
        done: list[Value] = []
        while todo:
            node, ready = todo.pop()
            op, inputs = _operation(node)
            if ready:
                args = done[len(done) - len(inputs) :]
                del done[len(done) - len(inputs) :]
                done.append(self._applied(op, tuple(args)))
            elif inputs:
                todo.append((node, True))
                todo.extend((child, False) for child in reversed(inputs))
            else:
                done.append(self._leaf(node))
        return done[0]

    def _applied(self, op: str, args: tuple[Value, ...]) -> Value:
        self.used.update(dict.fromkeys(id(arg) for arg in args))
        return FUNCTIONS[op].build(*args)

    def _leaf(self, node: ast.expr) -> Value:
        number = _literal(node)
        if number is not None:
            return leaf("const", number)
        name = _id(node)
        if name not in self.named:
            message = f"{name} is used before it is assigned"
            raise ExpressionError(message, _at(node))
        return self.named[name]

    def chosen(self, outputs: Iterable[str]) -> list[Value]:
        """Return the outputs: those asked for, or else the values that nothing uses."""
        names = list(outputs)
        for i, name in enumerate(names):
            if name not in self.named:
                known = did_you_mean(closest(name, self.named))
                message = f"the output {quoted(name)} is not in the formula; {known}".rstrip("; ")
                raise ExpressionError(message)
            if name in names[:i]:
                message = f"the output {quoted(name)} is named twice"
                raise ExpressionError(message)
        if names:
            return [self.named[name] for name in names]
        return [value for value in self.assigned if id(value) not in self.used]


def _name_fault(target: str, value: Value) -> str:
    if value.name is not None:
        return f"{target} is only another name for {value.name}: use {value.name} itself"
    number = repr(value.data).removesuffix(".0")
    return f"{target} is only a number: declare it with --param {target}={number}"


def _names(formula: ast.expr) -> Iterator[str]:
    """Yield the names of a formula, left to right."""
    todo = [formula]
    while todo:
        node = todo.pop()
        _, inputs = _operation(node)
        if not inputs and _literal(node) is None:
            yield _id(node)
        todo.extend(reversed(inputs))


def _refuse_modules(formula: ast.expr, known: Container[str]) -> None:
    """Refuse np.exp() without an argument: it is a method only where np is a known name."""
    for node in ast.walk(formula):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value
            if isinstance(of, ast.Name) and of.id in MODULES and of.id not in known:
                raise ExpressionError(_no_function(_function_of(node.func), node), _at(node))


def _literal(node: ast.expr) -> float | None:
    """Return the number that a leaf of a formula spells; None if it is a name."""
    sign = 1.0
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        sign, node = -1.0, node.operand
    if not isinstance(node, ast.Constant) or type(node.value) not in (int, float):
        return None
    try:
        number = float(node.value)  # type: ignore[arg-type]
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        message = "this number is too large for a double"
        raise ExpressionError(message, _at(node))
    return sign * number


def _operation(node: ast.expr) -> tuple[str, list[ast.expr]]:
    """Return the op and the inputs of one step of a formula; a leaf has no inputs."""
    if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)) or _literal(node) is not None:
        return "", []
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)], [node.left, node.right]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return "neg", [node.operand]
    if isinstance(node, ast.Call):
        return _call(node)
    what = _WORDS.get(type(getattr(node, "op", node)), "this")
    use = "write abs(x) for |x|" if what == "|" else _USE
    raise ExpressionError(f"{what} can't be used in a formula: {use}", _at(node))


_WORDS: Final[Mapping[type, str]] = {
    ast.Mod: "%",
    ast.FloorDiv: "//",
    ast.MatMult: "@",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.UAdd: "a + without a left side",
    ast.And: "and",
    ast.Or: "or",
    ast.Not: "not",
    ast.Compare: "a comparison",
    ast.IfExp: "a condition",
    ast.Lambda: "a function",
    ast.Constant: "anything but names and numbers",
    ast.JoinedStr: "anything but names and numbers",
    ast.Tuple: "a list",
    ast.List: "a list",
}


def _call(node: ast.Call) -> tuple[str, list[ast.expr]]:
    name, args = _called(node)
    function = FUNCTIONS.get(name)
    if function is None:
        raise ExpressionError(_no_function(name, node), _at(node))
    if node.keywords or any(isinstance(arg, ast.Starred) for arg in node.args):
        message = f"{name} takes only plain arguments"
        raise ExpressionError(message, _at(node))
    if not function.takes(len(args)):
        usage = function.usage or _FOR_ONE.get(name, "")
        message = f"{name} takes {function.expected}, not {len(args)}"
        raise ExpressionError(f"{message}: {usage}" if usage else message, _at(node))
    return name, args


def _called(node: ast.Call) -> tuple[str, list[ast.expr]]:
    """Return what is called, and its arguments; x.tanh() is tanh(x), as in Python with Values."""
    func = node.func
    if isinstance(func, ast.Attribute) and not node.args and not node.keywords:
        function = FUNCTIONS.get(func.attr)
        if function is not None and function.most == 1:
            return func.attr, [func.value]
    return _function_of(func), node.args


_FOR_ONE: Final = {"add": "sum takes any number", "sub": "write -x to change the sign"}


def _no_function(name: str, call: ast.Call) -> str:
    """Say what to write instead of calling something that is not a function."""
    last = name.rpartition(".")[2]
    if not name:
        return f"what is called here is not an op: {_USE}; a product is written with *"
    if last in ELSEWHERE:
        return f"{quoted(name)} is not an op: write {ELSEWHERE[last]}"
    if written := _as_function(call):
        return f"{quoted(name)} is not an op: write {written}"
    hint = did_you_mean(last if last in FUNCTIONS else closest(last, FUNCTIONS))
    if not hint and len(call.args) == 1 and name != f".{last}":
        hint = f"{_USE}; for a product, write {name}*(…)"
    return f"{quoted(name)} is not an op: {hint or _USE}"


def _as_function(call: ast.Call) -> str:
    """Return how to write x.pow(2) as pow(x, 2); empty if it isn't the call of a method."""
    func = call.func
    if not isinstance(func, ast.Attribute) or call.keywords:
        return ""
    args = [func.value, *call.args]
    function = FUNCTIONS.get(func.attr)
    if function is None or not function.takes(len(args)) or _brief(func.value) in MODULES:
        return ""
    return f"{func.attr}({', '.join(map(_brief, args))})"


def _brief(node: ast.expr) -> str:
    """Return a name or a number as it is written; … for anything longer."""
    if isinstance(node, ast.Constant):
        return repr(node.value)
    try:
        return _id(node)
    except ExpressionError:
        return "…"


def _function_of(node: ast.expr) -> str:
    """Return the name, with dots, of what is called; .name for a method of a formula."""
    try:
        return _id(node)
    except ExpressionError:
        return f".{node.attr}" if isinstance(node, ast.Attribute) else ""
