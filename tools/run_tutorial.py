"""Run docs/tutorial.ipynb and write it with its outputs, to the same file or to a given path.

Run it from the top folder, after a change to the cells or to the look of pictures:

    python tools/run_tutorial.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import nbformat
from nbclient import NotebookClient

NOTEBOOK: Final = Path(__file__).parents[1] / "docs" / "tutorial.ipynb"
KERNEL: Final = {"display_name": "Python 3", "language": "python", "name": "python3"}


def executed() -> Any:  # noqa: ANN401 - nbformat has no types
    """Return the notebook, run in a fresh kernel, without traces of this machine."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
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
    """Join what was printed: the kernel sends it in pieces, which differ from run to run."""
    kept: list[Any] = []
    for output in outputs:
        if output.output_type == "stream" and kept and kept[-1].get("name") == output.name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else NOTEBOOK
    text = nbformat.writes(executed())  # type: ignore[no-untyped-call]
    target.write_text(text + "\n", encoding="utf-8")
