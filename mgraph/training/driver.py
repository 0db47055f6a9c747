"""Training a graph on the rows of a table."""

from __future__ import annotations

import math as libm
import os
from contextlib import nullcontext
from dataclasses import asdict, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mgraph.document import Graph, load
from mgraph.engine.tape.fingerprint import fingerprint
from mgraph.rows.cluster import dask_workers
from mgraph.rows.columns import bad_rows_named, names_in_blanks
from mgraph.rows.driver import check_apart
from mgraph.rows.files import RowFormat
from mgraph.rows.plan import versions
from mgraph.training.binding import RowReading
from mgraph.training.descent import Descent, Recipe
from mgraph.training.job import Conduct, Trained, TrainingJob
from mgraph.training.objective import Objective, loss_of, trained_params
from mgraph.training.optimizers import optimizer_of
from mgraph.training.run_folder import RunFolder, check_new
from mgraph.training.schedules import Schedule
from mgraph.training.split import Split, split_of, unstandardized
from mgraph.training.spread import SpreadObjective, spread
from mgraph.training.targets import doubtful_targets, judge_of, large_targets, without_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from mgraph.rows.cluster import ClusterAddress
    from mgraph.rows.cluster.dask import DaskWorkers
    from mgraph.training.optimizers import Method

    Line = Mapping[str, Any]


