"""What is served at one moment: the merged partitions that may be, and answers that say which those were."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from unlearn.errors import AnswerInvalid, NotEnough
from unlearn.results.manifest import Manifest
from unlearn.scoring.loader import Digested
from unlearn_models.base.errors import BadRows
from unlearn_models.base.learner import Ensemble, Learner, State
from unlearn_models.base.rows import Rows
from unlearn_models.text.hashing import hash_texts

__all__ = ["Answer", "Ensembles", "Merged", "Served", "check_answerable", "check_quorum", "is_answerable", "version_of"]

_APART = 1e-6
"""How far from 1 the sum of a row's probabilities may be."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Probabilities (n, classes), the version that gave them, and the partitions that had no part in them.

    `content`: the digest of the states that gave them, see `unlearn.scoring.content`. `lease_ends`: when that version
    may be served no longer, by this machine's clock; None where no lease is asked for. `learned`: as of `Served`.
    """

    scores: NDArray[np.float64]
    classes: tuple[str, ...]
    version: int | None
    left_out: tuple[int, ...]
    content: str = ""
    lease_ends: datetime | None = None
    learned: bool = True

    def labels(self) -> list[str]:
        """The likeliest class of each row; of equal ones the first."""
        return [self.classes[best] for best in self.scores.argmax(axis=1)]


@dataclass(frozen=True, slots=True)
class Served:
    """One version of the model, which later ones don't change. Safe to use from several threads.

    It gives no answer once its lease has ended.
    """

    learner: Learner
    ensemble: Ensemble
    version: int | None
    """Results offset of the newest manifest merged; None before the first."""
    left_out: tuple[int, ...]
    content: str = ""
    until: float | None = None
    """Monotonic seconds at which its lease ends; None where no lease is asked for."""
    clock: Callable[[], float] = time.monotonic
    learned: bool = True
    """Whether it has learned anything: if not, it gives each class the same score."""

    @property
    def lease_ends(self) -> datetime | None:
        """When its lease ends, by this machine's clock."""
        return None if self.until is None else datetime.now(UTC) + timedelta(seconds=self.until - self.clock())

    def scores(self, inputs: Sequence[str] | Rows) -> Answer:
        """The probabilities (n, classes) of n texts, or of rows of features.

        Raises AnswerInvalid, unlearn_models.BadRows; NotEnough once its lease has ended.
        """
        rows = inputs if isinstance(inputs, Rows) else _rows(inputs, self.learner.n_features)
        with np.errstate(all="ignore"):  # numbers that are no probabilities are found below
            scores = self.ensemble.scores(rows)
        _check_probabilities(scores, len(rows), len(self.learner.classes))
        # Asked last: an answer that took long must not come out after the lease.
        if self.until is not None and self.clock() >= self.until:
            raise NotEnough("the lease of this version has ended: ask the scorer for what is served now", self.left_out)
        told = self.learner.classes, self.version, self.left_out, self.content, self.lease_ends, self.learned
        return Answer(scores, *told)

    def predict(self, inputs: Sequence[str] | Rows) -> list[str]:
        """The likeliest label of each input. Raises as `scores` does."""
        return self.scores(inputs).labels()


@dataclass(frozen=True, slots=True)
class Merged:
    """A partition's manifest with its states loaded, and what is known of its owner."""

    manifest: Manifest
    offset: int
    states: tuple[Digested, ...]
    vouched_at: float | None
    """Monotonic seconds at which its owner is known to have held its token; None if that isn't known."""
    newest_owner: bool
    """Whether no higher counter has been seen."""

    def leased(self, now: float, lease: float) -> bool:
        """Whether it may be served at `now`: its owner is the newest, and vouched for it within the last `lease`
        seconds."""
        return self.newest_owner and now < self.leased_until(lease)

    def leased_until(self, lease: float) -> float:
        """Monotonic seconds at which its lease ends; minus infinity if it is vouched for by nobody."""
        return -math.inf if self.vouched_at is None else self.vouched_at + lease

    def covers(self, end: int) -> bool:
        """Whether its owner is the newest and it has applied all of a log that ends at `end`."""
        return self.newest_owner and self.manifest.applied >= end

    def why_not_leased(self) -> str:
        """Why it isn't leased, for a message."""
        return "no heartbeat within the lease" if self.newest_owner else "its owner was replaced"

    def why_not_covering(self) -> str:
        """Why it doesn't cover the log, for a message."""
        return "its manifest does not cover the log's end" if self.newest_owner else "its owner was replaced"


