"""Triton's client gets the bits of `Replay.batch`, in each encoding and by each name."""

from __future__ import annotations

import asyncio
import json
import math
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

import mgraph
from mgraph.client import Client
from tests.command_line import FIXTURES, NEURON, environment
from tests.readme import BLOCKS, TRITON
from tests.service.server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from tests.service.server import Server

GRAPHS: Final = {
    "neuron": NEURON.read_bytes(),
    "class-7a/anna": json.dumps(
        {
            "mgraph": "1.0",
            "nodes": [
                {"id": "x", "op": "input"},
                {"id": "grad/w1", "op": "param", "data": 0.3},
                {"id": "p", "op": "mul", "args": ["x", "grad/w1"]},
                {"id": "q", "op": "sigmoid", "args": ["p"]},
            ],
            "outputs": ["p", "q"],
        }
    ).encode(),
    "negative": json.dumps(
        {
            "mgraph": "1.0",
            "nodes": [{"id": "x", "op": "input"}, {"id": "o", "op": "neg", "args": ["x"]}],
            "outputs": ["o"],
        }
    ).encode(),
}
OUTPUTS: Final = {"neuron": "o", "class-7a/anna": "q"}
X: Final = np.linspace(-4.0, 4.0, 1_001)
SPECIAL: Final = np.array([math.nan, math.inf, -math.inf, -0.0, 0.0, 5e-324, 0.1])
COMPRESSIONS: Final = (None, "gzip", "deflate")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server that has the graphs."""
    with serving(tmp_path_factory.mktemp("server"), "--rate", "100000") as started:
        log = started.process.stderr
        assert log is not None
        Thread(target=log.read, daemon=True).start()  # its lines are more than a pipe holds
        with Client(started.url) as client:
            for name, data in GRAPHS.items():
                client.put(data, name)
            client.run("neuron", {"x1": 0.0})  # so that it is ready
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    """Return Triton's client."""
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as made:
        yield made


def tensor(name: str, values: NDArray[Any], *, binary: bool = True) -> Any:  # noqa: ANN401
    """Return an input."""
    made = triton.InferInput(name, [*values.shape], "FP64")
    made.set_data_from_numpy(values, binary_data=binary)
    return made


def asked(*names: str, binary: bool = True) -> list[Any]:
    """Return outputs to ask for."""
    return [triton.InferRequestedOutput(name, binary_data=binary) for name in names]


