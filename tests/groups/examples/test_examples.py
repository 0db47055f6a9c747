"""The example engines: they keep the protocol, and give the numbers that golden files expect."""

from __future__ import annotations

import json
import os
import random
import re
import select
import shutil
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

import mgraph
from mgraph.golden.rerun import mismatches
from mgraph.graph.run import DEFAULT, EXACT
from mgraph.ops import LEAVES
from tests.cli import test_cli
from tests.command_line import FIXTURES, HERE, NEURON, Said, Shell, environment, strict_json
from tests.reference.evaluate import in_evaluation_order
from tests.reference.reading import nodes_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

EXAMPLES = HERE.parent / "examples"
GOLDEN = [NEURON, *sorted((FIXTURES / "run").rglob("*.json"))]
REFUSED = sorted(
    path
    for path in (FIXTURES / "reject").rglob("*.*")
    if path.suffix in (".json", ".msgpack") and not path.name.endswith(".diagnostic.json")
)
FEW_OPS = {"add", "sub", "mul", "neg", "abs", "atan", "tanh", "relu", *LEAVES}
"""What the engine in Python knows."""

SENTENCE = re.compile(r"[^\x00-\x1f]+\n")


@pytest.fixture(scope="session")
def of_javascript() -> list[str]:
    """Return the command of the engine in JavaScript."""
    return ["node", str(EXAMPLES / "javascript" / "engine.mjs")]


