"""Pictures: what stands in them, that hostile texts stay texts, and that nothing hangs."""

from __future__ import annotations

import random
import re
import time
import xml.etree.ElementTree as ET
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import pytest

from mgraph.document import loads
from mgraph.draw import Drawing, drawing, everything, layout, native, native_process
from mgraph.draw.box_text import ORDINALS, Tone, box_texts
from mgraph.draw.text import clipped, middle_clipped, one_line, width, without
from mgraph.draw.themes import THEMES
from mgraph.errors import GraphError
from mgraph.format import FORMAT_VERSION
from mgraph.ops import LEAVES, TABLE
from tests.command_line import NEURON

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


SVG: Final = "{http://www.w3.org/2000/svg}"

HOSTILE: Final = (
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "]]>&amp;&#x41;<!-- -->",
    'a\\nb \\N \\G \\l "q" {x|y} <b>',
    "`**md**` #quot; click b0 %%{init: {}}%%",
    "\u202egnp.exe\u202c",
    "tab\there\nnewline \x1b[31mred\x7f\x00",
    "\ufffe\uffff\u2028\u2029\u0085",
    "日本語のラベル",
    "وزن المدخل",
    "👨\u200d👩\u200d👧\u200d👦 👍🏽 🇩🇪",
    "हिन्दी ไทย",
    "z" + "\u0301" * 400,
    "W" * 1000,
    "﷽" * 300,
    "x₁ = ∂L/∂w → ½σ",
    " ",
    "--> b0; end",
)


def document(nodes: Sequence[Mapping[str, object]], *outputs: str, **more: object) -> bytes:
    """Return a graph file of some nodes."""
    import json  # noqa: PLC0415 - here only

    document = {"mgraph": FORMAT_VERSION, "nodes": nodes, "outputs": outputs, **more}
    return json.dumps(document).encode()


def drawn(data: bytes, seed: dict[str, float] | None = None, theme: str = "light") -> Drawing:
    """Return the whole picture of a graph file, with the numbers of a run."""
    graph = loads(data)
    run = graph.run(seed=seed)
    return drawing(graph.columns, everything(graph.columns).picture, run, graph.name, theme)


def hostile() -> bytes:
    """Return a graph whose every text is out to break the picture."""
    leaves: list[Mapping[str, object]] = [
        {"id": f"a{i}", "op": LEAVES[i % 3], "data": 1.0, "label": label[:340], "doc": label}
        for i, label in enumerate(HOSTILE)
    ]
    top = {"id": "s", "op": "sum", "args": [leaf["id"] for leaf in leaves]}
    return document([*leaves, top], "s", name=HOSTILE[0], doc=HOSTILE[1])


def every_op() -> bytes:
    """Return a graph with every op at infinity, and at NaN."""
    leaves: list[dict[str, Any]] = [
        {"id": "x", "op": "input", "data": "-inf"},
        {"id": "p", "op": "param", "data": "nan"},
        {"id": "c", "op": "const", "data": -0.0},
    ]
    ops: list[dict[str, Any]] = [
        {"id": f"{row.name}_{a}", "op": row.name, "args": [a, "c"][: row.inputs]}
        for row, a in product(TABLE, ("x", "p"))
    ]
    return document([*leaves, *ops], *(node["id"] for node in ops))


def boxes(svg: bytes) -> dict[str, ET.Element]:
    """Return the groups of a picture that are boxes, by the first line of what they tell."""
    found = {}
    for group in ET.fromstring(svg).iter(f"{SVG}g"):  # noqa: S314 - it is ours
        title = group.find(f"{SVG}title")
        if title is not None:
            found[(title.text or "").split("\n")[0]] = group
    return found


def texts(element: ET.Element) -> list[str]:
    """Return the texts in an element, without what is told on hovering."""
    return [each.text or "" for each in element.iter(f"{SVG}text")]


# --- what stands in a picture -----------------------------------------------------------------


def test_a_box_has_name_op_data_and_grad() -> None:
    """The neuron's boxes say what its table says, with six digits."""
    found = {name: texts(box) for name, box in boxes(drawn(NEURON.read_bytes()).svg()).items()}
    assert len(found) == 10
    assert found["x1"] == ["x1", "input", "data", "2.0", "grad", "-1.5"]
    assert found["b"] == ["b", "param", "data", "6.88137", "grad", "0.5"]
    assert found["x1w1x2w2"] == ["x1w1x2w2", "add", "data", "-6.0", "grad", "0.5"]
    assert found["o"] == ["o", "tanh", "data", "0.707107", "grad", "1.0"]


