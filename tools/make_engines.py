"""Grade engines from PyPI, and write docs/engines.md about the results.

Run it from the top folder, with network access:

    python tools/make_engines.py --folder ~/engines

It installs each engine of tools/engines.toml into an environment of its own in that folder, unless
it is there already, grades it, and writes the numbers to tools/engines.json. To write only the page
again, from the stored numbers and without the network:

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
from mgraph.grade.cases import cases_of, golden_set

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

<!-- tools/make_engines.py writes this page from tools/engines.toml and tools/engines.json -->

[`mgraph grade`](grade.md) was run on {count} small autodiff engines from PyPI, each in an
environment of its own: on {date}, with {python} on {platform}, mgraph {mgraph} and the
golden set of that day, {graphs} graphs with {runs} runs.

This is a snapshot of exactly these versions; there may be newer ones. Many of these engines are
learning projects, and say so. It is not a fault if an engine lacks a function, or makes one of
several acceptable choices; only a number that is neither the value nor the derivative is wrong.
Every engine with a wrong number was also examined by hand.
"""

TABLE_HEAD: Final = """\
## Results

| engine | ok | other | lacks | wrong | crash | relu'(0) | twice | causes |
|---|---:|---:|---:|---:|---:|---|---|---|
"""

TABLE_TEXT: Final = """
- **ok**, **other**, **lacks**, **wrong** and **crash** count runs, and add up to {runs}: right;
  right with another convention; not run, because the engine lacks an op; wrong values, wrong
  gradients, or numbers that change when the same graph is built again; ended by an error.
- Nearly all errors are of two kinds. Chains of 1,000 and 2,000 ops exceed Python's recursion
  limit if backward calls itself (`depth`). Or a plain number is refused as an operand, mostly on
  the left, as in `2 / x` (`reflected`). Both are easy to spot; no number is wrong.
- **relu'(0)** is the derivative chosen at the kink.
- **twice** is what a second backward on the same graph gives, if there are interior nodes.
  *Doubled*: the gradients of leaves are doubled, as in PyTorch; *more*: interior nodes keep their
  first gradient and pass it on again, as in micrograd; *same*: the gradients stay the same;
  *refused*: it raises an error.
- **causes** are those that the grader named; [here is what they mean](grade.md#likely-causes).
"""

WRONG_HEAD: Final = """\
## Where numbers are wrong, and why

The quotations are what `mgraph grade` said, except about the depth of chains. The notes *by hand*
were made without it, by reading the source and by central differences with 60 digits.
"""

BESIDE_HEAD: Final = """\
## Other observations

These were noticed while reading the sources, and don't affect the numbers above:
"""

HOW_HEAD: Final = """\
## How to repeat it

Each engine was installed with `pip install` into an empty environment, and graded with
`mgraph grade`, the `--python` of that environment, and these arguments:

| pip install | mgraph grade |
|---|---|
"""

AGAIN: Final = """
This command does all of it:

    python tools/make_engines.py --folder ~/engines
"""

# --- running -------------------------------------------------------------------------------------


def engines() -> list[dict[str, Any]]:
    """Return the entries of tools/engines.toml."""
    listed: list[dict[str, Any]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))["engine"]
    return listed


def environment(engine: Mapping[str, Any], folder: Path) -> Path:
    """Install an engine if it isn't installed yet; return the environment's Python.

    Raises:
        subprocess.CalledProcessError: If pip can't install it.
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
    """Grade an engine; return the numbers for the page."""
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
    """Return the last line that begins with ERROR, or else the last line."""
    lines = text.strip().splitlines() or [""]
    return next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1])


def summary(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a report that the page needs."""
    counts = report["summary"]
    keys = ("cause", "op", "says", "cases")
    return {
        "ok": counts["ok"],
        "convention": counts["differing convention"],
        "unsupported": counts["unsupported"],
        "wrong": sum(counts[outcome] for outcome in WRONG),
        "crashed": sum(counts[outcome] for outcome in CRASHED),
        "relu": slope_at_zero(run_of(report, "convention-relu-at-zero.json")),
        "second": second_backward(run_of(report, "second-backward-with-inner-nodes.json")),
        "causes": [{key: cause[key] for key in keys} for cause in report["causes"]],
        "unknown": sum(
            case["outcome"] in (*WRONG, *CRASHED) and not case["cause"] for case in report["cases"]
        ),
    }


def run_of(report: Mapping[str, Any], file: str) -> Mapping[str, Any]:
    """Return the first case of a file of the golden set."""
    return next(case for case in report["cases"] if Path(case["file"]).name == file)


def slope_at_zero(case: Mapping[str, Any]) -> str:
    """Return the derivative of relu at 0, or a dash if it isn't known."""
    chosen = re.search(r"relu has (\S+) at 0", case["note"] or "")
    return "0" if case["outcome"] == "ok" else chosen[1] if chosen else "–"


