"""Which deletions are open, in what order, and what each is said to wait for."""

from __future__ import annotations

import json
from typing import Any

from pydantic import SecretStr

from tests.harness.events import insert
from unlearn.admin.pending import HIDING, LEAVING, Partition, open_deletions
from unlearn.admin.pending_events import PendingEvents, Said
from unlearn.events.event import encode
from unlearn.forwarding.dues import ACCEPTED, COPIES, DEAD, HOME
from unlearn.log.memory.log import MemoryLog
from unlearn.partition.tables import Change, Cleanup, OpenRange, Pending, Tables, Unresolved
from unlearn.settings import Settings

OWNED: dict[str, Any] = {"token": "1:n", "published_applied": 0}


def partition(applied: int = 100, meta: dict[str, Any] | None = None, **tables: dict[Any, Any]) -> Partition:
    view, change = Tables({}), Change()
    for name, value in (OWNED if meta is None else meta).items():
        change.put("meta", name, value)
    for name, rows in tables.items():
        for key, value in rows.items():
            change.put(name, key, value)
    view.apply(change, applied)
    return Partition(view)


def shown(offset: int) -> dict[str, Any]:
    return {**OWNED, "published_applied": offset}


def waits(found: dict[int, Partition], partitions: int = 2) -> dict[tuple[int, int], tuple[str, ...]]:
    return {(row.partition, row.offset): row.waits_for for row in open_deletions(found, partitions)}


def test_all_that_is_open_is_listed_by_deadline_and_updates_are_not() -> None:
    runs = OpenRange("spoilt", 30, 3, 20, 5, "20-24")
    found = {
        0: partition(
            pending={7: Pending(1, 50), 8: Pending(2, 10), 9: Pending(3, 1, receipt=False)}, open_ranges={20: runs}
        ),
        1: partition(outbox={3: [HOME], 4: [ACCEPTED], 5: [DEAD, "no"]}, unresolved={6: Unresolved("why", 40, 2)}),
    }

    rows = open_deletions(found, 2)

    assert [(row.partition, row.offset, row.last, row.count, row.deadline, row.why) for row in rows] == [
        (1, 3, 3, 1, 0, LEAVING),
        (0, 8, 8, 1, 10, HIDING),
        (0, 20, 20, 5, 30, "spoilt"),
        (1, 6, 6, 1, 40, "why"),
        (0, 7, 7, 1, 50, HIDING),
    ]
    assert {row.waits_for for row in rows if row.why in ("spoilt", "why")} == {
        ("an operator: `unlearn resolve` closes it",)
    }


def test_a_deletion_waits_for_a_manifest_of_each_partition_that_counts_it() -> None:
    held = {7: Pending(1, 50, copies={"1": 12, "2": 9})}
    found = {0: partition(meta=shown(7), pending=held), 1: partition(meta=shown(13)), 2: partition(meta=shown(9))}

    assert waits(found, 3)[0, 7] == (
        "a manifest of partition 0 that covers offset 7",
        "a manifest of partition 2 that covers offset 9",
    )
    # A partition without a model has no manifest.
    assert waits(found, 0)[0, 7] == ("a manifest of partition 2 that covers offset 9",)


def test_it_is_said_why_a_partition_s_manifest_is_not_there() -> None:
    held = {7: Pending(1, 50, copies={"1": 12})}

    def second(other: Partition) -> str:
        (told,) = waits({0: partition(meta=shown(8), pending=held), 1: other})[0, 7]
        return told.removeprefix("a manifest of partition 1 that covers offset 12")

    assert second(partition(meta={})) == ": no worker has claimed it"
    assert second(partition(12)) == ": applied up to 12"
    assert (
        second(partition(12)._replace(trouble="Kafka: denied")) == ": applied up to 12; its owner waits: Kafka: denied"
    )
    assert second(partition(13)._replace(training=(1, 2))) == ": training shard 1, 2"
    assert second(partition(12)._replace(stopped="cut off")) == "; its owner is stopped: cut off"
    assert second(partition(13)._replace(trouble="no room")) == "; its owner waits: no room"
    assert second(partition(13)) == ""


def test_what_is_still_to_be_sent_comes_first() -> None:
    held = {7: Pending(1, 50)}
    copying = partition(meta=shown(8), pending=held, outbox={7: [ACCEPTED, COPIES]})._replace(trouble="denied")
    telling = partition(meta=shown(7), pending=held, outbox={7: [ACCEPTED]})

    assert waits({0: copying})[0, 7] == ("its copies to other partitions to be acknowledged; its owner waits: denied",)
    assert waits({0: telling})[0, 7] == (
        "its `accepted` receipt to be acknowledged",
        "a manifest of partition 0 that covers offset 7",
    )


def test_the_last_thing_is_the_receipt_or_a_clean_up() -> None:
    held = {7: Pending(1, 50)}

    assert waits({0: partition(meta=shown(8), pending=held)})[0, 7] == ("its `hidden` receipt to be acknowledged",)
    cleaning = partition(meta=shown(8), pending=held, cleanups={"ab" * 16: Cleanup(7, 0, 3)})
    assert waits({0: cleaning})[0, 7] == ("the clean-up of its subject's rows",)
    other = partition(meta=shown(8), pending=held, cleanups={"ab" * 16: Cleanup(6, 0, 3)})
    assert waits({0: other})[0, 7] == ("its `hidden` receipt to be acknowledged",)


def test_a_possible_deletion_that_reads_as_an_insert_is_listed() -> None:
    settings, log = Settings(secret=SecretStr("s" * 16), partitions=1), MemoryLog()
    log.create_topic(settings.events_topic, 1)
    plain = insert("r", text="a b")
    doubtful = {**json.loads(encode(plain)), "status": "deleted"}
    for value in (encode(plain), json.dumps(doubtful).encode()):
        log.append(settings.events_topic, 0, None, value, ())
    rows = open_deletions({0: partition(outbox={0: [HOME]}, unresolved={1: Unresolved("says deletion", 9, 2)})}, 1)

    told = list(PendingEvents(log, settings).of(rows))

    assert [(row.offset, said) for row, said in told] == [(1, Said())]
