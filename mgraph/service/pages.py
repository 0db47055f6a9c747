"""The pages of the service: a graph's, and those of classes, with a picture of each graph."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Final

from mgraph.errors import MissingExtraError
from mgraph.graph.columns import HASH_NAME
from mgraph.service import work
from mgraph.service.exchange import HTML_TYPE, Reply, etag
from mgraph.service.markup import ASK_AGAIN, page_reply
from mgraph.service.problems import Problem
from mgraph.service.recent import Recent
from mgraph.service.store.ids import DOCUMENT, check_name
from mgraph.viewer.served import class_page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgraph.service.documents import Documents
    from mgraph.service.exchange import HttpRequest

SVG_TYPE: Final = b"image/svg+xml"
OPENER: Final = "/open"
"""The page without a graph, which opens links and files."""

_PICTURES: Final = 2**24
_AT_ONCE: Final = 2
"""How many pictures are drawn at once; a class that opens its page asks for all of them."""

_SVG_POLICY: Final = b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_ONE_DAY: Final = (b"cache-control", b"public, max-age=86400")
"""How long browsers keep pictures: not for ever, because a graph can be taken down."""

_BLANK: Final = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="300" height="170" viewBox="0 0 300 170">'
    b'<text x="150" y="90" text-anchor="middle" font-family="sans-serif" font-size="15" '
    b'fill="#85837b">no picture</text></svg>'
)
"""Stands for the picture of a graph that is too large to be drawn, or without the extra `draw`."""


class Pages:
    """The functions behind the paths of pages."""

    def __init__(self, documents: Documents) -> None:
        """Take the documents."""
        self._documents = documents
        self._pictures = Recent(_PICTURES)
        self._drawing = asyncio.Semaphore(_AT_ONCE)
        self._under_way: dict[str, asyncio.Task[Sequence[bytes]]] = {}

    async def get_index(self, request: HttpRequest) -> Reply:
        """Return the page of all graphs."""
        request.accepted(HTML_TYPE)
        return page_reply(class_page("Graphs", {"prefix": "", **self._allowed()}))

    async def get_class(self, request: HttpRequest) -> Reply:
        """Return the page of a class: the graphs below a prefix."""
        request.accepted(HTML_TYPE)
        prefix = request.parameters["prefix"].rstrip("/")
        check_name(prefix)
        return page_reply(class_page(prefix, {"prefix": prefix, **self._allowed()}))

    async def get_opener(self, request: HttpRequest) -> Reply:
        """Return the page that opens links and files."""
        request.accepted(HTML_TYPE)
        return page_reply(work.opener(self._served("", "")))

    async def get_page(self, request: HttpRequest) -> Reply:
        """Return the page of a graph, which is in it."""
        request.accepted(HTML_TYPE)
        reference = request.parameters["reference"]
        identifier = await self._documents.find(reference, request)
        served = self._served(reference, identifier)
        tag = hashlib.sha256(work.opener(served)).hexdigest()  # all of the page but the graph
        if request.has(tag):
            return Reply(304, headers=(etag(tag), ASK_AGAIN))
        document = await request.within(self._documents.read(identifier))
        name = file_name(reference, document.extension)
        limits = self._documents.settings.limits
        making = self._documents.do(work.page_of, document.data, name, served, limits)
        reply = page_reply(await request.within(making))
        return reply._replace(headers=(*reply.headers, etag(tag)))

    async def get_picture(self, request: HttpRequest) -> Reply:
        """Return the picture of a document, as SVG."""
        request.accepted(SVG_TYPE)
        document, theme = request.parameters["document"], request.parameters["theme"]
        if theme not in work.PICTURES:
            raise Problem(404, "there is no such picture")
        await self._documents.ask(
            self._documents.store.size, document
        )  # it may have been taken down
        picture = self._pictures.get(f"{document} {theme}")
        if picture is None:
            drawn = await request.within(self._drawn(document))
            picture = drawn[work.PICTURES.index(theme)]
        return Reply(200, picture, SVG_TYPE, (_ONE_DAY,), _SVG_POLICY)

    async def _drawn(self, document: str) -> Sequence[bytes]:
        """Return the pictures of a document; all who ask for them at once wait for one drawing."""
        task = self._under_way.get(document)
        if task is None:
            task = self._under_way[document] = asyncio.ensure_future(self._draw(document))
            task.add_done_callback(lambda _: self._under_way.pop(document))
        return await asyncio.shield(task)

    async def _draw(self, document: str) -> Sequence[bytes]:
        limits = self._documents.settings.limits
        async with self._drawing:
            data = (await self._documents.read(document)).data
            try:
                drawn = await self._documents.worker(work.pictures_of, data, limits)
            except MissingExtraError:
                drawn = ()
        drawn = drawn or [_BLANK] * len(work.PICTURES)
        for name, picture in zip(work.PICTURES, drawn, strict=True):
            self._pictures.keep(f"{document} {name}", picture)
        return drawn

    def _allowed(self) -> Mapping[str, bool]:
        settings = self._documents.settings
        return {"needsToken": settings.needs_token, "readOnly": settings.read_only}

    def _served(self, reference: str, document: str) -> Mapping[str, object]:
        """Return what the page of a graph knows of the server."""
        is_name = not reference.startswith((DOCUMENT, HASH_NAME))
        return {"name": reference if is_name else "", "id": document, **self._allowed()}


def file_name(reference: str, extension: str) -> str:
    """Return what a page calls the file of a reference."""
    return reference.replace("/", "-").replace(":", "-")[:100] + extension
