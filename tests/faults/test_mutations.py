"""`verify --from-log` sees each way of learning something else than the log says.

The real worker runs with the mutation in it, so that the wrong manifest is really published. Where the
lineage net catches it first, that is asserted, and the net is taken away to see the verification catch it too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.faults.history import play
from tests.harness.memory_harness import MemoryHarness
from unlearn import learners
from unlearn.events.partitioner import Digests
from unlearn.ingest.planning.deletions import Deletions
from unlearn.ingest.planning.inserts import Inserts
from unlearn.maintenance import rewrite
from unlearn.partition.ledger import Ledger
from unlearn.publishing import compose
from unlearn.state.entries import NO_TOMB, Entry, Pair
from unlearn.storage import slice_writer
from unlearn.storage.artefacts import Artefact
from unlearn.storage.slice_files import read_slice
from unlearn.training import pool, schedule, trainer
from unlearn_models import Rows, State

BOTH = ("naive-bayes", "linear")
FOLD = ("linear",)

Patch = pytest.MonkeyPatch


class Mutation(NamedTuple):
    put_in: Callable[[Patch], None]
    learners: tuple[str, ...] = BOTH
    """Where it changes anything at all."""
    netted: tuple[str, ...] = ()
    """Where the lineage net catches it."""


def lost_deletion(patch: Patch) -> None:
    patch.setattr(Deletions, "_strike", lambda _, offset, record, tag, pair, tomb: pair)


def extra_row(patch: Patch) -> None:
    def learning(rows: Rows) -> Rows:
        return Rows.concat([rows, rows.take(np.arange(len(rows)) == 0)])

    _learn_other(patch, lambda run, rows: learning(rows))


def swapped(patch: Patch) -> None:
    _learn_other(patch, lambda run, rows: rows.take(np.array([1, 0, *range(2, len(rows))])) if len(rows) > 1 else rows)


def older_checkpoint(patch: Patch) -> None:
    def newest(view: Any, shard: int) -> Any:
        states = view.shard_states(shard)
        return (states[-1][0], states[max(0, len(states) - 2)][1]) if states else None

    patch.setattr(schedule, "_newest", newest)


def moved_edge(patch: Patch) -> None:
    end_slice = Ledger.end_slice
    patch.setattr(Ledger, "end_slice", lambda self, end: end_slice(self, end - 1))


def learned_twice(patch: Patch) -> None:
    def insert(self: Any, item: Any) -> None:
        pair = _pair(self, item)
        if pair is not None and pair.slot >= 0 and pair.revision == item.revision:
            self._accept(item, item.who.subject[8:14], Pair())
        else:
            original(self, item)

    original = Inserts.insert
    patch.setattr(Inserts, "insert", insert)


def superseded_kept(patch: Patch) -> None:
    accept = Inserts._accept
    patch.setattr(Inserts, "_accept", lambda self, item, tag, pair: accept(self, item, tag, Pair()))


def tombstone_ignored(patch: Patch) -> None:
    def insert(self: Any, item: Any) -> None:
        entry, pair = self._batch._records.get(item.who.record), _pair(self, item)
        if entry and pair is not None:
            pairs = {**entry.pairs, item.who.subject[8:14]: pair._replace(tomb=NO_TOMB)}
            self._batch._records[item.who.record] = Entry(NO_TOMB, pairs)
        original(self, item)

    original = Inserts.insert
    patch.setattr(Inserts, "insert", insert)


def subject_tombstone_ignored(patch: Patch) -> None:
    def insert(self: Any, item: Any) -> None:
        known = self._batch._subjects.get(item.who.subject)
        if known is not None:
            self._batch._subjects[item.who.subject] = known._replace(dead=False)
        original(self, item)

    original = Inserts.insert
    patch.setattr(Inserts, "insert", insert)


def hole_dropped(patch: Patch) -> None:
    """The file that is written again keeps its dead rows, their holes go all the same."""

    def write(self: Any, artefact: Artefact, old: str, holes: Any, writer: str) -> Any:
        members = read_slice(self._store, old)
        filed = slice_writer.write_slice(self._store, artefact, writer, members)
        return [filed._replace(slots=filed.slots - frozenset(holes))]

    patch.setattr(rewrite.Rewriter, "_write", write)


def other_key(patch: Patch) -> None:
    other = Digests(b"another secret of 16 bytes or more")
    patch.setattr(Digests, "subject", lambda self, subject: Digests.record(other, subject))


def other_shard(patch: Patch) -> None:
    valid = compose._valid
    patch.setattr(compose, "_valid", lambda view, shard, forgets: valid(view, 1 - shard, forgets))


def version_seed(patch: Patch) -> None:
    def shuffled(run: Any, rows: Rows) -> Rows:
        order = list(range(len(rows)))
        random.Random(run.job.writer).shuffle(order)
        return rows.take(np.array(order, np.intp))

    _learn_other(patch, shuffled)


MUTATIONS = MappingProxyType(
    {
        "a lost deletion": Mutation(lost_deletion),
        "an extra row": Mutation(extra_row),
        "two rows swapped": Mutation(swapped, FOLD),  # naive Bayes counts in any order
        "checkpoint k taken for k-1": Mutation(older_checkpoint, FOLD, netted=FOLD),  # naive Bayes keeps one state
        "a slice edge moved by one": Mutation(moved_edge),
        "a duplicate learned twice": Mutation(learned_twice),
        "a superseded row kept": Mutation(superseded_kept),
        "a record's tombstone ignored": Mutation(tombstone_ignored),
        "a subject's tombstone ignored": Mutation(subject_tombstone_ignored),
        "a hole dropped at rewriting": Mutation(hole_dropped, FOLD, netted=FOLD),
        "a subject hashed with another key": Mutation(other_key),
        "another shard's state": Mutation(other_shard),
        "a seed from the version": Mutation(version_seed, FOLD),
    }
)
CASES = [(name, learner) for name, mutation in MUTATIONS.items() for learner in mutation.learners]


def _pair(inserts: Any, item: Any) -> Pair | None:
    entry = inserts._batch._records.get(item.who.record)
    return entry.pairs.get(item.who.subject[8:14] if item.who.subject else b"") if entry else None


class _Learning:
    """A learner that is given other rows than the job has."""

    onward = None

    def __init__(self, run: Any, change: Callable[[Any, Rows], Rows]) -> None:
        self._run, self._inner, self._change = run, run.learner, change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def learn(self, state: State, rows: Rows) -> State:
        return self._inner.learn(state, self._change(self._run, rows))  # type: ignore[no-any-return]


def _learn_other(patch: Patch, change: Callable[[Any, Rows], Rows]) -> None:
    begin = trainer._Run.__init__

    def __init__(self: Any, *args: Any) -> None:  # noqa: N807
        begin(self, *args)
        self.learner = _Learning(self, change)

    patch.setattr(trainer._Run, "__init__", __init__)


def without_net(patch: Patch) -> None:
    """What a job learned is believed, whatever the membership says."""
    run = trainer.run

    def believed(*args: Any, **more: Any) -> Any:
        trained = run(*args, **more)
        trained.agrees = True
        return trained

    patch.setattr(pool, "run", believed)


@contextmanager
def a_site(redis_url: str, folder: Path, learner: str, **changed: Any) -> Iterator[MemoryHarness]:
    harness = MemoryHarness(redis_url, folder, learner, **changed)
    try:
        yield harness
    finally:
        harness.close()


@pytest.mark.parametrize("learner", BOTH)
def test_the_history_takes_every_path_and_is_equal(redis_url: str, tmp_path: Path, learner: str) -> None:
    with a_site(redis_url, tmp_path, learner) as harness:
        play(harness)

        assert harness.verify().exit_code == 0
        must = {"updates", "repeated", "dead_on_arrival", "rewritten", "subjects_deleted", "tails", "collected"}
        must.add("rows_forgotten" if learner == "naive-bayes" else "retrained_from_checkpoint")
        assert not [name for name in must if not harness.count(name)]
        assert harness.count("lineage_mismatches") == 0
        assert all(shard.rows for shard in harness.verify().shards)


@pytest.mark.parametrize(("name", "learner"), CASES)
def test_a_mutation_is_seen(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, learner: str
) -> None:
    mutation = MUTATIONS[name]
    mutation.put_in(monkeypatch)
    if learner in mutation.netted:
        without_net(monkeypatch)
    with a_site(redis_url, tmp_path, learner) as harness:
        play(harness)
        report = harness.verify()

    assert report.exit_code == 1
    assert "different" in {shard.verdict for shard in report.shards}
    assert harness.count("lineage_mismatches") == 0


@pytest.mark.parametrize(("name", "learner"), [(n, le) for n, m in MUTATIONS.items() for le in m.netted])
def test_a_wrong_fold_is_caught_by_its_lineage_before_it_is_published(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, learner: str
) -> None:
    MUTATIONS[name].put_in(monkeypatch)
    with a_site(redis_url, tmp_path, learner) as harness:
        play(harness)

        assert harness.count("lineage_mismatches") > 0
        assert "different" not in {shard.verdict for shard in harness.verify().shards}


class _Stepping:
    """A learner that counts its steps in the state, as an optimiser would."""

    onward = None

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def learn(self, state: State, rows: Rows) -> State:
        learned = dict(self._inner.learn(state, rows))
        learned["bias_squares"] = learned["bias_squares"] + 1.0
        return learned


@pytest.mark.parametrize("mutated", [False, True])
def test_an_empty_slice_that_calls_learn_is_seen(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutated: bool
) -> None:
    """Ours answer an empty slice with the same state, so it takes one that wouldn't."""
    calls = _learn_from_empty_slices(monkeypatch) if mutated else []
    monkeypatch.setattr("unlearn.verification.subject.learner_of", lambda s: _Stepping(learners.learner_of(s)))
    monkeypatch.setattr("tests.harness.memory_harness.learner_of", lambda s: _Stepping(learners.learner_of(s)))
    with a_site(redis_url, tmp_path, "linear") as harness:
        play(harness)
        report = harness.verify()

    assert report.exit_code == int(mutated)
    assert bool(calls) == mutated


def _learn_from_empty_slices(patch: Patch) -> list[int]:
    calls: list[int] = []
    learn = trainer._Run._learn

    def always(self: Any, part: Any) -> Any:
        live, total = learn(self, part)
        if not live:
            calls.append(part.end)
            self._fold.learn(Rows.empty())
        return live, total

    patch.setattr(trainer._Run, "_learn", always)
    return calls
