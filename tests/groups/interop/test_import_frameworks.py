"""PyTorch modules and JAX functions as graphs: values and gradients are those of the framework."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import mgraph
from mgraph.errors import GraphError
from mgraph.exporting.c_header import FLAGS
from tests.command_line import environment
from tests.readme import TORCH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CLOSE: Final = 1e-9
"""How far gradients may be from the framework's, which adds in another order."""


# --- PyTorch ----------------------------------------------------------------------------------


class Digits(nn.Module):
    """A classifier with hidden layers."""

    def __init__(self, *sizes: int) -> None:
        """Make the layers."""
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(*sizes[:2]), nn.Linear(*sizes[1:])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the probabilities of the classes."""
        return functional.softmax(self.fc2(functional.relu(self.fc1(x))), dim=-1)


class Attention(nn.Module):
    """A block of a transformer, as in nanoGPT."""

    def __init__(self, width: int = 4, heads: int = 2) -> None:
        """Make the layers."""
        super().__init__()
        self.heads = heads
        self.norm, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 8), nn.GELU(), nn.Linear(8, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the tokens after causal attention and a small network."""
        rows, length, width = x.shape
        parts = self.attend(self.norm(x)).split(width, dim=2)
        shape = (rows, length, self.heads, width // self.heads)
        q, k, v = (part.view(shape).transpose(1, 2) for part in parts)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.project(y.transpose(1, 2).reshape(rows, length, width))
        return x + self.mlp(self.norm2(x))


class Convolutions(nn.Module):
    """An image network with batch normalisation and pooling."""

    def __init__(self) -> None:
        """Make the layers; the normalisation has seen data."""
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.SiLU(), nn.MaxPool2d(2),
            nn.Conv2d(3, 4, 3, groups=1, stride=2, padding=1), nn.ELU(), nn.AvgPool2d(2, padding=1),
        )  # fmt: skip
        self.head = nn.Linear(16, 2)
        self.features[1].running_mean += 0.3
        self.features[1].running_var *= 2.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return scores."""
        return self.head(self.features(x).flatten(1))


class Loss(nn.Module):
    """A network with a loss, of two inputs."""

    def __init__(self) -> None:
        """Make the layers."""
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4))
        self.scale = nn.Parameter(torch.tensor(1.5))

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the cross-entropy, and another loss."""
        scores = self.net(x) * self.scale
        loss = functional.cross_entropy(scores, y)
        hinge = torch.clamp(1 - scores * y, min=0).mean()
        return loss, hinge + functional.mse_loss(scores, y) + torch.logsumexp(scores, 1).sum()


