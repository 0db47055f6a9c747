"""A sandbox for engines: bubblewrap, where it is installed and works.

An engine in it sees the system, its interpreter and its own files, all of them read-only, and two
empty folders that vanish with it. It has no network, no home, no environment, and sees no other
processes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade.processes import DRIVER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PROGRAM: Final = "bwrap"
_PLACE: Final = Path("/engine")
_SCRATCH: Final = 2**27  # bytes that an engine may write to each of its folders, which are memory
_MOST_ENTRIES: Final = 500  # files of an engine that are shown one by one
_PATIENCE: Final = 30.0  # seconds for the interpreter to tell where it is
_SYSTEM: Final = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store"),
    *(f"/etc/{name}" for name in ("alternatives", "fonts", "ld.so.cache", "ld.so.conf")),
    *(f"/etc/{name}" for name in ("ld.so.conf.d", "localtime", "passwd", "group")),
)
"""What of the system is shown, if it is there: programs and libraries, but nobody's data."""
_KEPT: Final = (
    *("LANG", "LC_ALL", "LC_CTYPE", "TZ", "PYTHONHOME", "PYTHONPATH", "PYTHONHASHSEED"),
    *("LD_LIBRARY_PATH", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
)
"""Variables of the environment that an interpreter may need."""
_WHERE: Final = """
import json, sys
names = ("prefix", "exec_prefix", "base_prefix", "base_exec_prefix")
print(json.dumps([sys.executable, [*(getattr(sys, name) for name in names), *sys.path]]))
"""


class SandboxError(Exception):
    """There is no sandbox here; the message says why."""


class Place(NamedTuple):
    """Where an engine runs.

    Attributes:
        python: The interpreter, with its options, and with the sandbox before it.
        module: The path under which the interpreter finds the engine's module.
        folder: The folder that it is started in.
    """

    python: Sequence[str]
    module: str
    folder: str


# --- without a sandbox ---------------------------------------------------------------------------


@contextmanager
def scratch(python: str, files: Mapping[str, Path], module: str) -> Iterator[Place]:
    """Make a folder with links to an engine's files, so that it finds nobody else's beside them."""
    command = [python or sys.executable, "-B"]
    with tempfile.TemporaryDirectory(prefix="mgraph-", ignore_cleanup_errors=True) as folder:
        try:
            for name, file in files.items():
                os.symlink(file, os.path.join(folder, name))
        except OSError:  # Windows allows that only to some
            yield Place(command, str(files[module]), str(files[module].parent))
        else:
            yield Place(command, os.path.join(folder, module), folder)


# --- the sandbox ---------------------------------------------------------------------------------


class Sandbox:
    """A sandbox that works here.

    Attributes:
        program: The path of bubblewrap.
        python: The interpreter, as it names itself.
        options: Options that are the same for all engines.
    """

    def __init__(self, python: str, hidden: Sequence[Path] = ()) -> None:
        """Try the sandbox with an interpreter.

        Args:
            python: The interpreter; empty for the one that runs mgraph.
            hidden: Folders that are not shown, even if the interpreter imports from them.

        Raises:
            SandboxError: If there is none, or it doesn't work here.
        """
        program = shutil.which(_PROGRAM)
        if program is None:
            raise SandboxError(f"{_PROGRAM} is not installed")
        self.program = program
        self.python, folders = _interpreter(python or sys.executable)
        self.options = [*_options(_shown(self.python, folders, hidden)), *_environment(self.python)]
        _said([*self._interpreter({}), "-c", ""])

    def place(self, files: Mapping[str, Path], module: str) -> Place:
        """Show an engine its files, in a folder in which it may write others."""
        return Place(self._interpreter(files), str(_PLACE / module), "/")

    def _interpreter(self, files: Mapping[str, Path]) -> list[str]:
        binds = [option for name, file in files.items() for option in _entry(name, file)]
        if len(files) > _MOST_ENTRIES:
            binds = ["--ro-bind", str(next(iter(files.values())).parent), str(_PLACE)]
        options = [*self.options, *binds, "--remount-ro", "/", "--remount-ro", "/dev"]
        return [self.program, *options, "--", self.python, "-B"]


def _interpreter(python: str) -> tuple[str, list[str]]:
    """Ask an interpreter for its own path, and for the folders that it imports from.

    Raises:
        SandboxError: If it doesn't tell.
    """
    try:
        executable, folders = json.loads(_said([python, "-B", "-c", _WHERE]))
        return str(executable), [*map(str, folders)]
    except ValueError:
        raise SandboxError(f"{python} doesn't say where it is installed") from None


def _said(command: Sequence[str]) -> str:
    """Run a command in the top folder, and return its output.

    Raises:
        SandboxError: If it fails; the last line that it printed says why.
    """
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that the user named
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        raise SandboxError(lines[-1] if lines else f"status {error.returncode}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SandboxError(str(error)) from None
    return done.stdout.decode(errors="replace")


def _shown(python: str, folders: Sequence[str], hidden: Sequence[Path]) -> dict[str, str]:
    """Return what an interpreter needs beyond the system, by the path under which it is shown."""
    private = [Path.home(), *hidden]
    shown: dict[str, str] = {}
    compiled = DRIVER.parent.glob("__pycache__/driver*.pyc")  # by whichever Python
    driver = sorted(map(str, [*DRIVER.parent.glob("driver*.py"), *compiled]))
    for name in (*folders, *_links(python), *driver):
        path = Path(os.path.abspath(name))
        is_needed = name and path.exists() and not path.is_relative_to("/usr")
        if is_needed and not any(other.is_relative_to(path) for other in private):
            shown[str(path)] = os.path.realpath(path)
    return dict(sorted(shown.items()))  # a folder before what is in it


def _links(path: str) -> Iterator[str]:
    """Yield a path, and the paths that it leads to by symbolic links."""
    for _ in range(40):
        yield path
        if not os.path.islink(path):
            return
        path = os.path.join(os.path.dirname(path), os.readlink(path))


def _options(shown: dict[str, str]) -> Iterator[str]:
    yield from ("--unshare-all", "--die-with-parent", "--cap-drop", "ALL", "--hostname", "sandbox")
    yield from ("--proc", "/proc", "--dev", "/dev")
    for folder in ("/tmp", "/dev/shm", str(_PLACE)):  # noqa: S108 - those of the sandbox
        yield from ("--size", str(_SCRATCH), "--tmpfs", folder)
    for folder in _SYSTEM:
        yield from ("--ro-bind-try", folder, folder)
    for path, source in shown.items():
        if not any(str(parent) in shown for parent in Path(path).parents):
            bind = "--ro-bind-try" if path.endswith(".pyc") else "--ro-bind"
            yield from (bind, source, path)
    yield from ("--chdir", str(_PLACE))


def _environment(python: str) -> Iterator[str]:
    path = os.pathsep.join((os.path.dirname(python), "/usr/local/bin", "/usr/bin", "/bin"))
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    yield "--clearenv"
    for name, text in {**kept, "PATH": path, "HOME": "/tmp", "USER": "nobody"}.items():  # noqa: S108
        yield from ("--setenv", name, text)


def _entry(name: str, file: Path) -> Sequence[str]:
    """Show a file or folder; a symbolic link stays one, so that it doesn't lead out of here."""
    shown_as = str(_PLACE / name)
    if file.is_symlink():
        return ("--symlink", os.readlink(file), shown_as)
    return ("--ro-bind", str(file), shown_as)
