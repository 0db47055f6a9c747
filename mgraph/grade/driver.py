"""Drive a foreign engine: build graphs by its operators, call its backward, read its numbers.

Stand-alone: any Python from 3.8 runs this one file, with nothing beside it but the engine. It reads
a JSON object a line and answers each with one. The first says which engine:

    {"target": "micrograd.engine:Value", "names": {"tanh": "activation:tanh"}}

and is answered with `{"engine": …}` or `{"error": …}`. Each further one is a program, steps in
order that name earlier ones by their places:

    {"steps": [["leaf", 2.0], ["number", 3], ["mul", 0, 1]], "root": 2, "backward": 1}

A leaf is a Value, a number stays one. The answer holds data and grad of every step that is a Value,
twice where a second building of the same graph gave other numbers (`again`); or what was raised
(`error`), and at which step. What the engine prints never comes between.
"""

from __future__ import annotations

import ast
import gc
import importlib
import importlib.util
import inspect
import json
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
"""Usual names: compared without case and underscores."""

NEIGHBOURS = (
    "functional", "functions", "function", "ops", "operations", "activations", "activation",
    "nn", "nnet", "math", "engine",
)  # fmt: skip
"""Modules beside the engine's own in which functions are looked for."""

REDUCTIONS = ("max", "min")
"""Methods that in many engines are about the elements of one array."""

REFUSALS = (NotImplementedError, AssertionError)
LONGEST = 300
START, END = slice(LONGEST), slice(-65536, None)  # of what may be any number of characters


class UnsupportedError(Exception):
    """The engine lacks an op, or takes no such operands."""

    step: int | None = None


class Failure(Exception):  # noqa: N818 - it carries the engine's own error
    """The engine raised something, or gave something that is no number."""

    def __init__(self, text: str, step: int | None = None, kind: str = "crashed") -> None:
        """Take the engine's last line, the step that it was at, and what was being read."""
        super().__init__(text)
        self.step = step
        self.kind = kind
        self.what = ""


def plain(name: str) -> str:
    """Return a name as spellings are compared."""
    return name.replace("_", "").lower()


def shown(thing: object, spell: Callable[[object], str], part: slice) -> str:
    """Return a part of str or repr of something of the engine's, whatever these do."""
    try:
        text = str.__getitem__(spell(thing), part)
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
    except BaseException:  # noqa: BLE001 - a __str__ of the engine's
        return "(can't be shown)"


def last_line(error: BaseException) -> str:
    """Describe an exception in one line, as Python's last line does."""
    name = shown(type(error).__name__, str, START)
    if isinstance(error, SystemExit):
        return f"SystemExit: the engine called sys.exit({shown(error.code, repr, START)})"
    lines = shown(error, str, END).strip().splitlines() or [""]
    if (name, lines) == ("ValueError", ["source code string cannot contain null bytes"]):
        name = "SyntaxError"  # which it is since Python 3.11.4
    return (f"{name}: {lines[-1]}" if lines[-1] else name)[:LONGEST]


def described(thing: object) -> str:
    """Describe something that is no number."""
    text = shown(thing, repr, START)
    text = text if len(text) < 60 else text[:57] + "..."  # noqa: PLR2004
    return f"{shown(type(thing).__name__, str, START)}: {text}"


def as_float(thing: Any, engine: ForeignEngine | None = None) -> float | None:
    """Return the one number in a thing: a float, a NumPy scalar, an array or Value of one.

    Raises:
        Failure: There is none.
    """
    if thing is None or type(thing) is float:
        return thing
    try:
        return inner(thing, engine, 0)
    except Exception as error:
        raise Failure("no number but a " + described(thing), kind="no-number") from error


