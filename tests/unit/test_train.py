"""A job: what it learns and forgets, and that it finds out when rows and membership differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.rows_by_hand import ANN, BOB, members
from unlearn.errors import ArtefactInvalid
from unlearn.partition.jobs import Job, Part, Trained
from unlearn.partition.slices.lineage import EMPTY, chain
from unlearn.partition.slices.slot_sums import sum_slots
from unlearn.partition.tables import State
from unlearn.storage.artefacts import FolderStore
from unlearn.storage.slice_files import encode_slice
from unlearn.training.live_states import LastStates, LiveStates
from unlearn.training.trainer import run
from unlearn_models import Learner, Rows, digest, make_learner

FOLD = make_learner("linear", ("ham", "spam"), 64)
COUNTS = make_learner("naive-bayes", ("ham", "spam"), 64)
FIRST, SECOND = ((1, ANN), (2, BOB), (3, b"")), ((11, ANN), (12, b""))


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    found = FolderStore(tmp_path)
    found.put("first", encode_slice(10, 10, members(*FIRST)))
    found.put("second", encode_slice(20, 20, members(*SECOND)))
    return found


def part(end: int, live: tuple[int, ...], holes: Mapping[int, int] | None = None) -> Part:
    return Part(end, "first" if end == 10 else "second", holes or {}, sum_slots(live))


def job(
    *learn: Part,
    applied: int = 20,
    base: tuple[int, State] | None = None,
    forget: tuple[Part, ...] = (),
    covers: Mapping[bytes, tuple[int, ...]] | None = None,
    keep: frozenset[int] = frozenset(),
    total: int | None = None,
) -> Job:
    return Job(0, 0, applied, base, learn, forget, covers or {}, keep, total, "1-aa-1")


def folded(learner: Learner, *slices: tuple[int, ...]) -> str:
    """The digest of learning these slots, slice by slice."""
    state = learner.empty()
    for slots in slices:
        if slots:
            state = learner.learn(state, members(*((slot, b"") for slot in slots)).rows)
    return digest(learner, state)


def last(trained: Trained) -> State:
    return trained.built[-1].state


def test_a_fold_learns_slice_by_slice(store: FolderStore) -> None:
    done = run(job(part(10, (1, 2, 3)), part(20, (11, 12))), FOLD, store)

    assert done.agrees
    assert [built.through for built in done.built] == [20]
    assert last(done).digest == folded(FOLD, (1, 2, 3), (11, 12))
    assert (last(done).applied, last(done).rows, done.rows) == (20, 5, 5)
    assert last(done).lineage == chain(chain(EMPTY, 10, sum_slots((1, 2, 3))), 20, sum_slots((11, 12)))


def test_the_dead_are_left_out_if_they_died_before_applied(store: FolderStore) -> None:
    holes = {1: 20, 2: 19}

    done = run(job(part(10, (1, 3), holes)), FOLD, store)

    assert last(done).digest == folded(FOLD, (1, 3))


def test_rows_of_a_deleted_subject_are_dead_before_their_clean_up(store: FolderStore) -> None:
    done = run(job(part(10, (1, 2, 3)), covers={ANN: (15,)}), FOLD, store)

    assert done.agrees
    assert last(done).digest == folded(FOLD, (2, 3))
    assert last(done).lineage == chain(EMPTY, 10, sum_slots((2, 3)))


def test_a_slice_of_the_dead_alone_is_as_if_never_there(store: FolderStore) -> None:
    dead = {1: 12, 2: 12, 3: 12}

    done = run(job(part(10, (), dead), part(20, (11, 12))), FOLD, store)

    assert last(done).digest == folded(FOLD, (11, 12))
    assert last(done).lineage == chain(EMPTY, 20, sum_slots((11, 12)))


def test_a_fold_goes_on_from_its_base_and_keeps_what_it_is_told(store: FolderStore) -> None:
    before = run(job(part(10, (1, 2, 3)), part(20, (11, 12)), keep=frozenset({10})), FOLD, store)
    assert [built.through for built in before.built] == [10, 20]

    done = run(job(part(20, (11,), {12: 19}), base=(10, before.built[0].state)), FOLD, store)

    assert done.agrees
    assert last(done).digest == folded(FOLD, (1, 2, 3), (11,))
    assert last(done).rows == 4


@pytest.mark.parametrize("learner", [FOLD, COUNTS])
def test_a_row_that_the_membership_lacks_is_found_out(store: FolderStore, learner: Learner) -> None:
    total = sum_slots((1, 2)) if learner.forgets else None

    assert not run(job(part(10, (1, 2)), total=total), learner, store).agrees


def counted(store: FolderStore, applied: int = 20) -> State:
    """A naive Bayes state of the first slice."""
    done = run(job(part(10, (1, 2, 3)), applied=applied, total=sum_slots((1, 2, 3))), COUNTS, store)
    assert done.agrees
    return last(done)


def test_the_first_time_that_a_process_takes_a_step_tells_no_pace(store: FolderStore) -> None:
    """It has loaded kernels, too."""
    live = LiveStates()
    learning = job(part(10, (1, 2, 3)), total=sum_slots((1, 2, 3)))
    first, again = (run(learning, COUNTS, store, live=live) for _ in range(2))
    forgetting = job(applied=21, base=(10, last(again)), forget=(part(10, (1, 3), {2: 20}),), total=sum_slots((1, 3)))
    forgot, forgot_again = (run(forgetting, COUNTS, store, live=live) for _ in range(2))

    assert set(first.spent) == set()
    assert {step: spent.rows for step, spent in again.spent.items()} == {"read": 3, "learn": 3}
    assert set(forgot.spent) == {"read"}
    assert {step: spent.rows for step, spent in forgot_again.spent.items()} == {"read": 3, "forget": 1}


def test_forgetting_gives_what_never_learning_gives(store: FolderStore) -> None:
    base = 10, counted(store)

    forget = (part(10, (1, 3), {2: 20}),)
    done = run(job(applied=21, base=base, forget=forget, total=sum_slots((1, 3))), COUNTS, store)

    assert done.agrees
    assert last(done).digest == folded(COUNTS, (1, 3))
    assert (last(done).rows, done.forgotten, done.built[-1].through) == (2, 1, 10)


@pytest.mark.parametrize(("death", "gone"), [(19, 0), (20, 1), (24, 1), (25, 0)])
def test_only_deaths_since_the_base_are_forgotten(store: FolderStore, death: int, gone: int) -> None:
    base = 10, counted(store)

    done = run(job(applied=25, base=base, forget=(part(10, (1, 3), {2: death}),), total=0), COUNTS, store)

    assert done.forgotten == gone


def test_rows_of_a_clean_up_are_forgotten_once(store: FolderStore) -> None:
    base, everyone = (10, counted(store)), sum_slots((1, 2, 3))
    first = run(
        job(applied=21, base=base, forget=(part(10, (1, 2, 3)),), covers={ANN: (20,)}, total=everyone), COUNTS, store
    )
    walked = part(10, (2, 3), {1: 20})

    second = run(job(applied=30, base=(10, last(first)), forget=(walked,), total=sum_slots((2, 3))), COUNTS, store)

    assert (first.agrees, first.forgotten) == (True, 1)
    assert (second.agrees, second.forgotten) == (True, 0)
    assert last(first).digest == last(second).digest == folded(COUNTS, (2, 3))


def test_what_the_base_has_forgotten_counts_once_whether_its_slice_is_read_again_or_not(store: FolderStore) -> None:
    base = 20, _both(store)
    total = sum_slots((1, 2, 3, 11, 12))
    # Ann's rows died at 20; the base has forgotten them, and none is buried. At 30 the row 12 dies.
    slices = part(10, (1, 2, 3)), part(20, (11,), {12: 30})
    covers = {ANN: (20,)}
    left = sum_slots((1, 11))

    asked = [(slices, None), (slices, left), (slices[1:], left)]
    done = [
        run(
            replace(
                job(applied=31, base=base, forget=forget, covers=covers, total=total - sum_slots((12,))),
                unburied=unburied,
            ),
            COUNTS,
            store,
        )
        for forget, unburied in asked
    ]

    assert [(one.agrees, one.forgotten) for one in done] == [(True, 1)] * 3
    assert {last(one).digest for one in done} == {folded(COUNTS, (2, 3))}


def test_a_sum_of_unburied_rows_that_is_wrong_is_found_out(store: FolderStore) -> None:
    wrong = replace(job(applied=31, base=(20, _both(store)), total=sum_slots((2, 3, 12))), unburied=5)

    assert not run(wrong, COUNTS, store).agrees


def _both(store: FolderStore) -> State:
    """Both slices without Ann's rows, as of 21."""
    slices = part(10, (2, 3), {1: 20}), part(20, (12,), {11: 20})
    return last(run(job(*slices, applied=21, total=sum_slots((2, 3, 12))), COUNTS, store))


