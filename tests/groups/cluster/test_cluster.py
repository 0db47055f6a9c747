"""On a cluster, whatever happens to its machines: the bytes of one process."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from distributed import LocalCluster, Security

import mgraph
from mgraph import GraphError
from mgraph.build.network import mlp
from mgraph.rows import ClusterAddress, replay
from mgraph.training import train
from tests.command_line import codes
from tests.groups.cluster.machines import WORKERS, Machines, can_isolate, ended, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command_line import Said

PARTS = 40
PART_ROWS = 4000
WRT = ("layer1.neuron1.w1", "x1")
REPLAY = ("replay", "net.json", "in", "--part-rows", str(PART_ROWS), "--wrt", ",".join(WRT), "-o")


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """A scheduler and three workers, a graph, rows, and what one process makes of them."""
    folder = tmp_path_factory.mktemp("cluster")
    mlp((2, 12, 12, 1), activation="tanh", loss="mse").to_file(folder / "net.json")
    source = random.Random(5)  # noqa: S311 - not for secrets
    for name, files, count in (("in", 4, PARTS * PART_ROWS // 4), ("few", 4, 500)):
        (folder / name).mkdir()
        for i in range(files):
            lines = (f"{source.random()!r},{source.random()!r},1.0\n" for _ in range(count))
            (folder / name / f"{i}.csv").write_text("x1,x2,y\n" + "".join(lines))
    os.chdir(folder)
    replay("net.json", "in", "one/", wrt=WRT, part_rows=PART_ROWS, workers=2)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    machines = Machines(folder, can_isolate(), port)
    with machines.network():
        machines.start("scheduler", *WORKERS)
        machines.wait_for_all()
        yield machines


@pytest.fixture(autouse=True)
def revived(machines: Machines) -> None:
    """Begin with machines that run, also on a computer that is too busy for their heartbeats."""
    machines.revive()


def sha(folder: Path) -> str:
    """Return the SHA-256 of the names and bytes of all parts, and of the manifest."""
    digest = hashlib.sha256()
    for path in (*sorted(folder.iterdir()), folder.with_name(f"{folder.name}.manifest.json")):
        digest.update(path.name.removeprefix(folder.name).encode() + path.read_bytes())
    return digest.hexdigest()


def check_same(machines: Machines, name: str, command: subprocess.Popen[bytes]) -> None:
    """Check that a command ends well, and its folder has the bytes of one process."""
    said = ended(command)
    assert (said.status, said.err) == (0, ""), said.err
    assert sha(machines.folder / name) == sha(machines.folder / "one")
    assert not (machines.folder / f"{name}.unfinished").exists()


def begun(machines: Machines, name: str) -> subprocess.Popen[bytes]:
    """Start a replay, and wait until a few of its parts are there, but not all of them."""
    command = machines.begin(*REPLAY, f"{name}/")
    folder = machines.folder / name
    until(lambda: folder.exists() and len([*folder.iterdir()]) > 2, "a few parts")
    assert len([*folder.iterdir()]) < PARTS, "there are more parts than that"
    return command


def test_three_workers(machines: Machines) -> None:
    """All three of them make parts."""
    said = machines.mgraph(*REPLAY, "three/", "--json")
    assert (said.status, said.err) == (0, "")
    assert (said.json["parts"], said.json["workers"]) == (PARTS, 3)
    assert sha(machines.folder / "three") == sha(machines.folder / "one")


def test_a_worker_is_killed_and_another_one_joins(machines: Machines) -> None:
    """SIGKILL costs only what that worker was doing; a new one helps the others."""
    command = begun(machines, "killed")
    machines.restart("w1")
    check_same(machines, "killed", command)


def test_a_worker_is_stopped(machines: Machines) -> None:
    """SIGSTOP: others do what it was doing; when it goes on, it harms nothing."""
    command = begun(machines, "stopped")
    machines.running["w2"].send_signal(signal.SIGSTOP)
    check_same(machines, "stopped", command)
    before = sha(machines.folder / "stopped")
    machines.running["w2"].send_signal(signal.SIGCONT)
    time.sleep(1.0)  # it finishes its part meanwhile
    assert sha(machines.folder / "stopped") == before
    machines.restart("w2")


def test_the_network_is_cut(machines: Machines) -> None:
    """A worker without a network is given up; it can still write, and that harms nothing."""
    if not machines.isolated:
        pytest.skip("only root can cut a network")
    command = begun(machines, "cut")
    machines.plug("w3", "down")
    check_same(machines, "cut", command)
    machines.plug("w3", "up")
    machines.restart("w3")


def test_the_scheduler_is_restarted(machines: Machines) -> None:
    """The command says so and stops; with --resume, it keeps what is there."""
    command = begun(machines, "restarted")
    machines.restart("scheduler")
    said = ended(command)
    assert said.status == 1
    assert said.err.startswith(f"{machines.url}: error[io]: lost the connection to the scheduler")
    assert said.err.count("\n") == 2
    assert "--resume" in said.err
    machines.restart(*WORKERS)  # they end with their scheduler, and their machines start them again
    said = machines.mgraph(*REPLAY, "restarted/", "--resume", "--json")
    assert (said.status, said.err) == (0, "")
    assert said.json["kept"] > 2
    assert sha(machines.folder / "restarted") == sha(machines.folder / "one")


def test_the_driver_is_killed(machines: Machines) -> None:
    """The same command with --resume goes on, at once, while workers still do the last parts."""
    command = begun(machines, "driver")
    command.kill()
    command.communicate()
    check_same(machines, "driver", machines.begin(*REPLAY, "driver/", "--resume"))


def test_ctrl_c(machines: Machines) -> None:
    """It ends the command at once, which says how to go on; nothing is left to do on workers."""
    command = begun(machines, "interrupted")
    command.send_signal(signal.SIGINT)
    _, err = command.communicate(timeout=30)
    assert command.returncode == 130
    assert b"to go on: mgraph replay" in err
    assert b"Traceback" not in err
    check_same(machines, "interrupted", machines.begin(*REPLAY, "interrupted/", "--resume"))


# --- workers that can't do it ---


def refused(said: Said, *words: str, count: int = 1) -> None:
    """Check that a command has failed with an error that has some words, or several."""
    assert (said.status, said.raw) == (1, b"")
    assert codes(said) == ["io"] * count
    for word in words:
        assert word in said.err, said.err


OTHER_LIBRARY = "from mgraph.rows import plan; plan.fingerprint = lambda _: ('libm', '0' * 64)"
"""What a worker runs whose math library gives other bits."""


def start_with(machines: Machines, preloads: dict[str, str]) -> None:
    """Start workers again, each of which runs some code first."""
    for name, code in preloads.items():
        (machines.folder / f"{name}.py").write_text(code)
        machines.kill(name)
        machines.start(name, options=("--preload", f"{name}.py"))


def test_workers_of_another_version(machines: Machines) -> None:
    """They are refused by name before anything is done; so is one that has no mgraph."""
    preloads = {"w1": "import mgraph; mgraph.__version__ = '0.0.9'",
                "w2": "import sys; sys.modules['mgraph'] = None"}  # fmt: skip
    start_with(machines, preloads)
    machines.wait_for_all()
    said = machines.mgraph(*REPLAY, "older/")
    refused(said, *(f"the worker tcp://{machines.host(name)}:" for name in preloads), count=2)
    for words in (
        "has mgraph 0.0.9\n",
        "has no mgraph: import of",
        f"{mgraph.__version__}, as here",
    ):
        assert words in said.err
    assert [*(machines.folder / "older").iterdir()] == []
    machines.restart(*preloads)


def test_workers_that_would_give_other_bytes(machines: Machines) -> None:
    """Another pyarrow and another math library: both are named before anything is done."""
    preloads = {"w1": "import pyarrow; pyarrow.__version__ = '0.0.9'", "w2": OTHER_LIBRARY}
    start_with(machines, preloads)
    machines.wait_for_all()
    said = machines.mgraph(*REPLAY, "other/")
    refused(said, *(f"(on the worker tcp://{machines.host(name)}:" for name in preloads), count=2)
    for words in (
        "the version of pyarrow is 0.0.9 (",
        f"{pa.__version__}, as here",
        "the results of the math library is 000",
    ):
        assert words in said.err
    assert [*(machines.folder / "other").iterdir()] == []
    machines.restart(*preloads)


def test_another_worker_joins_late(machines: Machines) -> None:
    """One whose math library gives other bits is refused when it gets its first part."""
    (machines.folder / "other.py").write_text(OTHER_LIBRARY)
    machines.kill("w1")
    command = begun(machines, "late")
    for name in ("w2", "w3"):  # so that there is something left to do
        machines.running[name].send_signal(signal.SIGSTOP)
    machines.start("w1", options=("--preload", "other.py"))
    said = ended(command)
    refused(said, "the results of the math library is 000", "(on the worker tcp://")
    machines.restart(*WORKERS)
    check_same(machines, "late", machines.begin(*REPLAY, "late/", "--resume"))


def test_a_folder_that_is_not_shared(machines: Machines) -> None:
    """A worker that sees another folder of that name is refused; nothing is written to it."""
    if not machines.isolated:
        pytest.skip("only root can hide a folder")
    (machines.folder / "own").mkdir()
    hidden = f'mount -t tmpfs none {machines.folder}/own && exec "$@"'
    machines.kill("w2")
    machines.start("w2", inside=("unshare", "--mount", "sh", "-c", hidden, "sh"))
    machines.wait_for_all()
    said = machines.mgraph(*REPLAY, "own/out/")
    refused(said, "own/out/ is another folder there", "(on the worker tcp://", "shared folder")
    machines.restart("w2")


def test_no_workers(machines: Machines) -> None:
    """A scheduler without workers, and an address without a scheduler."""
    with LocalCluster(n_workers=0, dashboard_address=None) as cluster:
        url = cluster.scheduler_address
        with pytest.raises(GraphError, match=r"has had no workers for 0\.5 s"):
            replay("net.json", "in", "none/", cluster=ClusterAddress(url, timeout=0.5))
    with pytest.raises(GraphError, match=r"can't reach the scheduler within 0\.5 s"):
        replay("net.json", "in", "none/", cluster=ClusterAddress(url, timeout=0.5))
    assert not (machines.folder / "none.unfinished").exists()


def test_tls(machines: Machines) -> None:
    """With certificates of one authority on both sides; without any, there is no connection."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj"
    files = ("-keyout", "key.pem", "-out", "ca.pem")
    subprocess.run([*command.split(), "/CN=cluster", *files], check=True, capture_output=True)
    security = Security(tls_ca_file="ca.pem", tls_scheduler_cert="ca.pem", tls_worker_cert="ca.pem",
                        tls_client_cert="ca.pem", tls_scheduler_key="key.pem",
                        tls_worker_key="key.pem", tls_client_key="key.pem",
                        require_encryption=True)  # fmt: skip
    with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None, protocol="tls://",
                      security=security) as cluster:  # fmt: skip
        url = cluster.scheduler_address
        assert url.startswith("tls://")
        address = ClusterAddress(url, "ca.pem", "ca.pem", "key.pem")
        result = replay("net.json", "in", "tls/", wrt=WRT, part_rows=PART_ROWS, cluster=address)
        other = ClusterAddress(url.replace("tls:", "tcp:"), timeout=2.0)
        with pytest.raises(GraphError, match="can't reach the scheduler"):
            replay("net.json", "in", "no/", cluster=other)
    assert result.workers == 1
    assert sha(machines.folder / "tls") == sha(machines.folder / "one")


