"""What tests of inference share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.service.inference.requests import DATA, NEGATIVE, TWO
from tests.service.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    """Return a service with three graphs."""
    with Serving() as service:
        service.put(DATA, "class-7a/anna")
        service.put(json.dumps(TWO).encode(), "two")
        service.put(json.dumps(NEGATIVE).encode(), "negative")
        yield service
