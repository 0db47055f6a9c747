"""Arguments that other engines have, and a Value does not."""

from __future__ import annotations

from typing import Any

import pytest

from mgraph import Value


@pytest.mark.parametrize("make", [Value, Value.input, Value.param, Value.const])
@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"_children": ()}, "'_children': operators and methods make the Values of ops"),
        ({"_op": "+"}, "'_op': operators and methods make the Values of ops"),
        ({"id": "a"}, "'id': name it with name="),
        ({"label": 3}, "a label is a text, not int"),
        ({"name": "a", "label": "b"}, "name= or label=, not both"),
        ({"requires_grad": True}, "'requires_grad': Value.param(…) makes a trainable parameter"),
        ({"colour": "red"}, "'colour': a Value takes its data and name="),
    ],
)
def test_arguments_of_other_engines(make: Any, arguments: dict[str, Any], hint: str) -> None:  # noqa: ANN401
    """The error names the argument and says what to write instead."""
    with pytest.raises(TypeError) as caught:
        make(2.0, **arguments)
    assert hint in str(caught.value)
