"""The layout: a module imports only from modules listed before it, and commands import little."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mgraph

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDER = (
    "errors", "extras", "collector", "locks", "appearance", "suggestions", "ops", "codec",
    "graph", "format", "value", "exact_value", "nn", "engine", "document", "build", "analysis",
    "draw", "viewer", "exporting", "importing", "golden", "testing", "grade", "trace", "rows",
    "training", "service", "client", "cli",
)  # fmt: skip
"""The packages and modules, from the ground up."""

EXCEPTIONS = (
    ("document", "training"), ("document", "analysis.derive"), ("value", "draw.notebook"),
)  # fmt: skip
"""The only imports upward, all late: a Graph derives and trains itself, a Value draws itself."""

PACKAGE = Path(mgraph.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__main__.py" and path != PACKAGE / "__init__.py"
}
"""Every module of the package, named from its root."""


def imported(path: Path) -> Iterator[str]:
    """Yield what a file imports of the package, at whatever place, without `mgraph.`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (_module(name) for name in names if name.startswith("mgraph."))


def _module(name: str) -> str:
    """Return the module in which an imported name lives; empty for the package's own names."""
    module = name.removeprefix("mgraph.")
    while module and module not in MODULES:
        module = module.rpartition(".")[0]
    return module


@pytest.fixture(scope="module")
def imports() -> dict[str, list[str]]:
    """Return what each module imports of the package."""
    return {
        module: [*dict.fromkeys(each for each in imported(path) if each)]
        for module, path in MODULES.items()
    }


def test_imports_go_down(imports: dict[str, list[str]]) -> None:
    """A module imports only from those listed before it, type checking and late imports too."""
    place = {name: i for i, name in enumerate(ORDER)}
    upward = [
        (module, other)
        for module, others in imports.items()
        for other in others
        if place[other.split(".")[0]] > place[module.split(".")[0]]
    ]
    assert upward == [*EXCEPTIONS]


def test_there_are_no_import_circles(imports: dict[str, list[str]]) -> None:
    """Modules can be sorted so that each imports only from earlier ones."""
    waiting = {
        module: {*others} - {other for name, other in EXCEPTIONS if name == module}
        for module, others in imports.items()
    }
    while ready := [module for module, others in waiting.items() if not others & waiting.keys()]:
        for module in ready:
            del waiting[module]
    assert waiting == {}


def test_every_package_is_listed() -> None:
    """The list above is what the package has."""
    assert {module.split(".")[0] for module in MODULES} == {*ORDER}


def test_class_names_are_unique() -> None:
    """No two modules define a class of the same name; those of a module's own start with _."""
    homes: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(module)
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def modules_after(code: str, tmp_path: Path) -> list[str]:
    """Return what a fresh interpreter has imported after running some code."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1].split()


HEAVY = (
    "pydantic", "pydantic_core", "numpy", "llvmlite", "hypothesis", "xml.etree", "difflib",
    "pathlib", "shlex", "string", "click.shell_completion", "mgraph.codec.text_scan",
    "mgraph.exact_value", "mgraph.ops.exact",
)  # fmt: skip


def test_running_a_clean_file_imports_little(tmp_path: Path) -> None:
    """A file that is clean needs no validator, and nothing that other commands need."""
    graph = Path(__file__).parent.parent / "fixtures" / "neuron.json"
    code = (
        "import contextlib, io\nfrom mgraph.cli import cli\n"
        f"with contextlib.redirect_stdout(io.StringIO()): cli(['run', {str(graph)!r}], "
        "standalone_mode=False)"
    )
    before = modules_after("import click, jiter, msgpack", tmp_path)
    loaded = modules_after(code, tmp_path)
    assert "mgraph.engine.evaluate" in loaded
    assert [name for name in HEAVY if name in loaded and name not in before] == []
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
        "train",
        "replay",
        "convert",
        "export",
        "derive",
        "import_",
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
    """`import mgraph` alone imports no module of the package."""
    loaded = modules_after("import mgraph", tmp_path)
    assert [name for name in loaded if name.startswith("mgraph.")] == []
    loaded = modules_after("import mgraph\nmgraph.nn.MLP(2, [1])", tmp_path)
    assert "mgraph.nn" in loaded
    assert "mgraph.document" not in loaded


def test_public_names() -> None:
    """Every public name is there, and `dir` lists them."""
    assert dir(mgraph) == sorted(mgraph.__all__)
    for name in mgraph.__all__:
        assert getattr(mgraph, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mgraph.nothing


def test_no_group_of_a_pattern_is_possessive() -> None:
    """`(...)*+`, `(...)++` and `(...)?+` match wrongly before Python 3.11.5; `[...]*+` is right."""
    possessive = re.compile(r"\)(?:[*+?]|\{[0-9,]*\})\+")
    files = sorted(PACKAGE.rglob("*.py"))
    assert [path for path in files if possessive.search(path.read_text(encoding="utf-8"))] == []
