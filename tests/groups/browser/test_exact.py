"""Exact math in browsers: the page's scripts in Chromium and Firefox give the right answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

import mgraph
from mgraph.viewer import script
from tests.command_line import FIXTURES
from tests.groups.browser import firefox
from tests.groups.browser.page import runs_of
from tests.ops.exact_vectors import bits_of, rows_of_bits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from playwright.sync_api import Browser

GOLDEN: Final = sorted(
    [*(FIXTURES / "exact").rglob("*.json"), *(FIXTURES / "run").rglob("*.json"),
     *(FIXTURES / "pack").glob("*.json")]
)  # fmt: skip

ANSWER: Final = """
const view = new DataView(new ArrayBuffer(8));
const bits = (x) => {
  if (x !== x) return "7ff8000000000000";
  view.setFloat64(0, x);
  return view.getBigUint64(0).toString(16).padStart(16, "0");
};
const double = (digits) => {
  view.setBigUint64(0, BigInt("0x" + digits));
  return view.getFloat64(0);
};
async function answers({ vectors, graphs }) {
  const functions = {};
  for (const [name, rows] of Object.entries(vectors)) {
    functions[name] = rows.map((row) => bits(OPS.get(name).value(...row.map(double))));
  }
  const runs = [];
  for (const [text, asked] of graphs) {
    const graph = await readGraph(new TextEncoder().encode(text));
    const at = ([id, digits]) => [graph.index.get(id), double(digits)];
    for (const [inputs, seeds] of asked) {
      const leaves = graph.data.slice();
      for (const [node, x] of inputs.map(at)) leaves[node] = x;
      const { primals, adjoints, has } = evaluate(graph, leaves, new Map(seeds.map(at)));
      const grads = graph.ids.map((id, i) => [id, bits(adjoints[i])]).filter((_, i) => has[i]);
      runs.push([graph.ids.map((id, i) => [id, bits(primals[i])]), grads]);
    }
  }
  return JSON.stringify([functions, runs]);
}
if (!useExactMath(true)) throw new Error("there is no exact math");
answers(JSON.parse(document.querySelector("#asked").textContent)).then((text) => {
  document.querySelector("#answers").textContent = text;
});
"""

Numbers = list[tuple[str, str]]


def pairs(numbers: Mapping[str, float]) -> Numbers:
    """Return numbers as ids and bits."""
    return [(name, bits_of(x)) for name, x in numbers.items()]


def questions() -> Iterator[tuple[str, list[tuple[Numbers, Numbers]], list[mgraph.Run]]]:
    """Yield each golden graph, what is asked of it, and what mgraph computes in exact math."""
    for path in GOLDEN:
        graph = mgraph.load(path)
        golden = runs_of(path)
        seeds = [run.seed or {graph.outputs[0]: 1.0} for run in golden]
        asked = [(pairs(run.inputs), pairs(seed)) for run, seed in zip(golden, seeds, strict=True)]
        runs = [
            graph.run(run.inputs, seed=seed, math="exact")
            for run, seed in zip(golden, seeds, strict=True)
        ]
        yield path.read_text(encoding="utf-8"), asked, runs


@pytest.fixture(scope="module")
def asked() -> tuple[dict[str, Any], list[mgraph.Run]]:
    """Return all questions, and the runs that answer those about graphs."""
    every = [*questions()]
    vectors = {name: [row[:-1] for row in rows] for name, rows in rows_of_bits().items()}
    graphs = [(text, asked) for text, asked, _ in every]
    return {"vectors": vectors, "graphs": graphs}, [run for _, _, runs in every for run in runs]


@pytest.fixture(scope="module")
def page(asked: tuple[dict[str, Any], Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file that runs the page's own scripts, and answers all questions."""
    scripts = script("exact-page", "read", "engine", "ops", "ieee")
    text = json.dumps(asked[0]).replace("<", "\\u003c")
    path = tmp_path_factory.mktemp("exact") / "page.html"
    path.write_text(
        '<!doctype html><meta charset="utf-8"><title>exact</title><pre id="answers"></pre>'
        f'<script type="application/json" id="asked">{text}</script>'
        f"<script>{scripts}{ANSWER}</script>",
        encoding="utf-8",
    )
    return path


def assert_right(answer: str, runs: list[mgraph.Run]) -> None:
    """All functions have MPFR's bits, and all graphs those of mgraph in exact math."""
    functions, found = json.loads(answer)
    for name, rows in rows_of_bits().items():
        for row, got in zip(rows, functions[name], strict=True):
            assert got == row[-1], (name, row)
    assert len(found) == len(runs) > 2_000
    for (data, grad), run in zip(found, runs, strict=True):
        assert [*map(tuple, data)] == pairs(run.data or {})
        assert [*map(tuple, grad)] == pairs(run.grad or {})


def test_chromium(browser: Browser, page: Path, asked: tuple[Any, list[mgraph.Run]]) -> None:
    """Every vector, and every value and gradient of every golden graph."""
    tab = browser.new_context().new_page()
    tab.goto(page.as_uri())
    tab.wait_for_function("() => document.querySelector('#answers').textContent", timeout=120_000)
    assert_right(tab.locator("#answers").text_content() or "", asked[1])


@pytest.mark.skipif(
    firefox.executable() is None, reason="Firefox is not installed: apt-get install firefox-esr"
)
def test_firefox(tmp_path: Path, page: Path, asked: tuple[Any, list[mgraph.Run]]) -> None:
    """The same in another engine of JavaScript."""
    with firefox.started(tmp_path) as window:
        window.open(page.as_uri())
        window.wait_for("document.querySelector('#answers').textContent")
        answer = window.run("return document.querySelector('#answers').textContent")
    assert_right(answer, asked[1])
