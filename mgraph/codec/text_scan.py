"""Where things stand in JSON text: the first fault, and the values that diagnostics are about.

It is slow and exact, and needed only if there is something to say about a file.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from mgraph.codec.limits import how_to_raise
from mgraph.errors import Diagnostic, GraphError, Path, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LONGEST_INTEGER: Final = 4300
"""Digits of an integer literal; longer ones are refused, as Python itself does."""

_SPACE: Final = re.compile(r"[ \t\r\n]*+")
_NUMBER: Final = re.compile(
    r"-?(?:Infinity|(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|NaN"
)
_HALF_NUMBER: Final = re.compile(r"\.|[eE][+-]?")
_WORD: Final = re.compile(r"true|false|null")
_WORDS: Final = ("true", "false", "null", "NaN", "Infinity", "-Infinity")
_PLAIN: Final = re.compile(r'"([^"\\\x00-\x1f]*+)"')
_CHARACTERS: Final = re.compile(r'[^"\\\x00-\x1f]*+')
_ESCAPE: Final = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+')
_HALF_ESCAPE: Final = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")
_SURROGATES: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F]\w\w|\\."
)


def first_fault(data: bytes, deepest: int) -> GraphError | None:
    """Find the first fault of bytes that are not one clean JSON value, and where it stands."""
    try:
        text, bad = data.decode(), None
    except UnicodeDecodeError as error:
        text, bad = data[: error.start].decode(), data[error.start]
    try:
        _Scanner(text, deepest).scan()
    except _Fault as fault:
        at, diagnostic, path = fault.at, fault.diagnostic, fault.path
        if bad is None or at < len(text):
            return _error(text, at, diagnostic, path)
    if bad is None:
        return None
    diagnostic = Diagnostic(
        "encoding",
        f"byte 0x{bad:02x} is not UTF-8 there",
        expected="UTF-8 throughout",
        fix="save the file as UTF-8",
    )
    return _error(text, len(text), diagnostic, ())


def _error(text: str, at: int, diagnostic: Diagnostic, path: Path) -> GraphError:
    line, column = line_and_column(text, at)
    rest = {"expected": diagnostic.expected, "fix": diagnostic.fix, "at_key": diagnostic.at_key}
    return GraphError.of(
        diagnostic.code, diagnostic.message, path, line=line, column=column, **rest
    )


def line_and_column(text: str, at: int) -> tuple[int, int]:
    """Return line and column, from 1, in code points, of an index into the text."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def lines_and_columns(text: str, places: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Return line and column, as `line_and_column` does, of many indices in one pass."""
    positions = {}
    line, start, last = 1, 0, 0
    for at in sorted(places):
        line += text.count("\n", last, at)
        start = max(start, text.rfind("\n", last, at) + 1)
        positions[at], last = (line, at - start + 1), at
    return positions


class _Fault(Exception):  # noqa: N818 - control flow inside this file
    def __init__(self, at: int, diagnostic: Diagnostic, path: Path = ()) -> None:
        self.at, self.diagnostic, self.path = at, diagnostic, path


