"""The files that hold rows: found by name, folder, glob or URL, and opened for reading."""

from __future__ import annotations

import errno
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

import pyarrow as pa
from pyarrow import fs

from mgraph.codec.files import io_error
from mgraph.errors import GraphError, printable, without_user

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STREAM: Final = "-"


class RowFormat(StrEnum):
    """How rows are stored."""

    PARQUET = "parquet"
    ARROW = "arrow"
    ARROW_STREAM = "arrows"
    CSV = "csv"
    JSON_LINES = "jsonl"


EXTENSIONS: Final = {
    ".parquet": RowFormat.PARQUET,
    ".pq": RowFormat.PARQUET,
    ".arrow": RowFormat.ARROW,
    ".feather": RowFormat.ARROW,
    ".arrows": RowFormat.ARROW_STREAM,
    ".csv": RowFormat.CSV,
    ".jsonl": RowFormat.JSON_LINES,
    ".ndjson": RowFormat.JSON_LINES,
}
"""The format of a file, by the extension of its name."""

MANIFEST: Final = ".manifest.json"
"""What the names of manifests end with, which are left out of folders of rows."""

_COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst")

_TABS: Final = (".tsv", ".tab")

_MAGIC: Final = re.compile(r"[*?\[]")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


Stamp: TypeAlias = tuple[int | None, int | None]
"""The size of a file and when it was changed, in nanoseconds; None if nobody knows."""


@dataclass(frozen=True)
class RowFile:
    """A file of rows, on a file system.

    Attributes:
        name: Its name relative to where it was looked for: its identity in a plan.
        shown: What messages call it.
        path: Its path in the file system.
        system: The file system.
        size: Its size in bytes.
    """

    name: str
    shown: str
    path: str
    system: fs.FileSystem
    size: int

    def open(self, *, mapped: bool = False) -> pa.NativeFile:
        """Open it for reading at any position.

        Args:
            mapped: Whether a local file is mapped into memory, so that skipping costs nothing.

        Raises:
            GraphError: `io` if that can't be done.
        """
        is_local = isinstance(self.system, fs.LocalFileSystem)
        system = fs.LocalFileSystem(use_mmap=True) if mapped and is_local else self.system
        with reading(self.shown):
            return system.open_input_file(self.path)

    def stamp(self) -> Stamp:
        """Return its size now, and when it was changed.

        Raises:
            GraphError: `io` if it is not there any more.
        """
        with reading(self.shown):
            info = self.system.get_file_info(self.path)
            if info.type == fs.FileType.NotFound:
                raise FileNotFoundError(errno.ENOENT, "")
        return info.size, info.mtime_ns


@contextmanager
def reading(shown: str) -> Iterator[None]:
    """Name the file in errors that occur while it is read.

    Raises:
        GraphError: `io` for an error of the file system, `syntax` for one of Arrow.
    """
    with _naming(shown, "read"):
        yield


@contextmanager
def writing(shown: str) -> Iterator[None]:
    """Name the file in errors that occur while it is written.

    Raises:
        GraphError: `io` for an error of the file system.
    """
    with _naming(shown, "write"):
        yield


