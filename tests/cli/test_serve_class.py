"""`mgraph serve --class`: what is refused before anything is served, and what is printed."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from mgraph.client import Client, ServerError
from mgraph.service.store.files import FileStore
from tests.command_line import NEURON, Shell, codes, is_usage_error
from tests.service.classroom import CLASS, held

if TYPE_CHECKING:
    from pathlib import Path

LESSON = b'{"mgraph": "1.0", "nodes": [{"id": "a", "op": "input", "data": 2.0}], "outputs": ["a"]}'
"""A graph that is not the neuron."""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--graph", "neuron.json"], "--graph needs the name of a class"),
        (["--class", "a", "--graph", "neuron.json", "--read-only"], "--graph stores a graph"),
    ],
)
def test_options_that_do_not_go_together(shell: Shell, options: list[str], words: str) -> None:
    """A wrong command line says what to add or to leave out."""
    said = shell("serve", *options)
    assert is_usage_error(said)
    assert words in said.err


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return a folder with the neuron in it."""
    shell = Shell(tmp_path, monkeypatch)
    shell.write("neuron.json", NEURON.read_bytes())
    return shell


def test_what_is_wrong_is_said_before_anything_is_served(shell: Shell) -> None:
    """A class that can't be called so, and a graph that is none: no server, and no store."""
    said = shell("serve", "shared", "--class", "Class 7a")
    assert (said.status, codes(said)) == (1, ["name"])
    assert "for example class-7a" in said.err
    shell.write("wrong.json", b'{"mgraph": "1.0", "nodes": [], "outputs": ["y"]}')
    said = shell("serve", "--class", "class-7a", "--graph", "wrong.json")
    assert said.status == 1
    assert said.err.startswith("wrong.json:")
    assert shell("serve", "--class", "class-7a", "--graph", "missing.json").status == 1
    assert "shared" not in shell.files()


def test_a_class_with_a_store(tmp_path: Path) -> None:
    """The graph has the class's name; the token adds names below it for a day, and no longer."""
    with held(tmp_path, "shared", "--need-token") as room:
        assert room.link == f"{room.url}/c/{CLASS}#token={room.secret}"
        with Client(room.url, room.secret) as pupil:
            assert pupil.get_bytes(CLASS) == NEURON.read_bytes()
            pupil.put(NEURON.read_bytes(), f"{CLASS}/ada")
            with pytest.raises(ServerError) as caught:
                pupil.put(NEURON.read_bytes(), "class-7b/ada")
            assert caught.value.status == 403
    (token,) = FileStore(str(tmp_path / "shared")).tokens()
    ends = datetime.fromisoformat(token.expires).timestamp()
    assert 86_000 < ends - time.time() <= 86_400
    assert room.secret not in str(token)


@pytest.mark.parametrize("options", [["--read-only", "--need-token"], []])
def test_a_link_without_a_token(tmp_path: Path, options: list[str]) -> None:
    """Where nothing can be stored, or storing takes none, the link has no token."""
    with held(tmp_path, *options, graph=None) as room:
        assert room.link == f"{room.url}/c/{CLASS}"


def test_a_start_that_fails_leaves_the_class_as_it_is(tmp_path: Path, shell: Shell) -> None:
    """Where the port is taken, nothing is stored, though the graph and the class are valid."""
    shell.write("lesson.json", LESSON)
    with held(tmp_path, "shared") as room:
        port = room.url.rpartition(":")[2]
        line = ("serve", "shared", "--port", port, "--class", CLASS, "--graph", "lesson.json")
        said = shell(*line)
        assert (said.status, codes(said)) == (1, ["io"])
        assert room.ask(f"/api/graphs/{CLASS}")[1] == json.loads(NEURON.read_bytes())


def test_a_graph_that_replaces_another_is_said(tmp_path: Path) -> None:
    """The note has the id of the graph before, which is still there; the same graph has no note."""
    lesson = tmp_path / "lesson.json"
    lesson.write_bytes(LESSON)
    before = f"sha256:{hashlib.sha256(NEURON.read_bytes()).hexdigest()}"
    for graph, notes in ((NEURON, 0), (NEURON, 0), (lesson, 1)):
        with held(tmp_path, "shared", graph=graph) as room:
            said = room.log.read_text()
            assert said.count(f"{CLASS} showed another graph before") == notes, graph
    assert f"/g/{before}" in said


def test_what_can_not_be_a_class_is_named_for_its_option(shell: Shell) -> None:
    """Without a graph, too, the diagnostic says which option is wrong."""
    assert shell("serve", "--class", "Class 7a").err.startswith("--class: error[name]")
