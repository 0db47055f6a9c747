"""Making all steps of a training, with a log and checkpoints, and its results."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mgraph.errors import GraphError, printable
from mgraph.graph.run import EXACT_MATH, LIBM
from mgraph.training.descent import plain, told
from mgraph.training.predictor import predictor
from mgraph.training.run_folder import removal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mgraph.document import Graph
    from mgraph.training.descent import Descent, Snapshot
    from mgraph.training.run_folder import RunFolder
    from mgraph.training.scores import Judge
    from mgraph.training.split import Split

    Line = Mapping[str, Any]

_MINUTE: Final = 60.0


class Conduct(NamedTuple):
    """What does not change the bits of a training.

    Attributes:
        checkpoint_every: The steps between checkpoints; None for a minute.
        resume: Whether to go on from the last checkpoint.
        command: The command to keep; may be empty.
        workers: The number of threads.
        progress: Is called after each step with its line of the log, and the number of all steps.
        stop: Is called after each step; training stops if it returns True.
    """

    checkpoint_every: int | None
    resume: bool
    command: str
    workers: int
    progress: Callable[[Line, int], None]
    stop: Callable[[], bool]


@dataclass(frozen=True)
class TrainingJob:
    """A training that is ready to start.

    Attributes:
        graph: The graph.
        loss: The output that is the loss.
        names: The ids of the trained params.
        split: The rows.
        judge: How the class of a row is predicted; None without classes.
        descent: The steps.
        start: The snapshot before the first step.
        folder: Where log, checkpoints and results are written; None for nowhere.
        conduct: What does not change the bits.
        notes: What is odd about the rows, for people.
    """

    graph: Graph
    loss: str
    names: Sequence[str]
    split: Split
    judge: Judge | None
    descent: Descent
    start: Snapshot
    folder: RunFolder | None
    conduct: Conduct
    notes: tuple[str, ...] = ()

    def run(self) -> Trained:
        """Make all steps that are left, and return the results.

        Raises:
            GraphError: `io` if the folder can't be used; `number` if the loss is not finite.
        """
        self.descent.check(self.descent.train_loss(self.start.params), 0)
        if self.folder is None:
            log: list[Line] = []
            at = self.start
            for after, line in self._steps(self.start):
                at = after
                log.append(line)
            if self.descent.is_over(at):
                self.descent.check(self.descent.train_loss(at.params), at.step)
            return self._trained(at, (*log,), "")
        if self.conduct.resume:
            self.folder.last_checkpoint()  # else, no folder is made
        with self.folder.locked():
            if self.conduct.resume:
                at = self.folder.resume(self.start, self.descent.steps)
            else:
                self.folder.begin(self.conduct.command)
                at = self.start
            with self.folder:
                at, checkpoint = self._logged(self.folder, at)
            return self._trained(at, (), checkpoint)

    def _steps(self, at: Snapshot) -> Iterator[tuple[Snapshot, Line]]:
        """Yield each step, until they end or somebody stops them."""
        for after, line in self.descent.run(at):
            yield after, line
            self.conduct.progress(line, self.descent.steps)
            if self.conduct.stop():
                return

    def _logged(self, folder: RunFolder, at: Snapshot) -> tuple[Snapshot, str]:
        """Make the steps with a log and checkpoints.

        Returns:
            The last snapshot, and the path of its checkpoint.
        """
        saved, end = time.monotonic(), folder.length
        good, length = at, end
        if not self.conduct.resume:
            self._save(folder, at, end)
        try:
            for after, line in self._steps(at):
                good, length = at, end
                folder.log(line)
                at, end = after, folder.length
                if self._is_due(at.step, saved):
                    self._save(folder, at, end)
                    saved = time.monotonic()
            if self.descent.is_over(at):
                self.descent.check(self.descent.train_loss(at.params), at.step)
        except GraphError as error:
            if any(diagnostic.code == "number" for diagnostic in error.diagnostics):
                # `good` has the last params whose loss was finite
                kept = self._save(folder, good, length) if good.step else ""
                raise _stopped(error, folder.path, kept) from None
            with suppress(GraphError):  # the rows can't be read, or the folder can't be written to
                self._save(folder, at, end)
            raise
        return at, self._save(folder, at, folder.length)

    def _is_due(self, step: int, saved: float) -> bool:
        every = self.conduct.checkpoint_every
        return step % every == 0 if every else time.monotonic() > saved + _MINUTE

    def _save(self, folder: RunFolder, at: Snapshot, length: int) -> str:
        return folder.save(at, self.descent.rate(at.step), length)

    def _trained(self, at: Snapshot, log: tuple[Line, ...], checkpoint: str) -> Trained:
        """Return the results, and write them if training is over."""
        best = at if at.best is None else replace(at, params=at.best.params)
        graph, results = self._graph(best), self._results(best)
        is_finished = self.descent.is_over(at)
        model = predictor(graph, self.loss, self.split.standardized)
        if self.folder is not None and is_finished:
            self.folder.finish(graph, model, results)
        columns, notes = self.split.data.names, (*self.notes, *self._regrets(at))
        return Trained(graph, model, at.step, is_finished, results, log, checkpoint, columns, notes)

    def _regrets(self, at: Snapshot) -> Iterator[str]:
        """Yield that the params were better before the first step than after the best epoch."""
        if at.best is None:
            return
        before = self.descent.validate(self.start.params).loss
        if before < at.best.loss:
            yield (
                f"the validation loss was smaller before the first step, {before:.4g}, than after "
                f"the best epoch, {at.best.loss:.4g}: try a smaller learning rate"
            )

    def _graph(self, at: Snapshot) -> Graph:
        """Return the graph with trained params, and a run on the first row."""
        columns = self.graph.columns
        values = zip(self.names, at.params.tolist(), strict=True)
        columns = columns.with_data({columns.index[name]: value for name, value in values})
        metas = dict(columns.metas)
        for name, (mean, deviation) in self.split.standardized.items():
            old = metas.get(columns.index[name])
            note = {"standardized": {"mean": mean, "deviation": deviation}}
            metas[columns.index[name]] = {**old, **note} if isinstance(old, dict) else note
        graph = replace(self.graph, columns=replace(columns, metas=metas), runs=())
        data = self.split.data
        row = dict(zip(data.ids, self.split.first.tolist(), strict=True))
        math = EXACT_MATH if self.descent.math == EXACT_MATH else LIBM
        return graph.with_runs([graph.run(row, seed={self.loss: 1.0}, math=math)])

    def _results(self, at: Snapshot) -> dict[str, Any]:
        """Return losses and counts, as plain data."""
        descent, split, judge = self.descent, self.split, self.judge
        results = {
            "steps": at.step,
            "epochs": at.step // descent.per_epoch,
            **({"best_epoch": at.best.epoch} if at.best else {}),
            "trained": len(self.names),
            **split.as_json(),
            **({"threshold": judge.threshold} if judge and len(judge.scores) == 1 else {}),
            "before": plain(told(descent.train_loss(self.start.params))),
            "after": plain(told(descent.train_loss(at.params))),
        }
        if split.validation is not None:
            results["validation"] = plain(told(descent.validate(at.params)))
        return results


@dataclass(frozen=True, repr=False)
class Trained:
    """What came of training.

    Attributes:
        graph: The graph with the trained params, and a run on the first row.
        model: The trained network without its loss, whose outputs are the scores; None if the graph
            has no scores. It takes rows as they are, also with standardized inputs.
        steps: How many steps were made, those before a resumption included.
        is_finished: Whether that was all; False if it was stopped.
        results: Loss and accuracy before and after, rows, classes and so on, as plain data.
        log: A line for each step, as plain data; empty with a folder, which has them.
        checkpoint: The path of the last checkpoint; empty without a folder.
        columns: The name of the column of each leaf that has one, by id.
        notes: What is odd about the rows, for people.
        workers: How many workers of a cluster have taken part; 0 without a cluster.
    """

    graph: Graph
    model: Graph | None
    steps: int
    is_finished: bool
    results: Mapping[str, Any]
    log: tuple[Line, ...]
    checkpoint: str
    columns: Mapping[str, str]
    notes: tuple[str, ...] = ()
    workers: int = 0

    def __repr__(self) -> str:
        """Show counts, the loss before and after, and the notes."""
        before, after = (self.results[key]["loss"] for key in ("before", "after"))
        notes = f", notes={[*self.notes]}" if self.notes else ""
        return f"<Trained steps={self.steps}, loss={before!r} → {after!r}{notes}>"


def _stopped(error: GraphError, folder: str, kept: str) -> GraphError:
    """Return an error that says how to start again, and names the checkpoint that is kept."""
    note = f"; use another folder, or first remove this one: {removal_of(folder)}"
    note += f"; the params before are in {printable(kept)}" if kept else ""
    return GraphError(
        [replace(diagnostic, fix=diagnostic.fix + note) for diagnostic in error.diagnostics]
    )
