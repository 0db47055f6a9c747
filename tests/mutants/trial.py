"""Run the golden files and a package's tests on a mutant, in a copy of the checkout."""

from __future__ import annotations

import compileall
import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.mutants.rates import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.mutants.sites import Site

LIMIT: Final = 60
"""Seconds of processor time that one process of a trial may take."""

_WAIT: Final = 20
"""Times that limit are allowed on the clock, which only ends what sleeps: machines may be busy."""

_MEMORY: Final = 6 << 30
_LEFT_OUT: Final = shutil.ignore_patterns(".git", ".venv*", ".*_cache", ".hypothesis")
_GOLDENS: Final = ("mgraph", "test", "fixtures")
_PYTEST: Final = ("pytest", "-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=1")


class Trial(NamedTuple):
    """What became of a mutant.

    Attributes:
        outcome: What the tests said of it.
        killer: The first test that failed, or the golden files.
        seconds: Processor time, of all processes.
    """

    outcome: Outcome
    killer: str
    seconds: float


class Copy:
    """A copy of a checkout, in which one mutant at a time is put."""

    def __init__(self, root: Path, folder: Path) -> None:
        """Copy a checkout into a folder, and compile it: mutants' runs write no bytecode."""
        self.root = folder / "checkout"
        shutil.copytree(root, self.root, ignore=_LEFT_OUT, symlinks=True)
        compileall.compile_dir(self.root / "mgraph", quiet=1)
        self._scratch = folder / "scratch"

    def baseline(self, tests: Sequence[str]) -> Trial:
        """Run the tests on the code as it is; pytest keeps their bytecode for the mutants' runs."""
        return self._steady(tests, {})

    def trial(self, site: Site, tests: Sequence[str]) -> Trial:
        """Run the tests on a mutant."""
        with self._mutated(site):
            return self._steady(tests, {"PYTHONDONTWRITEBYTECODE": "1"})

    @contextmanager
    def _mutated(self, site: Site) -> Iterator[None]:
        path = self.root / site.unit.path
        source, status = path.read_bytes(), path.stat()
        path.write_bytes(site.applied(source))
        try:
            yield
        finally:
            path.write_bytes(source)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # so its bytecode is good

    def _steady(self, tests: Sequence[str], variables: dict[str, str]) -> Trial:
        """Run the tests; again if the one that fails does not fail twice: the machine was busy."""
        first = self._run(tests, variables)
        if first.outcome is not Outcome.KILLED or "::" not in first.killer:
            return first
        again = self._run([first.killer], variables)
        return first if again.outcome is Outcome.KILLED else self._run(tests, variables)

    def _run(self, tests: Sequence[str], variables: dict[str, str]) -> Trial:
        """Run the golden files, then the tests; nothing that an earlier run kept is seen."""
        shutil.rmtree(self._scratch, ignore_errors=True)
        shutil.rmtree(self.root / ".hypothesis", ignore_errors=True)
        self._scratch.mkdir()
        kept = {"MGRAPH_CACHE_DIR": str(self._scratch / "kernels"), "PYTHONPATH": str(self.root)}
        environment = {**os.environ, **kept, **variables}
        before = _processor_time()
        for line in (_GOLDENS, (*_PYTEST, f"--basetemp={self._scratch / 'tests'}", *tests)):
            outcome, killer = self._command(line, environment)
            if outcome is not Outcome.SURVIVED:
                break
        return Trial(outcome, killer, round(_processor_time() - before, 1))

    def _command(self, line: Sequence[str], environment: dict[str, str]) -> tuple[Outcome, str]:
        with tempfile.TemporaryFile() as result:
            process = subprocess.Popen(
                [sys.executable, "-m", *line], cwd=self.root, env=environment,
                stdin=subprocess.DEVNULL, stdout=result, stderr=subprocess.STDOUT,
                start_new_session=True, preexec_fn=_limited,  # noqa: PLW1509 - no threads here
            )  # fmt: skip
            status = _waited(process)
            result.seek(0)
            text = result.read().decode(errors="replace")
        if status == 0:
            return Outcome.SURVIVED, ""
        if status in (-signal.SIGXCPU, -signal.SIGKILL):
            return Outcome.TIME, line[0]
        failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", text, re.MULTILINE)
        return Outcome.KILLED, failed[0] if failed else f"{line[0]}, exit status {status}"


def _limited() -> None:
    """Limit a process, before it starts, and all that it starts."""
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT + 5))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _waited(process: subprocess.Popen[bytes]) -> int:
    """Return the exit status, and leave no process of its session behind."""
    try:
        return process.wait(_WAIT * LIMIT)
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _processor_time() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