def test_what_is_told_on_hovering_has_all_digits() -> None:
    """The title of a box has id, op with arguments, and the shortest exact numbers."""
    title = boxes(drawn(NEURON.read_bytes()).svg())["n"].find(f"{SVG}title")
    assert title is not None
    *lines, grad = (title.text or "").split("\n")
    assert lines == ["n", "add(x1w1x2w2, b)", "data 0.8813735870195432"]
    # 1 - tanh² of it, which the mathematical library rounds
    assert float(grad.removeprefix("grad ")) == pytest.approx(0.5, rel=1e-12)


def test_a_label_stands_in_the_place_of_the_id() -> None:
    """Who looks sees the label; who hovers, the id too."""
    svg = drawn(document([{"id": "w", "op": "param", "data": 1, "label": "ω₁"}], "w")).svg()
    assert texts(boxes(svg)["w: ω₁"])[0] == "ω₁"


def test_kinds_differ_in_shape() -> None:
    """Input, param, const and op have four outlines, and an output a second one, in any colour."""
    nodes: list[dict[str, Any]] = [
        *({"id": f"aa{i}", "op": op, "data": 1.0, "label": "same"} for i, op in enumerate(LEAVES)),
        {"id": "s", "op": "add", "args": ["aa0", "aa1"], "label": "same"},
        {"id": "t", "op": "add", "args": ["s", "aa2"], "label": "same"},
    ]
    picture = drawn(document(nodes, "t"))
    outlines = []
    for box in boxes(picture.svg()).values():
        paths = list(box.iter(f"{SVG}path"))
        letters = re.sub(r"[-\d.]+", "", paths[-1].get("d", ""))
        outlines.append((letters, paths[-1].get("stroke-dasharray"), len(paths)))
    assert len({*outlines}) == 5
    assert [count for _, _, count in outlines] == [1, 1, 1, 1, 2]
    for text in (picture.dot(), picture.mermaid()):
        lines = [line for line in text.decode().splitlines() if "same" in line]
        words = r'(label=|tooltip=|color=|[(\[/{])"(?:\\.|[^"])*"|b\d|:::\w+'
        assert len({re.sub(words, "", line) for line in lines}) == 5


def test_a_repeated_operand_has_two_arrows() -> None:
    """x·x has two curves, which are not the same, in every format."""
    x: dict[str, Any] = {"id": "x", "op": "input", "data": 3}
    nodes = [x, {"id": "y", "op": "mul", "args": ["x", "x"]}]
    picture = drawn(document(nodes, "y"))
    svg = picture.svg().decode()
    curves = re.findall(r'<path stroke-width="[\d.]+" d="(.*?)"/>', svg)
    assert len(curves) == len({*curves}) == 2
    assert picture.dot().decode().count("b0 -> b1") == 2
    assert picture.mermaid().decode().count("b0 --> b1") == 2


def test_operands_that_cannot_be_swapped_are_told_apart() -> None:
    """The arrows into sub, div and pow say which operand they are, those into add don't."""
    leaves = [{"id": name, "op": "input", "data": 2} for name in "ab"]
    for op in ("sub", "div", "pow", "add", "mul", "max", "min"):
        svg = drawn(document([*leaves, {"id": "y", "op": op, "args": ["a", "b"]}], "y")).svg()
        found = [text for text in texts(ET.fromstring(svg)) if text in ORDINALS]  # noqa: S314
        assert found == ([*ORDINALS] if op in ("sub", "div", "pow") else [])


def test_the_first_operand_arrives_above_the_second() -> None:
    """Whatever the layout, the upper arrow into a box is its first argument."""
    sizes = [(90.0, 60.0)] * 3
    for first, second in ((0, 1), (1, 0)):
        links = [layout.Link(first, 2, 0), layout.Link(second, 2, 1)]
        upper, lower = (curve[-1][1] for curve in layout.lay_out(sizes, links).curves)
        assert upper < lower


def test_special_numbers_stand_out() -> None:
    """NaN and the infinities are spelled, and in a colour that no other number has."""
    data = every_op()
    picture = drawn(data, seed={"mul_x": 1.0})
    graph = loads(data)
    run = graph.run(seed={"mul_x": 1.0})
    red = THEMES["light"].strange
    for name, box in boxes(picture.svg()).items():
        shown = [(t.text, t.get("fill")) for t in box.iter(f"{SVG}text")][3:]
        x = run.data[name] if run.data else 0.0
        assert (shown[0][1] == red) == (x - x != 0), name
        assert float(shown[0][0] or "") == pytest.approx(x, rel=1e-5, nan_ok=True)
    tones = {line.tone for text in box_texts(graph.columns, picture.picture, picture.numbers)
             for line in text.lines}  # fmt: skip
    assert {Tone.STRANGE, Tone.ABSENT} <= tones


