"""Options of the commands that a cluster can work for."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click
from click.core import ParameterSource

from mgraph.cli.parameters import GraphPath

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgraph.rows import ClusterAddress

F = TypeVar("F", bound="Callable[..., Any]")

_OPTIONS: Final = (
    click.option(
        "--cluster", "url", default="", metavar="ADDRESS",
        help="Let the workers of a Dask cluster do the work. ADDRESS is that of its scheduler: "
        "tls://HOST:PORT, or tcp://HOST:PORT on this machine.",
    ),
    click.option(
        "--tls-ca", type=GraphPath(), default="", metavar="FILE", envvar="MGRAPH_TLS_CA",
        show_envvar=True, help="For tls://: the certificate of the cluster's authority, as PEM.",
    ),
    click.option(
        "--tls-cert", type=GraphPath(), default="", metavar="FILE", envvar="MGRAPH_TLS_CERT",
        show_envvar=True, help="For tls://: a certificate for this command, as PEM.",
    ),
    click.option(
        "--tls-key", type=GraphPath(), default="", metavar="FILE", envvar="MGRAPH_TLS_KEY",
        show_envvar=True, help="For tls://: the key of this certificate, as PEM.",
    ),
    click.option(
        "--allow-unencrypted", is_flag=True,
        help="Let tcp:// lead to other machines: whoever can read or change what is sent can run "
        "programs on the workers.",
    ),
)  # fmt: skip


class ClusterOptions(NamedTuple):
    """What was said about a cluster."""

    url: str
    tls_ca: str
    tls_cert: str
    tls_key: str
    allow_unencrypted: bool

    def address(self, workers: int) -> ClusterAddress | None:
        """Return where the cluster is; None without one.

        Args:
            workers: The number of processes or threads of this machine.

        Raises:
            UsageError: It can't be used, or not together with these.
        """
        if not self.url:
            _check_unused()
            return None
        if workers > 1:
            message = "--workers is for this machine: a cluster has its own"
            raise click.UsageError(message)
        from mgraph.rows import ClusterAddress  # noqa: PLC0415 - an extra

        _silence_dask()
        options = self._asdict()
        if not self.url.startswith("tls:"):  # the environment may still name certificates
            unused = (name for name in options if name.startswith("tls_") and not _given(name))
            options |= dict.fromkeys(unused, "")
        try:
            return ClusterAddress(**options)
        except ValueError as error:
            raise click.UsageError(str(error)) from None


def _check_unused() -> None:
    """Refuse options about a cluster if there is none; the environment may always have them.

    Raises:
        UsageError: One was given.
    """
    for name in ClusterOptions._fields[1:]:
        if _given(name):
            message = f"--{name.replace('_', '-')} goes with --cluster ADDRESS"
            raise click.UsageError(message)


def _given(name: str) -> bool:
    """Whether an option is on the command line."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


def _silence_dask() -> None:
    """Keep what Dask logs from standard error: what matters is in our own errors."""
    with suppress(ImportError):  # which is an error of its own, later
        import distributed  # noqa: F401, PLC0415 - an extra, which sets the levels

        for name in ("distributed", "distributed.client", "tornado.application"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def cluster_options(command: F) -> F:
    """Add the options of a cluster to a command, as the parameter `on`."""

    @wraps(command)
    def with_cluster(**parameters: Any) -> Any:  # noqa: ANN401
        on = ClusterOptions(*(parameters.pop(name) for name in ClusterOptions._fields))
        return command(on=on, **parameters)

    result: Any = with_cluster
    for option in reversed(_OPTIONS):
        result = option(result)
    return result  # type: ignore[no-any-return]
