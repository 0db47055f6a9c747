"""Neurons, layers and multi-layer perceptrons of Values, with the names of `micrograd.nn`.

As there, the activation is relu unless another one is asked for. The class that Karpathy's lecture
writes has tanh instead: `MLP(3, [4, 4, 1], activation="tanh")`.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from mgraph.exact_value import value_class
from mgraph.ops import OPS
from mgraph.value import Label, Operand, Value, as_value, compute, total

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LINEAR: Final = "linear"
ACTIVATIONS: Final = (LINEAR, *(name for name, op in OPS.items() if op.inputs == 1))


class Module:
    """Something with params; `Neuron`, `Layer` and `MLP` are modules, and yours can be, too."""

    def zero_grad(self) -> None:
        """Set the gradients of all params to zero."""
        for param in self.parameters():
            param.grad = 0.0

    def parameters(self) -> list[Value]:
        """Return the params; none, unless a subclass says which."""
        return []


class Neuron(Module):
    """A neuron: the sum of its bias and its weighted inputs, and an activation.

    Called with a list of numbers or Values, it returns its output, a Value. Params and what it
    computes have labels such as `w2`, `x2w2`, `sum` and `out`.

    Attributes:
        w: The weights, uniform in -1 … 1; they are drawn in micrograd's order, so the same random
            seed gives the same weights.
        b: The bias, which starts at 0.
        nonlin: Whether there is an activation.
        activation: The name of the op.
    """

    def __init__(  # noqa: PLR0913 - one keyword per choice
        self,
        nin: int,
        nonlin: bool = True,  # noqa: FBT001, FBT002 - as in micrograd
        *,
        activation: str = "relu",
        math: str = "libm",
        label: str = "",
        rng: random.Random | None = None,
    ) -> None:
        """Make a neuron.

        Args:
            nin: The number of its inputs.
            nonlin: Whether it has an activation.
            activation: An op with one argument, such as `"tanh"`, or `"linear"` for none.
            math: `"exact"` makes its params ExactValues, so that all that it computes is exact.
            label: Put before its labels: with `"layer1.neuron3"`, they are `layer1.neuron3.w2` …
            rng: Draws the weights; None for the functions of the module `random`.

        Raises:
            ValueError: There is no such activation, or no such math.
        """
        if activation not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            message = f"there is no activation {activation!r}: choose one of {known}"
            raise ValueError(message)
        prefix = f"{label}." if label else ""
        numbers = range(1, nin + 1)
        uniform = random.uniform if rng is None else rng.uniform
        param = value_class(math).param
        self.w = [param(uniform(-1.0, 1.0), label=f"{prefix}w{i}") for i in numbers]
        self.b = param(0.0, label=f"{prefix}b")
        self.nonlin = nonlin and activation != LINEAR
        self.activation = activation
        self._labels = [Label(f"{prefix}x{i}w{i}") for i in numbers]
        self._sum, self._out = Label(f"{prefix}sum"), Label(f"{prefix}out")

    def __call__(self, x: Iterable[Operand]) -> Value:
        """Return the neuron's output for its inputs.

        Args:
            x: As many numbers or Values as the neuron has inputs.

        Raises:
            ValueError: There are more or fewer.
        """
        inputs = [as_value(xi) for xi in x]
        if len(inputs) != len(self.w):
            message = f"a neuron of {len(self.w)} inputs was called with {len(inputs)} numbers"
            raise ValueError(message)
        products = []
        for xi, wi, label in zip(inputs, self.w, self._labels, strict=True):
            product = xi * wi
            product.name = label
            products.append(product)
        value = total([self.b, *products])
        value.name = self._sum
        if self.nonlin:
            value = compute(OPS[self.activation], (value,))
            value.name = self._out
        return value

    def parameters(self) -> list[Value]:
        """Return the weights, then the bias."""
        return [*self.w, self.b]

    def __repr__(self) -> str:
        """Show the activation and the number of inputs, as micrograd does."""
        names = {"relu": "ReLU", "tanh": "Tanh"}
        name = names.get(self.activation, self.activation) if self.nonlin else "Linear"
        return f"{name}Neuron({len(self.w)})"


class Layer(Module):
    """Neurons that all have the same inputs.

    Called with a list of numbers or Values, it returns a list of Values, or the Value itself if
    there is only one neuron.

    Attributes:
        neurons: The neurons.
    """

    def __init__(self, nin: int, nout: int, *, label: str = "", **kwargs: Any) -> None:  # noqa: ANN401
        """Make a layer.

        Args:
            nin: The number of inputs.
            nout: The number of neurons.
            label: Put before the labels of its neurons, which are `neuron1`, `neuron2` …
            kwargs: What else a `Neuron` takes, for all of them.

        Raises:
            ValueError: There is no such activation.
        """
        prefix = f"{label}." if label else ""
        numbers = range(1, nout + 1)
        self.neurons = [Neuron(nin, label=f"{prefix}neuron{i}", **kwargs) for i in numbers]

    def __call__(self, x: Iterable[Operand]) -> Value | list[Value]:
        """Return the outputs of the neurons; of a single one, without a list.

        Args:
            x: As many numbers or Values as the layer has inputs.

        Raises:
            ValueError: There are more or fewer.
        """
        inputs = [as_value(xi) for xi in x]  # so that a number is one const for all neurons
        out = [neuron(inputs) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self) -> list[Value]:
        """Return the params of all neurons."""
        return [param for neuron in self.neurons for param in neuron.parameters()]

    def __repr__(self) -> str:
        """Show the neurons."""
        return f"Layer of [{', '.join(map(str, self.neurons))}]"


class MLP(Module):
    """A multi-layer perceptron; the last layer has no activation.

    Relu is the activation, as in micrograd. Karpathy's lecture uses tanh, after the last layer as
    well; in a network as small as its own, relu often gets stuck.

    Called with a list of numbers or Values, it returns the outputs of the last layer. Its params
    have the labels that `mgraph new --mlp` gives them as ids: `layer1.neuron3.w2`.

    Attributes:
        layers: The layers.
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        *,
        activation: str = "relu",
        math: str = "libm",
        rng: random.Random | None = None,
    ) -> None:
        """Make a network.

        Args:
            nin: The number of inputs.
            nouts: The number of neurons of each layer.
            activation: That of all layers but the last: an op with one argument, such as `"tanh"`.
            math: `"exact"` makes its params ExactValues, so that all that it computes is exact.
            rng: Draws the weights; None for the functions of the module `random`.

        Raises:
            ValueError: There is no such activation, or no such math.
        """
        sizes = [nin, *nouts]
        self.layers = [
            Layer(
                sizes[i], sizes[i + 1], label=f"layer{i + 1}",
                nonlin=i != len(nouts) - 1, activation=activation, math=math, rng=rng,
            )
            for i in range(len(nouts))
        ]  # fmt: skip

    def __call__(self, x: Iterable[Operand]) -> Value | list[Value]:
        """Return the outputs of the last layer; of a single neuron, without a list.

        Args:
            x: As many numbers or Values as the network has inputs.

        Raises:
            ValueError: There are more or fewer.
        """
        out: Any = x
        for layer in self.layers:
            out = layer([out] if isinstance(out, Value) else out)
        return out  # type: ignore[no-any-return]

    def parameters(self) -> list[Value]:
        """Return the params of all layers."""
        return [param for layer in self.layers for param in layer.parameters()]

    def __repr__(self) -> str:
        """Show the layers."""
        return f"MLP of [{', '.join(map(str, self.layers))}]"
