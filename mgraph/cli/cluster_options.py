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
        is_tls = self.url.startswith("tls:")  # else, the environment may still name certificates
        files = (self.tls_ca, self.tls_cert, self.tls_key) if is_tls else ("", "", "")
        try:
            return ClusterAddress(self.url, *files, allow_unencrypted=self.allow_unencrypted)
        except ValueError as error:
            raise click.UsageError(str(error)) from None


def _check_unused() -> None:
    """Refuse options about a cluster if there is none; the environment may always have them.

    Raises:
        UsageError: One was given.
    """
    context = click.get_current_context()
    for name in ClusterOptions._fields[1:]:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            message = f"--{name.replace('_', '-')} goes with --cluster ADDRESS"
            raise click.UsageError(message)


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
