"""The check of extras: it finds what a compiled file asks for, and what nothing brings."""

from __future__ import annotations

import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest

from tests import bare_extras

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the libraries of Linux")


def compiled() -> Path:
    """Return a compiled module of the core."""
    return bare_extras.libraries(distribution("jiter"))[0]


def unpacked(folder: Path, name: str, library: bytes) -> Distribution:
    """Return a distribution whose only file asks for one library instead of libc."""
    asked = compiled().read_bytes().replace(b"\0libc.so.6\0", b"\0" + library + b"\0")
    (folder / "a.so").write_bytes(asked)
    info = folder / f"{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "RECORD").write_text("a.so,,\n")
    return Distribution.at(info)


def test_what_a_compiled_file_asks_for() -> None:
    """Every module compiled for glibc asks for libc.so.6; a script asks for nothing."""
    assert "libc.so.6" in bare_extras.needed(compiled().read_bytes())
    assert bare_extras.needed(Path(__file__).read_bytes()) == []


def test_a_library_that_nothing_brings_is_found(tmp_path: Path) -> None:
    """It is named, with the distribution and the file that ask for it."""
    found = bare_extras.missing_libraries([unpacked(tmp_path, "odd", b"libq.so.6")])
    assert found == {("odd", "libq.so.6"): "a.so"}


def test_a_library_that_another_wheel_brings_is_not_missing(tmp_path: Path) -> None:
    """A file of that name in any distribution of the extra is enough."""
    both = [tmp_path / "one", tmp_path / "two"]
    for folder in both:
        folder.mkdir()
    found = [unpacked(both[0], "odd", b"libq.so.6"), unpacked(both[1], "even", b"libm.so.6")]
    (both[1] / "a.so").rename(both[1] / "libq.so.6")
    (both[1] / "even-1.dist-info" / "RECORD").write_text("libq.so.6,,\n")
    assert bare_extras.missing_libraries(found) == {}


def test_every_extra_is_walked(capsys: pytest.CaptureFixture[str]) -> None:
    """Those that are installed here are whole, and each of pyproject.toml is spoken of."""
    assert bare_extras.main() == 0
    result = capsys.readouterr().out
    assert all(f"the extra {name}: " in result for name in bare_extras.extras() if name)
    assert "the extra dev: not installed" not in result


def test_an_extra_asked_for_by_name_must_be_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not installed is a fault then; a name that there is not is a wrong command line."""
    monkeypatch.setattr(bare_extras, "extras", lambda: {"odd": ["mgraph-has-no-such-part>=1"]})
    assert bare_extras.main("odd") == 1
    assert "mgraph-has-no-such-part is not installed" in capsys.readouterr().out
    assert bare_extras.main("even") == 2
