"""docs/training.md: complete, and true where a machine can tell."""

from __future__ import annotations

import re

from mgraph.cli.train import command
from mgraph.training.optimizers import Method, Optimizer, optimizer_of
from mgraph.training.schedules import Schedule
from tests.command_line import HERE

PAGE = (HERE.parent / "docs" / "training.md").read_text(encoding="utf-8")
CLUSTER = (HERE.parent / "docs" / "cluster.md").read_text(encoding="utf-8")


def test_every_choice_has_its_formula() -> None:
    """The tables have each optimizer and each schedule; the command offers the same ones."""
    first_cells = re.findall(r"^\| (`[^|]*) \|", PAGE, re.MULTILINE)
    names = [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)]
    assert names == [*Method, *Schedule]
    offered = {option.name: option.type for option in command.params}
    assert [*getattr(offered["optimizer"], "choices", ())] == [*Method]
    assert [*getattr(offered["schedule"], "choices", ())] == [*Schedule]


def test_the_defaults_are_those_of_the_page() -> None:
    """They are those of PyTorch, too."""
    made = Optimizer(Method.ADAM)
    assert (*made.betas, made.eps) == (0.9, 0.999, 1e-8)
    assert "β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸" in PAGE
    assert (optimizer_of("momentum").momentum, optimizer_of("adamw").weight_decay) == (0.9, 0.01)
    assert "μ = 0, or 0.9 for `momentum`" in PAGE
    assert "λ = 0, or 0.01 for `adamw`" in PAGE
    defaults = {option.name: option.default for option in command.params}
    assert (defaults["lr"], "η = 0.001;" in PAGE) == (1e-3, True)


def test_every_option_but_the_common_ones_is_told() -> None:
    """The page has a word on each, or the page about clusters has."""
    common = {"--json", "--limit", "--help", "--math", "--format", "-o", "--out", "--epochs"}
    options = {name for option in command.params for name in option.opts if name.startswith("-")}
    untold = {name for name in options - common if name not in PAGE + CLUSTER}
    assert untold <= {"--lr", "--momentum", "--weight-decay", "--clip"}
