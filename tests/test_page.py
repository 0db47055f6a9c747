"""The page of `mgraph view` in a browser: what people see, do, and what must never happen."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from functools import cache
from math import copysign, inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgpack
import pytest
from axe_playwright_python.base import AXE_FILE_PATH

import mgraph
from mgraph.ops import LEAVES, OPS
from mgraph.runs import DEFAULT, EXACT, Tolerance
from mgraph.viewer import page as page_of
from tests.browser import READY, Visit, barriers, started
from tests.command_line import FIXTURES, HERE, NEURON, Shell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from playwright.sync_api import Browser, Page

GOLDEN = sorted([NEURON, *(FIXTURES / "run").rglob("*.json")])
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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return a browser."""
    with started() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[Visit]:
    """Open pages; whatever the test does, no script fails and nothing is fetched."""
    visit = Visit(browser, tmp_path)
    yield visit
    visit.close()
    assert visit.complaints == []
    elsewhere = [url for url in visit.requests if not url.startswith(("file:", "data:", "blob:"))]
    assert elsewhere == []


@pytest.fixture
def show(visit: Visit, tmp_path: Path) -> Callable[..., Page]:
    """Write the page of a graph (a file, or plain data) and open it."""

    def opened(graph: Path | dict[str, Any], *, quiz: bool = False, **options: Any) -> Page:  # noqa: ANN401 - playwright's
        path = tmp_path / "page.html"
        path.write_bytes(b"".join(page_of(loaded(graph), "graph.json", quiz=quiz)))
        return visit(path, **options)

    return opened


def loaded(graph: Path | dict[str, Any]) -> mgraph.Graph:
    """Return a graph from a file, or from a document."""
    return mgraph.load(graph) if isinstance(graph, Path) else mgraph.loads(json.dumps(graph))


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
    from mgraph.network import mlp as network  # noqa: PLC0415 - not part of the public API

    return network(sizes, inputs={f"x{i + 1}": 0.5 - i for i in range(sizes[0])})


def box(page: Page, name: str) -> Any:  # noqa: ANN401 - playwright's
    """Return the box of a node, by its name."""
    return page.locator(f'.box[aria-label^="{name}, "]')


def numbers_of(page: Page, name: str) -> tuple[str, str]:
    """Return what a box shows: data and grad."""
    each = box(page, name)
    return each.locator(".data").text_content(), each.locator(".grad").text_content()


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


# --- the engine ------------------------------------------------------------------------------


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


@cache
def runs_of(path: Path) -> list[Any]:
    """Return the runs of a golden file."""
    return list(mgraph.load(path).runs)


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
    path = tmp_path_factory.mktemp("engine") / "page.html"
    path.write_bytes(b"".join(page_of(mgraph.load(NEURON), "neuron.json")))
    page = browser.new_context().new_page()
    page.goto(path.as_uri())
    page.wait_for_selector(READY)
    return page


