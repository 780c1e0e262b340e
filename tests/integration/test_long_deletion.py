"""A deletion near the topic's size limit, off its home, on a real broker: it is applied all the same."""

from __future__ import annotations

import json
from contextlib import closing

from tests.conftest import MakeSettings
from tests.harness.events import at
from tests.harness.model_data import receipts
from tests.harness.waiting import until
from tests.harness.worker_harness import make_worker
from unlearn.admin import topics
from unlearn.environment.redis_client import connect
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import TopicSpec

_LIMIT = 20_000
_BATCH = 80
"""Bytes that a batch of one takes beside its key and value, about."""
ZERO = at(0)


def test_a_deletion_that_leaves_no_room_for_our_mark_is_applied_where_it_belongs(make_settings: MakeSettings) -> None:
    settings = make_settings(partitions=2, features=2**10, trainers=0, seal_after=1000, publish_wait=0, window=0)
    event = {"type": "delete", "event_id": "d", "subject_id": ZERO, "requested_at": "2024-05-01"}
    value = json.dumps(event).encode().ljust(_LIMIT - _BATCH - len(ZERO))
    with closing(KafkaLog(settings.kafka)) as log:
        (events, *_) = topics.wanted(settings)
        log.create(TopicSpec(events.name, 2, {**events.config, "max.message.bytes": str(_LIMIT)}))
        topics.create(log, settings)
        with closing(log.producer()) as producer:
            producer.send(settings.events_topic, 1, ZERO.encode(), value)
            producer.flush(30)
        with closing(connect(settings.redis.url.get_secret_value())) as client:
            worker = make_worker(settings, log, client)
            with closing(worker):
                until(lambda: receipts(log, settings, "hidden"), 120, "it is hidden", lambda: worker.turn(0.05))
                open_ones = [held.total for owned in worker.owned.values() for held in owned.view.still_open()]

        told = {receipt.state for receipt in receipts(log, settings)}

    assert told == {"accepted", "hidden"}
    assert open_ones == []
