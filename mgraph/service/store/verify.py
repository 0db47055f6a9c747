"""Verifying a store: every file is read, every hash computed again, every reference followed."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.codec.files import kind_of
from mgraph.document import loads
from mgraph.errors import GraphError
from mgraph.service.store.disk import TEMPORARY
from mgraph.service.store.errors import (
    DamagedError,
    NotFoundError,
    RemovedError,
    UnavailableError,
)
from mgraph.service.store.ids import DOCUMENT, graph_digits, id_of, is_name
from mgraph.service.store.layout import (
    DOCUMENTS,
    ENDINGS,
    FOLDERS,
    GRAPHS,
    LEDGERS,
    NAMES,
    REMOVED,
    RUNS,
    TOKENS,
    UNLISTED,
    ending_of,
    index_file,
)
from mgraph.service.store.ledgers import LINE
from mgraph.service.store.records import LONGEST, reason_from
from mgraph.service.store.runs import is_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mgraph.service.store.disk import Disk
    from mgraph.service.store.files import FileStore

_HEX: Final = "[0-9a-f]"
_DOCUMENT: Final = rf"({_HEX}{{2}})/(\1{_HEX}{{62}})\.({'|'.join(ENDINGS)})"
FORMS: Final[Mapping[str, re.Pattern[str]]] = {
    DOCUMENTS: re.compile(_DOCUMENT),
    UNLISTED: re.compile(_DOCUMENT),
    GRAPHS: re.compile(rf"({_HEX}{{2}})/(\1{_HEX}{{62}})-({_HEX}{{64}})"),
    REMOVED: re.compile(rf"({_HEX}{{2}})/(\1{_HEX}{{62}})\.json"),
    RUNS: re.compile(rf"({_HEX})/(\1{_HEX}{{63}})"),
    TOKENS: re.compile(rf"({_HEX}{{8}})\.json"),
    LEDGERS: re.compile(rf"({_HEX}{{8}})\.txt"),
    NAMES: re.compile(r"(.+)\.json"),
    TEMPORARY: re.compile(rf"{_HEX}{{16}}"),
}
"""What the paths of files in each folder look like."""

_NOTHING: Final = re.compile(r"(?!)")


class Damage(NamedTuple):
    """Something in a store that should not be as it is.

    Attributes:
        file: Its path in the store.
        message: What is wrong with it.
        is_debris: Whether it is only left over, from a process that was killed, and harmless.
    """

    file: str
    message: str
    is_debris: bool = False


class Verification:
    """Goes through a store once. Others may write to it at the same time.

    Attributes:
        counts: How many files of each folder were verified so far.
    """

    def __init__(self, store: FileStore, step: Callable[[], None] = lambda: None) -> None:
        """Take a store, and what to call after each file."""
        self.store, self.disk, self.step = store, store.disk, step
        self.counts = dict.fromkeys(FOLDERS, 0)
        self._graphs: dict[str, str] = {}
        self._unindexed: list[tuple[str, str]] = []

    def damages(self) -> Iterator[Damage]:
        """Yield all damage, and debris."""
        checks: dict[str, Callable[[str, re.Match[str]], Damage | None]] = {
            DOCUMENTS: self._document, UNLISTED: self._document, GRAPHS: self._index,
            NAMES: self._name, REMOVED: self._tombstone, TOKENS: self._token,
            LEDGERS: self._ledger, RUNS: self._run, TEMPORARY: self._temporary,
        }  # fmt: skip
        for folder, check in checks.items():
            for file, match in files(self.disk, folder):
                damage = self._damage(check, file, match)
                if damage:
                    yield damage
                self.counts[folder] += 1
                self.step()
        for file, index in self._unindexed:  # by now, nobody is in the middle of writing both
            if self.disk.status(index) is None and self.disk.status(file) is not None:
                yield Damage(file, f"the file {index} is missing, which leads to it")

    def _damage(
        self,
        check: Callable[[str, re.Match[str]], Damage | None],
        file: str,
        match: re.Match[str] | None,
    ) -> Damage | None:
        try:
            return check(file, match) if match else self._foreign(file)
        except (DamagedError, UnavailableError) as error:
            if error.diagnostics[0].file != file:
                return None  # another file is wrong, which is verified, too
            what = error.what if isinstance(error, DamagedError) else error.diagnostics[0].message
            return Damage(file, what)

    def _foreign(self, file: str) -> Damage | None:
        with suppress(FileNotFoundError):
            mode = os.lstat(self.disk.path(file)).st_mode
            is_regular = stat.S_ISREG(mode)
            return Damage(file, "it is not of a store" if is_regular else f"it is {kind_of(mode)}")
        return None

    def _document(self, file: str, match: re.Match[str]) -> Damage | None:
        digits, ending = match[2], match[3]
        data = self.disk.read(file)
        if data is None:  # it was taken down, or listed, in this moment
            return None
        if self.store.is_removed(digits):
            return Damage(file, "it was taken down", is_debris=True)
        if id_of(data) != DOCUMENT + digits or ending_of(data) != ending:
            return Damage(file, "its bytes are not those that were stored")
        try:
            self._graphs[digits] = graph = graph_digits(loads(data).hash)
        except GraphError as error:
            return Damage(file, f"it is not a graph file: {error.diagnostics[0].message}")
        if file.startswith(DOCUMENTS):
            index = index_file(graph, digits)
            if self.disk.status(index) is None:
                self._unindexed.append((file, index))
        return None

    def _index(self, file: str, match: re.Match[str]) -> Damage | None:
        graph, digits = match[2], match[3]
        if not self.store.is_there(digits):
            return Damage(file, "its document was not stored, or is gone", is_debris=True)
        is_wrong = self._graphs.get(digits, graph) != graph
        return Damage(file, "its document holds another graph") if is_wrong else None

    def _name(self, file: str, match: re.Match[str]) -> Damage | None:
        if not is_name(match[1]):
            return self._foreign(file)
        try:
            self.store.size(self.store.get_name(match[1]).id)
        except RemovedError:
            return Damage(file, "its document was taken down", is_debris=True)
        except NotFoundError as error:
            is_gone = self.disk.status(file) is None
            return None if is_gone else Damage(file, error.diagnostics[0].message)
        return None

    def _tombstone(self, file: str, _: re.Match[str]) -> None:
        with self.disk.checking(file):
            reason_from(self.disk.read(file, LONGEST) or b"")

    def _token(self, _: str, match: re.Match[str]) -> None:
        self.store.token_files.find(match[1])

    def _ledger(self, file: str, _: re.Match[str]) -> Damage | None:
        lines = (self.disk.read(file) or b"").splitlines(keepends=True)
        if any(LINE.fullmatch(line) is None for line in lines if line.endswith(b"\n")):
            return Damage(file, "some of its lines are malformed")
        return None

    def _run(self, file: str, _: re.Match[str]) -> Damage | None:
        is_right = is_whole(self.disk.read(file) or b"")
        return None if is_right else Damage(file, "it is not a whole run", is_debris=True)

    def _temporary(self, file: str, _: re.Match[str]) -> Damage:
        return Damage(file, "it was not written to its end, or is being written", is_debris=True)


def files(disk: Disk, folder: str) -> Iterator[tuple[str, re.Match[str] | None]]:
    """Yield what is in a folder of a store, in no particular order.

    Yields:
        The path of each file, and the parts of that if it has the form of such files; None for
        anything else, symbolic links too. Hidden files are left out: git and systems make some.
    """
    waiting = [folder]
    while waiting:
        above = waiting.pop()
        if os.path.islink(disk.path(above)):
            yield above, None
            continue
        for entry in disk.entries(above):
            file = f"{above}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                waiting.append(file)
            elif not entry.name.startswith("."):
                form = FORMS[folder] if entry.is_file(follow_symlinks=False) else _NOTHING
                yield file, form.fullmatch(file, len(folder) + 1)
