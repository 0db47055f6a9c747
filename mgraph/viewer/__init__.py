"""Writes the page of `mgraph view`: one HTML file that shows a graph and needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mgraph import __version__
from mgraph.errors import GraphError, counted, printable
from mgraph.format.writing import to_json
from mgraph.graph.run import EXACT_MATH
from mgraph.viewer import constants, ops_to_javascript, style
from mgraph.viewer.constants import LARGEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mgraph.format.file import GraphFile

MAIN: Final = "page"
"""The script that starts the page; it imports the others that the page needs, directly or not."""

SERVED: Final = "served"
"""The script that starts the page that `mgraph serve` sends: `MAIN`, and what needs a server."""

WITH_EXACT_MATH: Final = "exact-page"
"""The script that brings exact math to a page, before the script that starts it."""

_STYLES: Final = {MAIN: ("style.css",), SERVED: ("style.css", "served.css")}
"""The style sheets that go with each script."""

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

_BLOCK_SPACE: Final = re.compile(
    r"(?<=\)) (?=\{|return\b|throw\b)| (?==>)|(?<==>) |(?:(?<=\bif)|(?<=\bfor)|(?<=\bwhile)) (?=\()"
)
"""Spaces around `=>`, before `{`, and around the `(…)` of a statement such as `if (…) return`.

