"""Drive a foreign engine: build graphs with its operators, call its backward, read its numbers.

Any Python from 3.8 runs `driver_start.py`, which runs this file; it needs nothing but the engine,
and the files `driver_*.py` beside it. It reads one JSON object per line, and answers each with
another. The first one names the engine:

    {"target": "micrograd.engine:Value", "names": {"tanh": "activation:tanh"}}

The answer is `{"engine": …}`, with `problem` if nothing can run a backward pass, or `{"error": …}`.
Each further object is a program, a list of steps that refer to earlier ones by index:

    {"steps": [["leaf", 2.0], ["number", 3], ["mul", 0, 1]], "root": 2, "backward": 1}

A leaf becomes a Value, a number stays a plain number. With `"following": 3`, backward is also run
from step 3 in three more graphs. Their gradients are `own`, of new leaves; `next`, of the same
leaves; and `cleared`, of the same leaves after their gradients were set to 0, if that can be done.
None of their values is read before backward, nor in graphs of more than a thousand steps: so an
engine that computes values when they are read must compute them in backward.
With `"first": true`, the first Value of the process is in the graph, and nothing else has been
built before it.

The answer holds data and grad of every step that is a Value, grad only if it isn't the Value of an
operand, and under `again` both once more if they differed when the graph was built a second time;
with `"integers": true`, whole numbers are floats then. `varies` says that they differ if sets
iterate the other way round. If an error was raised, the answer holds its last line (`error`), the
step, and where in the engine's files it began (`failure`). `compositions` has the steps of ops that
the engine composes of others, by op and kinds of operands, and `parts` those of single steps that
differ. `hidden` has the steps whose Values have a backward that hides the one of their class.
`alone` is the gradient of a leaf after its own backward. What the engine prints is kept out.
"""

from __future__ import annotations

import gc
import json
import operator
import os
import sys
from contextlib import suppress
from time import monotonic
from types import FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes time to import
    from collections.abc import Callable, Iterator
    from typing import Any
if TYPE_CHECKING or __package__:
    from mgraph.grade.driver_compositions import UNKNOWN, Watcher, base_of, built_of_others, entered
    from mgraph.grade.driver_errors import (
        HEAP_TYPE,
        EngineError,
        OwnFiles,
        UnsupportedError,
        evidence,
        instead_of_value,
        last_line,
    )
    from mgraph.grade.driver_functions import (
        added_up,
        ask_for_gradient,
        borrowed_from,
        converting,
        fits,
        followed_by,
        is_slot,
        keep_python_modules,
        keywords,
        load,
        member,
        methodcaller,
        modules_beside,
        takes_any,
        version_of,
        without_backward,
        without_seed,
    )
    from mgraph.grade.driver_hashes import SerialHashes, classes_of, with_subclasses
    from mgraph.grade.driver_memory import fill_holes
    from mgraph.grade.driver_numbers import as_float, differs
else:  # driver_start imports it as a script does
    from driver_compositions import UNKNOWN, Watcher, base_of, built_of_others, entered
    from driver_errors import (
        HEAP_TYPE,
        EngineError,
        OwnFiles,
        UnsupportedError,
        evidence,
        instead_of_value,
        last_line,
    )
    from driver_functions import (
        added_up,
        ask_for_gradient,
        borrowed_from,
        converting,
        fits,
        followed_by,
        is_slot,
        keep_python_modules,
        keywords,
        load,
        member,
        methodcaller,
        modules_beside,
        takes_any,
        version_of,
        without_backward,
        without_seed,
    )
    from driver_hashes import SerialHashes, classes_of, with_subclasses
    from driver_memory import fill_holes
    from driver_numbers import as_float, differs

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
    "erf": ("erf", "errorfunction"),
    "log1p": ("log1p",),
    "expm1": ("expm1",),
    "asin": ("asin", "arcsin"),
    "acos": ("acos", "arccos"),
    "atan2": ("atan2", "arctan2"),
    "gate": ("gate", "ifelsezero"),
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

PLAIN = (0.0, 1.0, -1.0, 2.0, 0.5)
"""Numbers that Values in a composition are made of, if no op has made them."""

SAMPLE = 0.5
"""The number of the first Values that are made."""

LONG = 1000  # steps of a graph whose values are read only after backward
REDUCTIONS = ("max", "min")
"""Methods that many engines have for the elements of one array."""

FACTORY = (
    "if the class wants more than a number, write a function of one number that returns a Value, "
    "and name that: MODULE:FUNCTION"
)
"""What to do about a class whose constructor can't be called with a number."""

