"""Drive a foreign engine: build graphs with its operators, call its backward, read its numbers.

This file stands alone: any Python from 3.8 runs it, and it needs nothing but the engine. It reads
one JSON object per line, and answers each with another. The first one names the engine:

    {"target": "micrograd.engine:Value", "names": {"tanh": "activation:tanh"}}

The answer is `{"engine": …}` or `{"error": …}`. Each further object is a program, a list of steps
that refer to earlier ones by index:

    {"steps": [["leaf", 2.0], ["number", 3], ["mul", 0, 1]], "root": 2, "backward": 1}

A leaf becomes a Value, a number stays a plain number. The answer holds data and grad of every step
that is a Value, and under `again` both once more if they differed when the graph was built a second
time; or the error that was raised (`error`), and the step. What the engine prints is kept out of
the answers.
"""

from __future__ import annotations

import ast
import gc
import importlib
import importlib.util
import inspect
import json
import math
import operator
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes time to import
    from collections.abc import Callable, Iterator
    from types import ModuleType
    from typing import Any

OPERATORS = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "neg": operator.neg,
    "abs": operator.abs,
}
SLOTS = {
    "add": "__add__",
    "sub": "__sub__",
    "mul": "__mul__",
    "div": "__truediv__",
    "pow": "__pow__",
    "neg": "__neg__",
    "abs": "__abs__",
}
SPELLINGS = {
    "add": ("add", "plus"),
    "sub": ("sub", "subtract", "minus"),
    "mul": ("mul", "multiply", "times"),
    "div": ("div", "truediv", "divide"),
    "pow": ("pow", "power"),
    "max": ("maximum", "max"),
    "min": ("minimum", "min"),
    "neg": ("neg", "negate", "negative"),
    "abs": ("abs", "absolute"),
    "sqrt": ("sqrt", "squareroot"),
    "exp": ("exp", "exponential"),
    "log": ("log", "ln", "naturallog"),
    "sin": ("sin", "sine"),
    "cos": ("cos", "cosine"),
    "tan": ("tan", "tangent"),
    "atan": ("atan", "arctan"),
    "sinh": ("sinh",),
    "cosh": ("cosh",),
    "tanh": ("tanh",),
    "sigmoid": ("sigmoid", "logistic", "sigm", "sigmod"),
    "softplus": ("softplus",),
    "relu": ("relu", "rectify"),
    "backward": (
        "backward",
        "backwards",
        "backprop",
        "backpropagate",
        "backpropagation",
        "backwardpass",
        "backwardpropagation",
        "runbackward",
    ),
    "data": ("data", "value", "val", "item", "x", "v"),
    "grad": ("grad", "gradient", "adjoint", "derivative", "deriv", "g"),
}
"""Usual names, compared without case and underscores."""

NEIGHBOURS = (
    "functional", "functions", "function", "ops", "operations", "activations", "activation",
    "nn", "nnet", "math", "engine",
)  # fmt: skip
"""Names of modules beside the engine's own in which to look for functions."""

BINARY = ("add", "sub", "mul", "div", "pow", "max", "min")
"""Ops of two operands."""

REDUCTIONS = ("max", "min")
"""Methods that many engines have for the elements of one array."""

REFUSALS = (NotImplementedError, AssertionError)
LONGEST = 300
START, END = slice(LONGEST), slice(-65536, None)  # parts of a text that may be very long


class UnsupportedError(Exception):
    """The engine lacks an op, or doesn't take these kinds of operands."""

    step: int | None = None


class Failure(Exception):  # noqa: N818 - it carries the engine's own error
    """The engine raised an error, or gave something that is not a number."""

    def __init__(self, text: str, step: int | None = None, kind: str = "crashed") -> None:
        """Keep the engine's error in one line, the step at which it failed, and how it failed."""
        super().__init__(text)
        self.step = step
        self.kind = kind
        self.what = ""


