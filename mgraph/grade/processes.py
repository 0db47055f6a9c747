"""Runs engines in processes of their own, line by line, with limits on time and memory."""

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
from mgraph.grade.error_lines import error_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from io import FileIO
    from subprocess import Popen
    from typing import BinaryIO

DRIVER: Final = Path(__file__).with_name("driver_start.py")
GUARD: Final = Path(__file__).with_name("guard.py")
START_TIMEOUT: Final = 60.0
"""Time limit for importing an engine, in seconds."""

_TAIL: Final = 2**16  # characters kept of what a process has printed
_CHUNK: Final = 65536
_MAX_OUTPUT: Final = 2**28  # bytes of one answer
_PIPE_WAIT: Final = 0.5  # seconds to wait for the pipes of a process that has ended
_EXIT_WAIT: Final = 3.0  # seconds to wait for a process that has closed its output to end
_KILL_WAIT: Final = 10.0  # seconds to wait for the guard to have killed everything
_MARK: Final = "MGRAPH_GRADE"
_NOT_AN_ANSWER: Final = "it wrote into the driver's own channel"
_TOO_MUCH: Final = f"it wrote more than {_MAX_OUTPUT >> 20} MiB"


class EndedError(Exception):
    """The process ended, or wrote something that is not an answer; the message says how."""


class TimedOutError(Exception):
    """The process took too long, and was killed."""


class ResourceLimits(NamedTuple):
    """Limits on the time and memory of an engine.

    Attributes:
        seconds: Time limit for one case.
        memory: Memory limit in bytes; 0 for none.
    """

    seconds: float = 10.0
    memory: int = 2**31


