"""The fenced blocks of the README, for the tests that run them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.command_line import HERE

if TYPE_CHECKING:
    from collections.abc import Iterator

README = (HERE.parent / "README.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and its text."""

    language: str
    text: str


def blocks() -> Iterator[Block]:
    """Yield the fenced blocks of the README."""
    for found in re.finditer(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL):
        yield Block(found[1], found[2])


BLOCKS = list(blocks())
TRITON = next(pair for pair in pairwise(BLOCKS) if "tritonclient" in pair[0].text)
"""The block that needs Triton's client, and what it prints; tests/groups/inference runs it."""

TORCH = next(pair for pair in pairwise(BLOCKS) if "import torch" in pair[0].text)
"""The block that needs PyTorch, and what it prints; tests/groups/interop runs it."""