def plain(name: str) -> str:
    """Return a name without case and underscores, to compare spellings."""
    return name.replace("_", "").lower()


def shown(thing: object, spell: Callable[[object], str], part: slice) -> str:
    """Return a part of the str or repr of an object of the engine's, even if those fail."""
    try:
        text = str.__getitem__(spell(thing), part)
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
    except BaseException:  # noqa: BLE001 - the engine's __str__ may raise anything
        return "(can't be shown)"


def last_line(error: BaseException) -> str:
    """Describe an exception in one line, as Python's last line does."""
    name = shown(type(error).__name__, str, START)
    if isinstance(error, SystemExit):
        return f"SystemExit: the engine called sys.exit({shown(error.code, repr, START)})"
    lines = shown(error, str, END).strip().splitlines() or [""]
    if (name, lines) == ("ValueError", ["source code string cannot contain null bytes"]):
        name = "SyntaxError"  # as since Python 3.11.4
    return (f"{name}: {lines[-1]}" if lines[-1] else name)[:LONGEST]


def described(thing: object) -> str:
    """Describe an object that is not a number."""
    text = shown(thing, repr, START)
    text = text if len(text) < 60 else text[:57] + "..."  # noqa: PLR2004
    return f"{shown(type(thing).__name__, str, START)}: {text}"


def as_float(thing: Any, engine: ForeignEngine | None = None) -> float | None:
    """Return the number in an object: a float, a NumPy scalar, or an array or Value with one.

    Raises:
        Failure: If there isn't exactly one.
    """
    if thing is None or type(thing) is float:
        return thing
    try:
        return inner(thing, engine, 0)
    except Exception as error:
        raise Failure("not a number but a " + described(thing), kind="no-number") from error


def inner(thing: Any, engine: ForeignEngine | None, depth: int) -> float | None:
    """Look for a number inside an object.

    Raises:
        TypeError: If there is none; other errors if the object raises them.
    """
    if thing is None:
        return None
    if isinstance(thing, (int, float)):
        return float(thing)
    if depth < 4 and not isinstance(thing, (str, bytes, complex)):  # noqa: PLR2004
        if engine is not None and isinstance(thing, engine.kind):
            return inner(engine.read(thing, "data"), engine, depth + 1)
        if callable(getattr(thing, "item", None)):
            item = thing.item()
            is_same = type(item) is type(thing)  # as for numpy.longdouble
            return float(thing) if is_same else inner(item, engine, depth + 1)
        if isinstance(thing, (list, tuple)) and len(thing) == 1:
            return inner(thing[0], engine, depth + 1)
        if callable(getattr(thing, "__float__", None)):
            return float(thing)
    raise TypeError


