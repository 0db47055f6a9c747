"""Records of a store as JSON: names, tokens and tombstones; whatever a file holds is checked."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from mgraph.service.store.protocol import NameEntry
from mgraph.service.store.tokens import AccessToken, Quota, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST: Final = 2**14
"""The most bytes of a record; real ones have a few hundred."""

TOKEN_ID: Final = re.compile(r"[0-9a-f]{8}")
"""What the id of a token looks like."""

_TIME: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
_NAME_FIELDS: Final = {
    "id": r"sha256:[0-9a-f]{64}",
    "revision": r"[0-9a-f]{16}",
    "updated": _TIME,
    "token": rf"(?:{TOKEN_ID.pattern})?",
}
_TOKEN_FIELDS: Final = {
    "digest": r"[0-9a-f]{64}",
    "scope": "|".join(Scope),
    "prefix": r"[a-z0-9_/-]*",
    "created": _TIME,
    "expires": rf"(?:{_TIME})?",
    "note": r"(?s:.*)",
}
_TOMBSTONE_FIELDS: Final = {"removed": _TIME, "reason": r"(?s:.*)"}


def bytes_of(record: Mapping[str, Any]) -> bytes:
    """Return a record as JSON, on one line."""
    return json.dumps(record).encode() + b"\n"


def name_record(entry: NameEntry) -> bytes:
    """Return the record of a name; the name itself is that of the file."""
    return bytes_of({field: getattr(entry, field) for field in _NAME_FIELDS})


def name_from(data: bytes, name: str) -> NameEntry:
    """Read the record of a name.

    Raises:
        ValueError: It is not one; the message says why.
    """
    fields = _checked(_object(data), _NAME_FIELDS)
    return NameEntry(name, *(fields[field] for field in _NAME_FIELDS))


def token_record(token: AccessToken) -> bytes:
    """Return the record of a token; its id is that of the file."""
    fields = {field: getattr(token, field) for field in _TOKEN_FIELDS}
    return bytes_of({**fields, "quota": token.quota._asdict()})


def token_from(data: bytes, token: str) -> AccessToken:
    """Read the record of a token.

    Raises:
        ValueError: It is not one; the message says why.
    """
    fields = _object(data)
    texts = _checked(fields, _TOKEN_FIELDS)
    scope = Scope(texts.pop("scope"))
    return AccessToken(token, scope=scope, quota=_quota(fields.get("quota")), **texts)


def tombstone_record(time: str, reason: str) -> bytes:
    """Return the record of a document that was taken down."""
    return bytes_of({"removed": time, "reason": reason})


def reason_from(data: bytes) -> str:
    """Return why a document was taken down.

    Raises:
        ValueError: It is not a record of that; the message says why.
    """
    return _checked(_object(data), _TOMBSTONE_FIELDS)["reason"]


def _object(data: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        message = "it is not a JSON object"
        raise ValueError(message)  # noqa: TRY004 - it is a file that is wrong
    return fields


def _checked(fields: Mapping[str, Any], forms: Mapping[str, str]) -> dict[str, str]:
    """Return the texts among the fields that have a form, after checking each."""
    for name, form in forms.items():
        value = fields.get(name)
        if not isinstance(value, str) or re.fullmatch(form, value) is None:
            message = f"its field {name} is missing or malformed"
            raise ValueError(message)
    return {name: fields[name] for name in forms}


def _quota(value: object) -> Quota:
    counts = [value.get(name) for name in Quota._fields] if isinstance(value, dict) else [-1]
    if not all(x is None or (type(x) is int and x >= 0) for x in counts):
        message = "its field quota is missing or malformed"
        raise ValueError(message)
    return Quota(*counts)