class Composition(nn.Module):
    """A random chain of operations, smooth or with kinks that random numbers miss."""

    STEPS: Final[tuple[Callable[[torch.Tensor], torch.Tensor], ...]] = (
        torch.tanh, torch.sin, torch.sigmoid, torch.erf, functional.gelu, functional.softplus,
        functional.mish, functional.leaky_relu, functional.hardtanh, torch.atan, torch.expm1,
        lambda x: x.softmax(-1), lambda x: x.log_softmax(0), lambda x: x * x.mean(),
        lambda x: x / (1 + x.square()), lambda x: x.cumsum(0), lambda x: x.transpose(0, 1) @ x,
        lambda x: torch.where(x > 0.1, x, x * x), lambda x: torch.maximum(x, x.flip(1)),
        lambda x: torch.cat([x[1:], x[:1]]), lambda x: x - x.amax(1, keepdim=True),
        lambda x: (x - x.mean()) / x.std(), lambda x: torch.rsqrt(1 + x.abs()),
        lambda x: functional.gelu(x, approximate="tanh"), lambda x: torch.tril(x) + x.t(),
        lambda x: torch.atan2(x, 2 + x.cos()), lambda x: functional.pad(x, (1, 0))[:, :-1] + x,
        lambda x: torch.log1p(x.pow(2)), lambda x: torch.einsum("ij,kj->ik", x, x) / 3,
        functional.elu, lambda x: functional.layer_norm(x, (3,)),
    )  # fmt: skip

    def __init__(self, seed: int) -> None:
        """Choose the operations."""
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 3, dtype=torch.float64))
        self.chosen = np.random.default_rng(seed).integers(len(self.STEPS), size=6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a number."""
        x = x @ self.weight
        for i in self.chosen:
            x = self.STEPS[i](x)
        return x.sin().sum()


def modules() -> Iterator[tuple[nn.Module, tuple[Any, ...]]]:
    """Yield modules with arguments."""
    torch.manual_seed(0)
    randn = torch.randn
    yield Digits(6, 5, 3).double(), (randn(1, 6, dtype=torch.float64),)
    yield Attention().double(), (randn(1, 3, 4, dtype=torch.float64),)
    yield Convolutions().double().eval(), (randn(1, 1, 6, 6, dtype=torch.float64),)
    y = functional.softmax(randn(1, 4, dtype=torch.float64), 1)
    yield Loss().double(), (randn(1, 3, dtype=torch.float64), y)


def assert_same(module: nn.Module, example: tuple[Any, ...]) -> None:
    """Compare values of all outputs, and gradients by all inputs and params, of each output."""
    graph = mgraph.from_torch(module, *example)
    arguments = [x.clone().requires_grad_() for x in example]
    results = module(*arguments)
    outputs = results if isinstance(results, tuple) else (results,)
    flat = torch.cat([x.reshape(-1) for x in outputs])
    assert len(flat) == len(graph.outputs)
    leaves = {**dict(module.named_parameters())}
    columns = graph.columns
    tops = [columns.ids[i].partition("[")[0] for i in columns.leaves if columns.op(i) == "input"]
    inputs = [*dict.fromkeys(tops)]
    leaves |= dict(zip(inputs, arguments, strict=True))
    for i, output in enumerate(graph.outputs):
        run = graph.run(seed={output: 1.0})
        assert run.data is not None
        assert run.grad is not None
        assert run.data[output] == pytest.approx(flat[i].item(), rel=CLOSE, abs=CLOSE)
        grads = torch.autograd.grad(
            flat[i], [*leaves.values()], retain_graph=True, allow_unused=True
        )
        for (name, leaf), grad in zip(leaves.items(), grads, strict=True):
            want = np.zeros(leaf.shape) if grad is None else grad.numpy()
            own = want[0] if name in inputs and want.ndim > 1 and len(want) == 1 else want
            got = [run.grad.get(name + key, 0.0) for key in _keys(own.shape)]
            assert got == pytest.approx(own.ravel().tolist(), rel=CLOSE, abs=CLOSE), name


def _keys(shape: tuple[int, ...]) -> list[str]:
    return ["".join(f"[{i}]" for i in index) for index in np.ndindex(*shape)]


@pytest.mark.parametrize("number", range(4))
def test_modules(number: int) -> None:
    """Values and gradients of networks in the style of others."""
    assert_same(*[*modules()][number])


@pytest.mark.parametrize("seed", range(8))
def test_random_compositions(seed: int) -> None:
    """Chains of random operations."""
    torch.manual_seed(seed)
    assert_same(Composition(seed), (torch.randn(3, 3, dtype=torch.float64),))


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # PyTorch's own
def test_a_saved_program(tmp_path: Any) -> None:  # noqa: ANN401
    """A program that was saved has its own example, and gives the same graph."""
    module, example = next(modules())
    torch.export.save(torch.export.export(module, example), tmp_path / "digits.pt2")
    program = torch.export.load(tmp_path / "digits.pt2")
    graph = mgraph.from_torch(program)
    assert graph.columns.hash == mgraph.from_torch(module, *example).columns.hash


def test_single_precision_and_names() -> None:
    """Weights in single precision keep their values; ids say where they are from."""
    module = Digits(4, 3, 2)
    graph = mgraph.from_torch(module, torch.zeros(1, 4))
    run = graph.run({"x[2]": 0.5}, seed={"output[1]": 1.0})
    assert run.data is not None
    assert run.data["fc1.weight[2][3]"] == module.fc1.weight[2, 3].item()
    assert graph.outputs == ("output[0]", "output[1]")


def refused(call: Callable[[], object]) -> list[str]:
    """Return the messages of a refusal."""
    with pytest.raises(GraphError) as raised:
        call()
    return [x.message for x in raised.value.diagnostics]


@pytest.mark.parametrize("thing", [torch.relu, torch.zeros(1, 2)], ids=["function", "tensor"])
def test_what_is_no_module(thing: Any) -> None:  # noqa: ANN401
    """A function, or arguments in the wrong order: the message says what is expected."""
    with pytest.raises(TypeError, match=r"expected a torch\.nn\.Module, or a program of .*, not "):
        mgraph.from_torch(thing, torch.zeros(1, 2))


def test_what_pytorch_has_and_graphs_have_not() -> None:
    """All of it is listed by name; stopped gradients, too, which would be wrong silently."""

    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.floor() + x.sort()[0] + (x * 2).exp() + x.detach()

    messages = refused(lambda: mgraph.from_torch(Odd(), torch.zeros(1, 3)))
    assert len(messages) == 3
    for message, name in zip(messages, ("detach", "floor", "sort"), strict=True):
        assert name in message
    whole = torch.zeros(1, dtype=torch.int64)
    assert "int64" in refused(lambda: mgraph.from_torch(nn.Identity(), whole))[0]


# --- JAX --------------------------------------------------------------------------------------


def network(x: Any, y: Any, net: Any) -> Any:  # noqa: ANN401 - arrays of JAX
    """Return the cross-entropy of a network, as in JAX's tutorials."""
    for w, b in net[:-1]:
        x = jnp.tanh(x @ w + b)
    w, b = net[-1]
    return -jnp.sum(y * jax.nn.log_softmax(x @ w + b))


def attention(x: Any, net: Any) -> Any:  # noqa: ANN401
    """Return masked attention of one head, with a normalisation."""
    x = (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5)
    q, k, v = (x @ net[name] for name in ("q", "k", "v"))
    scores = jnp.where(jnp.tril(jnp.ones((3, 3), bool)), q @ k.T / 2.0, -1e9)
    return jnp.einsum("ij,jk->ik", jax.nn.softmax(scores), v).reshape(-1)[5] + jnp.sum(x[:, 1] ** 3)


def convolution(x: Any, net: Any) -> Any:  # noqa: ANN401
    """Return a number from an image in the order of JAX's users: rows, height, width, channels."""
    numbers = ("NHWC", "HWIO", "NHWC")
    y = jax.lax.conv_general_dilated(x, net, (2, 1), "SAME", dimension_numbers=numbers)
    return jnp.sum(jax.nn.gelu(y, approximate=False) * jax.nn.sigmoid(y[..., ::-1]))


def functions() -> Iterator[tuple[Callable[..., Any], tuple[Any, ...]]]:
    """Yield functions with arguments, the last of which are params."""
    rng = np.random.default_rng(0)
    net = [(rng.normal(size=(a, b)), rng.normal(size=b)) for a, b in ((3, 4), (4, 2))]
    yield network, (rng.normal(size=3), np.array([0.0, 1.0]), net)
    yield attention, (rng.normal(size=(3, 4)), {k: rng.normal(size=(4, 4)) for k in "qkv"})
    yield convolution, (rng.normal(size=(1, 4, 5, 2)), rng.normal(size=(3, 2, 2, 3)))
    yield jax.nn.logsumexp, (rng.normal(size=5),)
    yield lambda x, w: jnp.sum(jax.jit(jax.nn.silu)(x[np.array([2, 0])] * w[1]) / w[0]), (
        rng.normal(size=3), rng.normal(size=2) + 3.0,
    )  # fmt: skip
    yield (
        lambda x: jnp.sum(jax.vmap(jax.nn.softplus)(x) + jnp.linalg.norm(x)),
        (rng.normal(size=4),),
    )
    yield jax.grad(lambda x: jnp.sum(jnp.exp(jnp.sin(x)) * x[0])), (np.array([0.7]),)


@pytest.mark.parametrize("number", range(7))
def test_functions(number: int) -> None:
    """Values and gradients by all arguments."""
    function, example = [*functions()][number]
    last = len(example) - 1
    graph = mgraph.from_jax(function, *example, params=(last,))
    with jax.enable_x64(True):  # noqa: FBT003 - JAX's
        arrays = jax.tree_util.tree_map(jnp.asarray, example)
        value, back = jax.vjp(function, *arrays)
        grads = back(jnp.ones_like(value))
        leaves = [np.asarray(x).ravel() for x in jax.tree_util.tree_leaves(grads)]
    (output,) = graph.outputs
    run = graph.run()
    assert run.data is not None
    assert run.grad is not None
    assert run.data[output] == pytest.approx(value.item(), rel=CLOSE)
    ids = [graph.columns.ids[i] for i in graph.columns.leaves]
    kinds = {x: graph.columns.op(i) for x, i in zip(ids, graph.columns.leaves, strict=True)}
    got = [run.grad.get(x, 0.0) for x in ids if kinds[x] != "const"]
    want = [x for x in np.concatenate(leaves).tolist() if x != 0.0]
    assert [x for x in got if x != 0.0] == pytest.approx(want, rel=CLOSE, abs=CLOSE)


def test_params_that_name_no_argument() -> None:
    """They are refused before anything is traced, instead of being ignored."""

    def product(x: Any, w: Any) -> Any:  # noqa: ANN401
        return (x * w).sum()

    for params, error in (((2,), ValueError), ((-1,), ValueError), (("w",), TypeError)):
        with pytest.raises(error, match=r"there are 0 \(x\), 1 \(w\)"):
            mgraph.from_jax(product, np.ones(2), np.ones(2), params=params)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"there are 0 \(x\), 1 \(w\)"):
        mgraph.from_jax(product, np.ones(2), np.ones(2), params=1)  # type: ignore[arg-type]


