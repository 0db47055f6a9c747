"""How much work on rows the service takes on at once, and where that is done.

Work that may take long says how much it is, and goes through `Admission`, from any handler:

    work = Work(nodes=len(graph), rows=rows, size=len(body) + 8 * rows * columns_of_results)
    batch = await request.within(documents.admission(work, replay.batch, columns))

- Small work is done at once, where the request is answered: a thread would cost more.
- Other work is done in a few threads: kernels release the GIL, so as many as there are cores. The
  function must be safe to call in any thread. What it raises is raised here.
- Until a thread is free, work waits; callers take turns. If too much waits, in all or of one
  caller, the request is refused (503, with Retry-After); work that is too much for any moment is
  refused for good (413).
- `request.within` makes the deadline: work that still waits is forgotten (504). A thread can't be
  ended, so what has begun is finished, and counts until then, though nobody waits for the result:
  `Settings.work` keeps that short.
- Work in Python, per node, says so by its weight: `Work(nodes, weight=PYTHON)` for one run.
- `size` is the memory that the work holds until it is done: what arrived, and the results.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from mgraph.service.problems import Problem
from mgraph.service.worker_process import CALLER, Turns

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from mgraph.service.settings import Settings

T = TypeVar("T")

SMALL: Final = 2**17
"""Work of at most so many nodes × rows is done at once: it takes a millisecond at most, or three
if every node is the slowest op, and giving it to a thread takes a tenth of one."""

EXACT: Final = 10_000
"""The weight of work in Python in exact math, whose functions are computed in long integers."""

EXACT_ROWS: Final = 500
"""The weight of rows in exact math: a kernel asks Python where it can't tell how to round."""

PYTHON: Final = 500
"""The weight of work that Python does for each node: reading a graph, or one run as JSON."""

SMALL_SIZE: Final = 2**20
"""It holds at most so many bytes."""

SHARE: Final = 4
"""The queue and the memory are for so many callers: one alone may use a quarter of them."""

_LATEST: Final = 30
"""After how many seconds a client is told to come again, at most."""


class Work(NamedTuple):
    """How much some work is, known before it begins.

    Attributes:
        nodes: The number of nodes of the graph.
        rows: How many rows it is run on.
        size: How many bytes it holds, of what arrived and of the results.
        weight: How many times as long as in a kernel it takes for each node.
    """

    nodes: int
    rows: int = 1
    size: int = 0
    weight: int = 1

    @property
    def cost(self) -> int:
        """Nodes × rows, by weight: what the time is in proportion to."""
        return self.nodes * max(self.rows, 1) * self.weight

    @property
    def is_small(self) -> bool:
        """Whether it takes next to no time."""
        return self.cost <= SMALL and self.size <= SMALL_SIZE


@dataclass(slots=True)
class Done:
    """What has been done since the start; `GET /metrics` shows it.

    Attributes:
        at_once: How much work was done where its request was answered.
        in_threads: How much was done in threads.
        refused: How much was refused because too much was waiting.
        too_large: How much was refused because it is too much for any moment.
        forgotten: How much was still waiting when its deadline passed.
        rows: How many rows were run.
        cost: Nodes × rows of these, by weight.
        seconds: How long that took, of all threads together.
        waited: For how many seconds work has waited for a thread.
    """

    at_once: int = 0
    in_threads: int = 0
    refused: int = 0
    too_large: int = 0
    forgotten: int = 0
    rows: int = 0
    cost: int = 0
    seconds: float = 0.0
    waited: float = 0.0


