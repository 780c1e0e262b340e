"""Models that share an events topic: what each sends on is copied no further, and never sent again without need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.harness.events import delete, insert, placed
from tests.harness.model_data import ModelLog, forget_keys, records
from tests.harness.settings import WITHOUT_WAITING, create_topics, new_name, settings_of
from tests.harness.waiting import until
from tests.harness.worker_harness import caught_up, make_worker
from unlearn.environment.redis_client import connect
from unlearn.errors import LogUnavailable
from unlearn.events.event import Delete, Insert, Lift, encode
from unlearn.events.marks import Origin
from unlearn.events.partitioner import event_key, home, origin_header
from unlearn.log.memory.log import MemoryLog
from unlearn.log.protocol import Header, Record
from unlearn.worker.loop import Worker

PARTITIONS = 8


class Neighbour(ModelLog):
    """A model with a secret and topics of its own, on the topic of all."""

    def __init__(self, street: Street, number: int, **changed: Any) -> None:
        self.street = street
        values: dict[str, Any] = {
            "model": f"{street.name}-{number}",
            "secret": f"a secret of model {number}, 32 bytes at least",
            "topics": {"events": street.topic},
            "partitions": PARTITIONS,
            "shards_per_partition": 1,
            "slice_span": 50,
            "features": 64,
            "redis": {"url": street.redis_url},
            "store": {"url": (street.folder / "store").as_uri()},
        }
        self.settings = settings_of(**{**WITHOUT_WAITING, **values, **changed})
        self.log = street.log
        create_topics(self.log, self.settings)
        self.worker = self.start()

    def start(self, *, rebuild: bool = False) -> Worker:
        return make_worker(self.settings, self.log, self.street.redis, rebuild=rebuild)

    def rebuild(self) -> None:
        """As where Redis lost everything."""
        self.worker.close()
        self.forget()
        self.worker = self.start(rebuild=True)

    def forget(self) -> None:
        forget_keys(self.street.redis, self.settings)

    @property
    def rests(self) -> bool:
        pending = any(owned.view.pending or owned.view.uncounted for owned in self.worker.owned.values())
        return not self.worker.busy and not pending and caught_up(self.worker, self.log, self.settings)

    @property
    def unresolved(self) -> list[tuple[int, int]]:
        return [(p, offset) for p, owned in self.worker.owned.items() for offset in owned.view.unresolved]

    def told(self) -> list[tuple[str, str]]:
        """(event id, state) of every receipt."""
        return sorted((receipt.event_id, receipt.state) for receipt in self.receipts())

    def is_right(self) -> None:
        """What it has published is what the log says, and so are the counts that its senders were told."""
        assert self.counts_told() == self.counts_due()
        report = self.verify()
        assert {found.verdict for found in report.shards} <= {"equal", "pending"}, report


class Street:
    """The topic that all share."""

    def __init__(self, redis_url: str, folder: Path, partitions: int = PARTITIONS) -> None:
        self.redis_url, self.folder = redis_url, folder
        self.name = new_name()
        self.topic = f"{self.name}.events"
        self.log = MemoryLog()
        self.log.create_topic(self.topic, partitions)
        self.redis: redis.Redis = connect(redis_url)
        self.neighbours: list[Neighbour] = []

    def move_in(self, count: int = 1, **changed: Any) -> None:
        """Models that are made now: what comes later is news to them."""
        for _ in range(count):
            self.neighbours.append(Neighbour(self, len(self.neighbours), **changed))
        count = len(self.log.bounds(self.topic))
        self.turn_until(lambda: all(len(one.worker.owned) == count for one in self.neighbours))

    def settle(self) -> None:
        self.turn_until(lambda: all(one.rests for one in self.neighbours))

    def turn_until(self, done: Callable[[], bool]) -> None:
        until(done, 200, lambda: [(one.worker.stopped, one.worker.owned) for one in self.neighbours], self.turn)

    def turn(self) -> None:
        for one in self.neighbours:
            one.worker.turn(0.0)

    def say(self, partition: int, event: Insert | Delete | Lift, headers: list[Header] | None = None) -> int:
        return self.log.append(self.topic, partition, event_key(event), encode(event), tuple(headers or ()))

    def insert(self, record: str, subject: str | None = None, *, at: int | None = None) -> None:
        event = insert(record, subject, event_id=record, text="tea", label="ham")
        self.say(placed(event, PARTITIONS).partition if at is None else at, event)

    def delete(self, partition: int, number: int, headers: list[Header] | None = None, **names: str) -> int:
        return self.say(
            partition, delete(names.get("record_id"), names.get("subject_id"), event_id=f"d{number}"), headers
        )

    @property
    def records(self) -> list[Record]:
        return [record for p in self.log.bounds(self.topic) for record in records(self.log, self.topic, p)]

    @property
    def count(self) -> int:
        return len(self.records)

    def close(self) -> None:
        for one in self.neighbours:
            one.worker.close()
            one.forget()
        self.redis.close()


MakeStreet = Callable[..., Street]


@pytest.fixture
def make_street(redis_url: str, tmp_path: Path) -> Iterator[MakeStreet]:
    with ExitStack() as stack:

        def make(**changed: Any) -> Street:
            street = Street(redis_url, tmp_path, **changed)
            stack.callback(street.close)
            return street

        yield make


def test_a_deletion_by_record_makes_one_set_of_copies_a_model(make_street: MakeStreet) -> None:
    street = make_street()
    street.move_in(3)
    street.insert("r", "ann")
    street.insert("r", "bob")
    before = street.count

    street.delete(3, 1, record_id="r")
    street.settle()

    assert street.count == before + 1 + 3 * (PARTITIONS - 1)
    for one in street.neighbours:
        assert one.told() == [("d1", "accepted"), ("d1", "hidden")]
        assert one.unresolved == []
        assert sum(owned.view.number("live") for owned in one.worker.owned.values()) == 0
        one.is_right()


@pytest.mark.parametrize("event", ["insert", "delete"])
def test_an_event_off_its_home_is_sent_home_once_a_model(make_street: MakeStreet, event: str) -> None:
    street = make_street()
    street.move_in(3)
    where = home(b"ann", PARTITIONS)
    if event == "insert":
        street.insert("r", "ann", at=(where + 1) % PARTITIONS)
    else:
        street.insert("r", "ann")
        street.delete((where + 1) % PARTITIONS, 1, record_id="r", subject_id="ann")
    before = street.count

    street.settle()

    assert street.count == before + 3
    for one in street.neighbours:
        assert one.unresolved == []
        assert {state for _, state in one.told()} == ({"accepted", "hidden"} if event == "delete" else set())
        one.is_right()


def test_models_of_other_partition_counts_send_nothing_to_and_fro(make_street: MakeStreet) -> None:
    """The same event has several homes, and each model's copies lie off the home of others."""
    street = make_street()
    for partitions in (8, 4, 3):
        street.move_in(partitions=partitions)
    for i in range(12):
        street.insert(f"r{i}", f"s{i}", at=i % PARTITIONS)
    for i in range(6):
        street.delete((i + 3) % PARTITIONS, i, record_id=f"r{i}", subject_id=f"s{i}")
    street.delete(6, 20, record_id="r7")
    before = street.count

    street.settle()

    # Each model sends each event home at most once, and one set of copies.
    assert street.count - before <= 3 * 18 + (7 + 4 + 3)
    for one in street.neighbours:
        assert one.unresolved == []
        assert {name for name, state in one.told() if state == "hidden"} == {f"d{i}" for i in (*range(6), 20)}
        assert sum(owned.view.number("live") for owned in one.worker.owned.values()) == 5
        one.is_right()


