"""Rate limits: how many requests one token or one address may make."""

from __future__ import annotations

from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_ROUNDING: Final = 1e-9
"""How far sums of times may be off, in seconds."""

_REMEMBERED: Final = 20_000
"""How many callers are remembered; of more, those that are within their rate are forgotten."""


class Rates:
    """How much each caller has asked for lately.

    Source:
        The generic cell rate algorithm, ITU-T I.371, as a virtual schedule.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = monotonic) -> None:
        """Take the requests a second in the long run, and at once.

        Args:
            rate: In requests a second.
            burst: In requests.
            clock: Returns the time in seconds.
        """
        self._interval = 1.0 / rate
        self._slack = (burst - 1.0) / rate
        self._clock = clock
        self._due: dict[str, float] = {}

    def wait(self, caller: str) -> int:
        """Count one request of a caller, unless it must wait.

        Returns:
            In how many seconds it may come again; 0 if the request is within its rate.
        """
        now = self._clock()
        due = max(self._due.get(caller, now), now)
        early = due - now - self._slack
        if early > _ROUNDING:
            return ceil(early)
        if len(self._due) >= _REMEMBERED:
            self._forget(now)
        self._due[caller] = due + self._interval
        return 0

    def _forget(self, now: float) -> None:
        """Forget callers that have nothing left to wait for, or else all of them."""
        self._due = {caller: due for caller, due in self._due.items() if due > now}
        if len(self._due) >= _REMEMBERED:
            self._due.clear()
