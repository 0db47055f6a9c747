"""The page in a browser: graphs that are hard to explain, to draw or to read."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING

from tests.groups.browser.page import document, leaf, node

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