def same(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """Whether two arrays have the same bits."""
    return a.dtype == b.dtype == np.float64 and a.tobytes() == b.tobytes()


def batch(name: str, columns: Any, **options: Any) -> Any:  # noqa: ANN401
    """Return what the library computes."""
    return mgraph.loads(GRAPHS[name]).compile().batch(columns, math="libm", **options)


ENCODINGS: Final = [*product((True, False), (True, False), COMPRESSIONS, COMPRESSIONS)]


def test_all_encodings(client: Any) -> None:  # noqa: ANN401
    """Inputs and outputs as bytes or JSON, both compressed in each way: 36 combinations."""
    assert len(ENCODINGS) == 36
    expected = batch("class-7a/anna", {"x": X, "grad/w1": X}, seed={"q": 1.0, "p": 0.5})
    for sent, received, packed, unpacked in ENCODINGS:
        result = client.infer(
            "class-7a/anna",
            [tensor("grad/w1", X[:, None], binary=sent), tensor("x", X, binary=sent),
             tensor("seed:p", np.array([0.5]), binary=sent), tensor("seed:q", np.ones(X.size))],
            outputs=asked("grad:grad/w1", "q", "grad:x", "p", binary=received),
            request_compression_algorithm=packed,
            response_compression_algorithm=unpacked,
        )  # fmt: skip
        case = (sent, received, packed, unpacked)
        for name in ("p", "q"):
            assert same(result.as_numpy(name), expected.outputs[name]), case
        for name in ("x", "grad/w1"):
            assert same(result.as_numpy(f"grad:{name}"), expected.grad[name]), case


def test_special_numbers_in_all_encodings(client: Any) -> None:  # noqa: ANN401
    """NaN, infinities and the sign of zero arrive, and come back."""
    for sent, received, packed, unpacked in ENCODINGS:
        result = client.infer(
            "negative", [tensor("x", SPECIAL, binary=sent)],
            outputs=asked("o", binary=received), request_compression_algorithm=packed,
            response_compression_algorithm=unpacked,
        ).as_numpy("o")  # fmt: skip
        case = (sent, received, packed, unpacked)
        assert np.array_equal(result, -SPECIAL, equal_nan=True), case
        assert np.signbit(result[1:]).tolist() == [True, False, False, True, True, True], case


def test_names_of_models(client: Any, server: Server) -> None:  # noqa: ANN401
    """By name, also with a slash, by the id of the document, by the hash, and of one version."""
    expected = batch("class-7a/anna", {"x": X}, seed={"q": 1.0}).outputs["q"]
    with Client(server.url) as own:
        document = own.get_name("class-7a/anna").id
    graph = mgraph.loads(GRAPHS["class-7a/anna"]).hash
    for name in ("class-7a/anna", document, graph):
        assert client.is_model_ready(name)
        about = client.get_model_metadata(name)
        assert (about["name"], about["versions"]) == (name, [document])
        for version in ("", document):
            result = client.infer(name, [tensor("x", X)], model_version=version)
            assert same(result.as_numpy("q"), expected)
            assert result.get_response()["model_version"] == document
    assert not client.is_model_ready("class-7a/anna", model_version="1")
    assert not client.is_model_ready("nobody")


def test_the_client_finds_out_about_the_server(client: Any) -> None:  # noqa: ANN401
    """Health and metadata, as the client reads them."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata()["version"] == mgraph.__version__
    about = client.get_model_metadata("neuron")
    assert [each["name"] for each in about["inputs"]] == ["x1", "x2"]
    assert about["outputs"] == [{"name": "o", "datatype": "FP64", "shape": [-1]}]


def test_the_id_of_a_request_comes_back(client: Any) -> None:  # noqa: ANN401
    """And all outputs, if none is named."""
    result = client.infer("class-7a/anna", [tensor("x", X)], request_id="42")
    assert result.get_response()["id"] == "42"
    assert [each["name"] for each in result.get_response()["outputs"]] == ["p", "q"]


def test_refusals_are_read_by_the_client(client: Any) -> None:  # noqa: ANN401
    """The client's exception has the status and the sentence."""
    integers = triton.InferInput("x1", [2], "INT64").set_data_from_numpy(np.array([1, 2]))
    for status, text, model, inputs, outputs in (
        ("404", 'there is no name "nobody"', "nobody", [tensor("x1", X)], None),
        ("422", "did you mean", "neuron", [tensor("x11", X)], None),
        ("422", "is not an output", "neuron", [tensor("x1", X)], asked("n")),
        ("400", "INT64", "neuron", [integers], None),
        ("400", "has 2 rows", "neuron", [tensor("x1", X), tensor("x2", X[:2])], None),
    ):
        with pytest.raises(InferenceServerException, match=text) as caught:
            client.infer(model, inputs, outputs=outputs)
        assert caught.value.status() == status


def test_asyncio(server: Server) -> None:
    """The asynchronous client, several requests at once, compressed or not."""
    expected = batch("neuron", {"x1": X}, wrt=["w1"])

    async def all_of_them() -> Sequence[Any]:
        address = f"127.0.0.1:{server.port}"
        async with triton_aio.InferenceServerClient(address) as client:
            assert await client.is_server_ready()
            requests = [
                client.infer(
                    "neuron", [tensor("x1", X, binary=sent)],
                    outputs=asked("o", "grad:w1", binary=received),
                    request_compression_algorithm=packed, response_compression_algorithm=unpacked,
                )
                for sent, received, packed, unpacked in ENCODINGS
            ]  # fmt: skip
            return await asyncio.gather(*requests)

    for case, result in zip(ENCODINGS, asyncio.run(all_of_them()), strict=True):
        assert same(result.as_numpy("o"), expected.outputs["o"]), case
        assert same(result.as_numpy("grad:w1"), expected.grad["w1"]), case


def test_threads_and_graphs(server: Server, tmp_path: Any) -> None:  # noqa: ANN401, ARG001
    """Eight threads with two graphs get what each gets alone: small requests and large ones."""
    address, sizes = f"127.0.0.1:{server.port}", (7, 100_003)
    jobs = [(name, leaf, rows, i) for i in range(8) for rows in sizes
            for name, leaf in (("neuron", "x1"), ("class-7a/anna", "x"))]  # fmt: skip

    def one(job: tuple[str, str, int, int]) -> bool:
        name, leaf, rows, i = job
        x = np.linspace(i, i + 1.0, rows)
        with triton.InferenceServerClient(address, network_timeout=60) as client:
            result = client.infer(name, [tensor(leaf, x)])
        outputs = batch(name, {leaf: x}, seed={OUTPUTS[name]: 1.0}).outputs
        return all(same(result.as_numpy(key), values) for key, values in outputs.items())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, jobs))


def test_fixtures(client: Any, server: Server) -> None:  # noqa: ANN401
    """Golden graphs of every op, with their own numbers: from 50-digit or exact arithmetic."""
    files = sorted((FIXTURES / "run" / "ops").glob("*.json"))
    assert len(files) > 20
    compared = 0
    with Client(server.url) as own:
        for path in files:
            graph = mgraph.load(path)
            model = own.put(path.read_bytes()).id
            for run in (run for run in graph.runs if run.inputs):
                inputs = [tensor(name, np.array([x])) for name, x in run.inputs.items()]
                result = client.infer(model, inputs)
                for name in graph.outputs:
                    got, data = float(result.as_numpy(name)[0]), run.data or {}
                    assert got == pytest.approx(data[name], rel=1e-14, abs=1e-300, nan_ok=True)
                    compared += 1
    assert compared > 50


def test_the_readme(server: Server, tmp_path: Any) -> None:  # noqa: ANN401
    """The README's lines for Triton's client print what is shown below them."""
    block, shown = TRITON
    first = next(b for b in BLOCKS if b.language == "python" and "tiny.json" in b.text)
    subprocess.run([sys.executable, "-c", first.text], cwd=tmp_path, env=environment(), check=True,
                   capture_output=True)  # fmt: skip
    with Client(server.url) as own:
        own.put((tmp_path / "tiny.json").read_bytes(), "lessons/tiny")
    code, count = re.subn(r"127\.0\.0\.1:8765", f"127.0.0.1:{server.port}", block.text)
    assert count == 1
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), check=False,
        capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (shown.text, "")
