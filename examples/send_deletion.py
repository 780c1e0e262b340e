"""For upstream services: send an insert and a deletion of it, and wait for the receipt that says `hidden`.

    .venv/bin/python examples/send_deletion.py

It asks for the settings as every command does, and for a worker: `unlearn work`, or `unlearn work --drain` meanwhile.
Nothing here is particular to Python: the events are JSON, and any client of Kafka can send them.
"""

import json
import sys
import time
import uuid
from datetime import UTC, datetime

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from unlearn import load_settings

PATIENCE = 600.0  # seconds

settings = load_settings()
options = settings.kafka.client_options()
subject = f"ann-{uuid.uuid4()}"  # who was forgotten stays so: each time somebody new
events = [
    {"type": "insert", "record_id": "t1", "label": settings.classes[-1], "text": "win cash now"},
    {"type": "delete", "requested_at": datetime.now(UTC).isoformat()},
]

# From where the receipts end now, so that ours is not missed.
receipts = KafkaConsumer(**options)
found = receipts.partitions_for_topic(settings.receipts_topic) or ()
receipts.assign([TopicPartition(settings.receipts_topic, number) for number in found])
receipts.seek_to_end()
for partition in receipts.assignment():
    receipts.position(partition)

producer = KafkaProducer(**options, acks="all", enable_idempotence=True)
for event in events:
    event |= {"event_id": str(uuid.uuid4()), "subject_id": subject}
    producer.send(settings.events_topic, key=subject.encode(), value=json.dumps(event).encode()).get()
producer.close()
deletion = events[-1]["event_id"]
print(f"sent {deletion}: forget {subject}", flush=True)

deadline = time.monotonic() + PATIENCE
state = None
while state not in ("hidden", "refused") and time.monotonic() < deadline:
    for record in (one for found in receipts.poll(1000).values() for one in found):
        receipt = json.loads(record.value)
        if receipt["event_id"] == deletion:
            state = receipt["state"]
            print(f"{state} {json.dumps(receipt)}", flush=True)
receipts.close()
sys.exit(0 if state == "hidden" else 1)
