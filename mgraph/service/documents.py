"""The documents of the service: finding, checking, storing and running them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from mgraph import __version__
from mgraph.codec import MSGPACK, encoding_of
from mgraph.engine import tape
from mgraph.errors import GraphError
from mgraph.graph.run import EXACT_MATH
from mgraph.service import bodies, work
from mgraph.service.admission import EXACT, PYTHON, Admission, Work
from mgraph.service.exchange import JSON_TYPE, MSGPACK_TYPE
from mgraph.service.grants import REMEMBERED
from mgraph.service.recent import Recent
from mgraph.service.store.errors import NotFoundError, RemovedError
from mgraph.service.store.ids import run_key
from mgraph.service.store.protocol import resolve
from mgraph.service.worker_process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgraph.service.exchange import HttpRequest
    from mgraph.service.settings import Settings
    from mgraph.service.store.protocol import GraphStore, Stored
    from mgraph.service.work import About, Checked, ReadyGraph, RunRequested

_KNOWN: Final = 10_000
_RUN_BYTES: Final = 2**25

_QUICK: Final = 2**15
"""A file of strangers with at most so many bytes is checked where the request is answered."""

_EXPLAINED: Final = 2**12
"""All faults of a file with at most so many bytes are found there; for others, that takes long."""

_REQUESTED: Final = 2**16
"""A body that asks for a run, and has more bytes, is read in another process."""

_NUMBERS: Final = 2_000
"""With more numbers than these, the key of a run is computed in a thread."""

COSTLY: Final = 1_000
"""Runs of graphs of so many nodes are cached in the store, too: reading is quicker there."""

EXTENSIONS: Final = {JSON_TYPE: ".json", MSGPACK_TYPE: ".msgpack"}

T = TypeVar("T")


class Document(NamedTuple):
    """A document of the store.

    Attributes:
        id: Its id.
        data: The bytes of its file.
    """

    id: str
    data: bytes

    @property
    def media_type(self) -> bytes:
        """The media type of its file."""
        return MSGPACK_TYPE if encoding_of(self.data) == MSGPACK else JSON_TYPE

    @property
    def extension(self) -> str:
        """The extension of its file."""
        return EXTENSIONS[self.media_type]


class Documents:
    """What the service does with documents.

    Small ones are worked on where the request is answered; large ones in another process, and
    whatever waits for a disk in a thread.
    """

    def __init__(self, store: GraphStore, settings: Settings) -> None:
        """Take the store, and what is allowed."""
        self.store = store
        self.settings = settings
        self.worker = WorkerProcess(settings.deadline)
        self.admission = Admission(settings)
        self._graphs = work.Graphs()
        self._about: OrderedDict[str, About] = OrderedDict()
        self._seen: dict[str, float] = {}
        self._runs = Recent(_RUN_BYTES)
        self._sources = Recent(_RUN_BYTES)  # from which document each run is
        self._math: asyncio.Future[str] | None = None

    # --- the store ---

    async def ask(self, function: Callable[..., T], *arguments: Any, **more: Any) -> T:  # noqa: ANN401
        """Call a method of the store that only reads: in a thread if it waits for another machine.

        Raises:
            StoreError: As the method raises it.
        """
        if self.store.is_remote:
            return await asyncio.to_thread(function, *arguments, **more)
        return function(*arguments, **more)

    # --- finding ---

    async def find(
        self, reference: str, request: HttpRequest, *, is_read_next: bool = False
    ) -> str:
        """Return the id of the document that a reference means.

        The holder of a token may give the start of an id.

        Args:
            reference: The reference.
            request: The request.
            is_read_next: Whether the document will be read anyway, as for `resolve`.

        Raises:
            StoreError: There is no such document, or several.
        """
        return await self.ask(
            resolve, self.store, reference, by_start=request.grant is not None,
            is_read_next=is_read_next,
        )  # fmt: skip

    async def find_to_run(self, reference: str, request: HttpRequest) -> str:
        """Return the id of a document whose graph will be run.

        An id is looked up in the store once in `REMEMBERED` seconds; so long a document that was
        taken down can still be run.

        Raises:
            StoreError: There is no such document, or several.
        """
        now = monotonic()
        if self._seen.get(reference, 0.0) > now:
            return reference
        identifier = await self.find(reference, request)
        if len(self._seen) >= _KNOWN:
            self._seen.clear()
        self._seen[identifier] = now + REMEMBERED
        return identifier

    async def read(self, document: str) -> Document:
        """Return a document.

        Raises:
            StoreError: It is not there, or can't be read.
        """
        is_quick = not self.store.is_remote
        if is_quick and self.store.size(document) <= self.settings.inline:
            return Document(document, self.store.get(document))
        return Document(document, await asyncio.to_thread(self.store.get, document))

    async def in_encoding(self, document: Document, media_type: bytes) -> bytes:
        """Return the file of a document in an encoding; as it was uploaded, if it has that.

        Raises:
            GraphError: It can't be read; it was stored under other limits.
        """
        if document.media_type == media_type:
            return document.data
        extension = EXTENSIONS[media_type]
        return await self.do(work.converted, document.data, extension, self.settings.limits)

    # --- storing ---

    async def check(self, data: bytes) -> Checked:
        """Check a file, as `mgraph check` does.

        Raises:
            GraphError: `size` or `limit`: it is larger than this service reads.
        """
        limits = self.settings.limits
        if len(data) <= _QUICK:
            work.check_count(data, limits)
            checked = work.check(data, limits, explain=len(data) <= _EXPLAINED)
            if checked.about or checked.diagnostics:
                return checked
        report: Checked = await self.worker(work.check_large, data, limits)
        return report

    async def put(
        self,
        data: bytes,
        token: Any,  # noqa: ANN401
        *,
        is_listed: bool,
    ) -> tuple[Stored, Checked]:
        """Check a file and store it.

        Raises:
            GraphError: Everything that is wrong with it.
            StoreError: The store refuses it.
        """
        checked = await self.check(data)
        if checked.about is None:
            raise GraphError(checked.diagnostics, checked.more)
        graph = checked.about.hash
        stored = await self.in_thread(self.store.put, data, graph, token=token, is_listed=is_listed)
        self._remember(stored.id, checked)
        return stored, checked

    async def about(self, document: str) -> About:
        """Return what a document is about.

        Raises:
            GraphError: It can't be read; it was stored under other limits.
            StoreError: It is not there any more.
        """
        about = self._about.get(document)
        if about is None:
            data = (await self.read(document)).data
            checked = await self.check(data)
            about = self._remember(document, checked)
        return about

    def _remember(self, document: str, checked: Checked) -> About:
        """Keep what checking a document found out.

        Raises:
            GraphError: It was not accepted.
        """
        if checked.about is None:
            raise GraphError(checked.diagnostics, checked.more)
        self._about[document] = checked.about
        if len(self._about) > _KNOWN:
            self._about.popitem(last=False)
        return checked.about

    # --- running ---

    async def requested(self, data: bytes) -> RunRequested:
        """Read the body that asks for a run.

        Raises:
            GraphError: What is wrong with it, and where.
        """
        wanted: RunRequested = await self._reading(bodies.run_requested, data, self.settings.limits)
        return wanted

    async def placed(self, data: bytes, error: GraphError, wanted: RunRequested) -> GraphError:
        """Return an error of a run with the places, in the body, of the ids that it names."""
        placed: GraphError = await self._reading(
            bodies.placed, data, error, wanted, self.settings.limits
        )
        return placed

    async def _reading(self, task: Callable[..., T], data: bytes, *rest: object) -> T:
        if len(data) <= _REQUESTED:
            return task(data, *rest)
        result: T = await self.worker(task, data, *rest)
        return result

    async def run(self, document: str, wanted: RunRequested) -> tuple[str, bytes]:
        """Run a document's graph, unless the same run is cached.

        Returns:
            The key of the run, empty without gradients, and the run as it is in a JSON file.

        Raises:
            GraphError: `run-node`, `number`, `unbound-input` or `seed`, as for `Graph.run`.
            StoreError: The document is not there any more.
        """
        about = await self.about(document)
        is_exact = wanted.math == EXACT_MATH  # its bits depend on no library
        math = wanted.math if is_exact else await self.math()
        _check_numbers(wanted, about)
        if not wanted.grad:
            return "", await self._computed(document, wanted, about.nodes)
        given = (about.hash, wanted.inputs, wanted.seed, math, __version__)
        is_short = len(wanted.inputs) + len(wanted.seed) <= _NUMBERS
        key = run_key(*given) if is_short else await self.in_thread(run_key, *given)
        is_costly = about.nodes >= COSTLY
        run = self._runs.get(key)
        if run is None and is_costly:
            run = await self.ask(self.store.get_run, key)
        if run is None:
            run = await self._computed(document, wanted, about.nodes)
            self._runs.keep(key, run)
            self._sources.keep(key, document.encode())
            if is_costly:
                await asyncio.to_thread(self.store.put_run, key, run)
        return key, run

    async def cached(self, key: str) -> bytes | None:
        """Return a run that was computed lately, as JSON; None if it is forgotten.

        A run of a document that was taken down is forgotten, too.

        Raises:
            StoreError: The key is malformed, or the store can't be read.
        """
        run, source = self._runs.get(key), self._sources.get(key)
        if run is None or source is None:
            return await self.ask(self.store.get_run, key)
        try:
            await self.ask(self.store.size, source.decode())
        except (NotFoundError, RemovedError):
            self._runs.forget(key)
            return await self.ask(self.store.get_run, key)
        return run

    async def _computed(self, document: str, wanted: RunRequested, nodes: int) -> bytes:
        if self._graphs.get(document) is None:
            data = (await self.read(document)).data
            if len(data) > self.settings.inline:
                limits = self.settings.limits
                run: bytes = await self.worker(work.run_in_worker, document, data, wanted, limits)
                return run
        graph = await self.graph(document)
        weight = EXACT if wanted.math == EXACT_MATH else PYTHON
        return await self.admission(Work(nodes, weight=weight), work.run_bytes, graph, wanted)

    async def graph(self, document: str) -> ReadyGraph:
        """Return a document's graph, which is read here, whatever its size, and kept.

        Raises:
            GraphError: It can't be read; it was stored under other limits.
            StoreError: The document is not there any more.
        """
        graph = self._graphs.get(document)
        if graph is None:
            about, data = await self.about(document), (await self.read(document)).data
            reading = Work(about.nodes, rows=0, size=len(data), weight=PYTHON)
            limits = self.settings.limits
            graph = await self.admission(reading, work.ready_graph, data, limits)
            self._graphs.keep(document, graph)
        return graph

    async def math(self) -> str:
        """Return the fingerprint of the mathematical library; the first call compiles kernels."""
        if self._math is None:
            self._math = asyncio.ensure_future(asyncio.to_thread(_fingerprint))
        return self._math.result() if self._math.done() else await asyncio.shield(self._math)

    @property
    def is_warm(self) -> bool:
        """Whether the kernels are compiled, so that no run has to wait for that."""
        return self._math is not None and self._math.done()

    async def do(self, task: Callable[..., T], data: bytes, *rest: object) -> T:
        """Work on a file, here if it is small."""
        if len(data) <= self.settings.inline:
            return task(data, *rest)
        result: T = await self.worker(task, data, *rest)
        return result

    @staticmethod
    async def in_thread(function: Callable[..., T], *arguments: Any, **more: Any) -> T:  # noqa: ANN401
        """Call a function that waits for a disk."""
        return await asyncio.to_thread(function, *arguments, **more)

    def close(self) -> None:
        """End the other process, and the threads."""
        self.worker.close()
        self.admission.close()


def _check_numbers(wanted: RunRequested, about: About) -> None:
    """Refuse a run with more numbers than the graph has nodes, before each is looked at.

    Raises:
        GraphError: `run-node`.
    """
    for field in ("inputs", "seed"):
        count = len(getattr(wanted, field))
        if count > about.nodes:
            message = f"the run gives {count:,} numbers, and the graph has {about.nodes:,} nodes"
            raise GraphError.of("run-node", message, (field,), expected="ids of the graph")


def _fingerprint() -> str:
    """Warm the kernels up; without them, name the library that Python itself uses."""
    if tape.missing():
        import platform  # noqa: PLC0415 - rarely

        return " ".join((*platform.libc_ver(), platform.machine(), platform.python_version()))
    from mgraph.engine.tape.cache import kernels  # noqa: PLC0415 - an extra
    from mgraph.engine.tape.fingerprint import fingerprint  # noqa: PLC0415
    from mgraph.engine.tape.libraries import LIBM  # noqa: PLC0415
    from mgraph.engine.tape.source import REPLAY  # noqa: PLC0415

    kernels(REPLAY)
    return fingerprint(LIBM)[1]
