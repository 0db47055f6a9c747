"""Diagnostic and GraphError: structured errors."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the root of a document to one of its values."""

CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "io": "the file can't be opened, read or written",
        "size": "the file is larger than the limit",
        "compressed": "the file is compressed",
        "encoding": "the text is not clean UTF-8",
        "syntax": "the bytes are not JSON, or not msgpack",
        "trailing": "something follows the document",
        "duplicate-key": "an object has the same key twice",
        "depth": "values are nested too deeply",
        "format": "the document does not say that it is a graph file",
        "version": "the format version can't be read by this mgraph",
        "missing-field": "a required field is absent",
        "unknown-field": "a field that the format does not have",
        "type": "a value of the wrong type",
        "number": "not a number that the format can hold there",
        "id": "a malformed id",
        "limit": "a limit is exceeded",
        "packed": "a packed column that doesn't fit the others",
        "duplicate-id": "two nodes have the same id",
        "unknown-node": "an argument that is not a node",
        "unknown-op": "an op that the format does not have",
        "arity": "the wrong number of arguments",
        "cycle": "a node depends on itself",
        "leaf-data": "data on a node that can't have any, or no data where it is required",
        "output": "the nodes or the outputs can't be used",
        "unbound-input": "an input without a value",
        "seed": "the seed of a run can't be used",
        "hash": "a run that was recorded from another graph",
        "run-node": "a run that names a node that doesn't exist or can't be set",
        "column": "a column of a table is missing, or can't be used",
        "link": "a link that is damaged, or doesn't lead to a graph",
    }
)
"""Every reason to refuse a file, or a table. Codes are permanent."""

WARNINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "unreached": "a node has no path to an output",
        "rounded": "an integer that a double can't hold was rounded",
        "float32": "a number was stored with single precision",
        "invisible": "a text contains invisible characters",
    }
)
"""Every warning about a file that is accepted. Codes are permanent."""

REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "not-found": "there is no such document, name, run or token",
        "removed": "the document was taken down",
        "conflict": "a name has another revision than expected, or a start of an id is not unique",
        "quota": "the quota of the token is used up",
        "name": "a malformed name, id or prefix",
        "damaged": "the store does not hold what was stored",
    }
)
"""Every reason of a store to refuse something, besides `io`. Codes are permanent."""

REPORTED: Final = 100
"""How many diagnostics of one file are reported; the rest are only counted."""

_USER: Final = re.compile(
    r"""(?ix) (?<! [a-z0-9+.-] )
    (?! (?: https? | tls | tcp | s?ftp | hdfs ) :// [^/?#:@\[]* : \d* (?: [/?#] | $ ) )  # a port
    ( [a-z0-9+.-]+ :// ) (?: [^/?#]* @ | [^/?#:@\[]* : [^@]* @ (?: [^/?#]* @ )? )"""
)
"""A user in an address; its password may have a slash, as keys of S3 do."""


def quoted(text: object, longest: int = 60) -> str:
    """Quote a value from an untrusted file, on one line of printable characters."""
    shown = text if isinstance(text, str) else json.dumps(text, default=str)
    if len(shown) > longest:
        shown = shown[: longest - 1] + "…"
    if not isinstance(text, str):
        return shown
    escaped = shown.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{printable(escaped)}"'


