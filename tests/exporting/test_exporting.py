"""What can be exported, how it is named, what is refused, and that nothing escapes its place."""

from __future__ import annotations

import ast
import io
import json
import keyword
import math
import random
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

import mgraph
from mgraph.exporting import (
    TARGETS,
    c,
    export,
    javascript,
    jax,
    numpy,
    onnx_functions,
    python,
    torch,
)
from mgraph.exporting.c_header import FLAGS
from mgraph.exporting.names import Identifiers, identifier, remark
from mgraph.exporting.onnx_model import OPERATORS, compositions
from mgraph.exporting.words import C
from mgraph.graph.run import EXACT
from mgraph.ops import OPS, ieee
from mgraph.ops.language import body_of, helpers, partial, table
from mgraph.value import Value
from tests.command_line import FIXTURES, HERE, NEURON
from tests.exporting.running import (
    WARNINGS,
    in_c,
    in_javascript,
    in_python,
    module_of,
    random_graph,
)
from tests.loops import looped

if TYPE_CHECKING:
    from pathlib import Path

    from mgraph.ops import Op
    from mgraph.ops.language import Language
    from tests.command_line import Shell

LANGUAGES: dict[str, Language] = {
    module.__name__.rpartition(".")[2]: module.LANGUAGE
    for module in (python, numpy, torch, jax, c, javascript)
}


# --- every op ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_op_can_be_said(name: str) -> None:
    """Each language has a spelling for everything that values, partials and helpers are made of."""
    language = LANGUAGES[name]
    for op, formula in table().items():
        names = {"a": "a", "b": "b", "x": "x", "y": "y"}
        trees = [formula.forward.body, *(partial(formula, k) for k in range(OPS[op].inputs))]
        for tree in trees:
            assert language.expression(tree, names), op
    for helper in helpers().values():
        assert language.expression(ast.parse(getsource_of(helper), mode="eval").body, {"x": "x"})


def getsource_of(helper: ast.FunctionDef) -> str:
    """Return the expression that a helper returns."""
    result = helper.body[-1]
    assert isinstance(result, ast.Return)
    assert result.value is not None
    return ast.unparse(result.value)


def test_what_has_no_spelling_is_named() -> None:
    """A formula that calls something new is not exported silently."""
    tree = ast.parse("ieee.gamma(x)", mode="eval").body
    for language in LANGUAGES.values():
        with pytest.raises(ValueError, match=r"no spelling for 'ieee\.gamma'"):
            language.expression(tree, {"x": "x"})


def lacking(op: Op) -> list[str]:
    """Return the primitives of an op that are neither operators nor composed of them."""
    waiting: list[ast.AST] = [table()[op.name].forward.body]
    names: dict[str, None] = {}
    for tree in waiting:  # grows
        for part in ast.walk(tree):
            name = part.attr if isinstance(part, ast.Attribute) else ""
            if isinstance(part, ast.Name) and part.id in helpers():
                waiting.append(body_of(helpers()[part.id]))
            if name and name not in OPERATORS and name not in compositions():
                names[name] = None
    return [*names]


def test_onnx_lacks_nothing() -> None:
    """Every op is an operator in double precision, or composed of such."""
    assert {name: names for name, op in OPS.items() if (names := lacking(op))} == {}


SPECIAL = (
    0.0,
    -0.0,
    math.inf,
    -math.inf,
    math.nan,
    5e-324,
    -1e-300,
    1e-9,
    1.0,
    -1.0,
    700.5,
    -710.4,
    1e308,
)
COMPOSED: dict[str, tuple[Any, float, float]] = {
    "tan": (math.tan, -20.0, 20.0),
    "log1p": (math.log1p, -0.999, 50.0),
    "expm1": (math.expm1, -50.0, 50.0),
    "sinh": (math.sinh, -710.0, 710.0),
    "cosh": (math.cosh, -710.0, 710.0),
    "atan": (math.atan, -20.0, 20.0),
    "asin": (math.asin, -1.0, 1.0),
    "acos": (math.acos, -1.0, 1.0),
    "erf": (math.erf, -7.0, 7.0),
}
"""What ONNX Runtime lacks, with the C library's function, and a range where it is finite."""


@pytest.mark.parametrize("name", COMPOSED)
def test_composed_functions(name: str) -> None:
    """They are within 6 units in the last place of the C library; ends and edges are as there."""
    function, low, high = COMPOSED[name]
    composed = getattr(onnx_functions, name)
    source = random.Random(name)  # noqa: S311 - scattered, not secret
    for _ in range(3000):
        x = source.uniform(low, high) * 10.0 ** -source.choice((0, 0, 1, 4, 9))
        assert abs(composed(x) - function(x)) <= 6.0 * math.ulp(function(x)), x
    for x in SPECIAL:
        want = getattr(ieee, name)(x)
        assert composed(x) == pytest.approx(want, rel=1e-15, abs=0.0, nan_ok=True), x


