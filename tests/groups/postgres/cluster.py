"""A cluster of PostgreSQL of our own: made in a new folder, started, killed and started again."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg

from tests.groups.needs import INITDB

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BIN: Final = Path(next(filter(None, map(shutil.which, INITDB)))).resolve().parent
USER: Final = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
PASSWORD: Final = "correct:horse@battery/staple?"  # noqa: S105 - of a database that tests make
"""Has every character that means something in an address."""

_AS_USER: Final[Any] = (
    {"user": USER, "group": pwd.getpwnam(USER).pw_gid, "extra_groups": []}
    if os.geteuid() == 0
    else {}
)
_SETTINGS: Final = {
    "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
    "max_connections": "60", "shared_buffers": "32MB", "log_min_messages": "error",
}  # fmt: skip


class Cluster:
    """A cluster, as PostgreSQL calls a server with its databases."""

    def __init__(self, folder: Path, primary: Cluster | None = None) -> None:
        """Make it in a folder of the user of PostgreSQL: a new one, or a standby of another."""
        self.folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        if primary is None:
            self._initialize()
        else:
            data, port = str(folder / "data"), str(primary.port)
            host = ("--host", str(primary.folder), "--port", port, "--username", USER)
            command = ("--pgdata", data, "--write-recovery-conf", "--checkpoint", "fast")
            self.run("pg_basebackup", *host, *command)

    def _initialize(self) -> None:
        folder = self.folder
        secret = folder / "password"
        secret.write_text(PASSWORD)
        os.chown(secret, *_owner())
        self.run(
            "initdb", "--pgdata", str(folder / "data"), "--encoding", "UTF8", "--locale", "C.UTF-8",
            "--username", USER, "--auth-local", "trust", "--auth-host", "scram-sha-256",
            "--pwfile", str(secret), "--no-sync",
        )  # fmt: skip

    def run(self, program: str, *arguments: str) -> bytes:
        """Run one of PostgreSQL's programs as its user, and return what it prints."""
        done = subprocess.run(
            [BIN / program, *arguments], cwd=self.folder, check=False, capture_output=True,
            **_AS_USER,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        printed: bytes = done.stdout
        return printed

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {**_SETTINGS, "unix_socket_directories": str(self.folder)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        data = str(self.folder / "data")
        command = [str(BIN / "postgres"), "-D", data, "-p", str(self.port), *options]
        for _ in range(600):
            if self._process is None or self._process.poll() is not None:  # the old one lives still
                with open(self.folder / "log", "ab") as log:
                    self._process = subprocess.Popen(
                        command, cwd=self.folder, stdout=log, stderr=log, **_AS_USER
                    )
            with suppress(psycopg.OperationalError):
                psycopg.connect(self.address("postgres")).close()
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def kill(self) -> None:
        """Kill all its processes in one moment, as if the power had failed."""
        if self._process is not None:
            for pid in (self._process.pid, *_children(self._process.pid)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def address(self, database: str, **more: str) -> str:
        """Return the address of a database, by the socket in the folder."""
        found = {"host": str(self.folder), "port": str(self.port), "user": USER, **more}
        query = "&".join(f"{name}={value}" for name, value in found.items())
        return f"postgresql:///{database}?{query}"

    def create(self, database: str) -> str:
        """Make a database, and return its address."""
        self.sql("postgres", f'create database "{database}"')
        return self.address(database)

    def sql(self, database: str, query: str, values: Sequence[Any] = ()) -> Any:  # noqa: ANN401
        """Run a query, and return its rows."""
        with psycopg.connect(self.address(database), autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def cluster(primary: Cluster | None = None) -> Iterator[Cluster]:
    """Make a cluster, or a standby of one, and start it; it is gone after the block."""
    folder = Path(tempfile.mkdtemp(prefix="mgraph-postgres-"))
    made = None
    try:
        os.chown(folder, *_owner())
        made = Cluster(folder, primary)
        made.start()
        yield made
    finally:
        if made is not None:
            made.kill()
        shutil.rmtree(folder)


def _owner() -> tuple[int, int]:
    user = pwd.getpwnam(USER)
    return user.pw_uid, user.pw_gid


def _children(parent: int) -> list[int]:
    """Return the processes that a process has started, as Linux lists them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.parent.name))
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
