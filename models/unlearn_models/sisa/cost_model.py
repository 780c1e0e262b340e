"""Which exact way is the cheapest for a batch of deletions: measured rates choose.

Marks are worth setting again, as the next batch starts from them; but no batch shall cost more than training
everything anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

__all__ = ["Rates", "Way", "Work", "choose", "seconds"]


class Way(Enum):
    """All give the same bytes.  A fold goes on from a mark and sets the later ones again; a retraining sets none."""

    FORGET = "forget"
    FOLD = "fold"
    RETRAIN = "retrain"


@dataclass(frozen=True, slots=True)
class Rates:
    """Seconds to learn a row, to forget one, to set a mark again."""

    learn: float
    forget: float = 0.0
    mark: float = 0.0


@dataclass(frozen=True, slots=True)
class Work:
    """What a batch means for one shard, in rows.

    gone     rows to delete
    before   rows before the newest usable mark
    after    rows behind the newest usable mark
    marks    marks to set again on the way from there
    forgets  whether the learner has an exact inverse
    """

    gone: int
    before: int
    after: int
    marks: int
    forgets: bool


def choose(rates: Rates, works: Sequence[Work], most: float) -> list[Way]:
    """A way for each shard hit; marks are set again as long as the batch takes no more than to learn `most` rows.

    Shards forget where that is cheaper, else fold; where the sum is too much, those that retraining helps most
    retrain.
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
    """What a way is expected to take."""
    if way is Way.FORGET:
        return work.gone * rates.forget
    if way is Way.FOLD:
        return work.after * rates.learn + work.marks * rates.mark
    return (work.before + work.after) * rates.learn


def _first(rates: Rates, work: Work) -> Way:
    if work.forgets and seconds(rates, work, Way.FORGET) <= seconds(rates, work, Way.FOLD):
        return Way.FORGET
    return Way.FOLD