def test_a_const_has_no_gradient_and_a_node_without_path_says_so() -> None:
    """No number stands where there is no adjoint."""
    nodes: list[dict[str, Any]] = [
        {"id": "c", "op": "const", "data": 2},
        {"id": "x", "op": "input", "data": 2},
        {"id": "y", "op": "neg", "args": ["x"]},
        {"id": "z", "op": "neg", "args": ["c"]},
    ]
    found = boxes(drawn(document(nodes, "y", "z"), seed={"z": 1.0}).svg())
    assert texts(found["c"]) == ["c", "const", "data", "2.0"]
    assert texts(found["y"])[-2:] == ["grad", "-"]


# --- hostile texts ----------------------------------------------------------------------------

ELEMENTS: Final = {f"{SVG}{name}" for name in ("svg", "g", "rect", "path", "text", "title")}
ATTRIBUTES: Final = {
    *("width", "height", "viewBox", "role", "aria-label", "font-family", "fill", "style"),
    *("transform", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "d", "x", "y"),
    *("paint-order", "text-anchor", "font-size", "font-weight", "textLength", "lengthAdjust"),
}


@pytest.mark.parametrize("theme", THEMES)
def test_svg_is_plain_shapes_and_text(theme: str) -> None:
    """Hostile labels give well-formed XML of six elements, no script, no reference, no id."""
    svg = drawn(hostile(), theme=theme).svg()
    root = ET.fromstring(svg)  # noqa: S314 - it is ours, and that it is XML is the claim
    assert {each.tag for each in root.iter()} <= ELEMENTS
    assert {name for each in root.iter() for name in each.attrib} <= ATTRIBUTES
    styles = {each.get("style") for each in root.iter()} - {None}
    assert styles == {"font-feature-settings:'calt' 0"}
    assert re.findall(rb"https?:|url\(|<!|<\?", svg) == [b"http:"]
    assert all(c == "\n" or c.isprintable() or c == "\u200d" for c in svg.decode())


def test_hostile_labels_are_shown_as_they_are() -> None:
    """What can be shown is shown to the letter, and what can't be is escaped."""
    shown = {texts(box)[0] for box in boxes(drawn(hostile()).svg()).values()}
    assert {"<script>alert(1)</script>", '"><svg onload=alert(1)>', "日本語のラベル"} <= shown
    assert {"\\u{202e}gnp.exe\\u{202c}", "x₁ = ∂L/∂w → ½σ", "a16", "--> b0; end"} <= shown


def test_dot_reads_back() -> None:
    """Graphviz reads from the .dot file the very lines that were to be written."""
    picture = drawn(hostile())
    cards = box_texts(picture.graph, picture.picture, picture.numbers)
    svg = ET.fromstring(native.layout(picture.dot(), "svg"))  # noqa: S314 - it is Graphviz's
    nodes = {g.findtext(f"{SVG}title"): g for g in svg.iter(f"{SVG}g") if g.get("class") == "node"}
    assert nodes.keys() == {f"b{i}" for i in range(len(cards))}
    for i, card in enumerate(cards):
        node = nodes[f"b{i}"]
        name, tag, *_ = (text.replace("\xa0", " ") for text in texts(node))
        assert (name, tag) == (card.short_name(), card.tag)


def test_mermaid_holds_no_syntax_of_a_label() -> None:
    """Between its quotes stand letters, codes and line breaks only; decoded, they are the label."""
    picture = drawn(hostile())
    cards = box_texts(picture.graph, picture.picture, picture.numbers)
    lines = picture.mermaid().decode().split("\n")
    assert lines[0] == "flowchart LR"
    for line, card in zip(lines[1:], cards, strict=False):
        found = re.fullmatch(
            r'  b\d+\W{1,2}"([^"`<>{}\[\]|]*(?:<br/>[^"`<>{}\[\]|]*)+)"\W+\w+', line
        )
        assert found is not None, line
        name = re.sub(r"#(\d+);", lambda code: chr(int(code[1])), found[1].split("<br/>")[0])
        assert name.replace("\N{SET MINUS}", "\\") == card.short_name()


# --- texts in their boxes ---------------------------------------------------------------------


