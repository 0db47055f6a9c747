"""Running the engine: in a process of its own, for so long and no longer."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Final

from mgraph.errors import GraphError, MissingExtraError, printable

INSTALL: Final = "pip install 'mgraph-replay[draw]'"
SECONDS: Final = 30.0
SMALLER: Final = "draw less: --fold 1 folds groups, --around ID --hops 2 draws a neighbourhood"
"""What to do about a picture that is too large."""

_PACKAGES: Final = {
    "libexpat.so.1": "libexpat1",
    "libgcc_s.so.1": "libgcc-s1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgobject-2.0.so.0": "libglib2.0-0",
    "libstdc++.so.6": "libstdc++6",
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXrender.so.1": "libxrender1",
    "libz.so.1": "zlib1g",
}
"""Debian's packages of the libraries that wheels for Linux expect of every system."""

_NO_LIBRARY: Final = re.compile(  # as glibc and musl say it
    r"([\w.+-]+): cannot open shared object file|Error loading shared library ([\w.+-]+):"
)

_GRACE: Final = 2.0  # seconds after which a child ends itself if nobody did
_ENGINE: Final = Path(__file__).with_name("engine.py")


def require(package: str, instead: str = ".dot and .mmd need nothing") -> None:
    """Check that a package of the extra is there.

    Args:
        package: As it is imported.
        instead: What works without.

    Raises:
        MissingExtraError: It is not; the message says how to install it.
    """
    if find_spec(package) is None:
        message = f"this picture needs {package}, which is not installed: {INSTALL}"
        raise MissingExtraError(f"{message}; {instead}")


def run(task: str, *args: str, given: bytes, seconds: float = SECONDS) -> tuple[bytes, str]:
    """Have the engine do one task, in a child that does not outlive this call.

    Args:
        task: What `engine.main` knows.
        args: What the task takes.
        given: Its standard input.
        seconds: How long it may take.

    Returns:
        Its answer, and what its libraries printed.

    Raises:
        GraphError: `limit` if it takes longer, or breaks down.
        MissingExtraError: A library of the system is missing; the message says how to install it.
    """
    # -P: the modules beside the script are not imported in the place of what it means.
    command = [sys.executable, "-P", str(_ENGINE), str(seconds + _GRACE), task, *args]
    with Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE) as child:  # noqa: S603 - our script
        try:
            answer, said = child.communicate(given, seconds)
        except TimeoutExpired:
            child.kill()
            found = f"the {task} took more than {seconds:g} s"
            raise GraphError.of("limit", found, fix=SMALLER) from None
        except BaseException:  # Ctrl-C, too: no child is left behind
            child.kill()
            child.wait()
            raise
    printed = said.decode(errors="replace")
    if child.returncode or not answer:
        _require_libraries(task, printed)
        last = printable(printed.strip().rpartition("\n")[2])
        found = f"the {task} broke down: {last or f'status {child.returncode}'}"
        raise GraphError.of("limit", found, fix=SMALLER)
    return answer, printed


def _require_libraries(task: str, printed: str) -> None:
    """Check that no library of the system was missing.

    Args:
        task: What the child was to do.
        printed: What it printed before it failed.

    Raises:
        MissingExtraError: One was; the message says how to install it.
    """
    found = _NO_LIBRARY.search(printed)
    if found is None:
        return
    library = found[1] or found[2]
    package = _PACKAGES.get(library)
    install = f"apt-get install {package}" if package else f"apt-file search {library} names it"
    raise MissingExtraError(
        f"the {task} needs the system library {library}, which is not installed; "
        f"on Debian and Ubuntu: {install}"
    )
