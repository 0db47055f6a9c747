"""Parts: the files of an output folder, each made as a whole, and recorded when it is there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mgraph.errors import GraphError, printable
from mgraph.rows.plan import canonical
from mgraph.rows.store import part_name
from mgraph.rows.tally import Tally
from mgraph.rows.targets import encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mgraph.rows.columns import BadRow
    from mgraph.rows.sources import FileSource, Part
    from mgraph.rows.store import PartFolder
    from mgraph.rows.transform import Transform

PLAN_FILE: Final = "plan.json"
"""The plan of a job, among its unfinished work."""

KEY: Final = "mgraph.part"
"""The key of a part's record in the metadata of Parquet and Arrow files."""

Record = dict[str, Any]
"""What is known about a finished part, as plain data: job, part, rows, hashes, sums and so on."""


def is_record(value: object, job: str) -> bool:
    """Whether plain data from a file are a record of a part of a job."""
    if not isinstance(value, dict) or value.get("job") != job:
        return False
    try:
        Tally.of_json(value)
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    return all(isinstance(value.get(name), str) for name in ("sha256", "input_sha256"))


class Ensured(NamedTuple):
    """A part that is there.

    Attributes:
        record: What is known about it.
        is_new: Whether it was made just now.
        bad: The first bad rows of what was made just now.
    """

    record: Record
    is_new: bool
    bad: Sequence[BadRow] = ()


@dataclass(frozen=True)
class PartsJob:
    """All that a process needs to know to make parts.

    Attributes:
        id: The id of the plan.
        parts: The rows of each part.
        source: Where rows come from.
        transform: What happens to them.
        folder: Where parts go to.
        records: What was recorded about parts before, by their names.
    """

    id: str
    parts: tuple[Part, ...]
    source: FileSource
    transform: Transform
    folder: PartFolder
    records: Mapping[str, Record]

    @property
    def math(self) -> str:
        """The name of the math library, as it was asked for."""
        return self.transform.mapper.request.math

    @property
    def unfinished(self) -> str:
        """The folder of temporary files and records; a different one for each job.

        A process of an earlier job that is still there can't put its parts among those of this one.
        """
        return f"{self.folder.unfinished}/{self.id[:16]}"

    def check(self) -> None:
        """Refuse a machine that does not see the folder where parts go to.

        Raises:
            GraphError: `io` if the plan isn't there, which was put beside it.
        """
        if self.folder.read_json(f"{self.unfinished}/{PLAN_FILE}") is None:
            message = f"{printable(self.folder.shown)} is another folder there, or can't be read"
            expected = f"the plan of this job in {printable(self.unfinished)}"
            raise GraphError.of("io", message, expected=expected, file=self.folder.shown)

    def name(self, index: int) -> str:
        """Return the name of a part."""
        return part_name(index, len(self.parts), self.folder.format)

    def ensure(self, index: int) -> Ensured:
        """Make a part, unless it is there as it was recorded.

        Raises:
            GraphError: `io` if it was made from other rows than the source has now, or can't be
                written; whatever else is wrong with the rows.
        """
        name = self.name(index)
        record = self.records.get(name)
        if record is None or self.folder.digest(f"{self.folder.path}/{name}") != record["sha256"]:
            made, bad = self._make(index)
            return Ensured(made, is_new=True, bad=bad)
        if record["input_sha256"] != self.source.digest(self.parts[index]):
            raise self._changed(index)
        return Ensured(record, is_new=False)

    def _changed(self, index: int) -> GraphError:
        file = self.source.files[self.parts[index].file].shown
        message = f"{printable(file)} has changed since {self.name(index)} was made"
        fix = "start again, with --overwrite"
        return GraphError.of("io", message, fix=fix, file=file)

    def _make(self, index: int) -> tuple[Record, Sequence[BadRow]]:
        tally, read, written = Tally(), hashlib.sha256(), _Counted()
        part = self.parts[index]
        pieces = self.source.part(part, self.transform.columns, read)
        batches = self.transform.run(pieces, tally)

        def record() -> Record:
            about = {"job": self.id, "part": index, "input_sha256": read.hexdigest()}
            return {**about, **tally.as_json()}

        def footer() -> dict[str, str]:
            return {KEY: canonical(record()).decode()}

        def whole() -> Record:
            return {**record(), "bytes": written.size, "sha256": written.digest.hexdigest()}

        chunks = encoded(
            self.folder.format, self.transform.schema, batches, self.folder.shown, footer
        )
        self.folder.put_part(
            self.name(index), self.unfinished, written.passing(chunks), lambda: canonical(whole())
        )
        return whole(), tally.bad


class _Counted:
    """The hash and number of bytes that were written."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.size = 0

    def passing(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the same chunks, and count and hash them."""
        for chunk in chunks:
            self.digest.update(chunk)
            self.size += len(chunk)
            yield chunk
