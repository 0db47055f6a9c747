"""Making tokens, and recognising them. A store has only the hash of a token's secret."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING, Final

from mgraph.service.store.errors import NotFoundError
from mgraph.service.store.ids import check_name
from mgraph.service.store.tokens import NO_QUOTA, AccessToken, Quota, Scope, utc

if TYPE_CHECKING:
    from mgraph.service.store.protocol import GraphStore

_SECRET: Final = re.compile(r"mgraph_([0-9a-f]{8})_([0-9a-f]{32})")


def new_token(  # noqa: PLR0913 - all that a token has
    store: GraphStore,
    scope: Scope,
    *,
    prefix: str = "",
    quota: Quota = NO_QUOTA,
    expires: str = "",
    note: str = "",
) -> tuple[str, AccessToken]:
    """Make a token and store its hash.

    Args:
        store: The store.
        scope: What it is for; a class token needs a prefix.
        prefix: Names are set only below this prefix.
        quota: The most that may be stored with it.
        expires: When it ends, as `utc` writes it; empty if it doesn't.
        note: For whom it is, or any other text.

    Returns:
        The secret, which is stored nowhere, and the token.

    Raises:
        NameFormError: The prefix can't be one.
        ValueError: A class token without a prefix.
    """
    if prefix:
        check_name(prefix)
    elif scope is Scope.CLASS:
        message = "a class token needs a prefix"
        raise ValueError(message)
    name, secret = secrets.token_hex(4), secrets.token_hex(16)
    full = f"mgraph_{name}_{secret}"
    token = AccessToken(name, _digest(full), scope, prefix, quota, utc(), expires, note)
    store.add_token(token)
    return full, token


def authenticate(store: GraphStore, secret: str) -> AccessToken | None:
    """Return the token that has a secret; None if there is none, or it has expired."""
    match = _SECRET.fullmatch(secret)
    if match is None:
        return None
    try:
        token = store.get_token(match[1])
    except NotFoundError:
        return None
    is_right = hmac.compare_digest(token.digest, _digest(secret))
    return token if is_right and not token.is_expired else None


def _digest(secret: str) -> str:
    """Return the hash of a secret, which has 128 random bits, so that a fast hash will do."""
    return hashlib.sha256(secret.encode()).hexdigest()