REFUSALS = (NotImplementedError, AssertionError)


def plain(name: str) -> str:
    """Return a name without case and underscores, to compare spellings."""
    return name.replace("_", "").lower()


def spellings(namespace: object) -> dict[str, list[str]]:
    """Return the public names in a class or module, by how they are compared."""
    names: dict[str, list[str]] = {}
    for name in dir(namespace):
        if not name.startswith("_"):
            names.setdefault(plain(name), []).append(name)
    return names


def spelled_in(names: dict[str, list[str]], op: str) -> Iterator[str]:
    """Yield those of some names that spell an op, the most usual ones first."""
    for wanted in SPELLINGS.get(op, ()):
        yield from names.get(wanted, ())


class ForeignEngine:
    """A foreign Value class, and how it spells things."""

    def __init__(self, target: str, names: dict[str, str], patience: float = 2.5) -> None:
        """Import the engine, and find out how it makes Values and names their numbers.

        Args:
            target: `MODULE:CLASS`.
            names: Its spellings, by op.
            patience: No case is run a third time if its first run takes more seconds than this.
        """
        module_name, _, attribute = target.rpartition(":")
        self.module = load(module_name)
        self.make: Any = self.module
        for part in attribute.split("."):
            self.make = member(self.make, part)
        self.names = names
        self.patience = patience
        self.modules: list[Any] = [self.module]
        self.forms: dict[str, Any] = {}
        self.compositions: dict[str, Any] = {}
        self.backward_codes: dict[str, dict[Any, None]] = {}
        self.alone: list[float | None] = []
        self.backward_names: dict[int, tuple[Any, list[str]]] = {}
        self.has_begun = False
        self.has_numbers = False
        self.gives_gradients = keywords(self.make)
        sample = self.sample()
        self.samples: list[Any] = [sample]  # kept, so that no graph gets their addresses in memory
        self.kind = type(sample)
        self.modules = modules_beside(self.module, self.kind)
        self.own = OwnFiles(self.module, self.kind)
        self.attribute: dict[str, str] = {}
        self.attribute["data"] = self.find_attribute(sample, "data", SAMPLE)
        self.attribute["grad"] = self.find_attribute(sample, "grad", None)
        first = [self.read(sample, what) for what in self.attribute]
        self.has_numbers = not any(isinstance(thing, FunctionType) for thing in first)
        base = base_of(self.kind, self.own)
        self.watcher = Watcher(base, self.datum, self.op_functions())
        for name, spelling in names.items():
            if name not in self.attribute:
                self.given(spelling)  # raises an error now if it isn't there
        self.hashes = SerialHashes()
        self.hashes.install(classes_of(self.own, sample), sample)
        self.lacks = self.problem(sample)

    def sample(self) -> Any:
        """Make a first Value.

        Raises:
            EngineError: If the class can't be called with one number.
        """
        try:
            return self.leaf(SAMPLE)
        except TypeError as error:
            if callable(self.make) and not fits(self.make, SAMPLE, **self.gives_gradients):
                has_init = getattr(self.make, "__init__", None) is not object.__init__
                hint = FACTORY if has_init else "the class has no __init__"
                raise EngineError(f"{last_line(error)}; {hint}") from error
            raise

    def seed_of_leaf(self) -> float | None:
        """Return the gradient of a leaf after its own backward; None if that can't be told.

        It is asked once, with a graph: a backward that ends the process ends only that graph.
        """
        if not self.alone:
            try:
                leaf = self.leaf(SAMPLE)
                self.samples.append(leaf)
                self.backward(leaf)
                self.alone.append(self.number(self.read(leaf, "grad")))
            except BaseException:  # noqa: BLE001 - whatever the engine raises
                self.alone.append(None)
        return self.alone[0]

    def leaf(self, x: float) -> Any:
        """Make a Value."""
        leaf = self.make(x, **self.gives_gradients)
        ask_for_gradient(leaf)
        return leaf

    def find_attribute(self, sample: Any, what: str, expected: float | None) -> str:
        """Return the engine's name for the data or grad of a Value: the given one, or a usual one.

        Raises:
            EngineError: If a Value does not have the given one, but another; or none of the usual.
        """
        given = self.names.get(what)
        if given is not None and hasattr(sample, given):
            return given
        usual = self.usual_attribute(sample, what, expected)
        if given is None:
            return usual
        if self.number(getattr(sample, usual, None)) is not None:
            raise EngineError(f"--op {what}={given}: a Value has no {given}; it has {usual}")
        return given  # some Values have one only after backward

    def usual_attribute(self, sample: Any, what: str, expected: float | None) -> str:
        """Find the data or grad of a Value by the usual names.

        Raises:
            EngineError: If no attribute has one of them.
        """
        others: list[str] = []
        for wanted in SPELLINGS[what]:
            for name in [wanted, *dir(sample)]:
                if plain(name) == wanted and not name.startswith("__"):
                    try:
                        number = self.number(getattr(sample, name))
                    except Exception:  # noqa: BLE001, S112 - then it is not this attribute
                        continue
                    if expected is None or number == expected:
                        return name
                    others += [name] if number is not None else []
        if others:  # the engine changes the number that it is given
            return others[0]
        if what == "grad":  # some Values have one only after backward
            return "grad"
        for name, thing in getattr(sample, "__dict__", {}).items():
            if self.is_number(thing, expected):
                raise EngineError(
                    f"a Value of 0.5 has its number in {name}, which is not a usual name for it: "
                    f"--op data={name}"
                )
        names = ", ".join(name for name in dir(sample) if not name.startswith("_"))[:200]
        raise EngineError(
            f"a Value of 0.5 has no attribute with that number; it has: {names or 'none'}"
        )

    def is_number(self, thing: Any, x: float | None) -> bool:
        """Whether an attribute holds a number."""
        try:
            return as_float(thing, self) == x
        except EngineError:
            return False

    def number(self, thing: Any) -> float | None:
        """Return the number in an attribute; if it is a method, the number that it returns."""
        if type(thing) is float:
            return thing
        is_function = callable(thing) and not hasattr(thing, "item")
        if is_function and not isinstance(thing, self.kind):
            if isinstance(thing, FunctionType) and self.has_numbers:
                return as_float(thing, self)  # what an op put there; it must not be called
            thing = thing()
        return as_float(thing, self)

    def datum(self, value: Any) -> float | None:
        """Return the number in a Value."""
        return self.number(self.read(value, "data"))

    def op_functions(self) -> Iterator[tuple[str, Any, bool]]:
        """Yield each op, the functions that do it, and whether they are reflected."""
        for op, slot in SLOTS.items():
            yield op, getattr(self.kind, slot, None), False
            yield op, getattr(self.kind, "__r" + slot[2:], None), True
        namespaces = [(each, spellings(each)) for each in (self.kind, *self.modules)]
        for op in (*SPELLINGS, "sum"):
            if op not in ("backward", "data", "grad"):
                for namespace, names in namespaces:
                    for name in spelled_in(names, op):
                        yield op, getattr(namespace, name, None), False

    def read(self, value: Any, what: str) -> Any:
        """Return the data or grad of a Value as the engine has it; None if it has no grad."""
        if what == "grad":
            return getattr(value, self.attribute[what], None)
        return getattr(value, self.attribute[what])

    # --- ops ---------------------------------------------------------------------------------

    def spelled(self, op: str, namespace: object) -> Iterator[str]:
        """Yield the names in a class or module that spell an op, the most usual ones first."""
        yield from spelled_in(spellings(namespace), op)

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
            if "N" not in kinds:  # who writes 2 - x doesn't call a function
                yield from self.spelled_functions(op, kinds)
        else:
            yield from self.spelled_functions(op, kinds)

    def spelled_functions(self, op: str, kinds: str) -> Iterator[Callable[..., Any]]:
        """Yield methods and functions with the usual names of an op."""
        if op == "sum":  # a method of any number of operands, or additions
            if takes_any(getattr(self.kind, "sum", None)):
                yield methodcaller("sum")
            if any(hasattr(self.kind, name) for name in ("__add__", "__iadd__")):
                yield added_up
        elif kinds[0] == "V":
            for name in self.spelled(op, self.kind):
                yield methodcaller(name, self.kind)
        for module in self.modules:
            for name in self.spelled(op, module):
                function = getattr(module, name)
                if callable(function) and not isinstance(function, type(sys)):
                    yield function

    def given(self, spelling: str) -> Callable[..., Any]:
        """Return the function that `--op` names: MODULE:FUNCTION, or one of the engine's own.

        If `(ARGUMENT)` follows the name, the argument is passed after the operands.
        """
        if spelling.endswith(")"):
            name, _, argument = spelling[:-1].rpartition("(")
            from ast import literal_eval  # noqa: PLC0415 - for these spellings only

            return followed_by(self.given(name), literal_eval(argument))
        module, colon, name = spelling.rpartition(":")
        if colon:
            function: Any = load(module)
            self.own.add(function, is_home=False)
            for part in name.split("."):
                function = member(function, part)
            return function  # type: ignore[no-any-return]
        if hasattr(self.kind, name):
            return methodcaller(name)
        return getattr(self.module, name)  # type: ignore[no-any-return]

    def form(self, op: str, kinds: str) -> Callable[..., Any]:
        """Return the engine's function for an op on Values (V) and numbers (N).

        Raises:
            UnsupportedError: If the engine has none.
            EngineError: If it has one, and it fails.
        """
        key = op + kinds
        if key not in self.forms:
            serial = self.hashes.serial
            try:
                self.forms[key] = self.find_form(op, kinds)
            except (UnsupportedError, EngineError) as error:
                self.forms[key] = error
            self.hashes.rewind(serial)  # the graph gets the same numbers when it is built again
        form = self.forms[key]
        if isinstance(form, Exception):
            raise form
        return form  # type: ignore[no-any-return]

    def find_form(self, op: str, kinds: str) -> Callable[..., Any]:
        """Try the candidates on a sample until one gives a Value."""
        failed: EngineError | None = None
        is_refusal = False
        for candidate in self.candidates(op, kinds):
            phase = "build"
            sample = [self.leaf(0.75 - 0.25 * i) if k == "V" else 2 for i, k in enumerate(kinds)]
            try:
                result, composed = self.watcher.call(candidate, sample, op)
                self.samples += [*sample, result]
                if isinstance(result, self.kind) or self.is_like(result):
                    self.keep_composition(op, kinds, candidate, composed)
                    phase = "backward"
                    self.try_backward(result, op + ":" + kinds)
                    return candidate
                self.watcher.others.append((None, op, kinds, result))
                raise TypeError(f"{op} gave {instead_of_value(result)}")  # noqa: TRY301
            except Exception as error:  # noqa: BLE001 - whatever the engine raises
                if failed is None and self.is_own(op, candidate):
                    failed = self.failure(error, phase)
                    other = phase == "build" and self.watcher.without_value(error, self.is_like)
                    if other:
                        failed.evidence["culprit"] = ":".join(other[:2])
                        failed.evidence["gave"] = instead_of_value(other[2])
                    is_refusal = isinstance(error, REFUSALS)
        if failed is None:
            raise UnsupportedError(f"the engine has no {op}")
        if is_refusal or (op == "pow" and self.only_numbers(kinds)):
            raise UnsupportedError(str(failed), failed.evidence)
        raise failed

    def try_backward(self, result: Any, form: str) -> None:
        """Run a sample's backward pass, so that the graph doesn't find the sample on a tape.

        Args:
            result: The sample.
            form: Its op and the kinds of its operands. A pass of powers must work: some take a
                Value as exponent, but fail in backward.
        """
        try:
            self.backward_codes[form] = entered(self.backward, [result], self.own)
        except BaseException:  # whatever the engine raises, it raises again in the graph
            if form.startswith("pow"):
                raise
        own = {f: codes for f, codes in self.backward_codes.items() if not self.compositions.get(f)}
        for built in built_of_others(own):
            self.compositions[built] = None

    def failure(self, error: BaseException, phase: str, step: int | None = None) -> EngineError:
        """Describe what the engine raised, and where."""
        failure = EngineError(last_line(error), step)
        failure.evidence = evidence(error, phase, self.own)
        return failure

    def keep_composition(self, op: str, kinds: str, candidate: Any, composed: Any) -> None:
        """Keep the composition of an op, if it has one; None if it can't be told.

        Values in it that no op made are taken for constants if they don't depend on the operands.
        """
        if candidate is added_up:
            composed = {"steps": [["add", 0, 1]], "calls": ["add"], "hidden": []}
        if composed is None:
            return
        if composed != UNKNOWN and composed["hidden"]:
            other = [self.leaf(0.8 - 0.35 * i) if k == "V" else 2 for i, k in enumerate(kinds)]
            _, again = self.watcher.call(candidate, other, op)
            is_same = isinstance(again, dict) and again["hidden"] == composed["hidden"]
            composed = composed if is_same else UNKNOWN
        self.compositions[op + ":" + kinds] = None if composed == UNKNOWN else composed

    def is_own(self, op: str, candidate: Any) -> bool:
        """Whether a failing candidate is a mistake: a function beside the class may not be ours."""
        if op in self.names or candidate is OPERATORS.get(op):
            return True
        is_method = getattr(candidate, "__module__", "") == methodcaller.__module__
        return is_method and op not in REDUCTIONS

    def only_numbers(self, kinds: str) -> bool:
        """Whether the engine has powers only of a Value to a number.

        Those may fail in backward if every op does.
        """
        if kinds == "VN" or not self.computes("VN"):
            return False
        if kinds == "NV":  # a power of a number needs powers to Values first
            return not self.computes("VV", is_right=self.computes("VN", is_right=True))
        return self.computes("VN", is_right=True)

    def computes(self, kinds: str, *, is_right: bool = False) -> bool:
        """Whether the engine computes powers, and if that is asked, with a backward that works."""
        try:
            self.form("pow", kinds)
        except UnsupportedError:
            return False
        except EngineError as error:
            return not is_right and error.evidence.get("phase") == "backward"
        return True

    def is_like(self, result: Any) -> bool:
        """Whether an object of another class than the leaves holds a number like a Value."""
        try:
            return self.number(self.read(result, "data")) is not None
        except Exception:  # noqa: BLE001
            return False

    def is_other(self, result: Any) -> bool:
        """Whether an object is of a type that comes with Python, such as a number, and no Value."""
        is_own = isinstance(result, self.kind) or type(result).__flags__ & HEAP_TYPE
        return not is_own and not self.is_like(result)

    def backward(self, root: Any) -> None:
        """Run the engine's backward pass from a Value; if it wants a seed, with 1.

        Raises:
            EngineError: If nothing with one of the usual names can be called.
        """
        for call, operands in self.backwards(root):
            for arguments in (operands, (*operands, 1.0)):
                if fits(call, *arguments):
                    call(*arguments)
                    return
        raise EngineError("the engine has no backward: name it with --op backward=NAME")

    def backwards(self, root: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
        """Yield what may run the backward pass from a Value, and its operands."""
        if "backward" in self.names:
            yield self.given(self.names["backward"]), (root,)
            return
        names = self.backwards_in(type(root))
        slots = [name for name in names if is_slot(type(root), name)]  # what the op of root does
        for name in names:
            if name not in slots:
                yield getattr(root, name), ()
        for module in self.modules:
            for name in self.backwards_in(module):
                yield getattr(module, name), (root,)
        for name in slots:
            yield getattr(root, name), ()

    def hides_backward(self, value: Any) -> bool:
        """Whether a Value has a backward of its own, which hides the one of its class."""
        attributes = getattr(value, "__dict__", None)
        if not attributes or not isinstance(value, self.kind) or "backward" in self.names:
            return False
        return any(callable(attributes.get(name)) for name in self.backwards_in(type(value)))

    def backwards_in(self, namespace: object) -> list[str]:
        """Return the names in a class or module that spell backward, as they were at first."""
        key = id(namespace)
        if key not in self.backward_names:
            names = [*self.spelled("backward", namespace)]
            self.backward_names[key] = namespace, names  # kept, so that nothing else has its id
        return self.backward_names[key][1]

    def problem(self, sample: Any) -> str:
        """Say what is wrong with the backward of all Values; return an empty text if nothing is."""
        try:
            for i, (call, operands) in enumerate(self.backwards(sample)):
                if fits(call, *operands):
                    return ""
                if fits(call, *operands, 1.0):
                    spare = self.leaf(SAMPLE)  # the sample may be in the first graph of all
                    self.samples.append(spare)
                    return without_seed(*[*self.backwards(spare)][i])
        except BaseException:  # noqa: BLE001 - a property may not work before there is a graph
            return ""
        for kind in with_subclasses(kind for kind in self.kind.__mro__ if kind is not object):
            names = [] if kind in self.kind.__mro__ else self.spelled("backward", kind)
            if any(callable(getattr(kind, name, None)) for name in names):
                return ""  # only results of ops may have one
        return without_backward(sample, [*self.spelled("backward", self.kind)])


# --- programs --------------------------------------------------------------------------------


def find_forms(engine: ForeignEngine, steps: list[Any]) -> list[tuple[Any, str]]:
    """Find the functions for the ops of a program before there is a graph, which samples may spoil.

    With each comes its op and the kinds of its operands; leaves and numbers have none.

    A tape, say, that all graphs share is emptied by the backward pass of a sample, and keeps what
    was built before an op turned out to be missing.

    Raises:
        UnsupportedError: If the engine lacks an op.
        EngineError: If the engine has it, and it fails.
    """
    forms: list[tuple[Any, str]] = []
    for i, step in enumerate(steps):
        if step[0] in ("leaf", "number"):
            forms.append((None, ""))
        else:
            try:
                kinds = kinds_of(steps, step)
                forms.append((engine.form(step[0], kinds), step[0] + ":" + kinds))
            except (UnsupportedError, EngineError) as error:
                error.step = i
                raise
            except BaseException as error:
                raise engine.failure(error, "build", i) from error
    return forms


def kinds_of(steps: list[Any], step: list[Any]) -> str:
    """Return which operands of a step are Values (V), and numbers (N); of a sum, two at most."""
    if step[0] == "sum":
        return "V" * min(len(step) - 1, 2)
    return "".join(["N" if steps[k][0] == "number" else "V" for k in step[1:]])


def build(
    engine: ForeignEngine,
    steps: list[Any],
    parts: dict[int, Any] | None = None,
    leaves: list[Any] | None = None,
) -> list[Any]:
    """Run the steps of a program; return their Values and numbers.

    Args:
        engine: The engine.
        steps: The steps.
        parts: Gets the compositions of steps that differ from the usual one of their op.
        leaves: The Values of an earlier graph of the same steps, whose leaves this one shares.

    Raises:
        UnsupportedError: If the engine lacks an op, or makes no Values of integers.
        EngineError: If it fails.
    """
    values: list[Any] = []
    forms = find_forms(engine, steps)
    for i, step in enumerate(steps):
        try:
            if step[0] == "leaf":
                values.append(leaves[i] if leaves else make_leaf(engine, step[1]))
            elif step[0] == "number":
                values.append(step[1])
            else:
                operands = [values[k] for k in step[1:]]
                function, usual = forms[i]
                if parts is None or not engine.compositions.get(usual) or step[0] == "sum":
                    values.append(function(*operands))
                    continue
                value, composed = engine.watcher.call(function, operands, step[0])
                values.append(value)
                known = (*engine.compositions[usual]["hidden"], *PLAIN)
                if composed == UNKNOWN or (
                    composed and any(x not in known for x in composed["hidden"])
                ):
                    composed = None
                if composed != engine.compositions[usual]:
                    parts[i] = composed
        except (UnsupportedError, EngineError) as error:
            error.step = i
            raise
        except BaseException as error:
            failure = without_value(engine, steps, values) or engine.failure(error, "build", i)
            raise failure from error
    return values


def without_value(engine: ForeignEngine, steps: list[Any], values: list[Any]) -> EngineError | None:
    """Return the failure of the first op that gave None, a number or the like, if one did."""
    for i, (step, value) in enumerate(zip(steps, values)):  # noqa: B905
        is_op = step[0] not in ("leaf", "number")
        if is_op and engine.is_other(value):
            gave = instead_of_value(value)
            failure = EngineError(f"TypeError: {step[0]} gave {gave}", i)
            culprit = step[0] + ":" + kinds_of(steps, step)
            failure.evidence = {"exception": "TypeError", "phase": "build"}
            failure.evidence.update(culprit=culprit, gave=gave)
            return failure
    return None


def first_of_all(engine: ForeignEngine, program: Any) -> list[Any]:
    """Build a graph of the first Value of the process, before it has been used for anything else.

    Return nothing if that can't be: only operators are called, because finding other functions
    makes Values.
    """
    if not program.get("first") or engine.forms or engine.has_begun:
        return []
    engine.has_begun = True
    values: list[Any] = []
    try:
        for op, *rest in program["steps"]:
            if op != "leaf":
                operate: Any = OPERATORS[op]
                values.append(operate(*(values[k] for k in rest)))
            elif not values and rest[0] == SAMPLE:
                values.append(engine.samples[0])
            else:
                values.append(engine.leaf(rest[0]))
    except Exception:  # noqa: BLE001 - whatever the engine raises, it raises again in the graph
        return []
    return values


def make_leaf(engine: ForeignEngine, x: float) -> Any:
    """Make a Value of a float or an integer.

    Raises:
        UnsupportedError: If the engine doesn't take integers, as a tensor with a gradient may not.
    """
    try:
        return engine.leaf(x)
    except Exception as error:
        if isinstance(x, float):
            raise
        raise UnsupportedError("no Values of integers: " + last_line(error)) from error


def read_all(engine: ForeignEngine, steps: list[Any], values: list[Any], what: str) -> list[Any]:
    """Read the data or grad of every step that is a Value of its own; None for the others."""
    numbers: list[Any] = []
    for i, (step, value) in enumerate(zip(steps, values)):  # noqa: B905 - strict came with 3.10
        is_op = step[0] not in ("leaf", "number")
        is_operand = is_op and any(value is values[k] for k in step[1:])
        if step[0] == "number" or (is_operand and what == "grad"):
            numbers.append(None)  # an op that returns its operand: it has no gradient of its own
            continue
        try:
            numbers.append(engine.number(engine.read(value, what)))
            if numbers[-1] is None and what == "data":
                raise EngineError("None", kind="no-number")  # noqa: TRY301
        except EngineError as error:
            cause = error.__cause__
            error.step, error.what = i, what
            error.evidence = evidence(cause, "read", engine.own) if cause else {"phase": "read"}
            raise
        except BaseException as error:
            failure = without_value(engine, steps, values) or engine.failure(error, "read", i)
            raise failure from error
    return numbers


def run(
    engine: ForeignEngine, program: Any, parts: dict[int, Any] | None = None
) -> tuple[dict[str, Any], list[Any]]:
    """Build a graph, run backward, and read the numbers; return the answer, and all graphs."""
    steps, root = program["steps"], program["root"]
    values = first_of_all(engine, program) or build(engine, steps, parts)
    answer: dict[str, Any] = {}
    hidden = [i for i, value in enumerate(values) if engine.hides_backward(value)]
    if hidden and all(steps[i][0] not in ("leaf", "number") for i in hidden):
        answer["hidden"] = hidden
    if len(steps) <= LONG:
        answer["before"] = read_all(engine, steps, values, "data")
    try:
        engine.backward(values[root])
    except EngineError:
        raise
    except BaseException as error:
        raise engine.failure(error, "backward") from error
    answer["grad"] = read_all(engine, steps, values, "grad")
    if program["backward"] > 1:
        try:
            engine.backward(values[root])
            answer["second"] = read_all(engine, steps, values, "grad")
        except BaseException as error:  # noqa: BLE001 - some engines refuse a second backward
            answer["refused"] = last_line(error)
    answer["data"] = read_all(engine, steps, values, "data")
    if answer["data"] == answer.get("before"):
        del answer["before"]
    graphs = [values]
    if program.get("following") is not None:
        answer["own"] = run_another(engine, program, graphs)
        answer["next"] = run_another(engine, program, graphs, values)
        if clear(engine, steps, values):
            with suppress(BaseException):  # it may not go on with gradients that it didn't set
                answer["cleared"] = run_another(engine, program, graphs, values)
    return answer, graphs


def run_another(
    engine: ForeignEngine, program: Any, graphs: list[Any], leaves: list[Any] | None = None
) -> list[Any]:
    """Build another graph, and return the gradients after its backward.

    Args:
        engine: The engine.
        program: The program; backward starts from the step that is to follow.
        graphs: Gets the graph, so that the next one has other addresses in memory.
        leaves: The Values of an earlier graph whose leaves it is made of, as in each step of
            training but the first; None for new leaves.
    """
    steps = program["steps"]
    values = build(engine, steps, leaves=leaves)
    graphs.append(values)
    try:
        engine.backward(values[program["following"]])
    except EngineError:
        raise
    except BaseException as error:
        raise engine.failure(error, "backward") from error
    return read_all(engine, steps, values, "grad")


def clear(engine: ForeignEngine, steps: list[Any], values: list[Any]) -> bool:
    """Set the gradients of leaves to those of new ones, as before each step of training.

    Return whether all of them are 0, or none, then: not every engine lets one set them.
    """
    leaves = [(value, step[1]) for step, value in zip(steps, values) if step[0] == "leaf"]  # noqa: B905
    name = engine.attribute["grad"]
    try:
        for value, x in leaves:
            new = engine.leaf(x)
            engine.samples.append(new)  # so that the next graph has other addresses in memory
            grad = engine.read(new, "grad")
            if callable(grad):  # a method
                return False
            if name not in getattr(value, "__dict__", ()) and not hasattr(type(value), name):
                return False  # `__getattr__` gives it: another attribute would only hide it
            setattr(value, name, grad)
        return not any(engine.number(engine.read(value, "grad")) for value, _ in leaves)
    except BaseException:  # noqa: BLE001 - whatever the engine raises
        return False


def answer_program(engine: ForeignEngine, program: Any) -> dict[str, Any]:
    """Run a program twice, and return the answer; the second run shows whether it changes.

    If objects were hashed, a third run shows whether the numbers depend on the order of sets.
    """
    try:
        if not program.get("first"):  # a graph of the first Value must come before other Values
            find_forms(engine, program["steps"])  # which tries ops that it meets for the first time
        restart_random_numbers()
        start, before = monotonic(), engine.hashes.restart()
        parts: dict[int, Any] = {}
        answer, graphs = run(engine, program, parts)
        has_hashed, seconds = engine.hashes.serial != before, monotonic() - start
        engine.hashes.restart()
        again, others = run(engine, with_floats(program))
    except (UnsupportedError, EngineError) as error:
        return described_failure(error)
    may_vary = has_hashed and seconds < engine.patience and not are_other(answer, again)
    first, second = [[each[what] for what in ("data", "grad")] for each in (answer, again)]
    if json.dumps(second) != json.dumps(first):
        answer["again"] = again
    if may_vary and varies(engine, program, answer):
        answer["varies"] = True
    del graphs, others  # kept until here, so that each graph gets other addresses in memory
    answer["compositions"], answer["parts"] = engine.compositions, parts
    answer["alone"] = engine.seed_of_leaf()
    return answer


def restart_random_numbers() -> None:
    """Begin the global random numbers of Python and NumPy anew, if the engine has imported them.

    An engine that uses them then has the same numbers each time it is graded. The second run of a
    program goes on with others, which shows that its numbers depend on them. Other generators, as
    of `default_rng()`, `random.Random()` or torch, go on as they are.
    """
    for name in ("random", "numpy.random"):
        with suppress(Exception):  # the engine may have put anything there
            sys.modules[name].seed(0)


def with_floats(program: Any) -> Any:
    """Return a program with floats in all leaves."""
    if not program.get("integers"):
        return program
    steps = [["leaf", float(step[1])] if step[0] == "leaf" else step for step in program["steps"]]
    return dict(program, steps=steps)


def described_failure(error: UnsupportedError | EngineError) -> dict[str, Any]:
    """Return the answer to a program that failed."""
    kind, what = getattr(error, "kind", "unsupported"), getattr(error, "what", "")
    answer = {"error": str(error), "kind": kind, "step": error.step}
    if what:
        answer["what"] = what
    if error.evidence:
        answer["failure"] = error.evidence
    return answer


def varies(engine: ForeignEngine, program: Any, answer: dict[str, Any]) -> bool:
    """Whether other numbers come out, beyond rounding, if small sets iterate the other way."""
    engine.hashes.restart(is_reversed=True)
    restart_random_numbers()  # so that only the order of sets is another one
    try:
        other, _ = run(engine, dict(program, backward=1, following=None))
    except (RecursionError, MemoryError):  # another order may need more of both
        return False
    except BaseException:  # noqa: BLE001 - whatever the engine raises
        return True
    return are_other(answer, other)


def is_backward(name: str) -> bool:
    """Whether a name is a usual one of backward."""
    return plain(name) in SPELLINGS["backward"]


def are_other(answer: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two answers to a program have other numbers, beyond rounding."""
    return any(
        differs(x, y)
        for what in ("data", "grad")
        for x, y in zip(answer[what], other[what])  # noqa: B905
    )


def hello(settings: Any) -> tuple[ForeignEngine | None, dict[str, Any]]:
    """Import the engine; return it, and the answer to the first line."""
    sys.dont_write_bytecode = True  # it may be out of date a moment later, when a file is edited
    file = settings["target"].rpartition(":")[0]
    keep_python_modules([os.getcwd(), os.path.dirname(file)])
    sys.path[0] = os.getcwd()  # as `python -m` does; this file's folder has nothing to import
    try:
        engine = ForeignEngine(
            settings["target"], settings.get("names", {}), settings.get("seconds", 10.0) / 4
        )
    except EngineError as error:
        return None, {"error": str(error)}
    except BaseException as error:  # noqa: BLE001 - whatever importing it does
        return None, {"error": last_line(error)}
    is_file = file.endswith(".py")  # it belongs to no package
    version = None if is_file else version_of(engine.module)
    borrowed = borrowed_from(engine.kind, file, is_backward) if is_file else None
    versions = {"python": sys.version.split()[0], "version": version, "borrowed": borrowed}
    engine.samples.append(fill_holes())
    return engine, {"engine": versions, **({"problem": engine.lacks} if engine.lacks else {})}


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