def inner(thing: Any, engine: ForeignEngine | None, depth: int) -> float | None:
    """Look for a number inside of something.

    Raises:
        TypeError: There is none; or whatever the thing raises.
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
            is_same = type(item) is type(thing)  # numpy.longdouble: Python has no such type
            return float(thing) if is_same else inner(item, engine, depth + 1)
        if isinstance(thing, (list, tuple)) and len(thing) == 1:
            return inner(thing[0], engine, depth + 1)
        if callable(getattr(thing, "__float__", None)):
            return float(thing)
    raise TypeError


class ForeignEngine:
    """A foreign Value class, and how it spells things."""

    def __init__(self, target: str, names: dict[str, str]) -> None:
        """Import the engine, and find how it makes Values and names their numbers."""
        module_name, _, attribute = target.rpartition(":")
        self.module = load(module_name)
        self.make: Any = self.module
        for part in attribute.split("."):
            self.make = getattr(self.make, part)
        self.names = names
        self.modules: list[Any] = [self.module]
        self.forms: dict[str, Any] = {}
        self.gives_gradients: dict[str, bool] = {}
        self.find_keywords()
        sample = self.leaf(0.5)
        self.kind = type(sample)
        self.find_modules()
        self.attribute: dict[str, str] = {}
        self.attribute["data"] = self.find_attribute(sample, "data", 0.5)
        self.attribute["grad"] = self.find_attribute(sample, "grad", None)
        for name, spelling in names.items():
            if name not in self.attribute:
                self.given(spelling)  # raises now what isn't there

    def find_keywords(self) -> None:
        """Ask for gradients where a constructor wants to be asked."""
        try:
            parameters = inspect.signature(self.make).parameters
        except (TypeError, ValueError):
            return
        if "requires_grad" in parameters:
            self.gives_gradients = {"requires_grad": True}

    def find_modules(self) -> None:
        """List the modules in which functions may stand: the engine's own and its neighbours."""
        own = sys.modules.get(self.kind.__module__)
        found = [self.module, own]
        for module in (self.module, own):
            name = getattr(module, "__name__", "")
            package = name if hasattr(module, "__path__") else name.rpartition(".")[0]
            for base in {package: None, package.partition(".")[0]: None}:
                if base:
                    found.append(sys.modules.get(base))
                    found.extend(neighbour(base + "." + each) for each in NEIGHBOURS)
        self.modules = []
        for module in found:
            if module is not None and not any(module is each for each in self.modules):
                self.modules.append(module)

    def leaf(self, x: float) -> Any:
        """Make a Value."""
        return self.make(x, **self.gives_gradients)

    def find_attribute(self, sample: Any, what: str, expected: float | None) -> str:
        """Find what the engine calls a number of a Value.

        Raises:
            Failure: There is nothing of the usual names.
        """
        if what in self.names:
            return self.names[what]
        for wanted in SPELLINGS[what]:
            for name in [wanted, *dir(sample)]:
                if plain(name) == wanted and not name.startswith("__"):
                    try:
                        found = self.number(getattr(sample, name))
                    except Exception:  # noqa: BLE001, S112 - then it is not this one
                        continue
                    if expected is None or found == expected:
                        return name
        if what == "grad":  # some only have one after backward
            return "grad"
        names = ", ".join(each for each in dir(sample) if not each.startswith("_"))[:200]
        raise Failure(
            f"a Value of 0.5 has no attribute with that number; it has: {names or 'none'}"
        )

    def number(self, thing: Any) -> float | None:
        """Return the number in an attribute, which may be a method."""
        if callable(thing) and not hasattr(thing, "item") and not isinstance(thing, self.kind):
            thing = thing()
        return as_float(thing, self)

    def read(self, value: Any, what: str) -> Any:
        """Return an attribute as it is; None for a gradient that is not there."""
        if what == "grad":
            return getattr(value, self.attribute[what], None)
        return getattr(value, self.attribute[what])

    # --- ops ---------------------------------------------------------------------------------

    def spelled(self, op: str, name_in: object) -> Iterator[str]:
        """Yield the names in some namespace that spell an op, the usual ones first."""
        names = [each for each in dir(name_in) if not each.startswith("_")]
        for wanted in SPELLINGS.get(op, ()):
            for name in names:
                if plain(name) == wanted:
                    yield name

    def candidates(self, op: str, kinds: str) -> Iterator[Callable[..., Any]]:
        """Yield how an op may be called; last, with Values made of plain numbers, if told how."""
        yield from self.usual(op, kinds)
        if "N" in kinds and "number" in self.names:
            make = self.given(self.names["number"])
            for candidate in self.usual(op, "V" * len(kinds)):
                yield converting(candidate, kinds, make)

    def usual(self, op: str, kinds: str) -> Iterator[Callable[..., Any]]:
        """Yield how an op may be called, most likely first, as functions of its operands."""
        if op in self.names:
            yield self.given(self.names[op])
            return
        if op in OPERATORS and hasattr(self.kind, SLOTS[op]):
            yield OPERATORS[op]  # type: ignore[misc] # typeshed says "function"
        if op == "sum":  # of any number of operands, or as Python's own
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
        """Return what `--op` names: MODULE:FUNCTION, or a method or function of the engine.

        With `(ARGUMENT)` behind it, that is handed over after the operands.
        """
        if spelling.endswith(")"):
            name, _, argument = spelling[:-1].rpartition("(")
            return followed_by(self.given(name), ast.literal_eval(argument))
        module, colon, name = spelling.rpartition(":")
        if colon:
            found: Any = load(module)
            for part in name.split("."):
                found = getattr(found, part)
            return found  # type: ignore[no-any-return]
        if hasattr(self.kind, name):
            return methodcaller(name)
        return getattr(self.module, name)  # type: ignore[no-any-return]

    def form(self, op: str, kinds: str) -> Callable[..., Any]:
        """Return how the engine does an op on Values (V) and numbers (N).

        Raises:
            UnsupportedError: It doesn't.
            Failure: It is there, and fails.
        """
        key = op + kinds
        if key not in self.forms:
            try:
                self.forms[key] = self.find_form(op, kinds)
            except (UnsupportedError, Failure) as error:
                self.forms[key] = error
        found = self.forms[key]
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    def find_form(self, op: str, kinds: str) -> Callable[..., Any]:
        """Try the candidates on a sample until one gives a Value."""
        failed: BaseException | None = None
        for candidate in self.candidates(op, kinds):
            sample = [self.leaf(0.75 - 0.25 * i) if k == "V" else 2 for i, k in enumerate(kinds)]
            try:
                result = candidate(*sample)
                if isinstance(result, self.kind) or self.is_like(result):
                    if op == "pow":  # some take a Value as exponent, and can't go back
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
        """Whether a candidate that fails is a mistake: one beside the class may be for others."""
        if op in self.names or candidate is OPERATORS.get(op):
            return True
        is_method = getattr(candidate, "__module__", "") == __name__
        return is_method and op not in REDUCTIONS

    def only_numbers(self, kinds: str) -> bool:
        """Whether powers of Values to numbers are all that the engine has."""
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
        """Whether a thing has the number of a Value, of another class than the leaves."""
        try:
            return self.number(self.read(result, "data")) is not None
        except Exception:  # noqa: BLE001
            return False

    def backward(self, root: Any) -> None:
        """Run the engine's backward pass from a Value; where it wants a seed, from 1.

        Raises:
            Failure: There is nothing of the usual names.
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


def fits(call: Callable[..., Any], *operands: object) -> bool:
    """Whether something can be called with these operands, as far as it says."""
    try:
        inspect.signature(call).bind(*operands)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def takes_any(call: Any) -> bool:
    """Whether something can be called with any number of operands."""
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(each.kind is each.VAR_POSITIONAL for each in parameters)


def methodcaller(name: str) -> Callable[..., Any]:
    """Return a function that calls a method of its first operand with the others."""
    return lambda first, *rest: getattr(first, name)(*rest)


def followed_by(function: Callable[..., Any], argument: object) -> Callable[..., Any]:
    """Return a function with one more argument, always the same."""
    return lambda *operands: function(*operands, argument)


def converting(
    function: Callable[..., Any], kinds: str, make: Callable[..., Any]
) -> Callable[..., Any]:
    """Return a function that is handed plain numbers (N) as what is made of them."""
    return lambda *operands: function(
        *(make(each) if kind == "N" else each for each, kind in zip(operands, kinds))  # noqa: B905
    )


def added_up(first: Any, *rest: Any) -> Any:
    """Return a sum, left to right."""
    for each in rest:
        first = first + each
    return first


def neighbour(name: str) -> ModuleType | None:
    """Import a module beside the engine's, if there is one that can be."""
    try:
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            return None
        return importlib.import_module(name)
    except BaseException:  # noqa: BLE001 - it may need what is not installed
        return None


