"""What a service allows, and how much of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from mgraph.codec import LIMITS, Limits

SERVED: Final = LIMITS.raised({"size": 8 * 2**20, "nodes": 100_000})
"""How large an uploaded file and its parts may be."""

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
"""The names under which a browser on the same machine reaches the service."""


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What a service allows.

    Attributes:
        limits: How large an uploaded file and its parts may be.
        hosts: The names that a request may give as its host, in lower case and without port;
            empty for any.
        read_only: Whether nothing can be stored.
        needs_token: Whether only the holders of a token can store something.
        deadline: How long one request may take from its first byte to its last, in seconds.
        concurrent: How many requests are worked on at once; others are told to come again.
        rate: How many requests a second one token, or one address, may make in the long run.
        burst: How many requests it may make at once.
        inline: From how many bytes on a file is read in another process.
        threads: How many threads work on rows: as many as there are cores.
        queue: How much work on rows may wait for a thread.
        work: The most nodes × rows of one piece of work.
        tensors: The most bytes of a body of tensors, or of one batch of rows.
    """

    limits: Limits = SERVED
    hosts: tuple[str, ...] = LOOPBACK
    read_only: bool = False
    needs_token: bool = False
    deadline: float = 20.0
    concurrent: int = 500
    rate: float = 100.0
    burst: float = 400.0
    inline: int = 256 * 2**10
    threads: int = field(default_factory=cores)
    queue: int = 64
    work: int = 2**30
    tensors: int = 2**26

    @property
    def held(self) -> int:
        """The most bytes that work may hold which waits or is being done: bodies and results."""
        return 16 * self.tensors
