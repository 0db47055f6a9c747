"""Everything about the graph file: its fields, its versions, reading, faults, writing."""

from typing import Final

VERSIONS: Final[tuple[tuple[int, int], ...]] = ((1, 0), (1, 1))
"""Every released version of the format, oldest first."""

FORMAT_VERSION: Final = "{}.{}".format(*VERSIONS[-1])
"""The newest version of the file format that this mgraph reads and writes."""