@pytest.fixture(scope="session")
def of_c(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Build the engine in C as its README says, warnings being errors; return its command."""
    folder = tmp_path_factory.mktemp("examples") / "c"
    shutil.copytree(EXAMPLES / "c", folder, ignore=shutil.ignore_patterns("engine"))
    flags = "CFLAGS=-O2 -Wall -Wextra -Wpedantic -Werror"
    subprocess.run(["make", "--directory", folder, flags], check=True)
    return [str(folder / "engine")]


@pytest.fixture(scope="session")
def of_python() -> list[str]:
    """Return the command of the engine in Python."""
    return [sys.executable, str(EXAMPLES / "python" / "engine.py")]


@pytest.fixture(scope="session", params=["javascript", "c"])
def engine(request: pytest.FixtureRequest) -> list[str]:
    """Return the command of an engine that knows the whole format."""
    command: list[str] = request.getfixturevalue(f"of_{request.param}")
    return command


@pytest.fixture(scope="session", params=["javascript", "c", "python"])
def any_engine(request: pytest.FixtureRequest) -> list[str]:
    """Return the command of an engine."""
    command: list[str] = request.getfixturevalue(f"of_{request.param}")
    return command


def asked(engine: Sequence[str], stdin: bytes) -> Said:
    """Run an engine."""
    done = subprocess.run(engine, input=stdin, capture_output=True, check=False, timeout=120)
    return Said(done.returncode, done.stdout, done.stderr)


def line_of(document: object) -> bytes:
    """Write a document as a line; texts as they are, not escaped."""
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


def answers(engine: Sequence[str], *documents: object) -> list[Any]:
    """Return what an engine answers to documents, a line each."""
    result = asked(engine, b"".join(map(line_of, documents)))
    assert (result.status, result.err) == (0, "")
    lines = result.raw.split(b"\n")  # not splitlines, for which U+2028 ends a line
    assert lines.pop() == b""
    return [strict_json(line) for line in lines]


@cache
def content(path: Path) -> dict[str, Any]:
    """Return the plain data of a golden file."""
    document: dict[str, Any] = strict_json(path.read_bytes())
    return document


@cache
def loaded(path: Path) -> mgraph.Graph:
    """Return the graph of a golden file."""
    return mgraph.load(path)


def questions(path: Path) -> Iterator[dict[str, Any]]:
    """Yield a golden file once for each of its runs, with what an engine may see of it."""
    for run in content(path)["runs"]:
        given = {key: run[key] for key in ("inputs", "seed") if key in run}
        yield {**content(path), "runs": [given]}


def wrong(answer: Mapping[str, Any], path: Path, number: int) -> list[str]:
    """Return what is wrong with an answer to a run of a golden file."""
    got, golden = mgraph.loads(json.dumps(answer)), loaded(path)
    assert got.hash == golden.hash, path
    assert {**answer, "runs": ()} == {**content(path), "runs": ()}
    want = golden.runs[number]
    found = mismatches(got.runs[0], want, want.tolerance or DEFAULT)
    return [f"{path.name}, run {number}: {each}" for each in found]


def test_every_golden_run(engine: list[str]) -> None:
    """In one process, an engine gives what every run of every file expects, and loses nothing."""
    cases = [(path, i, each) for path in GOLDEN for i, each in enumerate(questions(path))]
    assert len(cases) > 1000
    got = answers(engine, *(question for _, _, question in cases))
    for (path, i, _), answer in zip(cases, got, strict=True):
        assert wrong(answer, path, i) == []


def test_the_small_engine_where_it_can(of_python: list[str]) -> None:
    """The engine in Python gives what the files expect whose ops it knows, one a process."""
    done = 0
    for path in GOLDEN:
        if not {node["op"] for node in content(path)["nodes"]} <= FEW_OPS:
            continue
        question = next(questions(path))
        result = asked(of_python, line_of(question))
        if result.status == 3:
            assert [*nodes_of(question)] != [*in_evaluation_order(nodes_of(question))], path
            assert result.err == "unsupported: a node that comes before its arguments\n"
            continue
        assert wrong(result.json, path, 0) == []
        done += 1
    assert done > 30


def test_two_documents_for_the_small_engine(of_python: list[str]) -> None:
    """The engine in Python takes its input as one document, and fails when there are two."""
    result = asked(of_python, 2 * line_of(next(questions(NEURON))))
    assert (result.status, result.out) == (1, "")
    assert SENTENCE.fullmatch(result.err)


def test_a_file_as_people_write_it(any_engine: list[str]) -> None:
    """A document over many lines is one document."""
    assert NEURON.read_bytes().count(b"\n") > 10
    result = asked(any_engine, NEURON.read_bytes())
    assert wrong(result.json, NEURON, 0) == []


def test_answers_come_one_by_one(engine: list[str]) -> None:
    """A line is answered before the next is there."""
    question = line_of(next(questions(NEURON)))
    with subprocess.Popen(engine, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        for _ in range(3):
            process.stdin.write(question)
            process.stdin.flush()
            came, _, _ = select.select([process.stdout], [], [], 60)
            if not came:
                process.kill()
            assert wrong(json.loads(process.stdout.readline()), NEURON, 0) == []
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0


def test_no_input(engine: list[str]) -> None:
    """Where there is no document, there is no answer."""
    for nothing in (b"", b" \r\n\n"):
        result = asked(engine, nothing)
        assert (result.status, result.out, result.err) == (0, "", "")


def chain(length: int) -> dict[str, Any]:
    """Return a graph that negates 0.5 over and over."""
    leaf = {"id": "n0", "op": "param", "data": 0.5}
    nodes = [{"id": f"n{i}", "op": "neg", "args": [f"n{i - 1}"]} for i in range(1, length)]
    return {
        "mgraph": "1.0",
        "nodes": [leaf, *nodes],
        "outputs": [f"n{length - 1}"],
        "runs": [{}],
    }


def test_a_deep_chain(engine: list[str]) -> None:
    """A graph may be deeper than any stack, and stand in the file the wrong way round."""
    length = 50_000
    question = chain(length)
    upside_down = {**question, "nodes": question["nodes"][::-1]}
    for answer in answers(engine, question, upside_down):
        (run,) = answer["runs"]
        assert run["data"] == {f"n{i}": 0.5 * (-1) ** i for i in range(length)}
        assert run["grad"] == {f"n{i}": (-1.0) ** (length - 1 - i) for i in range(length)}


def test_a_sum_of_as_many_as_may_be(engine: list[str]) -> None:
    """A node may have 65,535 arguments."""
    ids = [f"n{i}" for i in range(65_535)]
    leaves = [{"id": name, "op": "input", "data": 0.5} for name in ids]
    nodes = [*leaves, {"id": "y", "op": "sum", "args": ids}]
    question = {"mgraph": "1.0", "nodes": nodes, "outputs": ["y"], "runs": [{}]}
    (answer,) = answers(engine, question)
    assert answer["runs"][0]["data"]["y"] == 32_767.5
    assert answer["runs"][0]["grad"] == dict.fromkeys([*ids, "y"], 1)


def shuffled(source: random.Random) -> dict[str, Any]:
    """Return a graph whose nodes stand in the file in any order."""
    nodes: list[dict[str, Any]] = [
        {"id": f"n{i}", "op": "input", "data": source.uniform(-1, 1)} for i in range(20)
    ]
    for i in range(20, 300):
        args = [f"n{source.randrange(i)}" for _ in range(source.randint(1, 4))]
        nodes.append({"id": f"n{i}", "op": "sum", "args": args})
    source.shuffle(nodes)
    return {"mgraph": "1.0", "nodes": nodes, "outputs": ["n299"], "runs": [{}]}


def test_the_order_of_evaluation(engine: list[str]) -> None:
    """Nodes go as the reference sorts them, and so they are listed."""
    source = random.Random(7)  # noqa: S311 - scattered, not secret
    documents = [shuffled(source) for _ in range(20)]
    for question, answer in zip(documents, answers(engine, *documents), strict=True):
        order = [node.id for node in in_evaluation_order(nodes_of(question))]
        assert [*answer["runs"][0]["data"]] == order


NUMBERS = (
    *(0.0, -0.0, 5e-324, -2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1 / 3, -1e-7),
    *(9007199254740993.0, 0.30000000000000004, 123456789012345.67),
)


def test_numbers_come_back(engine: list[str]) -> None:
    """Every double is written so that it reads back with the same bits, the sign of zero too."""
    texts = [*map(repr, NUMBERS), '"nan"', '"inf"', '"-inf"', "-0", "12345678901234567890123"]
    nodes = [f'{{"id": "x{i}", "op": "param", "data": {x}}}' for i, x in enumerate(texts)]
    line = f'{{"mgraph": "1.0", "nodes": [{", ".join(nodes)}], "outputs": ["x0"], "runs": [{{}}]}}'
    graph = mgraph.loads(asked(engine, line.encode()).raw)
    want = [*NUMBERS, float("nan"), float("inf"), float("-inf"), -0.0, 12345678901234567890123.0]
    data = graph.runs[0].data
    assert data is not None
    for i, x in enumerate(want):
        assert EXACT.allows(data[f"x{i}"], x)
        assert EXACT.allows(graph.values()[f"x{i}"].data, x)


def neuron(**changes: object) -> dict[str, Any]:
    """Return the golden neuron without its expectations, with some fields changed."""
    return {**next(questions(NEURON)), **changes}


X = {"id": "x", "op": "input", "data": 1.0}
UNSUPPORTED = {
    "op": neuron(nodes=[X, {"id": "y", "op": "gamma", "args": ["x"]}], outputs=["y"]),
    "constructor": neuron(nodes=[X, {"id": "y", "op": "constructor", "args": ["x"]}]),
    "escapes": neuron(nodes=[X, {"id": "y", "op": "\x1b[31m\n", "args": ["x"]}]),
    "minor version": neuron(mgraph="1.2"),
    "major version": neuron(mgraph="2.0"),
}
FAULTS = {
    "half": line_of(neuron())[:300],
    "half of many lines": NEURON.read_bytes()[:300],
    "msgpack": b"\x83\xa6mgraph\xa31.0",
    "no utf-8": line_of(neuron()).replace(b"tanh", b"\xff\xfe"),
    "a list": b"[]\n",
    "null": b"null\n",
    "no graph": b'{"nodes": []}\n',
    "no nodes": line_of(neuron(nodes=None)),
    "no run": line_of(neuron(runs=[])),
    "two runs": line_of(neuron(runs=[{}, {}])),
    "two arguments": line_of(neuron(nodes=[X, {"id": "y", "op": "neg", "args": ["x", "x"]}])),
    "no value": line_of(neuron(nodes=[{"id": "x", "op": "input"}], outputs=["x"])),
    "no number": line_of(neuron(nodes=[{**X, "data": "one"}], outputs=["x"])),
}
FAULTS_OF_FEW = {  # the engine in Python takes files to be what `mgraph check` accepts
    "no argument": line_of(neuron(nodes=[X, {"id": "y", "op": "neg", "args": ["z"]}])),
    "overflow": line_of(neuron(nodes=[X], outputs=["x"])).replace(b"1.0}", b"1e400}"),
    "a cycle": line_of(neuron(nodes=[X, {"id": "y", "op": "neg", "args": ["y"]}], outputs=["y"])),
    "two of an id": line_of(neuron(nodes=[X, X], outputs=["x"])),
    "an id that is none": line_of(neuron(nodes=[{"id": "\x1b[31m\n", "op": "input"}])),
    "no output": line_of(neuron(outputs=["z"])),
    "no outputs": line_of(neuron(outputs=[])),
    "no seed": line_of(neuron(outputs=["o", "n"])),
    "a seed inside": line_of(neuron(runs=[{"seed": {"n": 1.0}}])),
    "an infinite seed": line_of(neuron(runs=[{"seed": {"o": "inf"}}])),
    "an op set": line_of(neuron(runs=[{"inputs": {"o": 1.0}}])),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_an_engine_cannot_do(any_engine: list[str], name: str) -> None:
    """An unknown op or version is unsupported: status 3, a sentence, no answer."""
    result = asked(any_engine, line_of(UNSUPPORTED[name]))
    assert (result.status, result.out) == (3, "")
    assert SENTENCE.fullmatch(result.err)
    assert result.err.startswith("unsupported: ")


@pytest.mark.parametrize("name", FAULTS)
def test_faults(any_engine: list[str], name: str) -> None:
    """What is no graph to run gets status 1, a sentence, no answer."""
    result = asked(any_engine, FAULTS[name])
    assert (result.status, result.out) == (1, "")
    assert SENTENCE.fullmatch(result.err)
    assert not result.err.startswith("unsupported: ")


@pytest.mark.parametrize("name", FAULTS_OF_FEW)
def test_faults_of_graphs(engine: list[str], name: str) -> None:
    """So does a graph that makes no sense."""
    result = asked(engine, FAULTS_OF_FEW[name])
    assert (result.status, result.out) == (1, "")
    assert SENTENCE.fullmatch(result.err)


def test_texts_come_back(any_engine: list[str]) -> None:
    """A text may hold every character, and ends no line."""
    text = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x10000, 7), 0x1F600, 0x10FFFF)))
    question = neuron(doc=text, meta={"": [None, True, text, {}, [], -1.5]})
    answer = asked(any_engine, line_of(question)).json
    assert {**answer, "runs": ()} == {**question, "runs": ()}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a disk always full")
def test_a_full_disk(any_engine: list[str]) -> None:
    """An answer that can't be written is a fault."""
    with open("/dev/full", "wb") as full:
        question = line_of(neuron())
        done = subprocess.run(
            any_engine, input=question, stdout=full, stderr=subprocess.PIPE, check=False,
            env=environment(),
        )  # fmt: skip
    assert done.returncode == 1
    assert SENTENCE.fullmatch(done.stderr.decode())


def test_answers_before_a_fault(engine: list[str]) -> None:
    """What was asked before the line that an engine can't do is answered."""
    good = line_of(neuron())
    result = asked(engine, good + good + line_of(UNSUPPORTED["op"]) + good)
    assert (result.status, result.raw.count(b"\n")) == (3, 2)


def test_refused_files(of_c: list[str]) -> None:
    """No file that must be refused makes the engine in C crash."""
    for path in REFUSED:
        result = asked(of_c, path.read_bytes())
        assert result.status in {0, 1, 3}, path


def documents_shown() -> list[str]:
    """Return the documents that the README shows."""
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_readme(any_engine: list[str]) -> None:
    """The README's question is answered as it shows."""
    question, answer = documents_shown()
    assert asked(any_engine, question.encode()).json == json.loads(answer)


@pytest.mark.parametrize("name", ["of_javascript", "of_c"])
def test_example_engines(name: str, mgraph: Shell, request: pytest.FixtureRequest) -> None:
    """The examples in other languages give every number of the golden set."""
    command = " ".join(request.getfixturevalue(name))
    result = mgraph("grade", "--cmd", command, "--json")
    assert result.status == 0
    assert {each["outcome"] for each in result.json["cases"]} == {"ok"}


@pytest.mark.parametrize(("name", "line"), test_cli.WITH_NODE)
def test_examples_of_help_texts(name: str, line: str, tmp_path: Path) -> None:
    """The examples of help texts that need node work when they are typed into a shell."""
    test_cli.assert_works(name, line, tmp_path)


def test_there_are_such_examples() -> None:
    """One at least."""
    assert test_cli.WITH_NODE