def printable(text: str) -> str:
    """Escape what a terminal would obey or hide, including bidi controls and surrogates."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in text)


def without_user(text: str) -> str:
    """Return a text in which no address has a user or a password, to be shown or passed on."""
    if "@" not in text:
        return text
    return "".join(map(_word_without_user, re.split(r"(\s+)", text)))


def _word_without_user(word: str) -> str:
    # if an @ follows, each try to match ends at one: without, the time could be quadratic
    before, at, after = word.rpartition("@")
    return _USER.sub(r"\1", before + at) + after


def some(names: Iterable[str], most: int = 5) -> str:
    """List a few names for a message."""
    shown = list(islice(names, most + 1))
    return ", ".join(shown[:most]) + (", …" if len(shown) > most else "")


def counted(count: int, what: str) -> str:
    """Return a count with its noun: `1 file`, `2,000 files`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def pointer(path: Path) -> str:
    """Format a path as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


class Severity(StrEnum):
    """Whether a diagnostic refuses the file."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error or warning: what was found, where, what was expected, and how to fix it.

    Attributes:
        code: A permanent name of the kind of fault, such as `unknown-op`.
        message: What was found, in one line.
        path: Where in the document: keys and indices from its root.
        expected: What would have been right; may be empty.
        fix: What to do about it; may be empty.
        at_key: Whether the position is that of the key instead of the value.
        line: The line in a JSON file, from 1; None if unknown.
        column: The column in code points, from 1; None if unknown.
        offset: The byte in a msgpack file, from 0; None if unknown.
        file: What the file is called; empty if it has no name.
    """

    code: str
    message: str
    path: Path = ()
    expected: str = ""
    fix: str = ""
    at_key: bool = False
    line: int | None = None
    column: int | None = None
    offset: int | None = None
    file: str = ""

    @property
    def severity(self) -> Severity:
        """Either `"error"` or `"warning"`, depending on the code."""
        return Severity.WARNING if self.code in WARNINGS else Severity.ERROR

    @property
    def pointer(self) -> str:
        """The path as a JSON pointer (RFC 6901); empty for the whole document."""
        return pointer(self.path)

    @property
    def place(self) -> str:
        """The file and the position, as compilers print them: `graph.json:14:13`."""
        name = printable(self.file) or "graph"
        if self.line is not None:
            return f"{name}:{self.line}:{self.column}"
        return name if self.offset is None else f"{name}:byte {self.offset}"

    def as_json(self) -> dict[str, Any]:
        """Return the fields that are not empty as a dict, as `mgraph check --json` prints them."""
        fields = {
            "code": self.code,
            "severity": self.severity,
            "pointer": self.pointer,
            "file": self.file or None,
            "line": self.line,
            "column": self.column,
            "offset": self.offset,
            "message": self.message,
            "expected": self.expected or None,
            "fix": self.fix or None,
        }
        return {key: value for key, value in fields.items() if value is not None}

    def __str__(self) -> str:
        """Render over several lines, as the command line prints it."""
        lines = [f"{self.place}: {self.severity}[{self.code}]: {self.message}"]
        at = printable(self.pointer)
        for name, text in (("at", at), ("expected", self.expected), ("fix", self.fix)):
            if text:
                lines.append(f"  {name:<9} {text}")
        return "\n".join(lines)


class GraphError(Exception):
    """A graph file, or something given to a graph, is not valid.

    Its text lists all diagnostics, as the command line prints them.

    Attributes:
        diagnostics: The errors, in the order of the file, at most 100.
        more: The number of errors beyond those.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic] = (), more: int = 0) -> None:
        """Store the errors, and the number of errors beyond those."""
        self.diagnostics = diagnostics
        self.more = more

    @classmethod
    def of(cls, code: str, message: str, path: Path = (), **rest: Any) -> Self:  # noqa: ANN401
        """Build the error for a single fault; `rest` are fields of `Diagnostic`."""
        return cls((Diagnostic(code, message, path, **rest),))

    def named(self, file: str) -> Self:
        """Return the same error, with the file's name in every diagnostic."""
        diagnostics = tuple(replace(diagnostic, file=file) for diagnostic in self.diagnostics)
        return type(self)(diagnostics, self.more)

    def __str__(self) -> str:
        """Render every diagnostic."""
        return render(self.diagnostics, self.more)


class MissingExtraError(ImportError):
    """A package that this feature needs is not installed; the message says how to install it."""


def render(diagnostics: Iterable[Diagnostic], more: int = 0) -> str:
    """Render diagnostics one under the other, with a count of those left out."""
    lines = [str(diagnostic) for diagnostic in diagnostics]
    if more:
        lines.append(f"… and {more:,} more")
    return "\n".join(lines)
