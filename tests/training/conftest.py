"""What tests of training share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rows.lines import line
from tests.training.folder import CSV

if TYPE_CHECKING:
    from tests.command_line import Shell


@pytest.fixture
def shell(mgraph: Shell) -> Shell:
    """Return a folder with the graph of a squared error, and five rows."""
    line().to_file("line.json")
    mgraph.write("rows.csv", CSV)
    return mgraph