# --- training ---


def test_training(machines: Machines) -> None:
    """A worker is killed, then the scheduler, then the driver: every bit is that of a laptop."""
    options: Any = {"optimizer": "adam", "lr": 0.01, "epochs": 40, "validation": 0.2,
                    "standardize": True, "checkpoint_every": 5}  # fmt: skip
    train("net.json", "few", "alone", **options)
    command = ("train", "net.json", "few", "-o", "run", "--optimizer", "adam", "--lr", "0.01",
               "--epochs", "40", "--validation", "0.2", "--standardize", "--checkpoint-every",
               "5")  # fmt: skip
    log = machines.folder / "run" / "log.jsonl"

    def steps(more: int, driver: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        wanted = count() + more
        until(lambda: count() >= wanted, "more steps")
        return driver

    def count() -> int:
        return log.read_bytes().count(b"\n") if log.exists() else 0

    driver = steps(3, machines.begin(*command))
    machines.restart("w1")
    steps(3, driver)
    machines.restart("scheduler")
    refused(ended(driver), "lost the connection to the scheduler", "--resume")
    machines.restart(*WORKERS)
    driver = steps(6, machines.begin(*command, "--resume"))
    driver.kill()
    driver.communicate()
    assert count() < 40
    said = machines.mgraph(*command, "--resume", "--json")
    assert (said.status, said.err) == (0, "")
    assert said.json["workers"] in (2, 3)
    for name in ("final.json", "log.jsonl", "result.json"):
        alone = (machines.folder / "alone" / name).read_bytes()
        assert (machines.folder / "run" / name).read_bytes() == alone, name
