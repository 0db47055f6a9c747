"""Writes vectors.json: numbers to test any implementation of docs/training.md with.

    python -m tests.training.vectors

All come from `by_hand`: exact rationals, rounded after each operation, and nothing of mgraph.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any, Final

from tests.reference.arithmetic import Double
from tests.training import by_hand
from tests.training.by_hand import ByHand, Plan

FILE: Final = Path(__file__).with_name("vectors.json")

ABOUT: Final = (
    "Numbers to test an implementation of docs/training.md with. They come from exact rational "
    "arithmetic, rounded to double after each operation (python -m tests.training.vectors). Each "
    "must be equal to the last bit, except for the rates of the cosine schedule: they may differ "
    "by an ulp, as cos does between math libraries. The names are those of the options of mgraph "
    "train. A clip of null is none. Random seeds are texts because they may have more than 53 bits."
)
_ROW: Final = re.compile(r"([\[{])([^\[\]{}]*)([\]}])")
_SPACE: Final = re.compile(r"\n\s*")


def methods() -> tuple[ByHand, ...]:
    """Return fresh optimizers: each method with and without weight decay, and other constants."""
    return (
        ByHand("sgd"),
        ByHand("sgd", weight_decay=0.1),
        ByHand("sgd", 0.5, 0.01),
        ByHand("momentum", 0.9),
        ByHand("momentum", 0.9, 0.01),
        ByHand("adam"),
        ByHand("adam", weight_decay=0.01),
        ByHand("adam", betas=(0.5, 0.75), eps=1e-3),
        ByHand("adamw", weight_decay=0.01),
        ByHand("adamw"),
    )


def gradients() -> list[list[float]]:
    """Return five gradients, whose parts have very different sizes."""
    generator = random.Random(1)  # noqa: S311 - numbers to compute with
    sizes = (1e-5, 1e-3, 0.1, 10.0, 1000.0)
    return [[generator.uniform(-size, size) for size in sizes] for _ in range(5)]


def vectors() -> dict[str, Any]:
    """Return everything that the file holds."""
    return {
        "about": ABOUT,
        "optimizers": optimizers(),
        "clip": clips(),
        "schedules": schedules(),
        "orders": orders(),
        "trainings": trainings(),
    }


def named(method: ByHand) -> dict[str, Any]:
    """Return the constants that a method has, by their names."""
    constants = {"optimizer": method.method, "weight_decay": method.weight_decay}
    if method.method in ("sgd", "momentum"):
        return {**constants, "momentum": method.momentum}
    return {**constants, "betas": [*method.betas], "eps": method.eps}


def optimizers() -> dict[str, Any]:
    """Return the params after each of five steps, whose gradients are given."""
    start, grads = [-1.0, -0.3, 0.0, 0.1, 2.5], gradients()
    rates = [0.1 / (k + 1) for k in range(len(grads))]
    cases = []
    for method in methods():
        params = [*map(Double, start)]
        after = []
        for rate, grad in zip(rates, grads, strict=True):
            params = method.step(params, [*map(Double, grad)], rate)
            after.append(params)
        cases.append({**named(method), "params": after})
    return {"start": start, "lr": rates, "grads": grads, "cases": cases}


def clips() -> list[dict[str, Any]]:
    """Return gradients before and after, with their lengths; one needs an exact sum."""
    ulps = [1.0] + [2.0**-27] * 16  # added one by one, their squares would be lost
    pairs = [(grads, 0.75) for grads in gradients()]
    pairs += [([3.0, 4.0], 5.0), ([30.0, 40.0], 5.0), ([0.0, 0.0], 1.0), (ulps, 1.0)]
    return [
        {"clip": clip, "grad": grads, "norm": by_hand.norm_of(doubles),
         "clipped": by_hand.clipped(doubles, clip)}
        for grads, clip in pairs for doubles in [[*map(Double, grads)]]
    ]  # fmt: skip


def schedules() -> list[dict[str, Any]]:
    """Return the rates of all steps; three divides some of the numbers of steps."""
    return [
        {"schedule": schedule, "lr": 0.3, "steps": steps,
         "rates": [by_hand.rate_at(schedule, 0.3, step, steps) for step in range(steps)]}
        for schedule in ("constant", "linear", "cosine", "step") for steps in (1, 7, 9)
    ]  # fmt: skip


def orders() -> list[dict[str, Any]]:
    """Return the orders of rows, also for seeds beyond 64 bits and negative ones."""
    seeds = ((0, 1, 10), (5, 3, 30), (2**64 - 1, 2**40, 12), (2**64 + 7, 1, 12), (-1, 1, 12))
    return [
        {"random_seed": str(seed), "epoch": epoch, "rows": rows,
         "order": by_hand.order(seed, epoch, [*range(rows)])}
        for seed, epoch, rows in (*seeds, (7, 1, 1))
    ]  # fmt: skip


GRAPH: Final[dict[str, Any]] = {
    "mgraph": "1.0",
    "nodes": [
        {"id": "x", "op": "input"},
        {"id": "y", "op": "input"},
        {"id": "b", "op": "param", "data": by_hand.START[0]},
        {"id": "w", "op": "param", "data": by_hand.START[1]},
        {"id": "wx", "op": "mul", "args": ["w", "x"]},
        {"id": "s", "op": "add", "args": ["wx", "b"]},
        {"id": "e", "op": "sub", "args": ["s", "y"]},
        {"id": "loss", "op": "mul", "args": ["e", "e"]},
    ],
    "outputs": ["loss"],
}
"""A line with a squared error: exact ops only, so that every bit is decided."""


def plans() -> tuple[tuple[ByHand, Plan], ...]:
    """Return whole trainings: steps of three, three and one rows; and of all rows."""
    return (
        (ByHand("sgd"), Plan()),
        (ByHand("sgd"), Plan(schedule="linear", clip=1.5, random_seed=-1)),
        (ByHand("momentum", 0.9), Plan(schedule="linear")),
        (ByHand("momentum", 0.9, 0.01), Plan(schedule="step", random_seed=2**64 + 7)),
        (ByHand("adam"), Plan(schedule="step", clip=1.5)),
        (ByHand("adamw", weight_decay=0.01), Plan(batch_size=7, epochs=5)),
    )


def trainings() -> dict[str, Any]:
    """Return the losses of whole trainings before each step, and the params after it."""
    cases = []
    for method, plan in plans():
        losses, after = plan.train(method)
        decided = {"lr": plan.lr, "schedule": plan.schedule, "clip": plan.clip,
                   "epochs": plan.epochs, "batch_size": plan.batch_size,
                   "random_seed": str(plan.random_seed)}  # fmt: skip
        params = [{"b": b, "w": w} for b, w in after]
        cases.append({**named(method), **decided, "losses": losses, "params": params})
    return {"graph": GRAPH, "rows": {"x": by_hand.XS, "y": by_hand.YS}, "cases": cases}


def text() -> str:
    """Return the file: each list or object that holds no other on a line of its own."""

    def joined(row: re.Match[str]) -> str:
        return row[1] + _SPACE.sub(" ", row[2]).strip() + row[3]

    return _ROW.sub(joined, json.dumps(vectors(), indent=1)) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
