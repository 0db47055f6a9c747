"""The tokens of requests, remembered for a moment: a store in files reads each from its disk."""

from __future__ import annotations

import asyncio
import hashlib
from time import monotonic
from typing import TYPE_CHECKING, Final

from mgraph.service.store.access import authenticate

if TYPE_CHECKING:
    from mgraph.service.store.protocol import GraphStore
    from mgraph.service.store.tokens import AccessToken

REMEMBERED: Final = 2.0
"""For how many seconds a token is remembered; so long a revoked one still works."""

_MOST: Final = 1_000


class Grants:
    """Knows what the bearer of a token may do."""

    def __init__(self, store: GraphStore) -> None:
        """Take the store, which has the tokens."""
        self._store = store
        self._known: dict[bytes, tuple[float, AccessToken]] = {}

    async def __call__(self, secret: str) -> AccessToken | None:
        """Return the token of a secret; None if there is none."""
        digest = hashlib.sha256(secret.encode()).digest()  # the time to find it tells nothing
        now = monotonic()
        until, token = self._known.get(digest, (0.0, None))
        if token is not None and now < until:
            return token
        if self._store.is_remote:
            granted = await asyncio.to_thread(authenticate, self._store, secret)
        else:
            granted = authenticate(self._store, secret)
        if granted is not None:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[digest] = now + REMEMBERED, granted
        return granted