def test_a_flood_of_deletions_costs_each_model_one_set_of_copies(make_street: MakeStreet) -> None:
    street = make_street()
    street.move_in(3)
    for i in range(40):
        street.insert(f"r{i}", f"s{i % 7}")
    before = street.count
    for i in range(40):
        street.delete(i % PARTITIONS, i, record_id=f"r{i}")

    street.settle()

    assert street.count == before + 40 + 40 * 3 * (PARTITIONS - 1)
    assert all(one.worker.owned[0].view.number("live") == 0 for one in street.neighbours)


def lies(street: Street, value: Record) -> dict[str, list[Header]]:
    """Marks that the log doesn't bear out, of a record like `value`."""
    mark = origin_header(b"somebody's secret", Origin("other", 0, 10_000, 5))[1]
    return {
        "beyond the end": [("unlearn-origin", mark)],
        "another record": [origin_header(b"x", Origin("other", value.partition, value.offset - 1, 5))],
        "no such partition": [origin_header(b"x", Origin("other", 99, 0, 5))],
        "no mark at all": [("unlearn-origin", b"/////"), ("unlearn-origin", None), ("unlearn-origin", b"\xff" * 999)],
    }


@pytest.mark.parametrize("lie", ["beyond the end", "another record", "no such partition", "no mark at all", "itself"])
def test_a_mark_that_the_log_does_not_bear_out_is_none(make_street: MakeStreet, lie: str) -> None:
    street = make_street()
    street.move_in(2)
    street.insert("r", "ann")
    street.insert("q", "ann")
    street.delete(2, 7, record_id="x")
    street.settle()
    before, end = street.count, street.log.bounds(street.topic)[5][1]
    at = next(record for record in street.records if record.offset)
    itself: list[Header] = [origin_header(b"x", Origin("other", 5, end, 5))]
    headers = itself if lie == "itself" else lies(street, at)[lie]

    street.delete(5, 1, headers, record_id="r")
    street.settle()

    assert street.count == before + 1 + 2 * (PARTITIONS - 1)
    for one in street.neighbours:
        assert ("d1", "hidden") in one.told()
        one.is_right()


