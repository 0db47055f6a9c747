"""Adds to the site what is not in docs/*.md: the notebook, and pages from other folders.

ProperDocs calls these functions by their names. Documents link to files by their paths in the
checkout, so that the links work there, too; here they are changed to the pages of the site.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from properdocs.structure.files import File

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from properdocs.config.defaults import ProperDocsConfig
    from properdocs.structure.files import Files
    from properdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[2]
ELSEWHERE: Final = {
    "CHANGELOG.md": "changes.md",
    "README.md": "index.md",
    "SECURITY.md": "security.md",
    "docs/tutorial.ipynb": "tutorial.md",
    "fixtures/README.md": "fixtures.md",
}
"""Files of the checkout, and the pages of the site that show them."""

SOURCES: Final = {page: source for source, page in ELSEWHERE.items() if page != "index.md"}
_LINK: Final = re.compile(r"(?<!!)\[(?P<words>[^\]]+)\]\((?P<path>[^()#:\s]+)(?P<anchor>#[^)]*)?\)")
_FENCE: Final = "```"


def on_config(config: ProperDocsConfig) -> ProperDocsConfig:
    """Leave the benchmarks out of the navigation until they have been measured."""
    if not (ROOT / "docs" / "benchmarks.md").exists():
        _drop(config.nav, "benchmarks.md")
    return config


def _drop(entries: Any, page: str) -> None:  # noqa: ANN401 - the navigation is plain data
    for entry in [*entries]:
        (value,) = entry.values()
        if value == page:
            entries.remove(entry)
        elif isinstance(value, list):
            _drop(value, page)


def on_files(files: Files, config: ProperDocsConfig) -> Files:
    """Add the pages that are made from files elsewhere, and the notebook's pictures."""
    for page, source in SOURCES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        if source.endswith(".ipynb"):
            notebook = json.loads(text)
            text = "\n\n".join(_cells(notebook))
            for path, picture in _pictures(notebook):
                files.append(File.generated(config, path, content=picture))
        files.append(File.generated(config, page, content=text))
    return files


def _cells(notebook: Mapping[str, Any]) -> Iterator[str]:
    for i, cell in enumerate(notebook["cells"]):
        source = "".join(cell["source"])
        yield source if cell["cell_type"] == "markdown" else _fenced("python", source)
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/svg+xml" in data:
                yield f"![{_alternative(notebook, i)}](tutorial/{i}.svg)"
            else:
                yield _fenced("text", "".join(output.get("text") or data["text/plain"]))


def _alternative(notebook: Mapping[str, Any], i: int) -> str:
    """Return the alternative text of a picture, from the last expression of its cell."""
    return f"The graph of {''.join(notebook['cells'][i]['source']).splitlines()[-1]}"


def _fenced(language: str, text: str) -> str:
    return f"{_FENCE}{language}\n{text.rstrip()}\n{_FENCE}"


def _pictures(notebook: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for i, cell in enumerate(notebook["cells"]):
        for output in cell.get("outputs", ()):
            if svg := output.get("data", {}).get("image/svg+xml"):
                yield f"tutorial/{i}.svg", "".join(svg)


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Change links to files of the checkout to links to pages of the site."""
    uri = page.file.src_uri
    folder = posixpath.dirname(SOURCES.get(uri, f"docs/{uri}"))
    return _LINK.sub(lambda link: _site_link(link, folder), markdown)


def on_page_content(html: str, **_: object) -> str:
    """Make tables and code that are wider than the window scrollable, with the keyboard, too."""
    html = html.replace("<table>", '<div class="wide" tabindex="0"><table>')
    html = html.replace("</table>", "</table></div>")
    return html.replace("<pre>", '<pre tabindex="0">')


def _site_link(link: re.Match[str], folder: str) -> str:
    """Return a link for the site; if it has no such page, the words and the path."""
    path = posixpath.normpath(posixpath.join(folder, link["path"]))
    words, anchor = link["words"], link["anchor"] or ""
    if path in ELSEWHERE:
        return f"[{words}]({ELSEWHERE[path]}{anchor})"
    if path.startswith("docs/"):
        return f"[{words}]({path.removeprefix('docs/')}{anchor})"
    if not (ROOT / path).exists():
        return link[0]  # a dead link, which the build reports
    return words if path in words else f"{words} (`{path}`)"
