"""Training against PyTorch: the same network, optimizer, clipping and schedule, for 100 steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from mgraph.build.network import mlp
from mgraph.training import train

torch.set_default_dtype(torch.float64)

N, STEPS = 40, 100
GENERATOR = np.random.default_rng(3)
X = GENERATOR.normal(size=(N, 2))
Y = np.sin(X[:, 0]) - X[:, 1] ** 2

PARAMS = [f"layer{k}.neuron{i}.{name}" for k, size, names in
          ((1, 4, ("w1", "w2", "b")), (2, 1, ("w1", "w2", "w3", "w4", "b")))
          for i in range(1, size + 1) for name in names]  # fmt: skip
"""All params of 2-4-1."""

OPTIMIZERS: dict[str, tuple[dict[str, Any], Any]] = {
    "sgd": ({"optimizer": "sgd"}, torch.optim.SGD),
    "sgd with momentum and weight decay": (
        {"optimizer": "sgd", "momentum": 0.8, "weight_decay": 0.01}, torch.optim.SGD,
    ),
    "adam": ({"optimizer": "adam"}, torch.optim.Adam),
    "adam with weight decay": ({"optimizer": "adam", "weight_decay": 0.01}, torch.optim.Adam),
    "adamw": ({"optimizer": "adamw"}, torch.optim.AdamW),
    "adamw with weight decay": (
        {"optimizer": "adamw", "weight_decay": 0.1, "betas": (0.8, 0.99), "eps": 1e-6},
        torch.optim.AdamW,
    ),
}  # fmt: skip

SCHEDULES: dict[str, Any] = {
    "constant": lambda made: torch.optim.lr_scheduler.ConstantLR(made, 1.0),
    "linear": lambda made: torch.optim.lr_scheduler.LinearLR(made, 1.0, 0.0, STEPS),
    "cosine": lambda made: torch.optim.lr_scheduler.CosineAnnealingLR(made, STEPS),
    "step": lambda made: torch.optim.lr_scheduler.MultiStepLR(made, [34, 67], 0.1),
}
"""`step` goes down at steps 34 and 67, the first ones from a third and two thirds of 100 on."""


def by_torch(
    start: list[float],
    optimizer_of: Any,  # noqa: ANN401 - a class of torch.optim
    options: dict[str, Any],
    schedule: str,
    clip: float | None,
) -> tuple[list[float], list[float]]:
    """Return the loss of each step, and the params after the last."""
    params = torch.tensor(start, requires_grad=True)
    optimizer = optimizer_of([params], lr=0.05, **options)
    scheduler = SCHEDULES[schedule](optimizer)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(params)
        loss.backward()
        losses.append(loss.item())
        norm = torch.linalg.vector_norm(params.grad)
        if clip and norm > clip:  # clip_grad_norm_ divides by norm + 1e-6
            params.grad *= clip / norm
        optimizer.step()
        scheduler.step()
    return losses, params.tolist()


def loss_of(params: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of the network."""
    first, second = params[:12].reshape(4, 3), params[12:]
    hidden = torch.tanh(torch.tensor(X) @ first[:, :2].T + first[:, 2])
    return ((hidden @ second[:4] + second[4] - torch.tensor(Y)) ** 2).mean()


@pytest.mark.parametrize(
    ("name", "schedule", "clip"),
    [(name, "constant", None) for name in OPTIMIZERS]
    + [(name, schedule, 0.2) for name in ("sgd", "adam") for schedule in SCHEDULES],
)
def test_a_hundred_steps_agree(name: str, schedule: str, clip: float | None) -> None:
    """Losses and params after 100 steps: they differ by roundings only, so within 1e-12."""
    chosen, optimizer_of = OPTIMIZERS[name]
    graph = mlp((2, 4, 1), "tanh", 5, loss="mse")
    columns = graph.columns
    start = [columns.data[columns.leaf_index[columns.index[param]]] for param in PARAMS]
    options = {key: value for key, value in chosen.items() if key != "optimizer"}
    losses, params = by_torch(start, optimizer_of, options, schedule, clip)
    table = pa.table({"x1": X[:, 0], "x2": X[:, 1], "y": Y})
    result = train(graph, table, lr=0.05, epochs=STEPS, schedule=schedule, clip=clip, **chosen)
    data = result.graph.runs[0].data
    assert data is not None
    assert any(entry["norm"] > 0.2 for entry in result.log)
    got = np.array([*(entry["loss"] for entry in result.log), *(data[name] for name in PARAMS)])
    assert np.abs(got - [*losses, *params]).max() < 1e-12
