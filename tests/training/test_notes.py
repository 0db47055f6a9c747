"""What `mgraph train` notes: rows, columns and losses that are probably not as meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.command_line import codes
from tests.training.folder import START

if TYPE_CHECKING:
    from tests.command_line import Shell


def test_inputs_without_a_column_are_noted(shell: Shell) -> None:
    """They keep their declared value in every row."""
    shell.write("ys.csv", "y\n1\n2\n")
    said = shell("train", "line.json", "ys.csv", "-o", "run", "--epochs", "1")
    assert said.err == "note: no column for the input x: declared values are used\n"
    shell.write("blank.csv", "y, x, w\n1,2,3\n")
    said = shell("train", "line.json", "blank.csv", "-o", "blank", "--epochs", "1")
    assert 'note: is the column " x" meant for x? Then leave out the blanks, or' in said.err
    assert " w" not in said.err  # it is trained
    shell("new", "--mlp", "1,1", "--loss", "mse", "-o", "net.json")
    said = shell("train", "net.json", "rows.csv", "-o", "net", "--column", "x1=x", "--column",
                 "y=none")  # fmt: skip
    assert 'no column "none" for "y"' in said.err
    shell.write("xs.csv", "x1,kind\n1,a\n2,b\n")
    said = shell("train", "net.json", "xs.csv", "-o", "net")
    assert codes(said) == ["unbound-input"]
    assert "if kind says which class a row is in, --target kind" in said.err
    assert "if it is a number, --column y=kind" in said.err
    assert "x1=" not in said.err
    shell("new", "--mlp", "3,1", "--loss", "mse", "-o", "wide.json")
    shell.write("xs.csv", "X1,x2,kind\n1,1,a\n2,2,b\n")
    said = shell("train", "wide.json", "xs.csv", "-o", "net", "--target", "kind")
    assert codes(said) == ["unbound-input"]
    assert 'the inputs "x1", "x3" have neither' in said.err
    assert 'the table has "X1", "x2", "kind"' in said.err
    assert "--column x1=X1 --column x3=…" in said.err
    assert "--target" not in said.err


def test_a_param_that_reads_a_column_is_noted(shell: Shell) -> None:
    """A param that is not trained takes its values from the column of its name."""
    shell.write("b.csv", "x,y,b\n3,5,1\n0,1,2\n")
    options = ("-o", "run", "--epochs", "1", "--train", "w")
    said = shell("train", "line.json", "b.csv", *options)
    assert said.err.startswith("note: the param b takes its values from the column of its name")
    shell.write("b.csv", "x,y,b\n3,5,1\n0,1,?\n")
    said = shell("train", "line.json", "b.csv", "-o", "other", "--train", "w")
    assert "the param b takes its values from this column: --column b=" in said.err


def test_what_is_odd_about_rows_is_noted(shell: Shell) -> None:
    """Targets that are not classes, and inputs that were standardized in an earlier training."""
    for loss, good, bad, expected in (
        ("hinge", "1\n-1", "1\n0", "y is 1 or -1, but y = 0 in row 1 of"),
        ("cross-entropy", "1\n0", "1\n0.5", "y is 1 or 0, but y = 0.5 in row 1 of"),
    ):
        shell("new", "--mlp", "1,1", "--loss", loss, "-o", "net.json")
        for values, note in ((good, ""), (bad, expected)):
            rows = zip("23", values.split(), strict=True)
            shell.write("ys.csv", "x1,y\n" + "".join(f"{x},{y}\n" for x, y in rows))
            said = shell("train", "net.json", "ys.csv", "-o", f"{loss}{bool(note)}", "--epochs",
                         "1")  # fmt: skip
            assert said.status == 0
            assert note in said.err
            assert bool(note) == bool(said.err)
    shell("new", "--mlp", "1,2", "--loss", "cross-entropy", "-o", "net.json")
    shell.write("ys.csv", "x1,y1,y2\n1,1,0\n2,1,1\n")
    said = shell("train", "net.json", "ys.csv", "-o", "several", "--epochs", "1")
    assert "one of y1, y2 is 1 and the others are 0, but y1 = 1, y2 = 1 in row 1 of" in said.err
    assert shell(*START, "--epochs", "1", "--standardize").err == ""
    said = shell("train", "run/final.json", "rows.csv", "-o", "on", "--epochs", "1")
    assert said.err.startswith("note: the graph was trained on standardized x: add --standardize\n")


def test_a_loss_that_rises_is_pointed_out(shell: Shell) -> None:
    """Short steps down a parabola make the loss smaller, too long ones larger: a note says why."""
    steps = ("--epochs", "3", "--lr")
    assert shell(*START, *steps, "0.01").err == ""
    said = shell(*START[:-1], "long", *steps, "10")
    assert (
        said.err == "note: the loss has risen: the learning rate is too large; try a smaller --lr\n"
    )


def test_gradients_that_are_all_zero_are_pointed_out(shell: Shell) -> None:
    """A relu that a step of 4 switched off, also in batches; not where the loss is 0."""
    shell("new", "h = relu(w*x); e = h - y; L = e*e", "--param", "w=3", "-o", "relu.json")
    shell.write("rows.csv", "x,y\n1,1\n1,1\n1,1\n")
    shell.write("apart.csv", "x,y\n1,1\n-1,1\n-1,1\n")
    train = ("train", "relu.json", "--epochs", "4", "--lr")
    wanted = "note: all gradients were zero in the last epoch: this is a minimum, or"
    assert shell(*train, "1", "rows.csv", "-o", "dead").err.startswith(wanted)
    assert shell(*train, "1", "rows.csv", "-o", "d", "--batch-size", "2").err.startswith(wanted)
    assert shell(*train, "0.5", "rows.csv", "-o", "exact").err == ""  # 3 - 0.5·4 = 1, without loss
    assert shell(*train, "1e-3", "apart.csv", "-o", "off", "--batch-size", "1").err == ""


def test_rows_that_are_left_out_are_named(shell: Shell) -> None:
    """Those without a class, too; and those for validation."""
    shell.write("bad.csv", "x1,kind\n1,a\n?,b\n2,b\n3,NA\n")
    shell("new", "--mlp", "1,1", "--loss", "mse", "-o", "net.json")
    said = shell("train", "net.json", "bad.csv", "-o", "run", "--target", "kind", "--bad-rows",
                 "skip", "--epochs", "1", "--validation", "bad.csv")  # fmt: skip
    note = 'note: bad rows, counted from 0: row 1 of bad.csv ("x1" is missing, not a number, or '
    note += 'too large), row 3 of bad.csv ("kind" is no class)\n'
    assert said.err == note * 2


def test_large_targets_are_noted(shell: Shell) -> None:
    """A network gives numbers near 1: prices are far away, unless it has learned them before."""
    shell("new", "score = w*a + b; loss = (score - y)**2", "--param", "w=2", "--param", "b=1", "-o",
          "line.json")  # fmt: skip
    note = "note: y is about 2.5e+05, but what the graph predicts is about 4 before"  # 2 + 1, 4 + 1
    shell.write("ys.csv", "a,y\n1,200000\n2,-300000\n")
    for name, text, is_noted in (
        ("large", "a,y\n1,200000\n2,-300000\n", True),
        ("few", "a,y\n1,2\n2,-3\n", False),
        ("nan", "a,y\n1,200000\n2,inf\n", False),
        ("inputs", "a,y\n100000,200000\n200000,300000\n", False),
    ):
        shell.write("ys.csv", text)
        said = shell("train", "line.json", "ys.csv", "-o", name, "--epochs", "1", "--lr", "1e-12")
        assert (note in said.err) == is_noted, name
        assert ("divide the column by 100,000, for example" in said.err) == is_noted, name


def test_replay_of_standardized_inputs_is_noted(shell: Shell) -> None:
    """`final.json` takes standardized numbers; `model.json` does it itself, and says nothing."""
    assert shell(*START, "--epochs", "1", "--standardize").status == 0
    for name, note in (("final", "trained on standardized x, and these rows"), ("model", "")):
        said = shell("replay", f"run/{name}.json", "rows.csv", "-o", f"{name}.csv")
        assert said.status == 0
        assert note in said.err
        assert bool(note) == bool(said.err)


def test_a_validation_loss_that_only_rises_is_pointed_out(shell: Shell) -> None:
    """The best epoch is worse than the start, where w·3 + b is 7; the rows ask for another line."""
    shell.write("held.csv", "x,y\n3,7\n")
    options = ("--validation", "held.csv", "--patience", "2", "--lr", "0.01")
    said = shell(*START, *options)
    assert "the validation loss was smaller before the first step, 0, than after" in said.err
    said = shell(*START[:-1], "other", *options[:1], "rows.csv", *options[2:])
    assert "was smaller before" not in said.err
