"""The connection to a Dask cluster, and what is gathered over it."""

from __future__ import annotations

from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distributed import Client, KilledWorker, Security, as_completed

from mgraph.codec.files import read_file
from mgraph.errors import GraphError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distributed import Future

    from mgraph.rows.cluster.address import ClusterAddress


@dataclass(frozen=True)
class Connection:
    """A connection to a scheduler.

    Attributes:
        url: The address of the scheduler.
        client: Dask's side of it.
    """

    url: str
    client: Client

    def finished(self, tasks: Sequence[Future]) -> Iterator[tuple[int, Any]]:
        """Yield the index of each task and what it returns, as soon as it is finished.

        Tasks that are not finished when somebody loses interest are cancelled.

        Raises:
            GraphError: As for `gathered`.
        """
        at = {task.key: index for index, task in enumerate(tasks)}
        try:
            for batch in as_completed(tasks, loop=self.client.loop).batches():
                for task, value in zip(batch, self.gathered(batch), strict=True):
                    yield at[task.key], value
        except BaseException:
            self.client.cancel(tasks)
            raise

    def gathered(self, tasks: Sequence[Future]) -> list[Any]:
        """Return what tasks return.

        Raises:
            GraphError: `io` if the scheduler is gone, or a task has cost several workers.
        """
        try:
            results: list[Any] = self.client.gather(tasks)
        except KilledWorker as error:
            message = f"several workers were lost while they did the same part: {_line(error)}"
            fix = "their logs may say why; if they had too little memory, try fewer --part-rows"
        except (CancelledError, OSError):
            message = "lost the connection to the scheduler"
            fix = "when it is running again, use the same command with --resume"
        else:
            return results
        raise GraphError.of("io", message, fix=fix, file=self.url)


@contextmanager
def connected(address: ClusterAddress) -> Iterator[Connection]:
    """Connect to a scheduler that has workers, for a `with` block.

    Raises:
        GraphError: `io` if it can't be reached, or has none.
    """
    with _client(address) as client:
        wait = address.timeout
        try:
            client.wait_for_workers(1, timeout=wait)
        except (TimeoutError, OSError, CancelledError):
            message = f"the scheduler has had no workers for {wait:g} s"
            fix = f"start some, on machines that have mgraph: dask worker {printable(address.url)}"
            raise GraphError.of("io", message, fix=fix, file=address.url) from None
        yield Connection(address.url, client)


def _client(address: ClusterAddress) -> Client:
    """Connect to a scheduler.

    Raises:
        GraphError: `io` if it can't be reached, or its certificates can't be used.
    """
    url, wait = address.url, address.timeout
    security = _security(address)
    try:
        return Client(url, timeout=wait, security=security, set_as_default=False)
    except (OSError, TypeError, ValueError) as error:
        message = f"can't reach the scheduler within {wait:g} s: {_line(error)}"
        fix = "is it running, and does it speak TLS if, and only if, the address is tls://…?"
        raise GraphError.of("io", message, fix=fix, file=url) from None


def _security(address: ClusterAddress) -> Security:
    """Return how a connection is secured.

    Raises:
        GraphError: `io` if files for TLS are not named, or can't be used.
    """
    is_tls = address.url.startswith("tls:")
    files = {name: file or None for name, file in address.tls_files.items()}
    security = Security(require_encryption=is_tls, **files)
    if is_tls:
        _check_certificates(security, address.url)
    return security


def _check_certificates(security: Security, url: str) -> None:
    """Read the files for TLS, which may be those of Dask's configuration.

    Without that, Dask tries for its whole timeout to connect, and doesn't say which file is wrong.

    Raises:
        GraphError: `io`.
    """
    ca, cert, key = security.tls_ca_file, security.tls_client_cert, security.tls_client_key
    if not (ca and cert):
        missing = "--tls-cert" if ca else "--tls-ca"
        message = f"tls:// needs certificates on both sides, and {missing} is not given"
        fix = "give --tls-ca, --tls-cert and --tls-key (in Python tls_ca, tls_cert and tls_key)"
        raise GraphError.of("io", message, fix=fix, file=url)
    files = [file for file in (ca, cert, key) if file and "\n" not in file]  # else, it is the PEM
    for file in files:
        read_file(file)
    try:
        security.get_connection_args("client")
    except OSError as error:  # OpenSSL's are, too
        message = f"can't use {printable(', '.join(dict.fromkeys(files)))}: {_line(error)}"
        expected = "certificates and their key as PEM"
        raise GraphError.of("io", message, expected=expected, file=url) from None


def _line(error: BaseException) -> str:
    """Return the first line of an error, or at least what kind it is."""
    return printable(str(error).strip().partition("\n")[0]) or type(error).__name__
