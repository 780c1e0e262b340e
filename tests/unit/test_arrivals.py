"""What a model has sent on counts once in each partition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.faults.checks import wrong_manifests, wrong_receipts
from tests.harness.events import SEAL, at, delete
from tests.harness.memory_harness import MemoryHarness, insert
from tests.harness.settings import settings_of
from unlearn.admin.answering.fates import COUNTED, InForce, fates_of
from unlearn.admin.answering.scan import Found
from unlearn.events.event import Delete, Event, Insert, Lift, encode
from unlearn.events.marks import Origin, read_marks
from unlearn.events.partitioner import Digests, event_key, origin_header
from unlearn.ingest.arrivals import arrivals_of, fresh
from unlearn.ingest.classify import Classifier, Deletion, Item
from unlearn.log.protocol import Entry, Header, Record
from unlearn.state.arrivals import arrived, write_arrivals
from unlearn.state.keys import Keys
from unlearn.state.members import walk
from unlearn.state.scripts import PartitionState, Token
from unlearn.verification.reference import Arrivals
from unlearn.verification.subject import subject_of

SECRET, TOKEN = b"secret", Token(1, "a" * 32)
CLASSIFIER = Classifier("m", 0, 3, True, SECRET, Digests(SECRET))
COPIED = delete("r1")


def mark(offset: int, secret: bytes = SECRET, model: str = "m", timestamp: int = 7) -> Header:
    return origin_header(secret, Origin(model, 1, offset, timestamp))


def item(event: Event, *headers: Header, offset: int = 9, value: bytes | None = b"") -> Item:
    found = CLASSIFIER.sort(Entry(0, offset, 5, event_key(event), value, headers), event)
    assert found is not None
    return found


# -- which events are told apart


def test_the_same_that_was_sent_on_comes_once_in_a_batch_and_over_batches() -> None:
    items = [item(COPIED, mark(4)), item(COPIED, mark(4), offset=10), item(COPIED, mark(5), offset=11)]
    assert [len(fresh(items, known).items) for known in ((), arrivals_of(items[:1]), arrivals_of(items))] == [2, 1, 0]
    assert fresh(items, ()).repeated == 1
    assert list(fresh(items, ()).arrivals) == arrivals_of(items)
    assert len(arrivals_of(items)) == 2


def test_what_stands_elsewhere_or_says_something_else_is_another() -> None:
    home = at(0, 3)
    told = [item(COPIED, mark(4)), item(delete("r2"), mark(4)), item(insert(1, home), mark(4))]
    assert len({*arrivals_of(told)}) == 3


def test_what_a_deletion_deletes_tells_it_from_others_and_not_the_bytes_that_say_so() -> None:
    """Its key may say it, or a header, or fewer bytes than before."""
    subject = at(0, 3)
    deletions = [
        *(delete("r1"), delete("r2"), delete("r1", revision=1)),
        *(delete(None, subject), delete("r1", subject), delete(None, subject, scope="so_far")),
    ]
    found = [arrivals_of([item(each, mark(4), value=value)]) for each in deletions for value in (None, b"", b"{}")]
    assert [len({tuple(one) for one in found[at : at + 3]}) for at in range(0, len(found), 3)] == [1] * len(deletions)
    assert len({one for each in found for one in each}) == len(deletions)
    with_alias = Delete(event_id="d", alias="r1", requested_at="2023-01-01")
    assert arrivals_of([item(with_alias, mark(4))]) != found[0]


def test_of_an_insert_nothing_is_remembered_that_it_says() -> None:
    home = at(0, 3)
    assert arrivals_of([item(insert(1, home, text=text), mark(4)) for text in ("one", "another")]) == [
        CLASSIFIER.digests.arrival(Origin("m", 1, 4, 7))
    ]


@pytest.mark.parametrize("header", [mark(4, b"another"), mark(4, model="other"), ("unlearn-origin", b"m/1/4/7/")])
def test_what_this_model_has_not_sent_on_may_come_again(header: Header) -> None:
    home = at(0, 3)
    for event in (COPIED, insert(1, home)):
        assert arrivals_of([item(event, header), item(event)]) == []
        assert len(fresh([item(event, header)] * 2, ()).items) == 2


LIFTS = (
    Lift(event_id="l", record_id="r1", requested_at="2024-01-01"),
    Lift(event_id="l", subject_id=at(0, 3), requested_at="2024-01-01"),
    Lift(event_id="l", subject_id=at(1, 3), requested_at="2024-01-01"),
    Lift(event_id="l", alias="a", requested_at="2024-01-01"),
)
OTHERS = (mark(4, b"another"), mark(4, model="other"), mark(10**9, b"another", "other"))


@pytest.mark.parametrize("lift", LIFTS, ids=["record", "at home", "elsewhere", "alias"])
def test_a_lift_counts_once_whoever_has_sent_it_on(lift: Lift) -> None:
    """By its first place and time and what it lifts: another lift is never taken for it, nor a deletion."""
    classifier = replace(CLASSIFIER, partition=1 if lift.subject_id == at(1, 3) else 0)
    model = replace(subject_of(settings_of(partitions=3)).model, secret=SECRET, name="m")
    other = lift.model_copy(update={"subject_id": None, "record_id": "r9", "alias": None})
    headers = [mark(4), OTHERS[0], OTHERS[1], OTHERS[2], mark(5), mark(4, timestamp=8)]
    sent: list[tuple[Event, list[Header]]] = [(lift, [header]) for header in headers]
    sent += [(lift, [OTHERS[2], mark(4)]), (other, [mark(4)]), (lift, []), (lift, [])]
    records = [Entry(classifier.partition, 9 + n, 5, event_key(event), b"", h) for n, (event, h) in enumerate(sent)]

    items = [classifier.sort(record, event) for record, (event, _) in zip(records, sent, strict=True)]
    arrivals = Arrivals(model)
    counted = [arrivals.count(event, record) for record, (event, _) in zip(records, sent, strict=True)]

    assert counted == [True, False, False, True, True, True, False, True, True, True]
    told = fresh([one for one in items if one is not None], ())
    assert [not one.again for one in told.items if isinstance(one, Deletion)] == counted
    assert told.repeated == counted.count(False)


def test_a_deletion_at_the_place_of_a_lift_is_another() -> None:
    assert len({*arrivals_of([item(COPIED, mark(4)), item(LIFTS[0], mark(4))])}) == 2


# -- how they are remembered


@pytest.fixture
def state(redis_url: str, make_settings: Any) -> Iterator[PartitionState]:
    client = redis.Redis.from_url(redis_url)
    keys = Keys(make_settings().model, 0)
    found = PartitionState(client, keys)
    found.claim(TOKEN, {"applied": 0, "writes": 0})
    yield found
    for key in client.scan_iter(keys.prefix + "*"):
        client.delete(key)
    client.close()


def test_thousands_are_known_again_each_once_in_small_hashes(state: PartitionState) -> None:
    digests = [Digests(SECRET).arrival(Origin("m", 1, offset, 7)) for offset in range(3000)]
    known, others = digests[:2000], digests[2000:]
    for writes, half in enumerate((known[:1000], known)):
        state.commit(TOKEN, 10 * writes, writes, list(write_arrivals(half)), 10 * writes + 10)
    assert arrived(state.look, known) == set(known)
    assert arrived(state.look, others) == set()
    assert sum(len(part) for part in walk(state.look, "ARRIVALS")) == len(known)
    client: Any = state._redis
    sizes = [client.hlen(key) for key in client.scan_iter(state.keys.of("v:*"))]
    assert len(sizes) > 50
    assert max(sizes) < 128


def test_a_script_that_raised_is_performed_to_its_end(state: PartitionState) -> None:
    """The redo record holds them like any other write."""
    digest = Digests(SECRET).arrival(Origin("m", 1, 1, 7))
    client: Any = state._redis
    client.set(state.keys.of("v:0"), "not a hash")
    with pytest.raises(Exception, match="WRONGTYPE"):
        state.commit(TOKEN, 0, 0, list(write_arrivals([digest])), 10)
    client.delete(state.keys.of("v:0"))
    state.claim(Token(2, "b" * 32), None)
    assert arrived(state.look, [digest]) == {digest}


# -- what they change, and what those say who read the log alone


@pytest.fixture
def harness(redis_url: str, tmp_path: Path) -> Iterator[MemoryHarness]:
    found = MemoryHarness(redis_url, tmp_path, "naive-bayes", partitions=2, shards_per_partition=1)
    yield found
    found.close()


def sent_on(harness: MemoryHarness, event: Event, to: int, offset: int, timestamp: int = 7) -> int:
    """Sends the event as the other partition has, from this offset there."""
    settings = harness.settings
    header = origin_header(settings.secret_bytes, Origin(settings.model, 1 - to, offset, timestamp))
    return harness.log.append(settings.events_topic, to, event_key(event), encode(event), [header])


def go_on(harness: MemoryHarness, between: str) -> None:
    """What lies between two events: nothing, as in one batch; else the batch's end, and maybe a crash."""
    if between != "one batch":
        harness.settle()
    if between == "a crash":
        harness.start()


