"""Links and sites in a browser: what a friend, a class and a stranger's graph do with them."""

from __future__ import annotations

import base64
import json
import mimetypes
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.command_line import NEURON, Shell
from tests.groups.browser.chromium import READY, Visit, barriers, screen
from tests.groups.browser.page import at_the_end, drop, numbers_of
from tests.service.test_qr import picture, texts
from tests.viewer.test_site import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Route

SCHOOL = "https://school.example/graphs"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return a folder with the neuron and a site of it."""
    monkeypatch.setenv("BROWSER", "true")
    shell = Shell(tmp_path, monkeypatch)
    shell.write("neuron.json", NEURON.read_bytes())
    assert shell("view", "--site", "site", "neuron.json").status == 0
    return shell


@pytest.fixture
def school(browser: Browser, shell: Shell) -> Iterator[Callable[..., Page]]:
    """Return a way to open the site as if it were on the web; nothing is fetched from there."""
    visit = Visit(browser, shell.folder)
    contexts = []

    def serve(route: Route) -> None:
        name = route.request.url.partition("#")[0].rpartition("/")[2]
        path = shell.path("site") / name
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        route.fulfill(body=path.read_bytes(), content_type=kind)

    def opened(name: str, base: str = SCHOOL, **options: Any) -> Page:  # noqa: ANN401 - playwright's
        context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
        contexts.append(context)
        context.route(f"{base}/**", serve)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        page.on("console", lambda line: visit.complaints.append(line.text))
        page.goto(f"{base}/{name}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert visit.complaints == []


def held(link: str) -> Any:  # noqa: ANN401 - plain data
    """Return the document that a link holds."""
    packed = base64.urlsafe_b64decode(link.partition("z=")[2] + "===")
    return json.loads(zlib.decompress(packed, wbits=-15))


def copied(page: Page) -> str:
    """Press Link, and return what is in the clipboard."""
    page.click("#link")
    page.wait_for_selector('#link:text-is("Copied")')
    return str(page.evaluate("() => navigator.clipboard.readText()"))


# --- the button Link -------------------------------------------------------------------------


def test_the_link_of_a_page_on_the_web(school: Callable[..., Page]) -> None:
    """It is the page's address and the graph; a friend's browser opens it."""
    page = school("neuron.html")
    page.wait_for_selector(READY)
    link = copied(page)
    assert link.startswith(f"{SCHOOL}/neuron.html#z=")
    assert held(link)["nodes"] == json.loads(NEURON.read_bytes())["nodes"]
    assert page.locator("#alert").is_hidden()
    friend = school("page.html" + link[link.index("#") :])
    friend.wait_for_selector(READY)
    assert friend.locator("#name").inner_text() == "neuron"


def test_the_link_of_a_page_in_a_file(visit: Visit, shell: Shell) -> None:
    """A friend can't open the file: what is copied is for `mgraph open`, and the page says so."""
    permissions = ["clipboard-read", "clipboard-write"]
    page = visit(shell.path("site/neuron.html"), permissions=permissions)
    link = copied(page)
    assert link.startswith("mgraph:z=")
    words = page.locator("#alert").inner_text()
    assert "where a friend can't open it" in words
    assert words.endswith(
        "this link, which the command mgraph open reads. The link has been copied."
    )
    assert shell("open", link, "-o", "theirs.json").status == 0
    assert shell.document("theirs.json")["nodes"] == json.loads(NEURON.read_bytes())["nodes"]
    assert visit(shell.path("site/page.html"), fragment=page.evaluate("location.hash"))


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1"])
def test_the_link_of_a_page_of_this_computer(school: Callable[..., Page], host: str) -> None:
    """A server that only this computer reaches is like a file."""
    page = school("neuron.html", base=f"http://{host}/graphs")
    page.wait_for_selector(READY)
    assert copied(page).startswith("mgraph:z=")
    assert "where a friend can't open it" in page.locator("#alert").inner_text()


def test_the_link_without_a_clipboard(visit: Visit, shell: Shell) -> None:
    """Where nothing can be copied, the link is shown to be selected."""
    page = visit(shell.path("site/neuron.html"))
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    page.click("#link")
    page.wait_for_selector("#alert code")
    link = page.locator("#alert code").inner_text()
    assert link.startswith("mgraph:z=")
    assert held(link)["name"] == "neuron"


