"""The page's reader and engine in a browser: the fixtures, bit for bit or within 4 ulp."""

from __future__ import annotations

import base64
import json
import struct
from math import copysign
from typing import TYPE_CHECKING

import msgpack
import pytest

import mgraph
from mgraph.graph.run import DEFAULT, EXACT, Tolerance
from mgraph.ops import LEAVES, OPS
from tests.command_line import FIXTURES, HERE, NEURON
from tests.groups.browser.chromium import READY
from tests.groups.browser.page import GOLDEN, both, page_file, runs_of
from tests.loops import looped

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page


LIBM_ULP = 4
ASKS = """async ([data, questions]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const graph = await mgraph.readGraph(bytes);
  return questions.map(([inputs, seed]) => {
    const leaves = graph.data.slice();
    for (const [id, bits] of inputs) leaves[graph.index.get(id)] = fromBits(bits);
    const seeds = new Map(seed.map(([id, bits]) => [graph.index.get(id), fromBits(bits)]));
    const { primals, adjoints, has } = mgraph.evaluate(graph, leaves, seeds);
    return graph.ids.map((id, i) => [id, toBits(primals[i]), has[i] ? toBits(adjoints[i]) : null]);
  });
  function fromBits(bits) {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, BigInt(bits));
    return view.getFloat64(0);
  }
  function toBits(x) {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, x);
    return String(view.getBigUint64(0));
  }
}"""


def bits_of(x: float) -> str:
    """Return the bits of a double, as the page takes them."""
    return str(int.from_bytes(struct.pack(">d", x), "big"))


def double_of(bits: str) -> float:
    """Return the double that the page gave as bits."""
    value: float = struct.unpack(">d", int(bits).to_bytes(8, "big"))[0]
    return value


def ulp_between(a: float, b: float) -> int:
    """Return how many doubles lie between two; NaN is next to NaN only."""
    if a != a or b != b:
        return 0 if a != a and b != b else 2**64
    places = [int(bits_of(abs(x))) * int(copysign(1, x)) for x in (a, b)]
    return abs(places[0] - places[1])


def answers(page: Page, path: Path) -> list[dict[str, tuple[float, float | None]]]:
    """Return what the page's engine gives for the runs of a file: data and grad by id."""
    outputs = mgraph.load(path).outputs
    asked = [
        [
            [[name, bits_of(x)] for name, x in run.inputs.items()],
            [[name, bits_of(x)] for name, x in (run.seed or {outputs[0]: 1.0}).items()],
        ]
        for run in runs_of(path)
    ]
    found = page.evaluate(ASKS, [base64.b64encode(path.read_bytes()).decode(), asked])
    return [
        {
            name: (double_of(data), None if grad is None else double_of(grad))
            for name, data, grad in run
        }
        for run in found
    ]


