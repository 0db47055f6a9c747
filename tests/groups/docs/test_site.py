"""The site of docs/: built without a complaint, complete, and without a dead link."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.command_line import HERE, environment

if TYPE_CHECKING:
    from pathlib import Path

ROOT = HERE.parent
DOCS = ROOT / "docs"


def built(checkout: Path, target: Path) -> tuple[int, str]:
    """Build a checkout's site strictly; return the exit status, and what was said."""
    done = subprocess.run(
        [sys.executable, "-m", "properdocs", "build", "--strict", "--site-dir", target],
        cwd=checkout, env=environment(), capture_output=True, check=False, encoding="utf-8",
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the built site; warnings are errors."""
    folder = tmp_path_factory.mktemp("site")
    status, result = built(ROOT, folder)
    assert (status, "WARNING" in result) == (0, False), result
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
    status, result = built(tmp_path, tmp_path / "site")
    assert status == 1
    found = [target for target in DEAD if f"'view.md' contains a link '{target}'" in result]
    assert found == [*DEAD]


def pages(site: Path) -> list[Path]:
    """Return the pages of the site."""
    found = sorted(site.glob("**/*.html"))
    assert len(found) >= 10
    return found


def test_the_site_has_every_document(site: Path) -> None:
    """Each document in docs, the notebook and the pages from elsewhere are in the menu."""
    names = {path.stem for path in pages(site)}
    elsewhere = {"tutorial", "fixtures", "changes", "security"}
    assert names == {path.stem for path in DOCS.glob("*.md")} | elsewhere
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
