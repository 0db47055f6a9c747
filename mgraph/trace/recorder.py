"""Record Values by wrapping the operators, methods and constructors of their classes."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import wraps
from inspect import CO_VARARGS, getattr_static
from itertools import chain
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from mgraph.ops import CONST
from mgraph.trace.capture import Capture
from mgraph.trace.classes import is_value_like
from mgraph.trace.nodes import LEAF, UNKNOWN, Nodes, TracedNode, ancestry, attribute
from mgraph.trace.spellings import DATA, SYMBOLS, is_backward, meaning_of
from mgraph.value import Value
from mgraph.value import ancestry as values_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

    from mgraph.trace.spellings import Spelling

_MISSING: Final = object()
_PATCHES: Final[list[tuple[Recorder, type]]] = []
"""Who wraps which class now, oldest first: each wraps what the ones before it left."""
_METHODS: Final = (FunctionType, staticmethod, classmethod)
_LISTS: Final = (list, tuple)
_PLAIN: Final = (float, int)
_NEAR: Final = 4  # most calls between a function and the constructor that it calls through helpers


class Recorder:
    """Records how Values of some classes are computed, and their numbers after backward.

    Nothing is recorded while an op that mgraph knows is running: it becomes one node, however the
    engine computes it. Only one thread is recorded.

    Attributes:
        nodes: The nodes of all existing Values.
        classes: The classes that are watched.
        call: Which call of backward to capture, from 0; None for the last one.
        calls: The number of calls of backward so far.
        captured: The graph and the numbers after the captured call.
        captured_call: Which call was captured.
    """

    def __init__(self, call: int | None = None) -> None:
        """Start without classes."""
        self.nodes = Nodes()
        self.classes: tuple[type, ...] = ()
        self.call = call
        self.calls = 0
        self.captured: Capture | None = None
        self.captured_call = 0
        self._busy = False
        self._originals: dict[type, dict[str, object]] = {}
        self._wrappers: dict[type, dict[str, object]] = {}

    # --- patching ------------------------------------------------------------------------------

    def watch(self, cls: type) -> None:
        """Wrap the methods of a class and its Value-like bases, which may make each other's Values.

        Raises:
            TypeError: The class can't be changed.
        """
        for base in reversed(cls.__mro__):
            if base not in self.classes and (base is cls or is_value_like(base)):
                self._patch(base)
                self.classes += (base,)

    def _patch(self, cls: type) -> None:
        wrappers = dict(self._wrapped(cls))
        originals = {key: vars(cls).get(key, _MISSING) for key in wrappers}
        self._wrappers[cls], self._originals[cls] = wrappers, originals
        _PATCHES.append((self, cls))
        _replace(cls, originals, wrappers)

    def _restore(self, cls: type) -> None:
        _replace(cls, self._wrappers.pop(cls), self._originals.pop(cls))

    def _wrapped(self, cls: type) -> Iterator[tuple[str, object]]:
        yield "__del__", self._finalizer(cls)
        for name in dir(cls):
            member = getattr_static(cls, name)
            owner = next((base for base in cls.__mro__ if name in vars(base)), cls)
            if not isinstance(member, _METHODS) or name in self._wrappers.get(owner, ()):
                continue
            if is_backward(name):
                yield name, self._backward(member)
            elif cls is not Value and (meaning := meaning_of(name)):
                yield name, self._method(member, meaning)
        if cls is not Value:  # mgraph's Value has its arguments in order and needs no recording
            yield "__init__", self._constructor(cls.__init__)  # type: ignore[misc]

    def stop(self) -> None:
        """Restore the classes, and keep the existing Values.

        Other recorders may have wrapped the same classes since. They are taken off, too, and put
        back on: their wrappers must not keep this recorder's, and bring them back when they stop.
        """
        self.nodes.hold()
        self._busy = True  # the program may have kept wrappers, for example in a method of its own
        first = next((i for i, (owner, _) in enumerate(_PATCHES) if owner is self), len(_PATCHES))
        patches = _PATCHES[first:]
        del _PATCHES[first:]
        for owner, cls in reversed(patches):
            owner._restore(cls)  # noqa: SLF001 - a recorder, too
        for owner, cls in patches:
            if owner is not self:
                owner._patch(cls)  # noqa: SLF001

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """Restore the classes for a while, for their full speed and depth of recursion."""
        self._busy = True
        for cls, originals in self._originals.items():
            kept = {name: originals[name] for name in originals if name != "__del__"}
            _replace(cls, self._wrappers[cls], kept)
        try:
            yield
        finally:
            if self._originals:  # not stopped meanwhile
                self._busy = False
            for cls, wrappers in self._wrappers.items():
                _replace(cls, self._originals[cls], wrappers)

    # --- wrappers ------------------------------------------------------------------------------

    def _finalizer(self, cls: type) -> Callable[[Any], None]:
        original = getattr(cls, "__del__", None)

        def finalizer(value: Any) -> None:  # noqa: ANN401
            self.nodes.forget(value)
            if original is not None:
                original(value)

        return finalizer

    def _constructor(self, original: Callable[..., None]) -> Callable[..., None]:
        initialise = _nothing if original is object.__init__ else original

        @wraps(original)
        def constructor(value: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
            if self._busy:
                return initialise(value, *args, **kwargs)
            self._busy = True
            try:
                initialise(value, *args, **kwargs)
            finally:
                self._busy = False
            if self.nodes.of(value) is None:
                self._constructed(value, [*args, *kwargs.values()], sys._getframe(1))  # noqa: SLF001
            return None

        return constructor

    def _method(self, member: object, meaning: Spelling) -> object:
        original: Callable[..., Any] = getattr(member, "__func__", member)  # type: ignore[arg-type]
        bound = isinstance(member, classmethod)

        @wraps(original)
        def method(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            if self._busy:
                return original(*args, **kwargs)
            given = (*args[bound:], *kwargs.values()) if bound or kwargs else args
            operands = self._operands(meaning, given)
            if operands is None:  # not the op of this name: record what it calls
                return original(*args, **kwargs)
            self._busy = True
            try:
                result = original(*args, **kwargs)
            finally:
                self._busy = False
            if isinstance(result, self.classes):
                self._computed(meaning, operands, result)
            return result

        return _bind_like(member, method)

    def _backward(self, member: object) -> object:
        original: Callable[..., Any] = getattr(member, "__func__", member)  # type: ignore[arg-type]

        @wraps(original)
        def backward(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            if self._busy or not (args and isinstance(args[0], self.classes)):
                return original(*args, **kwargs)
            is_wanted = self.call in (None, self.calls)
            seed = _seed((*args[1:], *kwargs.values()))
            capture = self.capture(args[0], seed) if is_wanted else None
            with self._silence():
                result = original(*args, **kwargs)
                if capture:
                    self.captured, self.captured_call = capture.read(), self.calls
                self.calls += 1
            return result

        return _bind_like(member, backward)

    # --- nodes ---------------------------------------------------------------------------------

    def capture(self, output: object, seed: float = 1.0) -> Capture:
        """Return the nodes that a Value was computed from; their numbers are read later."""
        root = self._own(output) if isinstance(output, Value) else self._node(output)
        nodes = ancestry(root)
        return Capture(nodes, self.nodes.values(nodes), seed)

    def _operands(self, meaning: Spelling, given: Sequence[Any]) -> Sequence[Any] | None:
        """Return the operands in order; None if the op does not take such arguments."""
        if meaning.takes_lists:
            given = [*chain.from_iterable(x if type(x) in _LISTS else (x,) for x in given)]
        if not meaning.takes(len(given)):
            return None
        has_value = False
        for operand in given:
            if type(operand) in _PLAIN:
                continue
            if isinstance(operand, self.classes):
                has_value = True
            elif not _is_number(operand):
                return None
        return given if has_value else None

    def _computed(self, meaning: Spelling, operands: Sequence[Any], result: object) -> None:
        """Record the result of an op if it is a new Value; x + 0 or x += 1 may return x itself."""
        if self.nodes.of(result) is not None:
            return
        for operand in operands:
            if operand is result:
                return
        args = tuple([self._node(operand) for operand in operands])
        self.nodes.add(result, meaning.op, args[::-1] if meaning.is_reflected else args)

    def _node(self, operand: object) -> TracedNode:
        """Return the node of an operand; a Value that was not recorded is a leaf."""
        node = self.nodes.of(operand)
        if node is None:
            if not isinstance(operand, self.classes):
                return self.nodes.const(operand)
            node = self.nodes.add(operand, LEAF)
        if node.op == LEAF:
            node.primal = self._primal(operand)
        return node

    def _primal(self, value: object) -> object:
        name = attribute(value, DATA)
        return None if name is None else getattr(value, name)

    # --- Values that no method made ------------------------------------------------------------

    def _constructed(self, value: object, args: list[Any], caller: FrameType) -> None:
        """Record a Value that was constructed outside of any known op.

        It is a leaf, or it was computed by a function or an unknown method. Then the constructor
        was given the operands, and the name of the function tells the op.
        """
        meaning = meaning_of(type(value).__name__)  # class Max(Value)
        ordered = self._operands(meaning, args) if meaning else None
        if meaning and ordered:
            self.nodes.add(value, meaning.op, tuple([self._node(operand) for operand in ordered]))
            return
        operands = self._children(value, args)
        if not operands:
            op = CONST if self._is_converted(args, caller) else LEAF
            node = self.nodes.add(value, op)
            node.primal, node.location = self._primal(value), _location(value, caller)
            return
        computed = self._called(operands, caller) or self._labelled(args, operands, caller)
        if computed is None:
            nodes = [self._node(operand) for operand in operands]
            self.nodes.add(value, UNKNOWN, tuple(nodes)).location = _location(value, caller)
            return
        op, ordered = computed
        self.nodes.add(value, op, tuple([self._node(operand) for operand in ordered]))

    def _children(self, value: object, args: list[Any]) -> list[Any]:
        """Return the Values passed to a constructor, without a first one that is only copied."""
        children: list[object] = []
        for i, arg in enumerate(args):
            inside = arg if isinstance(arg, (list, tuple, set, frozenset)) else (arg,)
            if i or inside is arg or type(arg) is not type(value):
                children.extend(child for child in inside if isinstance(child, self.classes))
        return children

    def _called(self, children: list[Any], caller: FrameType) -> tuple[str, Sequence[Any]] | None:
        """Return op and operands of a running function that is named like an op, if they fit."""
        frame: FrameType | None = caller
        for _ in range(_NEAR):
            if frame is None:
                break
            meaning = meaning_of(frame.f_code.co_name)
            operands = self._operands(meaning, _arguments(frame)) if meaning else None
            if meaning and operands and self._are_same(operands, children):
                return meaning.op, operands[::-1] if meaning.is_reflected else operands
            frame = frame.f_back
        return None

    def _are_same(self, operands: Sequence[Any], children: list[Any]) -> bool:
        values = {id(operand) for operand in operands if isinstance(operand, self.classes)}
        return values == {id(child) for child in children}

    def _labelled(
        self, args: list[Any], children: list[Any], caller: FrameType
    ) -> tuple[str, Sequence[Any]] | None:
        """Return the op that a label among the arguments names, if the function has no name."""
        texts = [arg for arg in args if isinstance(arg, str)]
        if not caller.f_code.co_name.startswith("<") or any(
            isinstance(arg, (set, frozenset)) and len(arg) > 1 for arg in args
        ):
            return None
        for text in texts:
            meaning = meaning_of(SYMBOLS.get(text, text))
            if meaning and meaning.takes(len(children)):
                return meaning.op, children
        return None

    def _is_converted(self, args: list[Any], caller: FrameType) -> bool:
        """Whether a method, or a function with the name of an op, converted a number to a Value."""
        given = _arguments(caller)
        first = given[0] if given else None
        if not any(isinstance(x, self.classes) for x in given):
            return False
        if meaning_of(caller.f_code.co_name) and args:
            return any(x is args[0] for x in given)
        method = getattr_static(type(first), caller.f_code.co_name, None)
        return getattr(method, "__code__", None) is caller.f_code

    def _own(self, value: Value) -> TracedNode:
        """Return the node of a Value of mgraph, which knows its own arguments."""
        nodes: dict[Value, TracedNode] = {}
        for ancestor in values_before([value]):
            args = tuple([nodes[arg] for arg in ancestor.args])
            known = self.nodes.of(ancestor)
            nodes[ancestor] = known or self.nodes.add(ancestor, ancestor.op, args)
        return nodes[value]


def _replace(cls: type, old: Mapping[str, object], new: Mapping[str, object]) -> None:
    """Replace attributes of a class, except those that the program has assigned meanwhile."""
    for name, value in new.items():
        if vars(cls).get(name, _MISSING) is not old[name]:
            continue
        if value is not _MISSING:
            setattr(cls, name, value)
        elif name in vars(cls):
            delattr(cls, name)


def _bind_like(member: object, wrapper: Callable[..., Any]) -> object:
    """Return a wrapper that is a static or class method if what it wraps is one."""
    return type(member)(wrapper) if isinstance(member, (staticmethod, classmethod)) else wrapper


def _nothing(*_: object, **__: object) -> None:
    """Do nothing, as `object.__init__`, because `__new__` took the arguments."""


def _location(value: object, frame: FrameType) -> str:
    code = frame.f_code
    return f"{type(value).__name__}(…) in {code.co_name}, {code.co_filename}:{frame.f_lineno}"


def _is_number(x: object) -> bool:
    if type(x) in _PLAIN:
        return True
    has = hasattr(type(x), "__float__") or hasattr(type(x), "__index__")
    return has and getattr(x, "size", 1) == 1


def _arguments(frame: FrameType) -> list[Any]:
    """Return the current values of the positional arguments of a running function."""
    code, local = frame.f_code, frame.f_locals
    names = code.co_varnames[: code.co_argcount]
    given = [local[name] for name in names if name in local]
    if code.co_flags & CO_VARARGS:
        rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
        given.extend(local.get(rest, ()))
    return given


def _seed(args: tuple[Any, ...]) -> float:
    """Return the seed that backward was given: its only number, else 1."""
    numbers = [arg for arg in args if not isinstance(arg, bool) and _is_number(arg)]
    return float(numbers[0]) if len(numbers) == 1 else 1.0