def load(name: str) -> ModuleType:
    """Import a module by its name, or by the path of its file.

    Raises:
        ImportError: There is none.
    """
    if not name.endswith(".py"):
        if os.sep in name or name.startswith("."):
            raise ImportError(f"{name!r} is no module; for a file write {name}.py")
        return importlib.import_module(name)
    path = os.path.abspath(name)
    folder, file = os.path.split(path)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = os.path.splitext(file)[0]
    while name in sys.modules and getattr(sys.modules[name], "__file__", None) != path:
        name += "_"  # such as math.py, or json.py
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


# --- programs --------------------------------------------------------------------------------


def build(engine: ForeignEngine, steps: list[Any]) -> list[Any]:
    """Build a graph; return its steps, Values and numbers."""
    made: list[Any] = []
    for i, step in enumerate(steps):
        try:
            if step[0] == "leaf":
                made.append(engine.leaf(step[1]))
            elif step[0] == "number":
                made.append(step[1])
            else:
                operands = [made[k] for k in step[1:]]
                kinds = "".join("N" if steps[k][0] == "number" else "V" for k in step[1:])
                form = "V" * min(len(kinds), 2) if step[0] == "sum" else kinds
                made.append(engine.form(step[0], form)(*operands))
        except (UnsupportedError, Failure) as error:
            error.step = i
            raise
        except BaseException as error:
            raise Failure(last_line(error), i) from error
    return made