def test_names_of_arguments_and_results() -> None:
    """Parameters of the function, keys of trees; what comes from elsewhere is a param."""
    w = np.arange(6.0).reshape(2, 3)

    def scores(x: Any, net: Any) -> Any:  # noqa: ANN401
        return {"y": x @ w + net["deep"][1], "z": x}

    graph = mgraph.from_jax(scores, np.ones(2), {"deep": [np.ones(3), np.ones(3)]}, params=(1,))
    assert graph.outputs == (
        *(f"output.y[{i}]" for i in range(3)), *(f"output.z[{i}]" for i in range(2)),
    )  # fmt: skip
    leaves = [graph.columns.ids[i] for i in graph.columns.leaves]
    assert leaves == [
        *("x[0]", "x[1]"), *(f"net.deep.1[{i}]" for i in range(3)),
        *(f"param0[{i}][{j}]" for i in range(2) for j in range(3)),
    ]  # fmt: skip


def test_what_jax_has_and_graphs_have_not() -> None:
    """All of it is listed by name, inside jitted functions, too."""

    @jax.jit
    def inner(x: Any) -> Any:  # noqa: ANN401
        return jnp.floor(x)

    def odd(x: Any) -> Any:  # noqa: ANN401
        return (
            inner(x) + jax.lax.stop_gradient(x) + jnp.sort(x) + jax.lax.fori_loop(0, 3, jnp.add, x)
        )

    messages = refused(lambda: mgraph.from_jax(odd, np.ones(3)))
    for name in ("floor", "stop_gradient", "sort"):
        assert any(name in message for message in messages), name
    assert "inner" in messages[0]
    assert "int64" in refused(lambda: mgraph.from_jax(jnp.sum, np.arange(3)))[0]


def test_the_readme(tmp_path: Path) -> None:
    """Its lines make a file, a page and a program in C, which has the module's own output."""
    block, shown = TORCH
    again = (
        "import numpy as np; np.save('y.npy', net(torch.tensor([[0.5, -1.0]]).double()).detach())"
    )
    done = subprocess.run(
        [sys.executable, "-c", block.text + again], cwd=tmp_path, env=environment(), check=False,
        capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (shown.text, "")
    run = mgraph.load(tmp_path / "net.json").runs[0]
    want = float(np.load(tmp_path / "y.npy").item())
    assert run.data is not None
    assert run.data["output[0]"] == pytest.approx(want, rel=1e-12)
    assert b"output[0]" in (tmp_path / "net.html").read_bytes()
    command = ["cc", *FLAGS.split(), "-Wall", "-Wextra", "-Werror", "-c", "net.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
