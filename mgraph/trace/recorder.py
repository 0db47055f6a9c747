"""Record Values by wrapping the operators, methods and constructors of their classes."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import wraps
from inspect import getattr_static
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from mgraph.trace.capture import Capture
from mgraph.trace.classes import is_value_like
from mgraph.trace.functions import Functions
from mgraph.trace.nodes import ancestry
from mgraph.trace.observer import Observer, is_number
from mgraph.trace.setters import noticing
from mgraph.trace.sites import program_frame, variable_with
from mgraph.trace.spellings import USUAL
from mgraph.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

    from mgraph.trace.spellings import Spelling, Spellings

_MISSING: Final = object()
_PATCHES: Final[list[tuple[Recorder, type]]] = []
"""Who wraps which class now, oldest first: each wraps what the ones before it left."""
_METHODS: Final = (FunctionType, staticmethod, classmethod)
_KEPT: Final = ("__del__", "__init__")


class Recorder(Observer):
    """Records how Values of some classes are computed, and their numbers after backward.

    Nothing is recorded while an op that mgraph knows is running: it becomes one node, however the
    engine computes it. Only one thread is recorded.

    Attributes:
        call: Which call of backward to capture, from 0; None for the last one.
        calls: The number of calls of backward so far.
        captured: The graph and the numbers after the captured call.
    """

    def __init__(self, call: int | None = None, spellings: Spellings = USUAL) -> None:
        """Start without classes."""
        super().__init__(spellings)
        self.call = call
        self.calls = 0
        self.captured: Capture | None = None
        self._of_roots: dict[int, Capture] = {}
        self._busy = False
        self._is_in_backward = False
        self._inner: list[tuple[object, Capture | None]] | None = None
        self._originals: dict[type, dict[str, object]] = {}
        self._wrappers: dict[type, dict[str, object]] = {}
        self._noticed: dict[type, None] = {}
        self._members: list[tuple[type, Mapping[str, object], int]] = []
        self._functions = Functions(spellings, self._backward_beside)

    # --- patching ------------------------------------------------------------------------------

    def watch(self, cls: type) -> None:
        """Wrap the methods of a class and its Value-like bases, which may make each other's Values.

        Raises:
            TypeError: The class can't be changed.
        """
        for base in reversed(cls.__mro__):
            if base not in self.classes and (base is cls or is_value_like(base, self.spellings)):
                self._patch(base)
                self.classes += (base,)
        self._functions.search(cls, self.classes)

    def _patch(self, cls: type) -> None:
        self._wrappers[cls], self._originals[cls] = {}, {}
        _PATCHES.append((self, cls))
        self._wrap(cls, dict(self._wrapped(cls)))

    def _wrap(self, cls: type, wrappers: Mapping[str, object]) -> None:
        originals = {key: vars(cls).get(key, _MISSING) for key in wrappers}
        self._wrappers[cls].update(wrappers)
        self._originals[cls].update(originals)
        _replace(cls, originals, wrappers)
        self._members = [
            (wrapped, vars(wrapped), len(vars(wrapped)))
            for wrapped in self._wrappers
            if wrapped is not Value
        ]

    def _restore(self, cls: type) -> None:
        _replace(cls, self._wrappers.pop(cls), self._originals.pop(cls))

    def _wrapped(self, cls: type) -> Iterator[tuple[str, object]]:
        yield "__del__", self._finalizer(cls)
        for name in dir(cls):
            wrapper = self._wrapper_of(cls, name)
            if wrapper is not None:
                yield name, wrapper
        if cls is not Value:  # mgraph's Value has its arguments in order and needs no recording
            yield "__init__", self._constructor(cls.__init__)  # type: ignore[misc]

    def _wrapper_of(self, cls: type, name: str) -> object:
        """Return the wrapper of a method that is an op or backward; None if there is none."""
        member = getattr_static(cls, name)
        owner = next((base for base in cls.__mro__ if name in vars(base)), cls)
        if not isinstance(member, _METHODS) or name in self._wrappers.get(owner, ()):
            return None
        if self.spellings.is_backward(name):
            return _bind_like(member, self._backward(_function_of(member)))
        meanings = self.spellings.meanings_of(name)
        return self._method(member, meanings) if meanings and cls is not Value else None

    def find_new_members(self) -> None:
        """Wrap ops and backward that the program has assigned to a class or module meanwhile."""
        for cls, members, size in self._members:
            if len(members) != size:
                names = [name for name in members if name not in self._wrappers[cls]]
                pairs = [(name, self._wrapper_of(cls, name)) for name in names]
                self._wrap(cls, {name: wrapper for name, wrapper in pairs if wrapper is not None})
                break
        self._functions.search_again(self.classes)

    def _notice_changes(self, value: object) -> None:
        """Notice from now on when the number of a Value of this class is set from outside."""
        cls = type(value)
        self._noticed[cls] = None
        name = self.attributes.data_name(value)
        if name is not None and cls in self._wrappers and cls is not Value:
            setter = noticing(cls, value, name, self._changed)
            self._wrap(cls, {} if setter is None else {name: setter})

    def _changed(self, value: object) -> None:
        if not self._busy:
            self.nodes.change(value, self.sites.of(program_frame()))

    def stop(self) -> None:
        """Restore the classes, and keep the existing Values.

        Other recorders may have wrapped the same classes since. They are taken off, too, and put
        back on: their wrappers must not keep this recorder's, and bring them back when they stop.
        """
        self.nodes.hold()
        self._busy = True  # the program may have kept wrappers, for example in a method of its own
        self._members = []
        self._functions.restore()
        first = next((i for i, (owner, _) in enumerate(_PATCHES) if owner is self), len(_PATCHES))
        patches = _PATCHES[first:]
        del _PATCHES[first:]
        for owner, cls in reversed(patches):
            owner._restore(cls)  # noqa: SLF001 - a recorder, too
        for owner, cls in patches:
            if owner is not self:
                owner._patch(cls)  # noqa: SLF001

    @contextmanager
    def _unwrapped(self, *, methods: bool) -> Iterator[None]:
        """Restore functions that run backward, and perhaps methods, for full speed and depth.

        Ops stay wrapped: a gradient that can be differentiated is computed by them.
        """
        before, self._is_in_backward = self._is_in_backward, methods
        for cls, originals in self._originals.items():
            _replace(cls, self._wrappers[cls], self._backwards(originals) if methods else {})
        self._functions.restore()
        try:
            yield
        finally:
            self._is_in_backward = before
            for cls, wrappers in self._wrappers.items():
                _replace(cls, self._originals[cls], self._backwards(wrappers) if methods else {})
            if self._originals:  # not stopped meanwhile
                self._functions.replace()

    def _backwards(self, members: Mapping[str, object]) -> dict[str, object]:
        return {name: x for name, x in members.items() if self.spellings.is_backward(name)}

    # --- wrappers ------------------------------------------------------------------------------

    def _finalizer(self, cls: type) -> Callable[[Any], None]:
        original = getattr(cls, "__del__", None)

        def finalizer(value: Any) -> None:  # noqa: ANN401
            self.nodes.forget(value)
            self._of_roots.pop(id(value), None)
            if original is not None:
                original(value)

        return finalizer

    def _constructor(self, original: Callable[..., None]) -> Callable[..., None]:
        initialise = _nothing if original is object.__init__ else original
        inside = self.nodes.inside

        @wraps(original)
        def constructor(value: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
            if self._busy:
                key = id(value)
                if self._originals and key not in inside:
                    caller = sys._getframe(1)  # noqa: SLF001
                    outer = caller.f_back or caller
                    while outer.f_code.co_filename == __file__ and outer.f_back:
                        outer = outer.f_back
                    inside[key] = self.sites.pair(caller, outer)
                return initialise(value, *args, **kwargs)
            self._busy = True
            try:
                initialise(value, *args, **kwargs)
            finally:
                self._busy = False
            if self.nodes.of(value) is None:
                if type(value) not in self._noticed:
                    self._notice_changes(value)
                self.find_new_members()
                self.constructed(value, [*args, *kwargs.values()], _caller())
            return None

        return constructor

    def _method(self, member: object, meanings: Sequence[Spelling]) -> object:
        original = _function_of(member)
        bound = isinstance(member, classmethod)
        first = meanings[0]
        others = meanings[1:]

        @wraps(original)
        def method(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            if self._busy:
                return original(*args, **kwargs)
            given = (*args[bound:], *kwargs.values()) if bound or kwargs else args
            meaning, operands = first, self.operands(first, given)
            if operands is None:
                matched = self.match(others, given)
                if matched is None:  # not the op of this name: record what it calls
                    return original(*args, **kwargs)
                meaning, operands = matched
            self._busy = True
            try:
                result = original(*args, **kwargs)
            finally:
                self._busy = False
            if isinstance(result, self.classes):
                self.computed(meaning, operands, result, _caller())
            return result

        return _bind_like(member, method)

    def _backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a method of a Value that runs the backward pass."""

        @wraps(original)
        def backward(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            given = [*args, *kwargs.values()]
            root = self._root(given)
            if root is None:
                return original(*args, **kwargs)
            if self._inner:  # not the first one that a function calls
                self._inner.append((root, None))
                return original(*args, **kwargs)
            capture = self._captured(root, given)
            with self._unwrapped(methods=True):
                result = original(*args, **kwargs)
                if capture:
                    capture.read()
                if self._inner is None:
                    self._end_backward(root, capture)
                else:
                    self._inner.append((root, capture))
            return result

        return backward

    def _backward_beside(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function, or a method of another class, that runs the backward pass.

        It may be the engine's, or call the engine's and change the gradients afterwards. It is the
        latter if it calls one method of the root.
        """

        @wraps(original)
        def backward(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            given = [*args, *kwargs.values()]
            root = self._root(given)
            if root is None or self._inner is not None:
                return original(*args, **kwargs)
            capture = self._captured(root, given)
            self._inner = inner = list[tuple[object, "Capture | None"]]()
            try:
                with self._unwrapped(methods=False):
                    result = original(*args, **kwargs)
                    own = inner[0][1] if len(inner) == 1 and inner[0][0] is root else None
                    if own and capture:
                        own.variable, capture = capture.variable, own  # that of the outer caller
                    elif capture:
                        capture.read()
                    self._end_backward(root, capture)
            finally:
                self._inner = None
            return result

        return backward

    def _root(self, given: Sequence[Any]) -> Any:  # noqa: ANN401
        """Return the Value from which a backward pass starts now; None if it has begun before."""
        if self._busy or self._is_in_backward:
            return None
        return next((x for x in given if isinstance(x, self.classes)), None)

    def _captured(self, root: object, given: Sequence[Any]) -> Capture | None:
        """Return the capture of a backward pass that is about to start, if it is the wanted one."""
        if self.call not in (None, self.calls):
            return None
        capture = self.capture(root, _seed(x for x in given if x is not root), self.calls)
        capture.variable = variable_with(root, program_frame())
        return capture

    def _end_backward(self, root: object, capture: Capture | None) -> None:
        self.calls += 1
        if capture:
            self.captured = self._of_roots[id(root)] = capture

    # --- graphs --------------------------------------------------------------------------------

    def capture(self, output: object, seed: float = 1.0, call: int | None = None) -> Capture:
        """Return the nodes that a Value was computed from; their numbers are read later.

        Args:
            output: The Value.
            seed: The adjoint that it starts with.
            call: The call of backward that will compute the adjoints; None if there is none.
        """
        root = self.own(output) if isinstance(output, Value) else self.node_of(output)
        return Capture(self, ancestry(root), seed, call)

    def capture_of(self, output: object) -> Capture:
        """Return the capture of backward from a Value, or else the Value as it is now.

        Gradients that backward from another Value left are not those of this one.
        """
        known = self._of_roots.get(id(output))
        if known is not None:
            return known
        capture = self.capture(output).read()
        if self.calls and self.call is None:
            capture.forget_gradients()
        return capture


def _replace(cls: type, old: Mapping[str, object], new: Mapping[str, object]) -> None:
    """Replace attributes of a class, except those that the program has assigned meanwhile."""
    for name, value in new.items():
        if vars(cls).get(name, _MISSING) is not old[name]:
            continue
        if value is not _MISSING:
            setattr(cls, name, value)
        elif name in vars(cls):
            delattr(cls, name)


def _function_of(member: object) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(member, "__func__", member)  # type: ignore[arg-type]
    return function


def _bind_like(member: object, wrapper: Callable[..., Any]) -> object:
    """Return a wrapper that is a static or class method if what it wraps is one."""
    return type(member)(wrapper) if isinstance(member, (staticmethod, classmethod)) else wrapper


def _nothing(*_: object, **__: object) -> None:
    """Do nothing, as `object.__init__`, because `__new__` took the arguments."""


def _caller() -> FrameType:
    """Return the frame that called a wrapper, also if several recorders wrap the same method."""
    frame = sys._getframe(2)  # noqa: SLF001
    while frame.f_code.co_filename == __file__ and frame.f_back:
        frame = frame.f_back
    return frame


def _seed(args: Iterator[Any]) -> float:
    """Return the seed that backward was given: its only number, else 1."""
    numbers = [arg for arg in args if not isinstance(arg, bool) and is_number(arg)]
    return float(numbers[0]) if len(numbers) == 1 else 1.0
