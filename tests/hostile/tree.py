"""All cases as files."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.hostile import (
    of_accepted,
    of_bytes,
    of_columns,
    of_document,
    of_graph,
    of_many,
    of_math,
    of_msgpack,
    of_runs,
)
from tests.hostile.case import Case

FIXTURES = Path(__file__).parents[2] / "fixtures"
FOLDERS = ("reject", "warn")
CASES: tuple[Case, ...] = (
    *of_bytes.CASES,
    *of_document.CASES,
    *of_graph.CASES,
    *of_runs.CASES,
    *of_msgpack.CASES,
    *of_columns.CASES,
    *of_many.CASES,
    *of_math.CASES,
    *of_accepted.CASES,
)


def files() -> Iterator[tuple[str, bytes]]:
    """Yield path under `fixtures/` and content of every file.

    Raises:
        ValueError: Two cases share a name, or a file is said to equal one that is not there.
    """
    stems, names = set(), {f"{case.folder}/{case.filename}" for case in CASES}
    for case in CASES:
        stem = f"{case.folder}/{case.name}"
        if stem in stems:
            message = f"two cases are called {stem}"
            raise ValueError(message)
        stems.add(stem)
        if case.same_as and f"{case.folder}/{case.same_as}" not in names:
            message = f"{stem} is the same as {case.same_as}, which is not there"
            raise ValueError(message)
        yield from case.files()


def write(root: Path = FIXTURES) -> int:
    """Write every file under `root`, drop those of cases that are gone, and count the cases."""
    tree = list(files())  # all are sound before any is dropped
    for folder in FOLDERS:
        shutil.rmtree(root / folder, ignore_errors=True)
    for path, data in tree:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return len(CASES)