class ForeignEngine:
    """A foreign Value class, and how it spells things."""

    def __init__(self, target: str, names: dict[str, str]) -> None:
        """Import the engine, and find out how it makes Values and names their numbers."""
        module_name, _, attribute = target.rpartition(":")
        self.module = load(module_name)
        self.make: Any = self.module
        for part in attribute.split("."):
            self.make = getattr(self.make, part)
        self.names = names
        self.modules: list[Any] = [self.module]
        self.forms: dict[str, Any] = {}
        self.compositions: dict[str, Any] = {}
        self.codes: dict[Any, tuple[str, bool]] = {}
        self.gives_gradients: dict[str, bool] = {}
        self.find_keywords()
        sample = self.leaf(0.5)
        self.kind = type(sample)
        self.find_modules()
        self.find_codes()
        self.attribute: dict[str, str] = {}
        self.attribute["data"] = self.find_attribute(sample, "data", 0.5)
        self.attribute["grad"] = self.find_attribute(sample, "grad", None)
        for name, spelling in names.items():
            if name not in self.attribute:
                self.given(spelling)  # raises an error now if it isn't there

    def find_keywords(self) -> None:
        """Ask for gradients if the constructor has a parameter for that."""
        try:
            parameters = inspect.signature(self.make).parameters
        except (TypeError, ValueError):
            return
        if "requires_grad" in parameters:
            self.gives_gradients = {"requires_grad": True}

    def find_modules(self) -> None:
        """List the modules in which to look for functions: the engine's own and its neighbours."""
        own = sys.modules.get(self.kind.__module__)
        candidates = [self.module, own]
        for module in (self.module, own):
            name = getattr(module, "__name__", "")
            package = name if hasattr(module, "__path__") else name.rpartition(".")[0]
            for base in {package: None, package.partition(".")[0]: None}:
                if base:
                    candidates.append(sys.modules.get(base))
                    candidates.extend(neighbour(base + "." + name) for name in NEIGHBOURS)
        self.modules = []
        for module in candidates:
            if module is not None and not any(module is other for other in self.modules):
                self.modules.append(module)

    def find_codes(self) -> None:
        """List the code of the functions that do an op; not that which several ops share."""
        shared = []
        for op, name, is_reflected in op_methods(self):
            method = getattr(self.kind, name, None)
            for function in (method, getattr(method, "__wrapped__", None)):
                code = getattr(function, "__code__", None)
                if code is not None and self.codes.setdefault(code, (op, is_reflected))[0] != op:
                    shared.append(code)
        for code in shared:
            self.codes.pop(code, None)

    def leaf(self, x: float) -> Any:
        """Make a Value."""
        return self.make(x, **self.gives_gradients)

    def find_attribute(self, sample: Any, what: str, expected: float | None) -> str:
        """Find the engine's name for the data or grad of a Value.

        Raises:
            Failure: If no attribute has one of the usual names.
        """
        if what in self.names:
            return self.names[what]
        for wanted in SPELLINGS[what]:
            for name in [wanted, *dir(sample)]:
                if plain(name) == wanted and not name.startswith("__"):
                    try:
                        number = self.number(getattr(sample, name))
                    except Exception:  # noqa: BLE001, S112 - then it is not this attribute
                        continue
                    if expected is None or number == expected:
                        return name
        if what == "grad":  # some Values have one only after backward
            return "grad"
        names = ", ".join(name for name in dir(sample) if not name.startswith("_"))[:200]
        raise Failure(
            f"a Value of 0.5 has no attribute with that number; it has: {names or 'none'}"
        )

    def number(self, thing: Any) -> float | None:
        """Return the number in an attribute; if it is a method, the number that it returns."""
        if callable(thing) and not hasattr(thing, "item") and not isinstance(thing, self.kind):
            thing = thing()
        return as_float(thing, self)

    def read(self, value: Any, what: str) -> Any:
        """Return the data or grad of a Value as the engine has it; None if it has no grad."""
        if what == "grad":
            return getattr(value, self.attribute[what], None)
        return getattr(value, self.attribute[what])

    # --- ops ---------------------------------------------------------------------------------

    def spelled(self, op: str, namespace: object) -> Iterator[str]:
        """Yield the names in a class or module that spell an op, the most usual ones first."""
        names = [name for name in dir(namespace) if not name.startswith("_")]
        for wanted in SPELLINGS.get(op, ()):
            for name in names:
                if plain(name) == wanted:
                    yield name

    def candidates(self, op: str, kinds: str) -> Iterator[Callable[..., Any]]:
        """Yield functions that may do an op; last, those with plain numbers made into Values."""
        yield from self.usual(op, kinds)
        if "N" in kinds and "number" in self.names:
            make = self.given(self.names["number"])
            for candidate in self.usual(op, "V" * len(kinds)):
                yield converting(candidate, kinds, make)

    def usual(self, op: str, kinds: str) -> Iterator[Callable[..., Any]]:
        """Yield functions of the operands that may do an op, the most likely ones first."""
        if op in self.names:
            yield self.given(self.names[op])
            return
        if op in OPERATORS and hasattr(self.kind, SLOTS[op]):
            yield OPERATORS[op]  # type: ignore[misc] # typeshed says "function"
        if op == "sum":  # a method of any number of operands, or additions
            if takes_any(getattr(self.kind, "sum", None)):
                yield methodcaller("sum")
            yield added_up
        elif kinds[0] == "V":
            for name in self.spelled(op, self.kind):
                yield methodcaller(name)
        for module in self.modules:
            for name in self.spelled(op, module):
                function = getattr(module, name)
                if callable(function) and not inspect.ismodule(function):
                    yield function

    def given(self, spelling: str) -> Callable[..., Any]:
        """Return the function that `--op` names: MODULE:FUNCTION, or one of the engine's own.

        If `(ARGUMENT)` follows the name, the argument is passed after the operands.
        """
        if spelling.endswith(")"):
            name, _, argument = spelling[:-1].rpartition("(")
            return followed_by(self.given(name), ast.literal_eval(argument))
        module, colon, name = spelling.rpartition(":")
        if colon:
            function: Any = load(module)
            for part in name.split("."):
                function = getattr(function, part)
            return function  # type: ignore[no-any-return]
        if hasattr(self.kind, name):
            return methodcaller(name)
        return getattr(self.module, name)  # type: ignore[no-any-return]

    def form(self, op: str, kinds: str) -> Callable[..., Any]:
        """Return the engine's function for an op on Values (V) and numbers (N).

        Raises:
            UnsupportedError: If the engine has none.
            Failure: If it has one, and it fails.
        """
        key = op + kinds
        if key not in self.forms:
            try:
                self.forms[key] = self.find_form(op, kinds)
            except (UnsupportedError, Failure) as error:
                self.forms[key] = error
        form = self.forms[key]
        if isinstance(form, Exception):
            raise form
        return form  # type: ignore[no-any-return]

    def find_form(self, op: str, kinds: str) -> Callable[..., Any]:
        """Try the candidates on a sample until one gives a Value."""
        failed: BaseException | None = None
        for candidate in self.candidates(op, kinds):
            sample = [self.leaf(0.75 - 0.25 * i) if k == "V" else 2 for i, k in enumerate(kinds)]
            try:
                result, composed = watched(self, candidate, sample, op)
                if isinstance(result, self.kind) or self.is_like(result):
                    if composed is not None:
                        self.compositions[op + ":" + kinds] = composed
                    if op == "pow":  # some take a Value as exponent, but fail in backward
                        self.backward(result)
                    return candidate
                raise TypeError("it gave a " + described(result))  # noqa: TRY301
            except Exception as error:  # noqa: BLE001 - whatever the engine raises
                if self.is_own(op, candidate):
                    failed = failed or error
        if failed is None:
            raise UnsupportedError(f"the engine has no {op}")
        text = last_line(failed)
        if isinstance(failed, REFUSALS) or (op == "pow" and self.only_numbers(kinds)):
            raise UnsupportedError(text)
        raise Failure(text)

    def is_own(self, op: str, candidate: Any) -> bool:
        """Whether a failing candidate is a mistake: a function beside the class may not be ours."""
        if op in self.names or candidate is OPERATORS.get(op):
            return True
        is_method = getattr(candidate, "__module__", "") == __name__
        return is_method and op not in REDUCTIONS

    def only_numbers(self, kinds: str) -> bool:
        """Whether the engine has powers only of a Value to a number."""
        if kinds == "VN":
            return False
        try:
            self.form("pow", "VN")
        except (UnsupportedError, Failure):
            return False
        if kinds == "NV":  # a power of a number needs powers to Values first
            try:
                self.form("pow", "VV")
            except (UnsupportedError, Failure):
                return True
            return False
        return True

    def is_like(self, result: Any) -> bool:
        """Whether an object of another class than the leaves holds a number like a Value."""
        try:
            return self.number(self.read(result, "data")) is not None
        except Exception:  # noqa: BLE001
            return False

    def backward(self, root: Any) -> None:
        """Run the engine's backward pass from a Value; if it wants a seed, with 1.

        Raises:
            Failure: If nothing has one of the usual names.
        """
        calls: list[Any] = [
            (getattr(root, name), ()) for name in self.spelled("backward", self.kind)
        ]
        if "backward" in self.names:
            calls = [(self.given(self.names["backward"]), (root,))]
        for module in self.modules:
            calls += [(getattr(module, name), (root,)) for name in self.spelled("backward", module)]
        for call, operands in calls:
            if callable(call):
                call(*operands) if fits(call, *operands) else call(*operands, 1.0)
                return
        raise Failure("the engine has no backward: name it with --op backward=NAME")


