"""The page in a browser: other files, runs beside each other, downloads, links."""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING

import msgpack
import pytest

import mgraph
from tests.command_line import FIXTURES, NEURON, Shell
from tests.groups.browser.page import (
    at_the_end,
    document,
    drop,
    leaf,
    loaded,
    node,
    numbers_of,
    page_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.groups.browser.chromium import Visit


OTHER_DOCUMENT = document(
    leaf("p", 0.1), leaf("q", 0.2, "param"), node("r", "add", "p", "q"), name="other"
)
OTHER: dict[str, bytes] = {
    "json": json.dumps(OTHER_DOCUMENT).encode(),
    "rows": msgpack.packb(OTHER_DOCUMENT),
    "packed": b"".join(loaded(OTHER_DOCUMENT).to_bytes(".msgpack")),
}


@pytest.mark.parametrize("kind", OTHER)
def test_opening_another_file(show: Callable[..., Page], tmp_path: Path, kind: str) -> None:
    """A file that is chosen takes the place of the page's own graph, in every encoding."""
    page = show(NEURON)
    path = tmp_path / f"other.{'json' if kind == 'json' else 'msgpack'}"
    path.write_bytes(OTHER[kind])
    page.set_input_files("#file", path)
    page.wait_for_selector('#name:text-is("other")')
    assert numbers_of(at_the_end(page), "r") == ("0.3", "1.0")
    assert page.locator(".box[data-item]").count() == 3


def test_dropping_files(show: Callable[..., Page]) -> None:
    """A good file is opened; a bad one changes nothing, and says why and what to call."""
    page = show(NEURON)
    bad = FIXTURES / "reject" / "unknown-op" / "typo.json"
    drop(page, "it's bad.json", bad.read_bytes())
    page.wait_for_selector("#alert:not([hidden])")
    text = page.locator("#alert").inner_text()
    assert "uses op “tahn” (unknown-op)" in text
    assert page.locator("#alert code").inner_text() == "mgraph check 'it'\\''s bad.json'"
    assert page.locator("#name").inner_text() == "neuron"
    assert numbers_of(at_the_end(page), "o") == ("0.707107", "1.0")
    drop(page, "other.json", OTHER["json"])
    page.wait_for_selector('#name:text-is("other")')
    assert page.locator("#alert").is_hidden()
    drop(page, "cut.msgpack", OTHER["packed"][:-3])
    page.wait_for_selector("#alert:not([hidden])")
    assert "(syntax)" in page.locator("#alert").inner_text()
    assert numbers_of(at_the_end(page), "r") == ("0.3", "1.0")


def test_comparing_runs(show: Callable[..., Page]) -> None:
    """Two runs of a file side by side: differing nodes are listed, and marked in the picture."""
    content = json.loads(NEURON.read_bytes())
    theirs = json.loads(json.dumps(content["runs"][0]))
    theirs["origin"] = "somebody"
    theirs["data"]["n"] = 0.9
    del theirs["grad"]["b"]
    content["runs"].append(theirs)
    page = at_the_end(show(content))
    page.click("#runs-card summary")
    page.wait_for_selector("#differences >> text=No differences")
    page.select_option("#run-b", label="run 1")
    rows = page.locator("#differences tbody tr")
    assert [row.inner_text().split() for row in rows.all()] == [
        ["n", "data", "0.881373587", "0.9"], ["b", "grad", "0.5", "-"],
    ]  # fmt: skip
    assert page.locator(".box.differs").count() == 2
    page.click('[aria-label="Load run 1"]')
    page.click('#differences button:text-is("n")')
    assert page.locator("#node-title").inner_text() == "Why n?"


def test_comparing_a_run_that_a_person_wrote(show: Callable[..., Page]) -> None:
    """Numbers that such a run leaves out are no differences, on either side."""
    content = json.loads(NEURON.read_bytes())
    content["runs"] = [{"data": {"n": 0.9, "o": 0.7071067811865476}, "grad": {"b": 0.5}}]
    page = at_the_end(show(content))
    page.click("#runs-card summary")
    page.wait_for_selector("#differences >> text=1 difference")
    rows = page.locator("#differences tbody tr")
    assert [row.inner_text().split() for row in rows.all()] == [["n", "data", "0.9", "0.881373587"]]
    page.select_option("#run-a", label="this page, now")
    page.select_option("#run-b", label="run 0")
    assert [row.inner_text().split() for row in rows.all()] == [["n", "data", "0.881373587", "0.9"]]


def downloaded(page: Page, path: Path) -> Path:
    """Press Download and return the file."""
    with page.expect_download() as info:
        page.click("#download")
    saved = path / str(info.value.suggested_filename)
    info.value.save_as(saved)
    return saved


@pytest.mark.parametrize(
    "path",
    [NEURON, *(FIXTURES / "run" / "shapes" / f"{name}.json" for name in (
        "backwards_file", "docs_and_meta", "javascript_ids", "labels", "constants_only",
    )), FIXTURES / "run" / "edges" / "zero_by_zero.json"],
    ids=lambda path: path.stem,
)  # fmt: skip
def test_the_download_is_what_run_writes(
    show: Callable[..., Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    """The file is read without a word, holds what `mgraph run` writes, and is a passing test."""
    shell = Shell(tmp_path, monkeypatch)
    page = show(path)
    file = downloaded(page, tmp_path)
    assert file.name == "graph.annotated.json"
    assert shell("check", file.name).err == shell("check", str(path)).err.replace(
        str(path), file.name
    )
    ours = json.loads(file.read_bytes())
    assert shell("run", str(path), "-o", "run.json").status == 0
    theirs = shell.document("run.json")
    assert ours["runs"][-1].pop("origin") == f"mgraph {mgraph.__version__} page"
    assert theirs["runs"][-1].pop("origin") == f"mgraph {mgraph.__version__} value"
    mine, run = ours["runs"].pop(), theirs["runs"].pop()
    assert ours == theirs
    assert {key: mine[key] for key in mine if key not in ("data", "grad")} == {
        key: run[key] for key in run if key not in ("data", "grad")
    }
    assert [*mine["data"]] == [*run["data"]]
    assert {*mine.get("grad", ())} == {*run.get("grad", ())}
    result = shell("test", file.name)
    assert result.status == 0, result.out


def test_the_download_has_what_was_changed(
    show: Callable[..., Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moved leaf is the run's input; the same question again replaces the run."""
    shell = Shell(tmp_path, monkeypatch)
    page = at_the_end(show(NEURON))
    page.fill('#leaves input[type=text][aria-label="x2"]', "1")
    page.keyboard.press("Enter")
    page.wait_for_selector('.box[aria-label^="x2w2,"] .data:text-is("1.0")')
    file = downloaded(page, tmp_path)
    (_, run) = json.loads(file.read_bytes())["runs"]
    assert run["inputs"] == {"x2": 1.0}
    result = shell("test", file.name)
    assert result.status == 0, result.out
    page.set_input_files("#file", file)
    page.wait_for_selector("#runs-card li >> nth=1", state="attached")
    page.click("#runs-card summary")
    page.click('[aria-label="Load run 1"]')
    again = downloaded(page, tmp_path)
    assert len(json.loads(again.read_bytes())["runs"]) == 2


def test_what_can_not_be_read_is_not_passed_on(show: Callable[..., Page]) -> None:
    """Neither a file nor a link has the number that a field had before; the page says which."""
    page = show(NEURON)
    files: list[object] = []
    page.on("download", lambda file: files.append(file))  # noqa: PLW0108 - playwright inspects it
    address = page.url
    page.locator('#leaves input.number[aria-label="w1"]').fill("abc")
    page.click("#download")
    page.wait_for_selector("#alert:has-text('Nothing was downloaded. w1: abc is not a number.')")
    page.click("#link")
    page.wait_for_selector("#alert:has-text('No link was made. w1: abc is not a number.')")
    assert page.url == address
    page.locator('#leaves input.number[aria-label="w1"]').fill("0.5")
    page.click("#link")
    page.wait_for_url("**#z=*")
    assert files == []


def test_links_carry_the_graph(show: Callable[..., Page], visit: Visit, tmp_path: Path) -> None:
    """The address gets the whole graph with the moved leaves; any page opens it."""
    page = at_the_end(show(NEURON))
    page.fill('#leaves input[type=text][aria-label="x2"]', "1")
    page.keyboard.press("Enter")
    page.wait_for_selector('.box[aria-label^="x2w2,"] .data:text-is("1.0")')
    page.click("#link")
    page.wait_for_selector("#link:not(:text-is('Link'))")
    fragment = page.evaluate("() => location.hash")
    assert fragment.startswith("#z=")
    assert len(fragment) < 1500
    packed = base64.urlsafe_b64decode(fragment[3:] + "===")
    carried = json.loads(zlib.decompress(packed, wbits=-15))
    assert carried["nodes"] == json.loads(NEURON.read_bytes())["nodes"]
    assert [run["inputs"] for run in carried["runs"]] == [{"x2": 1.0}]
    other = page_file(tmp_path, OTHER_DOCUMENT)
    linked = visit(other, fragment=fragment)
    assert linked.locator("#name").inner_text() == "neuron"
    assert numbers_of(at_the_end(linked), "x2w2") == numbers_of(page, "x2w2")
    plain = base64.urlsafe_b64encode(NEURON.read_bytes()).decode().rstrip("=")
    assert visit(other, fragment=f"#j={plain}").locator("#name").inner_text() == "neuron"


@pytest.mark.parametrize(
    "fragment", ["#z=AAAA", "#j=e30", "#z=" + "A" * 4000, "#j=A"], ids=lambda text: text[:8]
)
def test_damaged_links_do_no_harm(visit: Visit, tmp_path: Path, fragment: str) -> None:
    """A link that can't be read says so, and the page shows its own graph."""
    path = page_file(tmp_path, NEURON)
    page = visit(path, fragment=fragment)
    assert "was not opened" in page.locator("#alert").inner_text()
    assert page.locator("#name").inner_text() == "neuron"


def test_a_link_that_unpacks_to_very_much_is_refused(visit: Visit, tmp_path: Path) -> None:
    """A kilobyte that unpacks to many megabytes is not unpacked to the end."""
    path = page_file(tmp_path, NEURON)
    deflate = zlib.compressobj(9, wbits=-15)
    bomb = deflate.compress(b" " * 50_000_000) + deflate.flush()
    text = base64.urlsafe_b64encode(bomb).decode().rstrip("=")
    page = visit(path, fragment=f"#z={text}")
    assert "more than 8 MB" in page.locator("#alert").inner_text()
