"""A class in a browser: a teacher, pupils with phones, and what goes wrong."""

from __future__ import annotations

import json
from math import tanh
from typing import TYPE_CHECKING, Any

import pytest

from tests.command_line import NEURON
from tests.groups.browser.chromium import READY, Visit, barriers, screen
from tests.groups.browser.page import at_the_end, document, drop, leaf, node, numbers_of
from tests.groups.browser.test_page_safety import HOSTILE
from tests.service.classroom import CLASS, INSECURE, Classroom, held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    Opened = Callable[..., Page]

PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True}
BIAS = 6.881373587019543
"""The bias of the neuron; its output is tanh(x1 w1 + x2 w2 + bias), with 2, -3, 0 and 1."""


def output(w1: float) -> float:
    """Return the output of the neuron with another weight."""
    return tanh(2.0 * w1 + BIAS)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Classroom]:
    """Return a server for a class that needs a token, on this machine only."""
    with held(tmp_path, "--host", "127.0.0.2", "--allow-host", INSECURE) as room:
        yield room


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Opened]:
    """Return a way to open addresses, each as somebody else; no script fails in the end."""
    visit = Visit(browser, tmp_path)

    def person(url: str, **options: Any) -> Page:  # noqa: ANN401 - playwright's
        options.setdefault("viewport", {"width": 1280, "height": 800})
        context = browser.new_context(**options)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        page.on("console", lambda line: visit.complaints.append(line.text))
        page.goto(url)
        page.wait_for_selector(READY)
        return page

    yield person
    visit.close()
    expected = "Failed to load resource"  # what the browser says of refusals and lost networks
    assert [text for text in visit.complaints if not text.startswith(expected)] == []


def follow(page: Page, words: str) -> None:
    """Follow a link, and wait for the page."""
    page.click(f'a:text-is("{words}")')
    page.wait_for_selector("#class-bar")


def set_leaf(page: Page, name: str, value: float) -> None:
    """Type the value of a leaf."""
    field = page.locator(f'#leaves input.number[aria-label="{name}"]')
    field.fill(str(value))
    field.press("Enter")


def save_as(page: Page, name: str) -> None:
    """Ask to save a copy under a name."""
    page.click("#save-copy")
    page.fill("#saving-name", name)
    page.click("#saving-save")


def saved(page: Page) -> str:
    """Wait until a copy is saved, and return what the page says."""
    page.wait_for_selector("#notice:not([hidden])")
    page.wait_for_selector("#saving", state="hidden")
    text: str = page.locator("#notice").inner_text()
    return text


def fault(page: Page) -> str:
    """Wait until a copy could not be saved, and return why."""
    page.wait_for_selector("#saving-fault:not(:empty)")
    text: str = page.locator("#saving-fault").inner_text()
    return text


def card(page: Page, name: str) -> Any:  # noqa: ANN401 - playwright's
    """Return the card of a graph on the page of the class."""
    return page.locator(f'.card:has(h2 a:text-is("{name}"))')


# --- a lesson --------------------------------------------------------------------------------


def test_a_lesson(room: Classroom, opened: Opened) -> None:
    """From the class's link to a copy that the teacher sees come, without a reload."""
    room.put(f"{CLASS}/ada", json.loads(NEURON.read_bytes()))
    teacher = opened(f"{room.url}/c/{CLASS}")
    teacher.wait_for_function("() => document.images.length === 2")
    card(teacher, "ada").evaluate("card => { card.mine = true }")

    pupil = opened(room.link, **PHONE)
    assert pupil.url == f"{room.url}/c/{CLASS}"
    follow(pupil, "The teacher's graph")
    assert pupil.url == f"{room.url}/g/{CLASS}"
    set_leaf(pupil, "w1", -2.5)
    save_as(pupil, "Jürgen Müller")
    assert saved(pupil).startswith(f"Saved as {CLASS}/jurgen-muller.")
    assert pupil.url == f"{room.url}/g/{CLASS}/jurgen-muller"

    card(teacher, "jurgen-muller").wait_for()
    assert "New: jurgen-muller." in teacher.locator("#status").inner_text()
    assert card(teacher, "ada").evaluate("card => card.mine")
    graph = room.graph(f"{CLASS}/jurgen-muller")
    assert {"id": "w1", "op": "param", "data": -2.5} in graph["nodes"]
    assert graph["runs"][0]["data"]["o"] == pytest.approx(output(-2.5), rel=1e-14)
    assert room.secret
    assert room.secret not in room.log.read_text()

    follow(teacher, "jurgen-muller")
    at_the_end(teacher)
    assert numbers_of(teacher, "w1")[0] == "-2.5"
    follow(teacher, "Teacher's")
    assert numbers_of(at_the_end(teacher), "w1")[0] == "-3.0"


