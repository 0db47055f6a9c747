"""Whether the workers of a cluster can do some work; others are refused by their addresses."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import mgraph
from mgraph.errors import Diagnostic, GraphError, printable
from mgraph.rows.cluster.tasks import SAME, do

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Future

    from mgraph.rows.cluster.connection import Connection


def check_workers(connection: Connection, work: Future) -> None:
    """Refuse workers that can't do some work. Those that join later are checked by `do` alone.

    Args:
        connection: The connection to the cluster.
        work: What `tasks.packed` returns.

    Raises:
        GraphError: `io`, with a diagnostic for each of them.
    """
    names = [*connection.client.scheduler_info(n_workers=-1)["workers"]]
    # without mgraph, a worker can't even receive functions of it, and would end
    tasks = [_on(connection, name, resolve_name, "mgraph:__version__") for name in names]
    pairs = zip(names, tasks, strict=True)
    faults = [fault for pair in pairs if (fault := _version_fault(connection, *pair))]
    if not faults:
        tasks = [_on(connection, name, do, work, None) for name in names]
        answers = connection.gathered(tasks)
        faults = [fault for answer in answers for fault in answer.faults]
    if faults:
        raise GraphError(faults)


def _on(connection: Connection, name: str, function: Callable[..., Any], *given: object) -> Future:
    """Call a function on one worker; or on another one, if it is gone meanwhile."""
    return connection.client.submit(
        function, *given, workers=[name], allow_other_workers=True, pure=False
    )


def _version_fault(connection: Connection, name: str, task: Future) -> Diagnostic | None:
    """Return what is wrong with the version of mgraph on a worker, if anything is."""
    try:
        (version,) = connection.gathered([task])
    except ImportError as error:
        what = f"no mgraph: {printable(str(error))}"
    else:
        if version == mgraph.__version__:
            return None
        what = f"mgraph {version}"
    message, expected = f"the worker {name} has {what}", f"mgraph {mgraph.__version__}, as here"
    return Diagnostic("io", message, expected=expected, fix=SAME, file=connection.url)
