"""Gradient descent, step by step, from any step on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, inf, isfinite, isnan
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mgraph.codec.numbers import spelled
from mgraph.errors import GraphError
from mgraph.graph.run import LIBM
from mgraph.training.optimizers import clipped
from mgraph.training.row_order import order_of
from mgraph.training.row_tables import HeldTable
from mgraph.training.schedules import Schedule, rate_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from mgraph.training.data import Data
    from mgraph.training.objective import Assessment, Measures
    from mgraph.training.optimizers import Optimizer, State
    from mgraph.training.row_tables import RowTable

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Recipe:
    """What decides the steps, besides the rows.

    Attributes:
        optimizer: How a gradient becomes a step.
        lr: The learning rate of the first step.
        schedule: How it goes down.
        clip: The largest norm of a gradient; None for any.
        epochs: How often all rows are visited.
        batch_size: The rows of a step; None for all of them.
        random_seed: Decides the order of rows.
        patience: The epochs without a smaller validation loss after which training ends; None for
            no end before the last epoch.
        math: The library for exp, tanh and so on.
    """

    optimizer: Optimizer
    lr: float = 1e-3
    schedule: Schedule = Schedule.CONSTANT
    clip: float | None = None
    epochs: int = 100
    batch_size: int | None = None
    random_seed: int = 0
    patience: int | None = None
    math: str = LIBM


class Best(NamedTuple):
    """The epoch with the smallest validation loss so far.

    Attributes:
        epoch: Its number, from 1.
        loss: The validation loss after it.
        params: float64[P], after it.
    """

    epoch: int
    loss: float
    params: Floats


@dataclass(frozen=True)
class Snapshot:
    """Where training is, between two steps: all that later steps depend on.

    Attributes:
        step: How many steps are done.
        params: float64[P].
        state: What the optimizer keeps.
        best: The best epoch, if there is a patience.
    """

    step: int
    params: Floats
    state: State
    best: Best | None = None


class Descent:
    """The steps of one training.

    Attributes:
        steps: How many there are, if patience doesn't end them.
    """

    def __init__(
        self,
        objective: Measures,
        recipe: Recipe,
        data: Data,
        validation: RowTable | None = None,
    ) -> None:
        """Take what decides the steps.

        Args:
            objective: The loss.
            recipe: How it is made smaller.
            data: The rows to train on, in memory if a step does not take all of them.
            validation: The rows of the validation loss; None without one.
        """
        self._objective, self._recipe, self._data = objective, recipe, data
        self._table, self._validation = data.table, validation
        rows = data.table.count
        self._size = rows if recipe.batch_size is None else min(recipe.batch_size, rows)
        self.per_epoch = ceil(rows / self._size)
        self.steps = recipe.epochs * self.per_epoch
        self._epoch, self._places = 0, np.zeros(0, np.intp)
        self._measured: dict[bytes, Assessment] = {}

    def start(self, params: Floats) -> Snapshot:
        """Return the snapshot before the first step."""
        return Snapshot(0, params, self._recipe.optimizer.start(params.size))

    def rate(self, step: int) -> float:
        """Return the learning rate of the step after so many."""
        recipe = self._recipe
        return rate_of(recipe.schedule, recipe.lr, step, self.steps, recipe.math)

    @property
    def math(self) -> str:
        """The library for exp, tanh and so on."""
        return self._recipe.math

    def is_over(self, at: Snapshot) -> bool:
        """Whether there are no more steps."""
        patience, best = self._recipe.patience, at.best
        if patience is not None and best is not None and at.step % self.per_epoch == 0:
            return at.step >= self.steps or at.step // self.per_epoch - best.epoch >= patience
        return at.step >= self.steps

    def run(self, at: Snapshot) -> Iterator[tuple[Snapshot, Mapping[str, Any]]]:
        """Go on from a snapshot.

        Yields:
            The snapshot after each step, and the step's line in the log.

        Raises:
            GraphError: `number` if a loss is not finite.
        """
        while not self.is_over(at):
            epoch = at.step // self.per_epoch + 1
            rate = self.rate(at.step)
            with np.errstate(all="ignore"):  # entered once, which takes microseconds
                measured = self._objective.measure(at.params, self._batch(at.step, epoch))
                self.check(measured, at.step)
                grad, norm = clipped(measured.grad, self._recipe.clip)
                params, state = self._recipe.optimizer.step(at.params, grad, rate, at.state)
            at = Snapshot(at.step + 1, params, state, at.best)
            line = {"step": at.step, "epoch": epoch, "lr": rate, **told(measured), "norm": norm}
            if at.step % self.per_epoch == 0 and self._validation is not None:
                after = self.validate(params)
                line |= told(after, "validation_")
                at = self._with_best(at, epoch, after.loss)
            yield at, plain(line)

    def _batch(self, step: int, epoch: int) -> RowTable:
        """Return the rows of a step."""
        if not isinstance(self._table, HeldTable) or self._size == self._table.count:
            return self._table  # sums are exact, so that the order changes nothing
        if self._epoch != epoch:
            numbers = self._table.block.numbers
            order = order_of(self._recipe.random_seed, epoch, numbers)
            self._epoch, self._places = epoch, np.searchsorted(numbers, order)
        start = step % self.per_epoch * self._size
        return self._table.take(self._places[start : start + self._size])

    def _with_best(self, at: Snapshot, epoch: int, loss: float) -> Snapshot:
        before = at.best.loss if at.best else inf
        is_better = self._recipe.patience is not None and loss < before
        return replace(at, best=Best(epoch, loss, at.params)) if is_better else at

    def train_loss(self, params: Floats) -> Assessment:
        """Measure all rows to train on; the first and the last results are kept."""
        key = params.tobytes()
        if key not in self._measured:
            self._measured = dict([*self._measured.items()][:1])
            self._measured[key] = self._objective.measure(params, self._table, grad=False)
        return self._measured[key]

    def validate(self, params: Floats) -> Assessment:
        """Measure the validation rows."""
        assert self._validation is not None  # noqa: S101 - callers ask only if there are some
        return self._objective.measure(params, self._validation, grad=False)

    def check(self, measured: Assessment, step: int) -> None:
        """Check that a loss is finite.

        Args:
            measured: The loss; before the first step, that of all rows to train on.
            step: How many steps were made before.

        Raises:
            GraphError: `number` if it is not.
        """
        if isfinite(measured.loss):
            return
        what = "NaN" if isnan(measured.loss) else "infinite"
        if step:
            message = (
                f"the loss is {what} from step {step + 1:,} on: the learning rate is too large"
            )
            fix = f"try a smaller --lr (it was {self.rate(step - 1)!r}), or --clip 1"
        else:
            message = f"the loss is {what} before the first step"
            fix = "look for values in the rows or the params that the graph can't take"
            if measured.wrong:  # else, only the sum is too large
                message += f", because of {self._data.row_name(*measured.wrong)}"
        raise GraphError.of("number", message, expected="a finite loss", fix=fix)


def told(measured: Assessment, prefix: str = "") -> dict[str, Any]:
    """Return loss and, if there is one, accuracy, by name."""
    shown = {f"{prefix}loss": measured.loss}
    if measured.accuracy is not None:
        shown[f"{prefix}accuracy"] = measured.accuracy
    return shown


def plain(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return numbers by name as plain data: NaN and infinities as texts."""
    return {name: spelled(x) if isinstance(x, float) else x for name, x in numbers.items()}