class Process:
    """A process that answers each line of input with a line on its standard output.

    It and all processes that it started are killed by `close`, and also if mgraph itself ends, in
    whatever way: between both is a process of `guard.py`, where there is one. It is a context
    manager, too.
    """

    def __init__(
        self, command: Sequence[str], memory: int = 0, mark: str = "", folder: str | None = None
    ) -> None:
        """Start the process.

        Args:
            command: The program and its arguments.
            memory: Memory limit in bytes; 0 for none.
            mark: Put into its environment, to recognise the processes that it starts.
            folder: Where it is started; None for the folder that mgraph was started in.

        Raises:
            EndedError: If the program can't be started.
        """
        self.mark = mark or secrets.token_hex()
        try:
            self.popen, self.alive = _start(command, memory, self.mark, folder)
        except (OSError, ValueError) as error:
            message = f"{command[0]} can't be started: {getattr(error, 'strerror', '') or error}"
            raise EndedError(message) from None
        self.questions: Queue[bytes] = Queue()
        self.answers: Queue[bytes] = Queue(1)  # further output stays in the pipe
        self.block = b""
        self.printed: deque[str] = deque()
        self.is_closed = self.has_flooded = False
        tasks = (self._read, self._keep_printed, self._write)
        self.threads = [threading.Thread(target=task, daemon=True) for task in tasks]
        for thread in self.threads:
            thread.start()

    def _write(self) -> None:
        """Write to standard input, in a thread: a process that doesn't read blocks only this."""
        pipe: FileIO = self.popen.stdin  # type: ignore[assignment]
        with contextlib.suppress(OSError, ValueError):
            while line := self.questions.get():
                rest = memoryview(line)
                while rest:
                    rest = rest[pipe.write(rest) :]
            pipe.close()

    def _read(self) -> None:
        """Cut standard output into blocks of whole lines; an empty block marks the end."""
        out: FileIO = self.popen.stdout  # type: ignore[assignment]
        parts: list[bytes] = []
        size = 0
        with contextlib.suppress(OSError, ValueError):
            while (chunk := out.read(_CHUNK)) and not self.is_closed:
                lines, end, rest = chunk.rpartition(b"\n")
                if end:
                    self._put(b"".join((*parts, lines, end)))
                    parts, size = [], 0
                parts.append(rest)
                size += len(rest)
                if size > _MAX_OUTPUT:
                    self.has_flooded, parts = True, []
                    break
        if any(parts):
            self._put(b"".join(parts))
        self._put(b"")

    def _put(self, block: bytes) -> None:
        while not self.is_closed:
            with contextlib.suppress(Full):
                self.answers.put(block, timeout=_PIPE_WAIT)
                return

    def _keep_printed(self) -> None:
        """Read standard error so that its pipe never fills up, and keep the end of it."""
        out: FileIO = self.popen.stderr  # type: ignore[assignment]
        size = 0
        with contextlib.suppress(OSError, ValueError):
            while chunk := out.read(_CHUNK):
                self.printed.append(chunk.decode(errors="replace"))
                size += len(self.printed[-1])
                while size - len(self.printed[0]) >= _TAIL:
                    size -= len(self.printed.popleft())

    def send(self, line: bytes, *, last: bool = False) -> None:
        """Send a line if the process is still running; `last` closes its standard input."""
        if line:
            self.questions.put(line)
        if last:
            self.questions.put(b"")

    def answer(self, seconds: float) -> bytes:
        """Wait for the next line.

        Raises:
            TimedOutError: If no line comes in time.
            EndedError: If the process ends without one.
        """
        line, end, self.block = (self.block or self._block(seconds)).partition(b"\n")
        if not line + end:
            raise EndedError(self.ending())
        return line + end

    def rest(self, seconds: float) -> bytes:
        """Wait for all the remaining output.

        Raises:
            TimedOutError: If the output doesn't end in time.
            EndedError: If there is too much output.
        """
        until = monotonic() + seconds
        blocks = [self.block]
        size = 0
        while block := self._block(until - monotonic()):
            blocks.append(block)
            size += len(block)
            self.has_flooded = self.has_flooded or size > _MAX_OUTPUT
            if self.has_flooded:
                raise EndedError(_TOO_MUCH)
        return b"".join(blocks)

    def _block(self, seconds: float) -> bytes:
        """Wait for a block of whole lines; return an empty one if the process has ended."""
        until = monotonic() + seconds
        while True:
            has_ended = self.popen.poll() is not None  # even then, another may hold its pipes
            wait = _PIPE_WAIT if has_ended else min(_PIPE_WAIT, max(0.0, until - monotonic()))
            try:
                return self.answers.get(timeout=wait)
            except Empty:
                if has_ended:
                    return b""
                if monotonic() >= until:
                    raise TimedOutError from None

    def ending(self) -> str:
        """Describe how the process ended, with the error that it printed."""
        if self.has_flooded:
            return _TOO_MUCH
        until = monotonic() + _EXIT_WAIT
        while self.popen.poll() is None and monotonic() < until:
            sleep(0.01)
        self.threads[1].join(0.2)
        line = error_line("".join(self.printed.copy()))
        last = f": {printable(line[:300])}" if line else ""
        status = self.popen.returncode
        if status is None:
            return f"its process closed its output{last}"
        if status < 0:
            with contextlib.suppress(ValueError):
                return f"its process was ended by {signal.Signals(-status).name}{last}"
        return f"its process ended with status {status}{last}"

    def close(self) -> None:
        """Kill the process, and all processes that it started."""
        self.is_closed = True
        self.questions.put(b"")
        with contextlib.suppress(Empty):
            self.answers.get_nowait()  # so that the reading thread is not stuck
        self.end()
        if not self._join():  # a process that the guard hasn't found still holds the pipes
            kill_all(self.mark)
            self._join()
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.close()  # type: ignore[union-attr]

    def end(self) -> None:
        """Let the guard kill everything, or kill the process where there is no guard."""
        if self.alive is not None:
            self.alive.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(_KILL_WAIT)
                return
        self.popen.kill()
        self.popen.wait()

    def _join(self) -> bool:
        """Wait for the threads a moment; return whether all have finished."""
        until = monotonic() + _PIPE_WAIT
        for thread in self.threads:
            thread.join(max(0.0, until - monotonic()))
        return not any(thread.is_alive() for thread in self.threads)

    def __enter__(self) -> Self:
        """Return the process."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the process."""
        self.close()


def _start(
    command: Sequence[str], memory: int, mark: str, folder: str | None
) -> tuple[Popen[bytes], BinaryIO | None]:
    """Start a program, with a guard above it where processes can fork.

    Returns:
        The guard, and the pipe to close when everything is to end; or the program, and None.

    Raises:
        OSError: If the program can't be started.
        ValueError: If its name or an argument holds a NUL character.
    """
    if not hasattr(os, "fork"):
        return _popen(command, mark, folder), None
    alive, kept = os.pipe()
    reasons, failed = os.pipe()
    guard = [sys.executable, "-I", "-S", str(GUARD), *map(str, (alive, failed, memory)), *command]
    ours = open(kept, "wb", buffering=0)  # noqa: SIM115 - open as long as the program may run
    with open(reasons, "rb") as reader:
        try:
            popen = _popen(guard, mark, folder, (alive, failed))
        except BaseException:
            ours.close()
            raise
        finally:
            os.close(alive)
            os.close(failed)
        reason = reader.read().decode(errors="replace")  # empty as soon as the program runs
    if reason:
        ours.close()
        popen.communicate()
        raise OSError(0, reason)
    return popen, ours


