"""The plot of the table `peers`: seconds per evaluation against nodes, one line per engine."""

from __future__ import annotations

import math
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.peers import ENGINES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.report import Figures
    from benchmarks.store import StoredTable

_KIND: Final = "random"
_COLOURED: Final = ("text.color", "axes.labelcolor", "xtick.color", "ytick.color")
_CLOSE: Final = 3.0
_OURS: Final = ("tape", "value")
_TITLE: Final = "One forward and backward run of a random graph of add, mul and tanh"
_ENDS: Final = "A line ends where building and running took too long, or too much memory."
_GAP: Final = 0.035
"""The smallest distance between labels, as a fraction of the plot's height."""


class Theme(NamedTuple):
    """Colours for one background."""

    back: str
    text: str
    grid: str
    lines: Mapping[str, str]


LIGHT: Final = Theme("#ffffff", "#24292f", "#d0d7de", {
    "tape": "#cf222e", "value": "#e16f24", "micrograd": "#8250df", "torch": "#9a6700",
    "autograd": "#bf3989", "jax": "#1a7f37", "casadi": "#0969da", "c": "#57606a",
})  # fmt: skip
DARK: Final = Theme("#0d1117", "#e6edf3", "#30363d", {
    "tape": "#ff7b72", "value": "#ffa657", "micrograd": "#bc8cff", "torch": "#e3b341",
    "autograd": "#ff9bce", "jax": "#56d364", "casadi": "#79c0ff", "c": "#8b949e",
})  # fmt: skip

THEMES: Final = (LIGHT, DARK)


class Line(NamedTuple):
    """An engine's line.

    Attributes:
        engine: Its name.
        nodes: Sizes of the graphs, ascending.
        seconds: Seconds per evaluation, one per size.
        title: Its label.
    """

    engine: str
    nodes: list[int]
    seconds: list[float]
    title: str


def draw(path: Path, tables: Mapping[str, StoredTable]) -> None:
    """Draw PATH for light backgrounds and PATH-dark for dark ones, if `peers` was measured."""
    if "peers" not in tables:
        return
    lines = [*lines_of(tables["peers"].figures)]
    for theme, target in zip(THEMES, (path, path.with_stem(f"{path.stem}-dark")), strict=True):
        _draw(target, lines, theme, tables["peers"])


def lines_of(figures: Figures) -> Iterator[Line]:
    """Yield the line of each engine that was measured."""
    for name, (title, _) in ENGINES.items():
        rows = [row for row in figures if (row["graph"], row["engine"]) == (_KIND, name)]
        done = [row for row in rows if "evaluate" in row]
        if done:
            nodes, times = ([row[key] for row in done] for key in ("nodes", "evaluate"))
            yield Line(name, nodes, times, title.replace("`", ""))


def _draw(path: Path, lines: Sequence[Line], theme: Theme, table: StoredTable) -> None:
    import_module("matplotlib").use("agg")
    plt = import_module("matplotlib.pyplot")
    with plt.rc_context({**dict.fromkeys(_COLOURED, theme.text), "font.size": 11}):
        figure, axes = plt.subplots(figsize=(9.0, 5.6))
        for line in lines:
            _plot(axes, line, theme)
        axes.set(xscale="log", yscale="log", xlabel="nodes")
        axes.yaxis.set_major_formatter(lambda seconds, _: spelled(seconds))
        axes.xaxis.set_major_formatter(lambda nodes, _: f"{nodes:,.0f}")
        axes.set_title(_TITLE, loc="left", fontsize=12)
        axes.grid(color=theme.grid, linewidth=0.7)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        axes.minorticks_off()
        axes.set_ylim(top=2 * axes.get_ylim()[1])  # room for labels
        _label(axes, lines, theme)
        note = f"{_ENDS} {table.date} · {table.environment}"
        figure.text(0.01, 0.005, note, fontsize=8, alpha=0.85)
        figure.savefig(path, dpi=160, transparent=True, bbox_inches="tight")
        plt.close(figure)


def spelled(seconds: float) -> str:
    """Format a tick of the time axis."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size * 0.99:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def _plot(axes: Any, line: Line, theme: Theme) -> None:  # noqa: ANN401 - matplotlib has no types
    is_ours = line.engine in _OURS
    axes.plot(
        line.nodes, line.seconds, color=theme.lines[line.engine],
        marker="o", markersize=6 if is_ours else 4, linewidth=2.6 if is_ours else 1.5,
        linestyle="--" if line.engine == "c" else "-", zorder=3 if is_ours else 2,
    )  # fmt: skip


def _label(axes: Any, lines: Sequence[Line], theme: Theme) -> None:  # noqa: ANN401 - likewise
    """Label the end of each line; move labels apart that are close to each other.

    A label is right of the end, or above it if another line continues there.
    """
    low, high = (math.log(edge) for edge in axes.get_ylim())
    gap = _GAP * (high - low)
    halo = import_module("matplotlib.patheffects").withStroke(linewidth=3, foreground=theme.back)
    below: dict[int, float] = {}
    for line in sorted(lines, key=lambda line: line.seconds[-1]):
        end = line.nodes[-1]
        height = max(math.log(line.seconds[-1]), below.get(end, -math.inf) + gap)
        below[end] = height
        is_above = any(_continues_near(other, line) for other in lines)
        axes.annotate(
            line.title, (end, math.exp(height)), textcoords="offset points", path_effects=[halo],
            xytext=(0, 7) if is_above else (9, 0), ha="center" if is_above else "left",
            va="bottom" if is_above else "center", color=theme.lines[line.engine], zorder=4,
            fontweight="bold" if line.engine in _OURS else "normal", annotation_clip=False,
        )  # fmt: skip


def _continues_near(other: Line, line: Line) -> bool:
    """Return whether another line continues close to the end of a line."""
    end = line.nodes[-1]
    if end not in other.nodes or other.nodes[-1] == end:
        return False
    factor = other.seconds[other.nodes.index(end)] / line.seconds[-1]
    return 1 / _CLOSE < factor < _CLOSE
