"""Find names for the Values of a program: where they were made, its variables, what these hold."""

from __future__ import annotations

from collections import Counter
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from mgraph.trace.nodes import TracedNode

_DEEPEST: Final = 8
_MOST: Final = 200_000  # objects to search


class Naming(NamedTuple):
    """The variables that may name nodes.

    Attributes:
        variables: The variables of the program, as they are in the end.
        loops: The variables of `for` loops among them, which may be left over: they name nothing.
        takes_others: Whether variables of functions, and those that were deleted, name nodes, too.
    """

    variables: Mapping[str, object]
    loops: Collection[str] = ()
    takes_others: bool = False


def names_of(
    nodes: Sequence[TracedNode],
    naming: Naming,
    index_of: Callable[[object], int | None],
    is_value: Callable[[object], bool],
    last: str | None = None,
) -> Iterator[tuple[int, str]]:
    """Yield names of nodes, by index, the best ones first; a node may have several.

    The variable to which a Value was assigned where it was made comes before other variables that
    hold it, and those before paths, which are Python expressions: `w[0]`, `model.layers[0].w`. Last
    come variables of functions, if only one node was assigned to them, or if it is the output; of
    the output also the one that held it when backward was called.

    Args:
        nodes: The nodes of the graph.
        naming: The variables.
        index_of: Returns the index of a Value in `nodes`; None if it is not there.
        is_value: Whether an object is a Value.
        last: The variable that held the output when backward was called; None if none did.
    """
    variables, loops, takes_others = naming
    made = [(i, site.variable, site) for i, node in enumerate(nodes) if (site := node.site)]
    assigned = [
        (i, name, site)
        for i, name, site in made
        if name and not name.startswith("_") and (takes_others or name in variables)
    ]
    public = {name: x for name, x in variables.items() if not name.startswith("_")}
    held = {name: index_of(x) for name, x in public.items() if is_value(x)}
    yield from ((i, name) for i, name, _ in assigned if held.get(name) == i)
    yield from ((i, name) for name, i in held.items() if i is not None and name not in loops)
    yield from ((i, name) for i, name, site in reversed(assigned) if not site.is_in_function)
    kept = {name: x for name, x in public.items() if name not in loops}
    paths = ((index_of(x), name) for name, x in _paths(kept, is_value))
    yield from ((i, name) for i, name in paths if i is not None)
    counts = Counter(name for _, name, _ in assigned)
    output = len(nodes) - 1
    yield from ((i, name) for i, name, _ in assigned if counts[name] == 1 or i == output)
    if takes_others and last:
        yield output, last


def _paths(
    variables: Mapping[str, object], is_value: Callable[[object], bool]
) -> Iterator[tuple[str, object]]:
    """Yield the Values in objects that variables hold, with their paths."""
    stack = [(name, x, 0) for name, x in reversed([*variables.items()]) if not is_value(x)]
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
