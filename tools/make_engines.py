"""Grade engines from PyPI, and write the results to docs/engines.md.

Run it from the top folder; it needs the network:

    python tools/make_engines.py --folder ~/engines

Each engine in tools/engines.toml is installed into its own environment in that folder, unless it is
there already, and graded. The numbers go to tools/engines.json. To write the page again from the
same numbers, without the network:

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

<!-- tools/make_engines.py writes this page from tools/engines.toml and tools/engines.json -->

[`mgraph grade`](grade.md) was run on {count} small autodiff engines from PyPI, each in its own
environment: on {date}, with {python} on {platform}, mgraph {mgraph} and its
golden set, {graphs} graphs with {runs} runs.

This is a snapshot of these versions; there may be newer ones. Many of these engines are learning
projects, and say so. Lacking a function is not a fault, and neither is following another accepted
convention; only a number that is neither the value nor the derivative is wrong. Every engine
with a wrong number was also examined by hand.
"""

TABLE_HEAD: Final = """\
## Results

| engine | ok | other | lacks | wrong | crash | relu'(0) | again | causes |
|---|---:|---:|---:|---:|---:|---|---|---|
"""

TABLE_TEXT: Final = """
- **ok**, **other**, **lacks**, **wrong** and **crash** count runs and add up to {runs}: right;
  right by another convention; not run, because the engine lacks an op; wrong values, wrong
  gradients, or different numbers when the same graph is built again; ended by an error.
- Nearly all of these errors have one of two causes. Chains of 1,000 and 2,000 ops exceed Python's
  recursion limit where backward calls itself (`depth`). A plain number isn't accepted as an
  operand, mostly on the left, as in `2 / x` (`reflected`). Both are easy to spot; no number is
  wrong.
- **relu'(0)** is the derivative chosen at the kink.
- **again** says what a second backward on the same graph does where there are interior nodes.
  *Doubled*: the gradients of leaves, as in PyTorch; *more*: interior nodes keep their first
  gradient and pass it on again, as in micrograd; *same*: gradients start from zero again.
- **causes** are those that the grader named; see [what they mean](grade.md#likely-causes).
"""

WRONG_HEAD: Final = """\
## Where numbers are wrong, and why

Quoted is what `mgraph grade` reported, except for the depth of chains. What follows *by hand* was
found without it, by reading the source and by central differences with 60 digits.
"""

BESIDE_HEAD: Final = """\
## Other findings

Seen while reading the source, without effect on the numbers above:
"""

HOW_HEAD: Final = """\
## How each was run

`pip install` into an empty environment, then `mgraph grade` with that environment's `--python` and:

| pip install | mgraph grade |
|---|---|
"""

AGAIN: Final = """
    python tools/make_engines.py --folder ~/engines

repeats all of this.
"""

# --- running -------------------------------------------------------------------------------------


def engines() -> list[dict[str, Any]]:
    """Return the engines of the table."""
    listed: list[dict[str, Any]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))["engine"]
    return listed


def environment(engine: Mapping[str, Any], folder: Path) -> Path:
    """Install an engine unless it is installed; return the Python of its environment.

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
    """Return the last line that reports an error; without one, the last line."""
    lines = text.strip().splitlines() or [""]
    return next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1])


def summary(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a report that is kept."""
    counts = report["summary"]
    kept = ("cause", "op", "says", "cases")
    return {
        "ok": counts["ok"],
        "convention": counts["differing convention"],
        "unsupported": counts["unsupported"],
        "wrong": sum(counts[outcome] for outcome in WRONG),
        "crashed": sum(counts[outcome] for outcome in CRASHED),
        "relu": relu_at_zero(run_of(report, "convention-relu-at-zero.json")),
        "second": second_backward(run_of(report, "second-backward-with-inner-nodes.json")),
        "causes": [{key: cause[key] for key in kept} for cause in report["causes"]],
        "unknown": sum(
            case["outcome"] in (*WRONG, *CRASHED) and not case["cause"] for case in report["cases"]
        ),
    }


