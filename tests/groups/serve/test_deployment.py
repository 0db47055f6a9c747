"""The examples for a proxy and for systemd work as they are, but for names and paths."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import httpx

from tests.command_line import HERE, NEURON, SCRIPT, process
from tests.service.server import serving

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = HERE.parent / "examples" / "serve"
NAME = "graphs.school.example"


def free_port() -> int:
    """Return a port of the loopback that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, and its summary of exposure is OK."""
    unit = tmp_path / "mgraph.service"
    text = (EXAMPLES / "mgraph.service").read_text()
    unit.write_text(text.replace("/opt/mgraph/bin/mgraph", SCRIPT))
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)]
    subprocess.run(command, capture_output=True, check=True)


def test_the_variables_of_the_unit_are_options() -> None:
    """Each `MGRAPH_...` in the unit, but for the folder of kernels, belongs to an option."""
    lines = (EXAMPLES / "mgraph.service").read_text().splitlines()
    names = [line.split("=")[1] for line in lines if line.startswith("Environment=")]
    options = [f"--{name.removeprefix('MGRAPH_').lower().replace('_', '-')}" for name in names]
    said = process("serve", "--help", cwd=HERE)
    missing = [option for option in options if f"{option} " not in said.out]
    assert missing == ["--cache-dir"]


def test_caddy_stands_before_it(tmp_path: Path) -> None:
    """Through the proxy: pages and API by its name, tokens, and the addresses of clients."""
    outside, inside = free_port(), free_port()
    text = (EXAMPLES / "Caddyfile").read_text()
    for old, new in (
        (f"\n{NAME} {{", f"\n{{\n\tadmin off\n}}\nhttp://{NAME}:{outside} {{"),
        ("127.0.0.1:8765", f"127.0.0.1:{inside}"),
    ):
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "Caddyfile").write_text(text)
    options = ("--port", str(inside), "--allow-host", NAME, "--proxy", "127.0.0.1", "--need-token")
    token = process("token", "new", "shared", cwd=tmp_path).out.strip()
    caddy = subprocess.Popen(
        ["caddy", "run", "--adapter", "caddyfile", "--config", "Caddyfile"], cwd=tmp_path,
        stderr=subprocess.DEVNULL, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    try:
        with serving(tmp_path, "shared", *options) as server:
            _through_the_proxy(f"http://127.0.0.1:{outside}", token)
            status, log = server.end()
    finally:
        caddy.terminate()
        caddy.wait(60)
    assert status == 0
    assert b" 203.0.113.7 " not in log  # a client can't lend itself an address


def _through_the_proxy(url: str, token: str) -> None:
    headers = {"host": NAME, "x-forwarded-for": "203.0.113.7"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=30) as client:
        for _ in range(100):
            try:
                assert client.get("/healthz").status_code == 200
                break
            except httpx.ConnectError:  # caddy has not started yet
                time.sleep(0.1)
        kind = {"content-type": "application/json"}
        data = NEURON.read_bytes()
        assert client.post("/api/graphs", content=data, headers=kind).status_code == 401
        own = {"origin": f"https://{NAME}", "sec-fetch-site": "same-origin"}
        bearer = {"authorization": f"Bearer {token}", **kind, **own}
        assert client.post("/api/graphs", content=data, headers=bearer).status_code == 201
        assert client.get("/").status_code == 200
        foreign = {**bearer, "origin": "https://evil.example"}
        assert client.post("/api/graphs", content=data, headers=foreign).status_code == 403
