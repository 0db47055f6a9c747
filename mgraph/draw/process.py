"""Running the engine: in a process of its own, for so long and no longer."""

from __future__ import annotations

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
        last = printable(printed.strip().rpartition("\n")[2])
        found = f"the {task} broke down: {last or f'status {child.returncode}'}"
        raise GraphError.of("limit", found, fix=SMALLER)
    return answer, printed