def version_of(merged: Mapping[int, Merged]) -> int | None:
    """The results offset of the newest manifest merged; None without any."""
    return max((one.offset for one in merged.values()), default=None)


def check_quorum(partitions: int, left_out: Mapping[int, str], share: float) -> None:
    """Raises NotEnough if less than this share of all partitions is served, or none at all.

    `left_out`: partition -> why it isn't served.
    """
    served = partitions - len(left_out)
    needed = max(1, math.ceil(share * partitions - 1e-9))
    if served < needed:
        raise NotEnough(
            f"{served} of {partitions} partitions can be served, the quorum is {needed}; "
            f"left out: {_by_reason(left_out)}",
            tuple(sorted(left_out)),
        )


def is_answerable(served: Iterable[Merged], left_out: tuple[int, ...]) -> bool:
    """Whether a shard that is served has a state, or all of the model is known to have no rows.

    Without rows its answer is the uniform one, and right.
    """
    served = list(served)
    if any(one.states for one in served):
        return True
    entries = (entry for one in served for entry in one.manifest.shards)
    return not left_out and all(entry.status in ("empty", "current") for entry in entries)


def check_answerable(served: Iterable[Merged], left_out: tuple[int, ...]) -> None:
    """Raises NotEnough unless it `is_answerable`."""
    if not is_answerable(served, left_out):
        raise NotEnough("no shard that can be served has a state: all are left out, or not trained yet", left_out)


def _by_reason(left_out: Mapping[int, str]) -> str:
    found: dict[str, list[str]] = {}
    for partition, reason in sorted(left_out.items()):
        found.setdefault(reason, []).append(str(partition))
    return "; ".join(f"{', '.join(partitions)} ({reason})" for reason, partitions in found.items())


def _check_probabilities(scores: NDArray[np.float64], rows: int, classes: int) -> None:
    """Raises AnswerInvalid unless they are (rows, classes) numbers in 0..1, each row's adding up to 1."""
    if scores.shape != (rows, classes):
        raise AnswerInvalid(f"the model's answer has the shape {scores.shape}, not {(rows, classes)}", 0)
    good = ((scores >= 0) & (scores <= 1)).all(axis=1) & (np.abs(scores.sum(axis=1) - 1) <= _APART)
    if not good.all():
        row = int(np.argmin(good))
        raise AnswerInvalid(f"what the model says of input {row + 1} of {rows} is no probability", row)


class Ensembles:
    """Makes the ensemble of a set of states once, and keeps the last few. Safe to use from several threads."""

    _KEPT = 2

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._lock = threading.Lock()
        self._made: dict[tuple[str, ...], Ensemble] = {}

    def of(self, states: Sequence[Digested]) -> Ensemble:
        """The ensemble of these states, in their order; the same states give the same one."""
        key = tuple(digest for digest, _ in states)
        with self._lock:
            found = self._made.get(key)
        # Made outside of the lock, so that others can go on scoring with those that are there.
        return found if found is not None else self._add(key, [state for _, state in states])

    def _add(self, key: tuple[str, ...], states: list[State]) -> Ensemble:
        ensemble = self._learner.ensemble(states)
        with self._lock:
            self._made[key] = ensemble
            while len(self._made) > self._KEPT:
                del self._made[next(iter(self._made))]
        return ensemble


def _rows(texts: Sequence[str], n_features: int) -> Rows:
    # A text alone is a sequence of texts too: of one letter each, for which there would be answers.
    if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
        raise BadRows("give a list of texts, one text too, or rows of features")
    return Rows(np.full(len(texts), -1, np.int32), *hash_texts(texts, n_features))