def second_backward(case: Mapping[str, Any]) -> str:
    """Return what a second backward does, in a word, or a dash if it isn't known."""
    words = {"adds to the": "more", "same gradients": "same", "raises": "refused"}
    fitting = (word for note, word in words.items() if note in (case["note"] or ""))
    return "doubled" if case["outcome"] == "ok" else next(fitting, "–")


def run_all(folder: Path) -> dict[str, Any]:
    """Grade all engines, and print a line about each."""
    cases = list(cases_of([str(golden_set())]))
    results: dict[str, Any] = {
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
        done = results["engines"][engine["name"]] = graded(engine, folder)
        print(done.get("error") or f"{done['ok']} ok, {done['wrong']} wrong", flush=True)
    return results


# --- the page ------------------------------------------------------------------------------------


def page(results: Mapping[str, Any], listed: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of the page."""
    done = results["engines"]
    rows = "".join(row(engine, done[engine["name"]]) for engine in listed)
    wrong = [engine for engine in listed if done[engine["name"]].get("wrong")]
    parts = (
        HEAD.format(count=len(listed), **results),
        TABLE_HEAD + rows + TABLE_TEXT.format(**results),
        "\n".join((WRONG_HEAD, *(paragraph(engine, done[engine["name"]]) for engine in wrong))),
        "\n".join((BESIDE_HEAD, *besides(listed))) + "\n",
        HOW_HEAD + "".join(how(engine) for engine in listed) + AGAIN,
    )
    return "\n".join(parts)


def label(engine: Mapping[str, Any]) -> str:
    """Return an engine's name, with its version."""
    name, comma, more = engine["name"].partition(",")
    pinned = (re.fullmatch(rf"(?i){re.escape(name)}==(.+)", spec) for spec in engine["pip"])
    return f"{name} {next(match[1] for match in pinned if match)}{comma}{more}"


def row(engine: Mapping[str, Any], done: Mapping[str, Any]) -> str:
    """Return an engine's row of the table."""
    if "error" in done:
        return f"| {label(engine).replace(' ', '&nbsp;')} | | | | | | | | {cell(done['error'])} |\n"
    ops_of: dict[str, list[str]] = {}
    for cause in done["causes"]:
        ops_of.setdefault(cause["cause"], []).extend(filter(None, [cause["op"]]))
    causes = ", ".join(
        f"{name} ({', '.join(ops)})".replace(" ", "&nbsp;") if ops else name
        for name, ops in ops_of.items()
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
    """Return text escaped for a cell of a table."""
    return text.replace("|", "&#124;").replace("<", "&lt;")


def verbatim(text: str) -> str:
    """Return text escaped for Markdown, except for its backticks."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*_<\[\\])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def quoted(done: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the grader said about an engine, and how many runs show it."""
    for cause in done["causes"]:
        if cause["cause"] != "depth":
            yield f"> - {verbatim(cause['says'])} · {runs(cause['cases'])}"
    if done["unknown"]:
        yield f"> - cause unknown; no single mistake explains the numbers · {runs(done['unknown'])}"


def runs(count: int) -> str:
    """Return a number of runs, in words."""
    return f"{count} run{'s' * (count != 1)}"


def paragraph(engine: Mapping[str, Any], done: Mapping[str, Any]) -> str:
    """Return what is wrong with an engine: what the grader said, and what was found by hand."""
    quotation = "\n".join(quoted(done))
    checked = engine.get("checked", "not examined yet.")
    return f"### {label(engine)}\n\n{quotation}\n\n*By hand:* {checked}\n"


def besides(listed: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield observations that don't affect the numbers."""
    for engine in listed:
        if "beside" in engine:
            yield f"- **{engine['name']}** {engine['beside']}"


def how(engine: Mapping[str, Any]) -> str:
    """Return the row with an engine's commands."""
    installed, typed = shlex.join(engine["pip"]), " ".join(map(quote, command_of(engine)))
    return f"| `{cell(installed)}` | `{cell(typed)}` |\n"


def quote(word: str) -> str:
    """Quote a word for the shell, with double quotes if it has single ones."""
    return f'"{word}"' if "'" in word else shlex.quote(word)


def main() -> None:
    """Parse the command line, and write the page."""
    parser = argparse.ArgumentParser(prog="python tools/make_engines.py", description=__doc__)
    parser.add_argument("--folder", type=Path, help="where to install the engines, and keep them")
    parser.add_argument("--page", action="store_true", help="only write the page again")
    options = parser.parse_args()
    if not options.page:
        with tempfile.TemporaryDirectory() as temporary:
            results = run_all(options.folder or Path(temporary))
        written = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
        write_file(str(NUMBERS), [written.encode()])
    text = page(json.loads(NUMBERS.read_text(encoding="utf-8")), engines())
    write_file(str(PAGE), [text.encode()])


if __name__ == "__main__":
    main()
