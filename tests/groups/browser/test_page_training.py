"""Training on the page, in a browser: rows, buttons, what is shown, what is said."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from mgraph.build.network import mlp
from mgraph.viewer import CsvRows
from tests.command_line import HERE, NEURON
from tests.groups.browser.chromium import barriers, screen
from tests.groups.browser.page import at_the_end, box, document, drop, leaf, node, numbers_of, title
from tests.reference.arithmetic import Double
from tests.rows.lines import line
from tests.training import by_hand
from tests.training.by_hand import XS, YS, measured
from tests.training.test_optimizers import VECTORS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    Show = Callable[..., Page]

MOONS = (HERE.parent / "examples" / "moons.csv").read_bytes()
CSV = "x,y\n" + "".join(f"{x},{y}\n" for x, y in zip(XS, YS, strict=True))
LINE = json.loads(b"".join(line().to_bytes()))
HOSTILE = "</script><img src=x onerror='window.bad = 1'>"


def network(*sizes: int, loss: str = "hinge") -> dict[str, Any]:
    """Return a network with a loss, as a document."""
    text = b"".join(mlp(sizes, loss=loss).to_bytes())
    return dict(json.loads(text))


def trained(page: Page) -> tuple[int, float]:
    """Return the number of steps and the loss that the page shows."""
    words = page.locator("#training-now").inner_text().replace(",", "").split()
    return int(words[0]), float(words[-1])


def said(page: Page) -> str:
    """Return what the page says to a learner."""
    return str(page.locator("#training-note").inner_text())


def set_fields(page: Page, *, rate: str = "0.05", size: str = "full", method: str = "sgd") -> None:
    """Fill the fields of the training that are always shown."""
    page.select_option("#optimizer", method)
    page.fill("#rate", rate)
    page.fill("#batch-size", size)
    page.locator("#batch-size").blur()


def set_more(
    page: Page, *, schedule: str = "constant", epochs: str = "", clip: str = "none", seed: str = "0"
) -> None:
    """Fill the fields that are folded."""
    if page.locator("#schedule").is_hidden():
        page.click("text=More settings")
    page.select_option("#schedule", schedule)
    if epochs:
        page.fill("#epochs", epochs)
    page.fill("#clip", clip)
    page.fill("#random-seed", seed)
    page.locator("#random-seed").blur()


def params(page: Page, *names: str) -> list[float]:
    """Return params as the page has them."""
    found: list[float] = page.evaluate(
        "(names) => names.map((name) => mgraph.state.values[mgraph.state.graph.index.get(name)])",
        [*names],
    )
    return found


def test_without_rows_the_card_is_folded(show: Show) -> None:
    """It says what rows it needs; a graph without params has no such card."""
    page = show(LINE)
    assert page.locator("#training-card").get_attribute("open") is None
    page.click("#training-card summary")
    assert "Choose a CSV file" in page.locator("#training-card").inner_text()
    assert page.locator("#training").is_hidden()
    assert (
        show(document(leaf("x", 1.0), node("y", "neg", "x"))).locator("#training-card").is_hidden()
    )


def test_a_dropped_file_is_trained_on(show: Show) -> None:
    """The loss falls while it plays; Pause shows the params in the graph; Reset gives the start."""
    page = show(network(2, 8, 1))
    drop(page, "moons.csv", MOONS)
    page.wait_for_selector("#training:not([hidden])")
    assert page.locator("#training-rows").inner_text().startswith("moons.csv, 200 rows.")
    start = (trained(page), params(page, "layer1.neuron1.w1", "layer2.neuron1.b"))
    assert start[0][0] == 0
    set_fields(page, method="adam")
    page.click("#train")
    page.wait_for_function(
        "() => parseInt(document.getElementById('training-now').textContent) > 20"
    )
    page.click("#train")
    steps, loss = trained(page)
    assert steps > 20
    assert loss < start[0][1] / 2
    assert params(page, "layer1.neuron1.w1", "layer2.neuron1.b") != start[1]
    assert page.locator("#curve .curve").count() == 1
    assert f"Loss of {steps:,} steps" in str(page.locator("#curve").get_attribute("aria-label"))
    page.click("#train-reset")
    assert (trained(page), params(page, "layer1.neuron1.w1", "layer2.neuron1.b")) == start
    assert page.locator("#curve .curve").is_hidden()


@pytest.mark.parametrize("size", ["full", "3"])
def test_steps_and_epochs(show: Show, size: str) -> None:
    """A step and an epoch move the params as the formulas say, and the graph shows them."""
    page = show(LINE, rows=CsvRows("rows.csv", CSV))
    set_fields(page, rate="0.05", size=size)
    page.click("#train-step")
    assert trained(page)[0] == 1
    page.click("#train-epoch")
    assert trained(page)[0] == (2 if size == "full" else 3)
    assert page.locator("#training-now").inner_text().split(": ")[0] == (
        "2 steps, 2 epochs" if size == "full" else "3 steps, 1 epoch"
    )
    (b, w) = params(page, "b", "w")
    assert numbers_of(at_the_end(page), "w")[0] == f"{w:.6g}"
    assert page.get_by_label("b", exact=True).input_value() == f"{b:.6g}"
    assert [b, w] == after_steps([[*range(7)]] * 2 if size == "full" else batches_of_three())


def batches_of_three() -> list[list[int]]:
    """Return the rows of the steps of epoch 1; the page has the random seed 0."""
    order = by_hand.order(0, 1, [*range(7)])
    return [order[at : at + 3] for at in (0, 3, 6)]


def after_steps(batches: list[list[int]]) -> list[float]:
    """Return b and w after steps of SGD over some rows, by hand."""
    params = [Double(1.0), Double(2.0)]
    for rows in batches:
        params = by_hand.ByHand("sgd").step(params, measured(params, rows)[1], 0.05)
    return [*params]


def test_schedule_clip_and_random_seed(show: Show) -> None:
    """The fields give the bits of a training of the vectors, then the schedule is at its end."""
    given = VECTORS["trainings"]
    case = given["cases"][1]
    page = show(given["graph"], rows=CsvRows("rows.csv", CSV))
    set_fields(page, size=str(case["batch_size"]), method=case["optimizer"])
    assert page.locator("#epochs").is_disabled()
    set_more(
        page, schedule=case["schedule"], epochs=str(case["epochs"]), clip=str(case["clip"]),
        seed=case["random_seed"],
    )  # fmt: skip
    assert said(page) == ""
    for epoch in range(case["epochs"]):
        page.click("#train-epoch")
        assert trained(page)[0] == 3 * (epoch + 1)
        after = case["params"][3 * epoch + 2]
        assert params(page, "b", "w") == [after["b"], after["w"]]
    words = page.locator("#training-step").inner_text()
    assert words.startswith(f"Last step: rate {0.05 * (1 - 8 / 9):.3g}, gradient ")
    page.click("#train-step")
    assert said(page).startswith("The schedule has ended, after 3 epochs.")
    assert trained(page)[0] == 9
    set_more(page, schedule="linear", epochs="4")
    page.click("#train-step")
    assert (said(page), trained(page)[0]) == ("", 10)
    page.click("#train-reset")
    assert page.locator("#training-step").inner_text() == ""


def test_the_length_of_the_gradient_is_shown(show: Show) -> None:
    """The errors of two rows are 3 and -1: gradients 2 for b and -2 for w have the length √8."""
    page = show(LINE, rows=CsvRows("rows.csv", "x,y\n0,-2\n2,6\n"))
    page.click("#train-step")
    assert page.locator("#training-step").inner_text() == "Last step: rate 0.05, gradient 2.83 long"
    page.click("#train-reset")
    set_more(page, clip="1/2")
    page.click("#train-step")
    assert page.locator("#training-step").inner_text().endswith(" 2.83 long, clipped to 0.5")


def test_the_gradient_of_the_batch_is_one_click_away(show: Show) -> None:
    """Two rows give w the gradients 0 and -4: their mean is -2, whether it is clipped or not."""
    page = show(LINE, rows=CsvRows("rows.csv", "x,y\n0,-2\n2,6\n"))
    box(page, "w").click()
    card = page.locator("#node-card")
    assert "last step" not in card.inner_text()
    set_more(page, clip="1/2")
    page.click("#train-step")
    assert "In the last step, the mean over its 2 rows was -2.0." in card.inner_text()
    box(page, "x").click()
    assert "last step" not in card.inner_text()
    set_fields(page, size="1")
    page.click("#train-step")
    box(page, "b").click()
    assert "the mean over its 1 row was " in card.inner_text()
    page.click("#train-reset")
    assert "last step" not in card.inner_text()


def test_any_row_can_be_shown(show: Show) -> None:
    """The graph shows the numbers of the row that is chosen, with the params as they are."""
    page = show(LINE, rows=CsvRows("rows.csv", CSV))
    assert title(page) == "Done"
    assert numbers_of(page, "x")[0] == "3.0"
    page.fill("#row", "3")
    page.click("#show-row")
    assert numbers_of(page, "x") == ("-1.0", "-8.0")  # e = 2·-1 + 1 - 1 = -2, and 2e·w = -8
    assert numbers_of(page, "w") == ("2.0", "4.0")
    page.fill("#row", "99")
    page.click("#show-row")
    assert page.locator("#row").input_value() == "6"


def test_the_region_of_each_class(show: Show, tmp_path: Path) -> None:
    """Chosen with the button, rows of two inputs are drawn on the region that is predicted."""
    rows = tmp_path / "corners.csv"
    rows.write_text("x1,x2,side\n-1,-1,left\n-1,1,left\n1,-1,right\n1,1,right\n", encoding="utf-8")
    graph = network(2, 1)
    for row in graph["nodes"]:  # score = 1·x1 + 0·x2 + 0
        if row["op"] == "param":
            row["data"] = 1.0 if row["id"].endswith("w1") else 0.0
    page = show(graph)
    page.click("#training-card summary")
    with page.expect_file_chooser() as chooser:
        page.click("#choose-rows")
    chooser.value.set_files(rows)
    page.wait_for_selector("#region-part:not([hidden])")
    note = page.locator("#region-note").inner_text()
    assert note == "● left ■ right 4 of 4 rows are classified correctly; x1 →, x2 ↑"
    assert "4 of 4 rows" in str(page.locator("#region").get_attribute("aria-label"))
    colours = page.evaluate("""() => {
      const canvas = document.getElementById("region");
      const { width, height } = canvas;
      const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
      const at = (x, y) => {
        const pixel = 4 * (Math.floor(y * height) * width + Math.floor(x * width));
        return [...data.subarray(pixel, pixel + 4)];
      };
      return [[0.3, 0.5], [0.7, 0.5], [0.3, 0.2], [0.7, 0.8]].map(([x, y]) => at(x, y));
    }""")
    assert colours[0] == colours[2] == [0xF5, 0xE8, 0xF6, 255]
    assert colours[1] == colours[3] == [0xE1, 0xF3, 0xEA, 255]
    page.click("#theme")
    assert page.locator("#region-note").inner_text() == note


def test_a_squared_error_parts_its_targets_halfway(show: Show) -> None:
    """The scores are x1: with the targets 0 and 1, 0.5 parts the classes; with -1 and 1, 0 does."""
    graph = network(2, 1, loss="mse")
    for row in graph["nodes"]:
        if row["op"] == "param":
            row["data"] = 1.0 if row["id"].endswith("w1") else 0.0
    for off, right in (("0", 4), ("-1", 2)):
        ys = ("1", "1", off, off)
        rows = "".join(
            f"{x},0,{y}\n" for x, y in zip(("0.9", "0.6", "0.4", "0.1"), ys, strict=True)
        )
        page = show(graph, rows=CsvRows("rows.csv", f"x1,x2,y\n{rows}"))
        note = page.locator("#region-note").inner_text()
        assert f"{right} of 4 rows are classified correctly" in note


def test_a_regression_has_no_classes(show: Show) -> None:
    """Nothing is counted, and there is no region."""
    rows = CsvRows("rows.csv", "x1,x2,y\n1,2,3.5\n3,4,1\n")
    page = show(network(2, 1, loss="mse"), rows=rows)
    assert page.locator("#training-now").inner_text().startswith("0 steps")
    assert page.locator("#region-part").is_hidden()


def test_standardized_inputs(show: Show) -> None:
    """A graph that was trained on them takes rows as they come, and the page says so."""
    graph = json.loads(json.dumps(LINE))
    next(row for row in graph["nodes"] if row["id"] == "x")["meta"] = {
        "standardized": {"mean": 5.0, "deviation": 4.0}
    }
    page = show(graph, rows=CsvRows("rows.csv", "x,y\n17,5\n"))  # (17 - 5)/4 = 3
    assert "Standardized as in the earlier training: x." in page.inner_text("#training-rows")
    assert numbers_of(page, "x")[0] == "3.0"


def test_other_columns_can_be_the_classes(show: Show) -> None:
    """Each column without a leaf is offered; one that does not fit is refused, by its name."""
    text = "x1,x2,a,b,c\n0,1,u,1,p\n1,0,v,2,q\n1,1,u,3,p\n"
    page = show(network(2, 1), rows=CsvRows("rows.csv", text))
    assert page.locator("#classes").input_value() == "c"
    assert page.locator("#region-note").inner_text().startswith("● p ■ q ")
    page.select_option("#classes", "a")
    assert page.locator("#region-note").inner_text().startswith("● u ■ v ")
    page.select_option("#classes", "b")
    assert "the column “b” has 3 classes" in page.locator("#training-rows").inner_text()


def test_rows_that_do_not_fit(show: Show) -> None:
    """The message names file, column and row; the graph stays, and other rows can be chosen."""
    page = at_the_end(show(LINE))
    before = numbers_of(page, "loss")
    drop(page, "it's.csv", b"x,y\n1,2\n3,four\n")
    page.wait_for_selector("#training-card[open]")
    words = page.locator("#training-rows").inner_text()
    assert words == (
        "Can't train on it's.csv: the column “y” is “four” in row 1, counted from 0: "
        "expected a number."
    )
    assert page.locator("#training").is_hidden()
    assert numbers_of(page, "loss") == before
    drop(page, "rows.csv", CSV.encode())
    page.wait_for_selector("#training:not([hidden])")
    drop(page, "bad.csv", b"\xff")
    page.wait_for_function("() => document.getElementById('training').hidden")
    assert "it is not UTF-8" in page.locator("#training-rows").inner_text()


def test_texts_of_rows_are_only_text(show: Show) -> None:
    """Markup in the name, in columns and in classes is shown to the letter, and never runs."""
    text = f'x1,x2,"{HOSTILE}"\n0,1,"{HOSTILE}"\n1,0,b\n'
    page = show(network(2, 1), rows=CsvRows(f"{HOSTILE}.csv", text))
    assert HOSTILE in page.locator("#training-rows").inner_text()
    assert HOSTILE in page.locator("#region-note").inner_text()
    assert page.locator("#classes").input_value() == HOSTILE
    assert page.evaluate("() => window.bad") is None


def test_it_says_what_goes_wrong(show: Show) -> None:
    """Too long steps, NaN, gradients that are all zero, fields that can't be used."""
    page = show(LINE, rows=CsvRows("rows.csv", CSV))
    set_fields(page, rate="0.3")
    for _ in range(8):
        page.click("#train-epoch")
    assert "Step 8 was too long: the loss rose from " in said(page)
    page.click("#train-reset")
    page.click("#train-step")
    assert "Step 1 was too long" in said(page)  # at once, and the curve shows it
    assert page.locator("#curve .curve").count() == 1
    set_fields(page, rate="1e9")
    page.click("#train")
    page.wait_for_selector("#training-note:has-text('the step is too long, so that')")
    assert page.locator("#train").inner_text() == "Train"
    page.click("#train-reset")
    assert said(page) == ""
    for rate, size in (("0", "full"), ("fast", "full"), ("0.1", "0"), ("0.1", "1.5")):
        set_fields(page, rate=rate, size=size)
        assert "must be a" in said(page)
        assert page.locator("#training input[aria-invalid=true]").count() == 1
        for button in ("step", "epoch"):
            page.click(f"#train-{button}")
            assert "must be a" in said(page)
        page.click("#train")
        assert page.locator("#train").inner_text() == "Train"
        assert trained(page)[0] == 0
    set_fields(page)
    for fields in ({"clip": "0"}, {"seed": "1.5"}, {"seed": ""},
                   {"schedule": "step", "epochs": "0"}):  # fmt: skip
        set_more(page, **fields)
        assert "must be a" in said(page), fields
        assert page.locator("#training input[aria-invalid=true]").count() == 1
    set_more(page, clip="", epochs="9", schedule="step")
    assert (said(page), page.locator("[aria-invalid]").count()) == ("", 0)
    drop(page, "nan.csv", b"x,y\n1,2\nnan,2\n")
    page.wait_for_selector("#training-note:has-text('before the first step')")
    assert "row 1, counted from 0" in said(page)