class _Scanner:
    """One pass over JSON text without recursion, stopping at the first fault.

    It accepts what `jiter` accepts. Slow and exact: it runs only when jiter has refused.
    """

    def __init__(self, text: str, deepest: int) -> None:
        self.text = text
        self.deepest = deepest
        self.at = 0
        # One entry an open container: the keys seen, or None for an array; and the member now.
        self.open: list[tuple[dict[str, None] | None, list[str | int]]] = []

    def scan(self) -> None:
        """Walk the whole text; raise `_Fault` at the first fault."""
        self._value()
        while self.open:
            keys, member = self.open[-1]
            closing = "]" if keys is None else "}"
            first = member[0] == -1
            if self._take(closing):
                self.open.pop()
                continue
            if not first and not self._take(","):
                raise self._unexpected(f'"," or "{closing}"')
            if keys is None:
                member[0] = 0 if first else int(member[0]) + 1
            else:
                self._key(keys, member)
            self._value()
        self._skip_space()
        if self.at < len(self.text):
            message = f"something follows the document: {quoted(self.text[self.at :], 20)}"
            fix = "one file holds one document"
            raise _Fault(self.at, Diagnostic("trailing", message, fix=fix))

    def _skip_space(self) -> None:
        self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]

    def _take(self, token: str) -> bool:
        self._skip_space()
        if self.text.startswith(token, self.at):
            self.at += 1
            return True
        return False

    def _key(self, keys: dict[str, None], member: list[str | int]) -> None:
        self._skip_space()
        start = self.at
        if not self.text.startswith('"', start):
            raise self._unexpected("a key in double quotes")
        key = self._string()
        member[0] = key
        if key in keys:
            message = f"the key {quoted(key)} stands twice in one object"
            diagnostic = Diagnostic("duplicate-key", message, fix="keep one of them", at_key=True)
            raise _Fault(start, diagnostic, self._path())
        keys[key] = None
        if not self._take(":"):
            raise self._unexpected('":"')

    def _path(self) -> Path:
        return tuple(member[0] for _, member in self.open)

    def _value(self) -> None:
        self._skip_space()
        text, at = self.text, self.at
        start = text[at : at + 1]
        if start in ("{", "[") and start:
            if len(self.open) >= self.deepest:
                message = f"values are nested more than {self.deepest} levels deep"
                raise _Fault(at, Diagnostic("depth", message, fix=how_to_raise("depth")))
            self.open.append(({} if start == "{" else None, [-1]))
            self.at += 1
        elif start == '"':
            self._string()
        elif match := _NUMBER.match(text, at):
            self._number(match)
        elif match := _WORD.match(text, at):
            self.at = match.end()
        else:
            if start and any(word.startswith(text[at:]) for word in _WORDS):
                self.at = len(text)  # cut off in the middle of a word
            elif start == "-":
                self.at += 1
            raise self._unexpected("a value")

    def _number(self, match: re.Match[str]) -> None:
        self.at = match.end()
        if half := _HALF_NUMBER.match(self.text, self.at):
            self.at = half.end()
            raise self._unexpected("a digit", fix=_NUMBERS)
        digits = len(match[0].lstrip("-"))
        if digits > LONGEST_INTEGER and match[0].lstrip("-").isdigit():
            diagnostic = Diagnostic(
                "number",
                f"an integer of {digits:,} digits is beyond every double",
                expected="a finite number, for example 1.5e300",
            )
            raise _Fault(match.start(), diagnostic, self._path())

    def _string(self) -> str:
        start = self.at
        if plain := _PLAIN.match(self.text, start):
            self.at = plain.end()
            return plain[1]
        self.at = _characters_end(self.text, start + 1)
        if not self.text.startswith('"', self.at):
            raise self._bad_string()
        self.at += 1
        literal = self.text[start : self.at]
        _check_surrogates(literal, start)
        value: str = json.loads(literal)
        return value

    def _bad_string(self) -> _Fault:
        if self.text.startswith("\\", self.at) and _HALF_ESCAPE.fullmatch(self.text, self.at):
            self.at = len(self.text)
        elif self.text.startswith("\\", self.at):
            message = f"{quoted(self.text[self.at : self.at + 2])} is no escape of JSON"
            expected = r"one of \" \\ \/ \b \f \n \r \t \uXXXX"
            return _Fault(self.at, Diagnostic("syntax", message, expected=expected))
        return self._unexpected("the end of the text in double quotes")

    def _unexpected(self, expected: str, fix: str = "") -> _Fault:
        rest = self.text[self.at : self.at + 20].split("\n")[0]
        if self.at >= len(self.text):
            message = "the file ends in the middle" if self.text.strip() else "the file is empty"
        elif self.text[self.at] < " ":
            message = f"a control character, {quoted(self.text[self.at])}"
        else:
            message = f"{quoted(rest)} can't stand here"
        return _Fault(
            self.at, Diagnostic("syntax", message, expected=expected, fix=self._hint(rest) or fix)
        )

    def _hint(self, rest: str) -> str:
        """Guess what somebody meant who wrote this."""
        if rest.startswith(("}", "]")) and self.text[: self.at].rstrip().endswith(","):
            return "take out the comma before it"
        if _AFTER_NUMBER.match(rest) and self.text[self.at - 1 : self.at].isdigit():
            return _NUMBERS
        return next((hint for starts, hint in _HINTS if rest.startswith(starts)), "")


