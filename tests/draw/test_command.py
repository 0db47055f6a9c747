"""`mgraph draw`."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import sys
import time
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from mgraph.document import loads
from mgraph.draw import FORMATS, layout, native_process
from mgraph.errors import MissingExtraError
from mgraph.extras import install
from tests.command_line import FIXTURES, NEURON, SCRIPT, Shell, environment, in_shell
from tests.command_line import process as in_process
from tests.draw.test_draw import boxes, crowd, document, hostile, texts
from tests.loops import shared

if TYPE_CHECKING:
    from collections.abc import Iterator


# --- the command ------------------------------------------------------------------------------


def test_every_format_is_written(mgraph: Shell) -> None:
    """The extension says what is written, unless --format does; each begins as it must."""
    begins = {"svg": b"<svg ", "png": b"\x89PNG\r\n", "dot": b"digraph ", "mmd": b"flowchart LR\n"}
    assert begins.keys() == FORMATS.keys()
    for form, begin in begins.items():
        result = mgraph("draw", "neuron.json", "-o", f"out.{form}")
        assert (result.status, result.err) == (0, "")
        assert result.out == f"wrote out.{form}: 10 nodes, 9 edges\n"
        content = mgraph.path(f"out.{form}").read_bytes()
        assert content.startswith(begin)
        result = mgraph("draw", "-", "--format", form, "-o", "-", stdin=NEURON.read_bytes())
        assert (result.status, result.err, result.raw) == (0, "", content)


def test_a_picture_has_the_name_of_its_graph(mgraph: Shell) -> None:
    """Without -o, NAME.svg is in the current folder; that of standard input goes out."""
    mgraph.path("sub").mkdir()
    mgraph.path("sub/it.annotated.json").write_bytes(NEURON.read_bytes())
    assert mgraph("draw", "sub/it.annotated.json").out == "wrote it.svg: 10 nodes, 9 edges\n"
    assert mgraph("draw", "neuron.json", "--format", "mmd").out.startswith("wrote neuron.mmd: ")
    result = mgraph("draw", "-", stdin=NEURON.read_bytes())
    assert (result.err, result.raw) == ("", mgraph.path("it.svg").read_bytes())


def test_json_says_what_was_drawn(mgraph: Shell) -> None:
    """One value with the numbers of nodes, boxes and edges; on stderr if the picture goes out."""
    result = mgraph("draw", "neuron.json", "-o", "a.dot", "--around", "n", "--hops", "1", "--json")
    assert result.json == {
        "wrote": "a.dot", "format": "dot", "nodes": 10, "boxes": 5, "edges": 4, "note": None
    }  # fmt: skip
    result = mgraph("draw", "neuron.json", "-o", "-", "--format", "mmd", "--json")
    assert result.err.startswith('{\n  "wrote": "standard output"')
    assert result.out.startswith("flowchart")


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_graph_gives_the_same_bytes(tmp_path: Path, form: str) -> None:
    """Two processes with other hash seeds write the same file."""
    (tmp_path / "h.json").write_bytes(NEURON.read_bytes() if form == "png" else hostile())
    written = []
    for seed in ("1", "2"):
        line = ("draw", "h.json", "--format", form, "-o", "-")
        written.append(in_process(*line, cwd=tmp_path, PYTHONHASHSEED=seed).raw)
    assert written[0] == written[1] != b""


def test_a_png_has_the_size_of_the_svg_twice(mgraph: Shell) -> None:
    """It is sharp: two pixels for one."""
    mgraph("draw", "neuron.json", "-o", "a.svg")
    mgraph("draw", "neuron.json", "-o", "a.png")
    found = re.search(rb'width="(\d+)" height="(\d+)"', mgraph.path("a.svg").read_bytes())
    assert found is not None
    size = struct.unpack(">II", mgraph.path("a.png").read_bytes()[16:24])
    assert size == (2 * int(found[1]), 2 * int(found[2]))


def test_the_run_is_the_one_that_was_asked_for(mgraph: Shell) -> None:
    """Options of `mgraph run` count: other values, another seed, no gradients."""

    def shown(*options: str) -> list[str]:
        mgraph("draw", "neuron.json", "-o", "a.svg", *options)
        return texts(boxes(mgraph.path("a.svg").read_bytes())["x1"])

    assert shown() == ["x1", "input", "data", "2.0", "grad", "-1.5"]
    assert shown("--set", "x1=inf") == ["x1", "input", "data", "inf", "grad", "0.0"]
    assert shown("--seed", "o=2") == ["x1", "input", "data", "2.0", "grad", "-3.0"]
    assert shown("--no-grad") == ["x1", "input", "data", "2.0"]
    assert shown("--run", "0") == shown()


def test_what_is_lacking_for_numbers_is_told(mgraph: Shell) -> None:
    """Nothing asked, there is a picture all the same, and a line on what it lacks."""
    mgraph("new", "y = a*x; z = a-x", "--input", "x", "--param", "a=2", "-o", "two.json")
    result = mgraph("draw", "two.json", "-o", "a.svg")
    assert result.status == 0
    assert "drawn without numbers; --set gives values" in result.err
    assert texts(boxes(mgraph.path("a.svg").read_bytes())["a"]) == ["a", "param", "data", "2.0"]
    result = mgraph("draw", "two.json", "-o", "a.svg", "--set", "x=3")
    assert result.status == 1
    assert "error[seed]" in result.err
    mgraph("run", "two.json", "--set", "x=3", "--output", "z", "--in-place")
    result = mgraph("draw", "two.json", "-o", "a.svg")
    assert "those of the file's run 0" in result.err
    found = boxes(mgraph.path("a.svg").read_bytes())
    assert texts(found["y"]) == ["y", "mul", "data", "6.0", "grad", "-"]
    document = mgraph.document("two.json")
    mgraph.write("three.json", {**document, "runs": [], "nodes": [
        {**node, "data": 1.0} if node["id"] == "x" else node for node in document["nodes"]
    ]})  # fmt: skip
    result = mgraph("draw", "three.json", "-o", "a.svg")
    assert "drawn without gradients; --output chooses one" in result.err
    assert texts(boxes(mgraph.path("a.svg").read_bytes())["y"]) == ["y", "mul", "data", "2.0"]


def test_large_networks_are_folded_and_it_is_said(mgraph: Shell) -> None:
    """A note says what was left out and how to see it; --fold 0 draws everything."""
    mgraph("new", "--mlp", "2,16,16,1", "--input", "x1=1", "--input", "x2=1", "-o", "net.json")
    result = mgraph("draw", "net.json", "-o", "net.svg")
    assert result.out == "wrote net.svg: 708 nodes as 35 boxes, 304 edges\n"
    assert result.err.endswith("--fold 0 draws everything, --around ID a neighbourhood\n")
    found = boxes(mgraph.path("net.svg").read_bytes())["layer2.neuron3"]
    assert texts(found)[:4] == ["layer2.neuron3", "35 nodes", "params", "17"]
    assert mgraph("draw", "net.json", "-o", "a.dot", "--fold", "0").err == ""
    assert mgraph.path("a.dot").read_text().count("[label=") == 708
    assert "as 5 boxes" in mgraph("draw", "net.json", "-o", "a.dot", "--fold", "1").out
    result = mgraph("draw", "net.json", "-o", "a.dot", "--fold")
    assert ("as 35 boxes" in result.out, result.err) == (True, "")
    result = mgraph("draw", "net.json", "-o", "a.mmd", "--fold", "0")
    assert "Mermaid draws at most 500 edges and 50,000 characters" in result.err


def test_a_folded_neuron_shows_its_output(mgraph: Shell) -> None:
    """Where one node of a group is used outside, its numbers stand in the box."""
    mgraph("new", "--mlp", "2,3,1", "--input", "x1=1", "--input", "x2=-2", "-o", "net.json")
    mgraph("draw", "net.json", "--fold", "-o", "a.svg")
    run = loads(mgraph.path("net.json").read_bytes()).run()
    found = texts(boxes(mgraph.path("a.svg").read_bytes())["layer1.neuron2"])
    assert run.data is not None
    assert float(found[5]) == pytest.approx(run.data["layer1.neuron2.out"], rel=1e-5)
    assert found[4::2] == ["data", "grad"]


REFUSED: Final = sorted(
    path for path in (FIXTURES / "reject").rglob("*") if path.suffix in (".json", ".msgpack")
    and not path.name.endswith(".diagnostic.json")
)  # fmt: skip


@shared
def test_what_check_refuses_is_not_drawn(mgraph: Shell, share: float) -> None:
    """Every bad file is refused in the same words, and nothing is written."""
    assert len(REFUSED) > 100
    for path in REFUSED[:: round(1 / share)]:
        checked = mgraph("check", str(path))
        result = mgraph("draw", str(path), "--format", "dot", "-o", "-")
        assert (result.status, result.out, result.err) == (1, "", checked.err), path
        assert checked.status == 1


@shared
def test_what_is_a_graph_is_drawn(mgraph: Shell, share: float) -> None:
    """Every golden graph has a picture as text, and a small one of each folder one as SVG."""
    graphs = [
        path
        for path in sorted(FIXTURES.rglob("*.json"), key=lambda path: path.stat().st_size)
        if "reject" not in path.parts and not path.name.endswith(".diagnostic.json")
    ]
    for path in graphs[:: round(1 / share)]:
        for form in ("dot", "mmd"):
            result = mgraph("draw", str(path), "--format", form, "-o", "-")
            assert result.status == 0, result.err
    for path in {path.parent.name: path for path in reversed(graphs)}.values():
        assert mgraph("draw", str(path), "-o", "a.svg").status == 0


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("--around nothing", "run-node"),
        ("--around x --set x=1", "run-node"),
        ("--set zz=1", "run-node"),
        ("--limit nodes=3", "limit"),
    ],
)
def test_faults_have_codes(mgraph: Shell, line: str, code: str) -> None:
    """Exit 1, a diagnostic that names the file, and no picture."""
    result = mgraph("draw", "neuron.json", "-o", "a.svg", *line.split())
    assert result.status == 1
    assert result.err.startswith("neuron.json")
    assert f"error[{code}]" in result.err
    assert mgraph.files() == ["neuron.json"]


def test_a_picture_that_cannot_be_written(mgraph: Shell) -> None:
    """A folder is no picture."""
    mgraph.path("a.svg").mkdir()
    result = mgraph("draw", "neuron.json", "-o", "a.svg")
    assert result.status == 1
    assert "error[io]: can't write a.svg: it is a folder" in result.err


@pytest.mark.parametrize(("package", "form"), [("pygraphviz", "svg"), ("resvg_py", "png")])
def test_without_the_extra(
    mgraph: Shell, monkeypatch: pytest.MonkeyPatch, package: str, form: str
) -> None:
    """One line says what to install; DOT and Mermaid are written all the same."""

    def found(name: str) -> object:
        return None if name == package else find_spec(name)

    monkeypatch.setattr(native_process, "find_spec", found)
    result = mgraph("draw", "neuron.json", "-o", f"a.{form}")
    assert result.status == 1
    assert result.err == (
        f"error: this picture needs {package}, which is not installed: "
        f"{install('draw')}; .dot and .mmd need nothing\n"
    )
    for text in ("dot", "mmd"):
        assert mgraph("draw", "neuron.json", "-o", f"a.{text}").status == 0


@pytest.mark.parametrize(
    ("message", "library", "install"),
    [
        (  # glibc
            "libgobject-2.0.so.0: cannot open shared object file: No such file or directory",
            "libgobject-2.0.so.0",
            "apt-get install libglib2.0-0",
        ),
        (  # musl
            "Error loading shared library libexpat.so.1: No such file or directory (needed by x)",
            "libexpat.so.1",
            "apt-get install libexpat1",
        ),
        (
            "libodd-3.so: cannot open shared object file: No such file or directory",
            "libodd-3.so",
            "apt-file search libodd-3.so finds it",
        ),
    ],
)
@pytest.mark.parametrize("error", ["ImportError", "OSError"])
def test_a_missing_system_library_is_named(  # noqa: PLR0913, PLR0917 - cases
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    error: str,
    message: str,
    library: str,
    install: str,
) -> None:
    """Where a wheel lacks a library of the system, the message says which and how to get it."""
    script = tmp_path / "native.py"
    script.write_text(f"raise {error}({message!r})")
    monkeypatch.setattr(native_process, "_SCRIPT", script)
    with pytest.raises(MissingExtraError) as refused:
        layout.lay_out([(90.0, 40.0)], [])
    assert str(refused.value) == (
        f"the layout needs the system library {library}, which is not installed; "
        f"on Debian and Ubuntu: {install}"
    )


def test_the_layout_is_that_of_pygraphviz() -> None:
    """Without Pango the boxes are where PyGraphviz puts them, and curves within two pixels.

    Where an arrow meets the half of a box depends by about a pixel on the system's font.
    """
    try:
        from pygraphviz import AGraph  # noqa: PLC0415 - mgraph does without what it loads
    except ImportError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"PyGraphviz loads all of Graphviz: {error}")
    sizes = [(90.0 + 10 * (i % 3), 40.0 + 9 * (i % 4)) for i in range(12)]
    links = [layout.Link(i, j, (i + j) % 2) for i, j in pairwise(range(12))]
    links += [layout.Link(i, i + 4) for i in range(8)]
    dot = "".join(layout._dot(sizes, links))  # noqa: SLF001 - the same question to both
    theirs = layout._read(AGraph(string=dot).draw(format="json0", prog="dot"), 12)  # noqa: SLF001
    ours = layout.lay_out(sizes, links)
    for our, their in zip(ours.centers, theirs.centers, strict=True):
        assert our == pytest.approx(their, abs=2)
    for mine, other in zip(ours.curves, theirs.curves, strict=True):
        assert [*mine[0], *mine[-1]] == pytest.approx([*other[0], *other[-1]], abs=2)


@pytest.mark.skipif(sys.platform != "linux", reason="the wheel for Linux")
def test_a_layout_does_without_pango() -> None:
    """The child loads no library that paints texts: those need more than a bare system has."""
    script = (
        "import sys, mgraph.draw.native as native\n"
        "native.layout(b'digraph { a -> b }')\n"
        "print(open('/proc/self/maps').read())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert "libgvc" in done.stdout
    assert not re.findall(r"libpango|libcairo|libgobject|libX11", done.stdout)


def test_signs_that_no_font_has_are_told(mgraph: Shell) -> None:
    """A PNG with a sign of Unicode's private area says that it could not be shown."""
    nodes = [{"id": "x", "op": "input", "data": 1.0, "label": "a\U0001f3f9\u0d9a\ua9a0"}]
    mgraph.write("a.json", document(nodes, "x"))
    result = mgraph("draw", "a.json", "-o", "a.png")
    assert result.status == 0
    assert result.err == "" or result.err.startswith("note: no font on this machine has ")


