"""Runs native.py in a child process with a timeout, and says what to install if it can't."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Final

from mgraph.errors import GraphError, MissingExtraError, printable
from mgraph.extras import install

SECONDS: Final = 30.0
SMALLER: Final = "draw less: --fold 1 folds groups, --around ID --hops 2 draws a neighbourhood"
"""How to fix a picture that is too large."""

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
"""Debian's packages of the libraries that wheels for Linux expect on every system."""

_NO_LIBRARY: Final = re.compile(  # in the words of glibc and musl
    r"([\w.+-]+): cannot open shared object file|Error loading shared library ([\w.+-]+):"
)

_GRACE: Final = 2.0  # seconds past the timeout after which a child ends itself
_SCRIPT: Final = Path(__file__).with_name("native.py")


def require(package: str, instead: str = ".dot and .mmd need nothing") -> None:
    """Check that a package of the extra `draw` is installed.

    Args:
        package: The name that is imported.
        instead: What works without it.

    Raises:
        MissingExtraError: It is not installed; the message says how to install it.
    """
    if find_spec(package) is None:
        message = f"this picture needs {package}, which is not installed: {install('draw')}"
        raise MissingExtraError(f"{message}; {instead}")


def run(task: str, *args: str, given: bytes, seconds: float = SECONDS) -> tuple[bytes, str]:
    """Run a task of native.py in a child process that does not outlive this call.

    Args:
        task: `layout` or `paint`.
        args: Arguments of the task.
        given: Standard input of the task.
        seconds: Time limit.

    Returns:
        The answer, and what the libraries printed.

    Raises:
        GraphError: `limit` if the task takes too long or crashes.
        MissingExtraError: A system library is missing; the message says how to install it.
    """
    # -P: imports don't find the modules beside the script first.
    command = [sys.executable, "-P", str(_SCRIPT), str(seconds + _GRACE), task, *args]
    with Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE) as child:  # noqa: S603 - our script
        try:
            answer, stderr = child.communicate(given, seconds)
        except TimeoutExpired:
            child.kill()
            message = f"the {task} took more than {seconds:g} s"
            raise GraphError.of("limit", message, fix=SMALLER) from None
        except BaseException:  # Ctrl-C included: leave no child behind
            child.kill()
            child.wait()
            raise
    printed = stderr.decode(errors="replace")
    if child.returncode or not answer:
        _require_libraries(task, printed)
        last = printable(printed.strip().rpartition("\n")[2])
        message = f"the {task} failed: {last or f'status {child.returncode}'}"
        raise GraphError.of("limit", message, fix=SMALLER)
    return answer, printed


def _require_libraries(task: str, printed: str) -> None:
    """Check that a task did not fail because of a missing system library.

    Args:
        task: The task that failed.
        printed: What the child printed before.

    Raises:
        MissingExtraError: A library was missing; the message says how to install it.
    """
    match = _NO_LIBRARY.search(printed)
    if match is None:
        return
    library = match[1] or match[2]
    package = _PACKAGES.get(library)
    install = f"apt-get install {package}" if package else f"apt-file search {library} finds it"
    raise MissingExtraError(
        f"the {task} needs the system library {library}, which is not installed; "
        f"on Debian and Ubuntu: {install}"
    )
