"""Make docs/view.png: the page of `mgraph view fixtures/neuron.json` in a backward step.

Run it from the top folder, after a change to the page:

    python tools/make_view_picture.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import mgraph  # noqa: E402 - from the checkout
from mgraph.viewer import page  # noqa: E402
from tests.groups.browser.chromium import Visit, started  # noqa: E402

PICTURE: Final = ROOT / "docs" / "view.png"
STEPS_BACK: Final = 1
SIZE: Final = {"width": 1200, "height": 600}


def screenshot() -> bytes:
    """Return a screenshot of the page, as PNG."""
    with tempfile.TemporaryDirectory() as folder, started() as browser:
        path = Path(folder) / "neuron.html"
        graph = mgraph.load(ROOT / "fixtures" / "neuron.json")
        path.write_bytes(b"".join(page(graph, "neuron.json")))
        visit = Visit(browser, Path(folder))
        tab = visit(path, viewport=SIZE, reduced_motion="reduce", color_scheme="light")
        tab.keyboard.press("End")
        for _ in range(STEPS_BACK):
            tab.keyboard.press("ArrowLeft")
        picture: bytes = tab.screenshot()
        visit.close()
    return picture


if __name__ == "__main__":
    PICTURE.write_bytes(screenshot())
