"""Ids of documents, names, prefixes, and keys of runs: what they look like."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING, Final

from mgraph.errors import quoted
from mgraph.graph.columns import HASH_NAME
from mgraph.service.store.errors import NameFormError

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENT: Final = "sha256:"
"""What ids of documents begin with."""

LONGEST_NAME: Final = 200
LONGEST_PART: Final = 64
"""The most characters of a name, and of one of its parts."""

NAME_FORM: Final = (
    "parts like class-7a/anna: lower-case letters a-z, digits, - and _, beginning with a letter or "
    f"digit, at most {LONGEST_PART} characters each and {LONGEST_NAME} in all"
)
"""What a name looks like, for messages."""

_HEX: Final = re.compile(r"[0-9a-f]{64}")
_PART: Final = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{LONGEST_PART - 1}}}")
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])")
"""Names of devices, which no file of Windows can have, whatever its ending."""

_LETTERS: Final = str.maketrans(
    {"æ": "ae", "ð": "d", "ø": "o", "þ": "th", "đ": "d", "\u0131": "i", "ł": "l", "œ": "oe"}
)
"""Letters that are no combination of a letter and an accent."""


def id_of(data: bytes) -> str:
    """Return the id of a document: `sha256:` and the SHA-256 of its bytes, in hexadecimal."""
    return DOCUMENT + hashlib.sha256(data, usedforsecurity=False).hexdigest()


def digits_of(document: str) -> str:
    """Return the 64 hexadecimal digits of the id of a document.

    Raises:
        NameFormError: It is not an id.
    """
    return _digits(document, DOCUMENT, "the id of a document")


def graph_digits(graph: str) -> str:
    """Return the 64 hexadecimal digits of the canonical hash of a graph.

    Raises:
        NameFormError: It is not one.
    """
    return _digits(graph, HASH_NAME, "the canonical hash of a graph")


def key_digits(key: str) -> str:
    """Return the key of a run, which is 64 hexadecimal digits.

    Raises:
        NameFormError: It is not one.
    """
    return _digits(key, "", "the key of a run")


def is_digits(text: str) -> bool:
    """Whether a text is 64 hexadecimal digits."""
    return _HEX.fullmatch(text) is not None


def _digits(text: str, start: str, what: str) -> str:
    digits = text.removeprefix(start)
    if text.startswith(start) and is_digits(digits):
        return digits
    message = f"{quoted(text, 100)} is not {what}"
    raise NameFormError.of("name", message, expected=f"{start}<64 digits 0-9a-f>")


def start_digits(start: str) -> str:
    """Return the hexadecimal digits of the start of an id, which may be empty.

    Raises:
        NameFormError: No id starts like this.
    """
    digits = start.removeprefix(DOCUMENT)
    if not start or (start.startswith(DOCUMENT) and re.fullmatch(r"[0-9a-f]{0,64}", digits)):
        return digits
    message = f"no id of a document starts with {quoted(start, 100)}"
    raise NameFormError.of("name", message, expected=f"{DOCUMENT} and digits 0-9a-f")


def check_name(name: str) -> None:
    """Refuse what can't be a name: it has to be safe as a path of files on every system.

    Raises:
        NameFormError: It can't be one; the error suggests a similar name.
    """
    if not is_name(name):
        similar = similar_name(name)
        fix = f"for example {similar}" if similar else ""
        message = f"{quoted(name, 100)} can't be a name"
        raise NameFormError.of("name", message, expected=NAME_FORM, fix=fix)


def is_name(name: str) -> bool:
    """Whether a text has the form of a name."""
    return len(name) <= LONGEST_NAME and all(map(_is_part, name.split("/")))


def _is_part(part: str) -> bool:
    return _PART.fullmatch(part) is not None and _RESERVED.fullmatch(part) is None


def similar_name(text: str) -> str:
    """Return a name that is like a text: `Class 7a/Jürgen` is `class-7a/jurgen`; may be empty."""
    lower = text[: 4 * LONGEST_NAME].casefold().translate(_LETTERS)
    plain = unicodedata.normalize("NFKD", lower)
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    parts = (re.sub(r"[^a-z0-9_]+", "-", part).strip("-_") for part in letters.split("/"))
    name = "/".join(part[:LONGEST_PART].rstrip("-_") for part in parts if part)
    return name if is_name(name) else ""


def is_below(name: str, prefix: str) -> bool:
    """Whether a name is below a prefix: `class-7a/anna` is below `class-7a`, and all below ``."""
    return not prefix or name.startswith(f"{prefix}/")


def run_key(
    graph: str,
    inputs: Mapping[str, float],
    seed: Mapping[str, float],
    math: str,
    version: str,
) -> str:
    """Return the key under which a computed run is cached: all that its bits depend on.

    Args:
        graph: The canonical hash of the graph.
        inputs: What the inputs, and other leaves that were set, are given; by id.
        seed: The adjoints that outputs start with; by id.
        math: The fingerprint of the mathematical library.
        version: The version of mgraph.

    Returns:
        64 hexadecimal digits.
    """
    numbers = [
        sorted((name, float(x).hex()) for name, x in given.items()) for given in (inputs, seed)
    ]
    text = ascii((graph, *numbers, math, version))
    return hashlib.sha256(text.encode(), usedforsecurity=False).hexdigest()
