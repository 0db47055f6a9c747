"""Grade engines from PyPI, and make docs/engines.md of what comes out.

Run it from the top folder, with the network at hand:

    python tools/make_engines.py --folder ~/engines

Each engine of tools/engines.toml is installed into an environment of its own in that folder, unless
it is there already, and graded. The numbers go to tools/engines.json. To write the page anew, with
other words about the same numbers and without the network:

    python tools/make_engines.py --page
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import mgraph
from mgraph.codec import write_file
from mgraph.grade.cases import cases_of, pack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HERE: Final = Path(__file__).parent
TABLE: Final = HERE / "engines.toml"
NUMBERS: Final = HERE / "engines.json"
PAGE: Final = HERE.parent / "docs" / "engines.md"

WRONG: Final = ("wrong value", "wrong gradient", "not reproducible")
CRASHED: Final = ("crashed", "timed out")

HEAD: Final = """\
# Engines from PyPI, graded

<!-- python tools/make_engines.py writes this page, of tools/engines.toml and tools/engines.json -->

[`mgraph grade`](grade.md) was run on {count} small autodiff engines from PyPI, each in an
environment of its own: on {date}, with {python} on {platform}, mgraph {mgraph}, and the
pack that comes with it, {graphs} graphs with {runs} runs.

This is a snapshot of just these versions; there may be newer ones. Many of these engines are
learning projects, and say so. A function that an engine hasn't got is no fault, and neither is
a choice where there are several; only a number that is neither the value nor the derivative is
wrong. Every engine with a wrong number was also looked at by hand.
"""

TABLE_HEAD: Final = """\
## What came out

| engine | ok | other | lacks | wrong | crash | relu'(0) | again | causes |
|---|---:|---:|---:|---:|---:|---|---|---|
"""

TABLE_TEXT: Final = """
- **ok**, **other**, **lacks**, **wrong** and **crash** count runs, and add up to {runs}: right;
  right with another convention; not asked, since the engine lacks an op; wrong values, wrong
  gradients, and what changes when the same graph is built once more; ended by an error.
- Such errors are nearly always one of two. Chains of 1,000 and 2,000 ops exceed Python's recursion
  limit where backward calls itself (`depth`). A plain number isn't taken as an operand, mostly on
  the left, as in `2 / x` (`reflected`). One sees both at once; no number is wrong.
- **relu'(0)** is the slope chosen at the kink.
- **again** is what a second backward on the same graph gives where there are interior nodes.
  *Doubled* are the gradients of leaves in PyTorch; *more*: interior nodes keep their first
  gradient and pass it on once more, as in micrograd; *same*: the graph is gone after the first.
- **causes** are those that the grader named; [what they mean](grade.md#likely-causes).
"""

WRONG_HEAD: Final = """\
## Where numbers are wrong, and why

What `mgraph grade` said is quoted, but for the depth of chains. What stands behind *by hand* was
found without it, by reading the source and by central differences with 60 digits.
"""

BESIDE_HEAD: Final = """\
## Beside the numbers

Seen while reading, and of no consequence for the numbers above:
"""

HOW_HEAD: Final = """\
## How each was run

`pip install` into an empty environment, then `mgraph grade` with that environment's `--python` and:

| pip install | mgraph grade |
|---|---|
"""

AGAIN: Final = """
    python tools/make_engines.py --folder ~/engines

does all of it again.
"""

# --- running -------------------------------------------------------------------------------------


def engines() -> list[dict[str, Any]]:
    """Return the table."""
    listed: list[dict[str, Any]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))["engine"]
    return listed


def environment(engine: Mapping[str, Any], folder: Path) -> Path:
    """Install an engine, if that isn't done; return the environment's Python.

    Raises:
        subprocess.CalledProcessError: pip can't install it.
    """
    specs = "\n".join(engine["pip"])
    home = folder / re.sub(r"\W+", "-", specs)
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    done = home / "installed.txt"  # written last
    if not (done.exists() and done.read_text(encoding="utf-8") == specs):
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(home)],
            [*pip, *engine["pip"]],
        ):
            subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
        done.write_text(specs, encoding="utf-8")
    return python


def command_of(engine: Mapping[str, Any]) -> list[str]:
    """Return the words after `mgraph grade`."""
    return [engine["class"], *engine.get("options", ())]


def graded(engine: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Grade an engine; return what the page tells of it."""
    try:
        python = environment(engine, folder)
    except subprocess.CalledProcessError as error:
        return {"error": f"can't be installed: {last_line(error.stderr)}"}
    grade = [sys.executable, "-m", "mgraph", "grade", *command_of(engine)]
    done = subprocess.run(
        [*grade, "--python", str(python), "--json"],
        capture_output=True, check=False, encoding="utf-8",
    )  # fmt: skip
    if not done.stdout:
        return {"error": f"can't be graded: {last_line(done.stderr)}"}
    return summary(json.loads(done.stdout))


def last_line(text: str) -> str:
    """Return the last line that tells an error, or says something."""
    lines = text.strip().splitlines() or [""]
    return next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1])


