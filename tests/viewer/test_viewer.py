"""The page of `mgraph view` as a file: how it is put together, and what its command does."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import re
import shutil
from graphlib import CycleError
from html.parser import HTMLParser
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

import mgraph
from mgraph import viewer
from mgraph.ops import TABLE
from mgraph.viewer import constants, page, script, served
from mgraph.viewer.ops_to_javascript import LANGUAGE, PRIMITIVES, javascript
from tests.command_line import FIXTURES, NEURON, Shell, codes, is_usage_error
from tests.ops.test_table import PRIMITIVES as ALL_PRIMITIVES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return a folder with the neuron in it, where no browser is opened."""
    (tmp_path / "neuron.json").write_bytes(NEURON.read_bytes())
    monkeypatch.setenv("BROWSER", "true")
    return Shell(tmp_path, monkeypatch)


def text_of(path: Path = NEURON, *, quiz: bool = False) -> str:
    """Return the page that shows a graph file."""
    return b"".join(page(mgraph.load(path), path.name, quiz=quiz)).decode()


# --- the table as JavaScript -----------------------------------------------------------------


def test_every_op_and_primitive_is_in_the_page() -> None:
    """The translated table has each row, and ieee.js each primitive that rows may call."""
    assert re.findall(r'^  \["(\w+)", \{$', javascript(), re.MULTILINE) == [op.name for op in TABLE]
    assert sorted(PRIMITIVES) == sorted(ALL_PRIMITIVES)
    exported = viewer.modules()["ieee"].split("const ieee = {")[1].split("};")[0]
    assert re.findall(r"^  (\w+)[:,]", exported, re.MULTILINE) == [*PRIMITIVES]


def test_rows_are_translated_word_by_word() -> None:
    """A row reads in JavaScript as it does in Python; this one was translated by hand."""
    assert "    value: (a, b) => a > b || a !== a ? a : b,\n" in javascript()
    assert "    partials: (x, y) => [1.0 - y * y],\n" in javascript()
    assert "const ramp = (x) => x > 0.0 || x !== x ? x : 0.0;" in javascript()


@pytest.mark.parametrize(
    "source",
    [
        "a / b", "a ** b", "a % b", "1", "True", "'a'", "max(a, b)", "math.exp(a)", "ieee.expm2(a)",
        "ieee.NAN", "c", "a < b < 1.0", "not a", "+a", "a[0]", "[a]", "abs(a, key=b)", "1e999",
        "(lambda: a)()", "a @ b", "a if a is b else b", "f'{a}'", "abs(*a)", "_private(a)",
    ],
)  # fmt: skip
def test_the_translator_refuses_everything_else(source: str) -> None:
    """What formulas may not contain is not translated."""
    with pytest.raises(ValueError, match="no spelling for"):
        LANGUAGE.expression(ast.parse(source, mode="eval").body, {"a": "a", "b": "b"})


# --- the scripts -----------------------------------------------------------------------------

STATIC = files(viewer) / "static"


def joined(monkeypatch: pytest.MonkeyPatch, **modules: str) -> str:
    """Return the script that is made of some modules."""
    monkeypatch.setattr(viewer, "_static", lambda name: modules[name.removesuffix(".js")])
    return str(script.__wrapped__())