def events_of(harness: MemoryHarness, partition: int) -> list[Record]:
    return list(harness.log.read(harness.settings.events_topic, partition, 0, 1 << 60))


@pytest.mark.parametrize("between", ["one batch", "batches", "a crash"])
def test_a_copy_that_comes_again_behind_a_lift_kills_nothing_more(harness: MemoryHarness, between: str) -> None:
    """Mutation: a plan that takes all items deletes r1 once more."""

    pause = partial(go_on, harness, between)
    subject = at(0)
    harness.send(insert(1, subject), insert(2, subject), SEAL)
    pause()
    place = harness.log.append(harness.settings.events_topic, 1, b"r1", encode(delete("r1")), ())
    harness.settle()
    harness.send(Lift(event_id="l", subject_id=subject, record_id="r1", requested_at="2024-01-01"))
    harness.send(Lift(event_id="l2", record_id="r1", requested_at="2024-01-01"))
    harness.settle()
    harness.send(insert(1, subject, revision=1))
    pause()
    sent_on(harness, delete("r1"), 0, place, events_of(harness, 1)[place].timestamp)
    pause()
    harness.send(SEAL)
    harness.settle()
    harness.wait(2.0)

    assert harness.worker.owned[0].view.number("live") == 2
    assert harness.worker.owned[0].view.number("arrived_before") == 1
    assert [one.records for one in harness.receipts("hidden") if one.event_id == COPIED.event_id] == [1]
    assert not wrong_manifests(harness)
    assert not wrong_receipts(harness)
    assert harness.verify_store().verdict == "equal"


