"""The page of `mgraph view` in headless Chromium: opening it, stepping, moving a leaf.

Times are from the page's own clock: *ready* is from the start of navigation until everything is
drawn, *step* includes style and layout, and frames are counted while a leaf's slider moves once per
frame; at last, while a network is trained on all rows of the two moons in each step.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any, Final

from benchmarks.graphs import random_graph, write_graph
from benchmarks.measure import ROOT, workspace
from benchmarks.report import table

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from benchmarks.measure import Workspace
    from benchmarks.report import Figures
    from tests.groups.browser.chromium import Visit

_OPS: Final = ("add", "mul", "relu", "tanh")
_LARGE: Final = "128,126,128,1"
_STEPS: Final = """(count) => {
  const slider = document.getElementById("scrub");
  const middle = Math.floor(slider.max / 2);
  const times = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    slider.value = String(middle + (i % 2 ? i : -i));
    slider.dispatchEvent(new Event("input"));
    document.body.getBoundingClientRect();
    times.push(performance.now() - start);
  }
  return times;
}"""
_PRESS: Final = """(button) => {
  const start = performance.now();
  button.click();
  document.body.getBoundingClientRect();
  return performance.now() - start;
}"""
FRAMES: Final = """async (count) => {
  const slider = document.querySelector("input[data-leaf]");
  const [low, high] = [Number(slider.min), Number(slider.max)];
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    slider.value = String(low + ((i % 50) / 50) * (high - low));
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise(requestAnimationFrame);
  }
  return (1000 * count) / (performance.now() - start);
}"""

_TRAINING: Final = """async (seconds) => {
  const now = document.getElementById("training-now");
  const steps = () => parseInt(now.textContent.replaceAll(",", ""));
  document.getElementById("train").click();
  await new Promise(requestAnimationFrame);
  const [start, first] = [performance.now(), steps()];
  let frames = 0;
  for (; performance.now() < start + 1000 * seconds; frames++) {
    await new Promise(requestAnimationFrame);
  }
  const passed = (performance.now() - start) / 1000;
  return [frames / passed, (steps() - first) / passed];
}"""
_MOONS: Final = "2,16,16,1"


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    from tests.groups.browser.chromium import Visit, started  # noqa: PLC0415 - needs Playwright

    rounds = 1 if quick else 5
    with workspace() as space, started() as browser:
        rows = [
            _row(name, path, Visit(browser, space.folder), space, rounds)
            for name, path in _graphs(space)
        ]
        frames, steps = _training(Visit(browser, space.folder), space, 0.5 if quick else 5.0)
    header = ("graph", "page", "ready, best", "ready, median", "step, median", "frames per second")
    yield from table(header, rows)
    yield "*Unfolded*: after *Show all nodes* was pressed; *ready* is the time that this took.\n"
    yield f"While a network {_MOONS} is trained on the moons: {steps:,.0f} steps per second."
    yield f"Target: 60 frames per second meanwhile: {frames:.0f}."
    return []


def _graphs(space: Workspace) -> Iterator[tuple[str, Path]]:
    """Write the graphs, and yield their titles and paths."""
    yield "the neuron, 10 nodes", ROOT / "fixtures" / "neuron.json"
    for count in (100, 1_000, 65_000):
        path = space.folder / f"random{count}.json"
        write_graph(path, random_graph(count, _OPS))
        flat = path.read_text(encoding="utf-8").replace("layer1.", "")  # no groups
        path.write_text(flat, encoding="utf-8")
        yield f"random, {count:,} nodes, no groups", path
    path = space.folder / "network.json"
    space.mgraph("new", "--mlp", _LARGE, "-o", str(path))
    yield f"a network {_LARGE}, 65,660 nodes", path


def _row(name: str, path: Path, visit: Visit, space: Workspace, rounds: int) -> tuple[str, ...]:
    page_file = space.folder / "page.html"
    space.mgraph("view", str(path), "-o", str(page_file), "--no-open")
    ready, tab = [], None
    for _ in range(rounds):
        visit.close()
        tab = visit(page_file)
        ready.append(float(tab.evaluate("() => document.documentElement.dataset.ready")))
    assert tab is not None
    cells = _cells(tab, ready)
    whole = tab.locator("#scene-note >> text=Show all nodes")
    if whole.count():
        name += "; below unfolded"
        unfolded = _cells(tab, [tab.evaluate(_PRESS, whole.element_handle())])
        cells = tuple(f"{a} / {b}" for a, b in zip(cells, unfolded, strict=True))
    visit.close()
    return (name, f"{page_file.stat().st_size / 1000:,.0f} kB", *cells)


def _training(visit: Visit, space: Workspace, span: float) -> tuple[float, float]:
    """Return frames and steps per second of a page that trains for so many seconds."""
    graph, page_file = str(space.folder / "moons.json"), space.folder / "moons.html"
    space.mgraph("new", "--mlp", _MOONS, "--loss", "hinge", "-o", graph)
    rows = str(ROOT / "examples" / "moons.csv")
    space.mgraph("view", graph, "--rows", rows, "-o", str(page_file), "--no-open")
    frames, steps = visit(page_file).evaluate(_TRAINING, span)
    visit.close()
    return frames, steps


def _cells(tab: Page, ready: list[float]) -> tuple[Any, ...]:
    steps = median(tab.evaluate(_STEPS, 60))
    frames = tab.evaluate(FRAMES, 90)
    return f"{min(ready):.0f} ms", f"{median(ready):.0f} ms", f"{steps:.1f} ms", f"{frames:.0f}"