# --- ops that are composed of others ---------------------------------------------------------


def op_methods(engine: ForeignEngine) -> Iterator[tuple[str, str, bool]]:
    """Yield each op with the names of the methods that do it, and whether they are reflected."""
    for op, slot in SLOTS.items():
        yield op, slot, False
        yield op, "__r" + slot[2:], True
    for op in (*SPELLINGS, "sum"):
        if op not in ("backward", "data", "grad"):
            for name in engine.spelled(op, engine.kind):
                yield op, name, False


def watched(engine: ForeignEngine, call: Any, operands: list[Any], op: str) -> tuple[Any, Any]:
    """Call a function that does an op; return its result, and the ops it is composed of, if any.

    The composition is a list of steps that follow those of the operands; the last one is the
    result. A step is an op and the steps of its operands, or a number: `["number", x]`, or one
    made of the number `k`: `["negated", k]`, `["inverted", k]`, `["logarithm", k]`; or a Value
    made of a number: `["value", k]`.
    """
    calls: list[Any] = []
    stack: list[Any] = []

    def watch(frame: Any, event: str, result: Any) -> None:
        name, is_reflected = engine.codes.get(frame.f_code, ("", False))
        if name and event == "call":
            stack.append((frame, name, operands_of(frame, name, is_reflected)))
        elif name and event == "return" and stack and stack[-1][0] is frame:
            calls.append((*stack.pop()[1:], result))

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        result = call(*operands)
    finally:
        sys.setprofile(before)
    try:
        return result, Composition(engine, operands).steps_of(calls, result, op)
    except Exception:  # noqa: BLE001 - objects of the engine's may fail in any way
        return result, None


