"""Classes: a column that says what each row is, as numbers for the targets of a graph."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mgraph.build.losses import target_ids
from mgraph.codec.missing import MISSING
from mgraph.errors import GraphError, printable, quoted, some
from mgraph.ops import INPUT
from mgraph.suggestions import closest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from mgraph.graph.columns import Columns

_MOST: Final = 1000
"""Different values of a column that are counted; with more, it is not a column of classes."""

_FEW: Final = 20
"""Classes for which a network is suggested; more are numbers, or names of rows."""


@dataclass(frozen=True)
class Classes:
    """The classes of rows, and how they become the targets y, or y1 … yk.

    Attributes:
        names: The classes in order, by number if all of them are numbers, else by their text.
        targets: The ids of the targets: one for two classes, or one for each class.
        off: The value of the targets of the classes that a row is not in; 1.0 is that of its own.
    """

    names: Sequence[Any]
    targets: Sequence[str]
    off: float

    def rows(self, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the targets of N rows, float64[T, N], from the number of the class of each."""
        on = range(1, 2) if len(self.targets) == 1 else range(len(self.targets))
        return np.stack([np.where(numbers == k, 1.0, self.off) for k in on])


def known_targets(graph: Columns) -> list[str]:
    """Return the targets of a graph: its inputs y1, y2 … if there are two of them, else y."""
    count = 0
    while _is_input(graph, f"y{count + 1}"):
        count += 1
    if count > 1:
        return target_ids(count)
    return ["y"] if _is_input(graph, "y") else []


def targets_of(graph: Columns) -> list[str]:
    """Return the targets of a graph that has some.

    Raises:
        GraphError: `run-node` if it has none.
    """
    if targets := known_targets(graph):
        return targets
    message = "the graph has no inputs for classes"
    expected = "an input y for two classes, or y1, y2 … for one class each"
    fix = "make a network with: mgraph new --mlp 2,16,1 --loss hinge"
    raise GraphError.of("run-node", message, expected=expected, fix=fix)


def _is_input(graph: Columns, name: str) -> bool:
    node = graph.index.get(name)
    return node is not None and graph.op(node) == INPUT


def off_value(graph: Columns) -> float:
    """Return the target of a class that a row is not in: -1.0 for a hinge loss, else 0.0."""
    targets = [graph.index[name] for name in known_targets(graph)]
    return -1.0 if any(_is_hinge(graph, node, targets) for node in range(len(graph))) else 0.0


def _is_hinge(graph: Columns, node: int, targets: Sequence[int]) -> bool:
    """Whether a node is relu or max of 1 - y·score, also written 1 + -y·score."""
    return any(
        _is_product(graph, product, targets)
        for margin in _args_of(graph, node, "relu", "max")
        for product in _args_of(graph, margin, "sub", "add", "sum")
    )


def _is_product(graph: Columns, node: int, targets: Sequence[int]) -> bool:
    """Whether a node is a product with a target, whatever their signs."""
    factors = _args_of(graph, _unsigned(graph, node), "mul")
    return any(_unsigned(graph, factor) in targets for factor in factors)


def _unsigned(graph: Columns, node: int) -> int:
    """Return the argument of a negation; of another node, itself."""
    return next(iter(_args_of(graph, node, "neg")), node)


def _args_of(graph: Columns, node: int, *ops: str) -> Sequence[int]:
    """Return the arguments of a node that has one of some ops; of another one, none."""
    return graph.arguments(node) if graph.op(node) in ops else ()


def has_class(labels: pa.Array) -> pa.BooleanArray:
    """Return which rows have a class: not those that are null, NaN, or a mark of a missing value.

    Args:
        labels: The values of the column of classes, as `decoded` returns them.
    """
    is_there, kind = labels.is_valid(), labels.type
    if pa.types.is_floating(kind):
        is_missing = pc.is_nan(labels)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        marks = pa.array(MISSING, kind)
        is_missing = pc.is_in(pc.utf8_trim_whitespace(labels), marks)
    else:
        return is_there
    return pc.and_not(is_there, pc.fill_null(is_missing, fill_value=False))


class ClassNames:
    """The different values of a column, in the order in which they first occur.

    Attributes:
        names: The values.
    """

    def __init__(self, column: str, graph: Columns) -> None:
        """Start without any.

        Args:
            column: The name of the column; empty without one.
            graph: The graph, whose targets tell how many there can be.
        """
        self.names: list[Any] = []
        self._column, self._graph = column, graph
        self._codes: dict[str, int] = {}

    def codes(self, labels: pa.Array) -> NDArray[np.int64]:
        """Return the index in `names` of the value of each row, int64[R].

        Args:
            labels: The values of R rows, none of them null, as `decoded` returns them.

        Raises:
            GraphError: `column` if there are far too many different ones, or they can't be
                compared.
        """
        try:
            encoded = labels.dictionary_encode()
            names = encoded.dictionary.to_pylist()
        except (pa.ArrowException, ImportError, ValueError):
            message = f"the column {quoted(self._column)} is {labels.type}"
            raise GraphError.of("column", message, expected="texts or numbers") from None
        own = np.array([self._code(name) for name in names], np.int64)
        if len(self.names) > max(_MOST, len(known_targets(self._graph))):
            counted = f"more than {_MOST:,} classes"
            raise _wrong_count(counted, self.names, self._column, self._graph)
        codes: NDArray[np.int64] = own[encoded.indices.to_numpy(zero_copy_only=False)]
        return codes

    def _code(self, name: object) -> int:
        code = self._codes.setdefault(str(name), len(self.names))
        if code == len(self.names):
            self.names.append(name)
        return code


