"""The objective: loss, gradient and accuracy of some rows, for any values of the trained params."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, replace
from functools import partial, reduce
from math import isfinite
from operator import add, itemgetter
from threading import local
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from mgraph.engine.tape.replay import Replay
from mgraph.engine.tape.sums import exact_sum, rounded_sum
from mgraph.errors import GraphError, quoted, some
from mgraph.ops import PARAM
from mgraph.ops.exact_sum import ExactSum
from mgraph.suggestions import closest, did_you_mean
from mgraph.training.row_tables import HeldTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from mgraph.engine.tape.replay import Batch, BoundSums
    from mgraph.graph.columns import Columns
    from mgraph.training.row_tables import RowBlock, RowTable
    from mgraph.training.scores import Judge

    Floats = NDArray[np.float64]


class Assessment(NamedTuple):
    """What some rows give.

    Attributes:
        loss: The mean loss: the exact sum, rounded, divided by the number of rows.
        accuracy: The share of rows whose class is predicted; None if it is not asked for.
        grad: The gradient of the loss, float64[P], or float64[0] if it is not asked for.
        wrong: The number and the values of the first row whose loss is not finite, if there is one.
    """

    loss: float
    accuracy: float | None
    grad: Floats
    wrong: tuple[int, Floats] | None


@dataclass(frozen=True)
class LossSums:
    """What some rows give, to be added to what others give, in any order.

    Attributes:
        rows: How many rows.
        loss: The sum of their losses.
        right: How many are in the class that is predicted.
        grads: The sum of the gradients of each param; empty if they are not asked for.
        wrong: As in `Assessment`.
    """

    rows: int
    loss: ExactSum
    right: int
    grads: Sequence[ExactSum]
    wrong: tuple[int, Floats] | None

    def __add__(self, other: LossSums) -> LossSums:
        """Add those of other rows."""
        wrong = [row for row in (self.wrong, other.wrong) if row]
        return LossSums(
            self.rows + other.rows, self.loss + other.loss, self.right + other.right,
            [a + b for a, b in zip(self.grads, other.grads, strict=True)],
            min(wrong, key=itemgetter(0), default=None),
        )  # fmt: skip


def loss_of(graph: Columns, name: str | None) -> str:
    """Return the output that is the loss: the one of that name, or the only one.

    Raises:
        GraphError: `output` if there are several, or none of that name.
    """
    outputs = [graph.ids[node] for node in graph.outputs]
    if name in outputs or (name is None and len(outputs) == 1):
        return name or outputs[0]
    if name is None:
        message, fix = "the graph has several outputs", "say with --loss which one is the loss"
    else:
        message = f"the loss {quoted(name)} is not an output of the graph"
        fix = did_you_mean(closest(name, outputs))
        fix = fix or "make a network with a loss: mgraph new --mlp 2,16,1 --loss mse"
    raise GraphError.of("output", message, expected=f"one of {some(outputs)}", fix=fix)


def trained_params(graph: Columns, loss: str, patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the params to train, in evaluation order: those that match, and change the loss.

    Args:
        graph: The graph.
        loss: The id of the loss.
        patterns: Ids of params, in which `*` stands for any characters; none for all params.

    Raises:
        GraphError: `run-node` if a pattern matches no param, or there are no params to train.
    """
    marks = graph.reached([graph.index[loss]])
    every = [graph.ids[node] for node in graph.leaves if graph.op(node) == PARAM]
    matches = [re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
               for pattern in patterns]  # fmt: skip
    for pattern, match in zip(patterns, matches, strict=True):
        if not any(map(match.fullmatch, every)):
            message = f"no param matches {quoted(pattern)}"
            fix = did_you_mean(closest(pattern, every)) or "only * is special; put quotes around it"
            raise GraphError.of("run-node", message, expected=f"some of {some(every)}", fix=fix)
    wanted = [name for name in every if not matches or any(m.fullmatch(name) for m in matches)]
    trained = tuple(name for name in wanted if marks[graph.index[name]])
    if not trained:
        message = f"the loss {quoted(loss)} depends on none of the params to train"
        expected = f"some of {some(every)}" if every else "a graph with params"
        raise GraphError.of("run-node", message, expected=expected)
    return trained