def operands_of(frame: Any, op: str, is_reflected: bool) -> list[Any]:
    """Return the operands with which a function that does an op was called."""
    code = frame.f_code
    count = code.co_argcount
    operands = [frame.f_locals[name] for name in code.co_varnames[:count]]
    if code.co_flags & inspect.CO_VARARGS:
        operands += frame.f_locals[code.co_varnames[count + code.co_kwonlyargcount]]
    if op != "sum":
        operands = operands[: 2 if op in BINARY else 1]
    return operands[::-1] if is_reflected else operands


class Composition:
    """The steps of which an op is composed, as far as they are known."""

    def __init__(self, engine: ForeignEngine, operands: list[Any]) -> None:
        """Start with the operands."""
        self.engine = engine
        self.operands = operands
        self.steps: list[Any] = []
        self.known = {id(x): i for i, x in enumerate(operands) if isinstance(x, engine.kind)}

    def add(self, *step: Any) -> int:
        """Add a step; return its index."""
        self.steps.append(list(step))
        return len(self.operands) + len(self.steps) - 1

    def steps_of(self, calls: list[Any], result: Any, op: str) -> list[Any] | None:
        """Return the steps that give a result; None if the op is not composed of others."""
        for name, args, made in calls:
            if not isinstance(made, self.engine.kind) or id(made) in self.known:
                continue
            if name == op and [*map(id, args)] == [*map(id, self.operands)]:
                return None  # it made its result itself
            self.known[id(made)] = self.add(name, *[self.step_of(arg) for arg in args])
        is_last = self.known.get(id(result)) == len(self.operands) + len(self.steps) - 1
        return self.steps if self.steps and is_last else None

    def step_of(self, thing: Any) -> int:
        """Return the step of an operand: a Value or a number."""
        if id(thing) in self.known:
            return self.known[id(thing)]
        if isinstance(thing, self.engine.kind):  # made of a number
            step = self.number(self.engine.number(self.engine.read(thing, "data")))
            self.known[id(thing)] = self.add("value", step)
            return self.known[id(thing)]
        return self.number(float(thing))

    def number(self, x: float | None) -> int:
        """Return the step of a number."""
        if x is None:
            raise TypeError
        for k, operand in enumerate(self.operands):
            if not isinstance(operand, self.engine.kind):
                for how, y in (
                    ("", operand),
                    ("negated", -operand),
                    ("inverted", 1.0 / operand),
                    ("logarithm", math.log(operand)),
                ):
                    if x == y:
                        return self.add(how, k) if how else k
        return self.add("number", x)


