"""A service of a test's own, to be stopped and broken, and a worker beside it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.integration.processes import until
from tests.integration.scene import SECRET, Scene
from unlearn.environment.redis_client import connect
from unlearn.local_password import with_local_password
from unlearn.log.protocol import Record
from unlearn.results.manifest import Receipt
from unlearn.services import LocalKafka, LocalRedis
from unlearn.services.address import free_port
from unlearn.settings import Settings
from unlearn.verification.from_log import subject_of, verify_log
from unlearn_study.generator.tweet_generator import tweets


class Breakable:
    """A local service that can be frozen, killed and started again on its data."""

    def __init__(self, service: LocalRedis | LocalKafka, folder: Path) -> None:
        self._service = service
        self._folder = folder
        service.up(print)

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(int((self._folder / "pid").read_text()))

    def freeze(self) -> None:
        self.process.suspend()

    def thaw(self) -> None:
        self.process.resume()

    def kill(self) -> None:
        process = self.process
        process.kill()
        until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, 120, "it is dead")

    def start(self) -> None:
        self._service.up(print)

    def close(self) -> None:
        with suppress(psutil.Error, OSError):
            self.process.resume()
        self._service.down(print)


class OwnRedis(Breakable):
    def __init__(self, folder: Path) -> None:
        url = f"redis://127.0.0.1:{free_port()}/0"
        settings = Settings(model="own", secret=SECRET, services_dir=folder, redis={"url": url})
        super().__init__(LocalRedis(settings), folder / "redis")
        self.url = with_local_password(settings).redis.url.get_secret_value()
        self.client = connect(self.url)

    def close(self) -> None:
        self.client.close()
        super().close()


class OwnKafka(Breakable):
    def __init__(self, folder: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        values: dict[str, Any] = {"services_dir": folder, "kafka": {"bootstrap_servers": self.address}}
        settings = Settings(model="own", secret=SECRET, **values)
        super().__init__(LocalKafka(settings, containers=False), folder / "kafka")


def during(act: Callable[[], None], seconds: float, undo: Callable[[], None]) -> threading.Thread:
    """Do it now, and undo it after some seconds on a thread of its own."""
    act()

    def later() -> None:
        time.sleep(seconds)
        undo()

    thread = threading.Thread(target=later)
    thread.start()
    return thread


class Sick(Scene):
    """A scene whose worker meets faults."""

    somebody = ""
    """The subject of the first row sent by `tweets`."""

    def turn_until(self, done: Callable[[], object], seconds: float = 150.0) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, f"not within {seconds:g} s; {self.counts}, {self.worker.stopped}"
            self.worker.turn(0.005)

    def rest(self, seconds: float = 150.0) -> None:
        """Until all is applied, sealed, trained, hidden and published."""
        self.turn_until(lambda: not self.worker.busy and self._caught_up() and self._covered(), seconds)

    def _covered(self) -> bool:
        # Partitions without a model owe receipts, too: of what they copied to the others.
        owned = self.worker.owned
        return not any(held.view.pending for held in owned.values()) and all(
            held.manifest is not None
            and held.manifest.applied == held.view.applied
            and held.view.registered == held.view.last_end
            and all(entry.through == held.view.last_end for entry in held.manifest.shards)
            for partition, held in owned.items()
            if partition < self.settings.partitions
        )

    @property
    def counts(self) -> Counter[str]:
        """Of the worker and of all partitions it ever owned."""
        return sum((held.counters for held in self.worker.owned.values()), self.worker.counters)

    @property
    def applied(self) -> dict[int, int]:
        return {partition: held.view.applied for partition, held in self.worker.owned.items()}

    def tweets(self, count: int, seed: int = 1) -> list[dict[str, Any]]:
        """Send inserts; they are given back."""
        events = [dict(event) for event in tweets(count, seed)]
        for event in events:
            self.send(event, event.get("subject_id") or event["record_id"])
        self.somebody = self.somebody or next(event["subject_id"] for event in events if "subject_id" in event)
        return events

    def forget(self, subject: str = "", event_id: str = "gone") -> None:
        """Ask for a subject's deletion: somebody's, unless said otherwise."""
        who = subject or self.somebody
        self.send({"type": "delete", "event_id": event_id, "requested_at": "2023-01-01", "subject_id": who}, who)

    def seal(self) -> None:
        for partition in range(self.settings.partitions):
            self.raw(partition, b'{"type":"seal"}')

    def receipts(self, state: str) -> set[str]:
        """Event ids that were reported so."""
        records: list[Record] = list(self.log.read(self.settings.receipts_topic, 0, 0, 2**62))
        found = (Receipt.model_validate_json(record.value or b"") for record in records)
        return {receipt.event_id for receipt in found if receipt.state == state}

    def verdict(self) -> str:
        """What a replay of the log says of the newest manifests."""
        return verify_log(self.log, subject_of(self.settings)).verdict
