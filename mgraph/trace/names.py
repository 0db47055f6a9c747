"""Find names for the Values of a program: its variables, and paths into what they hold."""

from __future__ import annotations

from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_DEEPEST: Final = 8
_MOST: Final = 200_000  # objects to search


def names_of(
    variables: Mapping[str, object], is_value: Callable[[object], bool]
) -> Iterator[tuple[str, object]]:
    """Yield the Values that variables hold, directly or in other objects, with their names.

    Names are Python expressions: `w`, then `w[0]` and `model.layers[0].w`. Values held directly by
    variables come first.
    """
    public = [(name, x) for name, x in variables.items() if not name.startswith("_")]
    yield from ((name, x) for name, x in public if is_value(x))
    stack = [(name, x, 0) for name, x in reversed(public) if not is_value(x)]
    seen: dict[int, object] = {}
    while stack and len(seen) < _MOST:
        name, x, depth = stack.pop()
        if is_value(x):
            yield name, x
        elif id(x) not in seen and depth < _DEEPEST:
            seen[id(x)] = x
            parts = reversed([*_parts_of(x)])
            stack.extend((name + suffix, part, depth + 1) for suffix, part in parts)


def _parts_of(x: Any) -> Iterable[tuple[str, object]]:  # noqa: ANN401 - any object of a program
    """Return the parts of an object, each with the suffix to the object's name."""
    if isinstance(x, (list, tuple)):
        return ((f"[{i}]", part) for i, part in enumerate(x))
    if isinstance(x, dict):
        return ((f"[{key}]", part) for key, part in x.items())
    if isinstance(x, (ModuleType, FunctionType, type)) or not hasattr(x, "__dict__"):
        return ()
    return ((f".{key}", part) for key, part in vars(x).items() if not str(key).startswith("_"))
