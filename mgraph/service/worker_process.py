"""Work in another process: what takes long there stalls nobody here."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections import OrderedDict, deque
from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from mgraph.service.deadlines import in_task
from mgraph.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

CALLER: Final = ContextVar("CALLER", default="")
"""For whom the work of this task is: callers take turns."""

_WAITING: Final = 2**26
"""How many bytes of files may wait for the process."""

_KILL: Final = getattr(signal, "SIGKILL", signal.SIGTERM)


class Turns:
    """Lets a few tasks at a time go on. Callers take turns, however many tasks each of them has."""

    def __init__(self, places: int = 1) -> None:
        """Let the first ones go on.

        Args:
            places: How many tasks go on at a time.
        """
        self._free = places
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[None]:
        """Wait for a turn, which lasts for the length of a block."""
        await self.begin(caller)
        try:
            yield
        finally:
            self.end()

    async def begin(self, caller: str) -> None:
        """Wait for a turn, which lasts until `end` is called."""
        if self._free:
            self._free -= 1
        else:
            await self._called(caller)

    async def _called(self, caller: str) -> None:
        called = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(called)
        try:
            await called
        except asyncio.CancelledError:
            if not called.cancelled():  # it was called in this moment
                self.end()
            raise

    def end(self) -> None:
        """End a turn: the next caller has it, or whoever comes first."""
        while self._waiting:
            caller, tasks = self._waiting.popitem(last=False)
            called = tasks.popleft()
            if tasks:
                self._waiting[caller] = tasks  # behind all other callers
            if not called.done():
                called.set_result(None)
                return
        self._free += 1


class WorkerProcess:
    """One process for work that takes long, started when it is first needed.

    It does one thing at a time. Work that takes longer than a request may is ended, with the
    process; so is work that nobody waits for any more.
    """

    def __init__(self, deadline: float) -> None:
        """Start nothing yet.

        Args:
            deadline: How long one piece of work may take, in seconds.
        """
        self._deadline = deadline
        self._pool: ProcessPoolExecutor | None = None
        self._process = 0
        self._turns = Turns()
        self._waiting = 0

    async def __call__(self, work: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
        """Do some work in the other process.

        Raises:
            Problem: 503 if too much is waiting, or if the process ended; the next work gets a new
                process. 504 if it takes too long.
            GraphError: As the work raises it.
        """
        size = sum(len(argument) for argument in arguments if isinstance(argument, bytes))
        if self._waiting + size > _WAITING:
            raise Problem(503, "too many large files at once: come again", retry_after=2)
        self._waiting += size
        try:
            await in_task()
            async with self._turns.turn(CALLER.get()), asyncio.timeout(self._deadline):
                return await self._done(work, *arguments)
        except TimeoutError:
            raise Problem(504, "the work took too long", retry_after=1) from None
        finally:
            self._waiting -= size

    async def _done(self, work: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
        loop = asyncio.get_running_loop()
        try:
            if self._pool is None:
                self._pool = _new_pool()
                self._process = await loop.run_in_executor(self._pool, os.getpid)
            return await loop.run_in_executor(self._pool, work, *arguments)
        except asyncio.CancelledError:
            self.close()
            raise
        except BrokenProcessPool:
            self.close()
            raise Problem(503, "the process for large files ended", retry_after=1) from None

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            if self._process:
                with suppress(OSError):  # it has ended already
                    os.kill(self._process, _KILL)
            self._pool, self._process = None, 0


def _new_pool() -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")  # threads of ours may hold locks
    return ProcessPoolExecutor(1, mp_context=context, initializer=_begin)


def _begin() -> None:
    """Prepare the process: the server decides when it ends, and it does not outlive the server."""
    for number in (signal.SIGINT, signal.SIGTERM):  # which a terminal or systemd sends to all
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_server, daemon=True).start()


def _end_with_server() -> None:
    server = multiprocessing.parent_process()
    if server is not None:
        server.join()
        os._exit(1)
