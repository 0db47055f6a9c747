"""The pages of the service, without a browser: what they say, and what they let a browser do."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from mgraph.errors import MissingExtraError
from mgraph.service.settings import Settings
from mgraph.service.work import pictures_of
from tests.command_line import NEURON
from tests.service.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = NEURON.read_bytes()
HTML = "text/html; charset=utf-8"


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Return a service with a class, its teacher's graph and a pupil's."""
    with Serving() as serving:
        serving.put(DATA, "class-7a")
        serving.put(DATA, "class-7a/ada")
        yield serving


def settings_of(page: bytes) -> Any:  # noqa: ANN401 - plain data
    """Return what a page is told."""
    match = re.search(rb'id="settings">(.*?)</script>', page)
    assert match is not None
    return json.loads(match[1])


def test_pages_know_what_they_may_do() -> None:
    """Whether something can be stored, and whether that takes a token."""
    for read_only, needs_token in ((False, False), (False, True), (True, True)):
        settings = Settings(rate=1e6, burst=1e6, read_only=read_only, needs_token=needs_token)
        with Serving(settings) as serving:
            about = {"readOnly": read_only, "needsToken": needs_token}
            assert settings_of(serving("GET", "/c/class-7a/").body) == {
                "prefix": "class-7a", **about,
            }  # fmt: skip
            assert settings_of(serving("GET", "/").body) == {"prefix": "", **about}
            empty = settings_of(serving("GET", "/open").body)
            assert empty["served"] == {"name": "", "id": "", **about}


def test_the_page_of_a_graph_by_any_reference(serving: Serving) -> None:
    """By name, id and hash; only a name is passed on as one. The graph is in it."""
    about = serving.send("POST", "/api/check", json.loads(DATA)).json
    document = serving("GET", "/api/names/class-7a/ada").json["id"]
    for reference in ("class-7a/ada", document, about["hash"]):
        page = serving("GET", f"/g/{reference}")
        served = settings_of(page.body)["served"]
        assert served["id"] == document
        assert served["name"] == (reference if reference == "class-7a/ada" else "")
        assert b'"x1w1x2w2"' in page.body


def test_a_page_holds_the_graph_with_its_runs(serving: Serving) -> None:
    """What is embedded is the document."""
    page = serving("GET", "/g/class-7a").body
    match = re.search(rb'id="graph">(.*?)</script>', page, re.DOTALL)
    assert match is not None
    assert json.loads(match[1]) == json.loads(DATA)


def test_pages_fetch_only_from_their_server(serving: Serving) -> None:
    """The policies of pages with a server allow it, in header and page; nothing else is allowed."""
    for path in ("/", "/c/class-7a", "/g/class-7a", "/open"):
        page = serving("GET", path)
        policy = page.headers["content-security-policy"]
        in_page = policy.removesuffix("; frame-ancestors 'none'")
        assert f'content="{in_page}"' in page.body.decode()
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        assert rules["connect-src"] == "'self'"
        assert rules["img-src"] == "'self' data:"
        assert rules["default-src"] == rules["frame-ancestors"] == "'none'"
        assert "unsafe" not in policy
        assert "http" not in policy


def test_a_page_that_a_browser_has_keeps_its_policy(serving: Serving) -> None:
    """The headers of a 304 replace those that a browser has stored, so it states no policy."""
    page = serving("GET", "/g/class-7a")
    again = serving("GET", "/g/class-7a", if_none_match=page.headers["etag"])
    assert again.status == 304
    policy = "content-security-policy"
    assert again.headers.get(policy, page.headers[policy]) == page.headers[policy]
    assert serving("GET", "/g/class-7a/ada").headers["etag"] != page.headers["etag"]


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/g/nobody", 404, "There is no name &quot;nobody&quot;."),
        ("/g/%3Cb%3E", 400, "&lt;b&gt;"),
        ("/c/Class%207a", 400, "can&#x27;t be a name"),
        (f"/g/sha256:{'0' * 64}", 404, "There is no document"),
        ("/class-7a", 404, "There is nothing here."),
    ],
)
def test_refusals_are_pages(serving: Serving, path: str, status: int, text: str) -> None:
    """Who follows a dead link reads why in a page, whose status is that of the API."""
    page = serving("GET", path, accept="text/html,*/*;q=0.8")
    assert (page.status, page.headers["content-type"]) == (status, HTML)
    assert text in page.body.decode()
    assert "<script" not in page.body.decode()
    assert "script-src 'sha256-" in page.headers["content-security-policy"]


def test_a_page_is_not_json(serving: Serving) -> None:
    """A client that accepts no HTML is told so, not sent a page; nor is one that takes anything."""
    for accept in ("*/*", "application/json", "application/json, text/html"):
        answered = serving("GET", "/g/nobody", accept=accept)
        assert answered.headers["content-type"] == "application/problem+json"
    answered = serving("GET", "/g/class-7a", accept="application/json")
    assert answered.status == 406
    assert answered.headers["content-type"] == "application/problem+json"


def test_a_graph_that_was_taken_down(serving: Serving) -> None:
    """Its page and its picture are gone, also if the picture was drawn before."""
    document = serving("GET", "/api/names/class-7a").json["id"]
    assert serving("GET", f"/t/{document}/light.svg").status == 200
    serving.store.remove(document, "on request")
    assert serving("GET", f"/g/{document}").status == 410
    assert serving("GET", f"/t/{document}/light.svg").status == 410
    assert serving("GET", "/g/class-7a").status == 404


# --- pictures ---


def test_a_class_asks_for_all_pictures_at_once(serving: Serving) -> None:
    """Ten graphs, in light and in dark: every request gets its picture, none is too many."""
    graph = json.loads(DATA)
    del graph["runs"]
    ids = []
    for count in range(10):
        graph["nodes"][2]["data"] = count / 4
        ids.append(serving.put(json.dumps(graph).encode()))
    asked: list[Any] = [
        ("GET", f"/t/{each}/{theme}.svg", [b""], {}) for each in ids for theme in ("light", "dark")
    ]
    answered = serving.together(*asked)
    assert {each.status for each in answered} == {200}
    assert len({each.body for each in answered}) == 20
    assert all(b"<svg" in each.body for each in answered)


def test_a_picture_is_drawn_once(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who ask at once wait for one drawing, and who asks later gets the same."""
    drawn = []
    original = pictures_of

    async def count(_: object, work: Any, *arguments: Any) -> Any:  # noqa: ANN401
        drawn.append(work)
        return original(*arguments)

    monkeypatch.setattr("mgraph.service.worker_process.WorkerProcess.__call__", count)
    document = serving("GET", "/api/names/class-7a").json["id"]
    path = f"/t/{document}/light.svg"
    bodies = {each.body for each in serving.together(*[("GET", path, [b""], {})] * 5)}
    assert len(bodies | {serving("GET", path).body}) == 1
    assert drawn == [original]


def test_what_can_not_be_drawn_has_a_blank(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra, or where there is too much to draw, a picture says that there is none."""
    document = serving("GET", "/api/names/class-7a").json["id"]

    async def fail(*_: object) -> None:
        message = "no layout engine"
        raise MissingExtraError(message)

    monkeypatch.setattr("mgraph.service.worker_process.WorkerProcess.__call__", fail)
    answered = serving("GET", f"/t/{document}/dark.svg")
    assert answered.status == 200
    assert b"no picture" in answered.body
    assert serving("GET", f"/t/{document}/blue.svg").status == 404
