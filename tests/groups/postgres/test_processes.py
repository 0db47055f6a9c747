"""Several processes on one database, and a database that is killed under them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest

from mgraph.service.store.errors import UnavailableError
from mgraph.service.store.ids import id_of
from mgraph.service.store.opening import verification
from mgraph.service.store.postgres.store import PostgresStore
from tests.groups.postgres.cluster import PASSWORD, USER, cluster
from tests.groups.postgres.conftest import DATABASE
from tests.service.server import Server, serving
from tests.service.store.writers import GRAPH, NEURON, neuron_with, started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.groups.postgres.cluster import Cluster

SWAPS = 500
KILLS = 3


@pytest.fixture
def own() -> Iterator[Cluster]:
    """Return a cluster that no other test uses, because it is killed."""
    with cluster() as made:
        made.create(DATABASE)
        yield made


def test_swaps_are_exact(address: str, tmp_path: Path) -> None:
    """4 processes set one name 500 times each: all changes make one chain, without a gap."""
    with closing(PostgresStore(address, create=True)) as store:
        store.put(NEURON, GRAPH)
        logs = [tmp_path / f"log{i}" for i in range(4)]
        writers = [started("swap", address, str(log), str(SWAPS)) for log in logs]
        assert [writer.wait(600) for writer in writers] == [0] * 4
        lines = [line.split() for log in logs for line in log.read_text().splitlines()]
        after = dict(lines)
        assert len(lines) == len(after) == 4 * SWAPS, "a revision was replaced twice"
        at = "-"
        for _ in lines:
            at = after[at]
        assert at == store.get_name("counter").revision


class Promises(NamedTuple):
    """What a thread was promised by a store.

    Attributes:
        tried: The documents that it began to store, in order.
        named: Those of them that were acknowledged, and after that given the thread's name.
        refusals: After how many seconds to come again, as each refusal said.
    """

    tried: list[str]
    named: list[str]
    refusals: list[int]


def keep_storing(store: PostgresStore, name: str, is_over: threading.Event) -> Promises:
    """Store documents, and point a name to each, until it is over."""
    kept = Promises([], [], [])
    while not is_over.is_set():
        data = neuron_with(f"{name} {len(kept.tried)} " + "long " * (len(kept.tried) % 7 * 1000))
        kept.tried.append(id_of(data))
        try:
            store.put(data, GRAPH)
            store.set_name(name, kept.tried[-1])
            kept.named.append(kept.tried[-1])
        except UnavailableError as error:
            kept.refusals.append(error.retry_after)
            is_over.wait(0.02)
    return kept


def test_nothing_is_lost_when_the_database_is_killed(own: Cluster) -> None:
    """A database is killed under 8 threads of two servers: all that was promised is there."""
    address = own.address(DATABASE)
    is_over = threading.Event()
    with ExitStack() as stack, ThreadPoolExecutor(8) as threads:
        stack.callback(is_over.set)
        stores = [stack.enter_context(closing(PostgresStore(address, create=True))) for _ in "ab"]
        storing = [threads.submit(keep_storing, stores[i % 2], f"n{i}", is_over) for i in range(8)]
        for count in range(1, KILLS + 1):
            _wait_until(lambda: _acknowledged(own) >= 20 * count, "nothing is stored")  # noqa: B023
            own.kill()
            time.sleep(0.3)  # a while in which it is down
            own.start()
        _wait_until(lambda: _acknowledged(own) >= 20 * (KILLS + 1), "nothing is stored any more")
        is_over.set()
        kept = [each.result() for each in storing]
        for store in stores:  # on a busy machine, one may still take the database to be away
            _wait_until(partial(_is_reached, store), "the database stays away")
        for i, promises in enumerate(kept):
            assert promises.named, "every thread has stored something"
            assert all(stores[0].get(document) for document in promises.named)
            at = stores[1].get_name(f"n{i}").id
            assert promises.tried.index(at) >= promises.tried.index(promises.named[-1])
        refusals = [pause for promises in kept for pause in promises.refusals]
        assert refusals, "they have noticed"
        assert all(pause > 0 for pause in refusals), "and were told to come again"
        assert [*verification(stores[0], lambda: None).damages()] == []


def _acknowledged(postgres: Cluster) -> int:
    ((count,),) = postgres.sql(DATABASE, "select count(*) from mgraph.documents")
    return int(count)


def _is_reached(store: PostgresStore) -> bool:
    try:
        store.names(limit=1)
    except UnavailableError:
        return False
    return True


def _wait_until(is_so: Callable[[], bool], otherwise: str) -> None:
    for _ in range(1200):
        if is_so():
            return
        time.sleep(0.05)
    pytest.fail(otherwise)


# --- servers ---


class Answers(NamedTuple):
    """What a server answered while it was asked all the time.

    Attributes:
        stored: The ids of documents that it said were stored.
        statuses: All statuses.
        late: The statuses of refusals that did not say when to come again.
        health: The statuses of `/healthz`.
    """

    stored: list[str]
    statuses: list[int]
    late: list[int]
    health: list[int]


def keep_asking(server: Server, name: str, is_over: threading.Event) -> Answers:
    """Store documents and ask for their names by HTTP, until it is over."""
    answers = Answers([], [], [], [])
    with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
        count = 0
        while not is_over.is_set():
            count += 1
            body = neuron_with(f"{name} {count}")
            headers = {"content-type": "application/json"}
            replies = [
                client.post("/api/graphs", content=body, headers=headers),
                client.get("/api/names"),
                client.post(f"/api/graphs/{id_of(NEURON)}/run", json={"inputs": {"x1": count}}),
            ]
            answers.statuses.extend(reply.status_code for reply in replies)
            answers.late.extend(
                reply.status_code
                for reply in replies
                if reply.status_code == 503 and "retry-after" not in reply.headers
            )
            if replies[0].status_code == 201:
                answers.stored.append(replies[0].json()["id"])
            answers.health.append(client.get("/healthz").status_code)
    return answers


def ready(server: Server) -> httpx.Response:
    """Ask whether a server is ready."""
    with httpx.Client(trust_env=False, timeout=60) as client:
        return client.get(f"{server.url}/readyz")


def test_two_servers_while_the_database_is_killed(own: Cluster, tmp_path: Path) -> None:
    """Two servers say 503 while their database is down, and all they have said was stored is there.

    One has its address from the environment, with a password, which is in nothing that it says.
    """
    from urllib.parse import quote  # noqa: PLC0415

    secret = quote(PASSWORD, safe="")
    by_password = f"postgresql://{USER}:{secret}@127.0.0.1:{own.port}/{DATABASE}"
    is_over = threading.Event()
    rate = ("--rate", "100000")
    with (
        serving(tmp_path, own.address(DATABASE), *rate) as first,
        serving(tmp_path, *rate, MGRAPH_STORE=by_password) as second,
        ThreadPoolExecutor(6) as threads,
        ExitStack() as stack,
    ):
        servers = (first, second)
        logs = [threads.submit(_log_of, server) for server in servers]
        for server in servers:
            stack.callback(server.process.kill)
        stack.callback(is_over.set)
        _store_neuron(first)
        _wait_until(lambda: all(ready(x).status_code == 200 for x in servers), "not ready")
        asking = [threads.submit(keep_asking, servers[i % 2], f"s{i}", is_over) for i in range(4)]
        _wait_until(lambda: _acknowledged(own) >= 20, "nothing is stored")
        own.kill()
        for server in servers:
            _wait_until(lambda: ready(server).status_code == 503, "ready without a database")  # noqa: B023
            assert ready(server).headers["retry-after"] == "1"
        own.start()
        before = _acknowledged(own)
        _wait_until(lambda: all(ready(x).status_code == 200 for x in servers), "never ready again")
        _wait_until(lambda: _acknowledged(own) >= before + 20, "nothing is stored any more")
        is_over.set()
        answers = [each.result() for each in asking]
        with closing(PostgresStore(own.address(DATABASE))) as store:
            stored = [document for each in answers for document in each.stored]
            assert len(stored) >= 20
            assert all(store.get(document) for document in stored)
        assert {x for each in answers for x in each.statuses} == {200, 201, 503}
        assert [x for each in answers for x in each.late] == []
        assert {x for each in answers for x in each.health} == {200}
        assert secret not in _command_line(second)
        for server, log in zip(servers, logs, strict=True):
            server.process.terminate()
            assert server.process.wait(60) == 0
            said = log.result()
            assert b" 503 " in said
            assert not [x for x in (b"Traceback", secret.encode(), PASSWORD.encode()) if x in said]


def _store_neuron(server: Server) -> None:
    with httpx.Client(trust_env=False, timeout=60) as client:
        headers = {"content-type": "application/json"}
        reply = client.post(f"{server.url}/api/graphs", content=NEURON, headers=headers)
    assert reply.json()["id"] == id_of(NEURON)


def _log_of(server: Server) -> bytes:
    """Return all that a server writes to its log, until it ends."""
    assert server.process.stderr is not None
    return server.process.stderr.read()


def _command_line(server: Server) -> str:
    """Return what everybody sees of a process."""
    return Path(f"/proc/{server.process.pid}/cmdline").read_text()


def test_servers_share_names(address: str, tmp_path: Path) -> None:
    """A name that one server has set is compared and swapped by the other."""
    headers = {"content-type": "application/json"}
    with (
        serving(tmp_path, address) as first,
        serving(tmp_path, address) as second,
        httpx.Client(trust_env=False, timeout=60, headers=headers) as client,
    ):
        _store_neuron(first)
        body = {"id": id_of(NEURON)}
        name = "/api/names/class-7a/anna"
        reply = client.put(first.url + name, json=body, headers={"if-none-match": "*"})
        assert reply.status_code == 201
        again = client.put(second.url + name, json=body, headers={"if-none-match": "*"})
        assert again.status_code == 412
        tag = {"if-match": reply.headers["etag"]}
        assert client.put(second.url + name, json=body, headers=tag).status_code == 200
        assert client.put(first.url + name, json=body, headers=tag).status_code == 412
        page = client.get(f"{second.url}/g/class-7a/anna")
        assert page.status_code == 200
        assert client.get(f"{second.url}/api/graphs/class-7a/anna").content == NEURON


def test_a_server_that_finds_no_database(own: Cluster, tmp_path: Path) -> None:
    """It says so in one line, and ends with status 1."""
    import subprocess  # noqa: PLC0415

    from tests.command_line import SCRIPT, environment  # noqa: PLC0415

    own.kill()
    place = f"postgresql://127.0.0.1:{own.port}/{DATABASE}"
    done = subprocess.run(
        [SCRIPT, "serve", place], cwd=tmp_path, env=environment(), capture_output=True, check=False
    )
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(f"{place}: error[io]: the database can't be reached: ")
