"""Waiting until a deadline, at no cost for what is done at once."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

T = TypeVar("T")


async def until(deadline: float, work: Coroutine[Any, Any, T]) -> T:
    """Do some work; most of it never waits, and then no timer is set.

    Args:
        deadline: When it must be done, in seconds of the monotonic clock.
        work: A coroutine that has not been started.

    Raises:
        TimeoutError: It is not done by then; it was cancelled.
    """
    try:
        waits_for = work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    await in_task()
    async with asyncio.timeout(deadline - monotonic()):
        return await _Begun(work, waits_for)


async def in_task() -> None:
    """Go on in a task, without which nothing can be timed: requests are begun without one."""
    if asyncio.current_task() is None:
        await asyncio.sleep(0)


async def begun(work: Coroutine[Any, Any, T], waits_for: object) -> T:
    """Finish a coroutine that has run up to where it waits for the first time.

    Args:
        work: The coroutine.
        waits_for: What it has yielded.
    """
    return await _Begun(work, waits_for)


class _Begun(Generic[T]):
    """A coroutine that has run up to where it waits for the first time."""

    def __init__(self, work: Coroutine[Any, Any, T], waits_for: object) -> None:
        """Take the coroutine, and what it waits for."""
        self._work = work
        self._waits_for = waits_for

    def __await__(self) -> Generator[object, Any, T]:
        """Wait for that on behalf of the coroutine, and for all that it waits for later.

        Source:
            PEP 380, what `yield from` does.
        """
        waits_for = self._waits_for
        try:
            while True:
                try:
                    answer = yield waits_for
                except BaseException as error:  # noqa: BLE001 - cancellation, too, is the work's
                    waits_for = self._work.throw(error)
                else:
                    waits_for = self._work.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result
