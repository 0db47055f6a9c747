"""The folder of a training: its log, its checkpoints and its results."""

from __future__ import annotations

import json
import os
import re
import shlex
from contextlib import contextmanager, suppress
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from mgraph.codec import decode, read_file, write_file
from mgraph.codec.files import io_error
from mgraph.codec.numbers import SPECIAL, spelled
from mgraph.codec.writers import sole_writer
from mgraph.errors import GraphError, printable, quoted
from mgraph.training.curve import loss_svg
from mgraph.training.descent import Best, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mgraph.document import Graph

VERSION: Final = 1
"""The version of checkpoints."""

_LOG, _CHECKPOINTS, _FINAL, _LOCK = "log.jsonl", "checkpoints", "final.json", ".lock"
_NAME: Final = re.compile(r"step-([0-9]{9,15})\.json")
_NAMED: Final = 5
"""How many differences between two plans a message names."""

_LINES: Final = json.JSONEncoder(allow_nan=False)
"""Writes lines of the log; `json.dumps` would make one for each."""


class RunFolder:
    """The folder of one training.

    Attributes:
        path: The folder.
        plan: What decides all bits of the training, as plain data.
        names: The ids of the trained params.
    """

    def __init__(self, path: str, plan: Mapping[str, Any], names: Sequence[str]) -> None:
        """Name a folder; nothing is read or written."""
        self.path, self.plan, self.names = path, plan, names
        self._log: Any = None

    def file(self, name: str) -> str:
        """Return the path of a file of the folder."""
        return os.path.join(self.path, name)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder if it does not exist, and let nobody else train there in the block.

        Raises:
            GraphError: `io` if somebody else does, or the folder can't be made.
        """
        try:
            os.makedirs(self.path, exist_ok=True)
        except OSError as error:
            raise io_error(self.path, "write", error) from None
        with sole_writer(self.file(_LOCK), self.path):
            yield

    def begin(self, command: str) -> None:
        """Start a training in a folder, with the command that fills it, if there is one.

        Raises:
            GraphError: `io` if it can't be made, or has something in it, except a training
                without steps.
        """
        check_new(self.path)
        try:
            os.makedirs(self.file(_CHECKPOINTS), exist_ok=True)
        except OSError as error:
            raise io_error(self.path, "write", error) from None
        if command:
            content = f"{command}\n".encode(errors="surrogateescape")  # the bytes of file names
            self.write("command.txt", content)

    def write(self, name: str, content: bytes) -> None:
        """Write a file of the folder, completely or not at all."""
        write_file(self.file(name), [content])

    # --- log ---

    def __enter__(self) -> Self:
        """Open the log."""
        try:
            self._log = open(self.file(_LOG), "ab", buffering=0)
        except OSError as error:
            raise io_error(self.file(_LOG), "write", error) from None
        return self

    def __exit__(self, *_: object) -> None:
        """Close the log."""
        self._log.close()

    def log(self, line: Mapping[str, Any]) -> None:
        """Add a line to the log.

        Raises:
            GraphError: `io` if it can't be written.
        """
        try:
            self._log.write(_LINES.encode(line).encode() + b"\n")
        except OSError as error:
            raise io_error(self.file(_LOG), "write", error) from None

    @property
    def length(self) -> int:
        """The length of the log, in bytes."""
        length: int = self._log.tell()
        return length

    # --- results ---

    def finish(self, graph: Graph, model: Graph | None, results: Mapping[str, Any]) -> None:
        """Write the results of a training that is over."""
        if model is not None:
            write_file(self.file("model.json"), model.to_bytes(".json"))
        write_file(self.file(_FINAL), graph.to_bytes(".json"))
        self.write("loss.svg", loss_svg(read_log(self.path)).encode())
        self.write("result.json", json.dumps(results, indent=2, allow_nan=False).encode() + b"\n")

    # --- checkpoints ---

    def save(self, at: Snapshot, rate: float, length: int) -> str:
        """Write a checkpoint, and return its path.

        Args:
            at: Where training is.
            rate: The learning rate of the next step.
            length: How long the log was then, in bytes.
        """
        with suppress(OSError):  # a log that can't be flushed to disk, such as a pipe
            os.fsync(self._log.fileno())
        params = dict(zip(self.names, _listed(at.params), strict=True))
        state = {name: _listed(values) for name, values in at.state.items()}
        best = at.best and [at.best.epoch, spelled(at.best.loss), _listed(at.best.params)]
        document = {
            "checkpoint": VERSION, "step": at.step, "lr": rate, "params": params,
            "optimizer": state, "best": best, "log_bytes": length, "plan": self.plan,
        }  # fmt: skip
        name = f"{_CHECKPOINTS}/{_checkpoint_name(at.step)}"
        self.write(name, json.dumps(document, allow_nan=False).encode() + b"\n")
        return self.file(name)

    def last_checkpoint(self) -> str:
        """Return the path of the last checkpoint.

        Raises:
            GraphError: `io` if there is none.
        """
        matches = (_NAME.fullmatch(name) for name in _names(self.file(_CHECKPOINTS)))
        names = [(int(match[1]), match[0]) for match in matches if match]
        if names:
            return self.file(f"{_CHECKPOINTS}/{max(names)[1]}")
        message = f"there is no checkpoint in {printable(self.path)}"
        fix = "start without --resume"
        if _names(self.path):
            fix += f", in another folder, or after {removal_of(self.path)}"
        raise GraphError.of("io", message, fix=fix, file=self.path)

    def resume(self, start: Snapshot, steps: int) -> Snapshot:
        """Return the last checkpoint, and cut the log where it was then.

        Args:
            start: The snapshot before the first step.
            steps: How many steps there are.

        Raises:
            GraphError: `io` if there is none, or it is from another training; it says what differs.
        """
        path = self.last_checkpoint()
        try:
            document = _plain(read_file(path))
            self._check_same(document["plan"])
            at = _snapshot(document, self.names)
            is_wrong = _shape(at) != _shape(start) or not 0 <= at.step <= steps
            length = int(document["log_bytes"])
            is_wrong = is_wrong or not _is_log(self.file(_LOG), at.step, length)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError):
            is_wrong = True
        if is_wrong:
            message = f"{printable(path)} is damaged, or its log {_LOG} is"
            fix = "delete it, so that the checkpoint before it is used"
            raise GraphError.of("io", message, fix=fix, file=path)
        try:
            os.truncate(self.file(_LOG), length)
        except OSError as error:
            raise io_error(self.file(_LOG), "write", error) from None
        return at

    def _check_same(self, old: Mapping[str, Any]) -> None:
        changed = [*_differences(old, self.plan)]
        if changed:
            more = f" and {len(changed) - _NAMED:,} more" if len(changed) > _NAMED else ""
            what = "; ".join(changed[:_NAMED]) + more
            message = f"{printable(self.path)} can't be resumed, because of a change: {what}"
            fix = "use what it was started with, or start again in another folder"
            if os.path.exists(final := self.file(_FINAL)):
                fix = f"to train on from its params: mgraph train {printable(final)} … -o run2"
            raise GraphError.of("io", message, fix=fix, file=self.path)


def read_log(path: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of the log of a folder."""
    with open(os.path.join(path, _LOG), "rb") as file:
        yield from map(json.loads, file)


