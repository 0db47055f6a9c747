"""`mgraph diff` and `mgraph convert`."""

from __future__ import annotations

from typing import Any

from tests.command_line import (
    NEURON,
    Shell,
    codes,
)

# --- diff ------------------------------------------------------------------------------------


def test_diff_of_the_same(mgraph: Shell) -> None:
    """No differences, whatever the encoding: status 0."""
    mgraph("convert", "neuron.json", "neuron.msgpack")
    said = mgraph("diff", "neuron.json", "neuron.msgpack")
    assert (said.status, said.out, said.err) == (0, "no differences\n", "")
    assert mgraph("diff", "-", "neuron.json", stdin=NEURON.read_bytes()).status == 0
    assert mgraph("diff", "neuron.json", "neuron.json", "--json").json == {
        "same": True, "differences": [], "more": 0,
    }  # fmt: skip


def test_diff_finds_structure_and_numbers(mgraph: Shell) -> None:
    """Texts, nodes, arguments, outputs, order and runs are compared by id."""
    document = mgraph.document("neuron.json")
    document["name"] = "other"
    nodes = {node["id"]: node for node in document["nodes"]}
    nodes["b"]["data"] = 6.881373587019544
    nodes["w2"]["op"] = "input"
    nodes["x2w2"] |= {"args": ["w2", "x2"], "label": "L"}
    nodes["o"]["id"] = "out"
    document["nodes"] = [*nodes.values()][::-1]
    document["outputs"] = ["out", "n"]
    document["runs"] = [{"seed": {"n": 2.0}, "inputs": {"x1": 1.0}, "data": {}}]
    mgraph.write("other.json", document)
    said = mgraph("diff", "neuron.json", "other.json", "--json")
    assert said.status == 1
    found = {(each["what"], each["field"]): each for each in said.json["differences"]}
    assert list(found) == [
        ("document", "name"),
        ("node w2", "op"),
        ("node x2w2", "args"),
        ("node x2w2", "label"),
        ("node b", "data"),
        ("node o", ""),
        ("node out", ""),
        ("evaluation order", "first other node"),
        ("outputs", ""),
        ("run 0", ""),
    ]
    assert found["node b", "data"]["ulps"] == 1
    text = mgraph("diff", "neuron.json", "other.json").out
    assert "node b, data  (1 ulp, relative error 1.3e-16)" in text
    assert "  - 6.881373587019543\n  + 6.881373587019544\n" in text
    assert "node x2w2, args\n  - x2, w2\n  + w2, x2\n" in text
    assert "node o: only in neuron.json\n  - tanh(n)\n" in text
    assert "outputs\n  - o\n  + out, n\n" in text
    assert "run 0: only in other.json\n  + x1=1.0; seed n=2.0" in text


def test_diff_compares_runs_that_ask_the_same(mgraph: Shell) -> None:
    """Runs are matched by inputs and seed, not by their index."""
    for value in (1, 2):
        mgraph("run", "neuron.json", "--in-place", "--set", f"x1={value}")
    document = mgraph.document("neuron.json")
    document["runs"].reverse()
    mgraph.write("other.json", document)
    assert mgraph("diff", "neuron.json", "other.json").status == 0
    document["runs"][0]["grad"].pop("x1")
    document["runs"][1]["data"]["o"] = "nan"
    mgraph.write("other.json", document)
    found = mgraph("diff", "neuron.json", "other.json", "--json").json["differences"]
    assert [each["what"] for each in found] == ["run 1, data of o", "run 2, grad of x1"]
    assert (found[0]["b"], found[0]["ulps"]) == ("nan", None)
    assert found[1]["b"] is None


def test_diff_counts_what_it_does_not_show(mgraph: Shell) -> None:
    """The first hundred differences are shown, the others are counted."""
    for seed in (1, 2):
        mgraph("new", "--mlp", "9,16,1", f"--seed={seed}", "-o", f"{seed}.json")
    said = mgraph("diff", "1.json", "2.json")
    assert said.out.endswith(f"… and {1 + 9 * 16 + 16 - 100} more differences\n")
    assert mgraph("diff", "1.json", "2.json", "--json").json["more"] == 61


def test_diff_says_how_far_numbers_are_apart(mgraph: Shell) -> None:
    """In ulps if these are few, and relative to the first number if that isn't 0."""
    for first, second, size in (
        (1.0, 1.0 + 2.0**-52, "  (1 ulp, relative error 2.2e-16)"),
        (3.0, -3.0, "  (relative error 2)"),
        (0.0, 1.0, ""),
    ):
        for name, x in (("a.json", first), ("b.json", second)):
            mgraph("new", "L = x*2", f"--input=x={x!r}", "-o", name)
        said = mgraph("diff", "a.json", "b.json")
        assert said.out.splitlines()[0] == f"node x, data{size}"


