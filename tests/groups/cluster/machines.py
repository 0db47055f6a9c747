"""A Dask cluster of processes: each one in a network namespace of its own, if that is possible."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.command_line import SCRIPT, Said, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NAMES: Final = ("hub", "scheduler", "driver", "w1", "w2", "w3")
WORKERS: Final = NAMES[3:]

TIMEOUTS: Final = {  # the defaults are half a minute to five minutes
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "6s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "false",
}

PATIENCE: Final = 600.0
"""After how many seconds something has failed. A busy machine takes minutes for a first step."""


def can_isolate() -> bool:
    """Whether this process may make network namespaces."""
    name = f"mgraph-{os.getpid()}-try"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return done.returncode == 0


def ip(*arguments: str) -> None:
    """Call iproute2."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def until(claim: Callable[[], object], what: str) -> None:
    """Wait until a claim holds."""
    deadline = time.monotonic() + PATIENCE
    while not claim():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@dataclass
class Machines:
    """Machines that see one folder, joined by a switch.

    Attributes:
        folder: The folder.
        isolated: Whether each has a network of its own; otherwise they share that of the tests.
        port: That of the scheduler.
        running: What runs, by the name of the machine.
    """

    folder: Path
    isolated: bool
    port: int
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address of the scheduler."""
        return f"tcp://{self.host('scheduler')}:{self.port}"

    @property
    def cluster(self) -> tuple[str, ...]:
        """The options of a command that uses the cluster."""
        return ("--cluster", self.url, *(("--allow-unencrypted",) if self.isolated else ()))

    def host(self, name: str) -> str:
        """Return the address of a machine."""
        return f"10.78.0.{NAMES.index(name)}" if self.isolated else "127.0.0.1"

    def _space(self, name: str) -> str:
        return f"mgraph-{os.getpid()}-{name}"

    @contextmanager
    def network(self) -> Iterator[None]:
        """Make the machines and the switch."""
        with ExitStack() as stack:
            for name in NAMES if self.isolated else ():
                ip("netns", "add", self._space(name))
                stack.callback(ip, "netns", "del", self._space(name))
                ip("-n", self._space(name), "link", "set", "lo", "up")
            if self.isolated:
                hub = self._space("hub")
                ip("-n", hub, "link", "add", "switch", "type", "bridge")
                ip("-n", hub, "link", "set", "switch", "up")
            for name in NAMES[1:] if self.isolated else ():
                ip("link", "add", name, "netns", hub, "type", "veth",
                   "peer", "name", "cable", "netns", self._space(name))  # fmt: skip
                ip("-n", hub, "link", "set", name, "master", "switch", "up")
                own = ("-n", self._space(name))
                ip(*own, "addr", "add", f"{self.host(name)}/24", "dev", "cable")
                ip(*own, "link", "set", "cable", "up")
            stack.callback(self.stop)
            yield

    def plug(self, name: str, state: str) -> None:
        """Set the cable of a machine `up` or `down`."""
        ip("-n", self._space("hub"), "link", "set", name, state)

    def popen(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start something on a machine."""
        where = ("ip", "netns", "exec", self._space(name)) if self.isolated else ()
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [*where, *command], cwd=self.folder, env=environment(**TIMEOUTS),
                stdout=subprocess.PIPE if name == "driver" else log,
                stderr=subprocess.PIPE if name == "driver" else log,
            )  # fmt: skip

    def start(
        self, *names: str, options: tuple[str, ...] = (), inside: tuple[str, ...] = ()
    ) -> None:
        """Start the scheduler or workers.

        Args:
            names: Which machines.
            options: Of Dask's command.
            inside: A command that runs it.
        """
        for name in names:
            own = ("--host", self.host(name), "--no-dashboard")
            if name == "scheduler":
                kind: tuple[str, ...] = ("scheduler", "--port", str(self.port), *own)
            else:
                kind = ("worker", self.url, *own, "--no-nanny", "--nthreads", "1", "--name", name,
                        "--death-timeout", "60", "--memory-limit", "0", *options)  # fmt: skip
            self.running[name] = self.popen(name, *inside, sys.executable, "-m", "dask", *kind)

    def restart(self, *names: str) -> None:
        """Kill machines, without a chance to clean up, and start them again."""
        for name in names:
            self.kill(name)
            self.start(name)

    def revive(self) -> None:
        """Start again what has ended, as a worker does whose heartbeat came late."""
        for name, process in [*self.running.items()]:
            if process.poll() is not None:
                self.start(name)

    def kill(self, name: str) -> None:
        """Kill a machine."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """Kill all of them."""
        for name in [*self.running]:
            self.kill(name)

    def begin(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command of mgraph that uses the cluster."""
        return self.popen("driver", SCRIPT, *command, *self.cluster)

    def mgraph(self, *command: str) -> Said:
        """Run a command of mgraph that uses the cluster."""
        return ended(self.begin(*command))

    def wait_for_all(self) -> None:
        """Wait until the scheduler knows all workers."""
        script = "from distributed import Client; import sys; "
        script += f"Client(sys.argv[1], timeout=60).wait_for_workers({len(WORKERS)}, timeout=60)"
        process = self.popen("driver", sys.executable, "-c", script, self.url)
        process.communicate()
        assert process.returncode == 0


def ended(process: subprocess.Popen[bytes]) -> Said:
    """Wait for the end of a command."""
    out, err = process.communicate(timeout=PATIENCE)
    assert b"Traceback" not in err, err
    return Said(process.returncode, out, err)
