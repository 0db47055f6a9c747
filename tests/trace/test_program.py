"""Notebooks, and modules of packages: a hint that helps, and `-m`."""

from __future__ import annotations

import json
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

from tests.command_line import SCRIPT, environment, in_shell, process
from tests.trace.test_trace import ENGINE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Shell


def test_a_notebook(shell: Shell) -> None:
    """It is not run as Python: the command that makes a script of it is named."""
    cells = [{"cell_type": "code", "source": ["1 / 0"], "metadata": {}, "outputs": []}]
    shell.write("my nb.ipynb", json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}))
    told = shell("trace", "my nb.ipynb", "-o", "f.json")
    assert (told.status, told.raw) == (1, b"")
    assert told.err.startswith("my nb.ipynb: error[syntax]: my nb.ipynb is a notebook, not a ")
    command = "jupyter nbconvert --to script 'my nb.ipynb' && mgraph trace 'my nb.py' -o FILE"
    assert command in told.err
    assert "Traceback" not in told.err


def test_a_script_that_was_a_notebook(shell: Shell) -> None:
    """What nbconvert makes of `%matplotlib inline` only works in a notebook."""
    shell.write("s.py", "get_ipython().run_line_magic('matplotlib', 'inline')")
    told = process("trace", "s.py", "-o", "f.json", cwd=shell.folder)
    assert told.status == 1
    assert "remove the lines with get_ipython(), which only work in a notebook" in told.err


PROGRAM = """
from .engine import Value
if __name__ == "__main__":
    import sys
    print(sys.argv[1:], __package__, __spec__.name)
    x = Value(3.0)
    y = x * x
    y.backward()
"""


def package(folder: Path) -> None:
    """Write a package in a folder: `home.work`, with an engine and a script beside it."""
    work = folder / "top" / "home" / "work"
    work.mkdir(parents=True)
    for name, text in {
        "home/__init__.py": "", "home/work/__init__.py": "", "home/work/engine.py": dedent(ENGINE),
        "home/work/train.py": PROGRAM, "home/work/__main__.py": PROGRAM,
    }.items():  # fmt: skip
        (folder / "top" / name).write_text(text, encoding="utf-8")


def test_a_module_of_a_package(shell: Shell) -> None:
    """Given as a path, its relative imports fail; the command that is named works."""
    package(shell.folder)
    path = "top/home/work/train.py"
    told = process("trace", path, "-o", "f.json", cwd=shell.folder)
    assert told.status == 1
    assert "ImportError: attempted relative import" in told.err
    hint = "run it as a module of its package: "
    (line,) = [line for line in told.err.splitlines() if hint in line]
    command = line.partition(hint)[2]
    assert command == "cd top && mgraph trace -m home.work.train -o FILE"
    command = command.replace("mgraph", SCRIPT).replace("FILE", "f.json")
    done = in_shell(f"{command} -- --steps 3", shell.folder)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[:3] == [
        "['--steps', '3'] home.work home.work.train",
        "wrote     f.json: 2 nodes, output y",
        "engine    home.work.engine, class home.work.engine:Value",
    ]
    graph = json.loads((shell.folder / "top" / "f.json").read_bytes())
    assert graph["runs"][0]["grad"] == {"x": 6.0, "y": 1.0}


def test_an_import_of_the_package_itself(shell: Shell) -> None:
    """`from home.work.engine import …` fails for the same reason, and so is the hint."""
    package(shell.folder)
    path = shell.folder / "top" / "home" / "work" / "train.py"
    path.write_text(PROGRAM.replace(".engine", "home.work.engine"), encoding="utf-8")
    told = process("trace", str(path), "-o", "f.json", cwd=shell.folder)
    assert "mgraph trace -m home.work.train -o FILE" in told.err
    shell.write("other.py", "import nowhere")
    told = process("trace", "other.py", "-o", "f.json", cwd=shell.folder)
    assert "trace -m" not in told.err


def test_a_module_runs_as_python_runs_it(shell: Shell) -> None:
    """As `python -m` does: `-m home.work` is its `__main__`, and a missing module is told."""
    package(shell.folder)
    top = shell.folder / "top"
    alone = subprocess.run(
        [sys.executable, "-m", "home.work", "a"], cwd=top, env=environment(), check=True,
        capture_output=True, text=True,
    ).stdout  # fmt: skip
    done = in_shell(f"{SCRIPT} trace -m home.work -o f.json -- a", top)
    assert done.status == 0
    assert done.out.startswith(alone)
    done = in_shell(f"{SCRIPT} trace -m home.nothing -o f.json", top)
    assert done.status == 1
    assert "there is no module home.nothing written in Python" in done.err
