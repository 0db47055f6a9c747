"""One HTML page that shows a graph: offline, self-contained, its ops made from the table."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from mgraph import __version__
from mgraph.errors import GraphError
from mgraph.loader import to_json
from mgraph.viewer import style, translate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.loader import GraphFile

MODULES: Final = (
    "appearance", "ieee", "ops", "numbers", "refusal", "bytes", "heap", "read", "engine", "steps",
    "paths", "quiz", "compare", "write", "groups", "layout", "draw", "cards", "model", "scene",
    "player", "asking", "telling", "leaves", "runs", "files", "find", "page",
)  # fmt: skip
"""The scripts of the page, each after those that it imports."""

_GENERATED: Final = {"appearance": style.javascript, "ops": translate.javascript}

LARGEST: Final = 64 * 2**20
"""Bytes of JSON that the page opens, as bytes.js says, too."""

_IMPORT: Final = re.compile(r'^import \{ ([\w, ]+) \} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?function|const|class)", re.MULTILINE)
_DECLARED: Final = re.compile(r"^export (?:(?:async )?function\*?|const|class) (\w+)", re.MULTILINE)
_COMMENT: Final = re.compile(r"^ *// .*\n|/\*\*(?:[^*]|\*(?!/))*\*/\s*|^ +|^\n", re.MULTILINE)
_CSS_COMMENT: Final = re.compile(r"^/\*(?:[^*]|\*(?!/))*\*/\n|^ +|^\n", re.MULTILINE)
_POLICY: Final = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


def page(graph: GraphFile, name: str, *, quiz: bool = False) -> Iterator[bytes]:
    """Write the page that shows a graph, in chunks.

    Args:
        graph: The graph; its runs go with it.
        name: What its file is called.
        quiz: Whether the page starts by asking for gradients instead of showing them.

    Raises:
        GraphError: `size`: the page would not open the graph.
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
    """Escape JSON so that no browser sees the end of a script, or a comment, in it."""
    return text.replace(b"<", b"\\u003c")


@cache
def _around() -> tuple[bytes, bytes, bytes]:
    """Return what stands before, between and after the settings and the graph."""
    rules, code = style.css() + _CSS_COMMENT.sub("", _static("style.css")), script()
    policy = _POLICY.format(script=_digest(code), style=_digest(rules))
    shell = _static("page.html")
    for mark, text in (("POLICY", policy), ("STYLE", rules), ("SCRIPT", code)):
        shell = shell.replace(f"{{{{ {mark} }}}}", text, 1)
    before, rest = shell.split("{{ SETTINGS }}")
    between, after = rest.split("{{ GRAPH }}")
    return before.encode(), between.encode(), after.encode()


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def script() -> str:
    """Join the modules into one script without imports, comments, indentation and empty lines.

    Raises:
        LookupError: A module imports what none before it exports.
    """
    exported: dict[str, list[str]] = {}
    joined = []
    for name in MODULES:
        text = _GENERATED[name]() if name in _GENERATED else _static(f"{name}.js")
        for names, origin in _IMPORT.findall(text):
            for each in names.split(", "):
                if each not in exported.get(origin, ()):
                    message = f"{name}.js imports {each}, which {origin}.js before it lacks"
                    raise LookupError(message)
        exported[name] = _DECLARED.findall(text)
        joined.append(_EXPORT.sub("", _IMPORT.sub("", _COMMENT.sub("", text))))
    return "".join(joined)


def _static(name: str) -> str:
    return files(__name__).joinpath("static", name).read_text(encoding="utf-8")
