"""The tokens of a store in files: one file for each, read again when it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgraph.service.store.errors import NotFoundError
from mgraph.service.store.layout import TOKENS, token_file
from mgraph.service.store.records import LONGEST, TOKEN_ID, token_from, token_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.service.store.disk import Disk
    from mgraph.service.store.tokens import AccessToken


class TokenFiles:
    """The tokens of a store."""

    def __init__(self, disk: Disk) -> None:
        """Take the folder of a store."""
        self.disk = disk
        self._known: dict[str, tuple[object, AccessToken]] = {}

    def all(self) -> Sequence[AccessToken]:
        """Return all tokens, sorted by the time when they were made."""
        ids = (name.removesuffix(".json") for name in self.disk.names(TOKENS))
        tokens = (self.find(token) for token in ids)
        return sorted((t for t in tokens if t), key=lambda token: (token.created, token.id))

    def get(self, token: str) -> AccessToken:
        """Return a token by its id.

        Raises:
            NotFoundError: There is no such token.
        """
        found = self.find(token)
        if found is None:
            raise NotFoundError.of_kind("token", token)
        return found

    def find(self, token: str) -> AccessToken | None:
        """Return a token by its id; None if there is no such token."""
        if TOKEN_ID.fullmatch(token) is None:
            return None
        file = token_file(token)
        status = self.disk.status(file)
        if status is None:
            return None
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
        known = self._known.get(token)
        if known is None or known[0] != stamp:
            known = self._known[token] = stamp, self._read(file, token)
        return known[1]

    def _read(self, file: str, token: str) -> AccessToken:
        data = self.disk.read(file, LONGEST) or b""
        with self.disk.checking(file):
            return token_from(data, token)

    def add(self, token: AccessToken) -> None:
        """Add a token."""
        self.disk.replace(token_file(token.id), token_record(token))

    def remove(self, token: str) -> None:
        """Remove a token by its id.

        Raises:
            NotFoundError: There is no such token.
        """
        if TOKEN_ID.fullmatch(token) is None or not self.disk.remove(token_file(token)):
            raise NotFoundError.of_kind("token", token)
