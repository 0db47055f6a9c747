"""Writes the pages of `mgraph serve` besides those of graphs: a class's, and what is refused."""

from __future__ import annotations

import json
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, Final

from mgraph.viewer import inert, markup_of, policy_of, rules_of, script

if TYPE_CHECKING:
    from collections.abc import Mapping

CLASS: Final = "class"
"""The script that starts the page of a class."""


def class_page(title: str, settings: Mapping[str, Any]) -> bytes:
    """Write the page of a class, which asks the server for its graphs.

    Args:
        title: What the page is called.
        settings: What the page knows of the server, as class.js describes it.
    """
    before, after = _around()
    head = before.replace("{{ TITLE }}", escape(title)).encode()
    return b"".join((head, inert(json.dumps(settings).encode()), after.encode()))


@cache
def _around() -> tuple[str, str]:
    """Return the parts of the page before and after the settings."""
    rules, code = rules_of("index.css", "class.css"), script(CLASS)
    shell = markup_of("class.html")
    parts = {"POLICY": policy_of(code, rules, is_served=True), "STYLE": rules, "SCRIPT": code}
    for mark, text in parts.items():
        shell = shell.replace(f"{{{{ {mark} }}}}", text, 1)
    before, after = shell.split("{{ SETTINGS }}")
    return before, after


def notice_page(title: str, text: str) -> bytes:
    """Write a page that says why there is no other one.

    Args:
        title: What happened.
        text: What is wrong, in a sentence.
    """
    rules = rules_of("index.css")
    parts = {
        "POLICY": policy_of("", rules, is_served=False),
        "STYLE": rules,
        "TITLE": escape(title),
        "TEXT": escape(text),
    }
    shell = markup_of("notice.html")
    for mark, part in parts.items():  # the texts come last: marks in them stay as they are
        shell = shell.replace(f"{{{{ {mark} }}}}", part)
    return shell.encode()
