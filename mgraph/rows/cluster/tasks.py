"""What runs on the workers of a cluster: functions of some work, where the work can be done."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from distributed import get_worker

from mgraph.errors import Diagnostic, GraphError, MissingExtraError, printable
from mgraph.rows.plan import environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgraph.rows.workers import PartWork

_SHARED: Final = (
    "rows and output must have the same paths on all machines, as in a shared folder or in object "
    "storage"
)
SAME: Final = "install the same on all machines"
"""What to do about workers that are not like the driver."""


class WorkerAnswer(NamedTuple):
    """What a worker returns.

    Attributes:
        worker: The address of the worker.
        value: What the function has returned.
        faults: Why there is no value; empty if there is one.
    """

    worker: str
    value: Any
    faults: tuple[Diagnostic, ...] = ()


def packed(work: PartWork) -> bytes:
    """Return some work as bytes, with what its results depend on here."""
    return pickle.dumps((work.math, environment(work.math), pickle.dumps(work)))


def do(
    work: bytes,
    function: Callable[..., Any] | None,
    *arguments: Any,  # noqa: ANN401 - whatever the function takes
) -> WorkerAnswer:
    """Call a function of some work, on a worker.

    Args:
        work: As `packed` returns it.
        function: The function; None to find out only whether the work can be done here.
        arguments: What it takes after the work; for what another worker has done, its value.
    """
    here = get_worker().address
    done = [argument for argument in arguments if isinstance(argument, WorkerAnswer)]
    if failed := next((answer for answer in done if answer.faults), None):
        return failed
    try:
        prepared = _prepared(work)
        given = [
            argument.value if isinstance(argument, WorkerAnswer) else argument
            for argument in arguments
        ]
        return WorkerAnswer(here, function and function(prepared, *given))
    except GraphError as error:
        faults = error.diagnostics
    except OSError as error:  # which the driver would take for one of the connection
        faults = (Diagnostic("io", printable(str(error)) or type(error).__name__),)
    return WorkerAnswer(here, None, tuple(_placed(fault, here) for fault in faults))


@lru_cache(maxsize=2)
def _prepared(work: bytes) -> PartWork:
    """Return some work, unpacked and checked once for all of its parts.

    Raises:
        GraphError: `io` if it can't be done here.
    """
    math, needs, pickled = pickle.loads(work)  # noqa: S301 - from the driver, as all functions are
    try:
        here = environment(math)
    except MissingExtraError as error:
        raise GraphError.of("io", str(error), fix=SAME) from None
    for name, expected in needs.items():
        if here[name] != expected:
            message = f"{name} is {here[name]}"
            raise GraphError.of("io", message, expected=f"{expected}, as here", fix=SAME)
    prepared: PartWork = pickle.loads(pickled)  # noqa: S301
    prepared.check()
    return prepared


def _placed(fault: Diagnostic, worker: str) -> Diagnostic:
    """Say on which worker a file, or the worker itself, can't be used."""
    if fault.code != "io":
        return fault
    message = f"{fault.message} (on the worker {worker})"
    return replace(fault, message=message, fix=fault.fix or _SHARED)
