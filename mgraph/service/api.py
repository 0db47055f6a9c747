"""The API: what each path answers. Texts, checks and numbers come from elsewhere."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from mgraph.errors import GraphError
from mgraph.service import bodies, work
from mgraph.service.encoding import as_json_bytes, as_msgpack_bytes
from mgraph.service.exchange import (
    JSON_TYPE,
    MSGPACK_TYPE,
    VARY,
    Reply,
    etag,
    tag_of,
    tags_in,
    untagged,
)
from mgraph.service.problems import Problem, told, unauthorized
from mgraph.service.store.errors import NotFoundError, StoreError
from mgraph.service.store.protocol import ABSENT, PAGE

if TYPE_CHECKING:
    from mgraph.service.documents import Documents
    from mgraph.service.exchange import HttpRequest
    from mgraph.service.store.protocol import NameEntry

_ENCODINGS: Final = (JSON_TYPE, MSGPACK_TYPE)
_FOREVER: Final = (b"cache-control", b"public, max-age=31536000, immutable")
_ASK_AGAIN: Final = (b"cache-control", b"no-cache")
_MOST_NAMES: Final = 1000
_ACTIONS: Final = ("/run", "/rows")
_FACTS: Final = ("version", "nodes", "runs", "hash")


class Api:
    """The functions behind the paths of the API."""

    def __init__(self, documents: Documents) -> None:
        """Take the documents, which hold the store and what is allowed."""
        self._documents = documents
        self._store = documents.store
        self._settings = documents.settings

    # --- graphs ---

    async def post_graph(self, request: HttpRequest) -> Reply:
        """Store a graph file."""
        self._check_may_store(request)
        media_type = request.accepted(*_ENCODINGS)
        is_listed = not _is_unlisted(request)
        request.body_type()
        data = await request.body(self._settings.limits.size)
        putting = self._documents.put(data, request.grant, is_listed=is_listed)
        stored, checked = await request.within(putting)
        members = {"id": stored.id, **_facts(checked)}
        location = (b"location", f"/api/graphs/{stored.id}".encode())
        return _reply(201 if stored.is_new else 200, members, media_type, location)

    async def get_graph(self, request: HttpRequest) -> Reply:
        """Return a graph file, by default as it was uploaded."""
        reference = request.parameters["reference"]
        try:
            identifier = await self._documents.find(reference, request, is_read_next=True)
        except NotFoundError:
            if reference.endswith(_ACTIONS):  # which a name may do, too
                raise Problem(405, "the methods here are POST", allow="POST") from None
            raise
        document = await request.within(self._documents.read(identifier))
        own = document.media_type
        other = MSGPACK_TYPE if own == JSON_TYPE else JSON_TYPE
        media_type = request.accepted(own, other)
        tag = (
            identifier
            if media_type == own
            else f"{identifier}+{'json' if own != JSON_TYPE else 'msgpack'}"
        )
        caching = _FOREVER if reference == identifier else _ASK_AGAIN
        location = (b"content-location", f"/api/graphs/{identifier}".encode())
        headers = (etag(tag), caching, VARY, location)
        if request.has(tag):
            return Reply(304, headers=headers)
        data = await request.within(self._documents.in_encoding(document, media_type))
        return Reply(200, data, media_type, headers)

    async def post_check(self, request: HttpRequest) -> Reply:
        """Say what is wrong with a graph file, as `mgraph check --json` does."""
        media_type = request.accepted(*_ENCODINGS)
        request.body_type()
        data = await request.body(self._settings.limits.size)
        checked = await request.within(self._documents.check(data))
        return _reply(200, _facts(checked), media_type)

    # --- runs ---

    async def post_run(self, request: HttpRequest) -> Reply:
        """Run a graph."""
        media_type = request.accepted(*_ENCODINGS)
        data = await request.body(min(bodies.RUN_SIZE, self._settings.limits.size))
        if data:
            request.body_type()
        wanted = await request.within(self._documents.requested(data))
        identifier = await self._documents.find_to_run(request.parameters["reference"], request)
        try:
            key, run = await request.within(self._documents.run(identifier, wanted))
        except StoreError:
            raise
        except GraphError as error:
            raise await request.within(self._documents.placed(data, error, wanted)) from None
        location = (b"location", b"/api/runs/" + key.encode())
        headers = (etag(tag_of(key, media_type)), location) if key else ()
        return await self._run(request, run, media_type, *headers)

    async def get_run(self, request: HttpRequest) -> Reply:
        """Return a run that was computed lately."""
        media_type = request.accepted(*_ENCODINGS)
        key = request.parameters["key"]
        run = await self._documents.cached(key)
        if run is None:
            raise NotFoundError.of_kind("run", key)
        tag = tag_of(key, media_type)
        if request.has(tag):
            return Reply(304, headers=(etag(tag), _FOREVER, VARY))
        return await self._run(request, run, media_type, etag(tag), _FOREVER)

    async def _run(
        self, request: HttpRequest, run: bytes, media_type: bytes, *headers: tuple[bytes, bytes]
    ) -> Reply:
        if media_type == MSGPACK_TYPE:
            run = await request.within(self._documents.do(work.as_msgpack, run))
        return Reply(200, run, media_type, (*headers, VARY))

    # --- names ---

    async def get_names(self, request: HttpRequest) -> Reply:
        """Return a page of names."""
        media_type = request.accepted(*_ENCODINGS)
        query = request.query("prefix", "after", "limit")
        limit = _limit(query.get("limit", str(PAGE)))
        prefix = query.get("prefix", "").rstrip("/")
        after = query.get("after", "")
        entries = await self._documents.ask(self._store.names, prefix, after, limit + 1)
        shown = entries[:limit]
        members = {
            "names": [_entry(entry) for entry in shown if not entry.fault],
            "damaged": [entry.name for entry in shown if entry.fault],
            "next": shown[-1].name if len(entries) > limit else None,
            "prefix": await self._own(prefix),
        }
        tag = hashlib.sha256(as_json_bytes(members) + media_type).hexdigest()
        if request.has(tag):
            return Reply(304, headers=(etag(tag), _ASK_AGAIN, VARY))
        return _reply(200, members, media_type, etag(tag), _ASK_AGAIN)

    async def _own(self, prefix: str) -> dict[str, str] | None:
        """Return what a prefix itself points to, if it is a name, too."""
        try:
            return _entry(await self._get_name(prefix)) if prefix else None
        except NotFoundError:
            return None

    async def get_name(self, request: HttpRequest) -> Reply:
        """Return what a name points to."""
        media_type = request.accepted(*_ENCODINGS)
        entry = await self._get_name(request.parameters["name"])
        tag = tag_of(entry.revision, media_type)
        if request.has(tag):
            return Reply(304, headers=(etag(tag), _ASK_AGAIN, VARY))
        return _reply(200, _entry(entry), media_type, etag(tag), _ASK_AGAIN)

    async def put_name(self, request: HttpRequest) -> Reply:
        """Point a name to a document, if it is as the client expects."""
        self._check_may_store(request)
        media_type = request.accepted(*_ENCODINGS)
        name, expected = request.parameters["name"], await self._expected(request)
        self._check_may_set(request, name, is_new=expected == ABSENT)
        request.body_type()
        data = await request.body(bodies.NAME_SIZE)
        document = bodies.name_requested(data, self._settings.limits)
        try:
            entry = await self._documents.in_thread(
                self._store.set_name, name, document, expected, token=request.grant
            )
        except NotFoundError as error:
            raise Problem(422, error.diagnostics[0].message) from None
        status = 201 if expected == ABSENT else 200
        location = (b"location", f"/api/names/{name}".encode())
        tag = etag(tag_of(entry.revision, media_type))
        return _reply(status, _entry(entry), media_type, tag, location)

    async def delete_name(self, request: HttpRequest) -> Reply:
        """Remove a name, if it is as the client expects."""
        self._check_may_store(request)
        name, expected = request.parameters["name"], await self._expected(request)
        self._check_may_set(request, name, is_new=False)
        await self._documents.in_thread(self._store.remove_name, name, expected)
        return Reply(204)

    async def _get_name(self, name: str) -> NameEntry:
        return await self._documents.ask(self._store.get_name, name)

    async def _expected(self, request: HttpRequest) -> str:
        """Return the revision that a name must have.

        Raises:
            Problem: 428 if the client does not say; 412 if the name has none of those that it may
                have; 400 if If-Match is malformed.
        """
        match, none_match = request.header(b"if-match"), request.header(b"if-none-match")
        if none_match == "*" and not match:
            return ABSENT
        if not match or none_match:
            if request.method == "DELETE":
                detail = 'send If-Match: "REVISION", or * whatever it is; GET has it as ETag'
            else:
                detail = (
                    'send If-None-Match: * for a new name, or If-Match: "REVISION" to replace one'
                )
            raise Problem(428, detail)
        tags = tags_in(match) if match != "*" else ()
        if tags is None:
            raise Problem(400, 'If-Match has revisions in quotes: "REVISION", or *')
        revisions = [untagged(tag) for tag in tags]
        try:
            current = (await self._get_name(request.parameters["name"])).revision
        except NotFoundError as error:
            raise Problem(412, error.diagnostics[0].message) from None
        return current if match == "*" or current in revisions else revisions[0]

    # --- who may do what ---

    def _check_may_store(self, request: HttpRequest) -> None:
        if self._settings.read_only:
            raise Problem(403, "this service is read-only")
        if request.grant is None and self._settings.needs_token:
            raise unauthorized("to store something here, send a token")
        if request.grant is not None and not request.grant.may_store:
            raise Problem(403, "this token is for reading only")

    @staticmethod
    def _check_may_set(request: HttpRequest, name: str, *, is_new: bool) -> None:
        grant = request.grant
        if grant is None:
            return
        if not grant.may_add(name):
            raise Problem(403, f"with this token, names are set below {grant.prefix}/ only")
        if not (is_new or grant.may_replace(name)):
            raise Problem(403, "with this token, names can be added, but not replaced or removed")


def _facts(checked: work.Checked) -> dict[str, Any]:
    """Return what checking a file found, as `mgraph check --json` prints it."""
    about = checked.about
    facts = {name: about and getattr(about, name) for name in _FACTS}
    diagnostics = told(checked.diagnostics)
    return {"ok": about is not None, **facts, "diagnostics": diagnostics, "more": checked.more}


def _entry(entry: NameEntry) -> dict[str, str]:
    return {
        "name": entry.name, "id": entry.id, "revision": entry.revision, "updated": entry.updated,
    }  # fmt: skip


def _is_unlisted(request: HttpRequest) -> bool:
    text = request.query("unlisted").get("unlisted", "false")
    if text not in ("true", "false"):
        raise Problem(400, "unlisted is true or false")
    return text == "true"


def _limit(text: str) -> int:
    limit = int(text) if re.fullmatch("[0-9]{1,4}", text) else 0
    if not 1 <= limit <= _MOST_NAMES:
        raise Problem(400, f"limit is a number from 1 to {_MOST_NAMES}")
    return limit


def _reply(
    status: int, members: dict[str, Any], media_type: bytes, *headers: tuple[bytes, bytes]
) -> Reply:
    encode = as_json_bytes if media_type == JSON_TYPE else as_msgpack_bytes
    return Reply(status, encode(members), media_type, (*headers, VARY))
