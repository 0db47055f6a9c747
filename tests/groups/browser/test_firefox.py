"""Sites and links in Firefox, where it is installed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.command_line import NEURON, Shell
from tests.groups.browser import firefox
from tests.groups.browser.firefox import started
from tests.service.classroom import held

if TYPE_CHECKING:
    from pathlib import Path

READY = "document.documentElement.dataset.ready"
NAME = "return document.querySelector('#name').textContent"

pytestmark = pytest.mark.skipif(
    firefox.executable() is None, reason="Firefox is not installed: apt-get install firefox-esr"
)


def test_a_site_and_its_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """List, pictures, a page, links to list and page, and the page's own link; from a folder."""
    shell = Shell(tmp_path, monkeypatch)
    shell.write("neuron.json", NEURON.read_bytes())
    assert shell("view", "--site", "site", "neuron.json", "--no-open").status == 0
    site = shell.path("site")
    with started(tmp_path, dark=True) as window:
        window.open((site / "index.html").as_uri())
        window.wait_for("document.images.length && document.images[0].naturalWidth > 100")
        assert window.run("return document.images[0].currentSrc").endswith("/neuron.dark.svg")
        window.run("document.querySelector('h2 a').click()")
        window.wait_for(READY)
        assert window.run(NAME) == "neuron"
        for name in ("index.html", "page.html"):
            base = (site / name).as_uri()
            link = shell("share", "neuron.json", "--base", base).out.strip()
            window.open((site / "index.html").as_uri())
            window.open(link)
            window.wait_for(f"location.pathname.endsWith('page.html') && {READY}")
            assert window.run(NAME) == "neuron"
        window.run("document.querySelector('#link').click()")
        window.wait_for("document.querySelector('#alert code')")
        link = window.run("return document.querySelector('#alert code').textContent")
    assert shell("open", link, "-o", "theirs.json").status == 0
    assert shell.document("theirs.json")["nodes"] == json.loads(NEURON.read_bytes())["nodes"]


def test_a_copy_for_the_class(tmp_path: Path) -> None:
    """A pupil opens the class's link, changes a weight, saves a copy, and compares it."""
    options = ("--host", "127.0.0.2")
    with held(tmp_path, *options) as room, started(tmp_path, width=390) as window:
        window.open(room.link)
        window.wait_for(f"{READY} && document.images.length")
        assert window.run("return location.hash") == ""
        window.run("document.querySelector('#teacher h2 a').click()")
        window.wait_for("document.querySelector('#save-copy')")
        window.run(
            "const field = document.querySelector('#leaves input.number[aria-label=w1]');"
            "field.value = '-2.5'; field.dispatchEvent(new Event('change'));"
            "document.querySelector('#save-copy').click();"
            "document.querySelector('#saving-name').value = 'Zoë';"
            "document.querySelector('#saving-save').click();"
        )
        window.wait_for("location.pathname.endsWith('/zoe')")
        assert {"id": "w1", "op": "param", "data": -2.5} in room.graph("class-7a/zoe")["nodes"]
        window.open(f"{room.url}/g/class-7a/zoe#with=class-7a")
        window.wait_for("document.querySelector('#other-body td')")
        text = window.run("return document.querySelector('#other-body tbody').textContent")
        assert text.startswith("w1data-2.5-3.0")
        window.open(f"{room.url}/c/class-7a")
        window.wait_for("document.querySelector('#cards h2 a')?.textContent === 'zoe'")
        window.wait_for("[...document.images].every((image) => image.naturalWidth > 100)")
