"""The address of a cluster, and the commands that take one; tests/groups/cluster has clusters."""

from __future__ import annotations

from importlib import util
from typing import TYPE_CHECKING, Any

import pytest

from mgraph import GraphError
from mgraph.errors import MissingExtraError
from mgraph.rows import ClusterAddress, cluster, replay
from mgraph.training import train
from tests.command_line import is_usage_error
from tests.rows.lines import X, Y, line

if TYPE_CHECKING:
    from tests.command_line import Shell

LOCAL = ("tcp://localhost:8786", "tcp://127.0.0.1:1", "tcp://127.9.9.9:1", "tcp://[::1]:8786")
FAR = ("tcp://10.0.0.7:8786", "tcp://0.0.0.0:8786", "tcp://localhost.evil.org:1", "tcp://[::2]:1")
WRONG = (
    "", "localhost:8786", "tcp://localhost", "tcp://:8786", "ucx://localhost:8786", "tcp://a:b",
    "tls://host:8786/path", "tls://host:99999", "http://localhost:8786", "tcp://[::1:1",
)  # fmt: skip


@pytest.fixture
def shell(mgraph: Shell) -> Shell:
    """Return a folder with a graph and rows."""
    line().to_file("line.json")
    rows = "".join(f"{x!r},{y!r}\n" for x, y in zip(X, Y, strict=True))
    mgraph.write("rows.csv", f"x,y\n{rows}")
    return mgraph


def test_addresses() -> None:
    """Plain TCP on this machine only, unless it is allowed; TLS anywhere."""
    for url in (*LOCAL, "tls://10.0.0.7:8786", "tls://scheduler.example.org:8786"):
        assert ClusterAddress(url).url == url
    for url in FAR:
        with pytest.raises(ValueError, match="--allow-unencrypted"):
            ClusterAddress(url)
        assert ClusterAddress(url, allow_unencrypted=True).url == url
    for url in WRONG:
        with pytest.raises(ValueError, match=r"is not the address of a scheduler.*tcp://HOST:PORT"):
            ClusterAddress(url, allow_unencrypted=True)


def test_certificates_are_for_tls() -> None:
    """They are not ignored silently."""
    for name in ("tls_ca", "tls_cert", "tls_key"):
        given: Any = {name: "x.pem"}
        assert getattr(ClusterAddress("tls://host:1", **given), name) == "x.pem"
        with pytest.raises(ValueError, match="certificates are for tls://"):
            ClusterAddress("tcp://localhost:1", **given)
    with pytest.raises(ValueError, match="positive"):
        ClusterAddress("tls://host:1", timeout=0.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--cluster", "host:8786"), "is not the address of a scheduler"),
        (("--cluster", "tcp://10.0.0.7:8786"), "--allow-unencrypted"),
        (("--cluster", "tcp://localhost:1", "--workers", "2"), "a cluster has its own"),
        (("--cluster", "tcp://localhost:1", "-o", "out.csv"), "end OUT with /"),
        (("--cluster", "tcp://localhost:1", "--tls-ca", "rows.csv"), "certificates are for tls://"),
        (("--tls-ca", "no.pem"), "--tls-ca goes with --cluster"),
        (("--allow-unencrypted",), "--allow-unencrypted goes with --cluster"),
    ],
)
def test_what_replay_refuses(shell: Shell, options: tuple[str, ...], words: str) -> None:
    """A usage error, before anything is read or written."""
    before = shell.files()
    assert is_usage_error(shell("replay", "line.json", "rows.csv", "-o", "out/", *options), words)
    assert shell.files() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--cluster", "ftp://host:8786"), "is not the address of a scheduler"),
        (("--cluster", "tcp://10.0.0.7:8786"), "--allow-unencrypted"),
        (("--cluster", "tcp://localhost:1", "--workers", "2"), "a cluster has its own"),
        (("--cluster", "tcp://localhost:1", "--batch-size", "2"), "leave out --batch-size"),
        (("--cluster", "tcp://[::1]:1", "--tls-key", "no.pem"), "certificates are for tls://"),
        (("--tls-key", "no.pem"), "--tls-key goes with --cluster"),
    ],
)
def test_what_train_refuses(shell: Shell, options: tuple[str, ...], words: str) -> None:
    """A usage error, before anything is read or written."""
    before = shell.files()
    said = shell("train", "line.json", "rows.csv", "-o", "run", *options)
    assert is_usage_error(said, words)
    said = shell("train", "line.json", "-", "-o", "run", "--cluster", "tcp://localhost:1")
    assert is_usage_error(said, "standard input")
    assert shell.files() == before