def _plain(data: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Decode JSON that somebody may have changed.

    Raises:
        ValueError: It is not JSON, or too deep.
    """
    try:
        return decode(data)
    except GraphError as error:
        raise ValueError(str(error)) from None


def _is_log(path: str, steps: int, length: int) -> bool:
    """Whether the beginning of a log, of so many bytes, has the line of each of so many steps.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: Some line is nothing like it.
        OSError: It can't be read.
    """
    with open(path, "rb") as file:
        for step in range(1, steps + 1):
            line = _plain(file.readline())
            numbers = [x for x in line.values() if isinstance(x, float)]
            if line["step"] != step or not all(map(isfinite, numbers)):
                return False
        return file.tell() == length


def check_new(path: str) -> None:
    """Refuse a folder that has anything in it but a training that has not made a step.

    Raises:
        GraphError: `io`.
    """
    names = [name for name in _names(path) if name != _LOCK]
    if not names or _is_unstarted(path, names):
        return
    message = f"{printable(path)} holds {printable(names[0])}"
    fix = "name an empty or a new folder as the output"
    if _FINAL in names:
        message = f"{printable(path)} has a finished training in it"
        fix = f"name another folder, or remove this one: {removal_of(path)}"
    elif _LOG in names:
        message = f"{printable(path)} has a training in it"
        has_any = any(map(_NAME.fullmatch, _names(os.path.join(path, _CHECKPOINTS))))
        fix = "use --resume to continue it, or name another folder" if has_any else (
            f"name another folder, or remove this one: {removal_of(path)}"
        )  # fmt: skip
    raise GraphError.of("io", message, fix=fix, file=path)


def _is_unstarted(path: str, names: Sequence[str]) -> bool:
    """Whether a folder has nothing in it but what is written before the first step."""
    if any(name not in ("command.txt", _LOG, _CHECKPOINTS) for name in names):
        return False
    if _LOG in names and os.path.getsize(os.path.join(path, _LOG)):
        return False
    checkpoints = _names(os.path.join(path, _CHECKPOINTS)) if _CHECKPOINTS in names else []
    return checkpoints in ([], [_checkpoint_name(0)])


def _checkpoint_name(step: int) -> str:
    return f"step-{step:09}.json"


def removal_of(path: str) -> str:
    """Return a command that removes a folder, for messages."""
    return printable(f"rm -r {shlex.quote(path)}")


def _names(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise io_error(path, "read", error) from None


def _listed(values: NDArray[np.float64]) -> list[float | str]:
    return [spelled(value) for value in values.tolist()]


def _array(values: Sequence[float | str]) -> NDArray[np.float64]:
    return np.array([SPECIAL[x] if isinstance(x, str) else float(x) for x in values])


def _snapshot(document: Mapping[str, Any], names: Sequence[str]) -> Snapshot:
    if document["checkpoint"] != VERSION:
        message = "another version"
        raise ValueError(message)
    params = _array([document["params"][name] for name in names])
    state = {name: _array(values) for name, values in document["optimizer"].items()}
    best = None
    if document["best"]:
        epoch, loss, values = document["best"]
        best = Best(int(epoch), float(_array([loss])[0]), _array(values))
    return Snapshot(int(document["step"]), params, state, best)


def _shape(at: Snapshot) -> tuple[object, ...]:
    """Return what all snapshots of a training have in common."""
    best = at.params.shape if at.best is None else at.best.params.shape
    return at.params.shape, best, {name: values.shape for name, values in at.state.items()}


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yield what differs between two plans, for messages."""
    for name, now in new.items():
        before = old.get(name)
        if isinstance(now, dict) and isinstance(before, dict):
            for key in now:
                if before.get(key) != now[key]:
                    was = f"was {quoted(before.get(key))}, is {quoted(now[key])}"
                    yield f"{name.removesuffix('s')} {key} ({was})"
        elif before != now:
            yield f"the {name}"
