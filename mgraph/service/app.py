"""The HTTP application: its routes, and what it does at start and end."""

from __future__ import annotations

import asyncio
import gc
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from starlette.routing import Router

from mgraph.service.api import Api
from mgraph.service.arrow.api import RowsApi
from mgraph.service.documents import Documents
from mgraph.service.exchange import JSON_TYPE, Reply
from mgraph.service.grants import Grants
from mgraph.service.guard import Guard
from mgraph.service.inference.api import PREFIX, InferenceApi
from mgraph.service.inference.api import refused as inference_refused
from mgraph.service.journal import Journal
from mgraph.service.load import Load
from mgraph.service.metrics import METRICS_TYPE, Metrics, check_may_see
from mgraph.service.openapi import description
from mgraph.service.pages import OPENER, Pages
from mgraph.service.routes import Route, Routes
from mgraph.service.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mgraph.service.exchange import HttpRequest
    from mgraph.service.routes import Handler
    from mgraph.service.store.protocol import GraphStore

_NEVER_KEEP: Final = (b"cache-control", b"no-store")
_OK: Final = Reply(200, b'{"ok":true}', JSON_TYPE, (_NEVER_KEEP,))


def application(
    store: GraphStore, settings: Settings | None = None, journal: Journal | None = None
) -> Guard:
    """Return the service as an ASGI application.

    Args:
        store: Where documents, names and tokens are.
        settings: What is allowed.
        journal: The log.
    """
    settings, journal = settings or Settings(), journal or Journal()
    documents = Documents(store, settings)
    api = Api(documents)
    pages = Pages(documents)
    metrics = Metrics(Load(settings.concurrent), documents.admission)
    inference, rows = InferenceApi(documents), RowsApi(documents)
    routes = [  # those that are asked most come first
        _route("/api/graphs/{reference:path}/run", POST=api.post_run),
        _route("/api/graphs/{reference:path}/rows", POST=rows.post_rows),
        _route("/healthz", GET=_healthy),
        *_inference_routes(inference),
        _route("/openapi.json", GET=_described),
        _route("/api/graphs", POST=api.post_graph),
        _route("/api/graphs/{reference:path}", GET=api.get_graph),
        _route("/api/runs/{key}", GET=api.get_run),
        _route("/api/names", GET=api.get_names),
        _route(
            "/api/names/{name:path}",
            GET=api.get_name,
            PUT=api.put_name,
            DELETE=api.delete_name,
        ),
        _route("/api/check", POST=api.post_check),
        _route("/", GET=pages.get_index),
        _route(OPENER, GET=pages.get_opener),
        _route("/g/{reference:path}", GET=pages.get_page),
        _route("/c/{prefix:path}", GET=pages.get_class),
        _route("/t/{document}/{theme}", GET=pages.get_picture),
    ]

    async def ready(_request: HttpRequest) -> Reply:
        if documents.is_warm:
            await documents.ask(store.names, limit=1)  # raises if the store can't be read
            return Reply(200, b'{"ready":true}', headers=(_NEVER_KEEP,))
        return Reply(503, b'{"ready":false}', headers=(_NEVER_KEEP, (b"retry-after", b"1")))

    async def counted(request: HttpRequest) -> Reply:
        check_may_see(request, settings)
        return Reply(200, metrics.text(), METRICS_TYPE, (_NEVER_KEEP,))

    routes += [_route("/readyz", GET=ready), _route("/metrics", GET=counted)]

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        warming = asyncio.ensure_future(documents.math())
        warming.add_done_callback(_settle)
        try:
            yield
        finally:
            warming.cancel()
            documents.close()
            journal.flush()

    lives = Router(lifespan=lifespan)
    return Guard(
        Routes(routes), lives, settings, journal, metrics,
        grants=Grants(store), refusals={PREFIX: inference_refused},
    )  # fmt: skip


def _inference_routes(api: InferenceApi) -> list[Route]:
    model, version = f"{PREFIX}/models/{{model:path}}", "/versions/{version}"
    about = (_route(path, GET=api.get_server) for path in (PREFIX, f"{PREFIX}/"))
    health = (_route(f"{PREFIX}/health/{what}", GET=api.get_health) for what in ("live", "ready"))
    return [  # a path that ends like one of the first is that one, whatever names there are
        _route(f"{model}{version}/infer", POST=api.post_infer),
        _route(f"{model}/infer", POST=api.post_infer),
        *health,
        _route(f"{model}{version}/ready", GET=api.get_model_ready),
        _route(f"{model}/ready", GET=api.get_model_ready),
        _route(f"{model}{version}", GET=api.get_model),
        _route(model, GET=api.get_model),
        *about,
    ]


def _route(path: str, **handlers: Handler) -> Route:
    return Route(path, handlers)


def _settle(_warming: object) -> None:
    """Let the garbage collector leave alone what is there now, which is there to stay.

    To look through all of it again would hold requests up for 15 milliseconds or more.
    """
    gc.collect()
    gc.freeze()


async def _described(_request: HttpRequest) -> Reply:
    return Reply(200, description(), headers=((b"cache-control", b"no-cache"),))


async def _healthy(_request: HttpRequest) -> Reply:
    return _OK