def test_the_folder_cannot_lend_modules(tmp_path: Path) -> None:
    """A pygraphviz.py that lies about is not the one that is run."""
    (tmp_path / "neuron.json").write_bytes(NEURON.read_bytes())
    for name in ("pygraphviz.py", "json.py", "resvg_py.py"):
        (tmp_path / name).write_text("raise SystemExit('lent')")
    result = in_shell("mgraph draw neuron.json -o a.png", tmp_path)
    assert (result.status, result.err) == (0, "")


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for the child in /proc")
def test_ctrl_c_ends_the_engine_too(tmp_path: Path) -> None:
    """An interrupted layout leaves no process and no file behind, and says nothing."""
    sizes, links = crowd(2_900)
    args: dict[int, list[str]] = {i: [] for i in range(len(sizes))}
    for link in links:
        args[link.head].append(f"v{link.tail}")
    nodes = [
        {"id": f"v{i}", "op": "sum", "args": of}
        if of
        else {"id": f"v{i}", "op": "input", "data": 1}
        for i, of in args.items()
    ]
    (tmp_path / "a.json").write_bytes(document(nodes, "v2899"))
    command = [SCRIPT, "draw", "a.json", "--fold", "0", "-o", "a.svg"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        child = next(engine_of(parent.pid))
        parent.send_signal(signal.SIGINT)
        _, result = parent.communicate(timeout=20)
    assert parent.returncode == 130
    assert b"Traceback" not in result
    assert not Path(f"/proc/{child}").exists()
    assert sorted(os.listdir(tmp_path)) == ["a.json"]


def engine_of(parent: int) -> Iterator[int]:
    """Yield the child of a process, as soon as it has one that draws."""
    for _ in range(300):
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        for child in children:
            if b"native.py" in Path(f"/proc/{child}/cmdline").read_bytes():
                time.sleep(0.5)
                yield int(child)
        time.sleep(0.05)
