"""Foreign engines in processes of their own: asked line by line, for so long and no longer."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from queue import Empty, Full, Queue
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import jiter

from mgraph.errors import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from io import FileIO

DRIVER: Final = Path(__file__).with_name("driver.py")
STARTING: Final = 60.0
"""Seconds that importing an engine may take."""

_KEPT: Final = 4096  # characters of what it printed, from the end
_CHUNK: Final = 65536
_LONGEST: Final = 2**28  # bytes of one answer
_ENDING: Final = 0.5  # seconds that the pipes of a dead process are waited for
_LEAVING: Final = 3.0  # seconds that a process may take to end after it has closed its output
_MARK: Final = "MGRAPH_GRADE"
_ODD: Final = "it wrote into the driver's own channel"
_FLOOD: Final = f"it wrote more than {_LONGEST >> 20} MiB"


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

    def __init__(self, command: Sequence[str], memory: int = 0, mark: str = "") -> None:
        """Start it.

        Args:
            command: The program and its arguments.
            memory: Bytes that it may take; 0: any number.
            mark: By which it and whatever it starts are known.

        Raises:
            EndedError: There is no such program.
        """
        self.mark = mark or secrets.token_hex()
        try:
            self.child = subprocess.Popen(  # noqa: S603 - what the user asked for
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env={**os.environ, _MARK: self.mark},
                bufsize=0,  # a buffer's lock would be held by whoever waits for the pipe
            )
        except (OSError, ValueError) as error:
            message = f"{command[0]} can't be started: {getattr(error, 'strerror', '') or error}"
            raise EndedError(message) from None
        _limit(self.child.pid, memory)
        self.questions: Queue[bytes] = Queue()
        self.answers: Queue[bytes] = Queue(1)  # what nobody has asked for stays in the pipe
        self.block = b""
        self.said: deque[str] = deque()
        self.is_over = self.is_flood = False
        tasks = (self._answers, self._said, self._write)
        self.threads = [threading.Thread(target=task, daemon=True) for task in tasks]
        for each in self.threads:
            each.start()

    def _write(self) -> None:
        """Write what is sent: a process that doesn't read must keep nobody else waiting."""
        given: FileIO = self.child.stdin  # type: ignore[assignment]
        with contextlib.suppress(OSError, ValueError):
            while line := self.questions.get():
                rest = memoryview(line)
                while rest:
                    rest = rest[given.write(rest) :]
            given.close()

    def _answers(self) -> None:
        """Cut what it writes into blocks of whole lines; the last block is empty."""
        out: FileIO = self.child.stdout  # type: ignore[assignment]
        parts: list[bytes] = []
        size = 0
        with contextlib.suppress(OSError, ValueError):
            while (chunk := out.read(_CHUNK)) and not self.is_over:
                whole, end, rest = chunk.rpartition(b"\n")
                if end:
                    self._put(b"".join((*parts, whole, end)))
                    parts, size = [], 0
                parts.append(rest)
                size += len(rest)
                if size > _LONGEST:
                    self.is_flood, parts = True, []
                    break
        if any(parts):
            self._put(b"".join(parts))
        self._put(b"")

    def _put(self, block: bytes) -> None:
        while not self.is_over:
            with contextlib.suppress(Full):
                self.answers.put(block, timeout=_ENDING)
                return

    def _said(self) -> None:
        """Keep the end of what it prints, so that no pipe is ever full."""
        out: FileIO = self.child.stderr  # type: ignore[assignment]
        with contextlib.suppress(OSError, ValueError):
            while chunk := out.read(_CHUNK):
                self.said.append(chunk[-_KEPT:].decode(errors="replace"))
                if len(self.said) > 1 and len(self.said[-1]) >= _KEPT:
                    self.said.popleft()
                while len(self.said) > _KEPT:
                    self.said.popleft()

    def send(self, line: bytes, *, last: bool = False) -> None:
        """Give it a line, if it is still there; `last` closes its standard input."""
        if line:
            self.questions.put(line)
        if last:
            self.questions.put(b"")

    def answer(self, seconds: float) -> bytes:
        """Wait for the next line.

        Raises:
            TimedOutError: None came in time.
            EndedError: The process ended without one.
        """
        line, end, self.block = (self.block or self._block(seconds)).partition(b"\n")
        if not line + end:
            raise EndedError(self.ending())
        return line + end

    def rest(self, seconds: float) -> bytes:
        """Wait for all that it writes.

        Raises:
            TimedOutError: It didn't end in time.
            EndedError: That is too much.
        """
        until = monotonic() + seconds
        blocks = [self.block]
        size = 0
        while block := self._block(until - monotonic()):
            blocks.append(block)
            size += len(block)
            self.is_flood = self.is_flood or size > _LONGEST
            if self.is_flood:
                raise EndedError(_FLOOD)
        return b"".join(blocks)

    def _block(self, seconds: float) -> bytes:
        """Wait for whole lines; there are none if the process is gone."""
        until = monotonic() + seconds
        while True:
            is_gone = self._is_gone()  # others may hold its pipes
            wait = _ENDING if is_gone else min(_ENDING, max(0.0, until - monotonic()))
            try:
                return self.answers.get(timeout=wait)
            except Empty:
                if is_gone:
                    return b""
                if monotonic() >= until:
                    raise TimedOutError from None

    def ending(self) -> str:
        """Say how the process ended, with the last line that it printed."""
        if self.is_flood:
            return _FLOOD
        until = monotonic() + _LEAVING
        while not self._is_gone() and monotonic() < until:
            sleep(0.01)
        if self._is_gone():
            self._end_group()
            self.child.wait()
        self.threads[1].join(0.2)
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
        self.is_over = True
        self.questions.put(b"")
        with contextlib.suppress(Empty):
            self.answers.get_nowait()  # room for what is being put
        self._end_group()
        with contextlib.suppress(OSError):
            self.child.kill()
        self.child.wait()
        if not self._are_done():  # something it started has left its group, and holds its pipes
            end_all(self.mark)
            self._are_done()
        for stream in (self.child.stdin, self.child.stdout, self.child.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.close()  # type: ignore[union-attr]

    def _is_gone(self) -> bool:
        """Whether the process has ended; it is not waited for, so that its number stays its own."""
        if self.child.returncode is not None or not hasattr(os, "waitid"):
            return self.child.poll() is not None
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.child.pid, options) is not None

    def _end_group(self) -> None:
        """End what it started in its group; once waited for, the number may be a stranger's."""
        if hasattr(os, "killpg") and self.child.returncode is None:
            with contextlib.suppress(OSError):
                os.killpg(self.child.pid, signal.SIGKILL)

    def _are_done(self) -> bool:
        until = monotonic() + _ENDING
        for each in self.threads:
            each.join(max(0.0, until - monotonic()))
        return not any(each.is_alive() for each in self.threads)

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

        resource.prlimit(process, resource.RLIMIT_CORE, (0, 0))  # crashes leave no file
        if memory:
            resource.prlimit(process, resource.RLIMIT_DATA, (memory, memory))
    except (ImportError, AttributeError, OSError, ValueError):
        return


