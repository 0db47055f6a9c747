"""Inference: how long a server's processor works on one request for a thousand rows.

`mgraph serve` answers by the Open Inference Protocol, with binary tensors, and as it answers
everyone: with a store in files, limits, a token and its log. The others are FastAPI under the same
uvicorn, with the same graph as mgraph exports it, in double precision and one thread; they take and
return bare bytes, and check nothing. Each server has one core, a program on another core sends
requests over 16 connections, and only the server's processor time counts, user and system, of the
round that took least. The servers take turns. *Fast math* is the parameter `math` of a request:
each op within 2 ulp, as with the others. The gradient is that of the input, in each row.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.measure import ROOT, take_turns, workspace
from benchmarks.report import is_installed, progress, seconds, table
from benchmarks.serve import cost, server, wait_until_warm
from mgraph.build.network import mlp
from mgraph.exporting import export

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from benchmarks.report import Figures
    from mgraph.document import Graph

_ROWS: Final = 1_000
_CASES: Final = ("10 nodes", "1,095 nodes", "1,095 nodes, gradient")
_EXACT: Final = "mgraph"
_BY_NAME: Final = "mgraph, by name"
_FAST: Final = "mgraph, fast math"
_VALUES_ONLY: Final = "onnxruntime, values only"
_TARGETS: Final = {(_EXACT, _CASES[0]): 140e-6, (_FAST, _CASES[1]): 600e-6}
_SLOWER: Final = 1.6
"""How many times as long a request with the gradient may take."""

_OURS: Final = (
    sys.executable, "-c", "from mgraph.__main__ import main; main()", "serve", "shared",
    "--port", "0", "--rate", "1e6", "--need-token",
)  # fmt: skip
_PEERS: Final = {_VALUES_ONLY: "onnxruntime", "PyTorch": "torch"}

_FASTAPI: Final = """
import socket, sys, uvicorn
import numpy as np
from fastapi import FastAPI, Request, Response

app, models = FastAPI(), {}
%s

@app.post("/{name}")
async def infer(name: str, request: Request) -> Response:
    x = np.frombuffer(await request.body())
    return Response(b"".join(run(name, x)), media_type="application/octet-stream")

listener = socket.socket(proto=socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))
listener.listen()
print(f"at http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", access_log=False)
uvicorn.Server(config).run(sockets=[listener])
"""
_ONNX: Final = """
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
for name in ("small", "large"):
    models[name] = onnxruntime.InferenceSession(f"{name}.onnx", options)

def run(name, x):
    model = models[name]
    return model.run(None, {each.name: x for each in model.get_inputs()})
"""
_TORCH: Final = """
import importlib, torch
torch.set_num_threads(1)
for name in ("small", "large"):
    module = importlib.import_module(name)
    models[name] = next(
        each for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, torch.nn.Module)
    )()

def run(name, x):
    name, _, gradient = name.partition("-")
    x = torch.from_numpy(x)
    if not gradient:
        with torch.no_grad():
            return [each.numpy() for each in models[name](x1=x).values()]
    x.requires_grad_()
    (out,) = models[name](x1=x).values()
    (grad,) = torch.autograd.grad(out.sum(), x)
    return [out.detach().numpy(), grad.numpy()]