def test_composed_angles() -> None:
    """The same for two arguments: every quadrant, axis, infinity and signed zero."""
    for a, b in product(SPECIAL, repeat=2):
        got, want = onnx_functions.atan2(a, b), math.atan2(a, b)
        assert got == pytest.approx(want, rel=1e-15, abs=1e-320, nan_ok=True), (a, b)
        assert want != want or math.copysign(1.0, got) == math.copysign(1.0, want), (a, b)


def test_the_table_of_composed_functions() -> None:
    """It has all of them."""
    assert {*COMPOSED, "atan2", *OPERATORS} == {*python.PRIMITIVES} - {"_odd"}


def test_expressions_keep_their_order() -> None:
    """Parentheses are where another grouping would round differently, or negate twice."""
    for text, want in {
        "a - (b - x)": "a - (b - x)",
        "(a - b) - x": "a - b - x",
        "a * (b * x)": "a * (b * x)",
        "-(-x)": "-(-x)",
        "ieee.div(-a, b * x)": "-a / (b * x)",
        "ieee.div(a, ieee.div(b, x))": "a / (b / x)",
        "(a if a > b or a != a else b) * x": "(a > b || a != a ? a : b) * x",
    }.items():
        tree = ast.parse(text, mode="eval").body
        assert c.LANGUAGE.expression(tree, {"a": "a", "b": "b", "x": "x"}) == want


# --- names ------------------------------------------------------------------------------------

HOSTILE_IDS = (
    "__proto__", "constructor", "toString", "class", "double", "int", "lambda", "self", "seed",
    "grad", "outputs", "leaves", "OUTPUTS", "inf", "nan", "exp", "tanh", "ramp", "relu", "np",
    "torch", "train", "forward", "v", "d", "NAN", "M_PI", "linux", "this", "arguments", "let",
    "await", "eval", "zero", "a.b", "a_b", "a/b", "a-b", "a[1]", "a_1", "d_x", "x", "has_x",
    "_", "__", "_1", "x" * 128, "x" * 127 + "y", "import", "print", "float", "Value", "mgraph",
    "path", "path_2", "given", "starts", "ieee", "power", "math", "name", "value", "i-", "i_",
)  # fmt: skip

HOSTILE_TEXTS = (
    "*/ #error", "/* x", "??/", "\\", "a\nimport os", "a\r#error", "a\u2028b", "\u202e", '"""',
    "'''", "${x}", "`", "-->", "<!--", "-*- coding: utf-7 -*-", "# coding: latin-1", "%s{}{x}",
)  # fmt: skip


HEADERS = (
    "assert", "complex", "ctype", "errno", "fenv", "float", "inttypes", "iso646", "limits",
    "locale", "math", "setjmp", "signal", "stdalign", "stdarg", "stdatomic", "stdbool", "stddef",
    "stdint", "stdio", "stdlib", "stdnoreturn", "string", "tgmath", "threads", "time", "uchar",
    "wchar", "wctype",
)  # fmt: skip
"""The headers of C11."""

ONLY_C = ("stdatomic", "stdnoreturn", "tgmath", "threads")
"""Those of them that programs in C++ can't include."""


def hostile_graph() -> mgraph.Graph:
    """Return a graph whose ids and labels mean something in one language or another."""
    nodes: list[dict[str, Any]] = [
        {"id": name, "op": ("input", "param")[i % 2], "data": 0.5 + i / 64}
        for i, name in enumerate(HOSTILE_IDS)
    ]
    for i, text in enumerate(HOSTILE_TEXTS):
        ids = [node["id"] for node in nodes]
        op = ("tanh", "relu", "sigmoid", "exp", "max")[i % 5]
        args = [ids[-1], ids[i]][: OPS[op].inputs]
        nodes.append({"id": f"y.{i}", "op": op, "args": args, "label": text})
    ids = [node["id"] for node in nodes]
    nodes.append({"id": "L", "op": "sum", "args": [*ids, *ids[:3]]})
    document = {"mgraph": "1.0", "name": HOSTILE_TEXTS[4], "nodes": nodes, "outputs": ["L"]}
    return mgraph.loads(json.dumps(document))


