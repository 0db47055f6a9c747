"""Rooms: a module imports only from rooms listed before its own, and verbs import little."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mgraph

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOMS = (
    "errors", "appearance", "ieee", "ops", "formulas", "codec", "schema", "migrate", "graph",
    "runs", "value", "loader", "run", "tape", "document", "expression", "network", "golden",
    "compare", "junit", "testing", "pytest_plugin", "draw", "nodewise", "explain", "steps",
    "gradcheck", "grade", "trace", "viewer", "cli",
)  # fmt: skip
"""From the ground floor up."""

CONSTANTS = ("mgraph.__version__", "mgraph.FORMAT_VERSION")
"""What every room may read of the package itself."""

PACKAGE = Path(mgraph.__file__).parent
MODULES = sorted(
    path.relative_to(PACKAGE)
    for path in PACKAGE.rglob("*.py")
    if path.name != "__main__.py" and path != PACKAGE / "__init__.py"
)


def room_of(module: str) -> str:
    """Return the room of a module of the package, named from its root."""
    return module.split(".", maxsplit=1)[0]


def imported(path: Path) -> Iterator[str]:
    """Yield what a file imports of the package, at whatever place, without `mgraph.`."""
    tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "mgraph":
            names = [f"mgraph.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [node.module or ""]
        else:
            continue
        yield from (
            name.removeprefix("mgraph.")
            for name in names
            if name.startswith("mgraph.")
            and name not in ("mgraph.__version__", "mgraph.FORMAT_VERSION")
        )


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_go_down(path: Path) -> None:
    """A room imports only from rooms below it, type checking and late imports included."""
    own = room_of(path.with_suffix("").as_posix().replace("/", "."))
    below = ROOMS[: ROOMS.index(own) + 1]
    assert [name for name in imported(path) if room_of(name) not in below] == []


def test_every_room_is_listed() -> None:
    """The list above is what the package has."""
    found = {room_of(path.with_suffix("").as_posix().replace("/", ".")) for path in MODULES}
    assert found == {*ROOMS}


def modules_after(code: str, tmp_path: Path) -> list[str]:
    """Return what a fresh interpreter has imported after running some code."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1].split()


HEAVY = ("pydantic", "pydantic_core", "numpy", "llvmlite", "hypothesis", "xml.etree", "difflib")


def test_running_a_clean_file_imports_little(tmp_path: Path) -> None:
    """A file that is clean needs no validator, and nothing that other verbs need."""
    graph = Path(__file__).parent.parent / "fixtures" / "neuron.json"
    code = (
        "import contextlib, io\nfrom mgraph.cli import cli\n"
        f"with contextlib.redirect_stdout(io.StringIO()): cli(['run', {str(graph)!r}], "
        "standalone_mode=False)"
    )
    loaded = modules_after(code, tmp_path)
    assert "mgraph.run" in loaded
    assert [name for name in HEAVY if name in loaded] == []
    others = (
        "new",
        "trace",
        "view",
        "draw",
        "explain",
        "step",
        "gradcheck",
        "check",
        "test",
        "diff",
        "grade",
        "convert",
        "ops",
        "schema",
    )
    assert [name for name in others if f"mgraph.cli.{name}" in loaded] == []


def test_the_table_of_ops_needs_no_reader(tmp_path: Path) -> None:
    """`mgraph ops` imports no decoder, no hash, no engine."""
    code = (
        "import contextlib, io\nfrom mgraph.cli import cli\n"
        "with contextlib.redirect_stdout(io.StringIO()): cli(['ops'], standalone_mode=False)"
    )
    loaded = modules_after(code, tmp_path)
    assert "mgraph.ops" in loaded
    heavy = ("jiter", "msgpack", "mgraph.codec", "mgraph.value", "mgraph.document")
    assert [name for name in heavy if name in loaded] == []


def test_the_package_imports_lazily(tmp_path: Path) -> None:
    """`import mgraph` alone reads no room."""
    loaded = modules_after("import mgraph", tmp_path)
    assert [name for name in loaded if name.startswith("mgraph.")] == []


def test_public_names() -> None:
    """Every public name is there, and `dir` lists them."""
    assert dir(mgraph) == sorted(mgraph.__all__)
    for name in mgraph.__all__:
        assert getattr(mgraph, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mgraph.nothing
