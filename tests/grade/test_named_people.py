"""Mistakes in engines that were held out at first, on graphs that show them, and what is said."""

from __future__ import annotations

import pytest

from mgraph.grade import runner
from tests.engines.population import FOLDER
from tests.grade.test_named_strangers import causes_of


@pytest.fixture(autouse=True)
def without_new_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Don't run failures again on their own: it takes most of the time."""
    monkeypatch.setattr(runner, "_try_afresh", lambda *_: None)


@pytest.mark.parametrize(
    ("name", "titles", "cause", "op", "words"),
    [
        (
            "generator_partial functions-assign",
            "inside-exp inside-log inside-tanh inside-neg one-node-through-several-ops diamond",
            "overwritten", "", "for the operand of ops with a single operand",
        ),
        (
            "generator_partial arguments-turned", "op-exp op-log op-sin op-tanh op-abs op-relu",
            "place", "", "as if the input were the output, and the output the input",
        ),
        (
            "generator_partial div-second-like-first", "op-div 2-over-x seven-over-two",
            "slope", "div", "has -1/b",
        ),
        (
            "generator_partial partial-of-first",
            "diamond diamond-turned same-term-twice inside-max inside-pow 2-times-x tenths",
            "no-gradient", "", "only the first operand of each op except max and min",
        ),
        (
            "camel_case queue-at-first-use",
            "diamond ladder recurrent used-early-and-late around-relu",
            "order", "", "the one added last comes first",
        ),
        (
            "creation_heap oldest-first",
            "diamond ladder recurrent used-early-and-late around-relu",
            "order", "", "the one made first comes first",
        ),
        (
            "leaves_only sum-no-g", "op-sum op-add sum-with-repeats softmax logistic-regression",
            "upstream", "sum", "without the upstream gradient",
        ),
        (
            "tape_of_integers no-chain-rule",
            "op-add op-tanh inside-exp inside-plus-minus-times overflow-sigmoid",
            "upstream", "", "no op multiplies its local derivative by out.grad",
        ),
        (
            "tape_of_integers second-only-if-different",
            "x-plus-x x-minus-x x-times-x x-over-x inner-node-minus-itself",
            "repeated", "", "is counted only once",
        ),
        (
            "recursive_paths sub-detached",
            "op-sub 2-minus-x x-minus-x op-add op-mul 2-plus-x tenths net-relu-hinge first-of-all",
            "no-gradient", "sub", "to its second operand",
        ),
    ],
)  # fmt: skip
def test_what_is_said(name: str, titles: str, cause: str, op: str, words: str) -> None:
    """The only cause that is named says what the engine does."""
    (only,) = causes_of(name, titles, FOLDER)
    assert (only.id, only.op) == (cause, op)
    assert words in only.sentence


@pytest.mark.parametrize(
    ("name", "titles", "op"),
    [
        (
            "numpy_scalars ones-like sigmoid-input",
            "op-exp op-log op-neg op-abs op-sigmoid only-through-sigmoid sigmoid-far-out exp-of-50",
            ("place", "sigmoid"),
        ),
        (
            "typed_protocols all-start-at-one sub-adds",
            "op-exp op-log op-neg op-relu op-mul op-div op-sub 2-minus-x x-minus-x ladder tenths",
            ("sign", "sub"),
        ),
    ],
)
def test_an_op_beside_what_changes_all_gradients(
    name: str, titles: str, op: tuple[str, str]
) -> None:
    """If all gradients start at 1, an op is named that explains all that is left beside it."""
    seed, other = causes_of(name, titles, FOLDER)
    assert [(seed.id, seed.op), (other.id, other.op)] == [("seed", ""), op]
