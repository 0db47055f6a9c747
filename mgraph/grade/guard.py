"""Run a program, and kill it with all that it started when mgraph says so, or ends itself.

This script is a process between mgraph and an engine: `guard.py ALIVE FAILED MEMORY COMMAND...`.
ALIVE is a pipe that nobody writes to. Its other end is closed when mgraph has done with the engine,
or has ended in any way, even by SIGKILL. FAILED is a pipe for the reason why the program can't be
started. MEMORY is its limit in bytes; 0 for none.

On Linux the guard adopts processes whose parent has ended, so that it finds daemons in sessions of
their own. It ends as the program did: with the same status, or by the same signal. A program that
has started too many processes is killed before the machine comes to a halt.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:  # each program has a guard of its own, and typing takes longest to import
    from collections.abc import Callable, Iterator
    from typing import NoReturn

_DEATH_SIGNAL, _SUBREAPER = 1, 36  # of prctl(2)
_FIXED_ADDRESSES = 0x40000  # ADDR_NO_RANDOMIZE of personality(2)
_GRACE = 0.5  # seconds in which processes may still write what they were asked for
_ROUNDS = 1000  # while one process is killed, it may start others
_PAUSE = 0.005
_PERIOD = 0.2  # seconds after which processes are counted again
_MOST = 256  # processes of a program at the same time
_SANDBOX = "bwrap"


def main(alive: int, failed: int, memory: int, command: list[str]) -> NoReturn:
    """Run a program until it ends, or until the pipe is closed; then kill what is left."""
    adopts = _prctl(_SUBREAPER, 1)
    ended = _pipe_of_endings()
    program = os.fork()
    if not program:
        _become(command, memory, failed)
    os.close(failed)
    printed = os.dup(2)
    _let_go()
    status = _wait(program, alive, ended, printed)
    if adopts:
        _kill_children()
    else:
        _kill(os.killpg, program)
    _end_like(_of_sandboxed(status) if os.path.basename(command[0]) == _SANDBOX else status)


def _prctl(option: int, value: int) -> bool:
    """Call prctl(2); return whether that worked."""
    try:
        import ctypes  # noqa: PLC0415 - not every Python has it

        return sys.platform == "linux" and not ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        return False


def _pipe_of_endings() -> int:
    """Return a pipe that gets a byte whenever a child has ended."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader


def _become(command: list[str], memory: int, failed: int) -> NoReturn:
    """Replace this process by the program; if that fails, write the reason."""
    try:
        os.set_inheritable(failed, False)  # noqa: FBT003 - it has no keywords
        os.setsid()
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)  # Python ignores them
        _prctl(_DEATH_SIGNAL, signal.SIGKILL)
        _fix_addresses()
        _limit(memory)
        os.execvp(command[0], command)  # noqa: S606 - without a shell
    except BaseException as error:  # noqa: BLE001 - whatever it is, mgraph names it
        reason = getattr(error, "strerror", "") or str(error) or type(error).__name__
        os.write(failed, reason.encode(errors="replace"))
    os._exit(1)


def _fix_addresses() -> None:
    """Let the program have the same addresses in each run, where that is allowed.

    An engine that looks nodes up by `id` after they are gone then fails in the same way each time.
    """
    try:
        import ctypes  # noqa: PLC0415 - not every Python has it

        if sys.platform == "linux":
            ctypes.CDLL(None).personality(_FIXED_ADDRESSES)
    except (ImportError, OSError, AttributeError):
        return


def _limit(memory: int) -> None:
    """Limit the memory of this process, and let it leave no core file, where that is possible."""
    try:
        import resource  # noqa: PLC0415 - not on every system

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory and sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    except (ImportError, OSError, ValueError):
        return


def _let_go() -> None:
    """Outlive signals that mean mgraph, and leave its pipes to the program."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)


def _wait(program: int, alive: int, ended: int, printed: int) -> int:
    """Wait for the end of the program, and a moment for others; return its wait status."""
    status = until = None
    usual = _count()
    while True:
        try:
            while (reaped := os.waitpid(-1, os.WNOHANG))[0]:
                if reaped[0] == program:
                    status, until = reaped[1], monotonic() + _GRACE
        except ChildProcessError:
            return status or 0
        left = _PERIOD if until is None else max(0.0, until - monotonic())
        ready = select.select([alive, ended], [], [], min(left, _PERIOD))[0]
        if alive in ready or left == 0.0:
            return status or 0
        if ended in ready:
            os.read(ended, 4096)
        if _count() - usual > _MOST and len(_descendants()) > _MOST:
            _kill(os.killpg, program)  # all at once; one by one, others would start in between
            os.write(printed, b"\nit had started more than %d processes\n" % _MOST)
            return signal.SIGKILL


def _count() -> int:
    """Return about how many processes the system has, in almost no time; 0 if it doesn't tell."""
    try:
        return len(os.listdir("/proc"))
    except OSError:
        return 0


def _kill_children() -> None:
    """Kill all that the program has started; this process adopts orphans, and kills them next."""
    for _ in range(_ROUNDS):
        for child in _descendants():
            _kill(os.kill, child)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        sleep(_PAUSE)


def _descendants() -> list[int]:
    """List the children of this process, theirs, and so on."""
    children: dict[int, list[int]] = {}
    for process, parent in _parents():
        children.setdefault(parent, []).append(process)
    descendants = [*children.get(os.getpid(), ())]
    for process in descendants:  # grows
        descendants.extend(children.get(process, ()))
    return descendants


def _parents() -> Iterator[tuple[int, int]]:
    """Yield all processes with their parents."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                _state, parent, *_ = file.read().rpartition(b")")[2].split()
        except OSError:  # it has ended
            continue
        yield int(name), int(parent)


def _kill(kill: Callable[[int, int], None], number: int) -> None:
    try:
        kill(number, signal.SIGKILL)
    except OSError:  # it has ended, or belongs to somebody else
        return


def _of_sandboxed(status: int) -> int:
    """Return the wait status of a sandboxed program, for whose signals the sandbox adds 128."""
    number = 0 if os.WIFSIGNALED(status) else os.WEXITSTATUS(status) - 128
    return number if 0 < number < signal.NSIG else status


def _end_like(status: int) -> NoReturn:
    """End with a wait status, without a core file."""
    if os.WIFSIGNALED(status):
        _limit(0)
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
