"""The three plots, each as PNG and SVG; no display is needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from math import log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearn_models.base.cache_folder import cache_folder
from unlearn_study.show.reading import Figures
from unlearn_study.show.series import Costs, Line, Panel, accuracy_panel, cost_panels, cost_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = ["PLOTS", "draw"]

PLOTS = ("cost", "accuracy", "methods")
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Okabe and Ito's palette, which colour-blind people can tell apart too."""
_MARKS = "osD^vP"
_DPI = 130
_NAIVE = "#222222"


def draw(results: Figures, folder: Path) -> list[Path]:
    """Write the plots cost, accuracy and methods into the folder, those for which there are figures.

    Returns the files written, a PNG and an SVG each.
    """
    # Otherwise matplotlib, where there is no home folder, makes a new one at each run and warns; and fontconfig, which
    # it asks for fonts, complains.
    kept = os.environ.setdefault("MPLCONFIGDIR", str(cache_folder("matplotlib") or folder / ".matplotlib"))
    os.environ.setdefault("XDG_CACHE_HOME", kept)
    figures: dict[str, Callable[[], Figure | None]] = {
        "cost": lambda: _cost(cost_panels(results), results["data"]["name"]),
        "accuracy": lambda: _accuracy(accuracy_panel(results), results["data"]["name"]),
        "methods": lambda: _methods(cost_rows(results), results["data"]["name"]),
    }
    return [file for name in PLOTS for file in _save(figures[name](), folder / name)]


def _save(figure: Figure | None, stem: Path) -> list[Path]:
    """Write both files; without a figure, delete those of an earlier run, as they belong to other results."""
    files = [stem.with_suffix(".png"), stem.with_suffix(".svg")]
    if figure is None:
        for file in files:
            file.unlink(missing_ok=True)
        return []
    figure.savefig(files[0], dpi=_DPI)
    figure.savefig(files[1])
    return files


def _figure(width: float, height: float, title: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, fontsize=12)
    return figure


def _cost(panels: Sequence[Panel], data: str) -> Figure | None:
    if not panels:
        return None
    sizes = sorted({x for panel in panels for line in panel.lines for x in line.x})
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    figure = _figure(8.4, 0.8 + 3.3 * rows, f"Cost of deleting a batch: {data}")
    grid: Any = figure.subplots(rows, columns, sharex=True, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        axes.set(xscale="log", yscale="log", title=panel.title, xlabel="deletions in the batch", ylabel="processor ms")
        _lines(axes, panel.lines)
        _plain_log(axes.yaxis, [y for line in panel.lines for y in line.y], axes.set_ylim)
        axes.set_xticks(sizes, [f"{size:,.0f}" for size in sizes])
        axes.tick_params(labelbottom=True)
        axes.minorticks_off()
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    return figure


def _accuracy(panel: Panel, data: str) -> Figure | None:
    if not panel.lines:
        return None
    figure = _figure(7.0, 4.2, f"Accuracy by number of shards: {data}")
    axes = figure.subplots()
    axes.set(xlabel="shards S", ylabel="accuracy (share of test rows)")
    axes.set_xticks(sorted({x for line in panel.lines for x in line.x}))
    _lines(axes, panel.lines)
    _room(axes, [y for line in panel.lines for y in line.y])
    return figure


def _room(axes: Axes, values: Sequence[float]) -> None:
    """Make the axis span two points of accuracy at least, lest noise look like a finding."""
    middle, half = (min(values) + max(values)) / 2, max(0.01, 0.65 * (max(values) - min(values)))
    axes.set_ylim(middle - half, middle + half)


def _methods(rows: Sequence[Costs], data: str) -> Figure | None:
    if not rows:
        return None
    figure = _figure(8.4, 2.0 + 0.45 * len(rows), f"Cost by method, least S and R for one deletion: {data}")
    axes = figure.subplots()
    for at, size in enumerate(sorted({size for row in rows for size in row.ms})):
        own = [(row.ms[size], place) for place, row in enumerate(rows) if size in row.ms]
        label = "1 deletion" if size == 1 else f"batch of {size:,}"
        x, y = zip(*own, strict=True)
        axes.plot(x, y, _MARKS[at], color=_COLOURS[at], markersize=8, label=label)
    rivals = [row.naive_ms for row in rows]
    axes.plot(rivals, range(len(rows)), "|", color=_NAIVE, markersize=22, markeredgewidth=2.5, label="naive refit")
    axes.set(xscale="log", xlabel="processor ms")
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    _plain_log(axes.xaxis, [ms for row in rows for ms in (row.naive_ms, *row.ms.values())], axes.set_xlim)
    axes.grid(visible=True, which="major", color="#dddddd")
    axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=5, fontsize=9, frameon=False)
    return figure


def _plain_log(axis: Axis, values: Sequence[float], limit: Callable[[float, float], object]) -> None:
    """Make a logarithmic axis span two decades at least, labelled with plain numbers."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    low, high = log10(min(values)), log10(max(values))
    spare = max(0.15, 1 - (high - low) / 2)
    limit(10 ** (low - spare), 10 ** (high + spare))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axis.set_minor_formatter(NullFormatter())


def _lines(axes: Axes, lines: Sequence[Line]) -> None:
    colour = -1
    paired = sum(line.naive for line in lines) > 1
    for line in lines:
        colour += not line.naive
        style: dict[str, Any] = {"color": _COLOURS[colour % len(_COLOURS)]}
        if line.naive:
            # Wide and pale, so that a line which coincides with the baseline stays visible.
            style = {"color": style["color"] if paired else _NAIVE, "linestyle": "--", "linewidth": 3.5, "alpha": 0.45}
        else:
            style |= {"marker": _MARKS[colour % len(_MARKS)], "markersize": 5}
        axes.plot(line.x, line.y, label=line.label, **style)
    axes.grid(visible=True, which="major", color="#dddddd")
    axes.legend(fontsize=8, framealpha=0.85)