def test_hostile_names_in_python() -> None:
    """Words of the language, names in use, and texts that would end a comment do no harm."""
    graph = hostile_graph()
    run = graph.run()
    for target in ("python", "numpy"):
        _, grad = in_python(graph, target)({}, {})
        assert {*grad} == {*HOSTILE_IDS}
        tolerance = EXACT if target == "python" else mgraph.Tolerance(1e-12)
        assert all(tolerance.allows(float(x), (run.grad or {})[name]) for name, x in grad.items())


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_hostile_names_in_c(tmp_path: Path) -> None:
    """The same in C; the header is also one of C++."""
    graph = hostile_graph()
    _, grad = in_c(graph, tmp_path)({}, {})
    run = graph.run()
    assert all(EXACT.allows(x, (run.grad or {})[name]) for name, x in grad.items())
    if shutil.which("c++"):
        command = ["c++", *WARNINGS.split(), "-fsyntax-only", "-x", "c++", "graph.h"]
        subprocess.run(command, cwd=tmp_path, check=True)


@pytest.mark.parametrize(
    "compiler",
    ["cc -std=c99 -x c", "cc -std=gnu17 -x c", "cc -D_GNU_SOURCE -x c", "c++ -std=gnu++17 -x c++"],
)
def test_c_beside_all_headers(compiler: str) -> None:
    """No macro without arguments of a header of C, as the compiler lists them, is a name.

    gnu17 is the default mode of gcc; it has more of them, such as sa_handler in <signal.h>. With
    _GNU_SOURCE, which compilers of C++ define by themselves, there are still more, such as R_OK.
    """
    command = [*compiler.split(), "-"]
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]}")
    is_c = command[0] == "cc"
    headers = "".join(f"#include <{name}.h>\n" for name in HEADERS if is_c or name not in ONLY_C)
    listing = subprocess.run(
        [*command, "-E", "-dM"], input=headers, capture_output=True, check=True, text=True
    )
    names = re.findall(r"^#define ([A-Za-z]\w*) ", listing.stdout, re.MULTILINE)
    macros = [name for name in names if "__" not in name and not name.endswith("_")]
    assert {"errno", "EOF", "stdin", "SIGINT", "INT_MAX"} <= {*macros}
    assert not is_c or {"I", "complex", "bool"} <= {*macros}
    total = mgraph.sum(Value(1.0, name=name) for name in macros)
    total.name = "total"
    files = export(mgraph.Graph.of(total), "c", name="net").files
    program = headers + (files["net.h"] + (files["net.c"] if is_c else b"")).decode()
    subprocess.run([*command, "-fsyntax-only"], input=program, check=True, text=True)


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_hostile_names_in_javascript(tmp_path: Path) -> None:
    """The same in JavaScript, where objects have inherited properties."""
    graph = hostile_graph()
    ((_, grad),) = in_javascript([(graph, {"__proto__": 0.25, "constructor": 0.75}, {})], tmp_path)
    run = graph.run({"__proto__": 0.25, "constructor": 0.75})
    assert {*grad} == {*HOSTILE_IDS}
    close = mgraph.Tolerance(1e-12)
    assert all(close.allows(x, (run.grad or {})[name]) for name, x in grad.items())


def test_names_are_readable() -> None:
    """A name is the id where that is possible; others are like it, and none is given twice."""
    names = Identifiers(C).claim_all(
        ["a.b", "a_b", "double", "x", "layer1.neuron2.w[3]", "_1", "a-b"]
    )
    assert names == ["a_b_2", "a_b", "double_", "x", "layer1_neuron2_w_3", "n1", "a_b_3"]
    assert identifier("2-3-1") == "n2_3_1"
    assert identifier("Ω", "graph") == "graph"


def test_many_ids_of_one_name() -> None:
    """Names are found in a time that grows with their number."""
    ids = [f"a{'.' * (i % 100)}b{'-' * (i // 100)}" for i in range(5000)]
    assert len({*Identifiers(()).claim_all(ids)}) == 5000


@looped("text", HOSTILE_TEXTS)
def test_remarks(text: str) -> None:
    """A label stays within its comment, whatever the language."""
    shown = remark(text)
    assert shown.isprintable()
    assert not re.search(r"\*/|/\*|\?\?|\\", shown)


def test_names_of_other_modules_are_known() -> None:
    """What Python, or the interpreter of a later version, reserves is not used as a name."""
    for word in (*keyword.kwlist, *keyword.softkwlist):
        assert word in python.RESERVED


# --- micrograd --------------------------------------------------------------------------------


def said_by(program: str) -> dict[str, tuple[float, float]]:
    """Return the values and gradients that a program prints, by id."""
    said = io.StringIO()
    with redirect_stdout(said):
        exec(program, {})  # noqa: S102 - runs what was exported
    rows = (line.split() for line in said.getvalue().splitlines())
    return {name: (float(data), float(grad)) for name, _, data, _, grad in rows}


