"""Hand-ins: what the learners of a class have handed in, one file or folder each."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.codec import LIMITS, Limits, read_file
from mgraph.errors import GraphError, printable, some
from mgraph.grade.value_class import Names, choose, names_of, usual
from mgraph.suggestions import closest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_PREFERRED: Final = ("engine.py", "value.py")
_NOT_HANDED_IN: Final = ("__pycache__", "__MACOSX", "node_modules", "venv", "env")
_MOST_FILES: Final = 100  # of one folder, in which the class is looked for
_NUMBER: Final = re.compile(r"([0-9]{1,9})")
_DEEPEST: Final = 8  # folders with nothing in them but a folder, as archives have them
_DEFAULT: Final = "Value"


class HandIn(NamedTuple):
    """What one learner has handed in.

    Attributes:
        name: The name of the file, without extension, or of the folder; no other has the same.
        path: The file or folder.
        file: The module with the engine; `path` itself if that is a file.
        class_name: The engine's class.
        problem: Why nothing can be graded; empty if it can be tried.
    """

    name: str
    path: Path
    file: Path
    class_name: str = ""
    problem: str = ""

    @property
    def title(self) -> str:
        """The name for people."""
        return printable(self.name)

    @property
    def target(self) -> str:
        """The engine for people, as one names it to `mgraph grade`."""
        return printable(f"{self.file}:{self.class_name}")

    def visible(self) -> dict[str, Path]:
        """Return the files and folders that the engine may use, its own, by their names."""
        if self.file == self.path:
            return {self.path.name: self.path.resolve()}
        return {path.name: path for path in sorted(self.file.parent.absolute().iterdir())}


class HandInError(ValueError):
    """A hand-in can't be graded; the message says why."""


def hand_ins(folder: Path, class_name: str = "", limits: Limits = LIMITS) -> list[HandIn]:
    """List what is handed in, in order of names: Python files, and folders.

    Args:
        folder: The folder that holds one file or folder per learner.
        class_name: The name of the class; if it is empty, the class is looked for.
        limits: Limits on the size of files.

    Raises:
        OSError: If the folder can't be read.
    """
    paths = [path for path in _entries(folder) if path.suffix == ".py" or path.is_dir()]
    stems = Counter(_stem(path) for path in paths)
    return [
        _hand_in(path.name if stems[_stem(path)] > 1 else _stem(path), path, class_name, limits)
        for path in paths
    ]


def left_out(folder: Path) -> list[str]:
    """List the files that are not handed-in engines, such as a list of names."""
    return [path.name for path in _entries(folder) if path.suffix != ".py" and not path.is_dir()]


def _stem(path: Path) -> str:
    return path.stem if path.suffix == ".py" else path.name


def _entries(folder: Path) -> list[Path]:
    """List a folder in order of names, without what is hidden or no one has written."""
    entries = [
        path
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.name not in _NOT_HANDED_IN
    ]
    return sorted(entries, key=lambda path: (_in_order(path.name), path.name))


def _in_order(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts people and numbers as they expect: 2 before 10, A beside a."""
    parts = _NUMBER.split(name.casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _hand_in(name: str, path: Path, class_name: str, limits: Limits) -> HandIn:
    try:
        files = _python_files(path) if path.is_dir() else [path]
        file, engine = _engine(files, class_name, limits)
    except (HandInError, GraphError) as error:
        problem = error.diagnostics[0].message if isinstance(error, GraphError) else str(error)
        return HandIn(name, path, path, problem=problem)
    except OSError as error:
        return HandIn(name, path, path, problem=f"can't be read: {error.strerror}")
    return HandIn(name, path, file, engine)


def _python_files(folder: Path) -> list[Path]:
    """List the Python files of a folder; if it holds nothing but a folder, of that one.

    Raises:
        HandInError: If there are none.
        OSError: If a folder can't be read.
    """
    for _ in range(_DEEPEST):
        entries = _entries(folder)
        if files := [path for path in entries if path.suffix == ".py" and path.is_file()]:
            return files
        folders = [path for path in entries if path.is_dir()]
        if len(folders) != 1:
            break
        folder = folders[0]
    raise HandInError("there is no .py file in the folder")


def _engine(files: Sequence[Path], class_name: str, limits: Limits) -> tuple[Path, str]:
    """Return the file with the engine, and the name of the class.

    Raises:
        HandInError: If there is none, or more than one.
        GraphError: `io` or `size` if a file can't be read.
    """
    names = {file: names_of(read_file(file, limits)) for file in files[:_MOST_FILES]}
    if class_name:
        return _named(names, class_name)
    for choice in (_with_backward, _usual):
        if engines := {file: name for file, x in names.items() if (name := choice(x))}:
            file = _preferred(engines)
            return file, engines[file]
    for known in names.values():
        if len(known.with_backward) > 1:
            listed = some(map(printable, known.with_backward))
            raise HandInError(f"several classes have a backward: {listed}; choose by --class NAME")
    where = "the file" if len(names) == 1 else "the files"
    raise HandInError(f"no class in {where} has a method backward; name it by --class NAME")


def _with_backward(names: Names) -> str:
    return choose(names.with_backward)


def _usual(names: Names) -> str:
    """Return a class of a usual name, even if its backward can't be seen here."""
    return usual(names.others) or ("" if names.is_complete else _DEFAULT)


def _named(names: Mapping[Path, Names], class_name: str) -> tuple[Path, str]:
    known = {file: [*x.with_backward, *x.others] for file, x in names.items()}
    files = [file for file, x in names.items() if class_name in known[file]]
    files = files or [file for file, x in names.items() if not x.is_complete]
    if files:
        return _preferred(files), class_name
    all_names = [name for x in known.values() for name in x]
    hint = did_you_mean(closest(class_name, all_names))
    raise HandInError(f"there is no class {printable(class_name)}{hint and '; '}{hint}")


def _preferred(files: Iterable[Path]) -> Path:
    """Return the file that is most likely the engine.

    Raises:
        HandInError: If any of several may be meant.
    """
    by_name = {file.name: file for file in files}
    for name in _PREFERRED:
        if name in by_name:
            return by_name[name]
    if len(by_name) == 1:
        return next(iter(by_name.values()))
    listed = some(map(printable, by_name))
    raise HandInError(f"several files have such a class: {listed}; call one of them engine.py")
