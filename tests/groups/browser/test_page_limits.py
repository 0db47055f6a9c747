"""The page in a browser: graphs that are hard to explain, to draw or to read."""

from __future__ import annotations

import json
import re
from itertools import pairwise, product
from math import prod
from typing import TYPE_CHECKING

import pytest

from tests.command_line import NEURON
from tests.groups.browser.page import at_the_end, document, drop, leaf, mlp, node, numbers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page


def why(page: Page, at: int = 0) -> str:
    """Return the words of the card that explains a node."""
    page.evaluate(f"() => mgraph.goTo({at})")
    return " ".join(page.locator("#node-body").inner_text().split())


def products(page: Page) -> list[float]:
    """Return the products of the paths that the card lists."""
    return [float(text) for text in page.locator(".paths li .num").all_text_contents()]


# --- why -------------------------------------------------------------------------------------


def test_equal_paths_are_listed(show: Callable[..., Page]) -> None:
    """Forty doublings make 2^40 paths, all of product 1; eight are listed."""
    chain = [leaf("u0", 0.1)]
    chain += [node(f"u{i + 1}", "add", f"u{i}", f"u{i}") for i in range(40)]
    page = show(document(*chain))
    words = why(page)
    assert f"{2**40:,} paths lead back to u0; these contribute most" in words
    assert products(page) == [1.0] * 8
    assert f"The other {2**40 - 8:,} paths together: {float(2**40 - 8):.6g}" in words


def test_many_wide_layers_are_explained(show: Callable[..., Page]) -> None:
    """Ten layers of 400 nodes, each a sum of all before: 400^10 paths; eight are listed."""
    nodes = [leaf("x", 1.0)]
    before = ["x"]
    for layer in range(10):
        names = [f"l{layer}.n{i}" for i in range(400)]
        nodes += [node(name, "sum", *before) for name in names]
        before = names
    page = show(document(*nodes, node("y", "sum", *before)))
    words = why(page)
    assert "1.048… × 10^26 paths lead back to x" in words
    assert f"The other {400**10 - 8:,} paths together" in words
    assert products(page) == [1.0] * 8


def test_the_largest_of_many_paths_are_the_largest(show: Callable[..., Page]) -> None:
    """Five layers of three weights each: of all 243 products the largest eight, in order."""
    layers = [
        [0.5, -3.0, 1.7],
        [2.0, -0.25, 9.0],
        [1.1, 1.3, -1.2],
        [0.0, 4.0, -7.0],
        [3.0, 5.0, 2.5],
    ]
    nodes, at = [leaf("x", 1.0)], "x"
    for i, weights in enumerate(layers):
        for k, weight in enumerate(weights):
            nodes += [leaf(f"w{i}{k}", weight, "const"), node(f"p{i}{k}", "mul", at, f"w{i}{k}")]
        nodes.append(node(at := f"s{i}", "sum", *(f"p{i}{k}" for k in range(3))))
    page = show(document(*nodes))
    words = why(page)
    every = sorted((prod(way) for way in product(*layers)), key=abs, reverse=True)
    assert "243 paths lead back to x" in words
    assert products(page) == [float(f"{x:.6g}") for x in every[:8]]
    assert f"The other 235 paths together: {sum(every) - sum(every[:8]):.6g}" in words


# --- pictures and files ----------------------------------------------------------------------


def test_a_sum_of_very_many_arguments_is_one_arrow(show: Callable[..., Page]) -> None:
    """Eight sums of 16,000 times the one before: nine boxes, and an arrow between neighbours."""
    names = ["x", *(f"s{i}" for i in range(8))]
    sums = [node(name, "sum", *[arg] * 16_000) for arg, name in pairwise(names)]
    page = show(document(leaf("x", 1.0), *sums))
    assert page.locator(".box[data-item]").count() == 9
    assert page.locator(".arrow").count() == 8
    at_the_end(page)
    for text in (numbers_of(page, "s7")[0], numbers_of(page, "x")[1]):
        assert float(text) == pytest.approx(16_000.0**8, rel=1e-3)