def test_a_trained_copy(tmp_path: Path, opened: Opened) -> None:
    """One step of descent on L = (w x)², from 1 at rate 0.05 with x = 1, is 1 - 0.05 · 2 = 0.9."""
    path = tmp_path / "square.json"
    path.write_text(
        json.dumps(
            document(
                leaf("x", 1.0),
                leaf("w", 1.0, "param"),
                node("p", "mul", "w", "x"),
                node("L", "mul", "p", "p"),
            )
        )
    )
    with held(tmp_path, graph=path) as room:
        pupil = opened(f"{room.url}/g/{CLASS}")
        drop(pupil, "rows.csv", b"x\n1\n")
        pupil.click("#train-step")
        save_as(pupil, "ben")
        saved(pupil)
        graph = room.graph(f"{CLASS}/ben")
        assert graph["nodes"][1]["data"] == pytest.approx(0.9, rel=1e-15)
        assert pupil.locator("#training").is_visible()
        assert numbers_of(at_the_end(pupil), "w")[0] == "0.9"


def test_in_a_network_that_browsers_do_not_trust(room: Classroom, opened: Opened) -> None:
    """Over plain HTTP there is no clipboard and no hashing; saving works, and the link is shown."""
    base = f"http://{INSECURE}:{room.url.rpartition(':')[2]}"
    pupil = opened(room.link.replace(room.url, base), **PHONE)
    assert pupil.evaluate("() => isSecureContext") is False
    follow(pupil, "The teacher's graph")
    set_leaf(pupil, "w1", -2.0)
    save_as(pupil, "zoe")
    assert saved(pupil).startswith(f"Saved as {CLASS}/zoe.")
    assert "hash" not in room.graph(f"{CLASS}/zoe")["runs"][0]
    pupil.click("#link")
    pupil.wait_for_selector('#link:text-is("In the address bar")')
    assert pupil.url == f"{base}/g/{CLASS}/zoe"


# --- what goes wrong -------------------------------------------------------------------------


def test_a_name_is_taken(room: Classroom, opened: Opened) -> None:
    """Nobody's graph is replaced: the page says so, and offers a name that is free."""
    for name in ("zoe", "zoe-2"):
        room.put(f"{CLASS}/{name}", json.loads(NEURON.read_bytes()))
    pupil = opened(room.link)
    follow(pupil, "The teacher's graph")
    set_leaf(pupil, "w1", -1.0)
    save_as(pupil, "Zoë")
    assert fault(pupil).startswith("zoe is taken")
    assert pupil.locator("#saving-name").input_value() == "zoe-3"
    pupil.click("#saving-save")
    assert saved(pupil).startswith(f"Saved as {CLASS}/zoe-3.")
    assert room.names() == [f"{CLASS}/{name}" for name in ("zoe", "zoe-2", "zoe-3")]
    assert room.graph(f"{CLASS}/zoe")["nodes"][2]["data"] == -3.0


def test_without_a_token(room: Classroom, opened: Opened) -> None:
    """Who has no token reads how to get one; one that has ended is told so, and nothing is lost."""
    stranger = opened(f"{room.url}/c/{CLASS}")
    assert "open the link or the QR code" in stranger.locator("#status").inner_text()
    follow(stranger, "The teacher's graph")
    stranger.click("#save-copy")
    assert "QR code of your class" in stranger.locator("#saving-needs").inner_text()
    assert stranger.locator("#saving-name").is_hidden()
    stranger.click("#saving-close")

    late = opened(f"{room.url}/g/{CLASS}#token=mgraph_00000000_{'0' * 32}")
    assert late.url == f"{room.url}/g/{CLASS}"
    set_leaf(late, "w1", -1.0)
    save_as(late, "late")
    assert "has ended" in fault(late)
    late.goto(f"{room.link}")
    follow(late, "The teacher's graph")
    save_as(late, "late")
    saved(late)
    assert room.names() == [f"{CLASS}/late"]


