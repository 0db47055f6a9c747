"""Processes that write to a store at the same time, and note what they were promised.

Usage: writers.py swap STORE LOG COUNT, or writers.py store STORE LOG [named]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

import mgraph
from mgraph.service.store.errors import ConflictError, NotFoundError, UnavailableError
from mgraph.service.store.ids import id_of
from mgraph.service.store.opening import open_store
from mgraph.service.store.protocol import ABSENT, GraphStore

THREADS: Final = 3
ROOT: Final = Path(__file__).parents[3]
NEURON: Final = (ROOT / "fixtures" / "neuron.json").read_bytes()
GRAPH: Final = mgraph.loads(NEURON).hash


def started(*words: str) -> subprocess.Popen[bytes]:
    """Start a process that runs this file with some arguments."""
    path = os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))
    return subprocess.Popen(
        [sys.executable, "-m", "tests.service.store.writers", *words], cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def neuron_with(doc: str) -> bytes:
    """Return the neuron with another text, so that it is another document of the same graph."""
    return json.dumps(json.loads(NEURON) | {"doc": doc}).encode()


def swap(folder: str, log: str, count: str) -> None:
    """Set one name so many times, each time from the revision that was read before.

    Each line of the log is the revision that was expected, and the one that took its place.
    """
    store = open_store(folder)
    document = store.list()[0]
    with open(log, "w", encoding="utf-8") as file:
        done = 0
        while done < int(count):
            try:
                expected = store.get_name("counter").revision
            except NotFoundError:
                expected = ABSENT
            except UnavailableError as error:
                if not error.retry_after:
                    raise
                continue
            try:
                revision = store.set_name("counter", document, expected).revision
            except ConflictError:
                continue
            except UnavailableError as error:  # of a database, on a machine that does other work
                if not error.retry_after:
                    raise
                continue
            file.write(f"{expected or '-'} {revision}\n")
            done += 1


def store_until_killed(folder: str, log: str, named: str = "") -> None:
    """Store documents and names in several threads until the process is killed.

    Lines of each thread's log: `try` and an id before a document is stored and the name of the
    thread is set to it, `put` and the id when it is stored, `set` and the id when the name is set.
    """
    if named:
        del os.O_TMPFILE  # as on systems that have no files without a name
    store = open_store(folder)
    for i in range(THREADS):
        threading.Thread(target=_store, args=(store, f"{log}-{i}")).start()


def _store(store: GraphStore, log: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for i in range(10**9):
        data = neuron_with(f"{log} {i} " + "long " * (i % 7 * 1000))
        document = id_of(data)
        os.write(file, f"try {document}\n".encode())
        store.put(data, GRAPH)
        os.write(file, f"put {document}\n".encode())
        store.set_name(os.path.basename(log), document)
        os.write(file, f"set {document}\n".encode())
        store.put_run(document[-64:], data)


if __name__ == "__main__":
    if sys.argv[1] == "swap":
        swap(*sys.argv[2:])
    else:
        store_until_killed(*sys.argv[2:])
