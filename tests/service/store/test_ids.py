"""Names that are safe, and keys of runs."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from mgraph.service.store.errors import NameFormError
from mgraph.service.store.ids import check_name, is_below, is_name, run_key, similar_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Class 7a/Jürgen Groß", "class-7a/jurgen-gross"), ("neuron.json", "neuron-json"),
        ("  Łódź  ", "lodz"), ("/a//b/", "a/b"), ("a" * 70, "a" * 64), ("½", "1-2"), ("-_a_-", "a"),
        ("aux", ""), ("神経", ""), ("", ""), ("\x1b[31m", "31m"), ("a/" * 200, ""),
    ],
)  # fmt: skip
def test_a_similar_name_is_suggested(text: str, name: str) -> None:
    """Accents, spaces and capitals are replaced; what has nothing like a name gets none."""
    assert similar_name(text) == name
    assert is_name(name) or not name
    with pytest.raises(NameFormError) as caught:
        check_name(text)
    assert caught.value.diagnostics[0].fix == (f"for example {name}" if name else "")


def test_below() -> None:
    """Names are below whole parts only, and not below themselves."""
    assert is_below("class-7a/anna", "class-7a")
    assert is_below("class-7a/anna/2", "class-7a")
    assert is_below("anything", "")
    assert not is_below("class-7ab/anna", "class-7a")
    assert not is_below("class-7a", "class-7a")


def test_keys_of_runs() -> None:
    """Whatever decides the bits of a run is in its key, and the order of inputs is not."""
    usual: dict[str, Any] = {
        "graph": "g", "inputs": {"a": 0.0, "b": 1.0}, "seed": {"o": 1.0}, "math": "m",
        "version": "1",
    }  # fmt: skip
    others: list[dict[str, Any]] = [
        {}, {"graph": "h"}, {"inputs": {"a": -0.0, "b": 1.0}}, {"inputs": {"a": nan, "b": 1.0}},
        {"inputs": {"a": inf, "b": 1.0}}, {"inputs": {"b": 1.0}}, {"inputs": {"a": 1.0, "b": 0.0}},
        {"inputs": {}}, {"inputs": {"a": 5e-324, "b": 1.0}}, {"seed": {"o": 2.0}}, {"seed": {}},
        {"inputs": {"o": 1.0}, "seed": {"a": 0.0, "b": 1.0}}, {"math": "n"}, {"version": "2"},
    ]  # fmt: skip
    keys = [run_key(**(usual | other)) for other in others]
    assert len({*keys}) == len(keys)
    assert all(len(key) == 64 for key in keys)
    assert run_key(**(usual | {"inputs": {"b": 1, "a": 0}})) == keys[0]
