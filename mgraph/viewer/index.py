"""Writes a page that lists graphs, each with a picture, its name and what it is."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from mgraph.draw.text import one_line
from mgraph.errors import counted
from mgraph.viewer import digest, markup_of, rules_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST: Final = 150  # characters of a graph's description
_POLICY: Final = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src 'self' file:; "
    "base-uri 'none'; form-action 'none'"
)
_SCRIPT: Final = (
    "const pass = () => {{ if (/^#[zj]=/.test(location.hash)) "
    "location.replace({page} + location.hash); }}; pass(); addEventListener('hashchange', pass);"
)
"""Sends links that hold a graph, but name this page, to the page that opens them."""


class Card(NamedTuple):
    """A graph in the list. Its addresses are relative to the list's, and not yet quoted.

    Attributes:
        name: What it is called.
        doc: What it is; may be empty.
        nodes: How many nodes it has.
        page: The address of its page.
        file: The address of its file.
        pictures: The addresses of its pictures, in light and in dark; empty for none.
    """

    name: str
    doc: str
    nodes: int
    page: str
    file: str
    pictures: Sequence[str] = ()


def index(cards: Sequence[Card], opener: str, title: str = "Graphs", note: str = "") -> bytes:
    """Write the list.

    Args:
        cards: The graphs, in order.
        opener: The address of the page that opens links.
        title: What the list is called.
        note: A sentence below the list; may be empty.
    """
    rules = rules_of("index.css")
    script = _SCRIPT.format(page=f'"{quote(opener)}"')
    parts = {
        "POLICY": _POLICY.format(script=digest(script), style=digest(rules)),
        "STYLE": rules,
        "SCRIPT": script,
        "PAGE": quote(opener),
    }
    note = note or f"{counted(len(cards), 'graph')}."
    texts = {"TITLE": escape(one_line(title)), "NOTE": escape(note)}
    shell = markup_of("index.html")
    before, after = shell.split("{{ CARDS }}")
    for mark, text in (parts | texts).items():
        before, after = (part.replace(f"{{{{ {mark} }}}}", text) for part in (before, after))
    return "".join((before, "\n".join(map(_item, cards)), after)).encode()


def _item(card: Card) -> str:
    return "".join(("<li>", *_picture(card), *_words(card), "</li>"))


def _picture(card: Card) -> Iterator[str]:
    if card.pictures:
        light, dark = map(quote, card.pictures)
        yield (
            f'<a href="{quote(card.page)}" tabindex="-1" aria-hidden="true"><picture>'
            f'<source srcset="{dark}" media="(prefers-color-scheme: dark)">'
            f'<img src="{light}" alt="" loading="lazy"></picture></a>'
        )


def _words(card: Card) -> Iterator[str]:
    name, doc = escape(one_line(card.name)), escape(_start(card.doc))
    nodes = counted(card.nodes, "node")
    file = f'<a href="{quote(card.file)}" download>{escape(one_line(card.file))}</a>'
    yield f'<div><h2><a href="{quote(card.page)}"><bdi>{name}</bdi></a></h2>'
    if doc:
        yield f'<p dir="auto">{doc}</p>'
    yield f'<p class="quiet">{nodes} · {file}</p></div>'


def _start(text: str) -> str:
    """Return a text on one line, shortened."""
    return one_line(text if len(text) <= _MOST else f"{text[: _MOST - 1].rstrip()}…")
