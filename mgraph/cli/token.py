"""`mgraph token`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import click

from mgraph.cli.files import naming
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import number_of, quota_of
from mgraph.cli.store import STORE, opening
from mgraph.cli.terminal import clipped, table
from mgraph.errors import printable
from mgraph.service.store.access import new_token
from mgraph.service.store.addresses import shown
from mgraph.service.store.ids import check_name
from mgraph.service.store.tokens import CLASS_QUOTA, NO_QUOTA, Quota, Scope, utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.service.store.tokens import AccessToken, Usage

_DAY: Final = 86_400


@click.group("token", short_help="Make, list and revoke the tokens of mgraph serve.")
def command() -> None:
    """Make, list and revoke the tokens that `mgraph serve` asks for.

    A token is a secret text: whoever has it may do what it is for. The store keeps only a hash of
    it, so it is shown once. A server that is running accepts a new token at once, and refuses a
    revoked one after at most 2 seconds.

    \b
    Examples:
      mgraph token new shared --note "Ms. Noether"
      mgraph token new shared --scope class --prefix class-7a --days 30
      mgraph token list shared
      mgraph token revoke shared 1f2e3d4c
    """  # noqa: D301 - \b is click's


# --- new ---


@command.command("new", short_help="Make a token, and print it once.")
@STORE
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    default=Scope.WRITE.value,
    show_default=True,
    help="read: look up documents by the start of an id. write: also store documents, and set, "
    "replace and remove names. class: store documents, and add names below --prefix, but neither "
    "replace nor remove any.",
)
@click.option(
    "--prefix",
    default="",
    metavar="NAME",
    help="Set names only below this one: class-7a allows class-7a/anna.",
)
@click.option(
    "--documents",
    callback=quota_of,
    metavar="N",
    help=f"Store at most N documents. Default: {CLASS_QUOTA.documents:,} for a class, else any "
    "number.",
)
@click.option(
    "--bytes",
    "size",
    callback=quota_of,
    metavar="N",
    help="Store documents of at most N bytes in all; 8M is 8 MiB. Default: 100M for a class, else "
    "any number.",
)
@click.option(
    "--names",
    callback=quota_of,
    metavar="N",
    help=f"Add at most N names. Default: {CLASS_QUOTA.names:,} for a class, else any number.",
)
@click.option(
    "--days",
    type=click.FloatRange(min=0, max=36_500, min_open=True),
    callback=number_of,
    metavar="N",
    help="Let the token expire after N days.",
)
@click.option("--note", default="", metavar="TEXT", help="Who it is for; `token list` shows it.")
@json_option
def new(
    store: str,
    scope: str,
    prefix: str,
    documents: int | None,
    size: int | None,
    names: int | None,
    days: float | None,
    note: str,
    as_json: bool,  # noqa: FBT001 - click calls by name
) -> None:
    """Make a token, and print it: it is shown only this once.

    The store is made, too, if the folder is missing or empty. Standard output has only the token;
    what it is for goes to standard error.

    \b
    Examples:
      mgraph token new shared --note "Ms. Noether"
      mgraph token new shared --scope class --prefix class-7a --days 30
    """  # noqa: D301
    if scope == Scope.CLASS and not prefix:
        message = "a class token needs a prefix: add --prefix, for example --prefix class-7a"
        raise click.UsageError(message)
    if scope == Scope.READ and prefix:
        message = "--prefix is for tokens that write: a token of scope read reads all"
        raise click.UsageError(message)
    default = CLASS_QUOTA if scope == Scope.CLASS else NO_QUOTA
    given = (documents, size, names)
    quota = Quota(*(b if a is None else a for a, b in zip(given, default, strict=True)))
    if prefix:
        with naming("--prefix"):
            check_name(prefix)
    expires = "" if days is None else utc(time.time() + days * _DAY)
    with opening(store, create=True) as opened:
        secret, token = new_token(
            opened, Scope(scope), prefix=prefix, quota=quota, note=note, expires=expires
        )
    if as_json:
        print_json({"secret": secret, **_as_json(token)})
        return
    click.echo(secret)
    click.echo(f"token {token.id}: {_described(token)}; it is not shown again", err=True)


def _described(token: AccessToken) -> str:
    """Say what a token is for."""
    below = f" below {token.prefix}" if token.prefix else ""
    most = [
        f"{most:,} {what}"
        for what, most in zip(Quota._fields, token.quota, strict=True)
        if most is not None
    ]
    parts = [f"{token.scope}{below}", f"at most {', '.join(most)}" if most else ""]
    parts.append(f"until {token.expires}" if token.expires else "")
    return "; ".join(filter(None, parts))


def _as_json(token: AccessToken) -> dict[str, Any]:
    """Return a token without its hash, as plain data."""
    return {
        "id": token.id, "scope": token.scope, "prefix": token.prefix or None,
        "quota": token.quota._asdict(), "created": token.created,
        "expires": token.expires or None, "note": token.note,
    }  # fmt: skip


# --- list ---


@command.command("list", short_help="List the tokens, and what was stored with each.")
@STORE
@json_option
def list_(store: str, as_json: bool) -> None:  # noqa: FBT001
    """List the tokens of a store: what each is for, and how much was stored with it.

    \b
    Examples:
      mgraph token list shared
      mgraph token list shared --json
    """  # noqa: D301
    with opening(store) as opened:
        used = [(token, opened.usage(token.id)) for token in opened.tokens()]
    if as_json:
        tokens = [
            {**_as_json(token), "expired": token.is_expired, "used": usage._asdict()}
            for token, usage in used
        ]
        print_json({"store": shown(store), "tokens": tokens})
    elif used:
        head = ("id", "scope", "prefix", *Quota._fields, "expires", "note")
        table(head, [_row(token, usage) for token, usage in used])
    else:
        click.echo(f"{printable(shown(store))} has no tokens")


def _row(token: AccessToken, usage: Usage) -> Sequence[str]:
    counts = (
        f"{used:,}" if most is None else f"{used:,} of {most:,}"
        for used, most in zip(usage, token.quota, strict=True)
    )
    expires = "expired" if token.is_expired else token.expires or "-"
    note = clipped(printable(token.note), 60)
    return (token.id, token.scope, token.prefix or "-", *counts, expires, note)


# --- revoke ---


@command.command("revoke", short_help="Revoke tokens: nobody can use them any more.")
@STORE
@click.argument("tokens", nargs=-1, required=True, metavar="ID...")
@json_option
def revoke(store: str, tokens: Sequence[str], as_json: bool) -> None:  # noqa: FBT001
    """Revoke tokens by their ids, which `mgraph token list` shows.

    What was stored with them stays.

    \b
    Examples:
      mgraph token revoke shared 1f2e3d4c
    """  # noqa: D301
    with opening(store) as opened:
        for token in tokens:  # all, before any is revoked
            opened.get_token(token)
        for token in dict.fromkeys(tokens):
            opened.remove_token(token)
    if as_json:
        print_json({"store": shown(store), "revoked": [*tokens]})
    else:
        click.echo("\n".join(f"revoked {token}" for token in tokens))
