"""The site of docs/: made from what is true now, built without a complaint, calm in a browser."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import mpmath
import pytest
from axe_playwright_python.base import AXE_FILE_PATH

from mgraph.cli import VERBS
from mgraph.ops import ROWS, Op
from tests.browser import barriers
from tests.command_line import HERE, environment, in_shell, on_any_python, typed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Browser

ROOT = HERE.parent
DOCS = ROOT / "docs"
CURVES = [op for op in ROWS if op.inputs == 1]


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


def test_verbs_are_up_to_date() -> None:
    """docs/verbs.md is what tools/make_verbs.py makes: every help, and every command's output."""
    made = script("make_verbs.py")
    page = made["PAGE"].read_text(encoding="utf-8")
    assert on_any_python(page) == on_any_python(made["page"]())


def test_every_verb_is_shown() -> None:
    """Each verb has a heading, its help, and a command that calls it."""
    page = (DOCS / "verbs.md").read_text(encoding="utf-8")
    parts = dict(re.findall(r"^### (\w+)\n(.*?)(?=^###? |\Z)", page, re.MULTILINE | re.DOTALL))
    assert [*parts] == [verb for verbs in VERBS.values() for verb in verbs]
    for verb, part in parts.items():
        assert any(line.split()[:2] == ["mgraph", verb] for line, _ in typed(part))
        assert f"Usage: mgraph {verb}" in part


@pytest.mark.parametrize("name", ["index.md", "teaching.md", "editors.md"])
def test_consoles_show_what_is_printed(name: str, tmp_path: Path) -> None:
    """Each `$` line, typed into a shell one after the other, prints what stands under it."""
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    lines = [*typed((DOCS / name).read_text(encoding="utf-8"))]
    assert lines
    for line, shown in lines:
        assert in_shell(f"{{ {line}\n}} 2>&1", tmp_path).out == shown, line


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
}
"""The ops as mathematics has them."""

KINKS: Final = {"abs": [0.0], "sqrt": [0.0], "relu": [0.0]}
POLES: Final = {"log": [0.0], "tan": [-1.5707963, 1.5707963]}


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
    """Every point of value and slope lies where mpmath has it, as near as tenths of pixels are.

    A tenth of a pixel is 1/440: half of that across, times the slope of the curve, and half down.
    """
    svg = (DOCS / "ops" / f"{op.name}.svg").read_text(encoding="utf-8")
    f = PLACES[op.name]
    for name, order in (("value", 0), ("slope", 1)):
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
    assert {*parts} == {op.name for op in ROWS}
    for op in ROWS:
        assert op.formula in parts[op.name]
        assert op.at_kink in parts[op.name]
        shown = f"ops/{op.name}.svg" if op.inputs == 1 else "| a | b | y |"
        assert shown in parts[op.name]
    assert "| 0.0 | 0.0 | nan | inf | nan |" in parts["div"]
    assert "| 2.0 | 2.0 | 2.0 | 0.5 | 0.5 |" in parts["max"]


# --- the site ----------------------------------------------------------------------------------


def built(checkout: Path, target: Path) -> tuple[int, str]:
    """Build a checkout's site strictly; return the exit status, and what was said."""
    pytest.importorskip("properdocs")
    done = subprocess.run(
        [sys.executable, "-m", "properdocs", "build", "--strict", "--site-dir", target],
        cwd=checkout, env=environment(), capture_output=True, check=False, encoding="utf-8",
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the built site; warnings are errors."""
    folder = tmp_path_factory.mktemp("site")
    status, said = built(ROOT, folder)
    assert (status, "WARNING" in said) == (0, False), said
    return folder


DEAD: Final = ("nowhere.md", "format.md#nowhere", "../nowhere.py")


def test_dead_links_are_found(tmp_path: Path) -> None:
    """Links to a page, a heading or a file of the checkout that is not there fail the build."""
    shutil.copytree(DOCS, tmp_path / "docs")
    pages = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
    for name in (*pages, "properdocs.yml", "fixtures", "examples", "tools"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "docs" / "view.md").write_text(
        "\n".join(("# The page", *(f"[x]({target})" for target in DEAD))), encoding="utf-8"
    )
    status, said = built(tmp_path, tmp_path / "site")
    assert status == 1
    assert [target for target in DEAD if f"'view.md' contains a link '{target}'" not in said] == []


def pages(site: Path) -> list[Path]:
    """Return the pages of the site."""
    found = sorted(site.glob("**/*.html"))
    assert len(found) >= 10
    return found


def test_the_site_has_every_document(site: Path) -> None:
    """Each document in docs, the notebook and the pages from elsewhere are in the menu."""
    names = {path.stem for path in pages(site)}
    assert names == {path.stem for path in DOCS.glob("*.md")} | {
        "tutorial",
        "fixtures",
        "changes",
        "security",
    }
    start = (site / "index.html").read_text(encoding="utf-8")
    menu = start[start.index('id="menu"') :]
    assert {*re.findall(r'href="(\w+)\.html"', menu)} == names


def test_the_site_needs_no_network(site: Path) -> None:
    """No page has a script, or loads anything from elsewhere; every file that it names is there."""
    for path in pages(site):
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text
        named = re.findall(r'<(?:link|img)[^>]* (?:href|src)="([^"]+)"', text)
        named += re.findall(r'<a[^>]* href="(?!https://)([^"#]+)', text)
        missing = [name for name in named if not (name == "data:," or (site / name).is_file())]
        assert (path.name, missing) == (path.name, [])
    for style in (*site.glob("**/*.css"), *site.glob("**/*.svg")):
        assert not re.search(r"@import|url\((?!#|data:)", style.read_text(encoding="utf-8")), style


WINDOWS: Final = [(360, "light"), (1280, "dark")]


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
def test_pages_in_a_browser(site: Path, browser: Browser, width: int, scheme: Any) -> None:  # noqa: ANN401
    """No page is wider than the window, complains, or asks the network."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab = context.new_page()
    told: list[str] = []
    tab.on("console", lambda line: told.append(line.text))
    tab.on("request", lambda request: told.append(request.url))
    for path in pages(site):
        tab.goto(path.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, path.name
        assert "mgraph" in tab.title()
    context.close()
    assert [line for line in told if not line.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
@pytest.mark.parametrize("name", ["index", "teaching", "tape"])
def test_axe_finds_no_barrier(
    site: Path,
    browser: Browser,
    name: str,
    width: int,
    scheme: Any,  # noqa: ANN401
) -> None:
    """Pages with all kinds of content can be read and used by everybody, as far as axe knows."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab = context.new_page()
    tab.goto((site / f"{name}.html").as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    tab.evaluate(AXE_FILE_PATH.read_text(encoding="utf-8"))
    assert barriers(tab) == []
    context.close()