def test_micrograds_own_values() -> None:
    """A graph of micrograd's ops becomes a program of micrograd's, with its numbers."""
    graph = mgraph.load(FIXTURES / "run" / "lecture" / "loss.json")
    text = export(graph, "micrograd").text
    assert "from micrograd.engine import Value" in text
    (run, *_) = graph.runs
    assert run.data
    assert run.grad
    said = said_by(text)
    assert {name: data for name, (data, _) in said.items()} == {**run.data}
    assert {name: grad for name, (_, grad) in said.items()} == {**run.grad}


@looped("number", range(30))
def test_programs_of_values(number: int) -> None:
    """Other graphs become programs of our Values: the same bits, though consts may be numbers."""
    graph = random_graph(number)
    run = graph.run(seed={graph.outputs[0]: 1.0})
    for name, (data, grad) in said_by(export(graph, "micrograd").text).items():
        assert EXACT.allows(data, (run.data or {})[name]), name
        if name in (run.grad or {}):
            assert EXACT.allows(grad, (run.grad or {})[name]), name


def test_the_program_is_what_a_person_would_write() -> None:
    """Operators, methods, and plain numbers."""
    x, w = Value.input(2.0, name="x"), Value.param(-3.0, name="w")
    graph = mgraph.Graph.of((1.0 - x * w).relu() ** 2)
    lines = export(graph, "micrograd").text.splitlines()
    start = lines.index("x = Value(2.0)")
    assert lines[start - 2 : start + 6] == [
        "from micrograd.engine import Value", "", "x = Value(2.0)", "w = Value(-3.0)", "n2 = x * w",
        "n4 = 1.0 - n2", "n5 = n4.relu()", "n7 = n5 ** 2.0",
    ]  # fmt: skip


# --- arguments and seeds ----------------------------------------------------------------------


def test_numpy_takes_columns() -> None:
    """One number per row, each as if it were alone; gradients of params are per row, too."""
    graph = mgraph.load(NEURON)
    module = module_of(graph, "numpy")
    outputs, grad = module.gradient(x1=[2.0, -1.0, 0.5], x2=0.25)
    for row, x1 in enumerate((2.0, -1.0, 0.5)):
        alone_outputs, alone = module.gradient(x1=x1, x2=0.25)
        assert outputs["o"][row] == alone_outputs["o"]
        assert {name: x[row] for name, x in grad.items()} == alone


def test_helpers_are_written_once() -> None:
    """Also if two places of a primitive call one, as those of pow do."""
    power = Value(2.0, name="x") ** Value(3.0, name="k")
    text = export(mgraph.Graph.of(power), "python").text
    assert text.count("def _odd(") == text.count("def power(") == 1


def test_seeds() -> None:
    """A seed is needed for several outputs, and must be that of an output."""
    graph = mgraph.load(FIXTURES / "run" / "shapes" / "two_outputs.json")
    module = module_of(graph, "python")
    for seed, wrong in ((None, ""), ({}, ""), ({"x": 1.0, "left": 1.0}, ", not x")):
        with pytest.raises(ValueError, match=f"give a seed for one or more of left, right{wrong}$"):
            module.gradient(seed=seed)
    assert module.gradient(seed={"left": 0.0})[1] == {"x": 0.0, "w": 0.0}


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_javascript_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    """Misspelt ids, missing values and wrong seeds are errors that name them."""
    graph = mgraph.load(FIXTURES / "run" / "shapes" / "inputs_without_data.json")
    (tmp_path / "graph.mjs").write_bytes(export(graph, "javascript").data)
    missing = [graph.columns.ids[i] for i in graph.columns.unbound()]
    for call, want in {
        "forward({toString: 1})": "there is no input or param toString",
        "forward({})": f"give a value for {', '.join(missing)}",
    }.items():
        script = f'import {{ forward }} from "./graph.mjs"; {call}'
        command = ["node", "--input-type=module", "-e", script]
        done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
        assert done.returncode == 1
        assert f"TypeError: {want}" in done.stderr


# --- refusals ---------------------------------------------------------------------------------


def test_an_unknown_target() -> None:
    """The error lists what there is."""
    with pytest.raises(ValueError, match="no target 'rust': choose one of python, numpy"):
        export(mgraph.load(NEURON), "rust")


