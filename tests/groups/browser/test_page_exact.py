"""The page of a graph whose runs are in exact math, in a browser."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import mgraph
from tests.groups.browser.page import page_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.groups.browser.chromium import Visit

NODES = [
    {"id": "x", "op": "input", "data": 0.7},
    {"id": "w", "op": "param", "data": -1.3},
    {"id": "wx", "op": "mul", "args": ["w", "x"]},
    *({"id": f"{op}0", "op": op, "args": ["wx"]} for op in ("tanh", "exp", "cosh", "sin", "erf")),
    {"id": "y", "op": "sum", "args": ["tanh0", "exp0", "cosh0", "sin0", "erf0"]},
]
GRAPH: dict[str, Any] = {"mgraph": "1.1", "nodes": NODES, "outputs": ["y"]}

NOW = """() => {
  const { graph, result } = mgraph.state;
  const spelled = (numbers) => Object.fromEntries(graph.ids.map((id, i) => [id, numbers[i]]));
  return [spelled(result.primals), spelled(result.adjoints)];
}"""


def exact_page(visit: Visit, folder: Path) -> tuple[mgraph.Graph, Page]:
    """Open the page of the graph with a run in exact math."""
    graph = mgraph.loads(json.dumps(GRAPH))
    graph = graph.with_runs([graph.run(math="exact")])
    return graph, visit(page_file(folder, graph))


def test_the_page_has_the_bits_of_exact_math(visit: Visit, tmp_path: Path) -> None:
    """At first, and after a leaf has changed; the page says in what math it computes."""
    graph, page = exact_page(visit, tmp_path)
    run = graph.run(math="exact")
    assert page.evaluate(NOW) == [run.data, run.grad]
    assert "Exact math" in page.locator("#leaves-note").inner_text()
    page.get_by_label("w", exact=True).fill("0.3")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => mgraph.state.values[1] === 0.3 && mgraph.state.result.primals[1] === 0.3"
    )
    run = graph.run(w=0.3, math="exact")
    assert page.evaluate(NOW) == [run.data, run.grad]


def test_what_is_downloaded_says_exact(visit: Visit, tmp_path: Path) -> None:
    """The file has a run in exact math, which golden tests hold to the last bit."""
    graph, page = exact_page(visit, tmp_path)
    with page.expect_download() as expected:
        page.locator("#download").click()
    (run,) = mgraph.load(expected.value.path()).runs
    assert run.math == "exact"
    assert run.data == graph.run(math="exact").data


def test_other_pages_say_that_they_lack_it(
    show: Callable[..., Page], visit: Visit, tmp_path: Path
) -> None:
    """A graph that is opened on a page made without exact math."""
    exact = tmp_path / "runs-in-exact-math.json"
    graph, _ = exact_page(visit, tmp_path)
    graph.to_file(exact)
    page = show(GRAPH)
    assert "exact math" not in page.locator("#leaves-note").inner_text().lower()
    page.locator("#file").set_input_files(exact)
    page.wait_for_function("() => mgraph.state.file === 'runs-in-exact-math.json'")
    assert "For the exact math of this run" in page.locator("#leaves-note").inner_text()