def summary(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a report."""
    counts = report["summary"]
    told = ("cause", "op", "says", "cases")
    return {
        "ok": counts["ok"],
        "convention": counts["differing convention"],
        "unsupported": counts["unsupported"],
        "wrong": sum(counts[each] for each in WRONG),
        "crashed": sum(counts[each] for each in CRASHED),
        "relu": slope_at_zero(run_of(report, "convention-relu-at-zero.json")),
        "second": second_backward(run_of(report, "second-backward-with-inner-nodes.json")),
        "causes": [{key: each[key] for key in told} for each in report["causes"]],
        "unknown": sum(
            each["outcome"] in (*WRONG, *CRASHED) and not each["cause"] for each in report["cases"]
        ),
    }


def run_of(report: Mapping[str, Any], file: str) -> Mapping[str, Any]:
    """Return what became of the first run of a file of the pack."""
    return next(each for each in report["cases"] if Path(each["file"]).name == file)


def slope_at_zero(case: Mapping[str, Any]) -> str:
    """Return the slope of relu at 0; a dash: that can't be said."""
    chosen = re.search(r"relu has (\S+) at 0", case["note"] or "")
    return "0" if case["outcome"] == "ok" else chosen[1] if chosen else "–"


def second_backward(case: Mapping[str, Any]) -> str:
    """Say what a second backward does; a dash: that can't be said."""
    words = {"adds to what": "more", "from zero": "same", "raises": "refused"}
    said = (word for note, word in words.items() if note in (case["note"] or ""))
    return "doubled" if case["outcome"] == "ok" else next(said, "–")


def run_all(folder: Path) -> dict[str, Any]:
    """Grade all engines, with a line about each."""
    cases = list(cases_of([str(pack())]))
    found: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{platform.system()} {platform.machine()}",
        "mgraph": mgraph.__version__,
        "graphs": len({case.file for case in cases}),
        "runs": len(cases),
        "engines": {},
    }
    for i, engine in enumerate(listed := engines()):
        print(f"{i + 1}/{len(listed)} {engine['name']}", end=" … ", flush=True)
        done = found["engines"][engine["name"]] = graded(engine, folder)
        print(done.get("error") or f"{done['ok']} ok, {done['wrong']} wrong", flush=True)
    return found


# --- the page ------------------------------------------------------------------------------------


def page(found: Mapping[str, Any], listed: Sequence[Mapping[str, Any]]) -> str:
    """Return the page."""
    done = found["engines"]
    rows = "".join(row(each, done[each["name"]]) for each in listed)
    wrong = [each for each in listed if done[each["name"]].get("wrong")]
    parts = (
        HEAD.format(count=len(listed), **found),
        TABLE_HEAD + rows + TABLE_TEXT.format(**found),
        "\n".join((WRONG_HEAD, *(paragraph(each, done[each["name"]]) for each in wrong))),
        "\n".join((BESIDE_HEAD, *besides(listed))) + "\n",
        HOW_HEAD + "".join(how(each) for each in listed) + AGAIN,
    )
    return "\n".join(parts)


