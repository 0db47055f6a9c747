"""Make docs/class.png: what `mgraph serve --lan --class` prints, and the pages that phones show.

Run it from the top folder, after a change to these pages:

    python tools/make_class_picture.py

The server listens on this machine only. In the picture, an address of a small network stands for
its address, and a token that is none for its token.
"""

from __future__ import annotations

import base64
import html
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from mgraph.service import qr  # noqa: E402 - from the checkout
from tests.groups.browser.chromium import READY, started  # noqa: E402
from tests.service.classroom import CLASS, Classroom, held  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ViewportSize

PICTURE: Final = ROOT / "docs" / "class.png"
ADDRESS: Final = "http://192.168.1.20:8765"
TOKEN: Final = f"mgraph_1f2e3d4c_{'0123456789abcdef' * 2}"
WEIGHTS: Final = {"ada": -2.5, "ben": -3.5, "cleo": -2.0, "dan": -4.0}
SIZE: Final[ViewportSize] = {"width": 1210, "height": 824}
PHONE: Final[ViewportSize] = {"width": 390, "height": 800}

_FRAME: Final = """<style>
body { margin: 0; display: flex; gap: 14px; padding: 12px; background: #e9e7e1 }
pre { flex: 1; margin: 0; padding: 14px; background: #16181c; color: #e8e6e0; border-radius: 12px }
pre { font: 13px/1.3 monospace; white-space: pre-wrap; overflow-wrap: anywhere }
code { font: 12.6px/14.6px "DejaVu Sans Mono", monospace; white-space: pre }
img { width: 390px; border-radius: 12px }
</style><body><pre>{command}
<code>{code}</code>
{said}</pre>{phones}</body>"""
_PHONE: Final = (
    """<img alt="" src="data:image/png;base64,{}" style="width:390px;border-radius:12px">"""
)


def screenshot() -> bytes:
    """Return the picture, as PNG."""
    with tempfile.TemporaryDirectory() as folder, started() as browser:
        with held(Path(folder), "--need-token") as room:
            _fill(room)
            phones = _phones(browser, room)
        page = browser.new_page(viewport=SIZE)
        page.set_content(_shown(phones))
        picture: bytes = page.screenshot()
    return picture


def _fill(room: Classroom) -> None:
    """Save what pupils have made of the neuron."""
    graph = room.graph(CLASS)
    del graph["runs"]
    for name, weight in WEIGHTS.items():
        graph["nodes"][2]["data"] = weight
        room.put(f"{CLASS}/{name}", json.loads(json.dumps(graph)))


def _phones(browser: Browser, room: Classroom) -> list[bytes]:
    """Return what two phones show: the page of the class, and that of a graph."""
    context: BrowserContext = browser.new_context(
        viewport=PHONE, color_scheme="light", reduced_motion="reduce", locale="en-GB"
    )
    page = context.new_page()
    page.goto(room.link)
    page.wait_for_selector(READY)
    page.wait_for_function("() => [...document.images].every((image) => image.naturalWidth)")
    pictures = [page.screenshot()]
    page.goto(f"{room.url}/g/{CLASS}/ada")
    page.wait_for_selector("#save-copy")
    page.keyboard.press("End")
    page.evaluate("() => scrollTo(0, 0)")
    pictures.append(page.screenshot())
    return pictures


def _shown(phones: list[bytes]) -> str:
    """Return the whole picture as HTML: a terminal with the command and its lines, and phones."""
    link = f"{ADDRESS}/c/{CLASS}#token={TOKEN}"
    parts = {
        "command": f"$ mgraph serve shared/ --lan --class {CLASS} --graph fixtures/neuron.json",
        "code": qr.plain(qr.modules(link)),
        "said": f"serving shared/ at {ADDRESS}\nthe page of {CLASS}: {link}",
    }
    markup = _FRAME
    for name, text in parts.items():
        markup = markup.replace(f"{{{name}}}", html.escape(text))
    images = (_PHONE.format(base64.b64encode(phone).decode()) for phone in phones)
    return markup.replace("{phones}", "".join(images))


if __name__ == "__main__":
    PICTURE.write_bytes(screenshot())