def test_scripts_stand_behind_those_that_they_import(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order follows from the imports, which are gone then; so are comments and exports."""
    assert not re.search(r"(^|[;{}])(import|export) ", script(), re.MULTILINE)
    text = joined(
        monkeypatch,
        page='/** Starts. */\nimport { b } from "./b.js";\nimport { a } from "./a.js";\nb(a);\n',
        b='import { a, other } from "./a.js";\n// calls a\nexport function b() {\n  a(other);\n}\n',
        a="export const a = 1;\nexport const other = 2;\n",
    )
    assert text == "const a=1;const other=2;function b(){a(other);}\nb(a);"


MAINS = (viewer.MAIN, viewer.SERVED, served.CLASS)
"""The scripts that start pages."""


@pytest.mark.parametrize("main", MAINS)
def test_scripts_have_no_name_in_common(main: str) -> None:
    """They are joined into one, so that a name at the top level is that of one thing."""
    declared = r"^(?:export )?(?:async )?(?:function\*?|const|let|class) (\w+|[\[{][^\]}]*)"
    names = [
        name.strip()
        for text in viewer.modules(main, viewer.WITH_EXACT_MATH).values()
        for found in re.findall(declared, text, re.MULTILINE)
        for name in found.strip("[{").split(",")
    ]
    assert len(names) > (30 if main == served.CLASS else 300)
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_all_scripts_are_in_a_page() -> None:
    """Some page imports every script there is, directly or not; only those of servers fetch."""
    written = {
        path.name.removesuffix(".js") for path in STATIC.iterdir() if path.name[-3:] == ".js"
    }
    imported = {name for main in (*MAINS, viewer.WITH_EXACT_MATH) for name in viewer.modules(main)}
    assert imported == {*written, "appearance", "constants", "ops"}
    assert {*viewer.modules(viewer.SERVED)} > {*viewer.modules()}
    assert not {"served", "server", "session"} & {*viewer.modules()}


def test_imports_that_can_not_be_joined_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that the other script doesn't export, and scripts that import each other."""
    page, other = 'import { x } from "./a.js";\n', 'import { y } from "./page.js";\n'
    with pytest.raises(LookupError, match=r"page\.js imports x, which a\.js lacks"):
        joined(monkeypatch, page=page, a="export const y = 1;\n")
    with pytest.raises(CycleError):
        joined(monkeypatch, page=f"{page}export const y = 1;\n", a=f"{other}export const x = 1;\n")


@pytest.mark.parametrize("name", ["ops", "constants"])
def test_made_scripts_have_the_types_that_are_declared(name: str) -> None:
    """The declarations, by which scripts are checked, name what the made script exports."""
    declared = (STATIC / f"{name}.d.ts").read_text(encoding="utf-8")
    exported = re.findall(r"^export const (\w+)", viewer.modules()[name], re.MULTILINE)
    assert sorted(re.findall(r"^export const (\w+)", declared, re.MULTILINE)) == sorted(exported)


def test_declared_members_are_those_of_the_made_objects() -> None:
    """Each op has the members of its type; so have the limits and the fields."""
    declared = (STATIC / "ops.d.ts").read_text(encoding="utf-8")
    members = re.findall(r"^  (\w+)[(:]", declared, re.MULTILINE)
    made = javascript()
    for row in made.split("export const OPS")[1].split("  }],\n")[:-1]:
        assert re.findall(r"^    (\w+): ", row, re.MULTILINE) == members
    declared = (STATIC / "constants.d.ts").read_text(encoding="utf-8")
    for name in ("FIELDS", "LIMITS"):
        keys = re.findall(r'"(\w+)"', declared.split(f"{name}: Record<")[1].split(",")[0])
        value = constants.javascript().split(f"{name} = ")[1].split(";\n")[0]
        assert re.findall(r"[{,](\w+):", value) == keys


def test_the_constants_are_those_of_the_docs() -> None:
    """The page has what format.md says of limits, ids and first bytes, and training.md of marks."""
    made = constants.javascript()
    for line in (
        'const VERSIONS = ["1.0","1.1"];',
        'tolerance:["rel","abs"]',
        'const HEADER = ["$schema","name","doc","meta"];',
        'const ID = new RegExp("^[A-Za-z_][A-Za-z0-9_./\\\\[\\\\]-]{0,127}$");',
        'const ID_IN_WORDS = "an ASCII letter or _, then letters, digits and _ . - / [ ], at most ',
        "nodes:10000000,depth:32,text:1024,doc:65536,args:65535,runs:65535}",
        "const INTEGERS = 9007199254740992;",
        "const LONGEST_INTEGER = 4300;",
        "const TOLERANCE = {rel:1e-09,abs:1e-12};",
        'const HASH_NAME = "mgraph1-sha256:";',
        'const SPECIAL = new Map([["nan",NaN],["inf",Infinity],["-inf",-Infinity]]);',
        'MISSING = ["","?","NA","N/A","n/a","#N/A","<NA>","NaN","nan","NULL","null"];',
        '["gzip",[31,139]]',
        "[239,187,191]",
    ):
        assert line in made


class Ids(HTMLParser):
    """The tags of page.html by their ids."""

    def __init__(self) -> None:
        """Read page.html."""
        super().__init__()
        self.tags: dict[str, str] = {}
        self.feed((STATIC / "page.html").read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag if it has an id."""
        if name := dict(attrs).get("id"):
            self.tags[name] = tag


_MADE_WHERE_SERVED = (
    "class-bar", "notice", "other-body", "other-card", "other-title", "saving-as", "saving-fault",
    "saving-form", "saving-needs",
)  # fmt: skip


def test_elements_are_looked_up_as_what_they_are() -> None:
    """elements.js knows each id of page.html, and which kind of element has it."""
    types = {
        "button": "HTMLButtonElement", "input": "HTMLInputElement", "select": "HTMLSelectElement",
        "details": "HTMLDetailsElement", "script": "HTMLScriptElement",
        "dialog": "HTMLDialogElement", "svg": "SVGSVGElement", "canvas": "HTMLCanvasElement",
    }  # fmt: skip
    text = (STATIC / "elements.js").read_text(encoding="utf-8")
    declared = {
        name: kind
        for names, kind in re.findall(r"Record<([^>]*),[\s*]*(\w+)>", text)
        for name in re.findall(r'"([\w-]+)"', names)
    }
    made = {
        "run-a": "HTMLSelectElement",
        "run-b": "HTMLSelectElement",
        "differences": "HTMLElement",
        "saving": "HTMLDialogElement",
        "saving-name": "HTMLInputElement",
        "saving-save": "HTMLButtonElement",
    } | dict.fromkeys(_MADE_WHERE_SERVED, "HTMLElement")
    tags = Ids().tags.items()
    assert declared == {name: types.get(tag, "HTMLElement") for name, tag in tags} | made


def test_no_type_is_left_open() -> None:
    """No comment gives the type any, by which nothing is checked."""
    for path in STATIC.iterdir():
        if path.name.endswith((".js", ".d.ts")):
            types = re.findall(r"\{[^}\n]*(?<!\")\bany\b|: any\b", path.read_text(encoding="utf-8"))
            assert types == [], path.name


# --- the file --------------------------------------------------------------------------------


def test_the_page_is_small_and_complete() -> None:
    """At most 190 KB for the neuron, and nothing in it has an address elsewhere."""
    text = text_of()
    assert len(text.encode()) <= 190_000
    addresses = {*re.findall(r"\bhttps?:[^\s\"'`)]+", text)}
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\{\{ [A-Z]+ \}\}", text)


def test_the_policy_allows_this_script_and_style_only() -> None:
    """Everything is forbidden but the script and the style whose hashes the policy names."""
    text = text_of()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy[1].split("; "))
    for tag, rule in (("<style>", "style-src"), ('<script type="module">', "script-src")):
        content = text.split(tag)[1].split("</")[0] if tag == "<style>" else script()
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
        assert tag + content in text
    assert rules["default-src"] == "'none'"
    assert rules["trusted-types"] == "'none'"
    assert not re.search(r"\son\w+=|\sstyle=", text.split("<body>")[1].split("<script")[0])


def test_data_can_not_leave_its_script() -> None:
    """Whatever texts a graph holds, no `<` of them stands in the page."""
    path = FIXTURES / "run" / "shapes" / "labels.json"
    assert "<script" in path.read_text(encoding="utf-8")
    text = text_of(path)
    embedded = text.split('<script type="application/json" id="graph">')[1].split("</script>")[0]
    assert "<" not in embedded
    assert json.loads(embedded) == json.loads(path.read_bytes())


def test_the_limits_of_writer_and_reader_are_one() -> None:
    """What `mgraph view` writes, the page opens."""
    assert "const LIMITS = {size:67108864," in script()
    assert constants.LARGEST == 67_108_864


def test_nothing_in_the_scripts_reads_markup() -> None:
    """Texts are set as text: no script builds markup from strings, or runs any."""
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\("
    for main in MAINS:
        assert re.findall(banned, script(main)) == []
        assert len(re.findall(r"fetch\(", script(main))) == (main != viewer.MAIN)


# --- the command -----------------------------------------------------------------------------


def test_view_writes_a_page_beside(shell: Shell) -> None:
    """Without -o the page is NAME.view.html here, and the graph is in it."""
    result = shell("view", "neuron.json")
    assert (result.status, result.err) == (0, "")
    assert re.fullmatch(r"wrote neuron\.view\.html: 10 nodes, [\d,]+ bytes\n", result.out)
    assert shell.files() == ["neuron.json", "neuron.view.html"]
    shell("run", "neuron.json")
    assert "wrote neuron.view.html" in shell("view", "neuron.annotated.json").out


def test_view_opens_what_it_wrote(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser gets the page's address, unless told otherwise; without one there is a hint."""
    opened: list[str] = []

    def opening(_: object, url: str, *__: object) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr("webbrowser.GenericBrowser.open", opening)
    monkeypatch.setattr("webbrowser._tryorder", None)
    shell("view", "neuron.json", "-o", "here.html")
    assert opened == [(shell.folder / "here.html").as_uri()]
    assert shell("view", "neuron.json", "--no-open").err == ""
    assert len(opened) == 1
    monkeypatch.setattr("webbrowser.get", lambda: pytest.fail("asked"))
    monkeypatch.setattr("mgraph.cli.view._open", lambda _: False)
    assert shell("view", "neuron.json").err == "hint: open the page in a browser\n"


def test_view_reads_and_writes_streams(shell: Shell) -> None:
    """`-` reads the graph from standard input; the page goes to standard output, unopened."""
    result = shell("view", "-", stdin=NEURON.read_bytes())
    assert result.status == 0
    assert result.raw.startswith(b"<!doctype html>")
    assert '"file": "graph.json"' in result.out
    assert shell("view", "neuron.json", "-o", "-").out == text_of()
    assert shell.files() == ["neuron.json"]


def test_quiz_is_a_setting_of_the_page() -> None:
    """With --quiz the page starts as a quiz; the rest of it is the same."""
    plain, quiz = text_of(), text_of(quiz=True)
    assert quiz == plain.replace('"quiz": false', '"quiz": true')
    assert quiz != plain


def test_view_refuses_as_check_does(shell: Shell) -> None:
    """A bad file gets the diagnostics of `mgraph check`, and no page."""
    bad = FIXTURES / "reject" / "unknown-op" / "typo.json"
    shell.write("bad.json", bad.read_bytes())
    result = shell("view", "bad.json")
    assert (result.status, result.out) == (1, "")
    assert result.err == shell("check", "bad.json").err
    assert shell.files() == ["bad.json", "neuron.json"]


def test_view_refuses_what_the_page_can_not_read(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graph that is too large for the page to open is refused when it would be written."""
    monkeypatch.setattr("mgraph.viewer.LARGEST", 1000)
    result = shell("view", "neuron.json")
    assert result.status == 1
    assert "error[size]: 10 nodes with 1 run are more than a page can open" in result.err
    assert shell.files() == ["neuron.json"]


def test_rows_come_with_the_page(shell: Shell) -> None:
    """With --rows the file is in the settings, whatever it holds; without, there is none."""
    shell.write("it's.csv", "x1,x2\n1,</script><b>\n")
    result = shell("view", "neuron.json", "--rows", "it's.csv", "-o", "-")
    assert (result.status, result.err) == (0, "")
    text = result.out
    settings = text.split('<script type="application/json" id="settings">')[1].split("</script>")[0]
    rows = json.loads(settings)["rows"]
    assert rows == {"file": "it's.csv", "text": "x1,x2\n1,</script><b>\n"}
    assert "<" not in settings
    streamed = shell("view", "neuron.json", "--rows", "-", "-o", "-", stdin=b"x1\n1\n").out
    assert '"rows": {"file": "rows.csv", "text": "x1\\n1\\n"}' in streamed
    assert '"rows": null' in text_of()


def test_rows_that_do_not_fit_the_graph(shell: Shell) -> None:
    """A header without the inputs is refused, and no page written; classes may have any name."""
    shell("new", "--mlp", "2,1", "--loss", "hinge", "-o", "net.json")
    shell("new", "L = w*2", "--param", "w=1", "-o", "known.json")
    for text, graph, code in (
        ("x1,x2,moon\n1,2,a\n", "net.json", ""),
        ('\ufeff\n"x1",y,x2\n1,1,2\n', "net.json", ""),
        ("a\u2028b,x1,x2,moon\n0,1,2,a\n", "net.json", ""),  # not the end of a line
        ("x1;x2;moon\n1;2;a\n", "net.json", "unbound-input"),
        ('[{"x1": 1.0, "x2": 2.0, "y": 1}]\n', "net.json", "unbound-input"),
        ("x1,moon\n1,a\n", "net.json", "unbound-input"),
        ("x1,x2\n1,2\n", "net.json", "unbound-input"),  # no column is left for y
        ("", "net.json", "unbound-input"),
        ("a" * 200_000 + "\n1\n", "net.json", "unbound-input"),
        ("a,b\n1,2\n", "known.json", "column"),
    ):
        shell.write("r.csv", text)
        for where in (["-o", "p.html"], ["--site", "site"]):
            result = shell("view", graph, "--rows", "r.csv", *where)
            assert codes(result) == ([code] if code else []), text[:40]
            assert result.status == (1 if code else 0)
        if code:
            assert not shell.path("p.html").exists()
            assert not shell.path("site").exists()
        else:
            shell.path("p.html").unlink()
            shutil.rmtree(shell.path("site"))
    err = shell("view", "net.json", "--rows", "r.csv").err
    assert 'the inputs "x1", "x2" have neither a column in r.csv nor a declared value\n' in err
    assert 'whose first line has the names of the columns; here these are "a", "b"\n' in err
    assert "put commas between them\n" in err


def test_rows_that_a_page_does_not_hold(shell: Shell) -> None:
    """Too many bytes, other encodings, no file: the diagnostic says what to do; no page."""
    shell.write("large.csv", b"x1\n" + b"1\n" * 2**21)
    shell.write("latin.csv", "x1\n\xe9\n".encode("latin-1"))
    for name, code, words in (
        ("large.csv", "size", "or train without a page: mgraph train GRAPH ROWS -o run/"),
        ("latin.csv", "encoding", "save it as CSV in UTF-8"),
        ("none.csv", "io", "can't read none.csv"),
    ):
        result = shell("view", "neuron.json", "--rows", name)
        assert (result.status, codes(result)) == (1, [code])
        assert words in result.err
    assert is_usage_error(shell("view", "-", "--rows", "-"), "only one of the graph and the rows")
    assert "neuron.view.html" not in shell.files()
