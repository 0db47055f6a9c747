"""Make docs/commands.md: every command, with its help and with what it prints.

Run it from the top folder, after a change of what a command says or prints:

    python tools/make_commands.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Final

from click import Command, Context, Group

from mgraph.cli import COMMANDS, cli

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "commands.md"
WIDTH: Final = 88  # columns of the help, as the page shows them
BLANK: Final = "\n\n"

SHOWN: Final[Mapping[str, Sequence[str]]] = {
    "new": (
        "mgraph new 'a = x*w; L = relu(a + b)' --input x=2 --param w=3 --param b=1 -o line.json",
        "mgraph new --mlp 2,3,1 --seed 7 -o network.json",
        "mgraph new --mlp 2,3,1 --loss hinge --input x1=2 --input x2=-1 --input y=1 -o train.json",
        "mgraph run train.json | tail -n 9",
        "mgraph new 'score = x*w; loss = relu(1 - y*score)' --param w=1 -o by_hand.json",
    ),
    "run": ("mgraph run line.json", "mgraph run line.json --set x=-2 -o dead.json | tail -n 3"),
    "trace": (
        "printf 'from micrograd.engine import Value\\nx, w = Value(2.0), Value(-3.0)\\n' > loss.py",
        "echo 'loss = (1 - x * w) ** 2; loss.backward()' >> loss.py",
        "mgraph trace loss.py -o loss.json --input x",
        "mgraph convert loss.json - --strip",
    ),
    "view": (
        "mgraph view fixtures/neuron.json --no-open | cut -d, -f1",
        "mgraph view --site graphs fixtures/neuron.json line.json --no-open | sed 's/; .*//'",
    ),
    "draw": ("mgraph draw fixtures/neuron.json",),
    "explain": ("mgraph explain fixtures/run/lecture/used_twice.json a",),
    "step": ("mgraph step line.json | tail -n 7",),
    "gradcheck": (
        "mgraph gradcheck fixtures/neuron.json",
        "mgraph gradcheck line.json --leaf w | head -n 8",
    ),
    "check": (
        "mgraph check fixtures/neuron.json",
        "mgraph check fixtures/reject/cycle/three.json",
    ),
    "test": (
        "mgraph test fixtures/neuron.json fixtures/run/lecture",
        'sed \'s/"a": -3.0/"a": 3.0/\' fixtures/run/lecture/used_twice.json > theirs.json',
        "mgraph test theirs.json",
    ),
    "diff": ("mgraph diff fixtures/run/lecture/used_twice.json theirs.json",),
    "grade": (
        "mgraph grade examples/python/student.py:Value --quick",
        "mgraph grade --cmd 'python examples/python/engine.py' fixtures/pack/op-tanh.json",
    ),
    "train": (
        "head -n 3 examples/moons.csv",
        "mgraph new --mlp 2,16,1 --activation relu --loss hinge -o moons.json",
        (
            "mgraph train moons.json examples/moons.csv -o run/ --target moon --accuracy \\\n"
            "    --optimizer adam --lr 0.05 --validation 0.1"
        ),
        "ls run run/checkpoints",
        "head -n 2 run/log.jsonl",
    ),
    "replay": (
        "printf 'day,x1,x2\\nMon,2,0\\nTue,-1,0.5\\nWed,nan,1\\n' > rows.csv",
        "mgraph replay fixtures/neuron.json rows.csv -o results.csv --wrt w1,w2",
        "cat results.csv",
        "mgraph replay fixtures/neuron.json rows.csv -o parts/ --grad sum --part-rows 2",
        "ls parts parts.manifest.json",
    ),
    "share": ("mgraph share fixtures/neuron.json > link.txt", "cut -c 1-9 link.txt"),
    "open": (
        "mgraph open - -o opened.json < link.txt",
        "mgraph diff fixtures/neuron.json opened.json",
    ),
    "serve": (
        "mgraph serve --port 0 > address.txt 2> log.txt & sleep 5; kill $!",
        "cut -d: -f1,2 address.txt",
    ),
    "store": (
        "mgraph store add shared fixtures/neuron.json line.json --prefix lessons",
        "mgraph store verify shared",
        "mgraph store rm shared lessons/line --reason 'It gives the solution away.'",
        "mgraph store add shared line.json",
    ),
    "token": (
        "mgraph token new shared --scope class --prefix class-7a > token.txt 2> about.txt",
        "cut -c-7 token.txt",
        "cut -d: -f2 about.txt",
        "mgraph token list shared | cut -c11-",
    ),
    "convert": (
        "mgraph convert line.json line.msgpack",
        "mgraph convert line.annotated.json - --strip",
        "mgraph convert fixtures/run/edges/ops_on_constants.json simple.json --simplify",
    ),
    "export": (
        "mgraph export fixtures/neuron.json -o neuron.c",
        "mgraph export line.json --to micrograd -o line.py",
        "tail -n 14 line.py",
    ),
    "import": ("mgraph import network.pt2 -o network.json",),
    "derive": (
        "mgraph derive line.json --wrt w -o gradient.json",
        "mgraph run gradient.json --seed L=1 -o -",
    ),
    "ops": ("mgraph ops",),
    "schema": ("mgraph schema | head -n 8",),
}
"""For each command, lines that are typed one after the other, all in one folder."""

PICTURES: Final = {
    "view": "![The page, in the middle of the backward pass](view.png)",
    "draw": "![The neuron as a picture: one box per node, with its value and gradient](draw.svg)",
}
"""Pictures of what these commands write."""

HEAD: Final = """\
# Commands

