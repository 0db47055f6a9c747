"""docs/engines.md: the engines of its table, the numbers of its file, and micrograd once more."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import PurePath
from typing import Any, Final

import pytest

from mgraph.grade.cases import cases_of, golden_set
from mgraph.grade.diagnosis import CAUSES
from tests.command_line import HERE, Shell

TOOLS: Final = HERE.parent / "tools"
MADE: Final[dict[str, Any]] = runpy.run_path(str(TOOLS / "make_engines.py"))
ENGINES: Final[list[dict[str, Any]]] = MADE["engines"]()
FOUND: Final[dict[str, Any]] = json.loads((TOOLS / "engines.json").read_text(encoding="utf-8"))
PAGE: Final = (HERE.parent / "docs" / "engines.md").read_text(encoding="utf-8")

WRONG_BY_HAND: Final = {
    "coregrad": {("no-gradient", "pow")},
    "gradflow-kit": {
        ("sign", "sub"), ("reflected", "sub"), ("reflected", "div"), ("reflected", "pow"),
        ("no-gradient", "pow"), ("no-gradient", "neg"),
    },
    "kaitorch": {
        ("place", "tanh"), ("place", "sigmoid"), ("value", "pow"), ("value", "div"),
        ("value", "log"), ("reflected", "div"),
    },
    "lilgrad": {("no-gradient", "abs")},
    "mangograd, Tensor": {("value", "log"), ("reflected", "div")},
    "NanoAutoGrad": {("overwritten", "pow"), ("no-gradient", "exp"), ("reflected", "div")},
    "simplegrad": {
        ("value", "relu"), ("precision", None), ("reflected", None), ("conversion", None),
    },
    "slowgrad": {("precision", None)},
    "ugrad": {("no-gradient", "pow"), ("reflected", "pow")},
}  # fmt: skip
"""What reading the sources, and probing those without any, showed to be wrong: all of it."""

HARMLESS: Final = ("depth", "reflected")
"""Causes that raise an error, and make no number wrong."""


def test_the_page_is_made_of_its_files() -> None:
    """docs/engines.md is what tools/make_engines.py writes for the stored numbers."""
    assert MADE["page"](FOUND, ENGINES) == PAGE


def test_every_engine_has_its_rows() -> None:
    """The table, the numbers and the commands have just the engines of tools/engines.toml."""
    names = [each["name"] for each in ENGINES]
    assert len({*names}) == len(names) >= 21
    assert [*FOUND["engines"]] == names
    labels = [MADE["label"](each) for each in ENGINES]
    table = PAGE[PAGE.index("## Results") : PAGE.index("## Where numbers")]
    assert re.findall(r"^\| ([^|]+?) \| \d", table.replace("&nbsp;", " "), re.MULTILINE) == labels
    for each in ENGINES:
        assert f"`{each['class']}" in PAGE[PAGE.index("## How to repeat it") :]


@pytest.mark.parametrize("path", ["README.md", "CHANGELOG.md", "docs/index.md", "docs/grade.md"])
def test_links_to_the_page_count_rightly(path: str) -> None:
    """Whoever links to the page says how many engines there are."""
    text = (HERE.parent / path).read_text(encoding="utf-8")
    assert "engines.md)" in text
    assert re.findall(r"(\d+) engines from PyPI", text) == [str(len(ENGINES))]


def test_counts_add_up() -> None:
    """Every engine was graded with every run of the golden set, and nothing was left out."""
    kinds = ("ok", "convention", "unsupported", "wrong", "crashed")
    for name, done in FOUND["engines"].items():
        assert (name, sum(done[kind] for kind in kinds)) == (name, FOUND["runs"])


@pytest.mark.parametrize("name", FOUND["engines"])
def test_what_is_named_is_what_was_found_by_hand(name: str) -> None:
    """An engine that is right isn't called wrong; of another, all that is wrong is named."""
    done = FOUND["engines"][name]
    named = {(each["cause"], each["op"]) for each in done["causes"]} - {("depth", None)}
    assert {cause for cause, _ in named} <= {*CAUSES}
    if name in WRONG_BY_HAND:
        assert named == WRONG_BY_HAND[name]
        assert done["wrong"]
        assert done["unknown"] == (1 if name == "simplegrad" else 0)
    else:
        assert {cause for cause, _ in named} <= {*HARMLESS}
        assert not done["wrong"] + done["unknown"]


def test_every_wrong_engine_was_looked_at() -> None:
    """Each engine with a wrong number has its remark, and the page quotes what was said."""
    told = PAGE[PAGE.index("## Where numbers") : PAGE.index("## Other observations")]
    for each in ENGINES:
        done = FOUND["engines"][each["name"]]
        assert bool(done["wrong"]) == ("checked" in each)
        assert each.get("checked", "") in told
        for cause in done["causes"] if done["wrong"] else ():
            assert cause["cause"] == "depth" or f"> - {cause['says']} · " in told.replace("\\", "")


def test_versions_are_pinned() -> None:
    """Each engine is installed in one version, which its row names."""
    for each in ENGINES:
        pinned = [spec for spec in each["pip"] if "==" in spec]
        assert MADE["label"](each).partition(",")[0].split()[-1] in [
            spec.partition("==")[2] for spec in pinned
        ]


def test_micrograd_itself(mgraph: Shell) -> None:
    """The engine that most others are made after has no wrong number, and no cause but depth.

    That it is correct is known: thousands have compared it with PyTorch, and its own tests do.
    """
    found = mgraph("grade", "micrograd.engine:Value", "--json").json
    counts = found["summary"]
    assert [counts[each] for each in ("wrong value", "wrong gradient", "not reproducible")] == [
        0
    ] * 3
    assert [each["cause"] for each in found["causes"]] == ["depth"]
    crashed = {PurePath(x["file"]).stem for x in found["cases"] if x["outcome"] == "crashed"}
    assert crashed == {"chain-1000", "chain-2000"}
    done = MADE["summary"](found)
    assert (done["relu"], done["second"]) == ("0", "more")
    assert sum(
        done[kind] for kind in ("ok", "convention", "unsupported", "wrong", "crashed")
    ) == len([*cases_of([str(golden_set())])])
