"""Gives an engine the same random numbers each time it is graded, and sees whether it uses them.

Like the driver, this file needs nothing of mgraph, and runs on any Python from 3.8.
"""

from __future__ import annotations

import gc
import json
import sys
from contextlib import suppress
from zlib import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes time to import
    from typing import Any

KINDS = {"random": ("Random",), "numpy.random": ("Generator", "RandomState")}
"""Modules with random numbers, and their classes of generators."""


class RandomNumbers:
    """The random numbers of Python and NumPy.

    Generators that the engine makes after it was imported, and torch's, go on as they are.
    """

    def __init__(self) -> None:
        """Start with the modules' own generators."""
        self.made: list[Any] = []

    def find_generators(self) -> None:
        """Look for the generators that the engine has made.

        Those of the operating system can't start anew; a library may have made one.
        """
        kinds: list[type] = []
        for module, names in KINDS.items():
            with suppress(Exception):  # the engine may have put anything there
                kinds += [getattr(sys.modules[module], name) for name in names]
        self.made = [
            each
            for each in gc.get_objects()
            if issubclass(type(each), tuple(kinds))
            and "SystemRandom" not in [kind.__name__ for kind in type(each).__mro__]
        ]

    def generators(self) -> list[Any]:
        """Return the generators, and the modules that have one of their own."""
        return [sys.modules[name] for name in KINDS if name in sys.modules] + self.made

    def restart(self, program: Any) -> None:
        """Begin the random numbers anew.

        An engine that uses them then has the same numbers each time it is graded. Each program has
        others, so that they don't look like a rule; and its second run goes on with others, which
        shows that its numbers depend on them.
        """
        seed = crc32(json.dumps(program).encode())
        for generator in self.generators():
            with suppress(Exception):  # its class may be the engine's
                if hasattr(generator, "bit_generator"):
                    bits = generator.bit_generator
                    bits.state = type(bits)(seed).state
                else:
                    generator.seed(seed)

    def are_used(self, program: Any) -> bool:
        """Whether some were used since they began anew for a program; they begin anew again."""
        after = self.next()
        self.restart(program)
        return after != self.next()

    def next(self) -> list[float | None]:
        """Return the next number of each generator."""
        numbers: list[float | None] = []
        for generator in self.generators():
            numbers.append(None)
            with suppress(Exception):  # its class may be the engine's
                numbers[-1] = float(generator.random())
        return numbers
