"""What senders are told, on real services: deletions of every kind, two workers, one of which is killed."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import MakeSettings
from tests.harness.events import delete, insert, placed
from tests.harness.kafka_harness import KafkaHarness
from tests.harness.model_data import records, views
from tests.harness.processes import Process
from tests.harness.waiting import until
from unlearn.admin.topics import create
from unlearn.log.kafka.log import KafkaLog
from unlearn.simulate.judging.receipt_checks import Told, check_repeats, check_times, told_in

PARTITIONS, TOPIC_PARTITIONS = 3, 4
INSERTS, DELETIONS = 3000, 300
KINDS = ("pair", "record", "subject", "subject again", "pair off home", "subject off home", "nobody", "refused")
pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


class Message(NamedTuple):
    """What is sent to a partition, and of which kind it is; empty for an insert."""

    kind: str
    partition: int
    key: bytes | None
    value: bytes


def messages(seed: int) -> Iterator[Message]:
    """Inserts of 600 record ids by 200 people or nobody, and deletions of every kind between them."""
    chance, made = random.Random(seed), Made([], [])
    number = 0
    for at in range(INSERTS):
        person = f"s{chance.randrange(200)}" if chance.random() < 0.9 else None
        record, revision, label = (
            f"r{chance.randrange(600)}",
            chance.choice((0, 0, 0, 1)),
            chance.choice(("ham", "spam")),
        )
        event = insert(record, person, revision, event_id=f"e{at}", text=f"tea {at}", label=label)
        made.pairs.append((record, person))
        yield Message("", *placed(event, PARTITIONS))
        while number * INSERTS < at * DELETIONS:
            yield _deletion(chance, number, made)
            number += 1


class Made(NamedTuple):
    """Which (record, subject) were inserted, and which subjects were deleted at home."""

    pairs: list[tuple[str, str | None]]
    gone: list[str]


def _deletion(chance: random.Random, number: int, made: Made) -> Message:
    kind, name, anywhere = KINDS[number % len(KINDS)], f"d{number}", chance.randrange(TOPIC_PARTITIONS)
    record, subject = chance.choice([pair for pair in made.pairs if pair[1]])
    if kind == "refused":
        undated = f'{{"type":"delete","event_id":"{name}","subject_id":"{subject}"}}'
        return Message(kind, anywhere, b"k", undated.encode())
    if kind == "subject":
        made.gone.append(str(subject))
    events = {
        "pair": delete(record, subject, event_id=name),
        "pair off home": delete(record, subject, event_id=name),
        "record": delete(record, event_id=name, revision=chance.choice((None, 0))),
        "nobody": delete("unknown", "unknown", event_id=name),
        "subject again": delete(None, chance.choice(made.gone or ["unknown"]), event_id=name),
    }
    home = placed(events.get(kind, delete(None, subject, event_id=name)), PARTITIONS)
    return Message(kind, *(home._replace(partition=anywhere) if kind == "record" or "off home" in kind else home))


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
        kafka={"bootstrap_servers": kafka, "session_timeout": 6.0},
    )
    with closing(KafkaLog(settings.kafka)) as log:
        create(log, settings.model_copy(update={"partitions": TOPIC_PARTITIONS}))
    with closing(KafkaHarness(settings)) as made:
        yield made


def send(harness: KafkaHarness, some: list[Message]) -> None:
    with closing(harness.log.producer()) as producer:
        for _, partition, key, value in some:
            producer.send(harness.settings.events_topic, partition, key, value)
        producer.flush(30)


def told(harness: KafkaHarness) -> list[Told]:
    return [told_in(record.value) for record in records(harness.log, harness.settings.receipts_topic)]


def test_every_sender_is_told_what_an_independent_count_says(harness: KafkaHarness, tmp_path: Path) -> None:
    sent = list(messages(12))
    kinds = {f"d{number}": kind for number, kind in enumerate(m.kind for m in sent if m.kind)}
    applied = {name for name, kind in kinds.items() if kind != "refused"}
    with Process(harness.settings, tmp_path, "work"), Process(harness.settings, tmp_path, "work") as killed:
        until(lambda: killed.pid in harness.owners(), 60, "the second owns something")
        send(harness, sent[: len(sent) // 2])
        until(lambda: len(harness.event_ids("hidden")) > len(applied) // 6, 60, "some are hidden")
        killed.signal(signal.SIGKILL)
        send(harness, sent[len(sent) // 2 :])

        def settled() -> bool:
            counts = harness.counts_told()
            answered = harness.event_ids("refused") == kinds.keys() - applied
            return answered and counts.keys() == applied and None not in counts.values() and _at_rest(harness)

        until(settled, 120, "all are told how many rows they killed", lambda: time.sleep(0.5))

    due = harness.counts_due()
    assert harness.counts_told() == {name: due[name] for name in applied}
    check_repeats(told(harness), steady=True)
    check_times(told(harness))
    by_kind = Counter[str]()
    for name in applied:
        by_kind[kinds[name]] += due[name]
    assert by_kind["nobody"] == by_kind["subject again"] == 0
    assert all(by_kind[kind] for kind in ("pair", "record", "subject", "pair off home", "subject off home"))
    hidden = harness.receipts("hidden")
    spread = [receipt for receipt in hidden if kinds[receipt.event_id] == "record"]
    assert any(receipt.partition == PARTITIONS for receipt in spread), "one was first read where the model has nothing"
    assert any((receipt.records or 0) > 1 for receipt in spread)


def _at_rest(harness: KafkaHarness) -> bool:
    found = views(harness.client, harness.settings, TOPIC_PARTITIONS).values()
    return not any(view.pending or view.uncounted for view in found)