def label(engine: Mapping[str, Any]) -> str:
    """Return an engine's name, with its version."""
    name, comma, more = engine["name"].partition(",")
    found = (re.fullmatch(rf"(?i){re.escape(name)}==(.+)", spec) for spec in engine["pip"])
    return f"{name} {next(match[1] for match in found if match)}{comma}{more}"


def row(engine: Mapping[str, Any], done: Mapping[str, Any]) -> str:
    """Return an engine's row of the table."""
    if "error" in done:
        return f"| {label(engine).replace(' ', '&nbsp;')} | | | | | | | | {cell(done['error'])} |\n"
    named: dict[str, list[str]] = {}
    for each in done["causes"]:
        named.setdefault(each["cause"], []).extend(filter(None, [each["op"]]))
    causes = ", ".join(
        f"{cause} ({', '.join(ops)})".replace(" ", "&nbsp;") if ops else cause
        for cause, ops in named.items()
    )
    counts = (done[key] for key in ("ok", "convention", "unsupported", "wrong", "crashed"))
    cells = (
        label(engine).replace(" ", "&nbsp;"),
        *counts,
        done["relu"],
        done["second"],
        causes or "none",
    )
    return f"| {' | '.join(map(str, cells))} |\n"


def cell(text: str) -> str:
    """Return text that may stand in a table."""
    return text.replace("|", "&#124;").replace("<", "&lt;")


def verbatim(text: str) -> str:
    """Return text that is shown as it is, with only its backticks taken for Markdown."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*_<\[\\])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def quoted(done: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the grader said of an engine, and in how many runs it saw that."""
    for each in done["causes"]:
        if each["cause"] != "depth":
            yield f"> - {verbatim(each['says'])} · {runs(each['cases'])}"
    if done["unknown"]:
        yield f"> - cause unknown; no single mistake explains the numbers · {runs(done['unknown'])}"


def runs(count: int) -> str:
    """Return a number of runs, in words."""
    return f"{count} run{'s' * (count != 1)}"


def paragraph(engine: Mapping[str, Any], done: Mapping[str, Any]) -> str:
    """Say what is wrong with an engine: what the grader said, and what was found by hand."""
    said = "\n".join(quoted(done))
    checked = engine.get("checked", "nobody has looked yet.")
    return f"### {label(engine)}\n\n{said}\n\n*By hand:* {checked}\n"


def besides(listed: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what was seen and not graded."""
    for each in listed:
        if "beside" in each:
            yield f"- **{each['name']}** {each['beside']}"


def how(engine: Mapping[str, Any]) -> str:
    """Return the row with an engine's commands."""
    installed, typed = shlex.join(engine["pip"]), " ".join(map(quote, command_of(engine)))
    return f"| `{cell(installed)}` | `{cell(typed)}` |\n"


def quote(word: str) -> str:
    """Return a word as one types it, with double quotes around single ones."""
    return f'"{word}"' if "'" in word else shlex.quote(word)


def main() -> None:
    """Read the command line, and write the page."""
    parser = argparse.ArgumentParser(prog="python tools/make_engines.py", description=__doc__)
    parser.add_argument("--folder", type=Path, help="where engines are installed, and stay")
    parser.add_argument("--page", action="store_true", help="run nothing; write the page anew")
    asked = parser.parse_args()
    if not asked.page:
        with tempfile.TemporaryDirectory() as aside:
            found = run_all(asked.folder or Path(aside))
        written = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        write_file(str(NUMBERS), [written.encode()])
    text = page(json.loads(NUMBERS.read_text(encoding="utf-8")), engines())
    write_file(str(PAGE), [text.encode()])


if __name__ == "__main__":
    main()
