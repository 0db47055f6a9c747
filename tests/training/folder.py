"""A training of five rows by `mgraph train`, as options and in Python."""

from __future__ import annotations

from typing import Any

CSV = "x,y,kind\n3,5,a\n3,7,b\n0,0,a\n-1,1,b\n0.7,0.1,a\n"

OPTIONS = ("--lr", "0.05", "--epochs", "2", "--batch-size", "2", "--optimizer", "adam",
           "--schedule", "cosine", "--validation", "0.2")  # fmt: skip
"""Four steps of two rows."""

IN_PYTHON: dict[str, Any] = {
    "lr": 0.05, "epochs": 2, "batch_size": 2, "optimizer": "adam", "schedule": "cosine",
    "validation": 0.2,
}  # fmt: skip

START = ("train", "line.json", "rows.csv", "-o", "run")


def after(step: int) -> Any:  # noqa: ANN401 - a function that counts
    """Return what stops training after some steps."""
    calls = iter(range(1, step + 1))
    return lambda: next(calls) == step