def test_eight_sums_of_many_leaves_open(show: Callable[..., Page]) -> None:
    """Eight sums of the same 16,000 leaves: some of them are drawn, and all of them counted."""
    names = [f"x{i}" for i in range(16_000)]
    sums = [node(f"s{i}", "sum", *names) for i in range(8)]
    leaves = [leaf(name, 1.0) for name in names]
    page = show(document(*leaves, *sums, node("y", "sum", *(f"s{i}" for i in range(8)))))
    assert 1 < page.locator(".box[data-item]").count() <= 24
    at_the_end(page)
    assert numbers_of(page, "y")[0] == "128000.0"
    assert "8 paths lead back to x0" in why(page)


def test_too_many_arrows_are_not_drawn(show: Callable[..., Page]) -> None:
    """Twice 100 × 100 arrows are too many; the surroundings of a node are drawn."""
    layers = [[f"{layer}{i}" for i in range(100)] for layer in "abc"]
    nodes = [leaf(name, 1.0) for name in layers[0]]
    nodes += [node(name, "sum", *before) for before, here in pairwise(layers) for name in here]
    page = show(document(*nodes))
    assert 1 < page.locator(".box[data-item]").count() <= 24
    assert page.locator("#scene-note >> text=Show all nodes").count() == 0


def test_a_file_that_can_not_be_shown_changes_nothing(show: Callable[..., Page]) -> None:
    """If drawing fails half-way, title, picture, leaves and numbers are those of before."""
    page = at_the_end(show(NEURON))
    whole = "() => document.body.innerText"
    before = page.evaluate(whole)
    page.evaluate(
        "() => { const { replaceChildren } = SVGElement.prototype;"
        " SVGElement.prototype.replaceChildren = () => {"
        " SVGElement.prototype.replaceChildren = replaceChildren; throw new RangeError(); }; }"
    )
    other = document(leaf("p", 1.0), node("q", "neg", "p"), name="other", doc="of something else")
    drop(page, "other.json", json.dumps(other).encode())
    page.wait_for_selector("#alert:not([hidden])")
    assert (
        "other.json was not opened: this page can't show it" in page.locator("#alert").inner_text()
    )
    page.keyboard.press("Escape")
    assert page.evaluate(whole) == before
    assert page.title() == "neuron – mgraph"
    assert numbers_of(page, "o") == ("0.707107", "1.0")


def test_the_file_that_was_chosen_last_is_shown(show: Callable[..., Page]) -> None:
    """A large file that is read more slowly doesn't take the place of one dropped after it."""
    page = show(NEURON)
    page.evaluate(
        "() => { const { arrayBuffer } = File.prototype; File.prototype.arrayBuffer ="
        " async function () { if (this.name === 'slow.json')"
        " await new Promise((done) => setTimeout(done, 600));"
        " return arrayBuffer.call(this); }; }"
    )
    for name in ("slow", "quick"):
        content = document(leaf("p", 1.0), node("q", "neg", "p"), name=name)
        drop(page, f"{name}.json", json.dumps(content).encode())
    page.wait_for_timeout(1000)
    assert page.locator("#name").inner_text() == "quick"


def test_names_in_a_picture_are_short_in_the_same_way(show: Callable[..., Page]) -> None:
    """Groups, their nodes and the rows of the leaves: no layer2.neuron9 beside lay2.neuron10."""
    for sizes in ((2, 4, 1), (2, 16, 16, 1)):
        graph = mlp(*sizes)
        page = show(json.loads(b"".join(graph.to_bytes(".json"))))
        last = len(graph) - 1
        page.evaluate(f"() => mgraph.goTo({last})")
        titles = page.locator(".box .title, .leaf").all_text_contents()
        words = {word for title in titles for word in re.findall(r"[a-z]+(?=\d+\.)", title)}
        assert len(words & {"layer", "lay", "l"}) == 1, titles
        assert len(words & {"neuron", "neu", "n"}) == 1, titles
        assert len({*titles}) > 20
        page.close()