def _popen(
    command: Sequence[str], mark: str, folder: str | None, pipes: Sequence[int] = ()
) -> Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - what the user asked for
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        pass_fds=pipes,
        cwd=folder,
        env={"PYTHONHASHSEED": "0", **os.environ, _MARK: mark},  # sets of texts keep their order
        bufsize=0,  # a thread that waits for the pipe would hold the buffer's lock
    )


def kill_all(mark: str) -> None:
    """Kill the processes that an engine has left behind, where the system can list them."""
    for _ in range(100):  # while one is killed, it may start others
        processes = [*_marked(f"{_MARK}={mark}".encode())]
        for process in processes:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        if not processes:
            return


def _marked(mark: bytes) -> Iterator[int]:
    """Yield the numbers of the processes with a mark in their environment."""
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return
    for name in names:
        with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb", 0) as file:
            if mark in file.read().split(b"\0"):
                yield int(name)


class PythonEngine:
    """A Value class of another Python package, run by `driver_start.py` in a process of its own.

    If the process ends or hangs, the next question gets a new one.

    Attributes:
        folder: Where the process is started; None for the folder that mgraph was started in.
    """

    folder: str | None = None

    def __init__(
        self,
        target: str,
        names: Mapping[str, str],
        python: str | Sequence[str],
        limits: ResourceLimits,
    ) -> None:
        """Keep what to import, the engine's spellings, the interpreter, and the limits.

        The interpreter may have options, and a program before it that runs it.
        """
        interpreter = [python or sys.executable] if isinstance(python, str) else [*python]
        # -u, so that the engine's last words aren't lost in a buffer when it dies
        self.command = [*interpreter, "-u", str(DRIVER)]
        settings = {"target": target, "names": dict(names), "seconds": limits.seconds}
        self.settings = json.dumps(settings).encode() + b"\n"
        self.limits = limits
        self.mark = secrets.token_hex()
        self.process: Process | None = None
        self.has_answered = False
        self.problem = ""

    def start(self) -> dict[str, str | None]:
        """Import the engine; return its version, that of its Python, and what it is borrowed from.

        The last is the package that the class of an engine in a file comes from instead.

        If no gradients can be computed with it, `problem` says why, and what to do.

        Raises:
            EndedError: If it can't be imported, or isn't an engine.
        """
        try:
            return self._start()
        except TimedOutError:
            message = f"importing it took more than {START_TIMEOUT:g} s"
            raise EndedError(message) from None

    def _start(self) -> dict[str, str | None]:
        self.close()
        self.process = Process(self.command, self.limits.memory, self.mark, self.folder)
        reply = self._exchange(self.settings, START_TIMEOUT, _is_greeting)
        if "error" in reply:
            self.close()
            raise EndedError(reply["error"])
        self.problem = printable(reply.get("problem", ""))
        self.has_answered = False
        versions: dict[str, str | None] = reply["engine"]
        return versions

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Run a program on the engine, and return the driver's answer.

        Raises:
            EndedError: If the process ends.
            TimedOutError: If it takes too long.
        """
        if question.get("first") and self.has_answered:
            self.close()
        if self.process is None:
            self._start()
        self.has_answered = True
        steps = len(question["steps"])
        line = json.dumps(question).encode() + b"\n"
        answer = self._exchange(line, self.limits.seconds, lambda reply: _is_answer(reply, steps))
        if "MemoryError" in answer.get("error", ""):
            self.close()  # the next case gets a new process, with its memory free
        return answer

    def _exchange(
        self, line: bytes, seconds: float, is_valid: Callable[[Any], bool]
    ) -> dict[str, Any]:
        """Return the reply to a line; kill the process if the reply is not a valid one."""
        process: Process = self.process  # type: ignore[assignment]
        process.send(line)
        try:
            reply: dict[str, Any] = jiter.from_json(process.answer(seconds))
        except (EndedError, TimedOutError):
            self.close()
            raise
        except ValueError:
            reply = {}
        if not is_valid(reply):  # the engine wrote there, or the interpreter isn't Python
            self.close()
            raise EndedError(_NOT_AN_ANSWER)
        return reply

    def close(self) -> None:
        """Kill the process, if there is one, and all processes that it left behind."""
        if self.process is not None:
            self.process.close()
            self.process = None
            kill_all(self.mark)


# --- valid replies of the driver -----------------------------------------------------------------


def _is_greeting(reply: object) -> bool:
    if not isinstance(reply, dict):
        return False
    engine = reply.get("engine")
    return isinstance(reply.get("error"), str) or (
        isinstance(engine, dict)
        and isinstance(reply.get("problem", ""), str)
        and [*engine] == ["python", "version", "borrowed"]
        and all(text is None or isinstance(text, str) for text in engine.values())
    )


def _is_answer(reply: object, steps: int) -> bool:
    """Whether a reply is an answer to a program with this number of steps."""
    if not isinstance(reply, dict):
        return False
    if "error" in reply:
        step = reply.get("step")
        is_step = step is None or (type(step) is int and 0 <= step < steps)
        texts = [reply[key] for key in ("error", "kind", "what") if key in reply]
        return (
            is_step
            and "kind" in reply
            and all(isinstance(text, str) for text in texts)
            and _is_failure(reply.get("failure", {}))
        )
    again, turned = reply.get("again", reply), reply.get("turned", reply)
    lists = [reply.get("data"), reply.get("grad")]
    others = ("second", "before", "own", "next", "cleared")
    lists += [reply[key] for key in others if key in reply]
    is_compared = "own" in reply or not ("next" in reply or "cleared" in reply)
    return (
        isinstance(again, dict)
        and isinstance(turned, dict)
        and is_compared
        and isinstance(reply.get("refused", ""), str)
        and all(isinstance(reply.get(key, False), bool) for key in ("varies", "random"))
        and isinstance(reply.get("alone", 0.0), (float, type(None)))
        and _are_steps(reply.get("hidden", []), steps)
        and _are_texts(reply.get("starters", []))
        and all(
            _are_numbers(numbers, steps)
            for numbers in (
                *lists,
                *(x.get(key) for x in (again, turned) for key in ("data", "grad")),
            )
        )
    )


def _are_texts(texts: object) -> bool:
    """Whether this is a list of texts."""
    return isinstance(texts, list) and all(isinstance(text, str) for text in texts)


def _is_failure(failure: object) -> bool:
    """Whether this says where an engine failed."""
    if not isinstance(failure, dict):
        return False
    line, lists = failure.get("line", 0), [failure.get(key, []) for key in ("caller", "repeating")]
    keys = ("exception", "phase", "file", "function", "source", "culprit", "gave")
    texts = [failure.get(key, "") for key in keys]
    return (
        type(line) is int
        and all(isinstance(names, list) for names in lists)
        and all(isinstance(text, str) for text in (*texts, *lists[0], *lists[1]))
    )


def _are_steps(indices: object, count: int) -> bool:
    return isinstance(indices, list) and all(type(i) is int and 0 <= i < count for i in indices)


def _are_numbers(numbers: object, count: int) -> bool:
    return (
        isinstance(numbers, list)
        and len(numbers) == count
        and all(x is None or type(x) is float for x in numbers)
    )


# --- programs in any language --------------------------------------------------------------------


def _is_json(line: bytes) -> bool:
    """Whether a line is a complete JSON value."""
    try:
        jiter.from_json(line)
    except ValueError:
        return False
    return True


class CommandEngine:
    """A program that reads one graph file per line, and answers each with the annotated file.

    The first question shows whether it answers while its input is still open; if it doesn't, each
    question gets a process of its own.
    """

    PATIENCE: Final = 1.0

    def __init__(self, command: str, limits: ResourceLimits) -> None:
        """Split the command line into words (no shell is involved), and keep the limits."""
        self.command = shlex.split(command)
        self.limits = limits
        self.mark = secrets.token_hex()
        self.streams: bool | None = None
        self.process: Process | None = None
        self.running: deque[Process] = deque()
        self.is_stopped = False

    def ask(self, document: bytes) -> bytes:
        """Send one document as a line, and return the answer.

        Raises:
            EndedError: If the program ends without an answer.
            TimedOutError: If it takes too long.
        """
        if self.process is not None:
            process, self.process = self.process, None
            with contextlib.suppress(EndedError):  # it may answer only one question
                return self._exchange(process, document)
        return self._exchange(Process(self.command, self.limits.memory, self.mark), document)

    def _exchange(self, process: Process, document: bytes) -> bytes:
        self.running.append(process)
        try:
            if self.is_stopped:
                process.end()
            process.send(document + b"\n", last=self.streams is False)
            answer = self._answer(process, monotonic() + self.limits.seconds)
        except BaseException:
            process.close()
            raise
        finally:
            self.running.remove(process)
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
                first = process.answer(min(self.PATIENCE, self.limits.seconds))
            self.streams = _is_json(first)
            if self.streams:
                return first
            process.send(b"", last=True)
        first = first or process.answer(until - monotonic())
        return first + process.rest(until - monotonic())  # the answer may have many lines

    def stop(self) -> None:
        """End the questions that other threads ask now."""
        self.is_stopped = True
        for process in [*self.running]:
            process.end()

    def close(self) -> None:
        """Kill the process, if there is one, and all processes that others left behind."""
        if self.process is not None:
            self.process.close()
            self.process = None
        kill_all(self.mark)
