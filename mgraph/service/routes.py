"""Routes: which function answers a request, by its path and its method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.routing import compile_path

from mgraph.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from mgraph.service.exchange import HttpRequest, Reply

    Handler = Callable[[HttpRequest], Awaitable[Reply]]

_NONE: Final[Mapping[str, str]] = {}


class Route(NamedTuple):
    """A path, and the functions that answer requests to it.

    Attributes:
        path: The path, whose parameters are as in Starlette: `/api/names/{name:path}`.
        handlers: The function for each method; that of GET answers HEAD, too.
    """

    path: str
    handlers: Mapping[str, Handler]


class Routes:
    """Finds the functions. Paths without parameters are found at once, the others one by one.

    Attributes:
        table: All routes.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        """Take the routes; of several with parameters, the first that a path matches counts."""
        self.table = routes
        self._fixed = {route.path: route.handlers for route in routes if "{" not in route.path}
        self._others = [
            (*compile_path(route.path)[:2], route.handlers) for route in routes if "{" in route.path
        ]

    def find(self, path: str, method: str) -> tuple[Handler, Mapping[str, str], str]:
        """Return the function that answers a request, the parameters in its path, and its route.

        Raises:
            Problem: 404 if there is no such path, 405 if it does not have the method.
        """
        method = "GET" if method == "HEAD" else method
        handler = self._fixed.get(path, {}).get(method)
        if handler is not None:
            return handler, _NONE, path
        for pattern, route, handlers in self._others:
            match = pattern.match(path)
            if match is not None and method in handlers:
                return handlers[method], match.groupdict(), route
        raise self._missing(path)

    def _missing(self, path: str) -> Problem:
        """Return the problem of a path, or a method, that no route has."""
        known: list[Mapping[str, Handler]] = [self._fixed[path]] if path in self._fixed else []
        known += [handlers for pattern, _, handlers in self._others if pattern.match(path)]
        if known:
            methods = [*known[0], "HEAD"] if "GET" in known[0] else [*known[0]]
            allowed = ", ".join(methods)
            return Problem(405, f"the methods here are {allowed}", allow=allowed)
        if not path.isprintable():
            return Problem(400, "the address has characters that no name has")
        return Problem(404, "there is nothing here")
