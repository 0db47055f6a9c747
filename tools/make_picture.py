"""Make docs/draw.svg, the picture of the neuron by `mgraph draw`.

Run it from the top folder, after a change to what the command draws:

    python tools/make_picture.py
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PICTURE: Final = ROOT / "docs" / "draw.svg"
COMMAND: Final = "mgraph draw fixtures/neuron.json --format svg -o -"


def picture() -> str:
    """Return the picture."""
    done = subprocess.run(
        [sys.executable, "-m", "mgraph", *COMMAND.split()[1:]],
        cwd=ROOT, capture_output=True, check=True, encoding="utf-8",
    )  # fmt: skip
    return done.stdout


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