def _characters_end(text: str, at: int) -> int:
    """Return where a string's characters end: at its closing quote, or at what is wrong in it."""
    at = _CHARACTERS.match(text, at).end()  # type: ignore[union-attr]
    while escape := _ESCAPE.match(text, at):
        at = escape.end()
    return at


def _check_surrogates(literal: str, at: int) -> None:
    """Raise `_Fault` if a string, which starts there, has half of a surrogate pair."""
    for escape in _SURROGATES.finditer(literal):
        if len(escape[0]) == len("\\uD800"):
            message = f"{escape[0]} is half of a surrogate pair"
            diagnostic = Diagnostic("encoding", message, expected="both halves, or none")
            raise _Fault(at + escape.start(), diagnostic)


_NUMBERS: Final = "write numbers as 1, 0.5 or 2e10"
_AFTER_NUMBER: Final = re.compile(r"[\w/*%^]")  # 1/3, 0x10, 1_000, 5%
_HINTS: Final = (
    (("//", "/*", "#"), 'JSON has no comments: use a "doc" field'),
    (("'",), "JSON's quotes are double quotes"),
    (tuple("“”„‟‘’‚«»″′`"), "JSON's quotes are straight double quotes: \""),  # noqa: RUF001
    (tuple("−‒–—‐‑﹣－"), "write the minus sign as -, the hyphen of the keyboard"),  # noqa: RUF001
    (tuple("+.0123456789"), _NUMBERS),
    (("nan", "inf"), 'write "nan", "inf" or "-inf", with quotes'),
    (("True", "False", "None"), "JSON spells these true, false and null"),
)


# --- places ----------------------------------------------------------------------------------


def places(text: str, wanted: Iterable[Path]) -> dict[tuple[Path, bool], int]:
    """Find where values stand in valid JSON text.

    Args:
        text: What `decode` has accepted.
        wanted: Paths.

    Returns:
        (path, True) -> index of the key, (path, False) -> index of the value; for the paths
        wanted and what surrounds them. What isn't there is left out.
    """
    positions: dict[tuple[Path, bool], int] = {}
    skip = json.JSONDecoder().raw_decode
    todo: list[tuple[Path, int]] = [((), _after_space(text, 0))]
    below = _children(wanted)
    while todo:
        path, at = todo.pop()
        positions[path, False] = at
        if path in below and text[at] in "{[":
            for key, key_at, value_at in _members(text, at, skip, below[path]):
                child = (*path, key)
                positions[child, True] = key_at
                todo.append((child, value_at))
    return positions


def _children(wanted: Iterable[Path]) -> dict[Path, dict[str | int, None]]:
    """Map every container on the way to a wanted path to the members to follow."""
    below: dict[Path, dict[str | int, None]] = {}
    for path in wanted:
        for i, key in enumerate(path):
            below.setdefault(path[:i], {})[key] = None
    return below


def _after_space(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]


def _members(
    text: str,
    at: int,
    skip: Callable[[str, int], tuple[Any, int]],
    keys: dict[str | int, None],
) -> Iterator[tuple[str | int, int, int]]:
    """Yield (key, its place, its value's place) of the members asked for."""
    is_object = text[at] == "{"
    left = dict(keys)
    index = 0
    at = _after_space(text, at + 1)
    while text[at] not in "}]":
        key_at, key = at, index
        if is_object:
            key, end = skip(text, at)
            at = _after_space(text, _after_space(text, end) + 1)
        if key in left:
            del left[key]
            yield key, key_at, at
            if not left:
                return
        at = _after_space(text, skip(text, at)[1])
        if text[at] == ",":
            at = _after_space(text, at + 1)
        index += 1
