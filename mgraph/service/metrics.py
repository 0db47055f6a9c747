"""What the service has done and does now, in Prometheus's text format, for `GET /metrics`.

Requests are counted here and not by the library prometheus_client, which takes twenty times as long
for each of them, as much as half a request, and 10 MB of memory; its parser reads the result in a
test. No label has a value that clients choose, so that their number stays small.

Source:
    https://prometheus.io/docs/instrumenting/exposition_formats, text format 0.0.4.
"""

from __future__ import annotations

import os
import sys
import time
from bisect import bisect_left
from http import HTTPStatus
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from mgraph import __version__
from mgraph.service.problems import Problem, unauthorized
from mgraph.service.store.tokens import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.service.admission import Admission
    from mgraph.service.exchange import HttpRequest, Reply
    from mgraph.service.load import Load
    from mgraph.service.settings import Settings

    Sample = tuple[str, float]
    Family = tuple[str, str, str, Sequence[Sample]]

METRICS_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"

_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The upper bounds of how long requests take, in seconds."""

_METHODS: Final = {name: name for name in ("GET", "POST", "PUT", "DELETE", "HEAD")}
_STARTED: Final = time.time()
_PAGE: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0


class _Answered:
    """The requests of one route, with one method, that were answered with one status."""

    __slots__ = ("received", "seconds", "sent", "times")

    def __init__(self) -> None:
        self.times = [0] * (len(_BOUNDS) + 1)
        self.seconds = 0.0
        self.received = self.sent = 0

    def plus(self, other: _Answered) -> _Answered:
        """Return the sum."""
        both = _Answered()
        both.times = [a + b for a, b in zip(self.times, other.times, strict=True)]
        both.seconds = self.seconds + other.seconds
        both.received, both.sent = self.received + other.received, self.sent + other.sent
        return both


class Metrics:
    """Counts requests, and shows that and the work on rows.

    Attributes:
        load: Counts the requests that are worked on.
        admission: Counts work on rows.
    """

    def __init__(self, load: Load, admission: Admission) -> None:
        """Take what counts requests that are worked on, and work on rows."""
        self.load = load
        self.admission = admission
        self._answered: dict[tuple[str, str, int], _Answered] = {}

    def request(self, request: HttpRequest, reply: Reply, seconds: float) -> None:
        """Count a request, its reply, and how long that took."""
        key = request.route, _METHODS.get(request.method, "other"), reply.status
        answered = self._answered.get(key)
        if answered is None:
            answered = self._answered[key] = _Answered()
        answered.times[bisect_left(_BOUNDS, seconds)] += 1
        answered.seconds += seconds
        answered.received += request.received
        answered.sent += reply.size

    def text(self) -> bytes:
        """Return all numbers."""
        return "".join(self._lines()).encode()

    def _lines(self) -> Iterator[str]:
        for name, kind, about, samples in self._families():
            yield f"# HELP {name} {about}\n# TYPE {name} {kind}\n"
            for suffix, value in samples:
                yield f"{name}{suffix} {value}\n"

    def _families(self) -> Iterator[Family]:
        """Yield the name, type and explanation of each metric, and its samples.

        A sample is what follows the name of the metric: a suffix, labels; and its value.
        """
        version = _labels(version=__version__)
        yield "mgraph_build_info", "gauge", "The version.", [(version, 1)]
        yield from self._of_requests()
        yield from self._of_work()
        yield from _of_process()

    def _of_requests(self) -> Iterator[Family]:
        counts: list[Sample] = []
        routes: dict[str, _Answered] = {}
        faults = 0
        for (route, method, status), answered in sorted(self._answered.items()):
            labels = _labels(route=route, method=method, status=status)
            counts.append((labels, sum(answered.times)))
            faults += sum(answered.times) if status == HTTPStatus.INTERNAL_SERVER_ERROR else 0
            routes[route] = routes[route].plus(answered) if route in routes else answered
        for name, kind, about, samples in (
            ("requests_total", "counter", "Requests that were answered.", counts),
            ("faults_total", "counter", "Of these, how many met a fault of the server: status 500.",
             _one(faults)),
            ("request_duration_seconds", "histogram", "From a request's first byte to its reply.",
             [sample for route in routes for sample in _histogram(route, routes[route])]),
            ("request_bytes_total", "counter", "Bytes of bodies received, decompressed.",
             [(_labels(route=route), answered.received) for route, answered in routes.items()]),
            ("reply_bytes_total", "counter", "Bytes of bodies sent.",
             [(_labels(route=route), answered.sent) for route, answered in routes.items()]),
            ("requests_in_progress", "gauge", "Requests that are worked on.",
             _one(self.load.count)),
        ):  # fmt: skip
            yield f"mgraph_{name}", kind, about, samples

    def _of_work(self) -> Iterator[Family]:
        done, backlog = self.admission.done, self.admission.backlog
        outcomes = ("at_once", "in_threads", "refused", "too_large", "forgotten")
        for name, kind, about, value in (
            ("work_waiting", "gauge", "Work that waits for a thread.",
             backlog.count - self.admission.running),
            ("work_running", "gauge", "Work that is in a thread.", self.admission.running),
            ("work_threads", "gauge", "Threads that there are for work.", self.admission.threads),
            ("work_held_bytes", "gauge", "Bytes of work that waits or runs, with its results.",
             backlog.size),
            ("work_waited_seconds_total", "counter", "How long work waited.", done.waited),
            ("rows_total", "counter", "Rows that graphs were run on.", done.rows),
            ("work_cost_total", "counter", "Nodes x rows that were done.", done.cost),
            ("kernel_seconds_total", "counter", "How long that took, all threads together.",
             done.seconds),
        ):  # fmt: skip
            yield f"mgraph_{name}", kind, about, _one(value)
        samples = [(_labels(outcome=x), getattr(done, x)) for x in outcomes]
        yield "mgraph_work_total", "counter", "Work by what became of it.", samples


def check_may_see(request: HttpRequest, settings: Settings) -> None:
    """Refuse to show the metrics to strangers: where storing takes a token, so does this.

    That of a class, which pupils have, is not enough; one for reading is.

    Raises:
        Problem: 401, 403.
    """
    if request.grant is None and settings.needs_token:
        raise unauthorized("to see the metrics here, send a token")
    if request.grant is not None and request.grant.scope is Scope.CLASS:
        raise Problem(403, "this token is for a class; mgraph token new --scope read makes another")


def _one(value: float) -> list[Sample]:
    return [("", value)]


def _labels(**labels: object) -> str:
    """Return labels as text; none has a character that would have to be escaped."""
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def _histogram(route: str, answered: _Answered) -> Iterator[Sample]:
    *sums, count = accumulate(answered.times)
    for bound, below in zip((*_BOUNDS, "+Inf"), (*sums, count), strict=True):
        yield "_bucket" + _labels(route=route, le=bound), below
    yield "_sum" + _labels(route=route), answered.seconds
    yield "_count" + _labels(route=route), count


def _of_process() -> Iterator[Family]:
    """Yield what Prometheus's own libraries say of a process, under the names that they use."""
    seconds = _one(time.process_time())
    yield "process_cpu_seconds_total", "counter", "Processor time, user and system.", seconds
    yield "process_start_time_seconds", "gauge", "When it started, in Unix time.", _one(_STARTED)
    if sys.platform == "linux":
        with open("/proc/self/statm", "rb") as file:
            pages = int(file.read().split()[1])
        memory = _one(pages * _PAGE)
        yield "process_resident_memory_bytes", "gauge", "Memory in use.", memory
        files = _one(len(os.listdir("/proc/self/fd")))
        yield "process_open_fds", "gauge", "Open files and connections.", files
