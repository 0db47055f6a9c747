"""docs/teaching.md: the numbers of the lesson on gradient descent, by fractions.

What the commands print there is compared with the page in test_site.py; here the same trainings are
compared with fractions that whoever teaches can compute on the board.
"""

from __future__ import annotations

import importlib.util
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from mgraph.build.expression import graph_of
from mgraph.build.network import mlp
from tests.command_line import HERE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    from mgraph import Graph

PAGE = (HERE.parent / "docs" / "teaching.md").read_text(encoding="utf-8")
PARABOLA = "e = w - y; L = e*e"
RATES = [Fraction(eighths, 8) for eighths in (1, 2, 4, 6, 8, 10)]


def rolled(rate: Fraction, steps: int, kept: Fraction = Fraction(0)) -> list[Fraction]:
    """Return w on the parabola (w - 3)² from 7 on, if a share of the gradients so far is kept."""
    ws, total = [Fraction(7)], Fraction(0)
    for _ in range(steps):
        total = kept * total + 2 * (ws[-1] - 3)
        ws.append(ws[-1] - rate * total)
    return ws


def graph_with(formula: str, params: dict[str, float]) -> Graph:
    """Return the graph of a formula."""
    return graph_of(formula, {name: ("param", x) for name, x in params.items()})


def losses(formula: str, params: dict[str, float], rows: dict[str, Any], **how: Any) -> list[Any]:  # noqa: ANN401 - of `train`
    """Return the losses of a training before each step, then that after the last one."""
    result = graph_with(formula, params).train(pa.table(rows), **how)
    return [*(line["loss"] for line in result.log), result.results["after"]["loss"]]


def test_the_table_of_rates() -> None:
    """Each row has the w of four steps, and they are those of a training."""
    table = re.findall(r"^\| ([\d.]+) \| \S+ \| 7 \| (.*) \| .* \|$", PAGE, re.MULTILINE)
    assert [Fraction(rate) for rate, _ in table] == RATES
    for rate, cells in table:
        ws = rolled(Fraction(rate), 4)
        assert [Fraction(cell.replace("−", "-")) for cell in cells.split(" | ")] == ws[1:], rate
        got = losses(PARABOLA, {"w": 7.0}, {"y": [3.0]}, lr=float(rate), epochs=4)
        assert got == [(w - 3) ** 2 for w in ws], rate