def classes_of(values: Sequence[Any], name: str, graph: Columns) -> Classes:
    """Find the classes in a column.

    Args:
        values: The different values of the column.
        name: Its name.
        graph: The graph, which tells how many classes there can be.

    Raises:
        GraphError: `column` if there are more or fewer classes than targets.
    """
    targets = targets_of(graph)
    names = _distinct(values)
    if not 2 <= len(names) <= max(2, len(targets)):  # noqa: PLR2004 - classes
        counted = "only one class" if len(names) == 1 else f"{len(names):,} classes"
        raise _wrong_count(counted, names, name, graph)
    return Classes(names, targets, off_value(graph))


def _wrong_count(counted: str, names: Sequence[Any], column: str, graph: Columns) -> GraphError:
    """Build the error for a column with more or fewer classes than targets."""
    targets = targets_of(graph)
    most = max(2, len(targets))
    message = f"the column {quoted(column)} has {counted}: {_listed(names)}"
    between = "2" if most == 2 else f"2 to {most}"  # noqa: PLR2004 - classes
    expected = f"{between}, for the graph's {', '.join(targets)}"
    fix = "; ".join(_fixes(names, column, graph))
    return GraphError.of("column", message, expected=expected, fix=fix)


def _fixes(names: Sequence[Any], column: str, graph: Columns) -> Iterator[str]:
    """Yield what can be done about a wrong number of classes."""
    blurred = Counter(str(name).strip().casefold() for name in names)
    twice = next((key for key, count in blurred.items() if count > 1), None)
    targets = targets_of(graph)
    if len(names) == 1:
        yield "look at the rows, or name another column with --target"
    elif twice is not None:
        alike = [name for name in names if str(name).strip().casefold() == twice]
        yield f"write {' and '.join(map(quoted, alike))} alike if they are one class"
    elif len(targets) == 1 and not isinstance(_keys(names)[0], str):
        pair = shlex.quote(f"{targets[0]}={column}")
        yield f"for numbers, and not classes, use --column {printable(pair)}"
    if max(2, len(targets)) < len(names) <= _FEW:
        inputs = len(graph.inputs()) - len(targets)
        sizes = f"{inputs},16,{len(names)}"
        yield (
            f"for {len(names)} classes, use a network with {len(names)} scores: "
            f"mgraph new --mlp {sizes} --loss cross-entropy"
        )


def _listed(names: Sequence[Any]) -> str:
    return some(quoted(str(name)) for name in names)


def _distinct(names: Sequence[Any]) -> list[Any]:
    """Return classes in order: by number if all of them are numbers, else by their text.

    Numbers that are equal, such as 1 and 1.0, are one class.
    """
    keys = _keys(names)
    firsts = dict(zip(reversed(keys), reversed(names), strict=True))
    return [firsts[key] for key in sorted(firsts)]


def _keys(names: Sequence[Any]) -> list[Any]:
    """Return what classes are compared by: exact numbers if all are numbers, else texts."""
    try:
        numbers = [Decimal(str(name)) for name in names]
    except InvalidOperation:
        numbers = []
    return [*map(str, names)] if not numbers or any(x.is_nan() for x in numbers) else [*numbers]


def numbered(values: Sequence[Any], classes: Classes, name: str, shown: str) -> NDArray[np.int64]:
    """Return the number of the class of each of V different values, int64[V].

    Raises:
        GraphError: `column` if one is not among the classes.
    """
    index = {key: k for k, key in enumerate(_keys(classes.names))}
    is_number = not isinstance(next(iter(index)), str)
    keys = [_key(value, is_number=is_number) for value in values]
    unknown = next(
        (value for value, key in zip(values, keys, strict=True) if key not in index), None
    )
    if unknown is not None:
        message = f"{quoted(name)} is {quoted(unknown)} in {printable(shown)}"
        expected = f"one of the classes of the rows to train on: {_listed(classes.names)}"
        fix = did_you_mean(closest(str(unknown), [*map(str, classes.names)]))
        raise GraphError.of("column", message, expected=expected, fix=fix, file=shown)
    return np.array([index[key] for key in keys], np.int64)


def _key(name: object, *, is_number: bool) -> object:
    """Return what one class is compared by."""
    return _keys([name])[0] if is_number else str(name)
