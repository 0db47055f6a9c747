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
        if "numpy" in sys.modules:
            with suppress(Exception):
                import numpy.random  # noqa: F401, PLC0415 - else NumPy does it in some graph
        kinds = tuple(kind for module, names in KINDS.items() for kind in classes(module, names))
        of_system = classes("random", ("SystemRandom",))
        self.made = [
            each
            for each in gc.get_objects()
            if issubclass(type(each), kinds) and not issubclass(type(each), of_system)
        ]

    def generators(self) -> list[Any]:
        """Return the generators, and the modules that have one of their own."""
        return [sys.modules[name] for name in KINDS if name in sys.modules] + self.made

    def restart(self, program: Any) -> None:
        """Begin the random numbers anew.

        An engine that uses them then has the same numbers each time it is graded. Each program has
        others, so that they don't look like a rule.
        """
        seed = crc32(json.dumps(program).encode()) >> 1
        for i, generator in enumerate(self.generators()):
            with suppress(Exception):  # its class may be the engine's
                if hasattr(generator, "seed"):
                    generator.seed(seed + i)  # another one for each: they must not cancel out
                else:
                    bits = generator.bit_generator
                    bits.state = type(bits)(seed + i).state

    def are_used(self, program: Any) -> bool:
        """Whether some were used since they began anew for a program.

        They go on with others, so that a second run shows whether its numbers depend on them.
        """
        after = self.next()
        self.restart(program)
        are_used = after != self.next()
        self.restart([program, "again"])
        return are_used

    def next(self) -> list[float | None]:
        """Return the next number of each generator."""
        numbers: list[float | None] = []
        for generator in self.generators():
            numbers.append(None)
            with suppress(Exception):  # its class may be the engine's
                numbers[-1] = float(generator.random())
        return numbers


def classes(module: str, names: tuple[str, ...]) -> tuple[type, ...]:
    """Return the classes of a module with these names; an engine may have put anything there."""
    known = getattr(sys.modules.get(module), "__dict__", {})
    found = [known.get(name) for name in names]
    return tuple(each for each in found if type(each) is type)
