"""Options that several commands share."""

from __future__ import annotations

from functools import wraps
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from mgraph.codec import LIMITS, Limits, parse_limit
from mgraph.document import ENGINES, MATHS
from mgraph.graph.run import Tolerance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

F = TypeVar("F", bound="Callable[..., Any]")


def limit_option(command: F, default: Limits = LIMITS, envvar: str | None = None) -> F:
    """Add `--limit NAME=N` to a command that reads files, as the parameter `limits`."""

    def limits_of(_ctx: click.Context, param: click.Parameter, texts: Sequence[str]) -> Limits:
        try:
            return default.raised(dict(map(parse_limit, texts)))
        except ValueError as error:
            raise click.BadParameter(str(error), param=param) from None

    return click.option(
        "--limit",
        "limits",
        metavar="NAME=N",
        multiple=True,
        envvar=envvar,
        callback=limits_of,
        help="Change a limit on what is read: size, nodes, depth, text, doc, args or runs. "
        "For example, --limit nodes=20000000.",
    )(command)


def engine_option(command: F) -> F:
    """Add `--engine` to a command."""
    return click.option(
        "--engine",
        type=click.Choice(ENGINES),
        default="auto",
        show_default=True,
        help="What runs the graph: Values, the compiled tape, or whichever suits its size.",
    )(command)


def math_option(command: F) -> F:
    """Add `--math` to a command that runs a graph."""
    return click.option(
        "--math",
        type=click.Choice(MATHS),
        help="Take exp, tanh and so on from the machine's math library (libm), or round each "
        "operation correctly (exact): then all machines get the same bits. Default: what the runs "
        "of GRAPH say.",
    )(command)


def token_option(command: F) -> F:
    """Add `--token` to a command that asks a server, as the parameter `token`."""
    return click.option(
        "--token",
        default="",
        metavar="TOKEN",
        envvar="MGRAPH_TOKEN",
        show_envvar=True,
        help="A token of mgraph token new, if the server wants one.",
    )(command)


def not_negative(_ctx: click.Context, param: click.Parameter, x: float | None) -> float | None:
    """Refuse a tolerance that is negative or not finite."""
    if x is not None and not (isfinite(x) and x >= 0.0):
        message = "a tolerance is 0 or a positive finite number, for example 1e-9"
        raise click.BadParameter(message, param=param)
    return x


_TOLERANCE: Final = (
    click.option(
        "--rel", type=float, callback=not_negative, metavar="X",
        help="Relative tolerance, for example 1e-9, instead of each run's own.",
    ),
    click.option(
        "--abs", "abs_", type=float, callback=not_negative, metavar="X",
        help="Absolute tolerance, for example 1e-12, instead of each run's own.",
    ),
)  # fmt: skip


def tolerance_options(command: F) -> F:
    """Add `--rel` and `--abs` to a command, as the parameter `tolerance`: None without them."""

    @wraps(command)
    def with_tolerance(*, rel: float | None, abs_: float | None, **parameters: Any) -> Any:  # noqa: ANN401
        tolerance = None if rel is None and abs_ is None else Tolerance(rel, abs_)
        return command(tolerance=tolerance, **parameters)

    result: Any = with_tolerance
    for option in reversed(_TOLERANCE):
        result = option(result)
    return result  # type: ignore[no-any-return]
