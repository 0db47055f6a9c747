"""The Open Inference Protocol: what each path below /v2 answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from mgraph import __version__
from mgraph.engine import tape
from mgraph.errors import MissingExtraError, quoted
from mgraph.graph.run import EXACT_MATH
from mgraph.service.admission import EXACT_ROWS, Work
from mgraph.service.encoding import as_json_bytes
from mgraph.service.exchange import JSON_TYPE, Reply
from mgraph.service.problems import Problem, Refusal, told
from mgraph.service.store.errors import NotFoundError, StoreError

if TYPE_CHECKING:
    from mgraph.service.documents import Documents
    from mgraph.service.exchange import HttpRequest
    from mgraph.service.inference.messages import Inference
    from mgraph.service.inference.models import (
        InferencePlan,
        PreparedComputation,
        ReadyComputations,
        ServedModel,
    )
    from mgraph.service.inference.replies import EncodedReply

PREFIX: Final = "/v2"
"""What the paths begin with."""

_BYTES_TYPE: Final = b"application/octet-stream"
_HEADER_SIZE: Final = b"inference-header-content-length"
_NEVER_KEEP: Final = (b"cache-control", b"no-store")
_IN_JSON: Final = 2**16
"""More bytes of JSON are read in another process: decoding holds all threads up."""

_REMEMBERED: Final = 2**12
_PLANS: Final = 256
"""What so many requests ask for is kept, if their JSON has so many bytes at most."""

_PREPARING: Final = 500
"""Preparing a graph takes about as long as running so many rows."""

_AT_ONCE: Final = 0.05
"""For how many seconds a server that is asked whether it lives waits for its store."""


class InferenceApi:
    """The functions behind the paths of the protocol."""

    def __init__(self, documents: Documents) -> None:
        """Take the documents, whose graphs are the models."""
        self._documents = documents
        self._lacks = tape.missing()
        self._kept: ReadyComputations | None = None
        self._modules: Any = None
        self._plans: dict[tuple[str, bytes], InferencePlan] = {}
        self._kernels: dict[str, asyncio.Future[Any]] = {}
        self._asked: asyncio.Future[bool] | None = None

    # --- about the server and its models ---

    async def get_server(self, _request: HttpRequest) -> Reply:
        """Say what this server is."""
        extensions = ["binary_tensor_data"]
        return _json({"name": "mgraph", "version": __version__, "extensions": extensions})

    async def get_health(self, request: HttpRequest) -> Reply:
        """Say that the server lives, and whether it is ready, which decides about the status."""
        is_asked = request.scope["path"].endswith("/ready")
        is_ready = await (self._is_ready() if is_asked else self._is_ready_soon())
        status = 503 if is_asked and not is_ready else 200
        headers = ((b"retry-after", b"1"),) if status != 200 else ()  # noqa: PLR2004 - done
        reply = _json({"live": True, "ready": is_ready}, _NEVER_KEEP, *headers)
        return reply._replace(status=status)

    async def _is_ready(self) -> bool:
        """Whether models can be run: not if the store can't be read, but the server lives then."""
        if self._lacks or not self._documents.is_warm:
            return False
        try:
            await self._documents.ask(self._documents.store.names, limit=1)
        except StoreError:
            return False
        return True

    async def _is_ready_soon(self) -> bool:
        """Whether models can be run, as far as the store says so at once: it may be away."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.ensure_future(self._is_ready())
        await asyncio.wait((self._asked,), timeout=_AT_ONCE)
        return self._asked.done() and self._asked.result()

    async def get_model(self, request: HttpRequest) -> Reply:
        """Say what a model takes and returns."""
        name = request.parameters["model"]
        return _json(await request.within(self._metadata(name, request)))

    async def _metadata(self, name: str, request: HttpRequest) -> dict[str, Any]:
        document = await self._document(request)
        return (await self._model(document)).metadata(name, document)

    async def get_model_ready(self, request: HttpRequest) -> Reply:
        """Say whether a model can be run."""
        name = request.parameters["model"]
        await request.within(self._metadata(name, request))
        return _json({"name": name, "ready": True}, _NEVER_KEEP)

    # --- inference ---

    async def post_infer(self, request: HttpRequest) -> Reply:
        """Run a model over rows."""
        body = await request.body(self._documents.settings.tensors)
        answer = await request.within(self._answer(request, body))
        headers = [] if answer.header_size is None else [(_HEADER_SIZE, b"%d" % answer.header_size)]
        if answer.encoding:
            headers.append((b"content-encoding", answer.encoding.encode()))
        kind = JSON_TYPE if answer.header_size is None else _BYTES_TYPE
        return Reply(200, answer.body, kind, (*headers, (b"vary", b"accept-encoding")))

    async def _answer(self, request: HttpRequest, body: bytes) -> EncodedReply:
        document = await self._document(request)
        messages, models, replies = self._parts
        size = messages.header_size(request.header(_HEADER_SIZE), len(body))
        plan = await self._plan(document, body if size == len(body) else body[:size])
        tensors = plan.request.with_bytes(body, size)
        rows = models.rows_of(tensors)
        accepted = _encodings(request.header(b"accept-encoding"))
        name = request.parameters["model"]
        form = replies.Form(name, document, plan.request.id, plan.outputs, accepted)
        prepared = await self._prepared(document, plan)
        held = len(body) + 8 * rows * (plan.results + len(plan.outputs))
        weight = EXACT_ROWS if plan.request.math == EXACT_MATH else 1
        cost = Work(prepared.size, rows, held, weight)
        answer: EncodedReply = await self._documents.admission(
            cost, replies.answered, prepared, tensors, rows, form
        )
        self._ready.give(prepared)
        return answer

    async def _plan(self, document: str, header: bytes) -> InferencePlan:
        """Return what the JSON of a request asks for; that of the last ones is kept.

        Raises:
            GraphError: `run-node` or `seed` if it asks for what the graph doesn't have.
            Problem: 400 for what else is wrong with it, 413 if it is too large.
        """
        key = document, header
        plan = self._plans.get(key)
        if plan is not None:
            return plan
        model, request = await self._model(document), await self._read(header)
        plan = model.plan(request)
        if len(header) <= _REMEMBERED:
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            self._plans[key] = plan
        return plan

    async def _read(self, header: bytes) -> Inference:
        from mgraph.service.inference import messages  # noqa: PLC0415 - needs an extra

        if len(header) <= _IN_JSON:
            return messages.read(header)
        _check_json(len(header), self._documents.settings.limits.size)
        request: Inference = await self._documents.worker(messages.read, header)
        return request

    async def _prepared(self, document: str, plan: InferencePlan) -> PreparedComputation:
        """Return what is asked for, ready to be run, for this request alone.

        Raises:
            GraphError: The graph can't be run like this.
            Problem: 501 if the math library is not on this machine.
        """
        prepared = self._ready.take(plan.computation)
        if prepared is not None:
            return prepared
        from mgraph.service.inference.models import PreparedComputation  # noqa: PLC0415 - as above

        await self._loaded(plan.computation.math)
        graph = (await self._model(document)).graph
        cost = Work(len(graph), rows=0, weight=_PREPARING)
        return await self._documents.admission(cost, PreparedComputation, graph, plan.computation)

    async def _loaded(self, math: str) -> None:
        """Wait until the kernels of a math library are compiled, which takes long only once.

        Raises:
            Problem: 400 if there is no such library, 501 if it is not on this machine.
        """
        from mgraph.engine.tape.cache import kernels  # noqa: PLC0415 - an extra
        from mgraph.engine.tape.libraries import library  # noqa: PLC0415
        from mgraph.engine.tape.source import BATCH  # noqa: PLC0415

        try:
            name = library(math).name
        except ValueError as error:
            raise Problem(400, str(error)) from None
        except MissingExtraError as error:
            raise Problem(501, str(error)) from None
        known = self._kernels.get(name)
        if known is None or (known.done() and known.exception()):
            loading = asyncio.to_thread(kernels, BATCH, name)
            self._kernels[name] = asyncio.ensure_future(loading)
        await asyncio.shield(self._kernels[name])

    # --- models ---

    @property
    def _parts(self) -> Any:  # noqa: ANN401 - modules
        """The modules that need an extra; importing them takes long, even again."""
        if self._modules is None:
            from mgraph.service.inference import messages, models, replies  # noqa: PLC0415

            self._modules = messages, models, replies
        return self._modules

    @property
    def _ready(self) -> ReadyComputations:
        if self._kept is None:
            from mgraph.service.inference.models import ReadyComputations  # noqa: PLC0415 - as above

            self._kept = ReadyComputations()
        return self._kept

    async def _model(self, document: str) -> ServedModel:
        """Return the model of a document.

        Raises:
            GraphError: It was stored under other limits, and can't be read.
        """
        from mgraph.service.inference.models import ServedModel  # noqa: PLC0415 - needs an extra

        return ServedModel((await self._documents.graph(document)).graph)

    async def _document(self, request: HttpRequest) -> str:
        """Return the id of the document that the path names.

        Raises:
            Problem: 404 if the name has another version now; 501 without the extra `fast`.
            StoreError: There is none.
        """
        if self._lacks:
            raise Problem(501, f"this server can't run models: it lacks {self._lacks} (extra fast)")
        await self._documents.math()
        reference = request.parameters["model"]
        document = await self._documents.find_to_run(reference, request)
        version = request.parameters.get("version", document)
        if version != document:
            detail = f"{quoted(reference)} has no version {quoted(version, 80)}"
            raise Problem(404, f"{detail}: it is {document} now")
        return document


def refused(problem: Problem) -> Reply:
    """Return the reply to a refused request: `{"error": "..."}`, whatever the client accepts."""
    text = problem.detail
    if isinstance(problem, Refusal):
        (first,) = told(problem.error.diagnostics[:1])
        expected = f"expected {first['expected']}" if "expected" in first else ""
        text = "; ".join(filter(None, (first["message"], expected, first.get("fix", ""))))
        if isinstance(problem.error, NotFoundError):
            text += ": a model is the name or id of a document, or the hash of its graph"
    return Reply(problem.status, as_json_bytes({"error": text}), JSON_TYPE, problem.headers)


def _json(members: dict[str, Any], *headers: tuple[bytes, bytes]) -> Reply:
    return Reply(200, as_json_bytes(members), JSON_TYPE, headers)


def _check_json(size: int, most: int) -> None:
    if size > most:
        raise Problem(413, f"the JSON has {size:,} bytes, more than {most:,}: send binary tensors")


def _encodings(accept: str) -> tuple[str, ...]:
    """Return the content encodings in an Accept-Encoding header, without those refused."""
    if not accept:
        return ()
    items = (item.partition(";") for item in accept.lower().split(",")[:20])
    given = ((name.strip(), parameters.replace(" ", "")) for name, _, parameters in items)
    return tuple(
        name for name, quality in given
        if name and name != "identity" and quality.rstrip("0.") != "q="
    )  # fmt: skip
