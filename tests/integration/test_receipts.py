"""What senders are told, on real services: requests of every kind, two workers, one of which is killed."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import MakeSettings
from tests.harness.events import delete, insert, lift, placed
from tests.harness.kafka_harness import KafkaHarness
from tests.harness.model_data import ModelLog, records, views
from tests.harness.processes import Process
from tests.harness.settings import settings_of
from tests.harness.waiting import until
from tests.integration.every_kind import KINDS, LIFTS, NULL, REFUSED, Message, messages
from unlearn.admin.topics import create
from unlearn.events.event import Delete, Event
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.memory.log import MemoryLog
from unlearn.simulate.judging.receipt_checks import Told, check_repeats, check_times, told_in

PARTITIONS, TOPIC_PARTITIONS = 3, 4
INSERTS, DELETIONS = 3000, 300
INSERTS, REQUESTS = 3000, 300
HOMELESS = {"record", "alias of one", "alias of several", NULL}
"""Deletions that count in all partitions."""
pytestmark = [pytest.mark.timeout(1800), pytest.mark.slow]


@pytest.fixture
def harness(make_settings: MakeSettings, kafka: str) -> Iterator[KafkaHarness]:
    settings = make_settings(
        partitions=PARTITIONS,
        shards_per_partition=2,
        slice_span=200,
        features=2**10,
        trainers=0,
        seal_after=1.0,
        forget_within=300.0,
        mapping="debezium",
        tombstones="delete",
        kafka={"bootstrap_servers": kafka, "session_timeout": 6.0},
    )
    with closing(KafkaLog(settings.kafka)) as log:
        create(log, settings.model_copy(update={"partitions": TOPIC_PARTITIONS}))
    with closing(KafkaHarness(settings)) as made:
        yield made


def send(harness: KafkaHarness, some: Iterable[Message]) -> None:
    with closing(harness.log.producer()) as producer:
        for one in some:
            producer.send(harness.settings.events_topic, one.partition, one.key, one.value)
        producer.flush(30)


def told(harness: KafkaHarness) -> list[Told]:
    return [told_in(record.value) for record in records(harness.log, harness.settings.receipts_topic)]


def kinds_of(harness: KafkaHarness, sent: Iterable[Message]) -> dict[str, str]:
    """Event id -> kind, of all requests; a null has the id of the place where its sender put it."""
    kinds = {one.event_id: one.kind for one in sent if one.event_id}
    for partition in range(TOPIC_PARTITIONS):
        for record in records(harness.log, harness.settings.events_topic, partition):
            if record.value is None and not record.headers:
                kinds[f"place:{partition}/{record.offset}"] = NULL
    return kinds


def test_every_sender_is_told_what_an_independent_count_says(harness: KafkaHarness, tmp_path: Path) -> None:
    sent = list(messages(12, INSERTS, REQUESTS, PARTITIONS, TOPIC_PARTITIONS))
    with Process(harness.settings, tmp_path, "work"), Process(harness.settings, tmp_path, "work") as killed:
        until(lambda: killed.pid in harness.owners(), 60, "the second owns something")
        send(harness, sent[: len(sent) // 2])
        until(lambda: len(harness.event_ids("hidden")) > REQUESTS // 7, 60, "some are hidden")
        killed.signal(signal.SIGKILL)
        send(harness, sent[len(sent) // 2 :])
        kinds = kinds_of(harness, sent)
        assert Counter(kinds.values()) == Counter(one.kind for one in sent if one.kind)
        refused, lifted = ({name for name, kind in kinds.items() if kind in some} for some in (("refused",), LIFTS))
        applied = kinds.keys() - refused - lifted

        def settled() -> bool:
            counts = harness.counts_told()
            answered = (harness.event_ids("refused"), harness.event_ids("lifted")) == (refused, lifted)
            return answered and counts.keys() == applied and None not in counts.values() and _at_rest(harness)

        until(settled, 120, "all are told how many rows they killed", lambda: time.sleep(0.5))

    due = harness.counts_due()
    assert harness.counts_told() == {name: due[name] for name in applied}
    check_repeats(told(harness), steady=True)
    check_times(told(harness))
    assert len({receipt.reason for receipt in harness.receipts("refused")}) >= len(REFUSED) - 2, "of many sorts"
    by_kind = Counter[str]()
    for name in applied:
        by_kind[kinds[name]] += due[name]
    without = {"nobody", "subject again", "refused", *LIFTS}
    assert {kind for kind in KINDS if by_kind[kind]} == set(KINDS) - without
    hidden = harness.receipts("hidden")
    spread = [receipt for receipt in hidden if kinds[receipt.event_id] in HOMELESS]
    assert any(receipt.partition == PARTITIONS for receipt in spread), "one was first read where the model has nothing"
    assert {kinds[one.event_id] for one in spread if (one.records or 0) > 1} == HOMELESS


def _at_rest(harness: KafkaHarness) -> bool:
    found = views(harness.client, harness.settings, TOPIC_PARTITIONS).values()
    return not any(view.pending or view.uncounted for view in found)


BY_HAND: list[tuple[Event | bytes, int | None]] = [
    (insert("r1", "ann", aliases=("own", "both")), None),
    (insert("r2", "ann"), None),
    (insert("r1", "bob", aliases=("both",)), None),
    (delete(None, "ann", event_id="so far", scope="so_far"), 2),
    (insert("r3", "ann"), None),
    (delete(alias="own", event_id="own"), 1),
    (insert("r4", "ann"), None),
    (delete(None, "ann", event_id="forgotten before"), 0),
    (delete(alias="both", event_id="both"), 1),
    (lift(None, "ann", event_id="lift"), None),
    (insert("r5", "ann"), None),
    (delete(None, "ann", event_id="let in again"), 1),
    (lift(None, "bob", event_id="lift of bob"), None),
    (insert("r1", "bob", text="once more"), None),
    (insert("r1", "cleo"), None),
    (b'{"id":"r1"}', 2),
    (insert("r9", "cleo"), None),
    (delete("r9", "cleo", event_id="pair"), 1),
]
"""Events, or a null's key, and how many rows each deletion kills, counted by hand."""


def test_the_independent_count_is_one_by_hand(tmp_path: Path) -> None:
    class Counted(ModelLog):
        log, settings = MemoryLog(), settings_of(partitions=1, mapping="debezium", tombstones="delete")

    topic = Counted.settings.events_topic
    Counted.log.create_topic(topic, 1)
    due = {}
    for offset, (event, kills) in enumerate(BY_HAND):
        key, value = (event, None) if isinstance(event, bytes) else placed(event, 1)[1:]
        Counted.log.append(topic, 0, key, value, ())
        if kills is not None:
            due[event.event_id if isinstance(event, Delete) else f"place:0/{offset}"] = kills

    assert Counted().counts_due() == due
