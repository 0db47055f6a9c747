"""The ini options of the plugin."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

EXTENSIONS: Final = (
    ".json",
    ".msgpack",
)  # as in mgraph.golden.rerun, which is imported only when needed
PATHS, GOLDENS = "mgraph_paths", "mgraph_goldens"


def configured(config: pytest.Config, option: str) -> list[Path]:
    """Return configured paths, absolute and without `..`, as pytest spells those of files."""
    return [Path(os.path.abspath(path)) for path in config.getini(option)]


def is_plain(config: pytest.Config) -> bool:
    """Whether pytest runs in its root folder, without paths on the command line."""
    at_root = config.invocation_params.dir == config.rootpath
    return at_root and config.args_source != pytest.Config.ArgsSource.ARGS
