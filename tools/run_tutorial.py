"""Run docs/tutorial.ipynb and write it with its outputs, to the same file or to a given path.

Run it from the top folder, after a change to the cells or to the look of pictures:

    python tools/run_tutorial.py
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import nbformat
from nbclient import NotebookClient

NOTEBOOK: Final = Path(__file__).parents[1] / "docs" / "tutorial.ipynb"
_TERMINAL: Final = re.compile(r"[^\r\n]*\r\x1b\[K|\x1b\[[\d;]*m|\r(?=\n)")
"""Lines that are erased again, colours, and carriage returns at the ends of lines."""

KERNEL: Final = {"display_name": "Python 3", "language": "python", "name": "python3"}


def executed() -> Any:  # noqa: ANN401 - nbformat has no types
    """Return the notebook, run in a fresh kernel, without traces of this machine."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    folders = (str(Path(sys.executable).parent), os.environ["PATH"])  # `!mgraph` is this one
    os.environ["PATH"] = os.pathsep.join(folders)
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=120, resources=resources, record_timing=False).execute()
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i}"
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
    return notebook


def joined(outputs: list[Any]) -> list[Any]:
    """Join what was printed: the kernel sends it in pieces, which differ from run to run.

    Commands take the kernel for a terminal; their colours and progress bars are removed.
    """
    kept: list[Any] = []
    for output in outputs:
        if output.output_type == "stream" and kept and kept[-1].get("name") == output.name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    for output in kept:
        if output.output_type == "stream":
            output.text = _TERMINAL.sub("", output.text)
    return kept


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else NOTEBOOK
    text = nbformat.writes(executed())  # type: ignore[no-untyped-call]
    target.write_text(text + "\n", encoding="utf-8")