def numbers(engine: ForeignEngine, steps: list[Any], made: list[Any], what: str) -> list[Any]:
    """Read a number of every step that is a Value."""
    found: list[Any] = []
    for i, (step, value) in enumerate(zip(steps, made)):  # noqa: B905 - strict came with 3.10
        if step[0] == "number":
            found.append(None)
            continue
        try:
            found.append(engine.number(engine.read(value, what)))
            if found[-1] is None and what == "data":
                raise Failure("None", kind="no-number")  # noqa: TRY301
        except Failure as error:
            error.step = i
            error.what = what
            raise
        except BaseException as error:
            raise Failure(last_line(error), i) from error
    return found


def run(engine: ForeignEngine, program: Any) -> tuple[dict[str, Any], list[Any]]:
    """Build a graph, run backward, read."""
    steps, root = program["steps"], program["root"]
    made = build(engine, steps)
    answer: dict[str, Any] = {"before": numbers(engine, steps, made, "data")}
    try:
        engine.backward(made[root])
    except Failure:
        raise
    except BaseException as error:
        raise Failure(last_line(error), None) from error
    answer["grad"] = numbers(engine, steps, made, "grad")
    if program["backward"] > 1:
        try:
            engine.backward(made[root])
            answer["second"] = numbers(engine, steps, made, "grad")
        except BaseException as error:  # noqa: BLE001 - some refuse, and say so
            answer["refused"] = last_line(error)
    answer["data"] = numbers(engine, steps, made, "data")
    if answer["data"] == answer["before"]:
        del answer["before"]
    return answer, made


def answered(engine: ForeignEngine, program: Any) -> dict[str, Any]:
    """Run a program twice; the second time only tells whether it gives the same."""
    try:
        answer, kept = run(engine, program)
        again, _ = run(engine, program)
        del kept  # alive until here, so that the second graph lies elsewhere in memory
    except UnsupportedError as error:
        return {"error": str(error), "kind": "unsupported", "step": error.step}
    except Failure as error:
        found = {"error": str(error), "kind": error.kind, "step": error.step}
        return dict(found, what=error.what) if error.what else found
    if json.dumps(again) != json.dumps(answer):
        answer["again"] = again
    return answer


def version_of(module: ModuleType) -> str | None:
    """Return the installed distribution that a module comes from, and its version."""
    try:
        from importlib.metadata import packages_distributions, version  # noqa: PLC0415

        name = packages_distributions()[module.__name__.partition(".")[0]][0]
        return f"{name} {version(name)}"
    except Exception:  # noqa: BLE001 - an old Python, or a file of one's own
        return None


def hello(settings: Any) -> tuple[ForeignEngine | None, dict[str, Any]]:
    """Import the engine; return it, and what is to be said of it."""
    sys.path[0] = os.getcwd()  # as `python -m` does; this file's own folder is not the engine's
    try:
        engine = ForeignEngine(settings["target"], settings.get("names", {}))
    except Failure as error:
        return None, {"error": str(error)}
    except BaseException as error:  # noqa: BLE001 - whatever importing it does
        return None, {"error": last_line(error)}
    named = {"python": sys.version.split()[0], "version": version_of(engine.module)}
    return engine, {"engine": named}


def main() -> None:
    """Answer line by line, until there are no more."""
    own = os.getpid()
    asked = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # whatever the engine prints, it is not an answer
    engine, said = hello(json.loads(asked.readline()))
    while True:
        if os.getpid() != own:  # the engine forked, and this is its child
            os._exit(0)
        answers.write(json.dumps(said) + "\n")
        answers.flush()
        line = asked.readline()
        if not line or engine is None:
            break
        said = answered(engine, json.loads(line))
        gc.collect(0)


if __name__ == "__main__":
    main()
    os._exit(0)  # no exit handler or thread of the engine's keeps us
