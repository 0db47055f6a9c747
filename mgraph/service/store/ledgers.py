"""What was stored with each token: a file of lines, which is only ever added to."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.service.store.ids import DOCUMENT
from mgraph.service.store.layout import LEDGERS, ledger_file
from mgraph.service.store.tokens import Usage, utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mgraph.service.store.disk import Disk
    from mgraph.service.store.tokens import AccessToken

LINE: Final = re.compile(
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z "
    rb"([+-]) ([a-z0-9_/:-]{1,200}) ([0-9]{1,15})\n"
)
"""A line: the time, `+` or `-`, the id or name that was added or removed, its size in bytes."""


class _Sum(NamedTuple):
    """How much of a ledger was read, in bytes, and the sum of that."""

    length: int = 0
    usage: Usage = Usage()


class Ledgers:
    """The ledgers of a store. Sums are remembered, so that only new lines are read."""

    def __init__(self, disk: Disk) -> None:
        """Take the folder of a store."""
        self.disk = disk
        self._sums: dict[str, _Sum] = {}

    def usage(self, token: str) -> Usage:
        """Return how much was stored with a token."""
        return _usage(self.disk.read(ledger_file(token)) or b"")

    def payers(self) -> Mapping[str, str]:
        """Return, for each document and name, the token that it was stored with."""
        payers: dict[str, str] = {}
        for name in self.disk.names(LEDGERS):
            data = self.disk.read(f"{LEDGERS}/{name}") or b""
            token = name.partition(".")[0]
            for sign, what, _ in LINE.findall(data):
                if sign == b"+":
                    payers[what.decode()] = token
                elif payers.get(what.decode()) == token:
                    del payers[what.decode()]
        return payers

    @contextmanager
    def charging(self, token: AccessToken | None, what: str, size: int = 0) -> Iterator[None]:
        """Charge a token for a document or a name that is stored while the block lasts.

        Nothing is charged if the block fails.

        Raises:
            QuotaError: It would exceed the quota; before the block.
        """
        if token is None:
            yield
            return
        with self.disk.lock(ledger_file(token.id)) as file:
            total = self._sum(token.id, file)
            total.usage.plus(_cost(what, size)).check(token.quota)
            yield
            self._add(file, total.length, f"+ {what} {size}")

    def refund(self, token: str, what: str, size: int = 0) -> None:
        """Note that what was stored with a token is gone; without a token, do nothing."""
        if token:
            with self.disk.lock(ledger_file(token)) as file:
                self._add(file, self._sum(token, file).length, f"- {what} {size}")

    def _sum(self, token: str, file: int) -> _Sum:
        """Return the sum of all complete lines of an open ledger."""
        with self.disk.translated(ledger_file(token), "read"):
            length = os.fstat(file).st_size
            old = self._sums.get(token, _Sum())
            if length < old.length:  # restored from a backup
                old = _Sum()
            os.lseek(file, old.length, os.SEEK_SET)
            data = b""
            while more := os.read(file, length - old.length - len(data)):
                data += more
        complete = data[: data.rfind(b"\n") + 1]
        total = _Sum(old.length + len(complete), old.usage.plus(_usage(complete)))
        self._sums[token] = total
        return total

    def _add(self, file: int, length: int, text: str) -> None:
        """Add a line behind the complete ones: a writer that was killed may have left a part."""
        with self.disk.translated(LEDGERS, "write to"):
            os.ftruncate(file, length)
            os.lseek(file, length, os.SEEK_SET)
            os.write(file, f"{utc()} {text}\n".encode())


def _usage(lines: bytes) -> Usage:
    total = Usage()
    for sign, what, size in LINE.findall(lines):
        cost = _cost(what.decode(), int(size))
        total = total.plus(cost) if sign == b"+" else total.minus(cost)
    return total


def _cost(what: str, size: int) -> Usage:
    is_document = what.startswith(DOCUMENT)
    return Usage(documents=1, bytes=size) if is_document else Usage(names=1)
