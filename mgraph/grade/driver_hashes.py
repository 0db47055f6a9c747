"""Gives an engine's objects hashes that don't depend on their addresses, for `driver.py`.

A set of objects with Python's own hash iterates in the order of their addresses in memory, which
are others in each process. With the hashes given here, a small set iterates in the order in which
its elements were added, or the other way round, every time.

Like the driver, this file needs nothing of mgraph, and runs on any Python from 3.8.
"""

from __future__ import annotations

import gc
import sys
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes time to import
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from mgraph.grade.driver_errors import OwnFiles

SHIFT = 40  # the lowest bits, which choose the place in a small set, are equal for all objects
HIGHEST = 2**SHIFT - 1
MOST_KEPT = 50_000
"""How many objects that can't be referenced weakly are kept alive at most."""


class Reference(weakref.ref):  # type: ignore[type-arg] # not generic in Python 3.8
    """A weak reference that knows the id of its object."""

    __slots__ = ("key",)


class SerialHashes:
    """Hashes by serial number: the order in which objects were hashed for the first time.

    An object keeps its hash as long as it lives. Objects are equal only to themselves, as before.
    """

    def __init__(self) -> None:
        """Start without any object."""
        self.table: dict[int, tuple[int, object]] = {}
        self.kept: list[int] = []
        self.serial = 0
        self.is_reversed = False
        self.is_unique = False
        self.hash = self.function()

    def function(self) -> Callable[[Any], int]:
        """Return the method `__hash__`; it is one function, to take one level of recursion only."""
        table, key_of, reference, forget = self.table, id, Reference, self.forget

        def __hash__(self_: Any) -> int:  # noqa: N807
            key = key_of(self_)
            if key in table:
                return table[key][0]
            number = HIGHEST - self.serial if self.is_reversed else self.serial << SHIFT
            self.serial += 1
            try:
                holder = reference(self_, forget)
                holder.key = key  # type: ignore[attr-defined]
            except TypeError:  # it has __slots__; while it lives, nothing else has its id
                holder = self_
                self.kept.append(key)
            table[key] = number, holder
            return number

        return __hash__

    def forget(self, reference: Any) -> None:
        """Drop an object that has ended, because another may get its id."""
        self.table.pop(reference.key, None)

    def restart(self, *, is_reversed: bool = False) -> int:
        """Give the first serial number to the next object, and return it.

        Where an engine says itself which objects are equal, no number is given twice.
        """
        self.is_reversed = is_reversed
        self.rewind(0)
        if len(self.kept) > MOST_KEPT:
            for key in self.kept:
                del self.table[key]
            self.kept.clear()
        return self.serial

    def rewind(self, serial: int) -> None:
        """Give this serial number to the next object, unless numbers must be unique."""
        if not self.is_unique:
            self.serial = serial

    def install(self, classes: Iterable[type], sample: object) -> None:
        """Give these classes the new hash, if theirs depends on addresses.

        Args:
            classes: Classes of the engine.
            sample: One of its Values; if its hash is its id, that is replaced, too.
        """
        changed: list[Any] = [kind for kind in classes if is_by_address(kind, sample)]
        if not changed:
            return
        self.note_existing(changed)
        for kind in changed:
            try:
                kind.__hash__ = self.hash
            except BaseException:  # noqa: BLE001, S112 - it is written in C, or its metaclass raises
                continue
            has_equals = kind.__eq__ is not object.__eq__
            self.is_unique = self.is_unique or has_equals

    def note_existing(self, classes: Iterable[type]) -> None:
        """Let objects that exist already keep their hashes: they may be in sets and dicts."""
        kinds = {id(kind) for kind in with_subclasses(classes)}
        for thing in gc.get_objects():
            if id(type(thing)) in kinds:
                try:
                    number = hash(thing)
                    holder: Any = Reference(thing, self.forget)
                    holder.key = id(thing)
                except TypeError:
                    holder = thing
                except BaseException:  # noqa: BLE001, S112 - it can't be in a set
                    continue
                self.table[id(thing)] = number, holder


def is_by_address(kind: type, sample: object) -> bool:
    """Whether the hash of a class is that of `object`, or the id that a method returns."""
    try:
        if issubclass(kind, (type, BaseException)):
            return False
        return kind.__hash__ is object.__hash__ or (
            isinstance(vars(kind).get("__hash__"), type(is_by_address))
            and type(sample).__hash__ is kind.__hash__
            and hash(sample) in (id(sample), object.__hash__(sample))
        )
    except BaseException:  # noqa: BLE001 - its metaclass or its method may raise anything
        return False


def classes_of(own: OwnFiles, sample: object) -> Iterator[type]:
    """Yield the classes that are written in the engine's own files, and those derived from them."""
    classes = [type(sample)]
    for module in [*sys.modules.values()]:
        try:
            names = object.__getattribute__(module, "__dict__")  # without loading a lazy module
            file = names.get("__file__")
            if isinstance(file, str) and file.endswith(".py") and file in own:
                classes += classes_in(names)
        except BaseException:  # noqa: BLE001, S112 - anything can be in sys.modules
            continue
    return with_subclasses(classes)


def classes_in(names: dict[str, Any]) -> list[type]:
    """Return the classes that are written in a module, given what it contains."""
    classes = [thing for thing in names.values() if issubclass(type(thing), type)]
    return [kind for kind in classes if kind.__module__ == names["__name__"]]


def with_subclasses(classes: Iterable[type]) -> Iterator[type]:
    """Yield classes and all that are derived from them, each once."""
    waiting = [*classes]
    done: dict[int, type] = {}
    while waiting:
        kind = waiting.pop()
        if id(kind) not in done:
            done[id(kind)] = kind
            waiting += type.__subclasses__(kind)
            yield kind
