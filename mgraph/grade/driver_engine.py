"""A foreign Value class, and how it spells things.

Like the driver, it needs nothing of mgraph, and runs on any Python from 3.8.
"""

from __future__ import annotations

import sys
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
        converting,
        fits,
        followed_by,
        is_like_backward,
        is_slot,
        keywords,
        load,
        member,
        methodcaller,
        modules_beside,
        takes_any,
        without_backward,
        without_seed,
    )
    from mgraph.grade.driver_hashes import SerialHashes, classes_of, with_subclasses
    from mgraph.grade.driver_numbers import as_float
    from mgraph.grade.driver_random import RandomNumbers
    from mgraph.grade.driver_spellings import (
        OPERATORS,
        SLOTS,
        SPELLINGS,
        plain,
        spelled_in,
        spellings,
    )
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
        converting,
        fits,
        followed_by,
        is_like_backward,
        is_slot,
        keywords,
        load,
        member,
        methodcaller,
        modules_beside,
        takes_any,
        without_backward,
        without_seed,
    )
    from driver_hashes import SerialHashes, classes_of, with_subclasses
    from driver_numbers import as_float
    from driver_random import RandomNumbers
    from driver_spellings import OPERATORS, SLOTS, SPELLINGS, plain, spelled_in, spellings

SAMPLE = 0.5
"""The number of the first Values that are made."""

REDUCTIONS = ("max", "min")
"""Methods that many engines have for the elements of one array."""

FUNCTION = "write a function of one number that returns a Value, and name that: MODULE:FUNCTION"
FACTORY = f"if the class wants more than a number, {FUNCTION}"
"""What to do about a class whose constructor can't be called with one number."""

ARRAY = f"if the class wants an array or the like, {FUNCTION}"
"""What to do about a class whose constructor refuses floats."""

LABELS = ("name", "label", "symbol", "id", "key", "tag")
"""What a Value may be called by; a number in there was taken for it."""

REFUSALS = (NotImplementedError, AssertionError)


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
        self.random = RandomNumbers()
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
        self.elsewhere: str | None = "" if "grad" in names else None

    def sample(self) -> Any:
        """Make a first Value.

        Raises:
            EngineError: If the class can't be called with one number.
        """
        try:
            return self.leaf(SAMPLE)
        except (TypeError, ValueError, AttributeError, AssertionError) as error:
            is_type_error, says = isinstance(error, TypeError), last_line(error)
            if (
                is_type_error
                and callable(self.make)
                and not fits(self.make, SAMPLE, **self.gives_gradients)
            ):
                has_init = getattr(self.make, "__init__", None) is not object.__init__
                hint = FACTORY if has_init else "the class has no __init__"
                raise EngineError(f"{says}; {hint}") from error
            if isinstance(self.make, type) and "'float'" in says:
                raise EngineError(f"{says}; {ARRAY}") from error
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

    def starters(self) -> list[str]:
        """Return the methods that call the backward that is used, and may be meant to start it."""
        used = [] if "backward" in self.names else self.backwards_in(self.kind)[:1]
        return [
            name
            for kind in type.__dict__["__mro__"].__get__(self.kind)
            for name, thing in vars(kind).items()
            if isinstance(thing, FunctionType)
            and is_like_backward(name)
            and name not in used
            and any(each in thing.__code__.co_names for each in used)
        ]

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
                unusual = f", which is not a usual name for it: --op data={name}"
                hint = f"; {FACTORY}" if plain(name) in LABELS else unusual
                raise EngineError(f"a Value of 0.5 has its number in {name}{hint}")
        names = ", ".join(name for name in dir(sample) if not name.startswith("_"))[:200]
        raise EngineError(
            f"a Value of 0.5 has no attribute with that number; it has: {names or 'none'}"
        )

    def look_for_gradient(self) -> None:
        """Look where backward puts gradients if a graph has shown none; it is looked for once.

        Raises:
            EngineError: If backward puts the gradients into an attribute of an unusual name.
        """
        if self.elsewhere is None:
            try:
                self.elsewhere = self.gradient_elsewhere()
            except BaseException:  # noqa: BLE001 - whatever the engine raises
                self.elsewhere = ""
        if self.elsewhere:
            raise EngineError(
                f"a Value seems to have its gradient in {self.elsewhere}, which is not a usual "
                f"name for it: --op grad={self.elsewhere}"
            )

    def gradient_elsewhere(self) -> str:
        """Return the attribute of two factors that backward sets to the other one, or nothing."""
        numbers = (3.0, 5.0)
        factors = [self.leaf(x) for x in numbers]
        product = factors[0] * factors[1]
        self.samples += [*factors, product]
        before = [{**vars(each)} for each in factors]  # some keep a local derivative
        self.backward(product)
        for name in vars(factors[0]):
            if name != self.attribute["grad"] and all(
                self.is_number(vars(each).get(name), x) and not self.is_number(old.get(name), x)
                for each, old, x in zip(factors, before, numbers[::-1])  # noqa: B905 - Python 3.8
            ):
                return str(name)
        return ""

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
        is_refusal = is_slip = False
        for candidate in self.candidates(op, kinds):
            phase = "build"
            # no number is the inverse of another, for which it might be taken
            sample = [self.leaf(0.75 - 0.1875 * i) if k == "V" else 2 for i, k in enumerate(kinds)]
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
                    is_slip = isinstance(error, NameError)
        if failed is None:
            raise UnsupportedError(f"the engine has no {op}")
        if is_refusal or (op == "pow" and not is_slip and self.only_numbers(kinds)):
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

    def own_backward(self, value: Any) -> Any:
        """Return a backward that a Value has itself, which hides the one of its class, or None."""
        attributes = getattr(value, "__dict__", None)
        if not attributes or not isinstance(value, self.kind) or "backward" in self.names:
            return None
        own = [attributes.get(name) for name in self.backwards_in(type(value))]
        return next(filter(callable, own), None)

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
