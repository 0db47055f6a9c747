"""Where a store keeps what, the version of this order, and opening the folder of a store."""

from __future__ import annotations

import os
import re
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mgraph.codec import JSON, MSGPACK
from mgraph.errors import printable
from mgraph.service.store.disk import TEMPORARY, Disk
from mgraph.service.store.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VERSION: Final = 1
"""The version of the order that this mgraph writes."""

FORMAT: Final = "format"
DOCUMENTS: Final = "documents"
UNLISTED: Final = "unlisted"
GRAPHS: Final = "graphs"
NAMES: Final = "names"
REMOVED: Final = "removed"
RUNS: Final = "runs"
TOKENS: Final = "tokens"
LEDGERS: Final = "ledgers"
LOCKS: Final = "locks"

FOLDERS: Final = (
    DOCUMENTS, UNLISTED, GRAPHS, NAMES, REMOVED, RUNS, TOKENS, LEDGERS, LOCKS, TEMPORARY
)  # fmt: skip
"""All folders of a store."""

ENDINGS: Final = (JSON, MSGPACK)
"""What files of documents end in, so that editors and people know them."""

UPGRADES: Final[Mapping[int, Callable[[Disk], None]]] = MappingProxyType({})
"""For each older version, what makes the next one of it; may be done twice, after a crash."""

_FORMAT: Final = re.compile(rb"mgraph store ([1-9][0-9]{0,8})\n")
_IGNORED: Final = "\n".join(f"/{name}/" for name in (LEDGERS, LOCKS, RUNS, TEMPORARY, TOKENS))
LOCK_COUNT: Final = 64
"""How many locks of each kind there are."""

_IGNORABLE: Final = (TEMPORARY, "lost+found")


def document_file(digits: str, ending: str, *, is_listed: bool = True) -> str:
    """Return the path of a document, by the digits of its id."""
    return f"{DOCUMENTS if is_listed else UNLISTED}/{digits[:2]}/{digits}.{ending}"


def ending_of(data: bytes) -> str:
    """Return what the file of a document ends in, which its bytes decide."""
    return MSGPACK if data[:1] >= b"\x80" else JSON


def index_file(graph: str, digits: str) -> str:
    """Return the path of the empty file which says that a document holds a graph."""
    return f"{GRAPHS}/{graph[:2]}/{graph}-{digits}"


def name_file(name: str) -> str:
    """Return the path of the record of a name."""
    return f"{NAMES}/{name}.json"


def tombstone_file(digits: str) -> str:
    """Return the path of the record that a document was taken down."""
    return f"{REMOVED}/{digits[:2]}/{digits}.json"


def token_file(token: str) -> str:
    """Return the path of a token, by its id."""
    return f"{TOKENS}/{token}.json"


def ledger_file(token: str) -> str:
    """Return the path of the record of what was stored with a token."""
    return f"{LEDGERS}/{token}.txt"


class Lock(StrEnum):
    """What locks are for. Who holds one of names may take one of documents, but not the reverse."""

    NAMES = "names"
    DOCUMENTS = "documents"


def lock_file(kind: Lock, shard: int) -> str:
    """Return the path of one of the locks of a kind."""
    return f"{LOCKS}/{kind}-{shard:02d}"


def opened(root: str, *, create: bool) -> Disk:
    """Open the folder of a store, and bring it to the newest version.

    Args:
        root: The folder.
        create: Whether to make a store there, if the folder is missing or empty.

    Raises:
        UnavailableError: It is not a store, is of a newer version, or can't be read or written.
    """
    disk = Disk(root)
    content = disk.read(FORMAT, 100)
    if content is None:
        if create and not _is_file(root) and not _visible(disk):
            return _made(disk)
        what = "is not a store" if os.path.lexists(root) else "does not exist"
        fix = (
            "name an empty or a new folder"
            if create
            else "mgraph store add, mgraph token new and mgraph serve make a store"
        )
        message = f"{printable(root)} {what}"
        expected = f"a folder with a file called {FORMAT}, which every store has"
        raise UnavailableError.of("io", message, expected=expected, fix=fix)
    version = _version(disk, content)
    if version < VERSION:
        _upgrade(disk)
    disk.mark = FORMAT
    return disk


def _is_file(root: str) -> bool:
    """Whether there is something that can't become the folder of a store."""
    return os.path.exists(root) and not os.path.isdir(root)


def _visible(disk: Disk) -> list[str]:
    """Return what is in a folder, except what doesn't matter: hidden files, such as of git."""
    names = (entry.name for entry in disk.entries("."))
    return [name for name in names if not name.startswith(".") and name not in _IGNORABLE]


def _made(disk: Disk) -> Disk:
    """Make a store; several processes may do that at once."""
    with disk.translated(FORMAT, "make"):
        os.makedirs(disk.root, exist_ok=True)
    disk.write_first(".gitignore", f"{_IGNORED}\n".encode())
    _write_version(disk, VERSION)
    disk.mark = FORMAT
    return disk


def _write_version(disk: Disk, version: int) -> None:
    disk.replace(FORMAT, b"mgraph store %d\n" % version)


def _version(disk: Disk, content: bytes) -> int:
    match = _FORMAT.fullmatch(content)
    if match is None:
        raise disk.damaged(FORMAT, "it does not say which version the store has")
    version = int(match[1])
    if version > VERSION:
        message = f"{printable(disk.root)} is a store of version {version}, which is newer"
        expected, fix = f"at most version {VERSION}", "use a newer mgraph"
        raise UnavailableError.of("io", message, expected=expected, fix=fix)
    return version


def _upgrade(disk: Disk) -> None:
    """Bring a store to the newest version; of several processes, one does it."""
    with disk.lock(f"{LOCKS}/upgrade"):
        version = _version(disk, disk.read(FORMAT, 100) or b"")
        while version < VERSION:
            UPGRADES[version](disk)
            version += 1
            _write_version(disk, version)
