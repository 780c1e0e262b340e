"""What the figures say about the study's claim that exact unlearning costs more than naive retraining."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unlearn_study.show.reading import Figures, compared, family, measured, refit_s, setting, who

__all__ = ["findings", "inexact", "verdict"]


_EVEN = 1.1
"""Costs within this ratio count as equal: timings are no more precise."""


@dataclass(frozen=True, slots=True)
class _Bout:
    """One method's setting against naive retraining in one kind of batch; ratio: naive's cost over its own."""

    cell: Figures
    what: str
    ratio: float


def inexact(results: Figures) -> list[str]:
    """Names of the cells whose states, after some deletion, were not byte for byte those of a retrained model."""
    return [cell["name"] for cell in measured(results) if not all(one["equal"] for one in compared(cell))]


def verdict(results: Figures) -> str:
    """One sentence on whether the figures bear out the claim."""
    bouts = _bouts(results)
    if not bouts:
        return "Nothing was measured beside naive retraining."
    won = sum(bout.ratio > _EVEN for bout in bouts)
    lost = sum(bout.ratio < 1 / _EVEN for bout in bouts)
    if won == len(bouts):
        return f"The claim does not hold here: unlearning was cheaper in all {won} comparisons."
    if lost == len(bouts):
        return f"The claim holds here: unlearning was dearer in all {lost} comparisons."
    return (
        f"The claim holds for some settings only: of {len(bouts)} comparisons, a method's setting and a kind of batch "
        f"each, unlearning was cheaper in {won}, dearer in {lost} and within {_EVEN - 1:.0%} in the rest."
    )


def findings(results: Figures) -> list[str]:
    """Sentences: where each method and learner is cheaper or dearer than retraining; accuracy, memory, exactness."""
    bouts = _bouts(results)
    kinds = list(dict.fromkeys((bout.cell["method"], bout.cell["learner"]) for bout in bouts))
    lines = []
    for method, learner in kinds:
        own = [bout for bout in bouts if (bout.cell["method"], bout.cell["learner"]) == (method, learner)]
        lines += [_best(own, what) for what, _ in _named(own[0].cell)]
    return [*lines, *_across(results), *_sharding(results), *_memory(results), _exactness(results)]


def _bouts(results: Figures) -> list[_Bout]:
    return [
        _Bout(cell, what, one["naive_s"]["median"] / one["ours_s"]["median"])
        for cell in measured(results)
        if cell["method"] != "naive"
        for what, one in _named(cell)
    ]


def _named(cell: Figures) -> list[tuple[str, Figures]]:
    """One deletion of any age, one of a recent record, then the batches."""
    one, *more = cell["deletions"]
    named = [(f"A batch of {batch['count']:,}", batch) for batch in more]
    return [("One deletion", one), ("One recent deletion", cell["recent"]), *named]


def _best(own: Sequence[_Bout], what: str) -> str:
    among = [bout for bout in own if bout.what == what]
    best, worst = (pick(among, key=lambda bout: bout.ratio) for pick in (max, min))
    line = f"{what}, {who(best.cell)}: {_against(best.ratio)}"
    if len(among) > 1:
        line += f"; the worst setting, {setting(worst.cell)}, {_against(worst.ratio)}"
    return line + "."


def _against(ratio: float) -> str:
    if 1 / _EVEN <= ratio <= _EVEN:
        return "as dear as the naive refit"
    times, what = (ratio, "cheaper") if ratio >= 1 else (1 / ratio, "dearer")
    return f"{f'{times:,.0f}' if times >= 100 else f'{times:.3g}'} times {what} than the naive refit"


def _across(results: Figures) -> Iterator[str]:
    """A sentence that compares learners: they differ more than methods, so a ratio within one learner may mislead."""
    cells = [cell for cell in measured(results) if cell["method"] != "naive"]
    if len({cell["learner"] for cell in cells}) > 1:
        least, refit = min(cells, key=_one), min(cells, key=refit_s)
        yield (
            f"Across learners: one deletion is cheapest with {who(least)}, {_one(least) * 1000:.3g} ms; "
            f"the cheapest refit, that of {family(refit)}, takes {refit_s(refit) * 1000:.3g} ms for any batch."
        )


def _one(cell: Figures) -> float:
    return float(cell["deletions"][0]["ours_s"]["median"])


def _sharding(results: Figures) -> Iterator[str]:
    sisa = [cell for cell in measured(results) if cell["method"] == "sisa"]
    for learner in dict.fromkeys(cell["learner"] for cell in sisa):
        own = [cell for cell in sisa if cell["learner"] == learner]
        most = max(own, key=lambda cell: cell["shards"])
        lost = 100 * (most["accuracy_naive"] - most["accuracy"])
        change = f"{'costs' if lost >= 0 else 'gains'} {abs(lost):.2f} points of accuracy"
        yield f"Sharding {family(most)} {most['shards']} ways {change} ({most['accuracy']:.4f})."


def _memory(results: Figures) -> Iterator[str]:
    cells = [cell for cell in measured(results) if cell["method"] != "naive"]
    if cells:
        most = max(cells, key=lambda cell: cell["memory_bytes"] / cell["memory_bytes_naive"])
        times = most["memory_bytes"] / most["memory_bytes_naive"]
        yield f"Most memory: {most['name']} holds {times:.2g} times what its naive refit holds, training rows in both."


def _exactness(results: Figures) -> str:
    wrong = inexact(results)
    times = sum(one["compared"] for cell in measured(results) for one in compared(cell))
    if wrong:
        return f"NOT EXACT: after deletions the states of {', '.join(wrong)} are not those of a retrained model."
    return f"In all {times:,} comparisons every state was byte for byte that of a model retrained without the rows."
