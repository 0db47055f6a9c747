"""Ids for the numbers of a tensor, such as `fc1.weight[3][5]`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mgraph.format.ids import ID_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

_SUFFIX: Final = 10
"""Room for what makes two equal names differ."""

_UNFIT: Final = re.compile(r"[^A-Za-z0-9_./-]+")


class TensorIds:
    """TensorIds of tensors, each given once."""

    def __init__(self) -> None:
        """Start without any."""
        self._taken: dict[str, int] = {}

    def ids(self, name: str, shape: Sequence[int]) -> list[str]:
        """Return an id for each number of a tensor, in the order of C.

        Brackets stand for indices only, so tensors with different names have different ids. A name
        that is taken gets a number.
        """
        indices = indices_of(shape)
        longest = len(indices[-1]) if indices else 0
        if longest > ID_BYTES // 2:  # of 20 dimensions
            indices = indices_of([len(indices)])
            longest = len(indices[-1])
        prefix = self._unique(fit(name)[: ID_BYTES - longest - _SUFFIX])
        return [prefix + index for index in indices]

    def _unique(self, name: str) -> str:
        count = self._taken.get(name, 0)
        self._taken[name] = count + 1
        if not count:
            return name
        other = f"{name}_{count}"
        return self._unique(name) if other in self._taken else self._mark(other)

    def _mark(self, name: str) -> str:
        self._taken[name] = 1
        return name


def fit(name: str) -> str:
    """Return a name with what ids can't hold replaced by underscores, without brackets."""
    text = _UNFIT.sub("_", name).strip("/.") or "_"
    return text if text[0].isalpha() or text[0] == "_" else f"_{text}"


def indices_of(shape: Sequence[int]) -> list[str]:
    """Return `[0][0]`, `[0][1]` and so on."""
    texts = [""]
    for size in shape:
        texts = [f"{text}[{i}]" for text in texts for i in range(size)]
    return texts


def without_row(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape without the batch, which has one row: its index would say nothing."""
    return tuple(shape[1:] if len(shape) > 1 and shape[0] == 1 else shape)