def test_two_copies_that_name_each_other_are_not_lost(make_street: MakeStreet) -> None:
    street = make_street()
    street.insert("r", "ann")
    ends = {p: end for p, (_, end) in street.log.bounds(street.topic).items()}
    street.delete(2, 1, [origin_header(b"x", Origin("other", 5, ends[5], 5))], record_id="r")
    street.delete(5, 1, [origin_header(b"x", Origin("other", 2, ends[2], 5))], record_id="r")
    street.move_in()

    street.settle()

    (one,) = street.neighbours
    assert ("d1", "hidden") in one.told()
    assert sum(owned.view.number("live") for owned in one.worker.owned.values()) == 0
    one.is_right()


def test_a_look_up_that_fails_only_costs_copies(make_street: MakeStreet, monkeypatch: pytest.MonkeyPatch) -> None:
    street = make_street()
    street.move_in(2)
    street.insert("r", "ann")
    read = MemoryLog.read

    def failing(self: MemoryLog, topic: str, partition: int, start: int, stop: int) -> Iterator[Record]:
        if topic == street.topic:
            raise LogUnavailable("injected")
        return read(self, topic, partition, start, stop)

    street.settle()
    for one in street.neighbours:
        monkeypatch.setattr(one.worker._intake._items._origins, "_kept", {})
        monkeypatch.setattr(one.worker._intake._items._origins, "_keep", lambda record: None)
    street.delete(3, 1, record_id="r")
    with monkeypatch.context() as patch:
        patch.setattr(MemoryLog, "read", failing)
        for _ in range(3):
            for one in street.neighbours:
                one.worker.turn(0.0)
    street.settle()

    for one in street.neighbours:
        assert ("d1", "hidden") in one.told()
        one.is_right()


def a_past(street: Street) -> None:
    """Events off their home and deletions by record, which some model has sent on."""
    for i in range(30):
        street.insert(f"r{i}", f"s{i % 9}", at=i % PARTITIONS)
    for i in range(10):
        street.delete(i % PARTITIONS, i, record_id=f"r{i}")
    for i in range(10, 15):
        street.delete((i * 3) % PARTITIONS, i, record_id=f"r{i}", subject_id=f"s{i % 9}")


def test_a_new_model_sends_nothing_that_another_has_sent(make_street: MakeStreet) -> None:
    street = make_street()
    street.move_in()
    a_past(street)
    street.settle()
    before = street.count

    street.move_in()
    street.settle()

    assert street.count == before
    second = street.neighbours[1]
    assert {state for _, state in second.told()} == {"accepted", "hidden"}
    assert {name for name, state in second.told() if state == "hidden"} == {f"d{i}" for i in range(15)}
    assert second.unresolved == []
    second.is_right()