def fits(call: Callable[..., Any], *operands: object) -> bool:
    """Whether a function can be called with these operands, as far as its signature tells."""
    try:
        inspect.signature(call).bind(*operands)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def takes_any(call: Any) -> bool:
    """Whether a function can be called with any number of operands."""
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)


def methodcaller(name: str) -> Callable[..., Any]:
    """Return a function that calls a method of its first operand with the others."""
    return lambda first, *rest: getattr(first, name)(*rest)


def followed_by(function: Callable[..., Any], argument: object) -> Callable[..., Any]:
    """Return a function that passes one more argument, always the same."""
    return lambda *operands: function(*operands, argument)


def converting(
    function: Callable[..., Any], kinds: str, make: Callable[..., Any]
) -> Callable[..., Any]:
    """Return a function that first turns plain numbers (N) into Values."""
    return lambda *operands: function(
        *(make(x) if kind == "N" else x for x, kind in zip(operands, kinds))  # noqa: B905
    )


def added_up(first: Any, *rest: Any) -> Any:
    """Return a sum, added from left to right."""
    for term in rest:
        first = first + term
    return first


def neighbour(name: str) -> ModuleType | None:
    """Import a module beside the engine's; return None if there is none, or it can't be."""
    try:
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            return None
        return importlib.import_module(name)
    except BaseException:  # noqa: BLE001 - it may import what is not installed
        return None


def load(name: str) -> ModuleType:
    """Import a module by its name, or by the path of its file.

    Raises:
        ImportError: If there is no such module.
    """
    if not name.endswith(".py"):
        if os.sep in name or name.startswith("."):
            raise ImportError(f"{name!r} is not a module; for a file write {name}.py")
        return importlib.import_module(name)
    path = os.path.abspath(name)
    folder, file = os.path.split(path)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = os.path.splitext(file)[0]
    while name in sys.modules and getattr(sys.modules[name], "__file__", None) != path:
        name += "_"  # if the file is called math.py, say, or json.py
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


# --- programs --------------------------------------------------------------------------------


def build(engine: ForeignEngine, steps: list[Any]) -> list[Any]:
    """Run the steps of a program; return their Values and numbers."""
    values: list[Any] = []
    for i, step in enumerate(steps):
        try:
            if step[0] == "leaf":
                values.append(engine.leaf(step[1]))
            elif step[0] == "number":
                values.append(step[1])
            else:
                operands = [values[k] for k in step[1:]]
                kinds = "".join("N" if steps[k][0] == "number" else "V" for k in step[1:])
                form = "V" * min(len(kinds), 2) if step[0] == "sum" else kinds
                values.append(engine.form(step[0], form)(*operands))
        except (UnsupportedError, Failure) as error:
            error.step = i
            raise
        except BaseException as error:
            raise Failure(last_line(error), i) from error
    return values


