"""Work on rows: what is done at once, what waits its turn, what is refused, and when it ends."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mgraph.service.admission import SHARE, SMALL, SMALL_SIZE, Admission, Work
from mgraph.service.deadlines import until
from mgraph.service.problems import Problem
from mgraph.service.settings import Settings
from mgraph.service.worker_process import CALLER

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

LARGE = Work(SMALL, 2)
SETTINGS = Settings(threads=2, queue=6)


@pytest.fixture(autouse=True)
def no_fault_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check that callbacks of futures, whose exceptions go to the log, raise none."""
    yield
    assert caplog.get_records("call") == []


class Gate:
    """Work that begins, and ends when it is let go."""

    def __init__(self) -> None:
        """Let nothing go yet."""
        self.begun: list[str] = []
        self.opened = threading.Event()

    def __call__(self, name: str) -> str:
        """Wait until the gate is open."""
        self.begun.append(name)
        assert self.opened.wait(30)
        return name


async def true(claim: Callable[[], bool]) -> None:
    """Wait until a claim is true."""
    while not claim():  # noqa: ASYNC110 - threads set no event of the loop
        await asyncio.sleep(0.001)


def run(
    test: Callable[[Admission, Gate], Coroutine[Any, Any, None]], settings: Settings = SETTINGS
) -> Admission:
    """Run a test with an admission and a gate, which is open at the end."""
    admission, gate = Admission(settings), Gate()

    async def whole() -> None:
        try:
            await test(admission, gate)
        finally:
            gate.opened.set()
            await true(lambda: not admission.running)

    try:
        asyncio.run(whole())
    finally:
        admission.close()
    assert (admission.backlog.count, admission.backlog.cost, admission.backlog.size) == (0, 0, 0)
    return admission


async def waiting(admission: Admission, gate: Gate, *callers: str) -> list[asyncio.Task[str]]:
    """Start some work of each caller; return it when it waits or has begun."""
    tasks = []
    for caller in callers:
        CALLER.set(caller)
        tasks.append(asyncio.create_task(admission(LARGE, gate, caller)))
        await asyncio.sleep(0)
    return tasks


async def refused(work: Coroutine[Any, Any, object]) -> Problem:
    """Return why some work is refused."""
    with pytest.raises(Problem) as caught:
        await work
    return caught.value


def test_small_work_is_done_at_once_and_other_work_in_threads() -> None:
    """Small is what takes no time and little memory; results and exceptions come back from both."""
    here = threading.get_ident()

    async def test(admission: Admission, _: Gate) -> None:
        assert await admission(Work(SMALL, 1, SMALL_SIZE), threading.get_ident) == here
        for large in (Work(SMALL + 1), Work(1, SMALL + 1), Work(1, 1, SMALL_SIZE + 1)):
            assert await admission(large, threading.get_ident) != here
        for work in (Work(1), LARGE):
            with pytest.raises(ZeroDivisionError):
                await admission(work, divmod, 1, 0)

    done = run(test).done
    assert (done.at_once, done.in_threads) == (2, 4)
    assert done.rows == 1 + 1 + (SMALL + 1) + 1 + 1 + 2
    assert done.cost == SMALL + 2 * (SMALL + 1) + 1 + 1 + 2 * SMALL


def test_as_many_threads_as_allowed_and_callers_take_turns() -> None:
    """Two run at a time; who has much to do waits for others between its own work."""

    async def test(admission: Admission, gate: Gate) -> None:
        tasks = await waiting(admission, gate, *"aaabb")
        await true(lambda: len(gate.begun) == 2)
        assert (admission.running, admission.backlog.count) == (2, 5)
        gate.opened.set()
        assert await asyncio.gather(*tasks) == [*"aaabb"]
        assert sorted(gate.begun[:2]) == ["a", "a"]
        assert sorted(gate.begun[2:4]) == ["a", "b"]
        assert gate.begun[4] == "b"

    assert run(test, replace(SETTINGS, queue=20)).done.waited > 0.0