def test_what_the_gradient_promises() -> None:
    """-64 times the rate, and the change of the loss."""
    table = re.findall(r"^\| ([\d.]+) \| −([\d.]+) \| (\S+) \|$", PAGE, re.MULTILINE)
    assert len(table) == 4
    for rate, promised, true in table:
        assert Fraction(promised) == 64 * Fraction(rate)
        change = (rolled(Fraction(rate), 1)[1] - 3) ** 2 - 16
        assert Fraction(true.replace("−", "-")) == change
        shown = re.escape(f"output    L = {float(16 + change)}")
        assert re.search(rf"^{shown}$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def descend() -> ModuleType:
    """Return the program of the lesson."""
    path = HERE.parent / "examples" / "python" / "descend.py"
    spec = importlib.util.spec_from_file_location("descend", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("rate", [0.5, 0.25])
def test_gradients_that_are_not_set_to_zero(
    descend: ModuleType, monkeypatch: pytest.MonkeyPatch, rate: float
) -> None:
    """The program's w with and without zeroing; and at the rate ½, six steps lead in a circle."""
    monkeypatch.setattr(descend, "RATE", rate)
    for zeroed, kept in ((True, 0), (False, 1)):
        ws = rolled(Fraction(rate), descend.STEPS, Fraction(kept))
        assert [w for _, w in descend.descend(zeroed=zeroed)] == ws[1:]
    assert rolled(Fraction(1, 2), 12, Fraction(1)) == [7, 3, -1, -1, 3, 7] * 2 + [7]


def test_momentum() -> None:
    """Half of the gradients is kept."""
    ws = rolled(Fraction(1, 2), 7, Fraction(1, 2))
    got = losses(PARABOLA, {"w": 7.0}, {"y": [3.0]}, lr=0.5, momentum=0.5, epochs=7)
    assert got == [(w - 3) ** 2 for w in ws]
    assert f"{'loss: '}{' loss: '.join(map(str, got[:7]))}\n" in PAGE


RELU = "n = w*x; h = relu(n); e = h - y; L = e*e"


def on_relu(
    w: Fraction, rows: Sequence[tuple[int, int]], move: Callable[[Fraction], Fraction], steps: int
) -> list[Fraction]:
    """Return the losses of a neuron with a relu; `move` returns the step of a gradient."""
    losses = []
    for _ in range(steps + 1):
        errors = [max(w * x, Fraction(0)) - y for x, y in rows]
        losses.append(sum((e * e for e in errors), Fraction(0)) / len(rows))
        pairs = zip(errors, rows, strict=True)
        w -= move(sum((2 * e * x for e, (x, _) in pairs if w * x > 0), Fraction(0)) / len(rows))
    return losses


def test_a_dead_relu() -> None:
    """A step that is too long kills it, a shorter one and a clipped one don't; and exercise 10."""
    one, two = {"x": [1.0], "y": [1.0]}, {"x": [1.0, -1.0], "y": [1.0, 3.0]}
    rows = [(1, 1)]
    for lr, clip in ((1, None), (Fraction(1, 4), None), (1, 1.0)):
        got = losses(RELU, {"w": 3.0}, one, lr=float(lr), clip=clip, epochs=3)
        longest = Fraction(clip or 100)
        assert got == on_relu(Fraction(3), rows, lambda g: lr * min(g, longest), 3)  # noqa: B023 - called at once
    got = losses(RELU, {"w": -1.0}, two, lr=0.5, epochs=2)
    assert got == on_relu(Fraction(-1), [(1, 1), (-1, 3)], lambda g: g / 2, 2)
    assert got[-1] == (1 + Fraction(1, 4)) / 2  # w = -2.5


STEPS = (("sgd", 2.0, 63), ("momentum", 1.0, 21), ("adam", 0.3, 22))


def test_the_race() -> None:
    """All rows are right after as many steps as the page says, and not before; one rate kills."""
    graph = mlp((2, 8, 1), activation="relu", loss="hinge")
    moons = str(HERE.parent / "examples" / "moons.csv")
    for optimizer, lr, steps in STEPS:
        result = graph.train(
            moons, target="moon", accuracy=True, optimizer=optimizer, lr=lr, epochs=steps
        )
        assert result.results["after"]["accuracy"] == 1.0
        assert max(line["accuracy"] for line in result.log) < 1.0
    result = graph.train(moons, target="moon", lr=10.0, epochs=200)
    assert max(line["loss"] for line in result.log) > 2.0
    columns = result.graph.columns
    params = {
        columns.ids[node]: x for node, x in zip(columns.leaf_index, columns.data, strict=True)
    }
    points = np.loadtxt(moons, delimiter=",", skiprows=1, usecols=(0, 1))
    weights = [
        [params[f"layer1.neuron{k}.{name}"] for name in ("w1", "w2", "b")] for k in range(1, 9)
    ]
    sums = np.column_stack([points, np.ones(len(points))]) @ np.array(weights).T
    assert int(np.sum(sums.max(axis=0) <= 0.0)) == 6


def test_exercises() -> None:
    """6: a quarter each step; 7: the mean; 8: a valley; 11: two neurons that stay equal."""
    assert rolled(Fraction(3, 8), 5)[-1] == Fraction(300390625, 10**8)
    assert abs(rolled(Fraction(3, 8), 4)[-1] - 3) > Fraction(1, 100)
    got = losses(PARABOLA, {"w": 7.0}, {"y": [1.0, 2.0, 6.0]}, lr=0.5, epochs=1)
    assert got == pytest.approx([(36 + 25 + 1) / 3, 14 / 3], rel=1e-15)
    got = losses("L = u*u + k*v*v", {"u": 1.0, "v": 1.0}, {"k": [10.0]}, lr=0.11, epochs=10)
    u, v = (Fraction(78, 100) ** 10, Fraction(12, 10) ** 10)
    assert got[-1] == pytest.approx(float(u * u + 10 * v * v), rel=1e-12)
    assert f"after   {got[-1]:.4g}\n" in PAGE
    params = dict.fromkeys(("u1", "u2", "v1", "v2"), 0.5)
    graph = graph_with("L = (v1*tanh(u1*x) + v2*tanh(u2*x) - y)**2", params)
    after = graph.train(pa.table({"x": [1.0], "y": [1.0]}), lr=0.5, epochs=20).graph.runs[0].data
    assert after is not None
    assert (after["u1"], after["v1"]) == (after["u2"], after["v2"])
    assert after["u1"] != 0.5
