"""All golden files, gathered from their themes."""

from pathlib import Path

from .golden import Golden
from .graphs_edges import EDGES
from .graphs_functions import FUNCTIONS
from .graphs_lecture import LECTURE
from .graphs_nets import NETS
from .graphs_ops import OP_GRAPHS
from .graphs_pack import RULES
from .graphs_pack_further import FURTHER
from .graphs_pack_lessons import LESSONS
from .graphs_pack_overflow import OVERFLOWS
from .graphs_shapes import SHAPES
from .layout import text

PACK: tuple[Golden, ...] = (*RULES, *LESSONS, *OVERFLOWS, *FURTHER)
RUN: tuple[Golden, ...] = (*LECTURE, *OP_GRAPHS, *FUNCTIONS, *NETS, *SHAPES, *EDGES)
GOLDENS = (*RUN, *PACK)


def write_all(folder: Path) -> None:
    """Write every golden file under `folder`."""
    for golden in GOLDENS:
        path = folder / f"{golden.path}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(golden.document()), encoding="utf-8", newline="\n")