def test_the_environment_may_name_certificates(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are there for all commands, so an address without TLS is refused only for itself."""
    monkeypatch.setenv("MGRAPH_TLS_CA", "ca.pem")
    said = shell("replay", "line.json", "rows.csv", "-o", "out/", "--cluster", "tcp://10.0.0.7:1")
    assert is_usage_error(said, "leads to another machine without encryption")


def test_python_refuses_the_same(shell: Shell) -> None:
    """Workers of this machine, batches, and rows or results that a cluster can't reach."""
    url = "tcp://localhost:1"
    with pytest.raises(ValueError, match="a cluster has its own"):
        replay(line(), "rows.csv", "out/", cluster=url, workers=2)
    with pytest.raises(ValueError, match="a cluster has its own"):
        train(line(), "rows.csv", cluster=url, workers=2)
    with pytest.raises(ValueError, match="leave out batch_size"):
        train(line(), "rows.csv", cluster=url, batch_size=2)
    assert not shell.path("out").exists()


@pytest.mark.skipif(not util.find_spec("distributed"), reason="needs the extra cluster")
def test_only_files_go_to_a_cluster(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the rows nor the results can be streams or tables."""
    monkeypatch.setattr("mgraph.rows.cluster.dask.DaskWorkers.reach", lambda _: None)
    url = "tcp://localhost:1"
    for target in (None, "out.csv"):
        with pytest.raises(GraphError, match="only a folder of parts can be made by a cluster"):
            replay(line(), "rows.csv", target, cluster=url)
    table = replay(line(), "rows.csv", keep=["x", "y"], grad=None).target.select(["x", "y"])
    with pytest.raises(GraphError, match="can't read rows of a stream or a table"):
        train(line(), table, cluster=url)
    assert not shell.path("out.csv").exists()


@pytest.mark.skipif(not util.find_spec("distributed"), reason="needs the extra cluster")
def test_certificates_are_read_first(shell: Shell) -> None:
    """Whatever is wrong with them is said before anything is sent, by the file that it is in."""
    shell.write("not.pem", "text")
    for files, words in (
        ((), "needs certificates on both sides, and --tls-ca is not given"),
        (("not.pem",), "needs certificates on both sides, and --tls-cert is not given"),
        (("no.pem", "not.pem"), "can't read no.pem: No such file or directory"),
        (("not.pem", "not.pem", "no.pem"), "can't read no.pem: No such file or directory"),
        (("not.pem", "not.pem"), "can't use not.pem: "),
    ):
        with pytest.raises(GraphError, match=words):
            replay(line(), "rows.csv", "out/", cluster=ClusterAddress("tls://192.0.2.1:1", *files))
    assert not shell.path("out").exists()


def test_what_to_install(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Dask's distributed, one line says how to get it."""
    monkeypatch.setattr(cluster, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"needs distributed, .*\[cluster\]"):
        replay(line(), "rows.csv", "out/", cluster="tcp://localhost:1")
    said = shell("train", "line.json", "rows.csv", "-o", "run", "--cluster", "tcp://localhost:1")
    assert said.status == 1
    assert "[cluster]" in said.err.splitlines()[-1]
