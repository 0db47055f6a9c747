"""Replies that are pages: for people, who read them in a browser."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from mgraph.service.exchange import HTML_TYPE, Reply
from mgraph.viewer.served import notice_page

if TYPE_CHECKING:
    from mgraph.service.problems import Problem

_POLICY: Final = re.compile(rb'http-equiv="Content-Security-Policy" content="([^"]+)"')
ASK_AGAIN: Final = (b"cache-control", b"no-cache")


def page_reply(page: bytes, status: int = 200) -> Reply:
    """Return a page, whose policy goes into a header, too: only there it can forbid frames."""
    stated = _POLICY.search(page)
    policy = stated[1] if stated else b"default-src 'none'"
    return Reply(status, page, HTML_TYPE, (ASK_AGAIN,), policy + b"; frame-ancestors 'none'")


def refusal_page(problem: Problem) -> Reply:
    """Return a page that says what is wrong."""
    title = HTTPStatus(problem.status).phrase
    text = f"{problem.detail[:1].upper()}{problem.detail[1:]}."
    reply = page_reply(notice_page(title, text), problem.status)
    return reply._replace(headers=(*reply.headers, *problem.headers))
