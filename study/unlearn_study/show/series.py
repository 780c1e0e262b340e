"""The data of the plots, as plain numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from unlearn_study.show.reading import Figures, batches, deletion, family, of_method, refit_s, setting, who

__all__ = ["Costs", "Line", "Panel", "accuracy_panel", "cost_panels", "cost_rows"]


@dataclass(frozen=True, slots=True)
class Line:
    """A labelled line; `naive` marks the baseline, which is drawn dashed."""

    label: str
    x: list[float]
    y: list[float]
    naive: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """The title of one set of axes, and its lines."""

    title: str
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Costs:
    """Milliseconds by size of batch, and of naive retraining."""

    label: str
    ms: dict[int, float]
    naive_ms: float


def cost_panels(results: Figures) -> list[Panel]:
    """A panel for each learner under SISA, one for the forest, one for PU: milliseconds against deletions."""
    groups = [
        *((f"SISA, {family(cells[0])}", _most_slices(cells)) for cells in _by_learner(of_method(results, "sisa"))),
        ("forest (DaRE)", of_method(results, "forest")),
        ("PU", of_method(results, "pu")),
    ]
    return [Panel(name, list(_cost_lines(cells))) for name, cells in groups if cells]


def accuracy_panel(results: Figures) -> Panel:
    """Accuracy against the number of shards, for each learner under SISA beside that of one model."""
    lines = []
    for cells in _by_learner(of_method(results, "sisa")):
        swept = sorted(_most_slices(cells), key=lambda cell: cell["shards"])
        shards = [float(cell["shards"]) for cell in swept]
        lines.append(Line(f"SISA, {family(cells[0])}", shards, [cell["accuracy"] for cell in swept]))
        lines.append(Line(f"one model, {family(cells[0])}", shards, [swept[0]["accuracy_naive"]] * len(swept), True))
    return Panel("accuracy against shards", lines)


def cost_rows(results: Figures) -> list[Costs]:
    """For each method and learner the costs of the setting that deletes one record at the least cost."""
    rows = []
    for method in ("sisa", "forest", "pu"):
        for cells in _by_learner(of_method(results, method)):
            best = min(cells, key=lambda cell: cell["deletions"][0]["ours_s"]["median"])
            rows.append(Costs(who(best), _ms(best, batches([best])), refit_s(best) * 1000))
    return rows


def _ms(cell: Figures, sizes: Sequence[int]) -> dict[int, float]:
    found = {size: deletion(cell, size) for size in sizes}
    return {size: one["ours_s"]["median"] * 1000 for size, one in found.items() if one}


def _by_learner(cells: Sequence[Figures]) -> list[list[Figures]]:
    names = dict.fromkeys(cell["learner"] for cell in cells)
    return [[cell for cell in cells if cell["learner"] == name] for name in names]


def _most_slices(cells: Sequence[Figures]) -> list[Figures]:
    most = max(cell["slices"] for cell in cells)
    return [cell for cell in cells if cell["slices"] == most]


def _cost_lines(cells: Sequence[Figures]) -> Iterator[Line]:
    same_rival = len({(cell["method"], cell["learner"]) for cell in cells}) == 1
    for at, cell in enumerate(cells):
        sizes = batches([cell])
        ms = _ms(cell, sizes)
        label = setting(cell) if same_rival else who(cell)
        yield Line(label, [float(size) for size in ms], list(ms.values()))
        if at == len(cells) - 1 or not same_rival:
            naive = "naive refit" if same_rival else f"naive refit, {family(cell)}"
            yield Line(naive, [float(size) for size in sizes], [refit_s(cell) * 1000] * len(sizes), True)
