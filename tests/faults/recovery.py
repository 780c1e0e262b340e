"""How long it takes until deletions are hidden again after a fault: `python -m tests.faults.recovery`.

Two worker processes on a broker and a Redis of their own. Each time is from the fault's end (a worker's death, a
service's start) to the `hidden` receipts of deletions sent meanwhile.
"""

from __future__ import annotations

import json
import logging
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from signal import SIGKILL

from tests.harness.breakable_services import BreakableService, OwnKafka, OwnRedis
from tests.harness.events import delete
from tests.harness.processes import Process
from tests.harness.settings import settings_of
from unlearn.admin.topics import create
from unlearn.errors import LogUnavailable
from unlearn.events.event import encode
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Producer, Tail
from unlearn.settings import Settings

_ASKED = 20
_WITHIN = 120.0


class Probe:
    """Asks for deletions of unknown subjects, over all partitions, and waits for their receipts."""

    def __init__(self, settings: Settings, log: KafkaLog) -> None:
        self._settings = settings
        self._producer: Producer = log.producer()
        self._tail: Tail = log.tail(settings.receipts_topic)

    def ask(self) -> set[str]:
        asked = set()
        for _ in range(_ASKED):
            who = uuid.uuid4().hex
            value = encode(delete(subject=who, event_id=who))
            for partition in range(self._settings.partitions):
                # Wherever it is not at home it is sent there: all owners must work.
                self._producer.send(self._settings.events_topic, partition, who.encode(), value)
            asked.add(who)
        return asked

    def wait(self, asked: set[str]) -> float:
        """Seconds until all are hidden."""
        began, left = time.monotonic(), set(asked)
        while left and time.monotonic() < began + _WITHIN:
            try:
                receipts = [json.loads(record.value or b"{}") for record in self._tail.poll(0.05)]
            except LogUnavailable:
                continue
            left -= {receipt["event_id"] for receipt in receipts if receipt["state"] == "hidden"}
        return time.monotonic() - began


def restarted(service: BreakableService, probe: Probe) -> float:
    service.kill()
    time.sleep(5)
    service.start()
    return probe.wait(probe.ask())


def thawed(service: BreakableService, probe: Probe, seconds: float) -> float:
    service.freeze()
    time.sleep(seconds)
    service.thaw()
    return probe.wait(probe.ask())


def main() -> None:
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        kafka, redis = OwnKafka(folder), OwnRedis(folder)
        stack.callback(kafka.close)
        stack.callback(redis.close)
        values = {"kafka": {"bootstrap_servers": kafka.address}, "redis": {"url": redis.url}, "services_dir": folder}
        settings = settings_of(model="recovery", trainers=0, store={"url": folder.as_uri()}, **values)
        log = KafkaLog(settings.kafka)
        create(log, settings)
        probe = Probe(settings, log)
        workers = [stack.enter_context(Process(settings, folder, "work")) for _ in range(2)]
        print(f"{probe.wait(probe.ask()):6.1f} s  two workers started", flush=True)
        print(f"{probe.wait(probe.ask()):6.1f} s  nothing broken", flush=True)

        def killed() -> float:
            workers[0].signal(SIGKILL)
            return probe.wait(probe.ask())

        faults: dict[str, Callable[[], float]] = {
            f"a worker killed (session time-out {settings.kafka.session_timeout:g} s)": killed,
            "Redis killed, started after 5 s": lambda: restarted(redis, probe),
            "the broker killed, started after 5 s": lambda: restarted(kafka, probe),
            "Redis stalled for 30 s": lambda: thawed(redis, probe, 30),
            "the broker stalled for 60 s": lambda: thawed(kafka, probe, 60),
        }
        for what, fault in faults.items():
            print(f"{fault():6.1f} s  {what}", flush=True)
        log.close()


if __name__ == "__main__":
    main()
