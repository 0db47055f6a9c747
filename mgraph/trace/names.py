"""What a program calls its Values: its variables, and what they hold."""

from __future__ import annotations

from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_DEEPEST: Final = 8
_MOST: Final = 200_000  # objects that are looked at


def names_of(
    variables: Mapping[str, object], is_value: Callable[[object], bool]
) -> Iterator[tuple[str, object]]:
    """Yield the Values among some variables, and those within what they hold, with their names.

    Names are as Python would spell them: `w`, then `w[0]` and `model.layers[0].w`. Variables go
    first; what they hold follows in the order in which it is found.
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
            stack.extend((name + part, each, depth + 1) for part, each in reversed([*_parts_of(x)]))


def _parts_of(x: Any) -> Iterable[tuple[str, object]]:  # noqa: ANN401 - anything that programs hold
    """Return what an object holds, each with what stands behind the object's name."""
    if isinstance(x, (list, tuple)):
        return ((f"[{i}]", each) for i, each in enumerate(x))
    if isinstance(x, dict):
        return ((f"[{key}]", each) for key, each in x.items())
    if isinstance(x, (ModuleType, FunctionType, type)) or not hasattr(x, "__dict__"):
        return ()
    return ((f".{key}", each) for key, each in vars(x).items() if not str(key).startswith("_"))
