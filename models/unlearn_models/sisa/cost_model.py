"""Chooses the cheapest exact way for a batch of deletions, from measured rates.

Setting marks again is worth its time, as the next batch can start from them; but no batch shall cost more than training
everything anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

__all__ = ["Rates", "Way", "Work", "choose", "seconds"]


class Way(Enum):
    """How a shard deletes rows; all ways give the same bytes.

    FORGET uses the learner's inverse; FOLD learns again from the last mark before the rows and sets the later marks
    again; RETRAIN learns all rows again and sets no marks.
    """

    FORGET = "forget"
    FOLD = "fold"
    RETRAIN = "retrain"


@dataclass(frozen=True, slots=True)
class Rates:
    """Seconds to learn one row, to forget one row, to set one mark."""

    learn: float
    forget: float = 0.0
    mark: float = 0.0


@dataclass(frozen=True, slots=True)
class Work:
    """What a batch of deletions takes in one shard; gone, before and after are numbers of rows.

    gone     rows to delete
    before   rows left before the newest mark that is before all rows to delete
    after    rows left behind that mark
    marks    marks to set again behind it
    forgets  whether the learner has an exact inverse
    """

    gone: int
    before: int
    after: int
    marks: int
    forgets: bool


def choose(rates: Rates, works: Sequence[Work], most: float) -> list[Way]:
    """A way for each shard hit, in the order of `works`.

    A shard forgets where that is expected to be cheaper, else it folds.  As long as the batch would take longer than
    learning `most` rows, the shard that saves the most time by it retrains instead.
    """
    ways = [_first(rates, work) for work in works]
    spent = sum(seconds(rates, work, way) for work, way in zip(works, ways, strict=True))
    saved = [
        seconds(rates, work, way) - seconds(rates, work, Way.RETRAIN) for work, way in zip(works, ways, strict=True)
    ]
    for shard in sorted(range(len(works)), key=lambda shard: -saved[shard]):
        if spent <= most * rates.learn or saved[shard] <= 0:
            break
        ways[shard] = Way.RETRAIN
        spent -= saved[shard]
    return ways


def seconds(rates: Rates, work: Work, way: Way) -> float:
    """The time that a way is expected to take, in seconds."""
    if way is Way.FORGET:
        return work.gone * rates.forget
    if way is Way.FOLD:
        return work.after * rates.learn + work.marks * rates.mark
    return (work.before + work.after) * rates.learn


def _first(rates: Rates, work: Work) -> Way:
    if work.forgets and seconds(rates, work, Way.FORGET) <= seconds(rates, work, Way.FOLD):
        return Way.FORGET
    return Way.FOLD
