"""Ways to use the command line in a test: in this process, or as users do."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mgraph.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

HERE = Path(__file__).parent
FIXTURES = HERE.parent / "fixtures"
NEURON = FIXTURES / "neuron.json"
SCRIPT = str(Path(sys.executable).with_name("mgraph"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # tests run in the background: so would
    signal.signal(signal.SIGINT, signal.default_int_handler)  # all that they start ignore Ctrl-C


@dataclass(frozen=True)
class Said:
    """What a command wrote, and its exit status."""

    status: int
    raw: bytes
    raw_err: bytes

    @property
    def out(self) -> str:
        """Standard output as text."""
        return self.raw.decode()

    @property
    def err(self) -> str:
        """Standard error as text."""
        return self.raw_err.decode()

    @property
    def json(self) -> Any:  # noqa: ANN401 - any plain data
        """Standard output as one strict JSON value."""
        return strict_json(self.raw)


def strict_json(text: bytes | str) -> Any:  # noqa: ANN401 - any plain data
    """Read JSON that has no bare NaN or Infinity."""

    def refuse(word: str) -> None:
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


class Shell:
    """A folder in which commands are run in this process."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        """Change to the folder."""
        self.folder = folder
        self.patch = patch
        patch.chdir(folder)

    def __call__(self, *args: str, stdin: bytes = b"") -> Said:
        """Run `mgraph` with some arguments."""
        out, err = io.BytesIO(), io.BytesIO()
        with self.patch.context() as patch:
            patch.setattr(sys, "argv", ["mgraph", *args])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
            patch.setattr(sys, "stdout", io.TextIOWrapper(out, "utf-8", write_through=True))
            patch.setattr(sys, "stderr", io.TextIOWrapper(err, "utf-8", write_through=True))
            status = 0
            try:
                main()
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
            sys.stdout.flush()
            said = Said(status, out.getvalue(), err.getvalue())
        assert "Traceback" not in said.err
        return said

    def path(self, name: str) -> Path:
        """Return a file of the folder."""
        return self.folder / name

    def document(self, name: str) -> Any:  # noqa: ANN401 - any plain data
        """Return the content of a JSON file."""
        return strict_json(self.path(name).read_bytes())

    def write(self, name: str, content: object) -> str:
        """Write text, bytes, or plain data as JSON; return the name."""
        data = content if isinstance(content, (bytes, str)) else json.dumps(content)
        self.path(name).write_bytes(data if isinstance(data, bytes) else data.encode())
        return name

    def files(self) -> list[str]:
        """List the folder."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))


def environment(**more: str) -> dict[str, str]:
    """Return an environment where `mgraph` is found, without colour, and with a mute browser."""
    others = ("NO_COLOR", "FORCE_COLOR", "PYTHONUNBUFFERED")  # buffers hide failures until the end
    plain = {key: x for key, x in os.environ.items() if key not in others}
    path = os.pathsep.join((str(Path(SCRIPT).parent), plain.get("PATH", "")))
    return {**plain, "PATH": path, "PYTHONIOENCODING": "utf-8", "BROWSER": "true", **more}


def process(*args: str, cwd: Path, stdin: bytes = b"", **env: str) -> Said:
    """Run `mgraph` in a separate process."""
    done = subprocess.run(
        [SCRIPT, *args], cwd=cwd, input=stdin, capture_output=True, check=False,
        env=environment(**env), timeout=60,
    )  # fmt: skip
    return Said(done.returncode, done.stdout, done.stderr)


def in_shell(line: str, cwd: Path) -> Said:
    """Run a line in bash, as if somebody had typed it."""
    done = subprocess.run(
        ["bash", "-c", line], cwd=cwd, capture_output=True, check=False,
        env=environment(), timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Said(done.returncode, done.stdout, done.stderr)


def on_any_python(text: str) -> str:
    """Remove the Python version of an engine: pages name the one that they were made with."""
    return re.sub(r"\(Python 3\.[0-9.]+\w*\)", "(Python 3)", text)


def on_any_machine(text: str) -> str:
    """Remove the note that there is no sandbox: pages are made where there is one."""
    return re.sub(r"^note: engines run without a sandbox, .*\n", "", text, flags=re.MULTILINE)


def typed(text: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a document's consoles, each with the output shown below it."""
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            yield command, shown


def is_usage_error(said: Said, *words: str) -> bool:
    """Whether a command line was refused with status 2, the usage, and these words."""
    right = said.status == 2 and said.raw == b"" and said.err.startswith("Usage: mgraph")
    return right and all(word in said.err for word in words)


def codes(said: Said) -> list[str]:
    """Return the codes of the diagnostics on standard error."""
    return re.findall(r"(?:error|warning)\[([a-z0-9-]+)\]", said.err)


def self_recorded(run: dict[str, Any]) -> bool:
    """Whether a run says that mgraph recorded it."""
    origin: str = run["origin"]
    return origin.startswith("mgraph ")
