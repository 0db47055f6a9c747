"""What the tutorial says of the commonest mistake is what a learner sees who makes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.draw.test_notebook import TUTORIAL, cells

if TYPE_CHECKING:
    import pytest

FORGOTTEN = "    for p in net.params():\n        p.grad = 0.0\n"


def losses(capsys: pytest.CaptureFixture[str], rate: float, *, forget: bool) -> list[float]:
    """Train the tutorial's network from its cells, at a rate near its own."""
    sources = ["".join(cell["source"]) for cell in cells(TUTORIAL) if cell["cell_type"] == "code"]
    program = "\n\n".join(
        source
        for source in sources
        if source.startswith(
            ("import mgraph", "import random", "examples", "def how_wrong", "for step")
        )
    )
    changed = program.replace("0.2 * p.grad", f"{rate} * p.grad")
    assert program.count("0.2 * p.grad") == program.count(FORGOTTEN) == 1
    capsys.readouterr()
    exec(changed.replace(FORGOTTEN, "") if forget else changed, {})  # noqa: S102 - our own cells
    return [float(x) for x in re.findall(r"loss (\d+\.\d+)", capsys.readouterr().out)]


def test_forgetting_to_set_gradients_to_zero(capsys: pytest.CaptureFixture[str]) -> None:
    """With the two lines the loss falls; without them it is higher at each step that is printed.

    In the end two answers are wrong by 2 each, and 2² + 2² is 8. The same happens at rates near by,
    so it does not depend on the last digits of a mathematical library.
    """
    for rate in (0.2, 0.19, 0.21):
        right, wrong = losses(capsys, rate, forget=False), losses(capsys, rate, forget=True)
        assert len(right) == len(wrong) == 6
        assert right == sorted(right, reverse=True)
        assert right[-1] < 0.01
        assert wrong[0] == right[0]
        assert all(loss > 1.5 * wrong[0] for loss in wrong[1:]), (rate, wrong)
        assert wrong[-1] == 2.0**2 + 2.0**2
