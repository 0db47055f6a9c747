"""What can't be imported: everything is listed, not only the first of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from mgraph.errors import REPORTED, Diagnostic, GraphError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.errors import Path

_MISFITS = (
    ArithmeticError, AttributeError, LookupError, NotImplementedError, RuntimeError, TypeError,
    ValueError,
)  # fmt: skip
"""What Python and NumPy raise when shapes, types or attributes of an operator don't fit."""

_LONGEST = 200


class NoCounterpartError(Exception):
    """An operator, or a use of it, that has no counterpart in a graph.

    Attributes:
        code: The code of its diagnostic.
        fix: What to do about it; may be empty.
    """

    def __init__(self, message: str, code: str = "unknown-op", fix: str = "") -> None:
        """Say what is not supported."""
        super().__init__(message)
        self.code, self.fix = code, fix


class Problems:
    """The diagnostics of one import."""

    def __init__(self) -> None:
        """Start without any."""
        self._found: list[Diagnostic] = []

    def add(self, code: str, where: str, message: str, path: Path = (), fix: str = "") -> None:
        """Note a fault; `where` says where it is, for people."""
        text = f"{where}: {message}" if where else message
        self._found.append(Diagnostic(code, printable(_clipped(text)), path, fix=fix))

    @contextmanager
    def noted(self, where: str, path: Path = ()) -> Iterator[None]:
        """Note what a `with` block raises about one operator, and go on after it.

        Raises:
            GraphError: A limit is exceeded, which ends the import.
        """
        try:
            yield
        except NoCounterpartError as error:
            self.add(error.code, where, str(error), path, fix=error.fix)
        except _MISFITS as error:
            message = f"its shapes, types or attributes don't fit: {error or type(error).__name__}"
            self.add("type", where, message, path)

    def check(self) -> None:
        """Raise if there are any.

        Raises:
            GraphError: All that was noted.
        """
        if self._found:
            raise GraphError(self._found[:REPORTED], max(0, len(self._found) - REPORTED))


def refuse(message: str, code: str = "unknown-op", fix: str = "") -> NoReturn:
    """Refuse an operator, or what it is asked to do.

    Raises:
        NoCounterpartError: Always.
    """
    raise NoCounterpartError(message, code, fix)


def _clipped(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
