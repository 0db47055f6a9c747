"""The commands that install what is missing: extras, from where this mgraph came from."""

from __future__ import annotations

import sys
from typing import Any, Final

NAME: Final = "mgraph-replay"
"""The name of the distribution."""


def install(extra: str) -> str:
    """Return the command that installs an extra into this environment, from any folder.

    An installer records where a package came from, such as a cloned repository; the extra is
    installed from there, too.

    Source:
        PEP 610, direct_url.json.
    """
    from urllib.parse import urlsplit  # noqa: PLC0415 - slow to import, for messages only
    from urllib.request import url2pathname  # noqa: PLC0415

    origin = _origin()
    url = urlsplit(origin.get("url", ""))
    options = ["--editable"] if origin.get("dir_info", {}).get("editable") else []
    if not origin:
        return pip_install(f"{NAME}[{extra}]")
    if url.scheme == "file":
        return pip_install(*options, f"{url2pathname(url.path)}[{extra}]")
    kind = origin.get("vcs_info", {}).get("vcs", "")
    return pip_install(f"{NAME}[{extra}] @ {kind}{'+' if kind else ''}{url.geturl()}")


def pip_install(*arguments: str) -> str:
    """Return the command with which this Python installs something."""
    import shlex  # noqa: PLC0415 - for messages only

    return shlex.join([sys.executable or "python3", "-m", "pip", "install", *arguments])


def _origin() -> dict[str, Any]:
    """Return where mgraph was installed from, as PEP 610 has it; empty for a package index."""
    import json  # noqa: PLC0415 - slow to import, for messages only
    from importlib import metadata  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    try:
        record = metadata.distribution(NAME).read_text("direct_url.json")
    except metadata.PackageNotFoundError:  # not installed at all: it runs in its folder
        return {"url": Path(__file__).parents[1].as_uri()}
    origin: dict[str, Any] = json.loads(record) if record else {}
    return origin