def test_names_that_can_not_be(room: Classroom, opened: Opened) -> None:
    """A text without letters a-z, and the name of a device of Windows."""
    pupil = opened(room.link)
    follow(pupil, "The teacher's graph")
    save_as(pupil, "  ../../ ")
    assert fault(pupil) == "Type a name with letters a–z or digits."
    pupil.fill("#saving-name", "")
    pupil.wait_for_selector("#saving-fault", state="hidden")
    pupil.fill("#saving-name", "李明")  # it is said while it is typed
    assert fault(pupil) == "Type a name with letters a–z or digits."
    pupil.fill("#saving-name", "../../Ada <b>")
    assert f"called {CLASS}/ada-b." in pupil.locator("#saving-as").inner_text()
    pupil.fill("#saving-name", "con")
    pupil.click("#saving-save")
    assert "can't be a name" in fault(pupil)
    assert room.names() == []


def test_what_can_not_be_read_is_not_saved(room: Classroom, opened: Opened) -> None:
    """The page says which leaf is wrong, asks for no name, and saves once it is mended."""
    pupil = opened(room.link)
    follow(pupil, "The teacher's graph")
    pupil.locator('#leaves input.number[aria-label="w1"]').fill("abc")
    pupil.click("#save-copy")
    assert "w1: abc is not a number" in pupil.locator("#alert").inner_text()
    pupil.click("#link")
    pupil.wait_for_selector("#alert:has-text('No link was made. w1: abc is not a number.')")
    assert pupil.locator(".unreadable").inner_text() == "w1: abc is not a number"
    assert pupil.locator("#saving[open]").count() == 0
    set_leaf(pupil, "w1", -1.0)
    assert pupil.locator(".unreadable").count() == 0
    pupil.wait_for_selector("#alert", state="hidden")
    save_as(pupil, "ada")
    saved(pupil)
    assert pupil.locator("#alert").is_hidden()
    assert room.graph(f"{CLASS}/ada")["nodes"][2]["data"] == -1.0


def test_what_was_said_ends_with_a_change(room: Classroom, opened: Opened) -> None:
    """After a change, the page says neither "saved" nor "link", and can save again."""
    pupil = opened(room.link)
    follow(pupil, "The teacher's graph")
    set_leaf(pupil, "w1", -1.0)
    save_as(pupil, "Bob")
    saved(pupil)
    assert pupil.locator("#shown-name").inner_text() == "bob"
    pupil.click("#link")
    pupil.wait_for_selector("#alert:has-text('The link has been copied.')")
    set_leaf(pupil, "w1", -2.0)
    pupil.wait_for_selector('#shown-name:text-is("bob, changed")')
    assert pupil.locator("#alert").is_hidden()
    assert pupil.locator("#notice").is_hidden()
    pupil.click("#save-copy")
    pupil.wait_for_selector("#saving-as:has-text('Your earlier copy stays.')")
    assert pupil.locator("#saving-name").input_value() == "bob-2"
    pupil.click("#saving-save")
    assert saved(pupil).startswith(f"Saved as {CLASS}/bob-2.")
    assert pupil.locator("#shown-name").inner_text() == "bob-2"
    assert room.names() == [f"{CLASS}/bob", f"{CLASS}/bob-2"]


def test_a_name_whose_record_is_damaged(tmp_path: Path, opened: Opened) -> None:
    """The page says which it is, and shows the others."""
    with held(tmp_path, "shared") as room:
        for name in ("ada", "bob"):
            room.put(f"{CLASS}/{name}", json.loads(NEURON.read_bytes()))
        (tmp_path / "shared" / "names" / CLASS / "ada.json").write_text("{")
        pupil = opened(room.link)
        assert "not shown: ada." in pupil.locator("#damaged").inner_text()
        assert pupil.locator("#status").inner_text().startswith("2 graphs.")  # and the teacher's
        assert pupil.locator("#cards h2").all_inner_texts() == ["bob"]


def test_an_exercise_in_a_class(tmp_path: Path, opened: Opened) -> None:
    """Its card leads to its page, its copies are below it, and its link is not the class's."""
    with held(tmp_path, "--host", "127.0.0.2") as room:
        for name in ("lesson", "lesson/zoe"):
            room.put(f"{CLASS}/{name}", json.loads(NEURON.read_bytes()))
        pupil = opened(room.link)
        assert pupil.locator("#status").inner_text().startswith("2 graphs.")
        assert "an exercise" in card(pupil, "lesson").inner_text()
        pupil.goto(f"{room.url}/g/{CLASS}/lesson")  # without the page of the exercise
        pupil.wait_for_selector(f'#class-bar a:has-text("{CLASS}/lesson")')
        save_as(pupil, "ann")
        assert saved(pupil).startswith(f"Saved as {CLASS}/lesson/ann.")
        other = opened(f"{room.url}/c/{CLASS}/lesson#token=mgraph_0_0")
        other.goto(f"{room.url}/g/{CLASS}")
        other.wait_for_selector("#class-bar")
        other.click("#save-copy")
        assert fault(other).startswith("This graph belongs to another exercise.")
        nowhere = opened(f"{room.url}/c/nothere")
        assert "Is the address right?" in nowhere.locator("#empty").inner_text()


