"""Writes the page of `mgraph view`: one HTML file that shows a graph and needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from mgraph import __version__
from mgraph.errors import GraphError
from mgraph.format.writing import to_json
from mgraph.viewer import constants, ops_to_javascript, style
from mgraph.viewer.constants import LARGEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.format.file import GraphFile

MAIN: Final = "page"
"""The script that starts the page; it imports all others, directly or not."""

_GENERATED: Final = {
    "appearance": style.javascript,
    "constants": constants.javascript,
    "ops": ops_to_javascript.javascript,
}
_IMPORT: Final = re.compile(r'^import \{ ([\w, ]+) \} from "\./([\w-]+)\.js";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?function|const|class)", re.MULTILINE)
_DECLARED: Final = re.compile(r"^export (?:(?:async )?function\*?|const|class) (\w+)", re.MULTILINE)
_COMMENT: Final = re.compile(r"^ *// .*\n|/\*\*(?:[^*]|\*(?!/))*\*/\s*|^ +|^\n", re.MULTILINE)
_END_COMMENT: Final = re.compile(r"(?<=[;,{]) // .*")
_LINE_END: Final = re.compile(r"(?<=[;,{([])\n|\n(?=[)\]}])")
"""Where JavaScript does not need a new line."""

_SPARE: Final = re.compile(r"^/\*(?:[^*]|\*(?!/))*\*/\n|^ +|^\n", re.MULTILINE)
"""What is left out of the style and the markup: comments, indentation and empty lines."""

_CSS_SPACE: Final = re.compile(r"(?<=[{};:,]) | (?=[{}])")

_POLICY: Final = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


def page(graph: GraphFile, name: str, *, quiz: bool = False) -> Iterator[bytes]:
    """Write the page that shows a graph, in chunks.

    Args:
        graph: The graph, with its runs.
        name: The name of its file.
        quiz: Whether the page starts by asking for gradients instead of showing them.

    Raises:
        GraphError: `size` if the page could not open the graph.
    """
    settings = {"file": name, "version": __version__, "quiz": quiz}
    before, between, after = _around()
    yield before
    yield _inert(json.dumps(settings).encode())
    yield between
    left = LARGEST
    for chunk in to_json(graph):
        left -= len(chunk)
        if left < 0:
            raise _too_large(graph)
        yield _inert(chunk)
    yield after


def _too_large(graph: GraphFile) -> GraphError:
    count = len(graph.columns)
    message = f"{count:,} nodes with {len(graph.runs):,} runs are more than a page can open"
    expected = f"at most {LARGEST // 2**20} MiB as JSON"
    fix = "draw a part of it: mgraph draw GRAPH --around ID -o part.svg"
    return GraphError.of("size", message, expected=expected, fix=fix)


def _inert(text: bytes) -> bytes:
    """Escape JSON so that it contains no end of a script and no HTML comment."""
    return text.replace(b"<", b"\\u003c")


@cache
def _around() -> tuple[bytes, bytes, bytes]:
    """Return the parts of the page before, between and after the settings and the graph."""
    rules = _CSS_SPACE.sub("", style.css() + _SPARE.sub("", _static("style.css")))
    code = script()
    policy = _POLICY.format(script=_digest(code), style=_digest(rules))
    shell = _SPARE.sub("", _static("page.html"))
    for mark, text in (("POLICY", policy), ("STYLE", rules), ("SCRIPT", code)):
        shell = shell.replace(f"{{{{ {mark} }}}}", text, 1)
    before, rest = shell.split("{{ SETTINGS }}")
    between, after = rest.split("{{ GRAPH }}")
    return before.encode(), between.encode(), after.encode()


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def script() -> str:
    """Join the modules into one script without imports, comments and needless white space.

    Raises:
        LookupError: A module imports a name that the other one does not export.
        graphlib.CycleError: Modules import each other in a circle.
    """
    texts = modules()
    for name, text in texts.items():
        for names, origin in _IMPORT.findall(text):
            exported = _DECLARED.findall(texts[origin])
            missing = [word for word in names.split(", ") if word not in exported]
            if missing:
                message = f"{name}.js imports {', '.join(missing)}, which {origin}.js lacks"
                raise LookupError(message)
    order = TopologicalSorter({name: _imported(text) for name, text in texts.items()})
    return "".join(bare(texts[name]) for name in order.static_order())


def modules() -> dict[str, str]:
    """Return the texts of the main module and of all modules it imports, by name."""
    texts: dict[str, str] = {}
    wanted = [MAIN]
    while wanted:
        name = wanted.pop()
        if name not in texts:
            texts[name] = _module(name)
            wanted.extend(_imported(texts[name]))
    return texts


def _module(name: str) -> str:
    generated = _GENERATED.get(name)
    return generated() if generated else _static(f"{name}.js")


def _imported(text: str) -> list[str]:
    return [origin for _, origin in _IMPORT.findall(text)]


def bare(text: str) -> str:
    """Return a module without imports, exports, comments and needless white space."""
    text = _END_COMMENT.sub("", _COMMENT.sub("", text))
    return _LINE_END.sub("", _EXPORT.sub("", _IMPORT.sub("", text)))


def _static(name: str) -> str:
    return files(__name__).joinpath("static", name).read_text(encoding="utf-8")
