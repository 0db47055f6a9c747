"""Foreign engines in processes of their own: asked line by line, for so long and no longer."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from mgraph.errors import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import IO

DRIVER: Final = Path(__file__).with_name("driver.py")
STARTING: Final = 60.0
"""Seconds that importing an engine may take."""

_KEPT: Final = 4096  # characters of what it printed, from the end
_CHUNK: Final = 65536
_LONGEST: Final = 2**26  # bytes of one answer


class EndedError(Exception):
    """The process ended, or said something that is no answer; the message says how."""


class TimedOutError(Exception):
    """The process took too long, and was ended."""


class Allowance(NamedTuple):
    """What an engine may take.

    Attributes:
        seconds: For one case.
        memory: Bytes, in all; 0: any number.
    """

    seconds: float = 10.0
    memory: int = 2**31


class Process:
    """A process that is given lines, and answers each with one; what else it prints is kept apart.

    Use as a context manager: it and whatever it started are gone afterwards.
    """

    def __init__(self, command: Sequence[str], memory: int = 0) -> None:
        """Start it.

        Raises:
            EndedError: There is no such program.
        """
        try:
            self.child = subprocess.Popen(  # noqa: S603 - what the user asked for
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            message = f"{command[0]} can't be started: {error.strerror or error}"
            raise EndedError(message) from None
        if memory:
            _limit(self.child.pid, memory)
        self.answers: Queue[bytes] = Queue()
        self.said: deque[str] = deque()
        self.listeners = [
            threading.Thread(target=listen, daemon=True) for listen in (self._answers, self._said)
        ]
        for each in self.listeners:
            each.start()

    def _answers(self) -> None:
        out: IO[bytes] = self.child.stdout  # type: ignore[assignment]
        with contextlib.suppress(OSError, ValueError):
            while line := out.readline(_LONGEST):
                self.answers.put(line)
        self.answers.put(b"")

    def _said(self) -> None:
        """Keep the end of what it prints, so that no pipe is ever full."""
        out: IO[bytes] = self.child.stderr  # type: ignore[assignment]
        with contextlib.suppress(OSError, ValueError):
            while chunk := out.read1(_CHUNK):  # type: ignore[attr-defined]
                self.said.append(chunk[-_KEPT:].decode(errors="replace"))
                if len(self.said) > 1 and len(self.said[-1]) >= _KEPT:
                    self.said.popleft()
                while len(self.said) > _KEPT:
                    self.said.popleft()

    def send(self, line: bytes, *, last: bool = False) -> None:
        """Give it a line, if it is still there; `last` closes its standard input."""
        given: IO[bytes] = self.child.stdin  # type: ignore[assignment]

        def write() -> None:
            with contextlib.suppress(OSError, ValueError):
                given.write(line)
                given.flush()
                if last:
                    given.close()

        # In a thread: a process that doesn't read must not keep us from ending it.
        threading.Thread(target=write, daemon=True).start()

    def answer(self, seconds: float) -> bytes:
        """Wait for the next line.

        Raises:
            TimedOutError: None came in time.
            EndedError: The process ended without one.
        """
        try:
            line = self.answers.get(timeout=seconds)
        except Empty:
            raise TimedOutError from None
        if not line:
            raise EndedError(self.ending())
        return line

    def ending(self) -> str:
        """Say how the process ended, with the last line that it printed."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(1.0)
        self.listeners[1].join(0.2)
        lines = "".join(self.said).strip().splitlines()
        last = f": {printable(lines[-1][:300])}" if lines else ""
        status = self.child.returncode
        if status is None:
            return f"its process closed its output{last}"
        if status < 0:
            with contextlib.suppress(ValueError):
                return f"its process was ended by {signal.Signals(-status).name}{last}"
        return f"its process ended with status {status}{last}"

    def close(self) -> None:
        """End it, and whatever it started."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(OSError):
                os.killpg(self.child.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self.child.kill()
        self.child.wait()
        for stream in (self.child.stdin, self.child.stdout, self.child.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.close()  # type: ignore[union-attr]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()


def _limit(process: int, memory: int) -> None:
    """Let a process take so many bytes of memory of its own, where the system can say that."""
    try:
        import resource  # noqa: PLC0415 - not on Windows

        resource.prlimit(process, resource.RLIMIT_DATA, (memory, memory))
    except (ImportError, AttributeError, OSError, ValueError):
        return


class Driven:
    """A Value class of another Python package, driven by `driver.py` in a process of its own.

    A process that ends or hangs is replaced by a new one for the next question.
    """

    def __init__(
        self, target: str, names: Mapping[str, str], python: str, allowance: Allowance
    ) -> None:
        """Take what to import, how it spells things, the interpreter, and the limits."""
        # -u: what the engine printed last is there when it dies.
        self.command = [python or sys.executable, "-u", str(DRIVER)]
        settings = {"target": target, "names": dict(names)}
        self.settings = json.dumps(settings).encode() + b"\n"
        self.allowance = allowance
        self.process: Process | None = None

    def start(self) -> dict[str, Any]:
        """Import the engine, if that is not done; return what it says of itself.

        Raises:
            EndedError: It can't be imported, or is no engine.
        """
        self.close()
        self.process = Process(self.command, self.allowance.memory)
        self.process.send(self.settings)
        try:
            said: dict[str, Any] = json.loads(self.process.answer(STARTING))
        except TimedOutError:
            self.close()
            message = f"importing it took more than {STARTING:g} s"
            raise EndedError(message) from None
        except EndedError:
            self.close()
            raise
        if "error" in said:
            self.close()
            raise EndedError(str(said["error"]))
        named: dict[str, Any] = said["engine"]
        return named

    def ask(self, question: Mapping[str, object]) -> dict[str, Any]:
        """Have a program run.

        Raises:
            EndedError: The process ended.
            TimedOutError: It took too long.
        """
        if self.process is None:
            self.start()
        process: Process = self.process  # type: ignore[assignment]
        process.send(json.dumps(question).encode() + b"\n")
        try:
            answer: dict[str, Any] = json.loads(process.answer(self.allowance.seconds))
        except (EndedError, TimedOutError):
            self.close()
            raise
        except ValueError:
            self.close()
            message = "it wrote into the driver's own channel"
            raise EndedError(message) from None
        if "MemoryError" in str(answer.get("error", "")):
            self.close()  # the next case begins with memory of its own
        return answer

    def close(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            self.process.close()
            self.process = None


def _is_whole(line: bytes) -> bool:
    """Whether a line is a JSON value."""
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


class Spoken:
    """A program that reads a graph file a line, and answers each with the annotated one.

    Whether it answers while its input is still open is found out with the first question; if not,
    each question gets a process of its own.
    """

    PATIENCE: Final = 1.0

    def __init__(self, command: str, allowance: Allowance) -> None:
        """Take the command line, without a shell's magic, and the limits."""
        self.command = shlex.split(command)
        self.allowance = allowance
        self.streams: bool | None = None
        self.process: Process | None = None

    def ask(self, document: bytes) -> bytes:
        """Give it one document, a line; return what it answers.

        Raises:
            EndedError: It ended without an answer.
            TimedOutError: It took too long.
        """
        if self.process is not None:
            process, self.process = self.process, None
            with contextlib.suppress(EndedError):  # it may answer one question only
                return self._asked(process, document)
        return self._asked(Process(self.command, self.allowance.memory), document)

    def _asked(self, process: Process, document: bytes) -> bytes:
        try:
            process.send(document + b"\n", last=self.streams is False)
            answer = self._answer(process)
        except BaseException:
            process.close()
            raise
        if self.streams:
            self.process = process
        else:
            process.close()
        return answer

    def _answer(self, process: Process) -> bytes:
        if self.streams:
            return process.answer(self.allowance.seconds)
        first = b""
        if self.streams is None:
            with contextlib.suppress(TimedOutError):
                first = process.answer(min(self.PATIENCE, self.allowance.seconds))
            self.streams = _is_whole(first)
            if self.streams:
                return first
            process.send(b"", last=True)
        lines = [first or process.answer(self.allowance.seconds)]
        with contextlib.suppress(EndedError):  # all that it writes: it may be many lines
            while True:
                lines.append(process.answer(self.allowance.seconds))
        return b"".join(lines)

    def close(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            self.process.close()
            self.process = None
