"""The columns that a batch is given: arrays of numbers, converted part by part where needed."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mgraph.errors import GraphError, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    Given = Mapping[Any, ArrayLike]
    """Numbers by id or tuple of ids; as a type, because mappings are invariant in their keys."""

_DOUBLE: Final = np.dtype(np.float64)
_PART: Final = 2**23
"""Bytes that are converted at once."""


class Table(NamedTuple):
    """The values of some leaves in each row.

    Attributes:
        ids: The ids of the leaves.
        arrays: Numbers of any type, [C, N], for C leaves each, in the order of `ids`.
        rows: N.
    """

    ids: tuple[str, ...]
    arrays: tuple[NDArray[Any], ...]
    rows: int

    @classmethod
    def of(cls, columns: Given) -> Table:
        """Check columns.

        Args:
            columns: Numbers [N] by id, or [C, N] by a tuple of C ids.

        Raises:
            GraphError: `number` if they are not numbers of these shapes, N differs, a leaf has
                two columns, or there are none.
        """
        arrays = [_array(ids, values) for ids, values in columns.items()]
        ids = _ids_of(tuple(columns))
        if not ids:
            message = "there are no columns"
            raise GraphError.of("number", message, expected="at least one column")
        rows = arrays[0].shape[1]
        if any(array.shape[1] != rows for array in arrays):
            sizes = (f"{_name(key)} {a.shape[1]:,}" for key, a in zip(columns, arrays, strict=True))
            message = f"the columns differ in length: {', '.join(sizes)}"
            raise GraphError.of("number", message, expected="one value per row in each")
        return cls(ids, tuple(arrays), rows)

    @property
    def part(self) -> int:
        """The number of rows to convert at once; no limit if nothing has to be converted."""
        size = 8 * sum(len(array) for array in self.arrays if not _is_ready(array))
        return max(1, _PART // size) if size else sys.maxsize

    def as_doubles(
        self, start: int, stop: int, addresses: NDArray[np.int64]
    ) -> list[NDArray[np.float64]]:
        """Let kernels read some rows of each column as doubles; what is not float64 is converted.

        Args:
            start: The first row.
            stop: The row after the last.
            addresses: int64[C], overwritten: where row 0 of each column is, or would be.

        Returns:
            The arrays at these addresses, to be kept alive.
        """
        parts, column = [], 0
        for array in self.arrays:
            is_ready = _is_ready(array)
            part = array if is_ready else np.array(array[:, start:stop], np.float64, order="C")
            address = part.__array_interface__["data"][0] - (0 if is_ready else 8 * start)
            own = addresses[column : column + len(part)]
            own[:] = address
            if len(part) > 1:
                own += part.strides[0] * np.arange(len(part))
            column += len(part)
            parts.append(part)
        return parts


def numbers(name: str, values: ArrayLike, dimensions: int = 1) -> NDArray[Any]:
    """Return numbers as an array, without a copy where there is one.

    Raises:
        GraphError: `number` if they are not numbers, or have another number of dimensions.
    """
    array = np.asarray(values)
    if array.ndim != dimensions or array.dtype.kind not in "fiu":
        shape = "x".join(map(str, array.shape)) or "one value"
        message = f"the column {quoted(name)} is {array.dtype}, {shape}"
        raise GraphError.of("number", message, expected=_EXPECTED[dimensions])
    return array


@lru_cache(maxsize=8)
def _ids_of(keys: tuple[str | tuple[str, ...], ...]) -> tuple[str, ...]:
    """Return the ids of all columns; the last few are kept, as small batches take microseconds.

    Raises:
        GraphError: `number` if one is given twice.
    """
    ids = tuple(name for key in keys for name in ((key,) if isinstance(key, str) else key))
    if len({*ids}) < len(ids):
        twice = next(name for i, name in enumerate(ids) if name in ids[:i])
        message = f"the column {quoted(twice)} is given twice"
        raise GraphError.of("number", message, expected="one column per leaf")
    return ids


_EXPECTED: Final = {1: "float64[N]", 2: "float64[C, N] for C ids"}


def _array(ids: str | tuple[str, ...], values: ArrayLike) -> NDArray[Any]:
    if isinstance(ids, str):
        return numbers(ids, values)[None]
    array = numbers(_name(ids), values, 2)
    if len(array) != len(ids):
        message = f"{_name(ids)} are {len(ids)} ids, but there are {len(array)} columns"
        raise GraphError.of("number", message, expected=_EXPECTED[2])
    return array


def _name(ids: str | tuple[str, ...]) -> str:
    """Return how messages name some columns."""
    if isinstance(ids, str):
        return ids
    return ids[0] if len(ids) == 1 else f"{ids[0]} … {ids[-1]}" if ids else "()"


def _is_ready(array: NDArray[Any]) -> bool:
    """Whether kernels can read rows where they are: doubles, one after the other."""
    is_dense = array.strides[1] == array.itemsize or array.shape[1] < 2  # noqa: PLR2004 - one row
    return is_dense and array.dtype == _DOUBLE and array.flags.aligned