def test_an_insert_that_comes_again_does_not_bring_back_what_died(harness: MemoryHarness) -> None:
    subject = at(0)
    sent_on(harness, insert(1, subject), 0, 0)
    harness.send(delete(None, subject), Lift(event_id="l", subject_id=subject, requested_at="2024-01-01"))
    sent_on(harness, insert(1, subject), 0, 0)
    harness.send(insert(2, subject), SEAL)
    harness.settle()
    harness.wait(2.0)

    assert harness.worker.owned[0].view.number("live") == 1
    assert not wrong_manifests(harness)
    assert harness.verify_store().verdict == "equal"


def test_an_answer_says_that_it_counted_before(harness: MemoryHarness) -> None:
    subject = at(0)
    events: list[Insert | Delete | Lift] = [insert(1, subject), delete(None, subject)]
    events += [Lift(event_id="l", subject_id=subject, requested_at="2024-01-01"), insert(1, subject)]
    for event in events:
        sent_on(harness, event, 0, ["e1-0", f"d-None-{subject}", "l"].index(event.event_id))
    model = subject_of(harness.settings).model
    found = [
        Found(record, event, (1, 0), 7, counts=True, told=True)
        for record, event in zip(events_of(harness, 0), events, strict=True)
    ]
    fates = fates_of(model, 0, found, InForce(model))
    assert [fate.ignored for fate in fates] == [None, None, None, COUNTED]
    assert fates[0].row is not None