def test_a_full_queue_refuses_and_empties_again() -> None:
    """503 with Retry-After when as much waits as may; afterwards there is room again."""

    async def test(admission: Admission, gate: Gate) -> None:
        tasks = await waiting(admission, gate, *"abcdefgh")
        problem = await refused(admission(LARGE, gate, "i"))
        assert (problem.status, dict(problem.headers)) == (503, {b"retry-after": b"1"})
        assert await admission(Work(1), str, 7) == "7"  # small work never waits
        gate.opened.set()
        await asyncio.gather(*tasks)
        assert await admission(LARGE, gate, "i") == "i"

    assert run(test).done.refused == 1


def test_one_caller_leaves_room_for_others() -> None:
    """It may fill a quarter of the queue, and of the memory."""

    async def test(admission: Admission, gate: Gate) -> None:
        tasks = await waiting(admission, gate, *"aaaa")
        assert (await refused(admission(LARGE, gate, "a"))).status == 503
        tasks += await waiting(admission, gate, "b")
        gate.opened.set()
        await asyncio.gather(*tasks)

    run(test, replace(SETTINGS, queue=4 * SHARE - 2))


def test_memory_is_limited() -> None:
    """503 for more bytes than work may hold at once, of one caller and of all; then room again."""
    part = 2**24 // SHARE

    async def test(admission: Admission, gate: Gate) -> None:
        tasks = []
        for caller in "abcd":
            CALLER.set(caller)
            tasks.append(asyncio.create_task(admission(Work(1, 1, part), gate, caller)))
            await asyncio.sleep(0)
            for size, status in ((SMALL_SIZE + 1, 503), (part + 1, 413)):
                more = admission(Work(1, 1, size), gate, caller)
                assert (await refused(more)).status == status
        CALLER.set("e")
        assert (await refused(admission(Work(1, 1, SMALL_SIZE + 1), gate, "e"))).status == 503
        gate.opened.set()
        await asyncio.gather(*tasks)
        assert await admission(Work(1, 1, part), gate, "e") == "e"

    run(test, replace(SETTINGS, tensors=2**20, queue=30))


def test_what_is_too_much_is_refused_for_good() -> None:
    """413, without Retry-After, and nothing is called."""

    async def test(admission: Admission, gate: Gate) -> None:
        for work in (Work(1001, 10), Work(1, 1, 2**20 + 1)):
            problem = await refused(admission(work, gate, "a"))
            assert (problem.status, problem.headers) == (413, ())
        assert (
            "1,001 nodes × 10 rows are more than 10,000"
            in (await refused(admission(Work(1001, 10), gate, "a"))).detail
        )
        assert gate.begun == []

    assert run(test, replace(SETTINGS, work=10_000, tensors=2**18)).done.too_large == 3


def test_deadlines_hold() -> None:
    """What waits when its deadline passes is never begun; what has begun counts until it ends."""

    async def test(admission: Admission, gate: Gate) -> None:
        now = asyncio.get_running_loop().time()
        late = [until(now + 0.05, admission(LARGE, gate, name)) for name in "abc"]
        caught = await asyncio.gather(*late, return_exceptions=True)
        assert [type(each) for each in caught] == [TimeoutError] * 3
        assert gate.begun == ["a", "b"]
        assert (admission.running, admission.backlog.count) == (2, 2)
        gate.opened.set()
        await true(lambda: not admission.running)
        assert await admission(LARGE, gate, "d") == "d"

    assert run(test, replace(SETTINGS, queue=20)).done.forgotten == 1


def test_clients_are_told_when_to_come_again() -> None:
    """After the time that what waits will take, judged by what was done: 1 to 30 seconds."""

    async def test(admission: Admission, gate: Gate) -> None:
        assert admission.retry_after == 1
        tasks = await waiting(admission, gate, *"abcd")
        admission.done.cost, admission.done.seconds = LARGE.cost, 4.0
        assert admission.retry_after == 8  # 4 × 4 s, by two threads
        admission.done.seconds = 400.0
        assert admission.retry_after == 30
        gate.opened.set()
        await asyncio.gather(*tasks)

    run(test)


def test_a_loop_that_has_ended_is_no_fault() -> None:
    """A server that ends while a thread works: the thread finishes, and nothing is raised."""
    admission, gate = Admission(SETTINGS), Gate()

    async def test() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await admission(LARGE, gate, "a")

    asyncio.run(test())
    admission.close()
    gate.opened.set()
    admission._pool.shutdown()  # noqa: SLF001 - waits for the thread
    assert gate.begun == ["a"]