def test_diff_of_a_broken_file(mgraph: Shell) -> None:
    """A broken file is refused, as by any command."""
    mgraph.write("bad.json", "{")
    said = mgraph("diff", "neuron.json", "bad.json")
    assert (said.status, said.raw, codes(said)) == (1, b"", ["syntax"])


# --- convert ---------------------------------------------------------------------------------


def test_there_and_back(mgraph: Shell) -> None:
    """JSON to msgpack and back gives the same bytes."""
    said = mgraph("convert", "neuron.json", "n.msgpack")
    size = mgraph.path("n.msgpack").stat().st_size
    assert said.out == f"wrote n.msgpack: 10 nodes, {size} bytes\n"
    mgraph("convert", "n.msgpack", "back.json")
    assert mgraph.path("back.json").read_bytes() == mgraph.path("neuron.json").read_bytes()


def test_strip_and_sort(mgraph: Shell) -> None:
    """`--strip` leaves out the runs, `--sort` lists arguments before their users."""
    document = mgraph.document("neuron.json")
    document["nodes"].reverse()
    del document["runs"][0]["graph"]
    mgraph.write("up.json", document)
    mgraph("convert", "up.json", "plain.json", "--strip", "--sort")
    plain = mgraph.document("plain.json")
    assert "runs" not in plain
    order = [node["id"] for node in plain["nodes"]]
    assert order == ["b", "w2", "w1", "x2", "x2w2", "x1", "x1w1", "x1w1x2w2", "n", "o"]
    mgraph("convert", "up.json", "same.json", "--to", "1.0")
    assert mgraph.document("same.json") == document


def test_nodes_that_an_older_version_lacks_are_listed(mgraph: Shell) -> None:
    """`--to 1.0` names every node with a newer op, more than a hundred, too; nothing is written."""
    nodes: list[dict[str, Any]]
    nodes = [{"id": f"n{i}", "op": "erf", "args": [f"n{i + 1}"]} for i in range(150)]
    nodes.append({"id": "n150", "op": "input", "data": 0.5})
    graph = {"mgraph": "1.1", "nodes": nodes, "outputs": ["n0"]}
    mgraph.write("new.json", graph)
    said = mgraph("convert", "new.json", "old.json", "--to", "1.0")
    assert said.status == 1
    lines = [line for line in said.err.splitlines() if line.startswith("new.json: error[version]")]
    assert [line.split('"')[1] for line in lines] == [f"n{i}" for i in range(150)]
    assert "  at        /nodes/149/op" in said.err.splitlines()
    assert not mgraph.path("old.json").exists()
    said = mgraph("convert", "new.json", "same.json", "--to", "1.1")
    assert mgraph.document("same.json") == graph
    assert said.err == ""


def test_a_version_that_is_newer_than_needed(mgraph: Shell) -> None:
    """The file states the lowest version that has its ops, as always, and a note says so."""
    for more in ([], ["--json"]):
        said = mgraph("convert", "neuron.json", "new.json", "--to", "1.1", *more)
        assert said.err.startswith("note: the file states format 1.0, "), more
        assert mgraph.document("new.json")["mgraph"] == "1.0"
    said = mgraph("convert", "neuron.json", "new.json", "--to", "1.0")
    assert said.err == ""


def test_convert_streams(mgraph: Shell) -> None:
    """`-` on both sides keeps the encoding, and nothing else is written."""
    data = mgraph.path("neuron.json").read_bytes()
    said = mgraph("convert", "-", "-", stdin=data)
    assert (said.raw, said.raw_err) == (data, b"")
    mgraph("convert", "-", "n.msgpack", stdin=data)
    packed = mgraph.path("n.msgpack").read_bytes()
    assert mgraph("convert", "n.msgpack", "-").raw == packed
    assert mgraph("convert", "-", "-", stdin=packed).raw == packed
    mgraph("convert", "-", "back.json", stdin=packed)
    assert mgraph.path("back.json").read_bytes() == data


def test_convert_onto_itself(mgraph: Shell) -> None:
    """Output and input may be the same file."""
    mgraph("convert", "neuron.json", "neuron.json", "--strip")
    assert "runs" not in mgraph.document("neuron.json")