@pytest.fixture(scope="session")
def engine(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Return a page whose engine is asked directly."""
    path = page_file(tmp_path_factory.mktemp("engine"), NEURON)
    page = browser.new_context().new_page()
    page.goto(path.as_uri())
    page.wait_for_selector(READY)
    return page


def only_exact(path: Path) -> bool:
    """Whether a graph has only ops with one right answer."""
    columns = mgraph.load(path).columns
    ops = {columns.op(i) for i in range(len(columns))} - {*LEAVES}
    return all(OPS[op].exact for op in ops)


@looped("path", GOLDEN)
def test_the_engine_gives_what_the_fixtures_say(engine: Page, path: Path) -> None:
    """Every run within its tolerance, and who has no gradient; exact ops give the same bits."""
    exactly = only_exact(path) and path.parent.name == "ops"
    for run, got in zip(runs_of(path), answers(engine, path), strict=True):
        tolerance: Tolerance = EXACT if exactly else run.tolerance or DEFAULT
        for name, want in (run.data or {}).items():
            assert tolerance.allows(got[name][0], want), (name, "data", got[name][0], want)
        for name, want in (run.grad or {}).items():
            grad = got[name][1]
            assert grad is not None
            assert tolerance.allows(grad, want), (name, "grad", grad, want)
        if run.grad is not None and run.data is not None and len(run.data) == len(got):
            assert {name for name, (_, grad) in got.items() if grad is not None} == {*run.grad}


@pytest.mark.parametrize(
    "path", [each for each in GOLDEN if only_exact(each)], ids=lambda path: path.stem
)
def test_exact_ops_give_the_bits_of_the_other_engine(engine: Page, path: Path) -> None:
    """Where only exact ops are passed, browser and Python agree bit for bit, signs of zero too."""
    graph = mgraph.load(path)
    for run, got in zip(runs_of(path), answers(engine, path), strict=True):
        data, grads = both(graph, run.inputs, run.seed)
        for name, (value, grad) in got.items():
            assert EXACT.allows(value, data[name]), name
            assert (grad is None) == (name not in grads)
            assert grad is None or EXACT.allows(grad, grads[name]), name


@pytest.mark.parametrize(
    "path", sorted((FIXTURES / "run" / "ops").glob("*.json")), ids=lambda path: path.stem
)
def test_each_libm_op_is_near_the_right_answer(engine: Page, path: Path) -> None:
    """Values and slopes of each op, on given arguments, are within 4 ulp of 50-digit arithmetic."""
    for run, got in zip(runs_of(path), answers(engine, path), strict=True):
        for name, want in (run.data or {}).items():
            assert ulp_between(got[name][0], want) <= LIBM_ULP, (name, got[name], want)
        for name, want in (run.grad or {}).items():
            assert ulp_between(got[name][1] or 0.0, want) <= LIBM_ULP, (name, got[name], want)


READS = """async (data) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  try { const graph = await mgraph.readGraph(bytes); return ["ok", await mgraph.hashOf(graph)]; }
  catch (error) { return [error.code ?? "crash", error.message]; }
}"""


def read_in(page: Page, data: bytes) -> list[str]:
    """Return what the page's reader says of some bytes: ok and hash, or code and sentence."""
    found: list[str] = page.evaluate(READS, base64.b64encode(data).decode())
    return found


def files_in(kind: str) -> list[Path]:
    """Return the graph files of a part of the fixtures."""
    paths = (FIXTURES / kind).rglob("*")
    return sorted(
        path for path in paths if path.is_file() and not path.name.endswith(".diagnostic.json")
    )


SAYS_OTHERWISE = {
    # The page stops at the first fault, and can't look at runs and outputs before the nodes.
    "number/many_listed_backwards.json": "type",
}


@pytest.mark.parametrize(
    "folder", sorted((FIXTURES / "reject").iterdir()), ids=lambda path: path.name
)
def test_bad_files_are_refused(engine: Page, folder: Path) -> None:
    """Every file that must be refused is refused by the page: the first code, one short line."""
    for path in files_in(f"reject/{folder.name}"):
        code, message = read_in(engine, path.read_bytes())
        expected = json.loads(path.with_suffix(".diagnostic.json").read_bytes())["diagnostics"]
        name = f"{folder.name}/{path.name}"
        assert code == SAYS_OTHERWISE.get(name, expected[0]["code"]), name
        assert 0 < len(message) < 200
        assert "\n" not in message


def test_strange_files_are_accepted(engine: Page) -> None:
    """Files with warnings, or that look wrong, are read, and have the hash that Python gives."""
    for path in files_in("warn"):
        graph = mgraph.load(path)
        assert read_in(engine, path.read_bytes()) == ["ok", graph.hash], path


def test_hashes_are_the_published_ones(engine: Page) -> None:
    """The page computes the canonical hash of the vectors of an independent implementation."""
    for vector in json.loads((HERE / "hash_vectors.json").read_text(encoding="utf-8")):
        assert read_in(engine, vector["document"].encode()) == ["ok", vector["hash"]]


@looped("path", GOLDEN)
def test_msgpack_is_read_as_json_is(engine: Page, path: Path) -> None:
    """Packed columns and rows hold the same graph: same hash, no refusal of their runs."""
    graph = mgraph.load(path)
    packed = b"".join(graph.to_bytes(".msgpack"))
    rows = msgpack.packb(json.loads(path.read_bytes()))
    assert read_in(engine, packed) == read_in(engine, rows) == ["ok", graph.hash]