def test_a_base_that_is_not_what_its_digest_says_is_refused(store: FolderStore) -> None:
    wrong = counted(store)._replace(digest="0" * 64)

    with pytest.raises(ArtefactInvalid):
        run(job(base=(10, wrong), applied=30, forget=(part(10, (1, 2, 3)),), total=0), COUNTS, store)


def test_rows_without_a_label_are_members_but_not_learned(store: FolderStore) -> None:
    rows = members((1, b""), (2, b""))
    plain = rows.rows
    blank = Rows(plain.labels * 0 - 1, plain.indptr, plain.indices, plain.values)
    store.put("blank", encode_slice(10, 10, type(rows)(rows.slots, rows.records, rows.subjects, rows.revisions, blank)))

    done = run(job(Part(10, "blank", {}, sum_slots((1, 2)))), FOLD, store)

    assert (done.agrees, last(done).rows) == (True, 2)
    assert last(done).digest == digest(FOLD, FOLD.empty())


class Reading(FolderStore):
    """Notes what is read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read: list[str] = []

    def get(self, name: str, size: int | None = None) -> bytes:
        self.read.append(name)
        return super().get(name, size)


@pytest.mark.parametrize("learner", [FOLD, COUNTS])
def test_a_state_in_memory_is_gone_on_from_with_the_same_bytes(tmp_path: Path, learner: Learner) -> None:
    live, results = LiveStates(), []
    for folder, memory in (("with", live), ("without", None)):
        store = Reading(tmp_path / folder)
        store.put("first", encode_slice(10, 10, members(*FIRST)))
        store.put("second", encode_slice(20, 20, members(*SECOND)))
        total = sum_slots((1, 2, 3)) if learner.forgets else None
        first = run(job(part(10, (1, 2, 3)), total=total), learner, store, live=memory)
        total = sum_slots((1, 2, 3, 11, 12)) if learner.forgets else None
        then = run(job(part(20, (11, 12)), base=(10, last(first)), total=total), learner, store, live=memory)
        if learner.forgets:
            holes = {2: 25}
            total = sum_slots((1, 3, 11, 12))
            gone = job(applied=30, base=(20, last(then)), forget=(part(10, (1, 3), holes),), total=total)
            then = run(gone, learner, store, live=memory)
        assert first.agrees
        assert then.agrees
        results.append((last(first), last(then), store.get(last(then).file)))
        was_read = [name for name in store.read[:-1] if name == last(first).file]
        assert was_read == ([] if memory else [last(first).file])

    assert results[0] == results[1]


@pytest.mark.parametrize("changed", ["file", "digest", "other shard", "none"])
def test_only_the_very_state_that_a_job_starts_from_is_taken(changed: str) -> None:
    base, kept = State(10, "name", "d"), LastStates()
    arrays = COUNTS.empty()
    kept.put(job(), base, arrays)
    other = {"file": base._replace(file="x"), "digest": base._replace(digest="x")}.get(changed, base)
    asked = job(base=(10, other))
    if changed == "other shard":
        asked = replace(asked, shard=1)

    assert (kept.take(asked) is arrays) == (changed == "none")
    assert len(kept) == (changed == "other shard"), "what isn't gone on from is of no use any more"


def test_the_states_in_memory_are_bounded_and_the_shards_trained_last_stay() -> None:
    kept = LastStates(room=100)
    for shard in (0, 1, 2, 1, 3):
        kept.put(replace(job(), shard=shard), State(10, f"s{shard}", "d", size=40), COUNTS.empty())
    kept.put(replace(job(), shard=4), State(10, "s4", "d", size=101), COUNTS.empty())
    assert len(kept) == 2

    bases = {shard: (10, State(10, f"s{shard}", "d")) for shard in range(5)}
    held = [shard for shard, base in bases.items() if kept.take(replace(job(base=base), shard=shard)) is not None]
    assert held == [1, 3]