def test_long_texts_are_cut() -> None:
    """A label keeps its beginning, an id both ends, and no sign is parted from what it carries."""
    assert clipped("short", 100, 13) == "short"
    cut = clipped("W" * 100, 100, 13)
    assert cut.endswith("W…")
    assert width(cut, 13) <= 100 < width(cut + "W", 13)
    name = "layer1.neuron3." + "x" * 90 + ".w2"
    cut = middle_clipped(name, 100, 13)
    assert cut.startswith("la")
    assert cut.endswith("x.w2")
    assert width(cut, 13) <= 100
    for most in range(30, 120):
        cut = clipped("👍🏽" * 20, most, 13).removesuffix("…")
        assert cut == "👍🏽" * (len(cut) // 2)
        assert not clipped("e\u0301" * 40, most, 13).removesuffix("…").endswith("e")


def test_what_can_be_seen_is_on_one_line() -> None:
    """Spaces are one, controls are escaped, joiners are kept, heaps of accents are cut."""
    assert one_line("  a \xa0 b\u3000c ") == "a b c"
    assert one_line("a\nb\x00") == "a\\u{a}b\\u{0}"
    assert one_line("\u0645\u06cc\u200c\u062e") == "\u0645\u06cc\u200c\u062e"
    assert one_line("z" + "\u0301" * 100 + "!") == "z\u0301\u0301!"
    assert one_line("e\u0301\u0302") == "e\u0301\u0302"
    assert len(one_line("x" * 10_000)) < 200


def test_signs_without_a_font_are_one_box_each() -> None:
    """What belongs to a sign that can't be shown goes with it."""
    assert without("a日b", "日") == "a□b"
    assert without("👨\u200d👩\u200d👧 ok", "👨👩👧") == "□ ok"
    assert without("हि x", "ह") == "□ x"
    assert without("plain", "") == "plain"


# --- the layout -------------------------------------------------------------------------------


def test_boxes_do_not_overlap_and_arrows_arrive() -> None:
    """Sizes are kept: centres lie that far apart, curves begin and end at the boxes."""
    sizes = [(100.0 + 10 * i, 40.0 + i) for i in range(12)]
    links = [
        layout.Link(i, j) for i, j in product(range(12), range(12)) if i < j and i * j % 3 == 0
    ]
    places = layout.lay_out(sizes, links)
    for (i, a), (j, b) in product(enumerate(places.centers), repeat=2):
        if i < j:
            wide, high = ((sizes[i][k] + sizes[j][k]) / 2 for k in (0, 1))
            assert abs(a[0] - b[0]) > wide or abs(a[1] - b[1]) > high
    for link, curve in zip(links, places.curves, strict=True):
        assert len(curve) % 3 == 2  # 3n + 1 points, and the tip
        start = places.centers[link.tail][0] + sizes[link.tail][0] / 2
        end = places.centers[link.head][0] - sizes[link.head][0] / 2
        assert curve[0][0] == pytest.approx(start, abs=1)
        assert curve[-1][0] == pytest.approx(end, abs=1)


def test_a_layout_without_edges() -> None:
    """One box alone, or several, are laid out too."""
    assert layout.lay_out([(90.0, 40.0)], []).width == pytest.approx(90, abs=1)
    assert len(layout.lay_out([(90.0, 40.0)] * 3, []).centers) == 3


@pytest.mark.parametrize(("sizes", "links"), [(3_001, 0), (2, 10_001)])
def test_too_much_is_refused_before_it_is_tried(sizes: int, links: int) -> None:
    """Beyond the limits the answer is at once, and says what to do."""
    with pytest.raises(GraphError) as refused:
        layout.lay_out([(90.0, 40.0)] * sizes, [layout.Link(0, 1)] * links)
    (found,) = refused.value.diagnostics
    assert (found.code, found.fix) == ("limit", native_process.SMALLER)


def test_what_takes_too_long_is_ended() -> None:
    """The engine is killed when its time is over."""
    before = time.monotonic()
    with pytest.raises(GraphError) as refused:
        layout.lay_out(*crowd(2_500), seconds=1.0)
    assert refused.value.diagnostics[0].message == "the layout took more than 1 s"
    assert time.monotonic() - before < 60  # it would take minutes


def crowd(count: int) -> tuple[list[tuple[float, float]], list[layout.Link]]:
    """Return a layout that takes minutes: boxes with edges to anywhere."""
    ends = random.Random(1)  # noqa: S311 - no secrets
    links = [layout.Link(*sorted(ends.sample(range(count), 2))) for _ in range(3 * count)]
    return [(90.0, 40.0)] * count, links


def test_an_engine_that_breaks_down_is_told() -> None:
    """A child that fails is a diagnostic, not a traceback."""
    with pytest.raises(GraphError) as refused:
        native_process.run("layout", given=b"digraph {")
    (found,) = refused.value.diagnostics
    assert found.code == "limit"
    assert found.message.startswith("the layout failed: ")
