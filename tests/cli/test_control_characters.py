"""No command prints what a terminal would obey or hide: not from files, not from arguments."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click
import pytest

from tests.cli.test_terminal import on_terminal
from tests.command_line import NEURON, process, strict_json

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Said, Shell

EVIL = "\x1b[31m\u009b\u202e\u2066\x7f\U000e0001Z"
"""ESC and C1, which start sequences; two bidirectional controls; DEL; an invisible tag."""

ON_POSIX = pytest.mark.skipif(os.name != "posix", reason="ptys as POSIX has them")


def document() -> dict[str, Any]:
    """Return the neuron with such characters wherever a file may hold a text."""
    evil: dict[str, Any] = json.loads(NEURON.read_text(encoding="utf-8"))
    evil |= {"name": EVIL, "doc": EVIL, "meta": {EVIL: [EVIL]}}
    for node in evil["nodes"]:
        node |= {"label": EVIL, "doc": EVIL, "meta": EVIL}
    evil["runs"][0]["origin"] = EVIL
    return evil


@pytest.fixture
def evil(mgraph: Shell) -> Shell:
    """Return a folder with such a file, one that is wrong, and one with such a name."""
    mgraph.write("evil.json", document())
    wrong = document() | {EVIL: 1}
    wrong["nodes"][0] |= {"id": EVIL, "op": EVIL}
    mgraph.write("wrong.json", wrong)
    mgraph.write(f"{EVIL}.json", document())
    return mgraph


def raw(text: str) -> list[str]:
    """Return the characters of a text that are neither printable nor the end of a line."""
    return sorted({c for c in text if not c.isprintable() and c not in "\n\t"})


def is_clean(said: Said) -> bool:
    """Whether both streams are safe to look at."""
    return not raw(said.out) and not raw(said.err)


@ON_POSIX
def test_rows_on_a_terminal(evil: Shell) -> None:
    """Texts of a table are escaped on a terminal, and stay what they are in a pipe."""
    name = evil.write(f"{EVIL}.csv", f"{EVIL},x1\n{EVIL},1\n".encode())
    line = ("replay", "neuron.json", name, "-o", "-")
    status, seen = on_terminal(*line, cwd=evil.folder)
    assert (status, raw(click.unstyle(seen))) == (0, [])
    assert evil(*line).out.splitlines()[1].startswith(f"{EVIL},1,")
    assert is_clean(evil(*line[:-1], f"{EVIL}.csv"))
    status, seen = on_terminal(*line, "--format", "arrow", cwd=evil.folder)
    assert status == 1
    assert "binary data would garble the terminal" in seen


@pytest.mark.parametrize(
    "line",
    [
        "run evil.json --json -o *.json", "check --json evil.json wrong.json *.json",
        "test --json evil.json wrong.json *.json", "diff --json evil.json neuron.json",
        "explain evil.json x1 --json", "step evil.json --json", "gradcheck evil.json --json",
        "run wrong.json --json",
    ],
)  # fmt: skip
def test_json_escapes_them(evil: Shell, line: str) -> None:
    """`--json` writes them as JSON does, so that a program reads the very same text."""
    said = evil(*line.replace("*", EVIL).split(" "))
    assert is_clean(said)
    if said.raw:
        assert isinstance(said.json, dict)


def test_json_keeps_the_text(evil: Shell) -> None:
    """What is escaped is not lost, and other scripts stay readable."""
    evil.write("evil.json", document() | {"name": f"{EVIL} naïve 神経 😀"})
    said = evil("run", "evil.json", "--json")
    assert said.json["name"] == f"{EVIL} naïve 神経 😀"
    assert (
        r"\u001b[31m\u009b\u202e\u2066\u007f\udb40\udc01Z naïve 神経 😀"
        in said.out
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "*", "--*", "run *", "run neuron.json *", "run neuron.json --*", "run neuron.json --set *",
        "run neuron.json --set x1=*", "run neuron.json --set *=1", "run neuron.json --output *",
        "run neuron.json --engine *", "run neuron.json --limit *",
        "run neuron.json --limit nodes=*",
        "run neuron.json -o *", "run neuron.json -o *.json", "new *", "new y=x --param *",
        "new y=x --output *", "new --mlp *", "new --mlp 2,1 --activation *", "new y=x -o *",
        "new y=x -o *.json", "trace *", "view neuron.json -o *", "view *.json --no-open",
        "explain neuron.json *", "explain *.json x1 --run 77", "explain neuron.json x1 --paths *",
        "step neuron.json --set *=1", "gradcheck neuron.json --leaf *", "check *", "test * *.json",
        "test --rel *", "diff * neuron.json", "diff neuron.json neuron.json *", "grade *:Value",
        "grade --cmd *", "convert neuron.json *", "convert neuron.json a.json --to *", "ops *",
        "store *", "store verify *", "store add s *", "store add s neuron.json --prefix *",
        "store add s *.json --prefix a", "store rm s *", "token new s --prefix *", "token list *",
        "token new s --note *", "token new s --bytes *", "token revoke s *",
        "run evil.json", "explain evil.json x1", "explain evil.json x1 --latex", "step evil.json",
        "gradcheck evil.json", "check wrong.json", "test evil.json", "diff neuron.json evil.json",
    ],
)  # fmt: skip
def test_messages_escape_them(evil: Shell, line: str) -> None:
    """Whatever is repeated from an argument or a file is safe to look at."""
    assert is_clean(evil(*line.replace("*", EVIL).split(" ")))


@ON_POSIX
@pytest.mark.parametrize("line", ["convert evil.json -", "run evil.json -o -"])
def test_a_graph_on_a_terminal(tmp_path: Path, line: str) -> None:
    """On a terminal, JSON is escaped and still the same document; a pipe gets the file as it is."""
    (tmp_path / "evil.json").write_text(json.dumps(document()), encoding="utf-8")
    status, shown = on_terminal(*line.split(), cwd=tmp_path, NO_COLOR="1")
    assert (status, raw(shown)) == (0, [])
    text = shown[shown.index('{\n  "mgraph"') : shown.rindex("\n}") + 2]
    assert strict_json(text)["name"] == EVIL
    assert EVIL[1:].encode().split(b"\x7f")[0] in process(*line.split(), cwd=tmp_path).raw


@ON_POSIX
def test_a_page_on_a_terminal(tmp_path: Path) -> None:
    """A page is text, too: nothing in it is obeyed when somebody looks at it."""
    (tmp_path / "evil.json").write_text(json.dumps(document()), encoding="utf-8")
    status, shown = on_terminal("view", "evil.json", "-o", "-", cwd=tmp_path, NO_COLOR="1")
    assert (status, raw(shown)) == (0, [])
    assert "<html" in shown


@ON_POSIX
def test_binary_data_are_not_for_a_terminal(tmp_path: Path) -> None:
    """Msgpack would garble the terminal: it is refused there, and not in a pipe."""
    (tmp_path / "neuron.json").write_bytes(NEURON.read_bytes())
    assert process("convert", "neuron.json", "n.msgpack", cwd=tmp_path).status == 0
    status, shown = on_terminal("convert", "n.msgpack", "-", cwd=tmp_path, NO_COLOR="1")
    assert (status, raw(shown)) == (1, [])
    assert "error[io]: binary data would garble the terminal" in shown
    assert "write to a file, or pipe it into another command" in shown
    data = (tmp_path / "n.msgpack").read_bytes()
    assert process("convert", "n.msgpack", "-", cwd=tmp_path).raw == data
