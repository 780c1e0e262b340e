"""For services with confluent-kafka: insert records, delete some of them, and wait until they are hidden.

    pip install confluent-kafka
    python examples/producers/send_and_forget_confluent.py localhost:9092 mail run1

It prints a line for each deletion: its event id, its state, and how many records it has killed. The arguments are the
brokers, the model, and a prefix for the ids, another one each time. It needs a worker that runs.

Its partitioner (CRC32) puts most events elsewhere than Kafka's own does; they are sent home.
"""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

servers, model, run = sys.argv[1:]


def insert(record: str, subject: str | None) -> dict[str, Any]:
    event = {"type": "insert", "event_id": f"insert-{record}", "record_id": record, "text": "win cash now"}
    return event if subject is None else {**event, "subject_id": subject}


def delete(event_id: str, **names: str) -> dict[str, Any]:
    return {"type": "delete", "event_id": event_id, "requested_at": datetime.now(UTC).isoformat(), **names}


def send(events: list[dict[str, Any]]) -> None:
    refused = []
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    for event in events:
        key = event.get("subject_id") or event["record_id"]
        producer.produce(f"{model}.events", json.dumps(event), key, on_delivery=lambda error, _: refused.append(error))
    producer.flush()
    if any(refused):
        sys.exit(f"not sent: {next(filter(None, refused))}")


def receipts(consumer: Consumer) -> Iterator[dict[str, Any]]:
    while True:
        message = consumer.poll(1.0)
        if message is not None and not message.error() and (value := message.value()):
            yield json.loads(value)


consumer = Consumer({"bootstrap.servers": servers, "group.id": f"{run}-receipts", "enable.auto.commit": False})
place = TopicPartition(f"{model}.receipts", 0)
place.offset = consumer.get_watermark_offsets(place)[1]
consumer.assign([place])

people = [f"{run}-person{number}" for number in range(6)]
inserts = [insert(f"{person}-record{number}", person) for person in people for number in range(3)]
deletions = [delete(f"forget-{person}", subject_id=person) for person in people[:3]]
deletions.append(delete(f"forget-one-of-{people[3]}", subject_id=people[3], record_id=f"{people[3]}-record0"))
deletions.append(delete(f"forget-{run}-alone", record_id=f"{run}-alone"))
deletions.append(delete(f"forget-{run}-nobody", subject_id=f"{run}-nobody"))
send([*inserts, insert(f"{run}-alone", None), *deletions])

open_ones = {event["event_id"] for event in deletions}
for receipt in receipts(consumer):
    # A person's records may still be counted when they are hidden; the receipt then comes once more.
    if receipt["event_id"] in open_ones and receipt["state"] == "hidden" and receipt["records"] is not None:
        print(receipt["event_id"], receipt["state"], receipt["records"], flush=True)
        open_ones.remove(receipt["event_id"])
    if not open_ones:
        break
consumer.close()