def test_too_many_nodes(mgraph: Shell, tmp_path: Path) -> None:
    """A program that no compiler would finish is refused, by name and number, before it is made."""
    nodes = [{"id": "x", "op": "input", "data": 1}]
    nodes += [{"id": f"n{i}", "op": "neg", "args": [nodes[-1]["id"]]} for i in range(50_000)]
    document = {"mgraph": "1.0", "nodes": nodes, "outputs": [nodes[-1]["id"]]}
    (tmp_path / "long.json").write_text(json.dumps(document), encoding="utf-8")
    for target in TARGETS:
        result = mgraph("export", str(tmp_path / "long.json"), "--to", target, "-o", "-")
        assert (result.status, result.out) == (1, "")
        assert "error[limit]: this graph has 50,001 nodes" in result.err
        assert f"{target} takes at most {TARGETS[target].nodes:,}" in result.err
        assert "compilers and frameworks take too long" in result.err


def test_micrograd_needs_values() -> None:
    """A program with an input that has no value can't be run, so it isn't written."""
    graph = mgraph.load(FIXTURES / "run" / "shapes" / "inputs_without_data.json")
    with pytest.raises(mgraph.GraphError) as refused:
        export(graph, "micrograd")
    assert {each.code for each in refused.value.diagnostics} == {"unbound-input"}


def test_onnx_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package, one line says what to install."""
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(
        ImportError, match=r"exporting to ONNX needs the package onnx: .*\[interop\]"
    ):
        export(mgraph.load(NEURON), "onnx")


# --- the page ---------------------------------------------------------------------------------

PAGE = (HERE.parent / "docs" / "export.md").read_text(encoding="utf-8")


def test_the_page_lists_the_targets() -> None:
    """With their largest graphs, and what extension leads to them."""
    row = r"^\| `(\w+)` \| ([^|]+) \| [^|]+ \| ([0-9,]+)(?: nodes)? \|$"
    rows = re.findall(row, PAGE, re.MULTILINE)
    assert rows == [
        (name, ", ".join(f"`{x}`" for x in extensions) or f"`--to {name}`", f"{each.nodes:,}")
        for name, each in TARGETS.items()
        for extensions in [sorted(each.extensions, reverse=True)]
    ]


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_the_pages_program_in_c(tmp_path: Path) -> None:
    """It compiles beside the exported neuron, and prints the numbers of mgraph."""
    (program,) = re.findall(r"^```c\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    graph = mgraph.load(NEURON)
    for name, content in export(graph, "c", name="neuron").files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "main.c").write_text(program, encoding="utf-8")
    command = ["cc", *FLAGS.split(), *WARNINGS.split(), "main.c", "neuron.c", "-lm", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    said = subprocess.run([tmp_path / "main"], check=True, capture_output=True, text=True).stdout
    run = graph.run(x1=0.5)
    assert [*map(float, said.split())] == [(run.data or {})["o"], (run.grad or {})["w1"]]


# --- the command ------------------------------------------------------------------------------


def test_files_and_their_names(mgraph: Shell, tmp_path: Path) -> None:
    """The extension decides; C has a header beside its source, which includes it."""
    for name, target in {"a.py": "python", "a.mjs": "javascript", "a.js": "javascript"}.items():
        result = mgraph("export", str(NEURON), "-o", str(tmp_path / name), "--json")
        assert result.json == {"wrote": [str(tmp_path / name)], "target": target, "nodes": 10}
    result = mgraph("export", str(NEURON), "-o", str(tmp_path / "my-net.c"))
    assert result.status == 0
    assert {path.name for path in tmp_path.iterdir()} >= {"my-net.c", "my-net.h"}
    assert '#include "my-net.h"' in (tmp_path / "my-net.c").read_text()
    assert "void my_net_forward(" in (tmp_path / "my-net.h").read_text()


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_standard_output_is_one_file(mgraph: Shell, tmp_path: Path) -> None:
    """Header and source one after the other are a source."""
    result = mgraph("export", str(NEURON), "--to", "c", "--name", "brain", "-o", "-")
    (tmp_path / "one.c").write_bytes(result.raw)
    command = ["cc", *FLAGS.split(), *WARNINGS.split(), "-c", "one.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert "void brain_gradient(" in result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "-"], "give --to, one of python, numpy"),
        (["-o", "x.rs"], "give --to, one of"),
        (["-o", "x.h"], "a name that ends in .c"),
        (["-o", str(NEURON), "--to", "c"], "is the graph itself"),
    ],
)
def test_wrong_command_lines(arguments: list[str], message: str, mgraph: Shell) -> None:
    """The exit status is 2, nothing is written, and a message says what to do."""
    result = mgraph("export", str(NEURON), *arguments)
    assert (result.status, result.out) == (2, "")
    assert message in result.err
