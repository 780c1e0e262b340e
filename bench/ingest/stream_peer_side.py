"""The other side of `stream_peers`, run by the peer's Python without this package: it reads a topic to its end.

Arguments: what to run, broker, topic, partitions, events, core; the environment's REDIS_URL names the Redis. The
membership that Quix and Bytewax keep is one hash, written by one HSET a batch: less cannot be done. It prints wall
and CPU seconds an event, from the first tenth of the events on.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

_AT_ONCE = 2000
_PATIENCE = 120.0


class Clock:
    """Times what comes after the first tenth."""

    def __init__(self, events: int) -> None:
        self._events, self._seen, self._from = events, 0, 0
        self._wall = self._cpu = 0.0
        self._deadline = time.monotonic() + _PATIENCE

    def add(self, events: int) -> bool:
        """Whether all are through."""
        if time.monotonic() > self._deadline:
            raise TimeoutError(f"the topic's end was not reached in {_PATIENCE:g} s")
        self._seen += events
        if not self._from and self._seen >= self._events // 10:
            self._from, self._wall, self._cpu = self._seen, time.perf_counter(), time.process_time()
        return self._seen >= self._events

    def tell(self) -> None:
        events = self._seen - self._from
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        print(json.dumps({"wall": wall / events, "cpu": cpu / events}), flush=True)


def confluent(broker: str, topic: str, partitions: int, clock: Clock) -> None:
    """A bare `consume` loop."""
    kafka = import_module("confluent_kafka")
    reader = kafka.Consumer(
        {"bootstrap.servers": broker, "group.id": "bench", "enable.auto.commit": False, "check.crcs": True}
    )
    reader.assign([kafka.TopicPartition(topic, number, 0) for number in range(partitions)])
    while not clock.add(len(reader.consume(_AT_ONCE, 0.1))):
        pass
    clock.tell()
    reader.close()


def quix(broker: str, topic: str, partitions: int, clock: Clock) -> None:
    """Its BatchingSink."""
    streams, sinks = import_module("quixstreams"), import_module("quixstreams.sinks")
    remember = _membership(topic)

    class Sink(sinks.BatchingSink):  # type: ignore[name-defined, misc]
        def write(self, batch: Any) -> None:
            for items in batch.iter_chunks(n=_AT_ONCE):
                values = [item.value for item in items]
                remember(values)
                if clock.add(len(values)):
                    _end(clock)

    application = streams.Application(
        broker,
        consumer_group=f"{topic}-{time.time_ns()}",
        auto_offset_reset="earliest",
        commit_every=4 * _AT_ONCE,
        # Also when its last batch is written.
        commit_interval=0.25,
        auto_create_topics=False,
        loglevel="ERROR",
    )
    application.dataframe(application.topic(topic, value_deserializer="json")).sink(Sink())
    application.run()


def bytewax(broker: str, topic: str, partitions: int, clock: Clock) -> None:
    """Its Kafka source and a sink that takes batches."""
    operators, outputs = import_module("bytewax.operators"), import_module("bytewax.outputs")
    flow = import_module("bytewax.dataflow").Dataflow("bench")
    source = import_module("bytewax.connectors.kafka").KafkaSource([broker], [topic], batch_size=_AT_ONCE)
    remember = _membership(topic)

    class Part(outputs.StatelessSinkPartition):  # type: ignore[name-defined, misc]
        def write_batch(self, items: list[Any]) -> None:
            remember([json.loads(item.value) for item in items])
            if clock.add(len(items)):
                _end(clock)

    class Sink(outputs.DynamicSink):  # type: ignore[name-defined, misc]
        def build(self, *_: object) -> Part:
            return Part()

    operators.output("out", operators.input("in", flow, source), Sink())
    import_module("bytewax.testing").run_main(flow)


def _membership(topic: str) -> Callable[[list[dict[str, Any]]], None]:
    client = import_module("redis").Redis.from_url(os.environ["REDIS_URL"])
    name = f"{{bench-peer}}:{topic}"
    client.delete(name)

    def remember(events: list[dict[str, Any]]) -> None:
        client.hset(name, mapping={event["record_id"]: event.get("subject_id", "") for event in events})

    return remember


def _end(clock: Clock) -> None:
    clock.tell()
    # Neither peer can be told from within its sink to end.
    os._exit(0)


def main() -> None:
    what, broker, topic, partitions, events, core = sys.argv[1:]
    if core != "any":
        os.sched_setaffinity(0, {int(core)})
    sides = {"confluent": confluent, "quix": quix, "bytewax": bytewax}
    sides[what](broker, topic, int(partitions), Clock(int(events)))


if __name__ == "__main__":
    main()
