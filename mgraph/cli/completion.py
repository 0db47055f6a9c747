"""Shell completion: a correction of click's script for fish."""

from __future__ import annotations

from typing import Final

from click.shell_completion import FishComplete, add_completion_class

_CUTS: Final = 'string split "," $completion'
_KEEPS: Final = 'string split --max 1 "," $completion'


class WholeFishComplete(FishComplete):
    """Completion for fish that keeps commas in descriptions and in file names.

    click's script splits `plain,run<TAB>Run forward, then backward` at every comma, and shows only
    what is before the second one.
    """

    source_template = FishComplete.source_template.replace(_CUTS, _KEEPS)


def register() -> None:
    """Let the command line use this completion."""
    add_completion_class(WholeFishComplete)