def test_it_says_that_nothing_moves(show: Show) -> None:
    """At a minimum, and where a relu is off for all rows."""
    page = show(LINE, rows=CsvRows("rows.csv", "x,y\n1,3\n2,5\n"))  # 2x + 1
    page.click("#train-step")
    assert "nothing is left to learn" in said(page)
    nodes = [leaf("x", 1.0), leaf("w", -1.0, "param"), node("wx", "mul", "w", "x"),
             node("a", "relu", "wx"), leaf("one", 1.0, "const"),
             node("loss", "sub", "one", "a")]  # fmt: skip
    page = show(document(*nodes), rows=CsvRows("rows.csv", "x\n1\n2\n"))
    page.click("#train-step")
    assert "All gradients are zero" in said(page)


def test_it_says_where_a_derivative_does_not_exist(show: Show) -> None:
    """The loss (-1)^w is finite for w = 2, but by w it has no derivative: w stays."""
    nodes = [leaf("x", 1.0), leaf("w", 2.0, "param"), node("loss", "pow", "x", "w")]
    page = show(document(*nodes), rows=CsvRows("rows.csv", "x\n4\n-1\n"))
    page.click("#train-step")
    assert "The gradient of w is NaN, although the loss is finite" in said(page)
    assert params(page, "w") == [2.0]