# --- sites -----------------------------------------------------------------------------------


def test_a_site_from_a_folder(visit: Visit, shell: Shell) -> None:
    """The list shows pictures and leads to the graph; nothing needs a server."""
    page = visit.context().new_page()
    page.on("console", lambda line: visit.complaints.append(line.text))
    page.on("request", lambda request: visit.requests.append(request.url))
    page.goto(shell.path("site/index.html").as_uri())
    page.wait_for_function("() => [...document.images].every((image) => image.naturalWidth > 100)")
    assert page.locator("img").count() == 1
    page.click("h2 a")
    page.wait_for_selector(READY)
    assert numbers_of(at_the_end(page), "o") == ("0.707107", "1.0")


def test_a_site_on_the_web(school: Callable[..., Page]) -> None:
    """The same, served; the dark picture is shown on a dark screen."""
    for scheme, name in (("light", "neuron.svg"), ("dark", "neuron.dark.svg")):
        page = school("index.html", color_scheme=scheme)
        page.wait_for_function("() => document.images[0].complete")
        assert page.evaluate("() => document.images[0].currentSrc") == f"{SCHOOL}/{name}"
        assert page.evaluate("() => document.images[0].naturalWidth") > 100


def test_links_to_a_site(school: Callable[..., Page], shell: Shell) -> None:
    """The link of `mgraph share`, as text or in its QR code, opens the graph, by list or page."""
    for name in ("page.html", "index.html"):
        said = shell("share", "neuron.json", "--base", f"{SCHOOL}/{name}", "--qr")
        link, *code = said.out.splitlines()
        assert texts(picture(code, 255, 0)) == [link]
        page = school(link.removeprefix(f"{SCHOOL}/"))
        page.wait_for_selector(READY)
        assert page.url.startswith(f"{SCHOOL}/page.html#z=")
        assert numbers_of(at_the_end(page), "o") == ("0.707107", "1.0")


def test_the_page_without_a_graph(visit: Visit, shell: Shell) -> None:
    """It says what it is for, bears every key, refuses a damaged link, and opens a file."""
    path = shell.path("site/page.html")
    page = visit(path)
    assert "Open a graph file" in page.locator("#doc").inner_text()
    for key in ("End", "Home", "ArrowRight", "ArrowLeft", "p", "p", "+", "-", "0", "?", "Escape"):
        page.keyboard.press(key)
    seen = [page.locator(name).is_visible() for name in ("#transport", "aside", "#link", "#open")]
    assert seen == [False, False, False, True]
    drop(page, "neuron.json", NEURON.read_bytes())
    page.wait_for_selector('#name:text-is("neuron")')
    assert numbers_of(at_the_end(page), "o") == ("0.707107", "1.0")
    assert page.locator("#transport").is_visible()
    damaged = visit(path, fragment="#z=AAAA")
    assert "was not opened" in damaged.locator("#alert").inner_text()
    assert "Open a graph file" in damaged.locator("#doc").inner_text()


def test_a_stranger_s_graph_in_a_site(visit: Visit, shell: Shell) -> None:
    """Markup in its texts and in the name of its file is shown, and never runs."""
    document = shell.document("neuron.json") | {"name": HOSTILE, "doc": HOSTILE}
    for node in document["nodes"]:
        node["label"] = HOSTILE
    name = shell.write("'\"><img src=x onerror='window.bad=1'>.json", document)
    assert shell("view", "--site", "evil", name).status == 0
    page = visit.context().new_page()
    page.on("console", lambda line: visit.complaints.append(line.text))
    page.goto(shell.path("evil/index.html").as_uri())
    page.wait_for_load_state()
    assert page.locator("h2").inner_text().startswith("</title></style></script><script>bad()")
    assert page.evaluate("() => [window.bad, document.scripts.length]") == [None, 1]
    page.click("h2 a")
    page.wait_for_selector(READY)
    assert page.evaluate("() => window.bad") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_bars_anyone_from_a_list(
    visit: Visit, shell: Shell, scheme: str, width: int
) -> None:
    """Axe finds no barrier in the list, nor in the page without a graph; nothing is too wide."""
    page = visit.context(**screen(width, scheme)).new_page()
    for name in ("index.html", "page.html"):
        page.goto(shell.path(f"site/{name}").as_uri())
        assert barriers(page) == []
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
