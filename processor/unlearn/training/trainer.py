"""Trainers: a job is a fold (or a forget) over slice files: docs/design.md, section 4. It runs here or in a pool.

What a job learned is summed from the rows themselves, and compared with the sums that the membership kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.partition.cleanups.covers import Covers
from unlearn.partition.jobs import Built, Job, Part, Trained
from unlearn.partition.rates import Spent, Step
from unlearn.partition.rows import Members, deaths
from unlearn.partition.slices.lineage import EMPTY, MODULUS, chain
from unlearn.partition.slices.slot_sums import sum_slots
from unlearn.partition.tables import State
from unlearn.storage.artefacts import Artefact, Store, artefact_name
from unlearn.storage.slice_files import read_slice
from unlearn.storage.state_files import read_state
from unlearn.training.live_states import LiveStates, start_of
from unlearn_models.base.encoding import decode_state, encode_state
from unlearn_models.base.learner import Learner
from unlearn_models.base.learner import State as Arrays
from unlearn_models.folds.fold import Fold, onward

__all__ = ["run"]


def run(
    job: Job,
    learner: Learner,
    store: Store,
    finished: Callable[[], None] = lambda: None,
    live: LiveStates | None = None,
    clock: Clock = MACHINE_CLOCK,
) -> Trained:
    """Do a job: store its states and return them, without registering any.

    `finished` is called after each slice; `live` holds states that this process has trained before. Raises
    StoreUnavailable, ArtefactInvalid, ModelError; StateInvalid where the job's base is gone from the store or spoilt.
    """
    began = clock.perf_counter()
    work = _Run(job, learner, store, finished, live or LiveStates(), clock)
    done = work.forget_and_fold() if learner.forgets else work.fold()
    done.seconds = clock.perf_counter() - began
    return done


class _Run:
    def __init__(
        self,
        job: Job,
        learner: Learner,
        store: Store,
        finished: Callable[[], None],
        live: LiveStates,
        clock: Clock,
    ) -> None:
        self.clock = clock
        self.learner, self.store, self.finished, self.live = learner, store, finished, live
        self.through, self.covers = job.through, Covers(job.covers)
        self.job, held = start_of(job, live, learner.resumes)
        self.result = Trained()
        base = self.job.base[1] if self.job.base else None
        if held is None:
            held = _load(base, learner, store) if base else learner.empty()
        self._start: Arrays = held
        self.lineage, self.rows = (base.lineage, base.rows) if base else (EMPTY, 0)

    @cached_property
    def _fold(self) -> Fold:
        """What the job learns and forgets with: it costs the rows, and `_store` alone costs the state."""
        return onward(self.learner, self._start)

    def fold(self) -> Trained:
        """Learn the slices one after another, and store a state wherever the job keeps one, and at the end."""
        self.result.agrees = self.job.base_lineage in (None, self.lineage)
        for part in self.job.learn:
            live, total = self._learn(part)
            if live:
                self.lineage = chain(self.lineage, part.end, total)
            if part.end in self.job.keep or part is self.job.learn[-1]:
                self._store(part.end)
        return self.result

    def forget_and_fold(self) -> Trained:
        """Forget what died since the base was made, learn the new slices, and store the state at the end."""
        total = int(self.lineage, 16)
        covered = self.job.unburied or 0
        for part in self.job.forget:
            gone, hidden = self._forget(part)
            total, covered = (total - gone) % MODULUS, covered + hidden
        for part in self.job.learn:
            _, learned = self._learn(part)
            total += learned
            covered += self._covered
        self.lineage = f"{total % MODULUS:032x}"
        self.result.agrees &= (total + covered - (self.job.total or 0)) % MODULUS == 0
        self._store(self.through)
        return self.result

    def _learn(self, part: Part) -> tuple[int, int]:
        """Learn the living rows of a slice. Returns (how many, the sum of their slots' hashes)."""
        members, death, covered = self._read(part)
        alive = death >= self.job.applied
        rows = members.take(alive)
        if len(rows):
            began = self.clock.perf_counter()
            self._fold.learn(rows.rows.take(self.learner.accepts(rows.rows)))
            self._spend("learn", len(rows), began)
        total = sum_slots(members.slots[alive])
        self._covered = sum_slots(members.slots[covered & ~alive])
        self.result.agrees &= (total + self._covered - part.expected) % MODULUS == 0
        self.result.rows += len(rows)
        self.rows += len(rows)
        self.finished()
        return len(rows), total

    def _forget(self, part: Part) -> tuple[int, int]:
        """Forget the rows of a slice that died in [base.applied, applied).

        Returns two sums of slots' hashes: of those rows, and of those that an open clean-up is still to bury; with the
        latter are all that died before, too, where the job doesn't say what they sum up to.
        """
        assert self.job.base is not None
        members, death, covered = self._read(part)
        dead = death < self.job.applied
        died_now = dead & (death >= self.job.base[1].applied)
        gone = np.flatnonzero(died_now)
        counted = covered & (dead if self.job.unburied is None else died_now)
        if len(gone):
            began = self.clock.perf_counter()
            rows = members.rows.take(gone)
            self._fold.forget(rows.take(self.learner.accepts(rows)))
            self._spend("forget", len(gone), began)
        self.result.forgotten += len(gone)
        self.rows -= len(gone)
        self.finished()
        return sum_slots(members.slots[gone]), sum_slots(members.slots[counted])

    def _read(self, part: Part) -> tuple[Members, NDArray[np.int64], NDArray[np.bool_]]:
        began = self.clock.perf_counter()
        members = read_slice(self.store, part.file)
        found = deaths(members, part.holes, self.covers)
        self._spend("read", len(members), began)
        return members, *found

    def _spend(self, step: Step, rows: int, began: float) -> None:
        seconds = self.clock.perf_counter() - began
        if step in self.live.taken:
            self.result.spent.setdefault(step, Spent()).add(rows, seconds)
        # The first time has loaded kernels, too: by that pace rows would be learned anew rather than forgotten.
        self.live.taken.add(step)

    def _store(self, through: int) -> None:
        learned = self._fold.state()
        data = encode_state(self.learner, learned)
        artefact = Artefact(self.job.partition, self.job.shard, "state", through, self.job.applied)
        name = artefact_name(artefact, self.job.writer, data)
        self.store.put(name, data)
        digest = hashlib.sha256(data).hexdigest()
        summary = self.learner.summary(learned)
        state = State(self.job.applied, name, digest, self.lineage, self.rows, len(data), summary=summary)
        if self.learner.resumes:
            self.live.last.put(self.job, state, learned)
        else:
            self.live.put(digest, learned)
        self.result.built.append(Built(through, state))


def _load(state: State, learner: Learner, store: Store) -> Arrays:
    return decode_state(learner, read_state(store, state.file, state.digest, state.size or None))