def test_another_graph_forgets_the_rows(show: Show) -> None:
    """They belonged to the first one."""
    page = show(LINE, rows=CsvRows("rows.csv", CSV))
    page.click("#train")
    drop(page, "neuron.json", NEURON.read_bytes())
    page.wait_for_selector('#name:text-is("neuron")')
    assert page.locator("#training-card").get_attribute("open") is None
    page.click("#training-card summary")
    assert page.locator("#training").is_hidden()
    assert numbers_of(at_the_end(page), "o") == ("0.707107", "1.0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_bars_anyone(show: Show, scheme: str, width: int) -> None:
    """Axe finds no barrier, nothing is wider than the screen, and the keyboard is enough."""
    rows = CsvRows("moons.csv", MOONS.decode())
    page = show(network(2, 4, 1), rows=rows, **screen(width, scheme))
    page.focus("#rate")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press(" ")
    for id_of_next in ("schedule", "clip", "random-seed", "train"):  # the epochs are disabled
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.id") == id_of_next
    page.keyboard.press("Tab")
    page.keyboard.press(" ")
    page.keyboard.press("Enter")
    assert trained(page)[0] == 2
    set_fields(page, rate="0")
    assert barriers(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_a_wobble_is_no_alarm(show: Show) -> None:
    """A loss that has fallen far may go up and down a little at its minimum: nothing is said.

    With the loss relu(-w·x) + 1e-3·relu(w·x) at x = 1 and w = -1, steps of 0.05 go to the minimum
    at w = 0 in 20 steps of slope -1, and then up by 1e-3·0.05 and down again.
    """
    formula = document(
        leaf("x", 1.0), leaf("w", -1.0, "param"), leaf("k", 1e-3, "const"),
        node("s", "mul", "w", "x"), node("t", "neg", "s"), node("p", "relu", "t"),
        node("q", "relu", "s"), node("r", "mul", "k", "q"), node("L", "add", "p", "r"),
    )  # fmt: skip
    page = show(formula, rows=CsvRows("rows.csv", "x\n1\n"))
    losses = []
    for _ in range(80):
        page.click("#train-step")
        losses.append(trained(page)[1])
        assert said(page) == ""
    assert any(b > a for a, b in pairwise(losses))
    assert max(losses[30:]) < 0.06


def test_a_note_is_about_a_step_that_is_counted(show: Show) -> None:
    """While it plays, the line above a note has the steps that the note is about.

    With the loss |w·x| at x = 1, steps of 1 go from w = 0.25 to -0.75 and back for ever.
    """
    formula = document(
        leaf("x", 1.0), leaf("w", 0.25, "param"), node("s", "mul", "w", "x"), node("L", "abs", "s")
    )
    page = show(formula, rows=CsvRows("rows.csv", "x\n1\n"))
    page.evaluate(
        """() => {
          window.ahead = [];
          new MutationObserver(() => {
            const words = (id) => document.getElementById(id).textContent.replace(/,/g, "");
            const [, step] = /Step (\\d+) was/.exec(words("training-note")) ?? [];
            if (step) window.ahead.push([Number(step), parseInt(words("training-now"))]);
          }).observe(document.getElementById("training-note"), { childList: true });
        }"""
    )
    set_fields(page, rate="1")
    page.click("#train")
    page.wait_for_function("() => window.ahead.length > 1")
    page.click("#train")
    assert all(step <= counted for step, counted in page.evaluate("() => window.ahead"))
