"""Networks as matrices: their params, and their losses in PyTorch and JAX. It imports little."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import ModuleType

    from numpy.typing import NDArray


def layers(params: NDArray[np.float64], sizes: Sequence[int]) -> Iterator[tuple[Any, Any]]:
    """Yield the weights and biases of each layer, as views."""
    start = 0
    for inputs, neurons in pairwise(sizes):
        end = start + neurons * (inputs + 1)
        both = params[start:end].reshape(neurons, inputs + 1)
        yield both[:, :inputs], both[:, inputs]
        start = end


def as_params(gradients: Iterable[tuple[Any, Any]]) -> NDArray[np.float64]:
    """Put the gradients of weights and biases into the order of the params."""
    both = [np.column_stack([np.asarray(w), np.asarray(b)]) for w, b in gradients]
    return np.concatenate([layer.ravel() for layer in both])


def torch_loss(
    torch: ModuleType,
    params: Sequence[Any],
    inputs: Any,  # noqa: ANN401 - a tensor
    labels: Any,  # noqa: ANN401 - a tensor
    *,
    has_classes: bool,
) -> Any:  # noqa: ANN401 - a tensor
    """Return the sum of the losses of some rows.

    Args:
        torch: The module.
        params: Weights and biases of each layer in turn.
        inputs: float64[R, D].
        labels: The number of the class of each row, or float64[R, 1] of 1 and -1.
        has_classes: Whether it is the cross-entropy of a softmax, and the hidden layers are tanh;
            otherwise it is the max-margin loss, and they are relu.
    """
    out = inputs
    for i in range(0, len(params), 2):
        out = torch.nn.functional.linear(out, params[i], params[i + 1])
        if i + 2 < len(params):
            out = torch.tanh(out) if has_classes else torch.relu(out)
    if has_classes:
        return torch.nn.functional.cross_entropy(out, labels, reduction="sum")
    return torch.relu(1.0 - labels * out).sum()


def jax_loss(
    jax: ModuleType,
    params: Sequence[tuple[Any, Any]],
    inputs: Any,  # noqa: ANN401 - a traced array
    labels: Any,  # noqa: ANN401 - a traced array
    *,
    has_classes: bool,
) -> Any:  # noqa: ANN401 - a traced number
    """Return the same; `params` are pairs, and classes are float64[R, C], 1 for that of a row."""
    out = inputs
    for i, (weights, bias) in enumerate(params, start=1):
        out = out @ weights.T + bias
        if i < len(params):
            out = jax.numpy.tanh(out) if has_classes else jax.nn.relu(out)
    if has_classes:
        return (jax.nn.logsumexp(out, axis=1) - (labels * out).sum(axis=1)).sum()
    return jax.nn.relu(1.0 - labels * out).sum()
