"""Gradient descent on a network with PyTorch, JAX or micrograd, as one would write it.

`python -m benchmarks.trainer LIBRARY FOLDER STEPS` reads `rows.csv` and `start.json` of a folder,
makes full-batch steps, and prints the params. It imports no more than it needs, because
`benchmarks.training` measures it as a whole process.
"""

from __future__ import annotations

import csv
import json
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.networks import as_params, jax_loss, layers, torch_loss

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray


class Problem(NamedTuple):
    """A network, rows, and how long a step is.

    Attributes:
        sizes: Inputs, then the neurons of each layer.
        inputs: float64[N, D].
        labels: float64[N, C]: 1 for the class of a row and else 0, or with one output 1 and -1.
        params: float64[P], each neuron's weights, then its bias.
        rate: The learning rate.
    """

    sizes: tuple[int, ...]
    inputs: NDArray[np.float64]
    labels: NDArray[np.float64]
    params: NDArray[np.float64]
    rate: float

    @property
    def has_classes(self) -> bool:
        """Whether the loss is a cross-entropy."""
        return len(self.labels[0]) > 1


class Trainer(NamedTuple):
    """A training.

    Attributes:
        epoch: Makes the steps of an epoch with batches of so many rows, in a random order if there
            are several.
        params: Returns float64[P].
    """

    epoch: Callable[[int], None]
    params: Callable[[], NDArray[np.float64]]


def torch_trainer(problem: Problem) -> Trainer:
    """Prepare PyTorch, with one thread: there is too little work for more."""
    torch = import_module("torch")
    torch.set_num_threads(1)
    inputs, labels = (torch.from_numpy(a.copy()) for a in (problem.inputs, problem.labels))
    labels = labels.argmax(dim=1) if problem.has_classes else labels
    pairs = layers(problem.params, problem.sizes)
    params = [torch.tensor(array, requires_grad=True) for pair in pairs for array in pair]
    optimizer = torch.optim.SGD(params, lr=problem.rate)
    loss = partial(torch_loss, torch, params, has_classes=problem.has_classes)

    def epoch(size: int) -> None:
        whole = size >= len(inputs)
        for rows in [slice(None)] if whole else torch.randperm(len(inputs)).split(size):
            optimizer.zero_grad()
            batch = inputs[rows]
            (loss(batch, labels[rows]) / len(batch)).backward()
            optimizer.step()

    def result() -> NDArray[np.float64]:
        arrays = [param.detach().numpy() for param in params]
        return as_params(zip(arrays[::2], arrays[1::2], strict=True))

    return Trainer(epoch, result)


def jax_trainer(problem: Problem) -> Trainer:
    """Prepare JAX, whose step is compiled when it is first made."""
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)  # noqa: FBT003
    inputs, labels = jax.numpy.asarray(problem.inputs), jax.numpy.asarray(problem.labels)
    state = [jax.device_put([*layers(problem.params, problem.sizes)])]
    generator = np.random.default_rng(1)

    def loss(params: Any, inputs: Any, labels: Any) -> Any:  # noqa: ANN401 - traced
        total = jax_loss(jax, params, inputs, labels, has_classes=problem.has_classes)
        return total / len(inputs)

    def stepped(params: Any, inputs: Any, labels: Any) -> Any:  # noqa: ANN401 - traced
        grads = jax.grad(loss)(params, inputs, labels)
        return jax.tree.map(lambda p, g: p - problem.rate * g, params, grads)

    step = jax.jit(stepped)
    step_of = jax.jit(lambda params, rows: stepped(params, inputs[rows], labels[rows]))

    def epoch(size: int) -> None:
        if size >= len(inputs):
            state[0] = step(state[0], inputs, labels)
        else:
            order = generator.permutation(len(inputs))
            for start in range(0, len(order), size):
                state[0] = step_of(state[0], order[start : start + size])
        jax.block_until_ready(state[0])

    return Trainer(epoch, lambda: as_params(state[0]))


def micrograd_trainer(problem: Problem) -> Trainer:
    """Prepare micrograd's network, for steps over all rows as in its demo."""
    network = import_module("micrograd.nn").MLP(problem.sizes[0], [*problem.sizes[1:]])
    new_value = import_module("micrograd.engine").Value
    params = network.parameters()
    for param, data in zip(params, problem.params.tolist(), strict=True):
        param.data = data

    def epoch(_size: int) -> None:
        rows = [[new_value(x) for x in row] for row in problem.inputs.tolist()]
        scores = [network(row) for row in rows]
        pairs = zip(problem.labels[:, 0].tolist(), scores, strict=True)
        losses = [(1 + -y * score).relu() for y, score in pairs]
        loss = sum(losses) * (1.0 / len(losses))
        network.zero_grad()
        loss.backward()
        for param in params:
            param.data -= problem.rate * param.grad

    return Trainer(epoch, lambda: np.array([param.data for param in params]))


TRAINERS: Final[Mapping[str, Callable[[Problem], Trainer]]] = {
    "torch": torch_trainer,
    "jax": jax_trainer,
    "micrograd": micrograd_trainer,
}
"""What prepares a training, by the name of the library's package."""


def read(folder: Path) -> Problem:
    """Read a problem with one output."""
    start = json.loads((folder / "start.json").read_text(encoding="utf-8"))
    with (folder / "rows.csv").open(encoding="utf-8", newline="") as file:
        _, *lines = csv.reader(file)
    table = np.array(lines, np.float64)
    sizes, params = tuple(start["sizes"]), np.array(start["params"])
    return Problem(sizes, table[:, : sizes[0]], table[:, sizes[0] :], params, start["rate"])


if __name__ == "__main__":
    trained = TRAINERS[sys.argv[1]](read(Path(sys.argv[2])))
    for _ in range(int(sys.argv[3])):
        trained.epoch(sys.maxsize)
    print(json.dumps(trained.params().tolist()))
