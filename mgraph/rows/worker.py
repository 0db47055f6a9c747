"""Worker processes, which do parts: the driver's side, and their own."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Self, TypeVar

from mgraph.errors import GraphError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from mgraph.rows.workers import PartWork, WorkSession

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """Processes on this machine.

    Attributes:
        count: How many.
    """

    count: int

    @contextmanager
    def ready(self, work: PartWork) -> Iterator[WorkSession]:
        """Start them, and end them at the end of the block."""
        with ExitStack() as stack:
            started = [stack.enter_context(_Worker(work)) for _ in range(self.count)]
            yield _ProcessSession(started)


@dataclass(frozen=True)
class _ProcessSession:
    """Some work in processes that have it already, as a `WorkSession`."""

    started: Sequence[_Worker]

    @property
    def workers(self) -> int:
        """How many processes there are."""
        return len(self.started)

    def __call__(
        self, function: Callable[..., T], arguments: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[int, T]]:
        """Let each process do the next part, and yield the index and the result of each.

        Raises:
            GraphError: A part can't be done; the other processes finish those that they are at.
        """
        idle: SimpleQueue[_Worker] = SimpleQueue()
        for worker in self.started:
            idle.put(worker)

        def call(given: tuple[Any, ...]) -> T:
            asked = idle.get()
            try:
                return asked.call(function, given)
            finally:
                idle.put(asked)

        pool = ThreadPoolExecutor(len(self.started))
        try:
            yield from enumerate(pool.map(call, arguments))
        except GraphError:
            raise
        except BaseException:
            for worker in self.started:
                worker.kill()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


class _Worker:
    """A process that does parts of a job, one after the other."""

    def __init__(self, work: PartWork) -> None:
        """Start it."""
        # -P and our own path: a file pyarrow.py in the current folder is not imported
        program = f"import sys; sys.path = {sys.path!r}; from {__name__} import serve; serve()"
        self._process = subprocess.Popen(  # noqa: S603 - this module
            [sys.executable, "-P", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._send(work)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """End it, at once if something went wrong."""
        if kind is not None:
            self.kill()
        self._process.communicate()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def call(self, function: Callable[..., T], given: tuple[Any, ...]) -> T:
        """Let it call a function of the work and some arguments.

        Raises:
            GraphError: What it raised; or `io` if it was killed.
        """
        self._send((function, given))
        try:
            answer = pickle.load(self._process.stdout)  # type: ignore[arg-type]  # noqa: S301 - our own process
        except (EOFError, pickle.UnpicklingError):
            raise self._ended() from None
        if isinstance(answer, GraphError):
            raise answer
        return answer  # type: ignore[no-any-return]

    def _send(self, message: object) -> None:
        try:
            pickle.dump(message, self._process.stdin)  # type: ignore[arg-type]
            self._process.stdin.flush()  # type: ignore[union-attr]
        except BrokenPipeError:
            raise self._ended() from None

    def _ended(self) -> GraphError:
        status = self._process.wait()
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        fix = "run the command again with --resume: finished parts are kept"
        return GraphError.of("io", f"a worker process {how}", fix=fix)


def serve() -> None:
    """Do parts, as the driver asks for them on standard input, until it closes that or ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the driver
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever prints must not disturb the answers
    work: PartWork = pickle.load(questions)  # noqa: S301 - from our own driver
    while True:
        try:
            function, given = pickle.load(questions)  # noqa: S301
        except EOFError:
            return
        answer: Any
        try:
            answer = function(work, *given)
        except GraphError as error:
            answer = GraphError(error.diagnostics, error.more)
        try:
            pickle.dump(answer, answers)
            answers.flush()
        except BrokenPipeError:  # the driver was killed
            os._exit(1)
