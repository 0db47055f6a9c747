"""Serve something on one core, for `benchmarks.serve` to compare with: `service_peer.py NAME`.

Each server is as a careful person writes it: uvicorn with httptools, the neuron of the fixtures in
float64, inputs checked by pydantic, no log, no tokens, no limits.
"""

from __future__ import annotations

import socket
import sys
from importlib import import_module
from typing import Any, Final

import uvicorn

_LEAVES: Final = {"x1": 2.0, "x2": 0.0, "w1": -3.0, "w2": 1.0, "b": 6.881373587019543}


def bare() -> Any:  # noqa: ANN401 - an ASGI application, like those below
    """Answer with 11 bytes, and do nothing else."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401
        headers = [(b"content-type", b"application/json"), (b"content-length", b"11")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"ok":true}'})

    return app


def starlette() -> Any:  # noqa: ANN401
    """Answer the same by a route of Starlette."""
    applications, responses = import_module("starlette.applications"), "starlette.responses"
    routing, answer = import_module("starlette.routing"), import_module(responses).JSONResponse

    async def healthy(_request: Any) -> Any:  # noqa: ANN401
        return answer({"ok": True})

    return applications.Starlette(routes=[routing.Route("/healthz", healthy)])


def onnxruntime() -> Any:  # noqa: ANN401
    """Run the neuron forward by onnxruntime; it has no gradients."""
    onnx, numpy = import_module("onnx"), import_module("numpy")
    runtime = import_module("onnxruntime")
    steps = (
        ("Mul", "x1", "w1", "p"), ("Mul", "x2", "w2", "q"), ("Add", "p", "q", "r"),
        ("Add", "r", "b", "n"), ("Tanh", "n", "o"),
    )  # fmt: skip
    nodes = [onnx.helper.make_node(op, names, [out]) for op, *names, out in steps]
    scalars = {
        name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, [])
        for name in (*_LEAVES, "o")
    }
    given = [scalars[name] for name in _LEAVES]
    graph = onnx.helper.make_graph(nodes, "neuron", given, [scalars["o"]])
    opsets = [onnx.helper.make_opsetid("", 18)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )

    def run(inputs: dict[str, float]) -> dict[str, Any]:
        leaves = {name: numpy.array(x) for name, x in (_LEAVES | inputs).items()}
        return {"data": {"o": float(session.run(["o"], leaves)[0])}}

    return _behind_fastapi(run)


def torch() -> Any:  # noqa: ANN401
    """Run the neuron forward and backward by PyTorch."""
    engine = import_module("torch")
    engine.set_num_threads(1)

    def run(inputs: dict[str, float]) -> dict[str, Any]:
        leaves = {
            name: engine.tensor(x, dtype=engine.float64, requires_grad=True)
            for name, x in (_LEAVES | inputs).items()
        }
        x1, x2, w1, w2, b = leaves.values()
        out = engine.tanh(x1 * w1 + x2 * w2 + b)
        out.backward()
        grad = {name: leaf.grad.item() for name, leaf in leaves.items()}
        return {"data": {"o": out.item()}, "grad": grad}

    return _behind_fastapi(run)


def _behind_fastapi(run: Any) -> Any:  # noqa: ANN401
    fastapi, pydantic = import_module("fastapi"), import_module("pydantic")
    wanted = pydantic.create_model("Wanted", inputs=(dict[str, float], ...))
    app = fastapi.FastAPI()

    async def answer(body: Any) -> Any:  # noqa: ANN401
        return run(body.inputs)

    answer.__annotations__ = {"body": wanted, "return": dict[str, Any]}
    app.post("/run")(answer)
    return app


SERVERS: Final = {
    "uvicorn": (bare, ("uvicorn",)),
    "starlette": (starlette, ("starlette",)),
    "onnxruntime": (onnxruntime, ("fastapi", "onnx", "onnxruntime")),
    "torch": (torch, ("fastapi", "torch")),
}
"""How each is made, and the packages that it needs."""


def main(name: str) -> None:
    """Serve until a signal says to end."""
    app = SERVERS[name][0]()
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # so that no packet waits for another
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    print(f"at http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1])
