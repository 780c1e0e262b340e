"""The rules, one at a time: what an event does to a record, given what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from unlearn.events.event import Insert
from unlearn.events.partitioner import Digests, shard_of, tag_of
from unlearn.forwarding.dues import ACCEPTED, COPIES, DEAD, HOME
from unlearn.ingest.classify import Addressed, Deletion, Insertion, Item, Sealing, Sending
from unlearn.ingest.planning.plan import plan
from unlearn.ingest.planning.planned import Frame, Lookups, Plan
from unlearn.partition.ledger import Kill
from unlearn.partition.tables import Cleanup, Pending, Tables, Unresolved
from unlearn.state.aliases import Alias
from unlearn.state.entries import ALONE, FOREVER, NO_ROW, NO_TOMB, Entry, Pair, Subject

DIGESTS = Digests(b"a secret of tests")
RECORD, ANN, BOB = DIGESTS.record("r"), DIGESTS.subject("ann"), DIGESTS.subject("bob")
SHARDS, SPAN = 2, 10


@dataclass
class Known:
    """Applies batches, and keeps what a later one is told."""

    view: Tables = field(default_factory=lambda: Tables({}))
    records: dict[bytes, Entry] = field(default_factory=dict)
    subjects: dict[bytes, Subject] = field(default_factory=dict)
    aliases: dict[bytes, Alias] = field(default_factory=dict)

    def apply(self, *items: Item, stop: int | None = None) -> Plan:
        end = items[-1].offset + 1 if stop is None else stop
        frame = Frame(self.view.applied, end, SHARDS, SPAN, 60.0, 30.0, folds=True)
        done = plan(items, Lookups(self.records, self.subjects, self.aliases), self.view, frame)
        self.view.apply(done.change, end)
        self.records |= done.records
        self.subjects |= done.subjects
        self.aliases |= done.aliases
        return done

    def pair(self, subject: bytes = ANN) -> Pair:
        return self.records[RECORD].pairs[tag_of(subject)]


def insert(offset: int, revision: int = 0, subject: bytes = ANN, content: bytes = b"same") -> Insertion:
    event = Insert(event_id="e", record_id="r", text="tea")
    return Insertion(offset, Addressed(RECORD, subject), content, revision, 1000, event)


def delete(offset: int, revision: int | None = None, subject: bytes = ANN, record: bytes = RECORD) -> Deletion:
    homeless = not subject
    return Deletion(offset, Addressed(record, subject), revision, 1000, None, receipt=True, copies=homeless)


def test_the_first_insert_is_the_row() -> None:
    known = Known()

    done = known.apply(insert(3))

    assert [(row.slot, row.shard) for row in done.rows] == [(3, shard_of(ANN, SHARDS))]
    assert known.pair() == Pair(3, 0, b"same")
    assert known.subjects[ANN] == Subject(False, 3)


@pytest.mark.parametrize(
    ("revision", "content", "counted"),
    [(1, b"same", "repeated"), (1, b"else", "conflicts"), (0, b"else", "repeated")],
)
def test_what_is_not_higher_changes_nothing(revision: int, content: bytes, counted: str) -> None:
    known = Known()
    known.apply(insert(3, revision=1))

    done = known.apply(insert(4, revision=revision, content=content))

    assert (done.rows, done.kills, done.counts[counted]) == ([], [], 1)
    assert known.pair() == Pair(3, 1, b"same")


def test_a_higher_revision_replaces_and_has_a_deadline() -> None:
    known = Known()
    known.apply(insert(3))

    done = known.apply(insert(4, revision=1))

    assert done.kills == [Kill(3, 4, shard_of(ANN, SHARDS))]
    assert known.pair() == Pair(4, 1, b"same")
    assert known.view.pending == {4: Pending(1000, 31_000, receipt=False)}


@pytest.mark.parametrize("subject", [ANN, ALONE])
def test_a_delete_kills_the_row_and_what_comes_later(subject: bytes) -> None:
    known = Known()
    known.apply(insert(3, subject=subject))

    done = known.apply(delete(4, subject=subject))
    late = known.apply(insert(5, revision=7, subject=subject))

    assert [(kill.slot, kill.death) for kill in done.kills] == [(3, 4)]
    assert (late.rows, late.counts["dead_on_arrival"]) == ([], 1)


def test_a_delete_before_its_insert_works_as_well() -> None:
    known = Known()

    done = known.apply(delete(3), insert(4), insert(5, revision=1))

    assert (done.rows, done.kills) == ([], [])
    assert known.pair() == Pair(tomb=FOREVER)


def test_a_delete_of_a_revision_leaves_higher_ones() -> None:
    known = Known()
    known.apply(insert(3, revision=2))

    assert known.apply(delete(4, revision=1)).kills == []
    assert known.pair() == Pair(3, 2, b"same", 1)
    assert [kill.slot for kill in known.apply(delete(5, revision=2)).kills] == [3]
    assert [row.slot for row in known.apply(insert(6, revision=3)).rows] == [6]


def test_a_lower_delete_never_lowers_a_tomb() -> None:
    known = Known()

    known.apply(delete(3), delete(4, revision=1), delete(5, revision=2, subject=ALONE), delete(6, 1, ALONE))

    assert known.pair().tomb == FOREVER
    assert known.records[RECORD].tomb == 2


def test_a_record_alone_dies_under_every_subject() -> None:
    known = Known()
    known.apply(insert(1), insert(2, subject=BOB), insert(3, subject=ALONE))

    done = known.apply(delete(4, subject=ALONE))

    assert sorted(kill.slot for kill in done.kills) == [1, 2, 3]
    assert {kill.shard for kill in done.kills} == {
        shard_of(ANN, SHARDS),
        shard_of(BOB, SHARDS),
        shard_of(RECORD, SHARDS),
    }
    assert known.view.outbox[4] == [ACCEPTED, COPIES]
    assert known.view.pending[4] == Pending(1000, 61_000, {}, killed=3)


def test_a_pair_dies_without_its_namesakes() -> None:
    known = Known()
    known.apply(insert(1), insert(2, subject=BOB), insert(3, subject=ALONE))

    assert [kill.slot for kill in known.apply(delete(4)).kills] == [1]


def test_a_dead_subject_is_cleaned_up_later_and_takes_no_more() -> None:
    known = Known()
    known.apply(insert(3))

    done = known.apply(delete(4, record=b""), insert(5, revision=1))

    shard = shard_of(ANN, SHARDS)
    assert (done.kills, done.rows) == ([], [])
    assert done.covered == [Kill(3, 4, shard)]
    assert known.view.cleanups == {ANN.hex(): Cleanup(4, shard, 3, killed=0)}
    assert known.subjects[ANN] == Subject(True, 4)


def test_a_record_of_a_dead_subject_leaves_the_same_entry_before_its_deletion_as_after_it() -> None:
    before, after = Known(), Known()
    before.apply(insert(3), delete(4, record=b""))
    after.apply(delete(3, record=b""), insert(4))

    assert after.pair() == Pair()
    assert before.pair()._replace(slot=NO_ROW, content=b"") == after.pair()
    assert after.apply(insert(5, revision=1)).rows == []


def test_a_covered_row_dies_once_at_the_tombstones_offset() -> None:
    known = Known()
    known.apply(insert(3), delete(4, record=b""))

    assert known.apply(delete(5)).kills == []
    assert known.apply(delete(6, subject=ALONE)).kills == []
    assert known.pair().slot == 3


def test_an_unknown_subject_dirties_nothing() -> None:
    known = Known()

    done = known.apply(delete(4, record=b""))

    assert (done.covered, known.view.cleanups, known.view.hits) == ([], {}, {})
    assert known.subjects[ANN] == Subject(True, 4)


def test_a_second_tombstone_keeps_the_first_death() -> None:
    known = Known()
    known.apply(insert(3), delete(4, record=b""))

    done = known.apply(delete(5, record=b""))

    assert done.covered == []
    assert known.subjects[ANN] == Subject(True, 4)
    assert known.view.pending.keys() == {4, 5}


def test_a_hit_is_a_death_behind_the_end_of_the_rows_slice() -> None:
    known = Known()
    known.apply(insert(3), Sealing(5))

    known.apply(delete(6))

    assert known.view.ends == [6]
    assert known.view.hits == {shard_of(ANN, SHARDS): 7}


@pytest.mark.parametrize(
    ("kind", "outbox", "unresolved"),
    [("home", [HOME], {}), ("dead", [DEAD, "why"], {}), ("unresolved", [DEAD, "why"], {3: ("why", 61_000)})],
)
def test_what_does_not_count_here_is_sent_on(
    kind: str, outbox: list[str], unresolved: dict[int, tuple[str, int]]
) -> None:
    known = Known()

    known.apply(Sending(3, kind, "why", 1000))  # type: ignore[arg-type]

    assert known.view.outbox == {3: outbox}
    assert {at: (u.reason, u.deadline) for at, u in known.view.unresolved.items()} == unresolved
    assert all(isinstance(u, Unresolved) for u in known.view.unresolved.values())


def test_nothing_is_known_of_a_record_that_only_a_forward_names() -> None:
    known = Known()

    known.apply(Sending(3, "home", "", 1000))

    assert (known.records, known.subjects) == ({}, {})


def test_an_entry_without_a_row_says_so() -> None:
    assert Pair() == (NO_ROW, 0, b"", NO_TOMB)