def end_all(mark: str) -> None:
    """End the processes that an engine has left behind, where the system can name them."""
    for _ in range(100):  # while one of them may be starting others
        found = [*_marked(f"{_MARK}={mark}".encode())]
        for process in found:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        if not found:
            return


def _marked(mark: bytes) -> Iterator[int]:
    """Yield the processes with a mark in their environment; those that are dead have none."""
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (each / "environ").read_bytes().split(b"\0"):
                yield int(each.name)


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
        self.mark = secrets.token_hex()
        self.process: Process | None = None

    def start(self) -> dict[str, str | None]:
        """Import the engine; return what it says of itself.

        Raises:
            EndedError: It can't be imported, or is no engine.
        """
        try:
            return self._started()
        except TimedOutError:
            message = f"importing it took more than {STARTING:g} s"
            raise EndedError(message) from None

    def _started(self) -> dict[str, str | None]:
        self.close()
        self.process = Process(self.command, self.allowance.memory, self.mark)
        said = self._asked(self.settings, STARTING, _is_greeting)
        if "error" in said:
            self.close()
            raise EndedError(said["error"])
        named: dict[str, str | None] = said["engine"]
        return named

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Have a program run.

        Raises:
            EndedError: The process ended.
            TimedOutError: It took too long.
        """
        if self.process is None:
            self._started()
        steps = len(question["steps"])
        line = json.dumps(question).encode() + b"\n"
        answer = self._asked(line, self.allowance.seconds, lambda said: _is_answer(said, steps))
        if "MemoryError" in answer.get("error", ""):
            self.close()  # the next case begins with memory of its own
        return answer

    def _asked(
        self, line: bytes, seconds: float, is_right: Callable[[Any], bool]
    ) -> dict[str, Any]:
        """Return what the process says; if that is no answer, it is ended."""
        process: Process = self.process  # type: ignore[assignment]
        process.send(line)
        try:
            said: dict[str, Any] = jiter.from_json(process.answer(seconds))
        except (EndedError, TimedOutError):
            self.close()
            raise
        except ValueError:
            said = {}
        if not is_right(said):  # an engine can write there, and an interpreter be none
            self.close()
            raise EndedError(_ODD)
        return said

    def close(self) -> None:
        """End the process, if there is one, and whatever it has left behind."""
        if self.process is not None:
            self.process.close()
            self.process = None
            end_all(self.mark)


# --- what the driver may say ---------------------------------------------------------------------


def _is_greeting(said: object) -> bool:
    if not isinstance(said, dict):
        return False
    engine = said.get("engine")
    return isinstance(said.get("error"), str) or (
        isinstance(engine, dict)
        and [*engine] == ["python", "version"]
        and all(each is None or isinstance(each, str) for each in engine.values())
    )


def _is_answer(said: object, steps: int) -> bool:
    """Whether something is an answer to a program of so many steps."""
    if not isinstance(said, dict):
        return False
    if "error" in said:
        step = said.get("step")
        is_step = step is None or (type(step) is int and 0 <= step < steps)
        texts = [said[key] for key in ("error", "kind", "what") if key in said]
        return is_step and "kind" in said and all(isinstance(each, str) for each in texts)
    again = said.get("again", said)
    numbers = [said.get("data"), said.get("grad")]
    numbers += [said[key] for key in ("second", "before") if key in said]
    return (
        isinstance(again, dict)
        and isinstance(said.get("refused", ""), str)
        and all(
            _are_numbers(each, steps) for each in (*numbers, again.get("data"), again.get("grad"))
        )
    )


def _are_numbers(found: object, count: int) -> bool:
    return (
        isinstance(found, list)
        and len(found) == count
        and all(each is None or type(each) is float for each in found)
    )


# --- programs in any language --------------------------------------------------------------------


def _is_whole(line: bytes) -> bool:
    """Whether a line is a JSON value."""
    try:
        jiter.from_json(line)
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
        self.mark = secrets.token_hex()
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
        return self._asked(Process(self.command, self.allowance.memory, self.mark), document)

    def _asked(self, process: Process, document: bytes) -> bytes:
        try:
            process.send(document + b"\n", last=self.streams is False)
            answer = self._answer(process, monotonic() + self.allowance.seconds)
        except BaseException:
            process.close()
            raise
        if self.streams:
            self.process = process
        else:
            process.close()
        return answer

    def _answer(self, process: Process, until: float) -> bytes:
        if self.streams:
            return process.answer(until - monotonic())
        first = b""
        if self.streams is None:
            with contextlib.suppress(TimedOutError):
                first = process.answer(min(self.PATIENCE, self.allowance.seconds))
            self.streams = _is_whole(first)
            if self.streams:
                return first
            process.send(b"", last=True)
        first = first or process.answer(until - monotonic())
        return first + process.rest(until - monotonic())  # it may be many lines

    def close(self) -> None:
        """End the process, if there is one, and whatever others have left behind."""
        if self.process is not None:
            self.process.close()
            self.process = None
        end_all(self.mark)
