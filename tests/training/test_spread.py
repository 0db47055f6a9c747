"""Sums over parts that others add up: any order of any parts, and every bit as before."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any, Self

import pytest

from mgraph import GraphError
from mgraph.build.network import mlp
from mgraph.training import data, driver, train
from tests.rows.lines import line
from tests.training.test_streaming import OPTIONS, everything, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from mgraph.rows import ClusterAddress
    from tests.command_line import Shell


class Elsewhere:
    """What stands for a cluster: another process, as far as pickle is concerned.

    Parts are finished in reverse order.
    """

    workers = 3

    def __init__(self, work: Any) -> None:  # noqa: ANN401 - of any job
        """Take the work as a worker gets it."""
        self.work = pickle.loads(pickle.dumps(work))  # noqa: S301 - our own

    def __enter__(self) -> Self:
        """Check it, as a worker does."""
        self.work.check()
        return self

    def __exit__(self, *_: object) -> None:
        """Keep nothing."""

    def kept(self, function: Callable[..., Any], arguments: Sequence[Any]) -> list[Any]:
        """Do parts."""
        call = pickle.loads(pickle.dumps(function))  # noqa: S301
        return [call(self.work, *pickle.loads(pickle.dumps(given))) for given in arguments]  # noqa: S301

    def __call__(
        self, function: Callable[..., Any], arguments: Sequence[Any]
    ) -> Iterator[tuple[int, Any]]:
        """Do parts, and yield the last one first."""
        yield from reversed([*enumerate(self.kept(function, arguments))])


class Workers:
    """The workers of such a cluster."""

    def __init__(self, address: ClusterAddress | str) -> None:
        """Take its address, as Python or the command line gives it."""
        assert getattr(address, "url", address) == "tls://elsewhere:1"

    def reach(self) -> None:
        """Be there."""

    def ready(self, work: Any) -> AbstractContextManager[Elsewhere]:  # noqa: ANN401
        """Take some work."""
        return Elsewhere(work)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of such a cluster, and read files in small parts."""
    monkeypatch.setattr(driver, "dask_workers", Workers)
    monkeypatch.setattr(data, "_PART_ROWS", 64)
    return "tls://elsewhere:1"


@pytest.mark.parametrize(
    "options", [{}, {"standardize": True, "validation": 0.1}, {"validation": "rows.csv"}]
)
def test_every_bit(mgraph: Shell, elsewhere: str, options: dict[str, Any]) -> None:
    """Params, log and results of a training, of rows in each format."""
    graph = mlp((2, 4, 3), loss="cross-entropy")
    for name in written(mgraph.folder):
        expected = everything(train(graph, name, **OPTIONS, **options))
        result = train(graph, name, cluster=elsewhere, **OPTIONS, **options)
        assert everything(result) == expected, name
        assert result.workers == 3


def test_folders_are_the_same(mgraph: Shell, elsewhere: str) -> None:
    """A training that was begun here goes on elsewhere; the number of workers is told only once."""
    mgraph.write("rows.csv", "x,y\n" + "".join(f"{i / 100!r},{i % 7!r}\n" for i in range(200)))
    line().to_file("line.json")
    options: Any = {"lr": 0.01, "checkpoint_every": 3}
    train(line(), "rows.csv", "whole", epochs=9, **options)
    steps = iter(range(9))
    train(line(), "rows.csv", "run", epochs=9, stop=lambda: next(steps) == 4, **options)
    train(line(), "rows.csv", "run", epochs=9, resume=True, cluster=elsewhere, **options)
    for name in ("final.json", "log.jsonl", "result.json"):
        assert mgraph.path(f"run/{name}").read_bytes() == mgraph.path(f"whole/{name}").read_bytes()
    command = ("train", "line.json", "rows.csv", "-o", "told", "--epochs", "2", "--json")
    spoken = mgraph(*command, "--cluster", elsewhere)
    assert (spoken.status, spoken.json["workers"]) == (0, 3)
    assert "workers" not in json.loads(mgraph.path("told/result.json").read_bytes())


def test_the_first_row_that_is_wrong(mgraph: Shell, elsewhere: str) -> None:
    """It is the first of all rows, although the parts are finished in reverse order."""
    rows = [f"{i},1\n" for i in range(300)]
    rows[70] = rows[200] = "inf,1\n"
    mgraph.write("rows.csv", "x,y\n" + "".join(rows))
    with pytest.raises(GraphError, match=r"because of row 70 of rows\.csv"):
        train(line(), "rows.csv", cluster=elsewhere)


def test_rows_that_change(mgraph: Shell, elsewhere: str) -> None:
    """They are refused before the next step, though workers hold them as they were."""
    mgraph.write("rows.csv", "x,y\n" + "1,2\n" * 100)
    steps = []

    def change(*step: object) -> None:
        steps.append(step)
        if len(steps) == 2:
            mgraph.write("rows.csv", "x,y\n" + "1,3\n" * 101)

    with pytest.raises(GraphError, match=r"rows\.csv has changed since the training began"):
        train(line(), "rows.csv", cluster=elsewhere, lr=0.01, progress=change)
    assert len(steps) == 2