def test_a_model_that_is_built_anew_sends_nothing_that_it_has_sent(make_street: MakeStreet) -> None:
    street = make_street()
    street.move_in()
    a_past(street)
    street.settle()
    before = street.count
    (one,) = street.neighbours
    said = one.told()

    one.rebuild()
    street.settle()

    assert street.count == before
    assert set(one.told()) == set(said)
    assert one.unresolved == []
    one.is_right()


def test_what_was_not_sent_before_is_sent_by_who_comes_later(make_street: MakeStreet) -> None:
    """Half of the past was sent on; the rest, and what comes while the model is built, is sent once."""
    street = make_street()
    street.move_in()
    a_past(street)
    street.settle()
    street.neighbours.pop().worker.close()
    street.insert("late", "s1", at=(home(b"s1", PARTITIONS) + 1) % PARTITIONS)
    street.delete(4, 20, record_id="r20")
    before = street.count

    street.move_in()
    street.delete(5, 21, record_id="r21")
    street.settle()

    assert street.count == before + 1 + 1 + 2 * (PARTITIONS - 1)
    (one,) = street.neighbours
    assert {name for name, state in one.told() if state == "hidden"} == {f"d{i}" for i in (*range(15), 20, 21)}
    one.is_right()


def test_a_log_that_can_not_be_read_back_loses_nothing(
    make_street: MakeStreet, monkeypatch: pytest.MonkeyPatch
) -> None:
    street = make_street()
    street.move_in()
    a_past(street)
    street.settle()
    street.neighbours.pop().worker.close()
    monkeypatch.setattr("unlearn.forwarding.sent_before._MOST_MARKS", 10)
    read = MemoryLog.read

    def failing(self: MemoryLog, topic: str, partition: int, start: int, stop: int) -> Iterator[Record]:
        if topic == street.topic and partition == 3 and stop - start > 10:
            raise LogUnavailable("injected")
        return read(self, topic, partition, start, stop)

    street.move_in()
    with monkeypatch.context() as patch:
        patch.setattr(MemoryLog, "read", failing)
        for _ in range(5):
            street.neighbours[0].worker.turn(0.0)
    street.settle()

    (one,) = street.neighbours
    assert {name for name, state in one.told() if state == "hidden"} == {f"d{i}" for i in range(15)}
    one.is_right()


def _living(street: Street) -> list[int]:
    """Of each model, how many rows live."""
    return [sum(owned.view.number("live") for owned in one.worker.owned.values()) for one in street.neighbours]


def test_a_lift_off_its_home_ends_no_later_deletion_in_a_model_that_comes_late(make_street: MakeStreet) -> None:
    """Mutations: what others have sent on isn't counted as sent; theirs doesn't lift."""
    street = make_street()
    street.move_in()
    where = home(b"ann", PARTITIONS)
    street.insert("r1", "ann")
    street.delete(where, 1, subject_id="ann")
    street.settle()
    street.say((where + 1) % PARTITIONS, _lift("ann"))
    street.settle()
    street.insert("r2", "ann")
    street.settle()
    assert _living(street) == [1]
    street.delete(where, 2, subject_id="ann")
    street.settle()
    street.move_in()
    street.settle()
    street.insert("r3", "ann")
    street.settle()

    assert _living(street) == [0, 0]
    for one in street.neighbours:
        one.is_right()


def test_marks_of_a_log_with_other_offsets_have_no_lift_passed_over(make_street: MakeStreet) -> None:
    """As where the topic was mirrored: our own mark names an offset far behind all."""
    street = make_street()
    street.move_in()
    (one,) = street.neighbours
    where, settings = home(b"ann", PARTITIONS), one.settings
    other = (where + 1) % PARTITIONS
    mark = origin_header(settings.secret_bytes, Origin(settings.model, other, 1_000_000, 5))
    street.say(where, _lift("ann"), [mark])
    street.insert("r1", "ann")
    street.delete(where, 1, subject_id="ann")
    street.settle()
    street.say(other, _lift("ann"))
    street.settle()
    street.insert("r2", "ann")
    street.settle()

    assert _living(street) == [1]
    one.is_right()


def _lift(subject: str) -> Lift:
    return Lift(event_id=f"lift {subject}", subject_id=subject, requested_at="2024-01-01")
