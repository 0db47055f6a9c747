"""The page in tests: graphs for it, and what it shows."""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import mgraph
from mgraph.viewer import page as page_of
from tests.command_line import FIXTURES, NEURON

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright.sync_api import Page

GOLDEN = sorted([NEURON, *(FIXTURES / "run").rglob("*.json")])


def loaded(graph: Path | dict[str, Any]) -> mgraph.Graph:
    """Return a graph from a file, or from a document."""
    return mgraph.load(graph) if isinstance(graph, Path) else mgraph.loads(json.dumps(graph))


def page_file(
    folder: Path,
    graph: Path | dict[str, Any] | mgraph.Graph,
    name: str = "graph.json",
    **options: Any,  # noqa: ANN401 - those of `mgraph.viewer.page`
) -> Path:
    """Write the page of a graph into a folder."""
    path = folder / "page.html"
    shown = graph if isinstance(graph, mgraph.Graph) else loaded(graph)
    path.write_bytes(b"".join(page_of(shown, name, **options)))
    return path


def document(
    *nodes: dict[str, Any],
    outputs: list[str] | None = None,
    **more: Any,  # noqa: ANN401 - plain data
) -> dict[str, Any]:
    """Return a document; its output is the last node."""
    return {
        "mgraph": "1.0",
        "nodes": [*nodes],
        "outputs": outputs or [nodes[-1]["id"]],
        **more,
    }


def leaf(name: str, data: float, op: str = "input") -> dict[str, Any]:
    """Return a leaf."""
    return {"id": name, "op": op, "data": data}


def node(name: str, op: str, *args: str) -> dict[str, Any]:
    """Return an op node."""
    return {"id": name, "op": op, "args": [*args]}


def mlp(*sizes: int) -> mgraph.Graph:
    """Return a network whose inputs have values."""
    from mgraph.build.network import mlp as network  # noqa: PLC0415 - not part of the public API

    return network(sizes, inputs={f"x{i + 1}": 0.5 - i for i in range(sizes[0])})


def box(page: Page, name: str) -> Any:  # noqa: ANN401 - playwright's
    """Return the box of a node, by its name."""
    return page.locator(f'.box[aria-label^="{name}, "]')


def numbers_of(page: Page, name: str) -> tuple[str, str]:
    """Return what a box shows: data and grad."""
    shown = box(page, name)
    return shown.locator(".data").text_content(), shown.locator(".grad").text_content()


def at_the_end(page: Page) -> Page:
    """Go to the last step, where every value and gradient is shown."""
    page.keyboard.press("End")
    return page


def title(page: Page) -> str:
    """Return the title of the step's card."""
    return str(page.locator("#step-title").text_content())


def step_text(page: Page) -> str:
    """Return the words of the step's card, spaces made plain."""
    return " ".join(page.locator("#step-body").inner_text().split())


def to_step(page: Page, wanted: str) -> None:
    """Step back from the end until the card has a title."""
    page.keyboard.press("End")
    for _ in range(200):
        if title(page).startswith(wanted):
            return
        page.keyboard.press("ArrowLeft")
    pytest.fail(f"no step is called {wanted}")


@cache
def runs_of(path: Path) -> list[Any]:
    """Return the runs of a golden file."""
    return list(mgraph.load(path).runs)


def both(
    graph: mgraph.Graph, inputs: Mapping[str, float], seed: Mapping[str, float]
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Return what the engine of Values gives: data and grad."""
    run = graph.run(inputs, seed=seed, engine="value")
    assert run.data is not None
    assert run.grad is not None
    return run.data, run.grad


def drop(page: Page, name: str, content: bytes) -> None:
    """Drop a file on the page."""
    transfer = page.evaluate_handle(
        """([name, text]) => { const data = new DataTransfer();
        const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
        data.items.add(new File([bytes], name)); return data; }""",
        [name, base64.b64encode(content).decode()],
    )
    page.dispatch_event("#stage", "dragover", {"dataTransfer": transfer})
    page.dispatch_event("#stage", "drop", {"dataTransfer": transfer})


def answer(page: Page, text: str) -> None:
    """Type an answer."""
    page.fill("#answer", text)
    page.keyboard.press("Enter")
