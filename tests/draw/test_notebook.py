"""Notebooks: Values and Graphs show themselves as pictures, and the tutorial says what is true."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

import mgraph
from mgraph import Value, draw
from mgraph.build.network import mlp
from mgraph.draw import native_process, notebook
from tests.command_line import HERE, NEURON
from tests.draw.test_draw import boxes, texts

if TYPE_CHECKING:
    from pathlib import Path

TUTORIAL = HERE.parent / "docs" / "tutorial.ipynb"


def shown(thing: Any) -> dict[str, str]:  # noqa: ANN401 - what IPython would be given
    """Return what a notebook gets, asked as IPython asks."""
    bundle: dict[str, str] = thing._repr_mimebundle_(include=None, exclude=None)
    assert bundle["text/plain"] == repr(thing)
    return bundle


def boxes_of(thing: object) -> dict[str, list[str]]:
    """Return the texts of each box of what a notebook shows."""
    svg = shown(thing)["image/svg+xml"].encode()
    return {name: texts(box) for name, box in boxes(svg).items()}


def test_a_value_shows_how_it_came_about() -> None:
    """Each number with its data and grad as they are now, the live ones, under its name."""
    x, w = Value(3.0, name="x"), Value.param(2.0, name="w")
    y = x * w + 1
    y.name = "y"
    assert boxes_of(y)["w"] == ["w", "param", "data", "2.0", "grad", "0.0"]
    y.backward()
    x.data = 5.0
    assert boxes_of(y) == {
        "x": ["x", "input", "data", "5.0", "grad", "2.0"],
        "w": ["w", "param", "data", "2.0", "grad", "3.0"],
        "n2": ["n2", "mul", "data", "6.0", "grad", "1.0"],
        "n3": ["n3", "const", "data", "1.0"],
        "y": ["y", "add", "data", "7.0", "grad", "1.0"],
    }


def test_any_name_can_be_shown() -> None:
    """Names that no file could hold, and two of one name, are labels."""
    y = Value(1.0, name="my <x>") * Value(2.0, name="y") + Value(3.0, name="y")
    names = [box[0] for box in boxes_of(y).values()]
    assert names == ["my <x>", "y", "n2", "y", "n4"]


def test_a_graph_shows_itself_with_a_run() -> None:
    """The numbers are those of running it; a graph that lacks a value is shown without them."""
    assert boxes_of(mgraph.load(NEURON))["x1"] == ["x1", "input", "data", "2.0", "grad", "-1.5"]
    unbound = mlp([2, 3, 1])
    assert boxes_of(unbound)["x1"] == ["x1", "input"]
    folded = boxes_of(mlp([2, 16, 16, 1]))
    assert len(folded) == 35


def test_what_is_too_large_is_text() -> None:
    """A Value of many others, or a large Graph, is told in one line, and at once."""
    total = Value(0.0)
    for _ in range(draw.FULL - 1):
        total = -total
    assert "image/svg+xml" in shown(total)
    assert [*shown(-total)] == ["text/plain"]
    for _ in range(100_000):
        total = -total
    assert [*shown(total)] == ["text/plain"]
    assert [*shown(mgraph.Graph.of(total))] == ["text/plain"]


def test_without_the_extra_there_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing package is no error."""
    monkeypatch.setattr(native_process, "find_spec", lambda _: None)
    assert [*shown(Value(1.0))] == ["text/plain"]
    assert [*shown(mgraph.load(NEURON))] == ["text/plain"]


@pytest.mark.parametrize("fault", [ValueError, RecursionError, OSError, MemoryError])
def test_showing_never_fails(monkeypatch: pytest.MonkeyPatch, fault: type[Exception]) -> None:
    """Whatever goes wrong in drawing, the text is shown."""

    def fails(*_: object) -> None:
        raise fault

    monkeypatch.setattr(notebook, "_drawing", fails)
    assert [*shown(Value(1.0))] == ["text/plain"]


def test_nobody_pays_for_pictures_that_are_not_shown(tmp_path: Path) -> None:
    """Making and running Values imports nothing that draws; showing one does."""
    code = (
        "import sys\nfrom mgraph import Value\nv = Value(1.0) * 2\nv.backward()\nrepr(v)\n"
        "print([n for n in sys.modules if n.startswith('mgraph.draw')])\n"
        "print([*v._repr_mimebundle_()])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n['text/plain', 'image/svg+xml']\n"


# --- the tutorial -----------------------------------------------------------------------------


def cells(path: Path) -> list[dict[str, Any]]:
    """Return the cells of a notebook."""
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return found


def result(cell: dict[str, Any]) -> list[str]:
    """Return what a cell shows: its texts, and the words of its pictures."""
    found = []
    for output in cell.get("outputs", ()):
        found.append("".join(output.get("text", ())))
        data = output.get("data", {})
        found.append(rounded("".join(data.get("text/plain", ()))))
        svg = "".join(data.get("image/svg+xml", ()))
        found += [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]
    return found


def rounded(text: str) -> str:
    """Leave out the digits that mathematical libraries differ in."""
    return re.sub(r"\d+\.\d{7,}", lambda number: f"{float(number[0]):.6g}", text)


def test_the_tutorial_is_complete() -> None:
    """It is committed with its outputs, all of them, in order, with pictures, and small."""
    code = [cell for cell in cells(TUTORIAL) if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == [*range(1, len(code) + 1)]
    kinds = [output["output_type"] for cell in code for output in cell["outputs"]]
    assert {*kinds} == {"stream", "execute_result"}
    svgs = ["".join(output["data"]["image/svg+xml"]) for cell in code for output in cell["outputs"]
            if "image/svg+xml" in output.get("data", ())]  # fmt: skip
    assert len(svgs) >= 5
    for svg in svgs:
        ET.fromstring(svg)  # noqa: S314 - it is ours
    assert TUTORIAL.stat().st_size < 200_000


def test_the_tutorial_is_right() -> None:
    """The numbers that its prose names are those of calculus, done by hand."""
    printed = ["".join(result(cell)) for cell in cells(TUTORIAL) if cell["cell_type"] == "code"]
    assert printed[0] == "20.0"  # 3·9 - 4·3 + 5
    assert "slope = 14.0003" in printed[1]  # 6·3 - 4, and 3h more
    assert "at -3.000 the slope is -22.000" in printed[2]
    assert printed[4] == "a: -3.000\nb: 2.000\nc: 1.000\n"
    assert "6.0 -4.0 -2.0 4.0\n" in printed
    assert "-7.286496\n" in printed  # (2.06·-3.04 + 9.98)·-1.96
    derivatives = next(text for text in printed if text.startswith("local derivative of tanh"))
    assert derivatives.split("\n")[1:6] == [
        "x1: -1.500",
        "w1: +1.000",
        "x2: +0.500",
        "w2: +0.000",
        "b: +0.500",
    ]
    trained = next(text for text in printed if text.startswith("wrote run/final.json"))
    assert re.search(r"^after +[\d.e-]+ +1$", trained, re.MULTILINE)  # all points
    scores = next(text for text in printed if text.startswith("wrote scores.csv"))
    signs = [line.rpartition(",")[2].startswith("-") for line in scores.split("\n")[4:7]]
    assert signs[:2] == [False, True]  # (0, 1) is the top of one moon, (1, -0.5) the other's bottom
    losses = [float(x) for text in printed for x in re.findall(r"loss (\d\.\d+)", text)]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > 1
    assert losses[-1] < 0.01
