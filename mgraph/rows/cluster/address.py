"""The address of a cluster, and how connections to it are secured."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_EXAMPLE: Final = "write tcp://HOST:PORT or tls://HOST:PORT, for example tcp://localhost:8786"


@dataclass(frozen=True)
class ClusterAddress:
    """The scheduler of a Dask cluster.

    Whoever can connect to a scheduler can run programs on its workers. So connections to other
    machines are encrypted, and both sides show a certificate, unless you decide otherwise.

    Attributes:
        url: Its address: `tls://HOST:PORT`, or `tcp://HOST:PORT` on this machine.
        tls_ca: A PEM file with the certificate of the authority that has signed those of the
            cluster. This and the next two, where empty, are those of Dask's configuration.
        tls_cert: A PEM file with a certificate for this program.
        tls_key: A PEM file with its key; may be left out if the certificate's file has it.
        allow_unencrypted: Whether `tcp://` may lead to other machines.
        timeout: How many seconds to wait for the scheduler, and then for a worker.

    Raises:
        ValueError: It can't be used.
    """

    url: str
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    allow_unencrypted: bool = False
    timeout: float = 30.0

    def __post_init__(self) -> None:
        """Check it."""
        message = ""
        scheme, host = _parsed(self.url)
        if scheme not in ("tcp", "tls") or not host:
            message = f"{self.url!r} is not the address of a scheduler: {_EXAMPLE}"
        elif scheme == "tcp" and any(self.tls_files.values()):
            message = f"certificates are for tls://, and the address is {self.url!r}"
        elif scheme == "tcp" and not (self.allow_unencrypted or _is_here(host)):
            message = (
                f"{self.url!r} leads to another machine without encryption, and whoever can "
                "connect there can run programs on the workers: use tls://, or allow it with "
                "--allow-unencrypted (in Python allow_unencrypted=True)"
            )
        elif not self.timeout > 0.0:
            message = "timeout is a positive number of seconds"
        if message:
            raise ValueError(message)

    @property
    def tls_files(self) -> dict[str, str]:
        """The files of certificates, by what Dask calls them."""
        return {
            "tls_ca_file": self.tls_ca, "tls_client_cert": self.tls_cert,
            "tls_client_key": self.tls_key,
        }  # fmt: skip


def _parsed(url: str) -> tuple[str, str]:
    """Return scheme and host of an address with a port; empty texts for any other."""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.port) and not (parts.path or parts.query or parts.fragment)
    except ValueError:
        return "", ""
    return (parts.scheme, parts.hostname or "") if is_whole else ("", "")


def _is_here(host: str) -> bool:
    """Whether a host is this machine, and no network is between."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
