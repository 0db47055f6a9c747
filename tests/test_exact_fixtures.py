"""The golden files of exact math: a second opinion on their numbers, and every engine on them."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

import mgraph as library
from mgraph.golden.rerun import mismatches
from mgraph.graph.run import DEFAULT, EXACT
from mgraph.ops import TABLE
from tests.command_line import FIXTURES
from tests.loops import looped
from tests.reference.arithmetic import Rounded
from tests.reference.evaluate import backward, forward, in_evaluation_order
from tests.reference.graphs_exact import EXACT as GRAPHS
from tests.reference.reading import is_complete, nodes_of, numbers, seed_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.command_line import Shell

FOLDER: Final = FIXTURES / "exact"
FILES: Final = sorted(FOLDER.rglob("*.json"))


def runs_of(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield a file with each of its runs, as plain data."""
    document = json.loads(path.read_text(encoding="utf-8"))
    for run in document["runs"]:
        yield document, run


def spelled(values: Mapping[str, Any]) -> dict[str, str]:
    """Spell doubles so that other bits are another text, and all NaNs are one."""
    return {name: float(x).hex() for name, x in values.items()}


@looped("path", FILES)
def test_rationals_and_fifty_digits_agree(path: Path) -> None:
    """MPFR made these numbers; rationals and mpmath, rounded each time, give the same bits."""
    for document, run in runs_of(path):
        order = in_evaluation_order(nodes_of(document))
        primals = forward(Rounded, order, numbers(run.get("inputs", {})))
        adjoints = backward(Rounded, order, primals, seed_of(document, run))
        assert spelled(primals) == spelled(numbers(run["data"]))
        assert spelled(adjoints) == spelled(numbers(run["grad"]))


@looped("path", FILES)
def test_every_engine_gives_these_numbers(path: Path) -> None:
    """In exact math bit for bit, with the machine's library within the tolerance of goldens."""
    graph = library.load(path)
    for want in graph.runs:
        for engine in ("value", "tape"):
            for name, tolerance in (("exact", EXACT), ("libm", DEFAULT)):
                got = graph.run(want.inputs, seed=want.seed, engine=engine, math=name)
                assert got.math == ("exact" if name == "exact" else "")
                wrong = [*mismatches(got, want, tolerance)[:3]]
                assert not wrong, (engine, name, *map(str, wrong))


def test_every_function_has_a_file() -> None:
    """So has every op whose bits depend on the math library; all runs are complete, and say it."""
    ops = {op.name for op in TABLE if not op.exact}
    assert {path.stem for path in (FOLDER / "ops").iterdir()} == ops
    listed = [path.relative_to(FIXTURES).with_suffix("").as_posix() for path in FILES]
    assert listed == sorted(golden.path for golden in GRAPHS)
    for path in FILES:
        for document, run in runs_of(path):
            assert document["mgraph"] == "1.1", path
            assert run["math"] == "exact", path
            assert is_complete(document, run), path


def test_the_command_compares_bits(mgraph: Shell) -> None:
    """`mgraph test --exact` computes these files in exact math, and says so."""
    done = mgraph("test", str(FOLDER), "--exact")
    assert done.status == 0
    runs = [run for path in FILES for _, run in runs_of(path)]
    count = sum(len(run["data"]) + len(run["grad"]) for run in runs)
    assert f"{count:,} numbers compared, {count:,} in exact math" in done.out


def test_a_last_bit_is_noticed(mgraph: Shell) -> None:
    """A value that is off by its last bit is wrong with --exact, and within the tolerance else."""
    text = (FOLDER / "neuron.json").read_text(encoding="utf-8")
    value = json.loads(text)["runs"][0]["data"]["o"]
    file = mgraph.write(
        "off.json", text.replace(f'"o": {value}', f'"o": {math.nextafter(value, 2.0)}', 1).encode()
    )
    assert mgraph("test", file).status == 0
    done = mgraph("test", file, "--exact")
    assert done.status == 1
    assert "(1 ulp" in done.out
    assert "computed in exact math" in done.out
    assert mgraph("test", file, "--exact", "--json").json["outcomes"][0]["math"] == "exact"