These are in the code only, never in a text of the page.
"""

_DECLARATION: Final = re.compile(r"^((?:const|let) [\w{}[\], ]+) = ", re.MULTILINE)
"""The start of a line that declares something, where spaces around the sign can go, too."""

_CODE_ONLY: Final = re.compile(r"^[^\"'`/\n]+$", re.MULTILINE)
"""A line without a text, a regular expression or a comment; no text of ours spans lines."""

_OPERATOR_SPACE: Final = re.compile(
    r"(?<=[\w)\]]) ([=<>?:*+&|%-]+) (?=[\w([])|(?<=[\w)\]}]),() (?=[\w([{])"
)
"""The spaces around an operator, except where signs or `<!` would meet, and those after a comma."""

_CLOSE_SPACE: Final = re.compile(r"(?<=[;{]) (?=\S)|(?<=\S) (?=\})")
"""In such a line, the spaces inside braces, and those after semicolons."""

_SPARE: Final = re.compile(r"^/\*(?:[^*]|\*(?!/))*\*/\n|^ +|^\n", re.MULTILINE)
"""What is left out of the style and the markup: comments, indentation and empty lines."""

_CSS_SPACE: Final = re.compile(r"(?<=[{};:,]) | (?=[{}])")

_POLICY: Final = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; {sources}; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_NOTHING: Final = "img-src data:"
_SERVER: Final = "img-src 'self' data:; connect-src 'self'"
"""What a page may fetch: nothing, or what its own server has."""


class CsvRows(NamedTuple):
    """Rows to train on.

    Attributes:
        file: The name of their file.
        text: The file.
    """

    file: str
    text: str


LARGEST_ROWS: Final = 4 * 2**20
"""Most bytes of rows that a page holds."""


def csv_rows(data: bytes, name: str) -> CsvRows:
    """Return rows for a page; the page reads them, and says what it can't train on.

    Args:
        data: A CSV file.
        name: Its name.

    Raises:
        GraphError: `size` if it is too large for a page, `encoding` if it is not UTF-8.
    """
    if len(data) > LARGEST_ROWS:
        message = f"{printable(name)} has {len(data):,} bytes, more than a page holds"
        expected = f"at most {LARGEST_ROWS // 2**20} MiB"
        fix = "use fewer rows, or train without a page: mgraph train GRAPH ROWS -o run/"
        raise GraphError.of("size", message, expected=expected, fix=fix, file=name)
    try:
        return CsvRows(name, data.decode())
    except UnicodeDecodeError:
        message = f"{printable(name)} is not UTF-8"
        fix = "save it as CSV in UTF-8"
        raise GraphError.of("encoding", message, expected="UTF-8", fix=fix, file=name) from None


def page(
    graph: GraphFile | None,
    name: str,
    *,
    quiz: bool = False,
    rows: CsvRows | None = None,
    served: Mapping[str, Any] | None = None,
) -> Iterator[bytes]:
    """Write the page that shows a graph, in chunks.

    Args:
        graph: The graph, with its runs; None for a page that waits for a link or a file.
        name: The name of its file.
        quiz: Whether the page starts by asking for gradients instead of showing them.
        rows: The rows that the page trains on; None for none.
        served: What a page that a server sends knows of the server, as served.js describes it;
            None for a page that fetches nothing.

    Raises:
        GraphError: `size` if the page could not open the graph.
    """
    embedded = None if rows is None else rows._asdict()
    settings = {"file": name, "version": __version__, "quiz": quiz, "rows": embedded}
    if served is not None:
        settings["served"] = served
    main = MAIN if served is None else SERVED
    before, between, after = _around(main, is_exact=graph is None or _has_exact_runs(graph))
    yield before
    yield inert(json.dumps(settings).encode())
    yield between
    if graph is not None:
        yield from _embedded(graph)
    yield after


def _has_exact_runs(graph: GraphFile) -> bool:
    return any(run.math == EXACT_MATH for run in graph.runs)


def _embedded(graph: GraphFile) -> Iterator[bytes]:
    left = LARGEST
    for chunk in to_json(graph):
        left -= len(chunk)
        if left < 0:
            raise _too_large(graph)
        yield inert(chunk)


def _too_large(graph: GraphFile) -> GraphError:
    size = f"{counted(len(graph.columns), 'node')} with {counted(len(graph.runs), 'run')}"
    message = f"{size} are more than a page can open"
    expected = f"at most {LARGEST // 2**20} MiB as JSON"
    fix = "draw a part of it: mgraph draw GRAPH --around ID -o part.svg"
    return GraphError.of("size", message, expected=expected, fix=fix)


def inert(text: bytes) -> bytes:
    """Escape JSON so that it contains no end of a script and no HTML comment."""
    return text.replace(b"<", b"\\u003c")


@cache
def _around(main: str, *, is_exact: bool) -> tuple[bytes, bytes, bytes]:
    """Return the parts of the page before, between and after the settings and the graph."""
    rules = rules_of(*_STYLES[main])
    code = script(main, *((WITH_EXACT_MATH,) if is_exact else ()))
    policy = policy_of(code, rules, is_served=main == SERVED)
    shell = markup_of("page.html")
    for mark, text in (("POLICY", policy), ("STYLE", rules), ("SCRIPT", code)):
        shell = shell.replace(f"{{{{ {mark} }}}}", text, 1)
    before, rest = shell.split("{{ SETTINGS }}")
    between, after = rest.split("{{ GRAPH }}")
    return before.encode(), between.encode(), after.encode()


def policy_of(code: str, rules: str, *, is_served: bool) -> str:
    """Return the policy of a page: its script, its style, and nothing else runs or is fetched.

    Args:
        code: The script.
        rules: The style.
        is_served: Whether the page may fetch what its own server has.
    """
    sources = _SERVER if is_served else _NOTHING
    return _POLICY.format(script=digest(code), style=digest(rules), sources=sources)


def rules_of(*names: str) -> str:
    """Return the rules of style sheets, with the colours before them, short."""
    sheets = "".join(map(_static, names))
    return _CSS_SPACE.sub("", style.css() + _SPARE.sub("", sheets))


_HEAD: Final = "head.html"
"""What the heads of pages begin with."""


def markup_of(name: str) -> str:
    """Return the markup of a page, short."""
    return _SPARE.sub("", _static(name).replace("{{ HEAD }}", _static(_HEAD)))


def digest(text: str) -> str:
    """Return how a content policy names a script or a style sheet."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def script(main: str = MAIN, *earlier: str) -> str:
    """Join the modules into one script without imports, comments and needless white space.

    Args:
        main: The module that starts the page.
        earlier: Modules that no other one imports, to be run before it.

    Raises:
        LookupError: A module imports a name that the other one does not export.
        graphlib.CycleError: Modules import each other in a circle.
    """
    texts = modules(main, *earlier)
    for name, text in texts.items():
        for names, origin in _IMPORT.findall(text):
            exported = _DECLARED.findall(texts[origin])
            missing = [word for word in names.split(", ") if word not in exported]
            if missing:
                message = f"{name}.js imports {', '.join(missing)}, which {origin}.js lacks"
                raise LookupError(message)
    order = TopologicalSorter({name: _imported(text) for name, text in texts.items()})
    order.add(main, *earlier)
    return "".join(bare(texts[name]) for name in order.static_order())


def modules(*mains: str) -> dict[str, str]:
    """Return the texts of some modules, or of `MAIN`, and of all that they import, by name."""
    texts: dict[str, str] = {}
    wanted = [*(mains or (MAIN,))]
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
    text = _CODE_ONLY.sub(_dense, text)
    text = _BLOCK_SPACE.sub("", _END_COMMENT.sub("", _COMMENT.sub("", text)))
    text = _DECLARATION.sub(r"\1=", text)
    return _LINE_END.sub("", _EXPORT.sub("", _IMPORT.sub("", text)))


def _dense(line: re.Match[str]) -> str:
    """Return a line of code without the spaces around its operators and inside its braces."""
    return _CLOSE_SPACE.sub("", _OPERATOR_SPACE.sub(lambda match: match[1] or ",", line[0]))


def _static(name: str) -> str:
    return files(__name__).joinpath("static", name).read_text(encoding="utf-8")