def test_the_network_is_lost(room: Classroom, opened: Opened) -> None:
    """Both pages say so; what was done is still there, and all goes on when the network is back."""
    pupil = opened(room.link)
    pupil.context.set_offline(True)
    pupil.wait_for_selector("#status.fault")
    assert "can't be reached" in pupil.locator("#status").inner_text()
    pupil.context.set_offline(False)
    pupil.wait_for_selector("#status:not(.fault)")
    follow(pupil, "The teacher's graph")
    set_leaf(pupil, "w1", -1.5)
    pupil.context.set_offline(True)
    save_as(pupil, "ida")
    assert "can't be reached" in fault(pupil)
    assert "Nothing of your work is lost." in fault(pupil)
    pupil.context.set_offline(False)
    pupil.click("#saving-save")
    saved(pupil)
    assert room.graph(f"{CLASS}/ida")["nodes"][2]["data"] == -1.5


def test_an_answer_is_lost(room: Classroom, opened: Opened) -> None:
    """Saving again after the server's answer was lost is no conflict: the copy is there."""
    pupil = opened(room.link)
    follow(pupil, "The teacher's graph")

    def lose(route: Any) -> None:  # noqa: ANN401 - playwright's
        route.fetch()
        route.abort()

    pupil.route("**/api/names/**", lose, times=1)
    save_as(pupil, "ida")
    assert "can't be reached" in fault(pupil)
    pupil.click("#saving-save")
    assert saved(pupil).startswith(f"Saved as {CLASS}/ida.")


@pytest.mark.parametrize("status", [429, 503])
def test_the_server_is_busy(room: Classroom, opened: Opened, status: int) -> None:
    """Both pages say so, and how long to wait; the page of the class tries again by itself."""
    pupil = opened(room.link)
    reply = {"status": status, "headers": {"retry-after": "1"}, "json": {"detail": "come again"}}
    pupil.route("**/api/**", lambda route: route.fulfill(**reply))
    pupil.wait_for_selector("#status.fault")
    assert "Wait 1 s," in pupil.locator("#status").inner_text()
    pupil.unroute("**/api/**")
    pupil.wait_for_selector("#status:not(.fault)")
    follow(pupil, "The teacher's graph")
    pupil.route("**/api/**", lambda route: route.fulfill(**reply))
    save_as(pupil, "ida")
    assert "Wait 1 s," in fault(pupil)


# --- the page of the class -------------------------------------------------------------------


def test_the_page_follows_what_happens(tmp_path: Path, opened: Opened) -> None:
    """Graphs come in order, change and go; folders are counted; no picture is fetched twice."""
    with held(tmp_path) as room:
        graph = json.loads(NEURON.read_bytes())
        room.put(f"{CLASS}/mia", graph)
        teacher = opened(f"{room.url}/c/{CLASS}")
        pictures: list[str] = []
        teacher.on("request", lambda request: pictures.append(request.url))
        for name in ("ada", "zoe", "group-1/ada", "group-1/zoe"):
            room.put(f"{CLASS}/{name}", graph)
        card(teacher, "zoe").wait_for()
        assert teacher.locator("#cards h2").all_inner_texts() == ["ada", "mia", "zoe"]
        teacher.wait_for_selector('#folders li:has-text("group-1 2")')
        for name in ("mia", "zoe"):
            assert room.ask(f"/api/names/{CLASS}/{name}", "DELETE", if_match="*")[0] == 204
        card(teacher, "zoe").wait_for(state="detached")
        assert teacher.locator("#cards h2").all_inner_texts() == ["ada"]
        assert [url for url in pictures if "/t/" in url] == []  # all show the same graph
        follow_class = teacher.locator('#folders a:text-is("group-1")')
        follow_class.click()
        teacher.wait_for_selector(f'h1:text-is("{CLASS}/group-1")')
        card(teacher, "ada").wait_for()
        teacher.goto(f"{room.url}/g/{CLASS}/group-1/ada")
        teacher.wait_for_load_state("networkidle")
        links = teacher.locator("#class-bar a").all_inner_texts()
        assert [text[2:] for text in links] == [f"{CLASS}/group-1"]  # which no graph is called
        teacher.goto(f"{room.url}/")
        teacher.wait_for_selector(f'#cards a:text-is("{CLASS}")')
        teacher.wait_for_selector(f'#folders li:has-text("{CLASS} 3")')


