"""Names for new files, made from texts that strangers wrote."""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 60
_OTHERS: Final = re.compile(r"[^A-Za-z0-9._-]+")
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def safe_stem(text: str, otherwise: str) -> str:
    """Return a file name without its extension that is harmless on every system.

    It has ASCII letters, digits, dots, - and _ only, starts and ends with a letter or digit, and is
    not the name of one of Windows' devices.

    Args:
        text: What the name is made from.
        otherwise: The name if nothing is left of the text.
    """
    stem = _OTHERS.sub("-", text)[:_LONGEST].strip("-._")
    return f"{stem}-file" if _DEVICE.fullmatch(stem) else stem or otherwise
