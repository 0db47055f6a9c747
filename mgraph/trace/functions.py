"""Functions and methods beside the engine's class that run the backward pass."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mgraph.trace.spellings import Spellings


class Functions:
    """Wraps functions such as `backward(loss)`, and methods such as `tape.backward(loss)`.

    They are looked for in the module of the engine's class and in the script. A function is
    replaced in every module that has it.
    """

    def __init__(
        self, spellings: Spellings, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]
    ) -> None:
        """Take the names, and what wraps a function."""
        self._spellings = spellings
        self._wrap = wrap
        self._spaces: list[tuple[dict[str, Any], int]] = []
        self._places: list[tuple[Any, str, Any, Any]] = []  # owner, name, original, wrapper

    def search(self, cls: type, classes: Sequence[type]) -> None:
        """Wrap the functions beside a class and in the script."""
        for name in (cls.__module__, "__main__"):
            space = getattr(sys.modules.get(name), "__dict__", None)
            if space is not None and not any(space is known for known, _ in self._spaces):
                self._spaces.append((space, 0))
        self.search_again(classes)

    def search_again(self, classes: Sequence[type]) -> None:
        """Wrap the functions that were defined since."""
        for i, (space, size) in enumerate(self._spaces):
            if len(space) != size:
                for function in [*self._in(space, size, classes)]:
                    if not any(function in replacement[2:] for replacement in self._places):
                        self._replace_everywhere(function)
                self._spaces[i] = space, len(space)

    def _in(
        self, space: dict[str, Any], first: int, classes: Sequence[type]
    ) -> Iterator[FunctionType]:
        for name, thing in [*space.items()][first:]:
            if isinstance(thing, FunctionType) and self._spellings.is_backward(name):
                yield thing
            elif isinstance(thing, type) and thing.__module__ == space.get("__name__"):
                self._find_methods(thing, classes)

    def _find_methods(self, cls: type, classes: Sequence[type]) -> None:
        """Wrap the methods of a class beside the engine's, such as a tape."""
        members = [] if cls in classes else [*vars(cls).items()]
        for name, x in members:
            if isinstance(x, FunctionType) and self._spellings.is_backward(name):
                self._places.append((cls, name, x, self._wrap(x)))
        self.replace()

    def _replace_everywhere(self, function: FunctionType) -> None:
        wrapper = self._wrap(function)
        for module in [*sys.modules.values()]:
            names = [name for name, x in [*vars(module).items()] if x is function]
            self._places.extend((module, name, function, wrapper) for name in names)
        self.replace()

    def replace(self) -> None:
        """Put the wrappers in place."""
        for owner, name, original, wrapper in self._places:
            if vars(owner).get(name) is original:
                setattr(owner, name, wrapper)

    def restore(self) -> None:
        """Put the functions of the program back."""
        for owner, name, original, wrapper in self._places:
            if vars(owner).get(name) is wrapper:
                setattr(owner, name, original)