def forge(harness: MemoryHarness, lift: Lift, to: int, offset: int) -> None:
    """Sends a lift as if another model had sent it on from this offset of the other partition."""
    header = origin_header(b"another", Origin("another", 1 - to, offset, 7))
    harness.log.append(harness.settings.events_topic, to, event_key(lift), encode(lift), [header])


@pytest.mark.parametrize("between", ["one batch", "batches"])
def test_a_forged_mark_has_no_other_lift_passed_over(harness: MemoryHarness, between: str) -> None:
    """Mutation: a mark up to which all lifts of a partition count as known."""
    subject = at(0)
    harness.send(insert(1, subject), SEAL)
    forge(harness, LIFTS[0].model_copy(update={"event_id": "forged"}), 0, 10**9)
    harness.log.append(harness.settings.events_topic, 1, b"r1", encode(delete("r1")), ())
    if between == "batches":
        harness.settle()
    harness.log.append(harness.settings.events_topic, 1, b"r1", encode(LIFTS[0]), ())
    harness.settle()
    harness.send(insert(1, subject, revision=2), SEAL)
    harness.settle()
    harness.wait(2.0)

    assert harness.worker.owned[0].view.number("live") == 1
    assert "l" in {one.event_id for one in harness.receipts("lifted")}
    assert not wrong_manifests(harness)
    assert not wrong_receipts(harness)
    assert harness.verify_store().verdict == "equal"


@pytest.mark.parametrize("between", ["one batch", "batches", "a crash"])
def test_a_lift_that_another_model_has_sent_too_ends_no_later_deletion(harness: MemoryHarness, between: str) -> None:
    """Mutations: another's mark that isn't remembered; ours that counts all the same."""

    pause = partial(go_on, harness, between)
    subject = at(0)
    lift = Lift(event_id="l", subject_id=subject, requested_at="2024-01-01")
    harness.send(insert(1, subject), delete(None, subject))
    pause()
    forge(harness, lift, 0, 3)
    harness.send(insert(2, subject))
    pause()
    harness.send(delete(None, subject))
    pause()
    sent_on(harness, lift, 0, 3)
    harness.send(insert(3, subject), SEAL)
    harness.settle()
    harness.wait(2.0)

    assert harness.worker.owned[0].view.number("live") == 0
    assert {one.event_id for one in harness.receipts("lifted")} == {"l"}
    assert not wrong_manifests(harness)
    assert not wrong_receipts(harness)
    assert harness.verify_store().verdict == "equal"


FORGED = ("unlearn-origin", b"x/1/4/7/" + b"0" * 32)


@pytest.mark.parametrize("timestamp", [7, -1, 1_700_000_000_000_000_000])
@pytest.mark.parametrize("before", [[], [FORGED] * 9, [("unlearn-origin", b"no mark")] * 9])
def test_worker_and_reference_know_the_same_marks(timestamp: int, before: list[Header]) -> None:
    """Whatever time a producer has written, and whatever stands before ours."""
    model = subject_of(settings_of(partitions=3)).model
    secret = model.secret
    classifier = Classifier(model.name, 0, 3, True, secret, Digests(secret))
    for header, proved in ((mark(4, secret, model.name, timestamp), True), (mark(4, timestamp=timestamp), False)):
        record = Entry(0, 9, 5, b"r1", encode(COPIED), [*before, header])
        arrivals = Arrivals(model)
        assert [arrivals.count(COPIED, record) for _ in range(2)] == [True, not proved]
        assert bool(arrivals_of([classifier.sort(record, COPIED)])) == proved  # type: ignore[list-item]
        marks = read_marks([*before, header])
        assert (marks[0].offset, marks[-1].timestamp) == (4, 7 if before == [FORGED] * 9 else timestamp)