class Backlog:
    """The work that waits for a thread, or is in one, and how much there may be.

    Attributes:
        count: How much work there is.
        cost: The nodes × rows of it.
        size: How many bytes it holds.
    """

    def __init__(self, settings: Settings) -> None:
        """Take what is allowed: one caller may use a part of it."""
        self.count = self.cost = self.size = 0
        self._most = settings.queue + settings.threads
        self._callers_most = max(self._most // SHARE, settings.threads)
        self._size = settings.held
        self._callers: dict[str, tuple[int, int]] = {}

    def has_room(self, work: Work, caller: str) -> bool:
        """Whether some work of a caller can be taken on."""
        count, size = self._callers.get(caller, (0, 0))
        return (
            self.count < self._most
            and count < self._callers_most
            and self.size + work.size <= self._size
            and size + work.size <= self._size // SHARE
        )

    def add(self, work: Work, caller: str, times: int = 1) -> None:
        """Count some work; with -1 for `times`, count it no longer."""
        self.count += times
        self.cost += times * work.cost
        self.size += times * work.size
        count, size = self._callers.pop(caller, (0, 0))
        if count + times:
            self._callers[caller] = count + times, size + times * work.size

    def remove(self, work: Work, caller: str) -> None:
        """Count some work no longer."""
        self.add(work, caller, -1)


class Admission:
    """Takes on work on rows, or refuses it, and sees to it that it is done.

    Attributes:
        done: What has been done.
        backlog: The work that waits for a thread, or is in one.
        running: How much work is in a thread.
        threads: How many threads there are.
    """

    def __init__(self, settings: Settings) -> None:
        """Take what is allowed; threads are started when they are first needed."""
        self.done, self.backlog, self.running = Done(), Backlog(settings), 0
        self._lock = Lock()  # of `done`
        self._settings = settings
        self.threads = settings.threads
        self._turns = Turns(self.threads)
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="mgraph-rows")

    async def __call__(self, work: Work, function: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401
        """Do some work: call a function.

        Raises:
            Problem: 413 if it is too much for this service, 503 if too much is waiting.
        """
        self._check_possible(work)
        if work.is_small:
            self.done.at_once += 1
            return self._timed(work, function, *arguments)
        caller = CALLER.get()
        if not self.backlog.has_room(work, caller):
            self.done.refused += 1
            raise Problem(503, "too much work at once: come again", retry_after=self.retry_after)
        await self._turn(work, caller)
        return await self._in_thread(work, caller, function, *arguments)

    def _check_possible(self, work: Work) -> None:
        """Refuse what is too much at any time.

        Raises:
            Problem: 413.
        """
        cost, size = self._settings.work, self._settings.held // SHARE
        if work.cost > cost:
            self.done.too_large += 1
            detail = f"{work.nodes:,} nodes × {work.rows:,} rows are more than {cost:,}"
            raise Problem(413, f"{detail}: send fewer rows at a time")
        if work.size > size:
            self.done.too_large += 1
            detail = f"the rows and their results have {work.size:,} bytes, more than {size:,}"
            raise Problem(413, f"{detail}: send fewer rows, or ask for fewer results, at a time")

    @property
    def retry_after(self) -> int:
        """In how many seconds what waits now will be done, about, judged by what was done."""
        pace = self.done.seconds / self.done.cost if self.done.cost else 0.0
        return min(max(ceil(self.backlog.cost * pace / self.threads), 1), _LATEST)

    async def _turn(self, work: Work, caller: str) -> None:
        """Wait for a turn to use a thread."""
        self.backlog.add(work, caller)
        start = perf_counter()
        try:
            await self._turns.begin(caller)
        except BaseException:  # it was cancelled: the deadline passed, or the server ends
            self.done.forgotten += 1
            self.backlog.remove(work, caller)
            raise
        finally:
            self.done.waited += perf_counter() - start

    async def _in_thread(
        self,
        work: Work,
        caller: str,
        function: Callable[..., T],
        *arguments: Any,  # noqa: ANN401
    ) -> T:
        """Do some work in a thread, which has its turn until that is done, whoever waits for it."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def ended(call: Future[T]) -> None:
            self.running -= 1
            self.backlog.remove(work, caller)
            self._turns.end()
            _answer(answer, call)

        self.running += 1
        self.done.in_threads += 1
        call = self._pool.submit(self._timed, work, function, *arguments)
        call.add_done_callback(lambda call: _tell(loop, ended, call))
        return await answer

    def _timed(self, work: Work, function: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401
        """Call a function, and count what it does."""
        start = perf_counter()
        try:
            return function(*arguments)
        finally:
            seconds = perf_counter() - start
            with self._lock:
                self.done.seconds += seconds
                self.done.rows += work.rows
                self.done.cost += work.cost

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _answer(answer: asyncio.Future[T], call: Future[T]) -> None:
    """Pass the result of a call on, or what it raised, if somebody still waits for it."""
    if answer.done():
        return
    error = call.exception()
    if error is None:
        answer.set_result(call.result())
    else:
        answer.set_exception(error)


def _tell(
    loop: asyncio.AbstractEventLoop, ended: Callable[[Future[T]], None], call: Future[T]
) -> None:
    """Tell the loop, from a thread, that a call has ended; it may be closed by now."""
    if not (call.cancelled() or loop.is_closed()):
        loop.call_soon_threadsafe(ended, call)