def both(
    graph: mgraph.Graph, inputs: Mapping[str, float], seed: Mapping[str, float]
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Return what the engine of Values gives: data and grad."""
    run = graph.run(inputs, seed=seed, engine="value")
    assert run.data is not None
    assert run.grad is not None
    return run.data, run.grad


def only_exact(path: Path) -> bool:
    """Whether a graph has only ops with one right answer."""
    columns = mgraph.load(path).columns
    ops = {columns.op(i) for i in range(len(columns))} - {*LEAVES}
    return all(OPS[op].exact for op in ops)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
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


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_msgpack_is_read_as_json_is(engine: Page, path: Path) -> None:
    """Packed columns and rows hold the same graph: same hash, no refusal of their runs."""
    graph = mgraph.load(path)
    packed = b"".join(graph.to_bytes(".msgpack"))
    rows = msgpack.packb(json.loads(path.read_bytes()))
    assert read_in(engine, packed) == read_in(engine, rows) == ["ok", graph.hash]


# --- the picture -----------------------------------------------------------------------------


def test_what_the_picture_shows(show: Callable[..., Page]) -> None:
    """At the end each box has name, op, data and grad, as `mgraph run` prints them."""
    page = show(NEURON)
    table = {
        "x1": ("2", "−1.5"), "x2": ("0", "0.5"), "w1": ("−3", "1"), "w2": ("1", "0"),
        "x1w1": ("−6", "0.5"), "x2w2": ("0", "0.5"), "x1w1x2w2": ("−6", "0.5"),
        "b": ("6.88137", "0.5"), "n": ("0.881374", "0.5"), "o": ("0.707107", "1"),
    }  # fmt: skip
    assert {name: numbers_of(page, name) for name in table} == table
    assert page.locator(".box[data-item]").count() == len(table)
    assert page.locator(".arrow").count() == 9
    assert page.locator(".output[data-item]").count() == 1
    shapes = page.evaluate(
        "() => Object.fromEntries(['input', 'param', 'op'].map((kind) =>"
        " [kind, document.querySelector(`[data-item].${kind} .shape`).getAttribute('d')]))"
    )
    assert len({*shapes.values()}) == 3


def test_a_repeated_operand_is_two_arrows(show: Callable[..., Page]) -> None:
    """A node that uses another twice has two arrows, which don't lie on each other."""
    page = show(document(leaf("a", 3.0), node("y", "add", "a", "a")))
    ways = page.locator(".arrow .line")
    assert ways.count() == 2
    assert ways.nth(0).get_attribute("d") != ways.nth(1).get_attribute("d")


LIES = """() => {
  const faults = [];
  const boxes = [...document.querySelectorAll(".box[data-item]")];
  const frames = boxes.map((box) => box.querySelector(".shape").getBoundingClientRect());
  boxes.forEach((box, i) => {
    const inside = frames[i];
    for (const text of box.querySelectorAll("text")) {
      const at = text.getBoundingClientRect();
      if (!at.width) continue;
      const out = at.left < inside.left - 1 || at.right > inside.right + 1
        || at.top < inside.top - 3 || at.bottom > inside.bottom + 3;
      if (out) faults.push(`text out of ${box.ariaLabel}: ${text.textContent}`);
    }
    const [name, data] = [".name", ".data"].map((kind) =>
      box.querySelector(kind)?.getBoundingClientRect());
    if (name && data?.width && name.right > data.left) faults.push(`meet in ${box.ariaLabel}`);
    for (let k = 0; k < i; k++) {
      const other = frames[k];
      const meet = other.left < inside.right - 1 && inside.left < other.right - 1
        && other.top < inside.bottom - 1 && inside.top < other.bottom - 1;
      if (meet) faults.push(`boxes meet: ${i} ${k}`);
    }
  });
  return faults;
}"""
DRAWN = [path for path in GOLDEN if path.parent.name in ("nets", "shapes", "lecture", "edges")] + [
    NEURON
]


@pytest.mark.parametrize("width", [1280, 390])
def test_texts_stay_in_boxes_and_boxes_apart(show: Callable[..., Page], width: int) -> None:
    """In every graph, at every step of the way, no text leaves its box and no boxes overlap."""
    page = show(NEURON, viewport={"width": width, "height": 800})
    for path in DRAWN:
        page.set_input_files("#file", path)
        page.wait_for_selector(f'#name:text-is("{json.loads(path.read_bytes())["name"]}")')
        assert page.evaluate(LIES) == [], path


@pytest.mark.parametrize("width", [1280, 390])
def test_shortened_names_can_be_told_apart(show: Callable[..., Page], width: int) -> None:
    """Names that are too long for their boxes and rows differ there, too, as their numbers do."""
    network = [f"layer{i}.neuron{k}.{end}" for i in (1, 12) for k in (1, 2) for end in ("w", "sum")]
    words = [f"{a}.attention.{b}.weight" for a in ("encoder", "decoder") for b in ("key", "query")]
    labels = [f"a hidden unit of the network, {k}" for k in ("first", "last")]
    leaves = [leaf(name, 1.0) for name in (*network, *words, "l1.n1.sum")]
    leaves += [{**leaf(f"u{i}", 1.0), "label": label} for i, label in enumerate(labels)]
    graph = document(*leaves, node("y", "sum", *(each["id"] for each in leaves)))
    page = show(graph, viewport={"width": width, "height": 800})
    page.evaluate("() => mgraph.goTo(0)")
    for place in (".box .title", ".leaf"):
        texts = page.locator(place).all_text_contents()
        assert len({*texts}) == len(texts) >= len(leaves), texts
    titles = page.locator(".box .title").all_text_contents()
    assert not {*titles} & {*network[:3], *words, *labels}
    assert page.evaluate(LIES) == []


def test_the_layout_is_quick_and_level(show: Callable[..., Page]) -> None:
    """Arrows of a plain graph lead to the right: every user stands behind its arguments."""
    page = show(NEURON)
    places = page.evaluate(
        "() => Object.fromEntries([...document.querySelectorAll('.box[data-item]')].map((box) =>"
        " [box.ariaLabel.split(',')[0], box.getBoundingClientRect().left]))"
    )
    for row in json.loads(NEURON.read_bytes())["nodes"]:
        assert all(places[arg] < places[row["id"]] for arg in row.get("args", ()))


def frame(page: Page, name: str) -> dict[str, float]:
    """Return where an element is."""
    found: dict[str, float] = page.locator(f"#{name}").evaluate(
        "(each) => each.getBoundingClientRect().toJSON()"
    )
    return found


def test_light_dark_and_contrast(show: Callable[..., Page]) -> None:
    """The page follows the system, and the button overrides it."""
    for scheme in ("light", "dark"):
        page = show(NEURON, color_scheme=scheme)
        ground = "() => getComputedStyle(document.body).backgroundColor"
        before = page.evaluate(ground)
        assert (before == "rgb(247, 246, 242)") == (scheme == "light")
        page.click("#theme")
        assert page.evaluate(ground) != before
        page.click("#theme")
        assert page.evaluate(ground) == before


def test_forced_colours_reach_the_picture(show: Callable[..., Page]) -> None:
    """Where the system sets the colours, boxes have its ground and texts its ink."""
    for scheme in ("light", "dark"):
        page = show(NEURON, forced_colors="active", color_scheme=scheme)
        colours = page.evaluate(
            "() => [...document.querySelectorAll('[data-item] .shape, [data-item] text')]"
            ".map((each) => [each.tagName, getComputedStyle(each).fill])"
        )
        assert len({fill for tag, fill in colours if tag == "path"}) == 1
        assert len({fill for tag, fill in colours if tag == "text"}) == 1
        assert len({fill for _, fill in colours}) == 2


def test_motion_is_reduced_when_asked(show: Callable[..., Page]) -> None:
    """Who prefers less motion sees no moving arrows."""
    for motion, name in (("no-preference", "flow"), ("reduce", "none")):
        page = show(NEURON, reduced_motion=motion)
        to_step(page, "Backward, 2")
        moving = "() => getComputedStyle(document.querySelector('[data-way] .line')).animationName"
        assert page.evaluate(moving) == name


@pytest.mark.parametrize("width", [360, 390])
def test_a_phone_needs_no_sideways_scrolling(show: Callable[..., Page], width: int) -> None:
    """Nothing is wider than the screen, the controls are one row, and the graph goes down."""
    page = show(NEURON, viewport={"width": width, "height": 844})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    first, last, speed, quiz = (frame(page, each) for each in ("first", "last", "speed", "quiz"))
    assert first["y"] == last["y"] == speed["y"] == quiz["y"]
    assert first["x"] < last["x"] < speed["x"] < quiz["x"]
    assert frame(page, "help-button")["right"] <= width
    tops = [box(page, name).bounding_box()["y"] for name in ("x1", "x1w1", "x1w1x2w2", "n", "o")]
    assert tops == sorted(tops)
    assert all(0 <= box(page, name).bounding_box()["x"] <= 310 for name in ("x1", "w2", "o"))


# --- steps -----------------------------------------------------------------------------------


def test_steps_forward_and_backward(show: Callable[..., Page]) -> None:
    """One node a step: leaves, six values, the seed, five nodes that send gradients, the end."""
    page = show(NEURON)
    assert title(page) == "Done"
    page.keyboard.press("Home")
    assert title(page) == "Start: the leaves"
    assert numbers_of(page, "x1") == ("2", "")
    assert numbers_of(page, "x1w1") == ("", "")
    seen = []
    while title(page) != "Done":
        page.keyboard.press("ArrowRight")
        seen.append(title(page))
    assert seen == [
        *(f"Forward, {i} of 5" for i in range(1, 6)), "The seed",
        *(f"Backward, {i} of 5" for i in range(1, 6)), "Done",
    ]  # fmt: skip


def test_a_forward_step_tells_the_formula(show: Callable[..., Page]) -> None:
    """Names, then numbers, then the value; the node is marked and what follows is unknown."""
    page = show(NEURON)
    to_step(page, "Forward, 1")
    assert step_text(page) == "x1w1 = x1·w1 = 2·(−3) = −6"
    assert page.locator(".box.current").get_attribute("aria-label") == "x1w1, mul"
    assert numbers_of(page, "x1w1") == ("−6", "")
    assert numbers_of(page, "n") == ("", "")
    assert page.locator("#live").text_content() == "Forward, 1 of 5: x1w1 = x1·w1 = 2·(−3) = −6"


def test_a_backward_step_tells_every_product(show: Callable[..., Page]) -> None:
    """Upstream × local = contribution, and the sum before and after, for each argument."""
    page = show(NEURON)
    to_step(page, "Backward, 5")
    text = step_text(page)
    assert "The gradient of x1w1 is complete: 0.5." in text
    assert "x1 0.5 × (−3) = −1.5 0 → −1.5 slope w1" in text
    assert "w1 0.5 × 2 = 1 0 → 1 slope x1" in text
    assert page.locator(".chip").all_text_contents() == ["× −3", "× 2"]
    assert page.locator(".arrow[data-way=backward]").count() == 2


def test_what_is_used_twice_adds_up(show: Callable[..., Page]) -> None:
    """The second use adds to what is there: b = a + a; y = a·b; dy/da = 4a = 12 at a = 3."""
    page = show(document(leaf("a", 3.0), node("b", "add", "a", "a"), node("y", "mul", "a", "b")))
    to_step(page, "Backward, 1")
    assert numbers_of(page, "a") == ("3", "6")
    assert "partial" in box(page, "a").get_attribute("class")
    to_step(page, "Backward, 2")
    text = step_text(page)
    assert "3 × 1 = 3 6 → 9" in text
    assert "3 × 1 = 3 9 → 12" in text
    assert numbers_of(page, "a") == ("3", "12")
    assert "partial" not in box(page, "a").get_attribute("class")


def test_scrubbing(show: Callable[..., Page]) -> None:
    """The slider goes to any step, back and forth, and shows what is known there."""
    page = show(NEURON)
    for at, name in (
        (6, "The seed"),
        (2, "Forward, 2 of 5"),
        (9, "Backward, 3 of 5"),
        (0, "Start"),
    ):
        page.fill("#scrub", str(at))
        assert title(page).startswith(name)
    assert numbers_of(page, "o") == ("", "")


def test_playing(show: Callable[..., Page]) -> None:
    """Space plays from the start to the end, and pauses in between."""
    page = show(NEURON)
    page.select_option("#speed", "250")
    page.keyboard.press(" ")
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    page.wait_for_selector('#step-title:text-is("Done")')
    assert page.locator("#play").get_attribute("aria-label") == "Play"
    page.select_option("#speed", "1600")
    page.keyboard.press(" ")
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    page.keyboard.press(" ")
    assert page.locator("#play").get_attribute("aria-label") == "Play"
    assert title(page) == "Start: the leaves"


def test_hovering_tells_formula_and_numbers(show: Callable[..., Page]) -> None:
    """The pointer on a node, or the focus, shows what it computes, with all digits."""
    page = show(NEURON)
    box(page, "n").hover()
    assert page.locator("#tooltip").inner_text().split("\n") == [
        "n", "= x1w1x2w2 + b", "= (−6) + 6.88137", "= 0.8813735870195432",
    ]  # fmt: skip
    box(page, "o").focus()
    assert page.locator("#tooltip").inner_text().startswith("o\n= tanh n")


# --- why -------------------------------------------------------------------------------------


def test_why_lists_the_path(show: Callable[..., Page]) -> None:
    """A click shows the path from the output, its slopes, their product, and the sum."""
    page = show(NEURON)
    box(page, "w1").click()
    assert page.locator("#node-title").text_content() == "Why w1?"
    words = " ".join(page.locator("#node-body").inner_text().split())
    assert "One path leads back to w1" in words
    assert "o ← n ← x1w1x2w2 ← x1w1 ← w1 1 × 0.5 × 1 × 1 × 2 = 1" in words
    assert words.endswith("Their sum is the gradient: 1")
    page.keyboard.press("Escape")
    assert page.locator("#node-card").is_hidden()


def test_paths_are_counted_exactly_and_the_largest_listed(show: Callable[..., Page]) -> None:
    """Sixty diamonds make 2^60 paths; eight are listed, the others are summed, at once."""
    nodes = [leaf("d0", 1.0)]
    for i in range(60):
        nodes += [node(f"e{i}", "neg", f"d{i}"), node(f"d{i + 1}", "add", f"d{i}", f"e{i}")]
    page = show(document(*nodes[:-1], node("y", "sub", "d59", "e59")))
    page.evaluate("() => mgraph.goTo(0)")
    words = " ".join(page.locator("#node-body").inner_text().split())
    assert f"{2**60:,} paths lead back to d0; these count most" in words
    assert f"The other {2**60 - 8:,} paths together" in words
    assert page.locator(".paths li").count() == 8


def test_the_largest_paths_are_the_largest(show: Callable[..., Page]) -> None:
    """Of all products the page lists the eight with the largest size, in order."""
    weights = [0.5, -3.0, 0.1, 7.0, -0.2, 2.0, 11.0, -5.0, 1.5, 0.3, 4.0]
    nodes = [leaf("x", 1.0)]
    for i, weight in enumerate(weights):
        nodes += [leaf(f"w{i}", weight, "const"), node(f"p{i}", "mul", "x", f"w{i}")]
    page = show(document(*nodes, node("y", "sum", *(f"p{i}" for i in range(len(weights))))))
    page.evaluate("() => mgraph.goTo(0)")
    shown = page.locator(".paths li .num").all_text_contents()
    largest = sorted(weights, key=abs, reverse=True)[:8]
    assert [float(text.replace("−", "-")) for text in shown] == largest
    rest = sum(weights) - sum(largest)
    words = page.locator("#node-body").inner_text()
    assert f"The other 3 paths together: {rest:g}".replace("-", "−") in words


def test_a_long_chain_is_explained_without_recursion(show: Callable[..., Page]) -> None:
    """Twenty thousand nodes in one chain, one path; its middle is left out of the list."""
    nodes = [
        leaf("x", 1.0),
        *(node(f"n{i}", "neg", f"n{i - 1}" if i else "x") for i in range(20_000)),
    ]
    page = show(document(*nodes))
    page.evaluate("() => mgraph.goTo(0)")
    words = page.locator("#node-body").inner_text()
    assert "One path leads back to x" in words
    assert "(19993 more)" in words
    assert words.rstrip().endswith("Their sum is the gradient: 1")


def test_why_there_is_none(show: Callable[..., Page]) -> None:
    """A const, and a node without a path to the output, have no gradient, and the page says why."""
    page = show(
        document(
            leaf("c", 2.0, "const"), leaf("x", 1.0), leaf("lost", 1.0), node("y", "mul", "c", "x")
        )
    )
    box(page, "c").click()
    assert "A const receives no gradient." in page.locator("#node-body").inner_text()
    box(page, "lost").click()
    assert "No path leads from the seeded output" in page.locator("#node-body").inner_text()
    assert numbers_of(page, "lost") == ("1", "")


# --- leaves and seeds ------------------------------------------------------------------------


def test_typing_a_value_recomputes_everything(show: Callable[..., Page]) -> None:
    """The neuron at other inputs gives the numbers of the fixture that says them."""
    path = FIXTURES / "run" / "lecture" / "neuron_at_other_inputs.json"
    run = next(run for run in runs_of(path) if run.inputs)
    page = show(path)
    for name, value in run.inputs.items():
        page.fill(f'#leaves input[type=text][aria-label="{name}"]', repr(value))
        page.keyboard.press("Enter")
    page.wait_for_timeout(100)
    for name, want in (run.data or {}).items():
        got = float(numbers_of(page, name)[0].replace("−", "-"))
        assert got == pytest.approx(want, rel=1e-4, abs=1e-4)
    for name, want in (run.grad or {}).items():
        got = float(numbers_of(page, name)[1].replace("−", "-"))
        assert got == pytest.approx(want, rel=1e-3, abs=1e-4)


def test_a_slider_moves_everything_and_reset_brings_it_back(show: Callable[..., Page]) -> None:
    """x2 at 1 instead of 0 gives w2 a gradient; reset takes it away."""
    page = show(NEURON)
    slider = page.locator('input[data-leaf="x2"]')
    assert numbers_of(page, "w2") == ("1", "0")
    slider.fill("1")
    page.wait_for_selector('.box[aria-label^="x2w2,"] .data:text-is("1")')
    assert numbers_of(page, "w2")[1] not in ("", "0")
    page.click("#reset")
    assert numbers_of(page, "w2") == ("1", "0")
    assert page.locator('input[data-leaf="x2"]').input_value() == "0"


def test_numbers_that_can_be_typed(show: Callable[..., Page]) -> None:
    """Fractions, infinities and signs; anything else is marked and changes nothing."""
    page = show(document(leaf("x", 1.0), node("y", "neg", "x")))
    field = "#leaves input[type=text]"
    for text, value in (("1/4", "−0.25"), ("-inf", "∞"), ("nan", "nan"), ("−2", "2"), ("0", "−0")):
        page.fill(field, text)
        page.keyboard.press("Enter")
        page.wait_for_selector(f'.box[aria-label^="y,"] .data:text-is("{value}")')
    page.fill(field, "two")
    page.keyboard.press("Enter")
    assert page.locator(field).get_attribute("aria-invalid") == "true"
    assert numbers_of(page, "y")[0] == "−0"


def test_choosing_the_output(show: Callable[..., Page]) -> None:
    """With several outputs the gradient is of the one that is chosen, times the seed."""
    page = show(
        document(
            leaf("a", 2.0), leaf("b", 3.0), node("s", "add", "a", "b"), node("p", "mul", "a", "b"),
            outputs=["s", "p"],
        )
    )  # fmt: skip
    assert numbers_of(page, "a") == ("2", "1")
    assert numbers_of(page, "p") == ("6", "")
    page.select_option('select[aria-label="Output to differentiate"]', label="p")
    assert numbers_of(page, "a") == ("2", "3")
    page.fill('input[aria-label="Seed"]', "-2")
    page.keyboard.press("Enter")
    assert numbers_of(page, "b") == ("3", "−4")


def test_inputs_without_a_value_get_one(show: Callable[..., Page]) -> None:
    """They are taken as 0, and the page says so."""
    page = show(document({"id": "x", "op": "input"}, node("y", "exp", "x")))
    assert numbers_of(page, "y") == ("1", "1")
    assert "no value: 0 is taken" in page.locator("#leaves-note").inner_text()


# --- finding one's way -----------------------------------------------------------------------


def test_finding_a_node(show: Callable[..., Page]) -> None:
    """`/` goes to the search, arrows choose, Enter selects and shows the node."""
    page = show(NEURON)
    page.keyboard.press("/")
    page.keyboard.type("x2")
    assert page.locator("#found li b").all_text_contents() == ["x2", "x2w2", "x1w1x2w2"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator("#node-title").text_content() == "Why x2w2?"
    assert page.locator("#found").is_hidden()
    page.keyboard.press("/")
    page.keyboard.type("nowhere")
    assert page.locator("#found").inner_text() == "no such node"
    page.keyboard.press("Escape")
    assert page.locator("#search").input_value() == ""


def test_zoom_and_pan(show: Callable[..., Page]) -> None:
    """Wheel, drag, buttons and keys change the view; `0` brings all back; two fingers pinch."""
    page = show(NEURON)
    place = "() => document.querySelector('#picture > g').getAttribute('transform')"
    start = seen = page.evaluate(place)

    def changed() -> bool:
        nonlocal seen
        before, seen = seen, page.evaluate(place)
        return bool(before != seen)

    for key in ("+", "-", "+"):
        page.keyboard.press(key)
        assert changed()
    page.mouse.move(400, 300)
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(100)
    assert changed()
    page.mouse.move(300, 600)
    page.mouse.down()
    page.mouse.move(380, 640, steps=4)
    page.mouse.up()
    assert changed()
    pinch = """() => { const svg = document.getElementById("picture");
      const at = (type, id, x) => svg.dispatchEvent(new PointerEvent(type,
        { pointerId: id, clientX: x, clientY: 300, bubbles: true, pointerType: "touch" }));
      svg.setPointerCapture = () => {};
      at("pointerdown", 5, 200); at("pointerdown", 6, 300); at("pointermove", 6, 400);
      at("pointerup", 5, 200); at("pointerup", 6, 400); }"""
    page.evaluate(pinch)
    assert changed()
    for button in ("#farther", "#closer"):
        page.click(button)
        assert changed()
    page.keyboard.press("0")
    assert page.evaluate(place) == start


def test_keys_and_help(show: Callable[..., Page]) -> None:
    """`?` lists every key; Escape closes; keys typed into a field are only typed."""
    page = show(NEURON)
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    listed = page.locator("#keys kbd").all_text_contents()
    assert listed == ["space", "→", "←", "Home", "End", "+", "-", "0", "/", "?", "Esc"]
    page.keyboard.press("Escape")
    assert page.locator("#help").is_hidden()
    page.click("#leaves input[type=text] >> nth=0")
    page.keyboard.press("Home")
    page.keyboard.type("-")
    assert title(page) == "Done"


def test_nodes_can_be_reached_by_keyboard(show: Callable[..., Page]) -> None:
    """Each box can have the focus and is opened by Enter."""
    page = show(NEURON)
    assert page.locator(".box[data-item][tabindex='0']").count() == 10
    box(page, "b").focus()
    page.keyboard.press("Enter")
    assert page.locator("#node-title").text_content() == "Why b?"


# --- large graphs ----------------------------------------------------------------------------


def page_with(visit: Visit, graph: mgraph.Graph) -> Page:
    """Open the page of a graph."""
    path = visit.folder / "large.html"
    path.write_bytes(b"".join(page_of(graph, "large.json")))
    return visit(path)


def test_networks_fold_to_groups(visit: Visit) -> None:
    """Above 300 nodes neurons are boxes, a line says so, and a click opens one of them."""
    page = page_with(visit, mlp(2, 16, 16, 1))
    assert page.locator(".box.group").count() == 33
    assert "708 nodes, folded by their names" in page.locator("#scene-note").inner_text()
    page.click('.box[aria-label^="group layer1.neuron3,"]')
    assert page.locator(".box.group").count() == 32
    assert box(page, "layer1.neuron3.out").count() == 1
    page.click("#scene-note >> text=Fold groups")
    assert page.locator(".box.group").count() == 3
    page.click("#scene-note >> text=Show all nodes")
    assert page.locator(".box[data-item]").count() == 708


def test_a_folded_group_shows_what_leaves_it(visit: Visit) -> None:
    """A neuron's box has the value and gradient of the one node that others use."""
    graph = mlp(2, 16, 16, 1)
    values, grads = both(graph, {}, {})
    page = page_with(visit, graph)
    data, grad = numbers_of(page, "group layer2.neuron5")
    name = "layer2.neuron5.out"
    assert float(data.replace("−", "-")) == pytest.approx(values[name], rel=1e-3)
    assert float(grad.replace("−", "-")) == pytest.approx(grads[name], rel=1e-3)


def test_finding_a_node_opens_its_group(visit: Visit) -> None:
    """A node in a folded group is found, its group opened, and the node is in sight."""
    page = page_with(visit, mlp(2, 16, 16, 1))
    page.keyboard.press("/")
    page.keyboard.type("layer2.neuron7.w3")
    page.keyboard.press("Enter")
    place = box(page, "layer2.neuron7.w3").bounding_box()
    assert 0 < place["x"] < 900
    assert 60 < place["y"] < 740
    page.click("#node-body >> text=Fold layer2.neuron7")
    assert page.locator('.box[aria-label^="group layer2.neuron7,"]').count() == 1


def test_a_large_graph_without_groups_shows_surroundings(visit: Visit) -> None:
    """A thousand nodes without dots: some around the output; stepping and clicking move there."""
    page = page_with(visit, mgraph.load(FIXTURES / "run" / "shapes" / "chain_1000.json"))
    assert 1 < page.locator(".box[data-item]").count() <= 24
    assert "are shown. Click a node to look around it" in page.locator("#scene-note").inner_text()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator(".box.current").count() == 1


# --- other files -----------------------------------------------------------------------------

OTHER_DOCUMENT = document(
    leaf("p", 0.1), leaf("q", 0.2, "param"), node("r", "add", "p", "q"), name="other"
)
OTHER: dict[str, bytes] = {
    "json": json.dumps(OTHER_DOCUMENT).encode(),
    "rows": msgpack.packb(OTHER_DOCUMENT),
    "packed": b"".join(loaded(OTHER_DOCUMENT).to_bytes(".msgpack")),
}


@pytest.mark.parametrize("kind", OTHER)
def test_opening_another_file(show: Callable[..., Page], tmp_path: Path, kind: str) -> None:
    """A file that is chosen takes the place of the page's own graph, in every encoding."""
    page = show(NEURON)
    path = tmp_path / f"other.{'json' if kind == 'json' else 'msgpack'}"
    path.write_bytes(OTHER[kind])
    page.set_input_files("#file", path)
    page.wait_for_selector('#name:text-is("other")')
    assert numbers_of(page, "r") == ("0.3", "1")
    assert page.locator(".box[data-item]").count() == 3


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


def test_dropping_files(show: Callable[..., Page]) -> None:
    """A good file is opened; a bad one changes nothing, and says why and what to call."""
    page = show(NEURON)
    bad = FIXTURES / "reject" / "unknown-op" / "typo.json"
    drop(page, "it's bad.json", bad.read_bytes())
    page.wait_for_selector("#alert:not([hidden])")
    text = page.locator("#alert").inner_text()
    assert "uses op “tahn” (unknown-op)" in text
    assert page.locator("#alert code").inner_text() == "mgraph check 'it'\\''s bad.json'"
    assert page.locator("#name").inner_text() == "neuron"
    assert numbers_of(page, "o") == ("0.707107", "1")
    drop(page, "other.json", OTHER["json"])
    page.wait_for_selector('#name:text-is("other")')
    assert page.locator("#alert").is_hidden()
    drop(page, "cut.msgpack", OTHER["packed"][:-3])
    page.wait_for_selector("#alert:not([hidden])")
    assert "(syntax)" in page.locator("#alert").inner_text()
    assert numbers_of(page, "r") == ("0.3", "1")


def test_comparing_runs(show: Callable[..., Page]) -> None:
    """Two runs of a file side by side: differing nodes are listed, and marked in the picture."""
    content = json.loads(NEURON.read_bytes())
    theirs = json.loads(json.dumps(content["runs"][0]))
    theirs["origin"] = "somebody"
    theirs["data"]["n"] = 0.9
    del theirs["grad"]["b"]
    content["runs"].append(theirs)
    page = show(content)
    page.click("#runs-card summary")
    page.wait_for_selector("#differences >> text=No differences")
    page.select_option("#run-b", label="run 2")
    rows = page.locator("#differences tbody tr")
    assert [row.inner_text().split() for row in rows.all()] == [
        ["n", "data", "0.88137359", "0.9"], ["b", "grad", "0.5", "–"],
    ]  # fmt: skip
    assert page.locator(".box.differs").count() == 2
    page.click('[aria-label="Load run 2"]')
    page.click('#differences button:text-is("n")')
    assert page.locator("#node-title").inner_text() == "Why n?"


def downloaded(page: Page, path: Path) -> Path:
    """Press Download and return the file."""
    with page.expect_download() as info:
        page.click("#download")
    info.value.save_as(path / info.value.suggested_filename)
    return path / info.value.suggested_filename


@pytest.mark.parametrize(
    "path",
    [NEURON, *(FIXTURES / "run" / "shapes" / f"{name}.json" for name in (
        "backwards_file", "docs_and_meta", "javascript_ids", "labels", "constants_only",
    )), FIXTURES / "run" / "edges" / "zero_by_zero.json"],
    ids=lambda path: path.stem,
)  # fmt: skip
def test_the_download_is_what_run_writes(
    show: Callable[..., Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    """The file is read without a word, holds what `mgraph run` writes, and is a passing test."""
    shell = Shell(tmp_path, monkeypatch)
    page = show(path)
    file = downloaded(page, tmp_path)
    assert file.name == "graph.annotated.json"
    assert shell("check", file.name).err == shell("check", str(path)).err.replace(
        str(path), file.name
    )
    ours = json.loads(file.read_bytes())
    assert shell("run", str(path), "-o", "run.json").status == 0
    theirs = shell.document("run.json")
    assert ours["runs"][-1].pop("origin") == f"mgraph {mgraph.__version__} page"
    assert theirs["runs"][-1].pop("origin") == f"mgraph {mgraph.__version__} value"
    mine, run = ours["runs"].pop(), theirs["runs"].pop()
    assert ours == theirs
    assert {key: mine[key] for key in mine if key not in ("data", "grad")} == {
        key: run[key] for key in run if key not in ("data", "grad")
    }
    assert [*mine["data"]] == [*run["data"]]
    assert {*mine.get("grad", ())} == {*run.get("grad", ())}
    said = shell("test", file.name)
    assert said.status == 0, said.out


def test_the_download_has_what_was_changed(
    show: Callable[..., Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moved leaf is the run's input; the same question again replaces the run."""
    shell = Shell(tmp_path, monkeypatch)
    page = show(NEURON)
    page.fill('#leaves input[type=text][aria-label="x2"]', "1")
    page.keyboard.press("Enter")
    page.wait_for_selector('.box[aria-label^="x2w2,"] .data:text-is("1")')
    file = downloaded(page, tmp_path)
    (_, run) = json.loads(file.read_bytes())["runs"]
    assert run["inputs"] == {"x2": 1.0}
    said = shell("test", file.name)
    assert said.status == 0, said.out
    page.set_input_files("#file", file)
    page.wait_for_selector("#runs-card li >> nth=1", state="attached")
    page.click("#runs-card summary")
    page.click('[aria-label="Load run 2"]')
    again = downloaded(page, tmp_path)
    assert len(json.loads(again.read_bytes())["runs"]) == 2


def test_links_carry_the_graph(show: Callable[..., Page], visit: Visit, tmp_path: Path) -> None:
    """The address gets the whole graph with the moved leaves; any page opens it."""
    page = show(NEURON)
    page.fill('#leaves input[type=text][aria-label="x2"]', "1")
    page.keyboard.press("Enter")
    page.wait_for_selector('.box[aria-label^="x2w2,"] .data:text-is("1")')
    page.click("#link")
    page.wait_for_selector("#link:not(:text-is('Link'))")
    fragment = page.evaluate("() => location.hash")
    assert fragment.startswith("#z=")
    assert len(fragment) < 1500
    packed = base64.urlsafe_b64decode(fragment[3:] + "===")
    carried = json.loads(zlib.decompress(packed, wbits=-15))
    assert carried["nodes"] == json.loads(NEURON.read_bytes())["nodes"]
    assert [run["inputs"] for run in carried["runs"]] == [{"x2": 1.0}]
    other = tmp_path / "other.html"
    other.write_bytes(b"".join(page_of(loaded(OTHER_DOCUMENT), "other.json")))
    linked = visit(other, fragment=fragment)
    assert linked.locator("#name").inner_text() == "neuron"
    assert numbers_of(linked, "x2w2") == numbers_of(page, "x2w2")
    plain = base64.urlsafe_b64encode(NEURON.read_bytes()).decode().rstrip("=")
    assert visit(other, fragment=f"#j={plain}").locator("#name").inner_text() == "neuron"


@pytest.mark.parametrize(
    "fragment", ["#z=AAAA", "#j=e30", "#z=" + "A" * 4000, "#j=A"], ids=lambda text: text[:8]
)
def test_damaged_links_do_no_harm(visit: Visit, tmp_path: Path, fragment: str) -> None:
    """A link that can't be read says so, and the page shows its own graph."""
    path = tmp_path / "page.html"
    path.write_bytes(b"".join(page_of(mgraph.load(NEURON), "neuron.json")))
    page = visit(path, fragment=fragment)
    assert "was not opened" in page.locator("#alert").inner_text()
    assert page.locator("#name").inner_text() == "neuron"


def test_a_link_that_unpacks_to_very_much_is_refused(visit: Visit, tmp_path: Path) -> None:
    """A kilobyte that unpacks to many megabytes is not unpacked to the end."""
    path = tmp_path / "page.html"
    path.write_bytes(b"".join(page_of(mgraph.load(NEURON), "neuron.json")))
    deflate = zlib.compressobj(9, wbits=-15)
    bomb = deflate.compress(b" " * 50_000_000) + deflate.flush()
    text = base64.urlsafe_b64encode(bomb).decode().rstrip("=")
    page = visit(path, fragment=f"#z={text}")
    assert "more than 8 MB" in page.locator("#alert").inner_text()


# --- the quiz --------------------------------------------------------------------------------


def answer(page: Page, text: str) -> None:
    """Type an answer."""
    page.fill("#answer", text)
    page.keyboard.press("Enter")


def mistake(page: Page) -> str | None:
    """Return which mistake the page sees in the last answer."""
    return str(page.locator("#hint").get_attribute("data-mistake"))


def test_the_quiz_asks_before_it_shows(show: Callable[..., Page]) -> None:
    """With --quiz the page starts at the seed, hides what it asks, and goes on when it is right."""
    page = show(NEURON, quiz=True)
    assert title(page) == "Backward, 1 of 5: your turn"
    assert numbers_of(page, "n") == ("0.881374", "")
    assert page.locator(".chip").count() == 0
    assert "o has the gradient 1. What gradient does it give n?" in step_text(page)
    answer(page, "0.5")
    assert "Right: 1 × 0.5 = 0.5." in step_text(page)
    assert numbers_of(page, "n") == ("0.881374", "0.5")
    for _ in range(8):
        page.click("#show")
    assert title(page) == "Backward, 5 of 5"
    page.keyboard.press("ArrowRight")
    assert title(page) == "Done"
    assert "1 right at your own hand, 8 shown" in step_text(page)
    page.click("#quiz")
    assert "Quiz" not in step_text(page)


def test_the_quiz_keeps_its_secrets(show: Callable[..., Page]) -> None:
    """While it asks, neither the tooltip nor the card of a node tells a gradient."""
    page = show(NEURON, quiz=True)
    box(page, "w1").click()
    assert "its gradient is told at the end" in page.locator("#node-body").inner_text()
    assert page.locator(".paths").count() == 0


QUIZ = document(
    leaf("a", 3.0), leaf("b", 5.0), node("p", "mul", "a", "b"), node("t", "tanh", "p"),
    node("q", "mul", "a", "t"), node("y", "mul", "q", "a"),
)  # fmt: skip
"""y = a·tanh(a·b)·a: a is used three times; by hand, with t = tanh 15 ≈ 1."""


@pytest.mark.parametrize(
    ("graph", "skip", "wrong", "seen"),
    [
        # y = q·a with q = 3 (t ≈ 1), a = 3: q gets 3, a gets 3; then a gets t = 1 times 3, so 6.
        (QUIZ, 2, "3", "overwrote"),
        (document(leaf("x", 1.0), node("h", "mul", "x", "x"), node("y", "exp", "h")),
         0, "1", "inner"),
        (document(leaf("x", 2.0), leaf("w", 7.0), node("p", "mul", "x", "w"),
                  node("y", "mul", "p", "p")), 2, "7", "upstream"),
        (document(leaf("x", 2.0), leaf("w", 7.0), node("y", "mul", "x", "w")), 0, "2", "swapped"),
        # d = 2x; y = d·3 + d·5: d gets 5 first, then 8; passing 5 back too early gives 10.
        (document(leaf("x", 1.0), leaf("two", 2.0, "const"), leaf("three", 3.0, "const"),
                  leaf("five", 5.0, "const"), node("d", "mul", "x", "two"),
                  node("e", "mul", "d", "three"), node("f", "mul", "d", "five"),
                  node("y", "add", "e", "f")), 4, "10", "order"),
        (document(leaf("x", 2.0), node("y", "neg", "x")), 0, "0.9", ""),
        (document(leaf("x", 4.0), leaf("z", 8.0), node("y", "div", "x", "z")),
         0, "-0.0625", "swapped"),
    ],
    ids=["overwrote", "inner", "upstream", "swapped", "order", "other", "swapped-div"],
)  # fmt: skip
def test_the_quiz_recognises_mistakes(
    show: Callable[..., Page], graph: dict[str, Any], skip: int, wrong: str, seen: str
) -> None:
    """Each classic mistake gets its own sentence, and the question stays open."""
    page = show(graph, quiz=True)
    for _ in range(skip):
        page.click("#show")
    before = title(page)
    answer(page, wrong)
    assert mistake(page) == seen
    assert len(page.locator("#hint").inner_text()) > 20
    assert title(page) == before


def test_the_quiz_takes_fractions_and_roundings(show: Callable[..., Page]) -> None:
    """1/3 and 0.333 are right where the gradient is a third; words are no answer."""
    third = document(leaf("x", 1.0), leaf("c", 3.0, "const"), node("y", "div", "x", "c"))
    for text in ("1/3", "0.333"):
        page = show(third, quiz=True)
        answer(page, "a third")
        assert "Type a number" in page.locator("#hint").inner_text()
        answer(page, text)
        assert title(page) == "Backward, 1 of 1"


# --- safety and access -----------------------------------------------------------------------

HOSTILE = '</script><script>window.bad = 1</script><img src=x onerror="window.bad = 2">&amp;"\''


def test_texts_of_a_graph_are_only_text(visit: Visit, tmp_path: Path) -> None:
    """Markup in name, doc, labels, origin and file name is shown to the letter, and never runs."""
    graph = document(
        {**leaf("x", 1.0), "label": HOSTILE, "doc": HOSTILE},
        {**leaf("__proto__", 2.0), "label": "{{ SCRIPT }}"},
        node("constructor", "mul", "x", "__proto__"),
        node("y", "add", "constructor", "constructor"),
        name=HOSTILE, doc=HOSTILE, meta={"__proto__": HOSTILE},
        runs=[{"origin": HOSTILE, "data": {"y": 4.0}}],
    )  # fmt: skip
    path = tmp_path / "page.html"
    path.write_bytes(b"".join(page_of(loaded(graph), f"{HOSTILE}.json")))
    page = visit(path)
    assert page.locator("#name").inner_text() == HOSTILE
    assert numbers_of(page, "y") == ("4", "1")
    page.evaluate("() => mgraph.goTo(0)")
    assert page.locator("#node-title").text_content() == f"Why {HOSTILE[:80]}?"
    page.click("#runs-card summary")
    assert HOSTILE in page.locator("#runs").inner_text()
    drop(page, f"{HOSTILE}.json", b"{")
    page.wait_for_selector("#alert:not([hidden])")
    drop(page, "again.json", json.dumps(graph).encode())
    page.wait_for_selector("#alert", state="hidden")
    assert page.evaluate("() => window.bad") is None
    assert page.locator("img, script:not([type])").count() == 0


def test_the_policy_is_in_force(browser: Browser, tmp_path: Path) -> None:
    """A script that somebody adds to the page does not run, and nothing can be fetched."""
    path = tmp_path / "page.html"
    text = b"".join(page_of(mgraph.load(NEURON), "neuron.json")).decode()
    path.write_text(
        text.replace("</body>", "<script>window.bad = 1</script></body>"), encoding="utf-8"
    )
    visit = Visit(browser, tmp_path)
    page = visit(path)
    assert page.evaluate("() => window.bad") is None
    tried = "(url) => fetch(url).then(() => 'fetched', () => 'refused')"
    assert page.evaluate(tried, "https://example.org/") == "refused"
    visit.close()
    assert len(visit.complaints) >= 2
    assert all("Content Security Policy" in line or "CSP" in line for line in visit.complaints)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_bars_anyone(show: Callable[..., Page], scheme: str, width: int) -> None:
    """Axe finds no barrier: at the end, in a backward step, with a node explained, in the quiz."""
    options = {
        "viewport": {"width": width, "height": 800},
        "color_scheme": scheme,
        "bypass_csp": True,
    }
    page = show(NEURON, reduced_motion="reduce", **options)
    page.add_script_tag(path=AXE_FILE_PATH)
    assert barriers(page) == []
    to_step(page, "Backward, 3")
    box(page, "w1").click()
    page.click("#runs-card summary")
    assert barriers(page) == []
    page.click("#quiz")
    answer(page, "7")
    assert barriers(page) == []
    page.keyboard.press("Escape")
    page.locator("#answer").blur()
    page.keyboard.press("?")
    assert barriers(page) == []


def test_numbers_of_every_size_are_readable(show: Callable[..., Page]) -> None:
    """From the smallest double to infinity, what a box shows is near what it is."""
    values = [5e-324, 1.5e-7, -0.00012345678, 1e5, 123456.0, 1234567.8, -9.87e299, inf]
    leaves = [
        {**leaf(f"v{i}", x), "data": x if isfinite(x) else "inf"} for i, x in enumerate(values)
    ]
    page = show(document(*leaves, node("y", "sum", *(each["id"] for each in leaves))))
    for i, value in enumerate(values):
        text = numbers_of(page, f"v{i}")[0].replace("−", "-").replace("∞", "inf")
        assert float(text) == pytest.approx(value, rel=2e-2)
