"""Writes constants.js: names, limits and other constants of files and tables, as in Python."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from mgraph.codec import COMPRESSED, LIMITS, OTHER_TEXT, SPECIAL
from mgraph.codec.missing import MISSING
from mgraph.codec.text_scan import LONGEST_INTEGER
from mgraph.format import VERSIONS
from mgraph.format.fields import FIELDS, INTEGERS, NEWER_RUN_FIELDS
from mgraph.format.file import HEADER
from mgraph.format.ids import ID, IN_WORDS
from mgraph.format.versions import spelled
from mgraph.graph.columns import HASH_NAME
from mgraph.graph.run import DEFAULT, EXACT_MATH

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST: Final = 64 * 2**20
"""Most bytes of JSON that a page opens; browsers need more memory than the command line."""

_KEY: Final = re.compile(r'"(\w+)":')


@cache
def javascript() -> str:
    """Return the module `constants.js`."""
    lines = (f"export const {name} = {value};\n" for name, value in _constants())
    return (
        "/** The constants of files and tables; made by mgraph/viewer/constants.py. */\n"
        + "".join(lines)
    )


def _constants() -> Iterator[tuple[str, str]]:
    yield "VERSIONS", _json([*map(spelled, VERSIONS)])
    yield "FIELDS", _json(dict(FIELDS))
    yield "NEWER_RUN_FIELDS", f"new Map({_json([*NEWER_RUN_FIELDS.items()])})"
    yield "EXACT_MATH", _json(EXACT_MATH)
    yield "HEADER", _json(HEADER)
    yield "ID", f"new RegExp({_json(f'^{ID}$')})"
    yield "ID_IN_WORDS", _json(IN_WORDS)
    yield "LIMITS", _json({**asdict(LIMITS), "size": LARGEST})
    yield "INTEGERS", str(INTEGERS)
    yield "LONGEST_INTEGER", str(LONGEST_INTEGER)
    yield "SPECIAL", f"new Map({_json([*SPECIAL.items()])})"
    yield "MISSING", _json(MISSING)
    yield "TOLERANCE", _json({"rel": DEFAULT.rel, "abs": DEFAULT.abs})
    yield "HASH_NAME", _json(HASH_NAME)
    yield "COMPRESSED", _json([[name, [*magic]] for magic, name in COMPRESSED])
    yield "OTHER_TEXT", _json([[*magic] for magic, _ in OTHER_TEXT])


def _json(value: Any) -> str:  # noqa: ANN401 - plain data
    """Return plain data as JavaScript, which writes NaN and infinities as `json` does."""
    return _KEY.sub(r"\1:", json.dumps(value, separators=(",", ":")))