@contextmanager
def _naming(shown: str, action: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _io_error(shown, action, error) from None
    except GraphError:
        raise
    except MemoryError:
        message = f"can't {action} {printable(shown)}: it needs more memory than there is"
        fix = "the file may be damaged: write it again"
        raise GraphError.of("size", message, fix=fix, file=shown) from None
    except (pa.ArrowException, UnicodeDecodeError) as error:  # the latter for names of columns
        message = f"can't {action} {printable(shown)}: {first_line(error)}"
        raise GraphError.of("syntax", message, file=shown) from None
    except Exception as error:
        if not _is_foreign(error):
            raise
        raise _io_error(shown, action, error) from None


def _is_foreign(error: Exception) -> bool:
    """Whether an error is of a file system of fsspec: each brings its own classes of errors."""
    package = type(error).__module__.partition(".")[0]
    return isinstance(error, NotImplementedError) or package not in ("builtins", "mgraph")


def first_line(error: Exception) -> str:
    """Return the first line of a message of another library."""
    return printable(without_user(str(error).partition("\n")[0]))


def _io_error(shown: str, action: str, error: Exception) -> GraphError:
    if (
        isinstance(error, OSError) and error.errno is not None
    ):  # Arrow's messages are long; the system says the same
        return io_error(shown, action, OSError(error.errno, os.strerror(error.errno)))
    message = f"can't {action} {printable(shown)}: {first_line(error)}"
    return GraphError.of("io", message, file=shown)


def format_of(name: str, given: RowFormat | None = None, *, is_output: bool = False) -> RowFormat:
    """Return the format of a file: that of its extension, else the given one.

    Raises:
        GraphError: `io` if the extension is not known and no format is given.
    """
    extension = os.path.splitext(name)[1].lower()
    kind = EXTENSIONS.get(extension, given)
    if kind is None:
        message = f"can't tell from its name how rows are stored in {printable(name)}"
        expected = f"a name that ends in {', '.join(EXTENSIONS)}"
        if extension in _COMPRESSED:
            message = f"{printable(name)} is compressed, or its name says so"
            fix = "decompress it, for example zcat rows.csv.gz | mgraph replay GRAPH - -o OUT"
            if is_output:
                message = f"can't compress {printable(name)}"
                fix = "write it without compression, and compress it then, for example with gzip"
            raise GraphError.of("io", message, expected=expected, fix=fix, file=name)
        fix = "give the format with --format"
        if extension in _TABS:
            fix = "CSV has commas between columns: convert tabs to commas, and name it .csv"
        fix += "; the name of an output folder ends in /" if is_output else ""
        raise GraphError.of("io", message, expected=expected, fix=fix, file=name)
    return kind


def is_url(name: str) -> bool:
    """Whether a name is a URL, such as `s3://bucket/rows.parquet`."""
    return _URL.match(name) is not None


def located(name: str) -> tuple[fs.FileSystem, str]:
    """Return the file system of a path or URL, and the path in it.

    Raises:
        GraphError: `io` if no library here knows the URL's scheme.
    """
    shown = without_user(name)
    if not _is_utf8(name):
        raise _not_utf8(f"the name {printable(shown)}", shown)
    if not is_url(name):
        return fs.LocalFileSystem(), os.path.abspath(name)
    with reading(shown):
        try:
            system, path = fs.FileSystem.from_uri(name)
        except pa.ArrowInvalid as error:
            if name.startswith("file:"):
                message = f"can't read {printable(shown)}: {first_line(error)}"
                fix = "write a path, or file:// and an absolute path: file:///data/rows.csv"
                raise GraphError.of("io", message, fix=fix, file=shown) from None
            system, path = _by_fsspec(name, error)
    return system, path


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_utf8(what: str, name: str) -> GraphError:
    message = f"{what} is not UTF-8, which Arrow needs"
    return GraphError.of("io", message, expected="UTF-8", fix="rename the file", file=name)


def names_of(infos: Sequence[fs.FileInfo], shown: str) -> list[str]:
    """Return the paths of what is in a folder.

    Raises:
        GraphError: `io` if one is not UTF-8.
    """
    try:
        return [info.path for info in infos]
    except UnicodeDecodeError:
        raise _not_utf8(f"the name of a file in {printable(shown)}", shown) from None


def _by_fsspec(url: str, error: Exception) -> tuple[fs.FileSystem, str]:
    """Return the file system of a URL whose scheme only fsspec knows."""
    try:
        import fsspec  # noqa: PLC0415 - where it is installed

        system, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError):
        shown = without_user(url)
        message = f"can't read {printable(shown)}: {first_line(error)}"
        fix = "install fsspec and its package for this scheme"
        raise GraphError.of("io", message, fix=fix, file=shown) from None
    return fs.PyFileSystem(fs.FSSpecHandler(system)), path


def find(names: Sequence[str]) -> list[RowFile]:
    """Find the files that names, folders, globs and URLs stand for.

    Files of a folder or glob are in byte order of their names; those whose names, or folders'
    names, begin with `.` or `_` are left out, as other tools do.

    Raises:
        GraphError: `io` if there is nothing of such a name.
    """
    return [file for name in names for file in _find(name)]


def _find(name: str) -> Iterator[RowFile]:
    system, path = located(name)
    name = without_user(name)
    with reading(name):
        info = system.get_file_info(path)
        if info.type == fs.FileType.File:
            yield RowFile(os.path.basename(path), name, path, system, info.size)
            return
        if info.type == fs.FileType.Directory:
            root, shown, pattern = path, name, "**"
        else:
            root, shown, pattern = _split_glob(name, path, info.type)
        selector = fs.FileSelector(root, allow_not_found=True, recursive=True)
        infos = system.get_file_info(selector)
    names_of(infos, name)
    matching = [*_matching(infos, root.rstrip("/"), pattern)]
    if not matching:
        raise GraphError.of("io", f"there are no files of rows in {printable(name)}", file=name)
    for relative, info in sorted(matching, key=lambda pair: os.fsencode(pair[0])):
        where = f"{shown.rstrip('/')}/{relative}" if shown else relative
        yield RowFile(relative, where, info.path, system, info.size)