def train(  # noqa: PLR0913 - one keyword per choice
    graph: Graph | str | os.PathLike[str],
    rows: Any,  # noqa: ANN401 - names, or any table
    out: str | os.PathLike[str] | None = None,
    *,
    loss: str | None = None,
    train: Iterable[str] | None = None,
    optimizer: Method | str = "sgd",
    lr: float = 1e-3,
    schedule: Schedule | str = "constant",
    momentum: float | None = None,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float | None = None,
    clip: float | None = None,
    epochs: int = 100,
    batch_size: int | Literal["full"] | None = None,
    random_seed: int = 0,
    validation: Any = None,  # noqa: ANN401 - a share, or what rows can be
    patience: int | None = None,
    target: str | None = None,
    standardize: bool = False,
    accuracy: bool = False,
    columns: Mapping[str, str] | None = None,
    math: str = "libm",
    bad_rows: Literal["fail", "skip"] = "fail",
    format: RowFormat | str | None = None,  # noqa: A002 - as the option
    workers: int = 1,
    cluster: ClusterAddress | str | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    command: str = "",
    progress: Callable[[Line, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Trained:
    """Train the params of a graph on the rows of a table. Needs the extra `rows`.

    The same arguments give the same bits, whatever the machine, as long as its math library gives
    the same. docs/training.md has all formulas.

    Args:
        graph: The graph, or its file.
        rows: One or more names of files, folders, globs or URLs of Parquet, Arrow, CSV or JSON
            lines; or a binary stream; or a table, as `mgraph.rows.replay` takes it. Files whose
            rows take more than half of the available memory are read again in each step.
        out: A folder for the log, checkpoints and results; None writes nothing.
        loss: The output that is the loss; may be left out with one output.
        train: The ids of the params to train, in which `*` stands for any characters; None for all.
        optimizer: `"sgd"`, `"momentum"` (SGD with a momentum of 0.9), `"adam"` or `"adamw"`.
        lr: The learning rate of the first step.
        schedule: How it goes down: `"constant"`, `"linear"`, `"cosine"` or `"step"`.
        momentum: That of `"sgd"` (0.0) or `"momentum"` (0.9).
        betas: Those of Adam.
        eps: That of Adam.
        weight_decay: The weight decay: 0.01 for `"adamw"`, else 0.0.
        clip: The largest norm of a gradient; longer ones are shortened to it. None for any.
        epochs: How often all rows are visited.
        batch_size: The rows of a step, all of which are held in memory; None or `"full"` for all
            rows.
        random_seed: Decides the order of the rows, and which are for validation.
        validation: The share of the rows, from 0 to 1, or other rows, whose loss is measured after
            each epoch, and which are not trained on.
        patience: Stop after so many epochs without a smaller validation loss, and return the params
            of the best epoch.
        target: The column of classes, which become the inputs y, or y1 … yk.
        standardize: Subtract from each input its mean, and divide it by its standard deviation.
        accuracy: Measure the share of rows whose class is predicted.
        columns: The names of the columns of some leaves, by id; `""` for one that keeps its
            declared value. All others have the column of their own name, if there is one, else
            their declared value in every row.
        math: The library for `exp`, `tanh` and so on, as in `Replay.batch`.
        bad_rows: What to do about rows in which a value is missing or is not a number: `"fail"`
            raises an error, `"skip"` leaves them out.
        format: The format of streams, and of files whose extension does not tell it.
        workers: The number of threads. Nothing but the time depends on it, and a training can be
            resumed with another number.
        cluster: The address of the scheduler of a Dask cluster whose workers hold the rows, and
            take all of them in each step, such as `"tcp://localhost:8786"`; or a `ClusterAddress`,
            which has certificates, too. Needs the extra `cluster`, and rows in files.
        checkpoint_every: Write a checkpoint after each so many steps; None for one each minute.
        resume: Go on from the last checkpoint in the folder.
        command: The command to keep in the folder.
        progress: Is called after each step with its line of the log, and the number of all steps.
        stop: Is called after each step; training stops if it returns True.

    Raises:
        GraphError: Something is wrong with the graph, the rows or the folder; `number` if the loss
            is not finite, with the last checkpoint before that kept in the folder.
        MissingExtraError: pyarrow, NumPy, llvmlite, distributed or the math library is not
            installed.
        TypeError: The rows are none of these, or an option that is a number is not one.
        ValueError: An option is none of these.
    """
    graph = graph if isinstance(graph, Graph) else load(graph)
    batch_size = None if batch_size == "full" else batch_size
    _check_types(
        {"lr": lr, "clip": clip, "momentum": momentum, "eps": eps, "weight_decay": weight_decay},
        {"epochs": epochs, "batch_size": batch_size, "random_seed": random_seed,
         "patience": patience, "checkpoint_every": checkpoint_every, "workers": workers},
    )  # fmt: skip
    made = optimizer_of(
        optimizer, momentum=momentum, betas=betas, eps=eps, weight_decay=weight_decay
    )
    falls = Schedule(schedule)
    recipe = Recipe(made, lr, falls, clip, epochs, batch_size, random_seed, patience, math)
    name = None if out is None else os.fspath(out)
    how = Conduct(checkpoint_every, resume, command, workers, progress or _silent, stop or _never)
    _check(recipe, how, name, validation, bad_rows)
    on = None if cluster is None else _cluster(cluster, recipe, workers)
    if name is not None:
        _check_folder(name, rows, validation, resume=resume)
    if on is not None:
        on.reach()
    chosen = loss_of(graph.columns, loss)
    patterns = [train] if isinstance(train, str) else [*(train or ())]
    names = trained_params(graph.columns, chosen, patterns)
    kind = None if format is None else RowFormat(format)
    reading = RowReading(graph.columns, names, columns or {}, target, bad_rows == "skip", kind)
    split = split_of(
        rows, reading, validation, random_seed,
        standardize=standardize, streams=batch_size is None, workers=workers,
        spread=on is not None,
    )  # fmt: skip
    judge = judge_of(graph.columns, chosen, split, is_needed=accuracy)
    objective = Objective(
        graph.columns, chosen, names, split.data.ids,
        judge=judge if accuracy else None, math=math, workers=workers,
    )  # fmt: skip
    options = {"loss": chosen, "train": patterns, "accuracy": accuracy, **_options(recipe)}
    plan = _plan(graph, split, options, math)
    folder = None if name is None else RunFolder(name, plan, names)
    notes = (
        *_left_out(split),
        *without_scores(graph.columns, chosen, split),
        *large_targets(graph, chosen, split),
        *doubtful_targets(graph.columns, split),
        *unstandardized(graph.columns, split),
        *names_in_blanks(
            graph.columns, {*split.data.ids, *reading.columns, *names}, split.data.unused
        ),
    )
    with _measured(objective, split, on) as measured:
        descent = Descent(measured, recipe, split.data, split.validation)
        start = descent.start(_declared(graph, names))
        job = TrainingJob(graph, chosen, names, split, judge, descent, start, folder, how, notes)
        trained = job.run()
        if isinstance(measured, SpreadObjective):
            trained = replace(trained, workers=measured.workers)
    return trained


def _left_out(split: Split) -> Iterator[str]:
    """Yield which rows were left out."""
    for data in (split.data, split.other):
        if data is not None and data.bad:
            yield bad_rows_named(data.bad, data.skipped)


def _silent(_line: Line, _steps: int) -> None:
    """Report no progress."""


def _never() -> bool:
    return False


def _check(
    recipe: Recipe, how: Conduct, out: str | None, validation: object, bad_rows: str
) -> None:
    """Check the options.

    Raises:
        ValueError: An option can't be used.
    """
    counts = {
        "epochs": recipe.epochs, "batch_size": recipe.batch_size, "patience": recipe.patience,
        "checkpoint_every": how.checkpoint_every, "workers": how.workers,
    }  # fmt: skip
    few = next((name for name, count in counts.items() if count is not None and count < 1), "")
    rates = {"lr": recipe.lr, "clip": 1.0 if recipe.clip is None else recipe.clip}
    wrong = next((name for name, x in rates.items() if not (libm.isfinite(x) and x > 0.0)), "")
    share = validation if isinstance(validation, float) else 0.5
    message = ""
    if few:
        message = f"{few} is at least 1, not {counts[few]}"
    elif wrong:
        message = f"{wrong} is a positive finite number, not {rates[wrong]}"
    elif not 0.0 < share < 1.0:
        message = "validation is a share of the rows, above 0 and below 1, or other rows"
    elif recipe.patience is not None and validation is None:
        message = "patience looks at the validation loss: say what validation is"
    elif out is None and (how.resume or how.checkpoint_every):
        message = "resume and checkpoint_every need a folder"
    elif bad_rows not in ("fail", "skip"):
        message = 'bad_rows is "fail" or "skip"'
    if message:
        raise ValueError(message)


def _cluster(cluster: ClusterAddress | str, recipe: Recipe, workers: int) -> DaskWorkers:
    """Return the workers of a cluster.

    Raises:
        MissingExtraError: distributed is not installed.
        ValueError: The address can't be used, or what is asked for can't be done there.
    """
    message = ""
    if workers > 1:
        message = "workers are threads of this machine: a cluster has its own"
    elif recipe.batch_size is not None:
        message = "each step on a cluster takes all rows: leave out batch_size"
    if message:
        raise ValueError(message)
    return dask_workers(cluster)


def _measured(
    objective: Objective, split: Split, on: DaskWorkers | None
) -> AbstractContextManager[Objective | SpreadObjective]:
    """Return the objective, computed here or on a cluster."""
    if on is None:
        return nullcontext(objective)
    return spread(objective, (split.data.table, split.validation), on)


def _check_types(numbers: Mapping[str, object], integers: Mapping[str, object]) -> None:
    """Check the types of options that are numbers or None.

    Raises:
        TypeError: One of them is something else.
    """
    for name, value in numbers.items():
        if not isinstance(value, Real | None):
            message = f"{name} is a number, not {value!r}"
            raise TypeError(message)
    for name, value in integers.items():
        if not isinstance(value, Integral | None):
            message = f"{name} is an integer, not {value!r}"
            raise TypeError(message)


def _check_folder(out: str, rows: object, validation: object, *, resume: bool) -> None:
    """Check that a folder can be used.

    Raises:
        GraphError: `io` if it is among the rows, or has something in it and is not to be resumed.
    """
    check_apart(out, rows)
    check_apart(out, validation)
    if not resume:
        check_new(out)


def _options(recipe: Recipe) -> dict[str, Any]:
    """Return what decides the steps, as plain data."""
    optimizer = {**asdict(recipe.optimizer), "betas": [*recipe.optimizer.betas]}
    del optimizer["method"]
    elsewhere = ("optimizer", "math")
    own = {name: value for name, value in asdict(recipe).items() if name not in elsewhere}
    return {**own, "optimizer": str(recipe.optimizer.method), **optimizer}


def _plan(graph: Graph, split: Split, options: Mapping[str, Any], math: str) -> dict[str, Any]:
    """Return what decides all bits, as plain data."""
    library, sha256 = fingerprint(math, graph.version)
    return {
        "graph": graph.hash,
        "rows": split.digest,
        "options": dict(options),
        "math": {"library": library, "sha256": sha256},
        "versions": versions(),
    }


def _declared(graph: Graph, names: Sequence[str]) -> NDArray[np.float64]:
    """Return the declared values of params."""
    columns = graph.columns
    return np.array([columns.data[columns.leaf_index[columns.index[name]]] for name in names])
