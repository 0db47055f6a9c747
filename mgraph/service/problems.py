"""Problems: errors of the service, as the bodies of its replies state them.

Source:
    RFC 9457, Problem Details for HTTP APIs.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from mgraph.codec.limits import RAISING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgraph.errors import Diagnostic, GraphError

PROBLEM_TYPE: Final = b"application/problem+json"

_STATUS: Final[Mapping[str, int]] = {
    "io": 503,
    "size": 413,
    "limit": 413,
    "compressed": 415,
    "encoding": 400,
    "syntax": 400,
    "trailing": 400,
    "duplicate-key": 400,
    "depth": 400,
    "name": 400,
    "quota": 403,
    "not-found": 404,
    "removed": 410,
    "conflict": 412,
    "damaged": 503,
}
"""The status for each code of a diagnostic about bytes; for all others, it is 422."""


class Problem(Exception):  # noqa: N818 - as RFC 9457 calls it
    """A request that is refused.

    Attributes:
        status: The status code.
        detail: What is wrong, for people.
        headers: Headers of the reply.
    """

    def __init__(self, status: int, detail: str, **headers: str | int) -> None:
        """Take the status, what is wrong, and headers, whose names have _ instead of -."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = tuple(
            (name.replace("_", "-").encode(), str(value).encode("ascii"))
            for name, value in headers.items()
        )

    def __reduce__(self) -> tuple[type[Problem], tuple[int, str], dict[str, Any]]:
        """Let another process raise it."""
        return Problem, (self.status, self.detail), {"headers": self.headers}

    def as_json(self) -> dict[str, Any]:
        """Return the members of the body."""
        title = HTTPStatus(self.status).phrase
        return {"title": title, "status": self.status, "detail": self.detail}


def unauthorized(detail: str) -> Problem:
    """Return the problem of a request that needs another token."""
    return Problem(401, detail, www_authenticate='Bearer realm="mgraph"')


class Refusal(Problem):
    """A graph, or something given to a graph, that is refused, with its diagnostics."""

    def __init__(self, error: GraphError) -> None:
        """Take the error."""
        first = error.diagnostics[0]
        pause = getattr(error, "retry_after", 0)  # of a store that will be back
        headers = {"retry_after": pause} if pause else {}
        super().__init__(_STATUS.get(first.code, 422), first.message, **headers)
        self.error = error

    def as_json(self) -> dict[str, Any]:
        """Return the members of the body; diagnostics are as `mgraph check --json` prints them."""
        diagnostics = told(self.error.diagnostics)
        return {**super().as_json(), "diagnostics": diagnostics, "more": self.error.more}


def told(diagnostics: Sequence[Diagnostic]) -> list[dict[str, Any]]:
    """Return diagnostics as `mgraph check --json` prints them, without options of commands."""
    members = [diagnostic.as_json() for diagnostic in diagnostics]
    for member in members:
        if member.get("fix", "").startswith(RAISING):
            member["fix"] = "send less: whoever runs the server sets this limit"
    return members