def is_found(target: str, names: Sequence[str]) -> bool:
    """Whether a file or folder is among what names stand for, is inside of it, or holds it."""
    system, out = _real(target)
    for name in filter(_is_utf8, names):
        other, path = _real(name)
        if type(other) is not type(system):
            continue
        if out == path or path.startswith(f"{out}/"):
            return True
        kind = other.get_file_info(path).type
        if kind == fs.FileType.Directory and out.startswith(f"{path}/"):
            return True
        if kind == fs.FileType.NotFound and _matches(path, out):
            return True
    return False


def _matches(pattern: str, out: str) -> bool:
    """Whether a glob matches a file, or a part in it if it is a folder."""
    expression = re.compile(_regular(pattern), re.DOTALL)
    parts = (f"{out}/part-00000.{kind}" for kind in RowFormat)
    return any(expression.fullmatch(path) for path in (out, *parts))


def _real(name: str) -> tuple[fs.FileSystem, str]:
    """Return the file system of a path or URL, and the path without symbolic links."""
    if not _is_utf8(name):  # which Arrow can't take; nor is it a URL
        return fs.LocalFileSystem(), os.path.realpath(name)
    system, path = located(name)
    is_local = isinstance(system, fs.LocalFileSystem)
    return system, os.path.realpath(path) if is_local else path.rstrip("/")


def _split_glob(name: str, path: str, kind: fs.FileType) -> tuple[str, str, str]:
    """Split a glob into its folder, as a path and as it was typed, and its pattern."""
    if kind != fs.FileType.NotFound:
        fix = "write - to read standard input"
        message = f"{printable(name)} is not a regular file or folder"
        raise GraphError.of("io", message, fix=fix, file=name)
    if not _MAGIC.search(path):
        message = f"can't read {printable(name)}: No such file or directory"
        raise GraphError.of("io", message, file=name)
    folder = re.split(_MAGIC, path)[0].rpartition("/")[0]
    shown = re.split(_MAGIC, name)[0].rpartition("/")[0]
    return folder or "/", shown, path[len(folder) :].lstrip("/")


def _matching(
    infos: Sequence[fs.FileInfo], root: str, pattern: str
) -> Iterator[tuple[str, fs.FileInfo]]:
    """Yield the files that match a pattern, with their names relative to the root."""
    expression = re.compile(_regular(pattern), re.DOTALL)
    for info in infos:
        relative = info.path[len(root) :].lstrip("/")
        hidden = any(part[0] in "._" for part in relative.split("/"))
        hidden |= relative.endswith(MANIFEST)
        if info.type == fs.FileType.File and not hidden and expression.fullmatch(relative):
            yield relative, info


def _regular(pattern: str) -> str:
    """Translate a glob: `**` stands for any folders, `*` and `?` stay inside a name."""
    signs = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.findall(r"\*\*/|\*\*|\*|\?|\[!?[^\]]+\]|.", pattern, re.DOTALL)
    return "".join(
        signs.get(part)
        or (part.replace("[!", "[^") if len(part) > 1 and part[0] == "[" else re.escape(part))
        for part in parts
    )


def common_format(files: Sequence[RowFile], given: RowFormat | None) -> RowFormat:
    """Return the one format of all files.

    Raises:
        GraphError: `io` if they differ, or an extension is not known.
    """
    formats = {format_of(file.shown, given): file for file in files}
    if len(formats) > 1:
        (one, first), (other, second), *_ = formats.items()
        message = f"{printable(first.shown)} is {one}, {printable(second.shown)} is {other}"
        raise GraphError.of("io", message, expected="files of one format", file=second.shown)
    return next(iter(formats))


def sniffed(head: bytes) -> RowFormat:
    """Return the format of a stream that begins with these bytes: Arrow, JSON lines, else CSV."""
    if head.startswith(b"\xff\xff\xff\xff"):
        return RowFormat.ARROW_STREAM
    return RowFormat.JSON_LINES if head.lstrip().startswith(b"{") else RowFormat.CSV
