"""Finds the line that states the error in what a program wrote before it ended.

Languages write it at different places: Python last, Java and Go above the stack, Rust and Node
below a line with the place.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_UNSUPPORTED: Final = re.compile(r"unsupported: ")
_TRACEBACK: Final = re.compile(r"[\s+|]*(Exception Group )?Traceback \(most recent call last\):")
_IGNORED: Final = "Exception ignored in"
_CARETS: Final = re.compile(r"\s*\^+\s*")
_BEFORE: Final = re.compile(r"stack traceback:|CallStack \(from HasCallStack\):")
_STATED: Final = re.compile(
    r"""thread[ ].*[ ]panicked[ ]at[ ]                     # Rust
    | thread[ ]\d+[ ]panic:[ ]                             # Zig
    | \t?panic:[ ] | fatal[ ]error:[ ]                     # Go
    | Exception[ ]in[ ]thread[ ] | Caused[ ]by:            # Java
    | terminate[ ]called[ ]after[ ] | \s+what\(\):[ ]      # C++
    | Unhandled[ ]exception                                # .NET, Dart
    | .*\bFatal[ ]error:[ ]                                # PHP, Swift, OCaml
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Lines with which a runtime states why it ends a program, from their beginning."""
_MENTIONED: Final = re.compile(
    r"""[\w$.]*(Error|Exception)\b.*:[ ]                    # JavaScript, Nim, Rust's main
    | (.*:[ ])?(fatal[ ])?error(\[\w+\])?:[ ]             # compilers, Deno
    | .*\bERROR:[ ]                                        # Julia, sanitizers
    | .*\bruntime[ ]error:[ ] | .*\bAssertion\b.*\bfailed\b
    | \*\*[ ]\(\w                                         # Elixir
    | \S+:\d+:in[ ].*\([\w:]+\)$                         # Ruby
    | Error[ ]in[ ]                                        # R
    """,
    re.VERBOSE,
)
"""Lines that a program may also write before it goes on."""
_NOISE: Final = re.compile(
    r"""\s*$ | note:[ ] | Node\.js[ ]v | \(Use[ ]`node | exit[ ]status[ ]\d+$ | Aborted\b
    | error:[ ]process[ ]didn't[ ]exit[ ]successfully | Execution[ ]halted | SUMMARY:[ ]
    """,
    re.VERBOSE,
)
"""Lines that follow an error and say nothing about it."""
_LONGEST: Final = 500  # characters of a line that are looked at


def error_line(text: str) -> str:
    """Return the line that states the error; the last one if none is known to; empty if none is.

    Args:
        text: The end of what a program wrote on standard error.
    """
    written = [line[:_LONGEST] for line in text.splitlines()]
    lines = [*_without_ignored(line for line in written if not _NOISE.match(line))]
    refusals = [i for i, line in enumerate(lines) if _UNSUPPORTED.match(line)]
    stated = [i for i in range(len(lines)) if _states(lines, i)]
    mentioned = [i for i, line in enumerate(lines) if _MENTIONED.match(line)]
    for candidates in (refusals, [*_of_tracebacks(lines), *stated], mentioned):
        if candidates:
            return _completed(lines, max(candidates))
    return (lines or text.strip().splitlines() or [""])[-1].strip()


def _states(lines: Sequence[str], i: int) -> bool:
    """Whether a line states an error by its words, or by the line above or below."""
    line, above, below = lines[i], lines[i - 1 : i], lines[i + 1 : i + 2]
    is_pointed_at = any(map(_CARETS.fullmatch, above)) and not line[:1].isspace()
    return bool(_STATED.match(line)) or is_pointed_at or any(map(_BEFORE.match, below))


def _of_tracebacks(lines: Sequence[str]) -> Iterator[int]:
    """Yield the lines below Python's tracebacks."""
    is_inside = False
    for i, line in enumerate(lines):
        if _TRACEBACK.match(line):
            is_inside = True
        elif is_inside and not _bare(line)[:1].isspace():
            is_inside = False
            yield i


def _without_ignored(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines without the errors that Python ignores, as in `__del__`."""
    is_ignored = False
    for line in lines:
        if line.startswith(_IGNORED):
            is_ignored = True
        elif not is_ignored:
            yield line
        elif not (_TRACEBACK.match(line) or line[:1].isspace()):
            is_ignored = False  # it ends with this line, the error itself


def _bare(line: str) -> str:
    """Return a line without the margin that Python draws beside a group of exceptions."""
    return re.sub(r"^ *\| ", "", line)


def _completed(lines: Sequence[str], i: int) -> str:
    """Return a line, or the one below if it only says where the error was."""
    line = lines[i].strip()
    if line.endswith(":") and i + 1 < len(lines):
        line = lines[i + 1].strip()
    return _bare(f" {line}").strip()