def run_of(report: Mapping[str, Any], file: str) -> Mapping[str, Any]:
    """Return the outcome of the first run of a file of the golden set."""
    return next(case for case in report["cases"] if Path(case["file"]).name == file)


def relu_at_zero(case: Mapping[str, Any]) -> str:
    """Return the derivative of relu at 0; a dash if it is not known."""
    chosen = re.search(r"relu has (\S+) at 0", case["note"] or "")
    return "0" if case["outcome"] == "ok" else chosen[1] if chosen else "–"


def second_backward(case: Mapping[str, Any]) -> str:
    """Say what a second backward does; a dash if it is not known."""
    words = {"adds to what": "more", "from zero": "same", "raises": "refused"}
    matching = (word for note, word in words.items() if note in (case["note"] or ""))
    return "doubled" if case["outcome"] == "ok" else next(matching, "–")


def run_all(folder: Path) -> dict[str, Any]:
    """Grade all engines, and print a line about each."""
    cases = list(cases_of([str(pack())]))
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
    """Return the page."""
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
    matches = (re.fullmatch(rf"(?i){re.escape(name)}==(.+)", spec) for spec in engine["pip"])
    return f"{name} {next(match[1] for match in matches if match)}{comma}{more}"


def row(engine: Mapping[str, Any], done: Mapping[str, Any]) -> str:
    """Return an engine's row of the table."""
    if "error" in done:
        return f"| {label(engine).replace(' ', '&nbsp;')} | | | | | | | | {cell(done['error'])} |\n"
    named: dict[str, list[str]] = {}
    for item in done["causes"]:
        named.setdefault(item["cause"], []).extend(filter(None, [item["op"]]))
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
    """Return a text, escaped for a cell of a table."""
    return text.replace("|", "&#124;").replace("<", "&lt;")


def verbatim(text: str) -> str:
    """Return a text in which Markdown sees only the backticks."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*_<\[\\])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def quoted(done: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the grader reported about an engine, and for how many runs."""
    for item in done["causes"]:
        if item["cause"] != "depth":
            yield f"> - {verbatim(item['says'])} · {runs(item['cases'])}"
    if done["unknown"]:
        yield f"> - cause unknown; no single mistake explains the numbers · {runs(done['unknown'])}"


def runs(count: int) -> str:
    """Return a number of runs, in words."""
    return f"{count} run{'s' * (count != 1)}"


def paragraph(engine: Mapping[str, Any], done: Mapping[str, Any]) -> str:
    """Say what is wrong with an engine: what the grader reported, and what was found by hand."""
    reported = "\n".join(quoted(done))
    checked = engine.get("checked", "not examined yet.")
    return f"### {label(engine)}\n\n{reported}\n\n*By hand:* {checked}\n"


def besides(listed: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what was noticed but not graded."""
    for engine in listed:
        if "beside" in engine:
            yield f"- **{engine['name']}** {engine['beside']}"


def how(engine: Mapping[str, Any]) -> str:
    """Return the row with an engine's commands."""
    installed, typed = shlex.join(engine["pip"]), " ".join(map(quote, command_of(engine)))
    return f"| `{cell(installed)}` | `{cell(typed)}` |\n"


def quote(word: str) -> str:
    """Return a word as it is typed into a shell, with double quotes around single ones."""
    return f'"{word}"' if "'" in word else shlex.quote(word)


def main() -> None:
    """Read the command line, and write the page."""
    parser = argparse.ArgumentParser(prog="python tools/make_engines.py", description=__doc__)
    parser.add_argument("--folder", type=Path, help="keep the installed engines in this folder")
    parser.add_argument(
        "--page", action="store_true", help="only write the page, from stored numbers"
    )
    options = parser.parse_args()
    if not options.page:
        with tempfile.TemporaryDirectory() as aside:
            results = run_all(options.folder or Path(aside))
        written = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
        write_file(str(NUMBERS), [written.encode()])
    text = page(json.loads(NUMBERS.read_text(encoding="utf-8")), engines())
    write_file(str(PAGE), [text.encode()])


if __name__ == "__main__":
    main()
