"""Running the engine: in a process of its own, for so long and no longer."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from mgraph.errors import GraphError, MissingExtraError, printable

INSTALL: Final = "pip install 'mgraph-replay[draw]'"
SECONDS: Final = 30.0
SMALLER: Final = "draw less: --fold 1 folds groups, --around ID --hops 2 draws a neighbourhood"
"""What to do about a picture that is too large."""

_ENGINE: Final = Path(__file__).with_name("engine.py")


def require(package: str) -> None:
    """Check that a package of the extra is there.

    Raises:
        MissingExtraError: It is not; the message says how to install it.
    """
    if find_spec(package) is None:
        message = f"this picture needs {package}, which is not installed: {INSTALL}"
        raise MissingExtraError(f"{message}; .dot and .mmd need nothing")


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
    """
    # -P: nothing in the current folder is imported in the place of what is meant.
    command = [sys.executable, "-P", str(_ENGINE), task, *args]
    try:
        done = subprocess.run(  # noqa: S603 - our own script
            command, input=given, capture_output=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        found = f"the {task} took more than {seconds:g} s"
        raise GraphError.of("limit", found, fix=SMALLER) from None
    printed = done.stderr.decode(errors="replace")
    if done.returncode or not done.stdout:
        last = printable(printed.strip().rpartition("\n")[2])
        found = f"the {task} broke down: {last or f'status {done.returncode}'}"
        raise GraphError.of("limit", found, fix=SMALLER)
    return done.stdout, printed
