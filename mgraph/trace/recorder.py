"""Watch a class: its operators, methods and constructor tell which Value came from which."""

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
from mgraph.trace.engine import is_value_like
from mgraph.trace.nodes import LEAF, UNKNOWN, Nodes, TracedNode, ancestry, attribute
from mgraph.trace.spellings import DATA, SYMBOLS, is_backward, meaning_of
from mgraph.value import Value
from mgraph.value import ancestry as values_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

    from mgraph.trace.spellings import Spelling

_MISSING: Final = object()
_METHODS: Final = (FunctionType, staticmethod, classmethod)
_LISTS: Final = (list, tuple)
_PLAIN: Final = (float, int)
_NEAR: Final = 4  # calls between a function and the constructor that it reaches through helpers


class Recorder:
    """Records what Values of some classes are computed from, and what backward leaves in them.

    While something that mgraph knows runs, nothing else is recorded: it is one node, whatever it
    is made of. One thread only.

    Attributes:
        nodes: What is known of each living Value.
        classes: The classes that are watched.
        call: Which call of backward is captured, from 0; None for each, so that the last stays.
        calls: How many calls of backward there were.
        captured: The graph and the numbers after that call.
        captured_call: Which call that was.
    """

    def __init__(self, call: int | None = None) -> None:
        """Watch nothing yet."""
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
        """Wrap what a class has, and those that it comes from: they may make each other's Values.

        Raises:
            TypeError: It can't be changed.
        """
        for base in reversed(cls.__mro__):
            if base not in self.classes and (base is cls or is_value_like(base)):
                wrappers = dict(self._wrapped(base))
                originals = {key: vars(base).get(key, _MISSING) for key in wrappers}
                _put(base, wrappers)
                self._wrappers[base], self._originals[base] = wrappers, originals
                self.classes += (base,)

    def _wrapped(self, cls: type) -> Iterator[tuple[str, object]]:
        yield "__del__", self._finalizer(cls)
        for name in dir(cls):
            found = getattr_static(cls, name)
            owner = next((base for base in cls.__mro__ if name in vars(base)), cls)
            if not isinstance(found, _METHODS) or name in self._wrappers.get(owner, ()):
                continue
            if is_backward(name):
                yield name, self._backward(found)
            elif cls is not Value and (meaning := meaning_of(name)):
                yield name, self._method(found, meaning)
        if cls is not Value:  # ours keeps its arguments in order: nothing need be watched
            yield "__init__", self._constructor(cls.__init__)  # type: ignore[misc]

    def stop(self) -> None:
        """Leave the classes as they were; what lives now is kept, to be asked for."""
        self.nodes.hold()
        for cls in self.classes:
            _put(cls, self._originals[cls])

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """Let the classes run at their own speed, and to their own depth of recursion."""
        self._busy = True
        for cls in self.classes:
            originals = self._originals[cls]
            _put(cls, {name: originals[name] for name in originals if name != "__del__"})
        try:
            yield
        finally:
            self._busy = False
            for cls in self.classes:
                _put(cls, self._wrappers[cls])

    # --- what is put in the place of methods ---------------------------------------------------

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

    def _method(self, found: object, meaning: Spelling) -> object:
        original: Callable[..., Any] = getattr(found, "__func__", found)  # type: ignore[arg-type]
        bound = isinstance(found, classmethod)

        @wraps(original)
        def method(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            if self._busy:
                return original(*args, **kwargs)
            given = (*args[bound:], *kwargs.values()) if bound or kwargs else args
            operands = self._operands(meaning, given)
            if operands is None:  # not the op that mgraph knows by this name: look inside
                return original(*args, **kwargs)
            self._busy = True
            try:
                result = original(*args, **kwargs)
            finally:
                self._busy = False
            if isinstance(result, self.classes):
                self._computed(meaning, operands, result)
            return result

        return _as_found(found, method)

    def _backward(self, found: object) -> object:
        original: Callable[..., Any] = getattr(found, "__func__", found)  # type: ignore[arg-type]

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

        return _as_found(found, backward)

    # --- what they tell ------------------------------------------------------------------------

    def capture(self, output: object, seed: float = 1.0) -> Capture:
        """Return what led to a Value; its numbers are read later."""
        root = self._own(output) if isinstance(output, Value) else self._node(output)
        nodes = ancestry(root)
        return Capture(nodes, self.nodes.values(nodes), seed)

    def _operands(self, meaning: Spelling, given: Sequence[Any]) -> Sequence[Any] | None:
        """Return the operands in order; None if an op of this name does not take these."""
        if meaning.takes_lists:
            given = [*chain.from_iterable(x if type(x) in _LISTS else (x,) for x in given)]
        if not meaning.takes(len(given)):
            return None
        is_ours = False
        for each in given:
            if type(each) in _PLAIN:
                continue
            if isinstance(each, self.classes):
                is_ours = True
            elif not _is_number(each):
                return None
        return given if is_ours else None

    def _computed(self, meaning: Spelling, operands: Sequence[Any], result: object) -> None:
        """Remember the result of an op, if it is a new Value: x + 0 may be x, x += 1, too."""
        if self.nodes.of(result) is not None:
            return
        for each in operands:
            if each is result:
                return
        args = tuple([self._node(each) for each in operands])
        self.nodes.add(result, meaning.op, args[::-1] if meaning.is_reflected else args)

    def _node(self, operand: object) -> TracedNode:
        """Return the node of an operand: a Value that is not known yet is a leaf."""
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
        """Remember a Value that the constructor made outside of any op that is known.

        It is a leaf, or else a function or an unknown method has computed it: then it was given
        its operands, and the function's name says what it is.
        """
        meaning = meaning_of(type(value).__name__)  # class Max(Value)
        ordered = self._operands(meaning, args) if meaning else None
        if meaning and ordered:
            self.nodes.add(value, meaning.op, tuple([self._node(each) for each in ordered]))
            return
        operands = self._children(value, args)
        if not operands:
            op = CONST if self._is_converted(args, caller) else LEAF
            node = self.nodes.add(value, op)
            node.primal, node.place = self._primal(value), _place(value, caller)
            return
        found = self._called(operands, caller) or self._labelled(args, operands, caller)
        if found is None:
            nodes = [self._node(each) for each in operands]
            self.nodes.add(value, UNKNOWN, tuple(nodes)).place = _place(value, caller)
            return
        op, ordered = found
        self.nodes.add(value, op, tuple([self._node(each) for each in ordered]))

    def _children(self, value: object, args: list[Any]) -> list[Any]:
        """Return the Values that a constructor was given; the first may only be copied."""
        children: list[object] = []
        for i, arg in enumerate(args):
            inside = arg if isinstance(arg, (list, tuple, set, frozenset)) else (arg,)
            if i or inside is arg or type(arg) is not type(value):
                children.extend(each for each in inside if isinstance(each, self.classes))
        return children

    def _called(self, children: list[Any], caller: FrameType) -> tuple[str, Sequence[Any]] | None:
        """Return the op and the operands of the function that is running, if they fit."""
        frame: FrameType | None = caller
        for _ in range(_NEAR):
            if frame is None:
                break
            meaning = meaning_of(frame.f_code.co_name)
            operands = self._operands(meaning, _arguments(frame)) if meaning else None
            if meaning and operands and self._are_the_same(operands, children):
                return meaning.op, operands[::-1] if meaning.is_reflected else operands
            frame = frame.f_back
        return None

    def _are_the_same(self, operands: Sequence[Any], children: list[Any]) -> bool:
        values = {id(each) for each in operands if isinstance(each, self.classes)}
        return values == {id(each) for each in children}

    def _labelled(
        self, args: list[Any], children: list[Any], caller: FrameType
    ) -> tuple[str, Sequence[Any]] | None:
        """Return what a text among the arguments calls the op, if no function has a name."""
        texts = [each for each in args if isinstance(each, str)]
        if not caller.f_code.co_name.startswith("<") or any(
            isinstance(each, (set, frozenset)) and len(each) > 1 for each in args
        ):
            return None
        for text in texts:
            meaning = meaning_of(SYMBOLS.get(text, text))
            if meaning and meaning.takes(len(children)):
                return meaning.op, children
        return None

    def _is_converted(self, args: list[Any], caller: FrameType) -> bool:
        """Whether a method, or a function with the name of an op, made a Value of a number."""
        given = _arguments(caller)
        first = given[0] if given else None
        if not any(isinstance(each, self.classes) for each in given):
            return False
        if meaning_of(caller.f_code.co_name) and args:
            return any(each is args[0] for each in given)
        method = getattr_static(type(first), caller.f_code.co_name, None)
        return getattr(method, "__code__", None) is caller.f_code

    def _own(self, value: Value) -> TracedNode:
        """Return the node of one of mgraph's own Values, which knows what it came from."""
        nodes: dict[Value, TracedNode] = {}
        for each in values_before([value]):
            known = self.nodes.of(each)
            args = tuple([nodes[arg] for arg in each.args])
            nodes[each] = known or self.nodes.add(each, each.op, args)
        return nodes[value]


def _put(cls: type, attributes: Mapping[str, object]) -> None:
    for name, value in attributes.items():
        if value is _MISSING:
            delattr(cls, name)
        else:
            setattr(cls, name, value)


def _as_found(found: object, wrapper: Callable[..., Any]) -> object:
    """Return a wrapper that is bound as the method is that it wraps."""
    return type(found)(wrapper) if isinstance(found, (staticmethod, classmethod)) else wrapper


def _nothing(*_: object, **__: object) -> None:
    """Initialise as object does: a __new__ has done everything."""


def _place(value: object, frame: FrameType) -> str:
    code = frame.f_code
    return f"{type(value).__name__}(…) in {code.co_name}, {code.co_filename}:{frame.f_lineno}"


def _is_number(x: object) -> bool:
    if type(x) in _PLAIN:
        return True
    has = hasattr(type(x), "__float__") or hasattr(type(x), "__index__")
    return has and getattr(x, "size", 1) == 1


def _arguments(frame: FrameType) -> list[Any]:
    """Return the positional arguments of a running function, as they are now."""
    code, local = frame.f_code, frame.f_locals
    names = code.co_varnames[: code.co_argcount]
    given = [local[name] for name in names if name in local]
    if code.co_flags & CO_VARARGS:
        rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
        given.extend(local.get(rest, ()))
    return given


def _seed(args: tuple[Any, ...]) -> float:
    """Return the adjoint that backward was given for its output: its only number, else 1."""
    numbers = [each for each in args if not isinstance(each, bool) and _is_number(each)]
    return float(numbers[0]) if len(numbers) == 1 else 1.0