class Measures(Protocol):
    """A loss as a function of P params, whoever computes it."""

    def measure(self, params: Floats, table: RowTable, *, grad: bool = True) -> Assessment:
        """Run the graph over some rows.

        Args:
            params: float64[P].
            table: The rows.
            grad: Whether the gradient is wanted.

        Raises:
            GraphError: The rows can't be read again.
        """


class Objective:
    """A loss as a function of P trained params, over rows with C columns."""

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        graph: Columns,
        loss: str,
        trained: Sequence[str],
        columns: tuple[str, ...],
        *,
        judge: Judge | None = None,
        math: str = "libm",
        workers: int = 1,
    ) -> None:
        """Prepare a graph.

        Args:
            graph: The graph.
            loss: The output that is the loss.
            trained: The ids of the trained params, in evaluation order.
            columns: The ids of the leaves whose values are in the rows.
            judge: How accuracy is measured; None if it is not wanted.
            math: The library for `exp`, `tanh` and so on, as in `Replay.batch`.
            workers: The number of threads; nothing depends on it.

        Raises:
            MissingExtraError: The math library is not on this machine.
        """
        self._given = (graph, loss, trained, columns, judge, math)
        self._loss, self._workers = loss, workers
        self._scores = judge.scores if judge else ()
        self._targets = [columns.index(name) for name in judge.targets] if judge else []
        self._threshold = judge.threshold if judge else 0.0
        ids = dict.fromkeys((loss, *self._scores))
        outputs = tuple(graph.index[name] for name in ids)
        part = replace(graph, outputs=outputs)
        self._replays = _ThreadReplays(lambda: _ThreadReplay(part, loss, trained, columns, math))
        self._replays.here()  # whatever is missing is missed now

    def __reduce__(self) -> tuple[Any, ...]:
        """Take only what it was made of to other processes, which compile the graph again."""
        *given, judge, math = self._given
        return partial(Objective, judge=judge, math=math), (*given,)

    @property
    def math(self) -> str:
        """The name of the math library, as it was asked for."""
        return self._given[-1]

    def measure(self, params: Floats, table: RowTable, *, grad: bool = True) -> Assessment:
        """Run the graph over some rows, as `Measures` says."""
        if isinstance(table, HeldTable):
            return self._measure_block(params, table.block, grad=grad)
        return self.assessment(reduce(add, table.map(partial(self.added, params, grad))))

    def assessment(self, sums: LossSums) -> Assessment:
        """Return what all rows give, from the sums of all of them."""
        total = np.array([gradient.value for gradient in sums.grads])
        return self._assessment(sums.rows, sums.loss.value, sums.right, total, sums.wrong)

    def _measure_block(self, params: Floats, block: RowBlock, *, grad: bool) -> Assessment:
        """Run the graph over rows in memory, whose sums needn't be added to others."""
        replay = self._replays.here()
        bound = replay.bound(block) if grad and self._workers == 1 else None
        if bound:
            replay.set(params)
            outputs, total = bound.outputs, bound.run()
        else:
            batch = replay.run(params, block, self._workers, grad=grad)
            outputs, total = batch.outputs, batch.grad_array if grad else np.zeros(0)
        losses = outputs[self._loss]
        loss = rounded_sum(losses)
        wrong = None if isfinite(loss) else _first_wrong(losses, block)
        return self._assessment(losses.size, loss, self._right(outputs, block.values), total, wrong)

    def _assessment(
        self, rows: int, loss: float, right: int, grads: Floats, wrong: tuple[int, Floats] | None
    ) -> Assessment:
        """Divide sums by the number of rows."""
        accuracy = right / rows if self._scores else None
        return Assessment(loss / rows, accuracy, grads / float(rows), wrong)

    def added(self, params: Floats, grad: bool, blocks: Iterable[RowBlock]) -> LossSums:  # noqa: FBT001 - for `partial`
        """Add up what several blocks give."""
        replay = self._replays.here()
        total = LossSums(0, ExactSum(), 0, [ExactSum()] * (len(params) if grad else 0), None)
        for block in blocks:
            batch = replay.run(params, block, 1, grad=grad)
            losses = batch.outputs[self._loss]
            total += LossSums(
                losses.size, exact_sum(losses), self._right(batch.outputs, block.values),
                [*batch.sums.values()], _first_wrong(losses, block),
            )  # fmt: skip
        return total

    def _right(self, outputs: Mapping[str, Floats], values: Floats) -> int:
        """Return how many rows are in the class that is predicted."""
        if not self._scores:
            return 0
        scores = np.stack([outputs[name] for name in self._scores])
        targets = values[self._targets]
        if len(self._scores) == 1:
            right = (scores > self._threshold) == (targets > 0.0)
        else:
            right = scores.argmax(axis=0) == targets.argmax(axis=0)
        return int(np.count_nonzero(right))