def test_links_that_hold_a_graph_are_opened(room: Classroom, opened: Opened) -> None:
    """Links whose address is the server's, too; a file that is opened there can be saved."""
    link = opened(f"{room.url}/g/{CLASS}")
    set_leaf(link, "w1", -2.5)
    link.click("#link")
    link.wait_for_selector('#link:text-is("Copied")')
    fragment = link.url.partition("#")[2]
    assert fragment.startswith("z=")
    friend = opened(f"{room.url}/#{fragment}")
    friend.wait_for_selector("#class-bar")
    assert friend.url.startswith(f"{room.url}/open#z=")
    assert numbers_of(at_the_end(friend), "o")[0] == f"{output(-2.5):.6g}"
    damaged = opened(f"{room.url}/open#z=abc")
    damaged.wait_for_selector("#alert:has-text('Copy the whole link again.')")


# --- comparing -------------------------------------------------------------------------------


def test_two_graphs_are_compared(room: Classroom, opened: Opened) -> None:
    """Two cards are chosen, and the page of the first shows where the second differs, as it is."""
    graph = json.loads(NEURON.read_bytes())
    del graph["runs"]
    for name, w1 in (("ada", -3.0), ("ben", -2.5), ("cyd", -2.0)):
        graph["nodes"][2]["data"] = w1
        room.put(f"{CLASS}/{name}", graph)
    teacher = opened(f"{room.url}/c/{CLASS}")
    teacher.click("#pick")
    for name in ("ada", "ben"):
        card(teacher, name).locator(".pick").click()
    assert teacher.locator("#picked").inner_text() == "ada and ben"
    teacher.click("#compare-picked")
    teacher.wait_for_selector("#other-card:not([hidden])")
    assert rows(teacher)["w1 data"] == ("-3.0", "-2.5")
    shown = rows(teacher)["o data"]
    assert [float(text) for text in shown] == pytest.approx([output(-3.0), output(-2.5)], rel=1e-6)
    assert teacher.locator(".box.differs").count() > 0
    set_leaf(teacher, "w1", -2.5)
    teacher.wait_for_selector('#other-body:has-text("No differences")')
    assert teacher.locator(".box.differs").count() == 0
    teacher.click("#compare-with")
    teacher.wait_for_selector("#choosing[open]")
    options = teacher.locator("#other-name option").all_text_contents()
    assert options == ["The teacher's graph", f"{CLASS}/ben", f"{CLASS}/cyd"]
    teacher.select_option("#other-name", f"{CLASS}/cyd")
    teacher.click("#choosing-go")
    teacher.wait_for_selector('#other-title:has-text("cyd")')
    assert rows(teacher)["w1 data"] == ("-2.5", "-2.0")
    teacher.click("#other-close")
    teacher.wait_for_selector("#other-card", state="hidden")
    assert teacher.locator(".box.differs").count() == 0


def rows(page: Page) -> dict[str, tuple[str, str]]:
    """Return the table of differences: two numbers by node and kind."""
    lines = page.locator("#other-body tbody tr").all()
    cells = [line.locator("td").all_inner_texts() for line in lines]
    return {f"{name} {kind}": (a, b) for name, kind, a, b in cells}


def test_other_graphs_are_compared_by_their_ids(room: Classroom, opened: Opened) -> None:
    """What only one of them has is said; what both have is compared, in any order of nodes."""
    room.put(f"{CLASS}/one", document(leaf("a", 2.0), leaf("b", 3.0), node("y", "mul", "a", "b")))
    other = [leaf("b", 3.0), leaf("a", 2.5), leaf("c", 1.0), node("y", "add", "a", "b")]
    room.put(f"{CLASS}/two", document(*other, node("z", "mul", "y", "c")))
    page = opened(f"{room.url}/g/{CLASS}/one#with={CLASS}/two")
    page.wait_for_selector("#other-card:not([hidden])")
    text = page.locator("#other-body").inner_text()
    assert f"2 nodes only in {CLASS}/two: c, z." in text
    assert "1 node of another kind: y." in text
    assert rows(page)["a data"] == ("2.0", "2.5")
    assert rows(page)["y data"] == ("6.0", "5.5")
    assert "b data" not in rows(page)


