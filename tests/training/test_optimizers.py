"""Optimizers, schedules and the order of rows: bit for bit what the formulas say."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from mgraph.training.optimizers import Method, clipped, optimizer_of
from mgraph.training.row_order import order_of
from mgraph.training.schedules import Schedule, rate_of
from tests.training import by_hand, vectors

VECTORS = json.loads(vectors.FILE.read_text(encoding="utf-8"))


def test_the_vectors_are_those_of_exact_arithmetic() -> None:
    """The file holds what its script makes: rationals, rounded after each operation."""
    assert vectors.FILE.read_text(encoding="utf-8") == vectors.text()


def test_steps_have_the_bits_of_the_formulas() -> None:
    """Five steps with falling rates, of each method and with other constants."""
    given = VECTORS["optimizers"]
    for case in given["cases"]:
        constants = {name: case[name] for name in case.keys() - {"optimizer", "params"}}
        optimizer = optimizer_of(case["optimizer"], **constants)
        params = np.array(given["start"])
        state = optimizer.start(params.size)
        for rate, grad, wanted in zip(given["lr"], given["grads"], case["params"], strict=True):
            params, state = optimizer.step(params, np.array(grad), rate, state)
            assert params.tolist() == wanted, constants


def test_every_method_is_graded() -> None:
    """The vectors have each of them; and each has its default momentum and weight decay."""
    assert {case["optimizer"] for case in VECTORS["optimizers"]["cases"]} == {*Method}
    made = {method: optimizer_of(method) for method in Method}
    defaults = {name: (made.momentum, made.weight_decay) for name, made in made.items()}
    assert defaults == {
        "sgd": (0.0, 0.0), "momentum": (0.9, 0.0), "adam": (0.0, 0.0), "adamw": (0.0, 0.01),
    }  # fmt: skip


def test_a_long_gradient_is_clipped() -> None:
    """The norm is the root of the exact sum of the rounded squares; shorter ones stay."""
    for case in VECTORS["clip"]:
        got, norm = clipped(np.array(case["grad"]), case["clip"])
        assert (got.tolist(), norm) == (case["clipped"], case["norm"])
    assert clipped(np.array([3.0, 4.0]), 5.0)[0].tolist() == [3.0, 4.0]
    assert clipped(np.array([30.0, 40.0]), 5.0)[0].tolist() == [3.0, 4.0]
    assert clipped(np.array([30.0, 40.0]), None)[0].tolist() == [30.0, 40.0]


def test_the_norm_comes_of_an_exact_sum() -> None:
    """1 + 16 · 2^-54 is above 1 by 4 ulp, although adding 2^-54 to 1 gives 1 each time."""
    assert clipped(np.array([1.0] + [2.0**-27] * 16), None)[1] == 1.0 + 2.0**-51


def test_rates_follow_the_schedule() -> None:
    """All steps, for numbers of steps that three divides and that it doesn't."""
    assert {case["schedule"] for case in VECTORS["schedules"]} == {*Schedule}
    for case in VECTORS["schedules"]:
        ulps = 1 if case["schedule"] == Schedule.COSINE else 0  # the C library's cos
        for step, wanted in enumerate(case["rates"]):
            got = rate_of(case["schedule"], case["lr"], step, case["steps"])
            assert abs(got - wanted) <= ulps * math.ulp(wanted), case
            exact = rate_of(case["schedule"], case["lr"], step, case["steps"], "exact")
            assert exact == wanted, case


def test_rows_are_ordered_as_the_vectors_say() -> None:
    """All rows of a table, for seeds of all sizes."""
    for case in VECTORS["orders"]:
        rows = np.arange(case["rows"])
        order = order_of(int(case["random_seed"]), case["epoch"], rows).tolist()
        assert order == case["order"], case


def test_rows_are_ordered_by_splitmix64() -> None:
    """Some of the rows: two orders for each seed, also for negative ones and beyond 64 bits."""
    rows = [*range(0, 60, 2)]
    orders = []
    for seed in (0, 7, 2**64 - 1, 2**64 + 7, -1):
        for epoch in (0, 3):
            got = order_of(seed, epoch, np.array(rows)).tolist()
            assert got == by_hand.order(seed, epoch, rows), (seed, epoch)
            orders.append(got)
    assert orders[2] == orders[6]
    assert orders[0] != orders[1] != orders[2]


def test_the_mix_is_that_of_splitmix64() -> None:
    """The first outputs of the generator with the seed 1234567, as published with its source."""
    gamma = 0x9E3779B97F4A7C15
    outputs = [by_hand.mixed(1234567 + i * gamma & by_hand.MASK) for i in (1, 2, 3)]
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("rmsprop", {}, "there is no optimizer 'rmsprop': choose one of sgd, momentum, adam"),
        ("adam", {"momentum": 0.9}, "adam has betas and no momentum"),
        ("sgd", {"momentum": 1.0}, "the momentum is 1.0: it must be from 0 to 1"),
        ("sgd", {"weight_decay": -1.0}, "the weight decay is -1.0: it must be 0 or positive"),
        ("adam", {"betas": (0.9, 1.0)}, "the beta 2 is 1.0"),
        ("adam", {"eps": math.nan}, "the eps is nan"),
    ],
)
def test_bad_constants_are_refused(method: str, options: dict[str, float], message: str) -> None:
    """The message says what was expected."""
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        optimizer_of(method, **options)  # type: ignore[arg-type]
