"""The pages of docs/ that are made, and what they show: up to date, and true."""

from __future__ import annotations

import re
import runpy
from typing import TYPE_CHECKING, Any, Final

import mpmath
import pytest

from mgraph.cli import COMMANDS
from mgraph.ops import TABLE, Op
from tests.command_line import HERE, in_shell, on_any_machine, on_any_python, typed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROOT = HERE.parent
DOCS = ROOT / "docs"
CURVES = [op for op in TABLE if op.inputs == 1]


def script(name: str) -> dict[str, Any]:
    """Return the names of a script in tools."""
    return runpy.run_path(str(ROOT / "tools" / name))


# --- pages that are made -----------------------------------------------------------------------


def test_ops_are_up_to_date() -> None:
    """docs/ops.md and docs/ops are what tools/make_ops.py makes; no picture is left over."""
    made: dict[Path, str] = script("make_ops.py")["files"]()
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, path
    assert {*(DOCS / "ops").iterdir()} == {path for path in made if path.suffix == ".svg"}


@pytest.mark.thorough
def test_commands_are_up_to_date() -> None:
    """docs/commands.md, with every help and every output, is what its script makes now."""
    made = script("make_commands.py")
    page = made["PAGE"].read_text(encoding="utf-8")
    assert on_any_python(page) == on_any_python(made["page"]())


def test_every_command_is_shown() -> None:
    """Each command has a heading, its help, and a command that calls it."""
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    parts = dict(re.findall(r"^### (\w+)\n(.*?)(?=^###? |\Z)", page, re.MULTILINE | re.DOTALL))
    assert [*parts] == [name for names in COMMANDS.values() for name in names]
    for command, part in parts.items():
        assert any(line.split()[:2] == ["mgraph", command] for line, _ in typed(part))
        assert f"Usage: mgraph {command}" in part


@pytest.mark.parametrize(
    "name",
    [
        "index.md",
        "editors.md",
        "exact.md",
        "share.md",
        "store.md",
        *(
            pytest.param(name, marks=pytest.mark.thorough)
            for name in ("teaching.md", "training.md")
        ),
    ],
)
def test_consoles_show_what_is_printed(name: str, tmp_path: Path) -> None:
    """Each `$` line, typed into a shell one after the other, prints what stands under it."""
    for folder in ("fixtures", "examples"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    lines = [*typed((DOCS / name).read_text(encoding="utf-8"))]
    assert lines
    for line, shown in lines:
        assert on_any_machine(in_shell(f"{{ {line}\n}} 2>&1", tmp_path).out) == shown, line


# --- curves ------------------------------------------------------------------------------------

PLACES: Final[dict[str, Callable[[Any], Any]]] = {
    "neg": lambda x: -x,
    "abs": abs,
    "sqrt": mpmath.sqrt,
    "exp": mpmath.exp,
    "log": mpmath.log,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "atan": mpmath.atan,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "relu": lambda x: max(x, mpmath.mpf(0)),
    "erf": mpmath.erf,
    "log1p": mpmath.log1p,
    "expm1": mpmath.expm1,
    "asin": mpmath.asin,
    "acos": mpmath.acos,
}
"""The ops as mathematics has them."""

KINKS: Final = {
    "abs": [0.0], "sqrt": [0.0], "relu": [0.0], "asin": [-1.0, 1.0], "acos": [-1.0, 1.0],
}  # fmt: skip
POLES: Final = {"log": [0.0], "log1p": [-1.0], "tan": [-1.5707963, 1.5707963]}


def across(x: float) -> float:
    """Return the number that stands at a place of a picture: 8 units wide, from -4."""
    return (x - 22) / 44 - 4


def down(y: float) -> float:
    """Return the number at a height of a picture: 6 units high, from 3."""
    return 3 - (y - 22) / 44


def drawn(svg: str, name: str) -> list[tuple[float, float]]:
    """Return the points of a curve that lie inside the frame and away from its breaks."""
    lines = re.findall(rf'<polyline class="{name}" points="([^"]+)"/>', svg)
    pairs = [pair.split(",") for line in lines for pair in line.split()[1:-1]]
    points = [(across(float(x)), down(float(y))) for x, y in pairs]
    return [(x, y) for x, y in points if abs(y) <= 3.0]


@pytest.mark.parametrize("op", CURVES, ids=lambda op: op.name)
def test_curves_are_those_of_mathematics(op: Op) -> None:
    """Every point of value and derivative is where mpmath has it, to a tenth of a pixel.

    A tenth of a pixel is 1/440: half of that across, times the slope of the curve, and half down.
    """
    svg = (DOCS / "ops" / f"{op.name}.svg").read_text(encoding="utf-8")
    f = PLACES[op.name]
    for name, order in (("value", 0), ("derivative", 1)):
        points = drawn(svg, name)
        assert len(points) > 20
        for x, y in points:
            if abs(x) > 1e-2:  # kinks lie at 0
                steepness = abs(mpmath.diff(f, x, order + 1))
                near = (1 + steepness) / 880 * 1.2 + 1e-9
                assert abs(mpmath.diff(f, x, order) - y) <= near, (name, x)


def test_kinks_and_poles_are_marked() -> None:
    """Dots stand at kinks, dotted lines at poles, and nowhere else."""
    for op in CURVES:
        svg = (DOCS / "ops" / f"{op.name}.svg").read_text(encoding="utf-8")
        dots = [across(float(x)) for x in re.findall(r'<circle class="value" cx="([\d.]+)"', svg)]
        poles = [across(float(x)) for x in re.findall(r'class="pole" d="M([\d.]+) ', svg)]
        assert dots == pytest.approx(KINKS.get(op.name, []), abs=2e-3)
        assert poles == pytest.approx(POLES.get(op.name, []), abs=2e-3)


def test_every_op_has_its_part() -> None:
    """Each op has a heading, its formula, and a picture or a table with its special points."""
    page = (DOCS / "ops.md").read_text(encoding="utf-8").replace("&#124;", "|")
    parts = dict(re.findall(r"^### (\w+)\n(.*?)(?=^###? |\Z)", page, re.MULTILINE | re.DOTALL))
    assert {*parts} == {op.name for op in TABLE}
    for op in TABLE:
        assert op.formula in parts[op.name]
        assert op.at_kink in parts[op.name]
        shown = f"ops/{op.name}.svg" if op.inputs == 1 else "| a | b | y |"
        assert shown in parts[op.name]
    assert "| 0.0 | 0.0 | nan | inf | nan |" in parts["div"]
    assert "| 2.0 | 2.0 | 2.0 | 0.5 | 0.5 |" in parts["max"]