<!-- python tools/make_commands.py writes this page -->

This page shows what each command of `mgraph` is for, what it prints, and its help. The examples
were typed one after the other in a folder next to `fixtures`; below each is its output.

`-` is standard input or output, `--json` is for programs. The exit status is 0 if all is well, 1 if
a file is wrong or an expectation failed, 2 if the command line is wrong.
"""


def page() -> str:
    """Run everything, and return the page."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("examples", "fixtures"):
            (Path(folder) / name).symlink_to(ROOT / name)
        return "\n".join((HEAD, *_sections(folder)))


def _sections(folder: str) -> Iterator[str]:
    for purpose, names in COMMANDS.items():
        yield f"## {purpose}\n"
        for name in names:
            yield f"### {name}\n"
            command = cli.get_command(Context(cli), name)
            assert command is not None  # noqa: S101 - every name has one
            yield f"{' '.join(cleandoc(command.help or '').partition(BLANK)[0].split())}\n"
            console = "".join(f"$ {line}\n{output_of(line, folder)}" for line in SHOWN[name])
            yield f"```console\n{console}```\n"
            if name in PICTURES:
                yield f"{PICTURES[name]}\n"
            yield f'<details markdown="1">\n<summary>mgraph {name} --help</summary>\n'
            yield "\n".join(f"```text\n{text}\n```\n" for text in helps_of(name, command))
            yield "</details>\n"


def helps_of(name: str, command: Command) -> Iterator[str]:
    """Yield what `mgraph NAME --help` prints, and the same for the commands under that one."""
    top = Context(cli, info_name="mgraph", terminal_width=WIDTH, **cli.context_settings)
    context = Context(command, top, name, terminal_width=WIDTH)
    yield command.get_help(context)
    for inner, part in command.commands.items() if isinstance(command, Group) else ():
        yield part.get_help(Context(part, context, inner, terminal_width=WIDTH))


def output_of(line: str, folder: str) -> str:
    """Return what a line prints, typed into bash, without colour."""
    plain = {key: x for key, x in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    path = os.pathsep.join((str(Path(sys.executable).parent), plain.get("PATH", "")))
    done = subprocess.run(
        ["bash", "-c", f"{{ {line}\n}} 2>&1"],  # noqa: S607
        cwd=folder, env={**plain, "PATH": path, "PYTHONIOENCODING": "utf-8", "BROWSER": "true"},
        stdin=subprocess.DEVNULL, capture_output=True, check=False, encoding="utf-8",
    )  # fmt: skip
    return done.stdout


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