def _first_wrong(losses: Floats, block: RowBlock) -> tuple[int, Floats] | None:
    """Return the number and the values of the first row whose loss is not finite, if any."""
    is_finite = np.isfinite(losses)
    if is_finite.all():
        return None
    row = int(is_finite.argmin())
    return int(block.numbers[row]), block.values[:, row].copy()


class _ThreadReplay:
    """A graph that is compiled for one thread."""

    def __init__(
        self, graph: Columns, loss: str, trained: Sequence[str], columns: tuple[str, ...], math: str
    ) -> None:
        """Compile it; the arguments are those of `Objective`."""
        self._loss, self._trained, self._columns, self._math = loss, trained, columns, math
        self._replay = Replay(graph)
        self._forward = copy.copy(self._replay)  # a replay keeps only its last kind of batch ready
        position = {name: i for i, name in enumerate(self._replay.param_ids)}
        self._at = np.array([position[name] for name in trained])
        self._old: Batch | None = None
        self._bound: dict[int, tuple[Floats, BoundSums | None]] = {}

    def set(self, params: Floats) -> None:
        """Set the trained params, for `bound`."""
        self._replay.param_primals[self._at] = params

    def bound(self, block: RowBlock) -> BoundSums | None:
        """Return what runs again over rows in memory that stays the same, if it can be bound.

        The last ones of each size are kept: an epoch has batches of two sizes.
        """
        values = block.values
        known, bound = self._bound.get(values.shape[1], (None, None))
        if known is not values:
            seed = {self._loss: 1.0}
            bound = self._replay.sums_of({self._columns: values}, self._trained, seed, self._math)
            self._bound[values.shape[1]] = values, bound
        return bound

    def run(self, params: Floats, block: RowBlock, workers: int, *, grad: bool) -> Batch:
        """Run some rows, for some values of the trained params."""
        replay = self._replay if grad else self._forward
        replay.param_primals[self._at] = params
        self._old = replay.batch(
            {self._columns: block.values},
            grad="sum" if grad else None,
            wrt=self._trained,
            seed={self._loss: 1.0},
            workers=workers,
            math=self._math,
            reuse=self._old,
        )
        return self._old


class _ThreadReplays(local):
    """The replay of each thread, made when it is first used there."""

    def __init__(self, make: Callable[[], _ThreadReplay]) -> None:
        """Take what makes one."""
        self._make = make
        self._made: _ThreadReplay | None = None

    def here(self) -> _ThreadReplay:
        """Return the replay of this thread."""
        if self._made is None:
            self._made = self._make()
        return self._made
