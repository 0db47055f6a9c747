"""What a trained graph predicts: `model.json`, classes, and the command that uses them."""

from __future__ import annotations

import math
import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.command_line import Shell


def test_a_trained_network_predicts(shell: Shell) -> None:
    """`model.json` needs no y, and takes rows that are not standardized; the numbers by hand."""
    shell.write("raw.csv", "x,y\n1,1\n2,2\n3,3\n6,4\n")  # mean 3, deviation sqrt(14/4)
    shell.write("new.csv", "x\n1\n7.5\n")
    options = ("--epochs", "2", "--lr", "0.1", "--standardize")
    assert shell("train", "line.json", "raw.csv", "-o", "run", *options).status == 0
    (run,) = shell.document("run/final.json")["runs"]
    b, w = (run["data"][name] for name in ("b", "w"))
    model = shell.document("run/model.json")
    said = shell("replay", "run/model.json", "new.csv", "-o", "-", "--grad", "none")
    assert said.out.splitlines()[0] == f"x,{model['outputs'][0]}"
    scores = [float(text.split(",")[1]) for text in said.out.splitlines()[1:]]
    assert scores == [w * ((x - 3.0) / math.sqrt(3.5)) + b for x in (1.0, 7.5)]
    assert "y" not in [node["id"] for node in model["nodes"]]


def test_a_classifier_predicts(shell: Shell) -> None:
    """The largest of its labelled scores is the predicted class, as often as accuracy says."""
    shell("new", "--mlp", "1,3", "--loss", "cross-entropy", "-o", "net.json")
    shell.write("rows.csv", "size,kind\n-2,a\n-1,a\n0.1,b\n0.2,b\n1,c\n0.3,c\n2.5,c\n")
    said = shell("train", "net.json", "rows.csv", "-o", "run", "--target", "kind", "--column",
                 "x1=size", "--accuracy", "--standardize", "--lr", "1", "--json")  # fmt: skip
    model = shell.document("run/model.json")
    labels = {node["id"]: node.get("label") for node in model["nodes"]}
    assert [labels[name] for name in model["outputs"]] == ["score 1", "score 2", "score 3"]
    scored = shell("replay", "run/model.json", "rows.csv", "-o", "-", "--grad", "none", "--column",
                   "x1=size", "--keep", "kind").out.splitlines()[1:]  # fmt: skip
    rows = [(kind, [float(x) for x in scores]) for kind, *scores in map(split, scored)]
    right = sum(kind == "abc"[scores.index(max(scores))] for kind, scores in rows)
    assert said.json["after"]["accuracy"] == right / 7
    assert right > 4


def test_the_command_that_predicts_takes_the_same_rows(shell: Shell) -> None:
    """It has all options of the training that say how its rows and its graph are read."""
    shell.write("rows.txt", "p,q,kind\n1,2,a\nNA,3,b\n2,5,b\n")
    shell("new", "--mlp", "2,1", "--loss", "mse", "-o", "net.json")
    said = shell(
        "train", "net.json", "rows.txt", "-o", "run", "--column", "x1=p", "--column", "x2=q",
        "--target", "kind", "--bad-rows", "skip", "--format", "csv", "--limit", "text=5000",
        "--epochs", "1",
    )  # fmt: skip
    assert said.status == 0
    (command,) = re.findall(r"^to predict: mgraph (.*)$", said.out, re.MULTILINE)
    scored = shell(*shlex.split(command))
    assert scored.status == 0
    assert scored.out.startswith("wrote scores.csv: 2 rows")
    assert "--limit text=5000" in command


def split(text: str) -> list[str]:
    """Return the cells of a line."""
    return text.split(",")


def test_a_graph_without_targets_predicts_nothing(shell: Shell) -> None:
    """It has no scores, so that there is no `model.json`."""
    shell("new", "loss = (w*x)**2", "--param", "w=1", "-o", "bare.json")
    said = shell("train", "bare.json", "rows.csv", "-o", "run")
    assert said.status == 0
    assert "to predict" not in said.out
    assert "adds one; without, there is no model.json" in said.err
    assert said.err.startswith(
        'note: no input takes the columns "y", "kind": training makes "loss"'
    )
    assert not shell.path("run/model.json").exists()


def test_a_target_of_another_name(shell: Shell) -> None:
    """A node that is named score predicts, whatever the target is called; else a note says why."""
    shell.write("prices.csv", "a,price\n1,2\n2,3\n")
    for score, notes in (("score", 0), ("p", 1)):
        formula = f"{score} = w*a + b; loss = ({score} - price)**2"
        shell("new", formula, "--param", "w=2", "--param", "b=1", "-o", "line.json")
        said = shell("train", "line.json", "prices.csv", "-o", score, "--epochs", "1", "--json")
        assert said.err.count("note: there is no model.json, which predicts") == notes
        assert len(said.json["notes"]) == notes
    (run,) = shell.document("score/final.json")["runs"]
    b, w = (run["data"][name] for name in ("b", "w"))
    said = shell("replay", "score/model.json", "prices.csv", "-o", "-", "--grad", "none")
    header, *lines = said.out.splitlines()
    assert header == "a,price,score"
    assert [float(text.split(",")[2]) for text in lines] == [w + b, w * 2.0 + b]
    assert not shell.path("p/model.json").exists()


def test_nothing_to_predict_from(shell: Shell) -> None:
    """A param that is drawn to a target has no inputs besides: no note misses a model.json."""
    for target in ("y", "price"):
        formula = f"e = w - {target}; L = e*e"
        shell("new", formula, "--param", "w=7", "-o", "parabola.json")
        shell.write("three.csv", f"{target}\n3\n")
        said = shell("train", "parabola.json", "three.csv", "-o", target, "--epochs", "1")
        assert "note" not in said.err


def test_the_class_of_a_score_is_said(shell: Shell) -> None:
    """A squared error draws the score to 0 or 1, so that the classes part at 0.5."""
    shell.write("rows.csv", "x1,kind\n-1,a b\n1,c\n")
    for loss, threshold in (("mse", 0.5), ("cross-entropy", 0.0), ("hinge", 0.0)):
        shell("new", "--mlp", "1,1", "--loss", loss, "-o", "net.json")
        options = ("--target", "kind", "--epochs", "1")
        said = shell("train", "net.json", "rows.csv", "-o", loss, *options)
        assert said.out.splitlines()[-1] == f"the class is c if score > {threshold:g}, else a b"
        assert shell.document(f"{loss}/result.json")["threshold"] == threshold
    shell("new", "--mlp", "1,2", "--loss", "mse", "-o", "net.json")
    said = shell("train", "net.json", "rows.csv", "-o", "two", *options)
    rule = "the class is that of the largest score: score1 → a b, score2 → c"
    assert said.out.splitlines()[-1] == rule