def read_all(engine: ForeignEngine, steps: list[Any], values: list[Any], what: str) -> list[Any]:
    """Read the data or grad of every step that is a Value; None for the others."""
    numbers: list[Any] = []
    for i, (step, value) in enumerate(zip(steps, values)):  # noqa: B905 - strict came with 3.10
        if step[0] == "number":
            numbers.append(None)
            continue
        try:
            numbers.append(engine.number(engine.read(value, what)))
            if numbers[-1] is None and what == "data":
                raise Failure("None", kind="no-number")  # noqa: TRY301
        except Failure as error:
            error.step = i
            error.what = what
            raise
        except BaseException as error:
            raise Failure(last_line(error), i) from error
    return numbers


def run(engine: ForeignEngine, program: Any) -> tuple[dict[str, Any], list[Any]]:
    """Build a graph, run backward, and read the numbers; return the answer, and the graph."""
    steps, root = program["steps"], program["root"]
    values = build(engine, steps)
    answer: dict[str, Any] = {"before": read_all(engine, steps, values, "data")}
    try:
        engine.backward(values[root])
    except Failure:
        raise
    except BaseException as error:
        raise Failure(last_line(error), None) from error
    answer["grad"] = read_all(engine, steps, values, "grad")
    if program["backward"] > 1:
        try:
            engine.backward(values[root])
            answer["second"] = read_all(engine, steps, values, "grad")
        except BaseException as error:  # noqa: BLE001 - some engines refuse a second backward
            answer["refused"] = last_line(error)
    answer["data"] = read_all(engine, steps, values, "data")
    if answer["data"] == answer["before"]:
        del answer["before"]
    return answer, values


def answer_program(engine: ForeignEngine, program: Any) -> dict[str, Any]:
    """Run a program twice, and return the answer; the second run shows whether it changes."""
    try:
        answer, values = run(engine, program)
        again, _ = run(engine, program)
        del values  # kept until here, so that the second graph gets other addresses in memory
    except UnsupportedError as error:
        return {"error": str(error), "kind": "unsupported", "step": error.step}
    except Failure as error:
        reply = {"error": str(error), "kind": error.kind, "step": error.step}
        return dict(reply, what=error.what) if error.what else reply
    if json.dumps(again) != json.dumps(answer):
        answer["again"] = again
    answer["compositions"] = engine.compositions
    return answer


def version_of(module: ModuleType) -> str | None:
    """Return the name and version of the distribution that a module comes from."""
    try:
        from importlib.metadata import packages_distributions, version  # noqa: PLC0415

        name = packages_distributions()[module.__name__.partition(".")[0]][0]
        return f"{name} {version(name)}"
    except Exception:  # noqa: BLE001 - an old Python, or a module that isn't installed
        return None


def hello(settings: Any) -> tuple[ForeignEngine | None, dict[str, Any]]:
    """Import the engine; return it, and the answer to the first line."""
    sys.path[0] = os.getcwd()  # as `python -m` does; this file's folder has nothing to import
    try:
        engine = ForeignEngine(settings["target"], settings.get("names", {}))
    except Failure as error:
        return None, {"error": str(error)}
    except BaseException as error:  # noqa: BLE001 - whatever importing it does
        return None, {"error": last_line(error)}
    versions = {"python": sys.version.split()[0], "version": version_of(engine.module)}
    return engine, {"engine": versions}


def main() -> None:
    """Answer line by line, until the input ends."""
    own = os.getpid()
    questions = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what the engine prints must not look like an answer
    engine, reply = hello(json.loads(questions.readline()))
    while True:
        if os.getpid() != own:  # the engine forked, and this is its child
            os._exit(0)
        answers.write(json.dumps(reply) + "\n")
        answers.flush()
        line = questions.readline()
        if not line or engine is None:
            break
        reply = answer_program(engine, json.loads(line))
        gc.collect(0)


if __name__ == "__main__":
    main()
    os._exit(0)  # without waiting for exit handlers and threads of the engine