def test_what_is_not_there_is_not_compared(room: Classroom, opened: Opened) -> None:
    """A name that nothing has is said, and the page goes on."""
    page = opened(f"{room.url}/g/{CLASS}#with={CLASS}/nobody")
    page.wait_for_selector("#alert:not([hidden])")
    assert "nobody can't be compared." in page.locator("#alert").inner_text()


# --- the link --------------------------------------------------------------------------------


def test_the_link_of_a_stored_graph_is_short(room: Classroom, opened: Opened) -> None:
    """The address while the page shows what is stored; the whole graph when a leaf was changed."""
    base = f"http://{INSECURE}:{room.url.rpartition(':')[2]}"
    pupil = opened(room.link)
    follow(pupil, "The teacher's graph")
    pupil.click("#link")
    pupil.wait_for_selector('#link:text-is("Copied")')
    assert pupil.evaluate("() => navigator.clipboard.readText()") == f"{room.url}/g/{CLASS}"
    assert "can't reach it" in pupil.locator("#alert").inner_text()
    set_leaf(pupil, "w1", -2.5)
    pupil.click("#link")
    pupil.wait_for_function("() => location.hash.startsWith('#z=')")
    friend = opened(pupil.url.replace(room.url, base))
    assert numbers_of(at_the_end(friend), "w1")[0] == "-2.5"
    friend.click("#link")
    friend.wait_for_selector('#link:text-is("In the address bar")')
    assert "#z=" in friend.url


# --- strangers and barriers ------------------------------------------------------------------


def test_texts_of_strangers_are_only_text(room: Classroom, opened: Opened) -> None:
    """Markup in labels, names and docs is shown to the letter on the pages of graph and class."""
    graph = document(
        {**leaf("x", 1.0), "label": HOSTILE, "doc": HOSTILE},
        node("y", "add", "x", "x"),
        name=HOSTILE, doc=HOSTILE, runs=[{"origin": HOSTILE, "data": {"y": 2.0}}],
    )  # fmt: skip
    room.put(f"{CLASS}/mallory", graph)
    room.put(f"{CLASS}/ada", {**graph, "nodes": [leaf("x", 3.0), node("y", "add", "x", "x")]})
    page = opened(room.link)
    page.wait_for_function("() => [...document.images].every((image) => image.naturalWidth > 100)")
    page.goto(f"{room.url}/g/{CLASS}/ada#with={CLASS}/mallory")
    page.wait_for_selector("#other-card:not([hidden])")
    assert page.locator("#name").inner_text() == HOSTILE
    page.goto(f"{room.url}/g/{CLASS}/mallory")
    page.wait_for_selector("#class-bar")
    save_as(page, HOSTILE)
    for address in ("/g/%3Cscript%3Ewindow.bad=1%3C/script%3E", "/c/%22%3E%3Cimg%20src=x%3E"):
        page.goto(room.url + address)
        assert "can't be a name" in page.locator("main").inner_text()
        assert page.locator("script, img").count() == 0
    document_id = room.ask(f"/api/names/{CLASS}/mallory")[1]["id"]
    page.goto(f"{room.url}/t/{document_id}/light.svg")
    assert page.evaluate("() => window.bad") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_bars_anyone_in_a_class(
    room: Classroom, opened: Opened, scheme: str, width: int
) -> None:
    """Axe finds no barrier on the page of the class, nor where a copy is saved and compared."""
    for name in ("ada", "ben", "group-1/ada"):
        room.put(f"{CLASS}/{name}", json.loads(NEURON.read_bytes()))
    page = opened(room.link, reduced_motion="reduce", **screen(width, scheme))
    page.wait_for_function("() => document.images.length === 3")
    assert barriers(page) == []
    page.click("#pick")
    for name in ("ada", "ben"):
        card(page, name).locator(".pick").click()
    assert barriers(page) == []
    page.click("#compare-picked")
    page.wait_for_selector("#other-card:not([hidden])")
    assert barriers(page) == []
    set_leaf(page, "w1", -1.0)
    save_as(page, "ben")
    fault(page)
    assert barriers(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    page.goto(f"{room.url}/g/nobody")
    assert barriers(page) == []