"""


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    rounds, count = (1, 32) if quick else (9, 320)
    with workspace() as space, ExitStack() as servers:
        token, documents = _prepared(space.folder)
        sides: dict[str, Callable[[], float]] = {}
        pid, port, _ = servers.enter_context(server(space.folder, *_OURS))
        wait_until_warm(port)
        for who, what, request in _requests(token, documents):
            sides[f"{what}: {who}"] = partial(_measured, pid, port, request, count)
        for who, module in _PEERS.items():
            if not (is_installed(module) and is_installed("fastapi")):
                continue
            program = _FASTAPI % (_TORCH if module == "torch" else _ONNX)
            pid, port, _ = servers.enter_context(
                server(space.folder, sys.executable, "-W", "ignore", "-c", program)
            )
            for what, request in _bare(gradient=module == "torch"):
                sides[f"{what}: {who}"] = partial(_measured, pid, port, request, count)
        for measure in sides.values():  # compiles and allocates
            measure()
        progress("sending requests")
        times = {key: min(each) for key, each in take_turns(sides, rounds).items()}
    yield from _report(times)
    return [{"what": what, "seconds": x} for what, x in times.items()]


def _measured(pid: int, port: int, request: bytes, count: int) -> float:
    return cost(pid, port, lambda _: request, 1, count)


def _report(times: dict[str, float]) -> Generator[str, None, None]:
    rows = []
    for what in _CASES:
        for who in (_EXACT, _BY_NAME, _FAST, *_PEERS):
            x = times.get(f"{what}: {who}")
            target = _target(times, what, who)
            verdict = "" if not (x and target) else "reached" if x <= target else "missed"
            cells = (seconds(x) if x else "", f"{seconds(target)}: {verdict}" if verdict else "")
            is_measured = what == _CASES[0] or who != _BY_NAME
            if x or (is_measured and not (what == _CASES[2] and who == _VALUES_ONLY)):
                rows.append((what, who, *cells))
    yield from table(("a thousand rows of", "server", "per request", "target"), rows)


def _target(times: dict[str, float], what: str, who: str) -> float:
    """Return how long a request may take; 0 if that is not stated."""
    if what == _CASES[2] and who == _FAST:
        return _SLOWER * times[f"{_CASES[1]}: {who}"]
    return _TARGETS.get((who, what), 0.0)


def _graphs() -> dict[str, Graph]:
    import mgraph  # noqa: PLC0415 - only for this table

    small = mgraph.load(ROOT / "fixtures" / "neuron.json")
    return {"small": small, "large": mlp([1, 21, 21, 1])}


def _prepared(folder: Path) -> tuple[str, dict[str, str]]:
    """Make a store with the graphs, and files of them for the others.

    Returns:
        A token, and the ids of the graphs.
    """
    from mgraph.service.store.access import new_token  # noqa: PLC0415 - only for this table
    from mgraph.service.store.files import FileStore  # noqa: PLC0415
    from mgraph.service.store.tokens import Scope  # noqa: PLC0415

    store = FileStore(str(folder / "shared"), create=True)
    documents = {}
    for name, graph in _graphs().items():
        documents[name] = store.put(b"".join(graph.to_bytes()), graph.hash).id
        store.set_name(name, documents[name])
        (folder / f"{name}.py").write_bytes(export(graph, "torch").data)
        if is_installed("onnx"):
            (folder / f"{name}.onnx").write_bytes(export(graph, "onnx").data)
    return new_token(store, Scope.WRITE)[0], documents


def _requests(
    token: str, documents: dict[str, str]
) -> Generator[tuple[str, str, bytes], None, None]:
    """Yield who answers, what is asked for, and the request to mgraph."""
    for what, graph in zip(_CASES, ("small", "large", "large"), strict=True):
        for who, math in ((_EXACT, "libm"), (_FAST, "auto")):
            head, x = _inference(graph, math, gradient=what == _CASES[2])
            named = f"Authorization: Bearer {token}\r\nInference-Header-Content-Length: {len(head)}"
            path = f"/v2/models/{documents[graph]}/infer"
            yield who, what, _post(path, head + x, f"{named}\r\n")
            if who == _EXACT and graph == "small":
                path = f"/v2/models/{graph}/infer"
                yield _BY_NAME, what, _post(path, head + x, f"{named}\r\n")


def _inference(graph: str, math: str, *, gradient: bool) -> tuple[bytes, bytes]:
    x = np.linspace(-1.0, 1.0, _ROWS).tobytes()
    size = {"binary_data_size": len(x)}
    given = {"name": "x1", "shape": [_ROWS], "datatype": "FP64", "parameters": size}
    head = {
        "inputs": [given],
        "parameters": {"binary_data_output": True, "math": math},
        "outputs": [{"name": name} for name in _outputs(graph, gradient=gradient)],
    }
    return json.dumps(head).encode(), x


def _outputs(graph: str, *, gradient: bool) -> list[str]:
    (output,) = _graphs()[graph].outputs
    return [output, "grad:x1"] if gradient else [output]


def _bare(*, gradient: bool) -> Generator[tuple[str, bytes], None, None]:
    """Yield what is asked for, and the request to another server."""
    x = np.linspace(-1.0, 1.0, _ROWS).tobytes()
    paths = ("/small", "/large", "/large-gradient")[: 3 if gradient else 2]
    for what, path in zip(_CASES, paths, strict=False):
        yield what, _post(path, x, "")


def _post(path: str, body: bytes, headers: str) -> bytes:
    size = f"Content-Length: {len(body)}\r\n"
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}{size}\r\n".encode() + body
