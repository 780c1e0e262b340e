"""A model on real services, told event by event, with a past to go back to, and scorers that watch."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from tests.integration.processes import until
from unlearn.admin.topics import create
from unlearn.environment.redis_client import connect
from unlearn.errors import NotEnough
from unlearn.events.partitioner import home
from unlearn.log.kafka.log import KafkaLog
from unlearn.partition.tables import Tables
from unlearn.results.manifest import Manifest, Receipt, read_manifest
from unlearn.scoring.scorer import Scorer
from unlearn.scoring.serving import Merged
from unlearn.settings import Settings
from unlearn.state.scripts import Token
from unlearn.verification.from_log import subject_of, verify_log
from unlearn.worker.lifecycle import states


class Field:
    """A model on real services. Record i has feature i, so states show who was learned."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.log = settings, KafkaLog(settings.kafka)
        create(self.log, settings)
        self.client: Any = connect(settings.redis.url.get_secret_value())
        self._producer = self.log.producer()
        self._scorer: Scorer | None = None
        self.gone: dict[int, int] = {}
        """Records that were said to be hidden, and the version from which on none in force holds them."""
        self.looks = 0

    def close(self) -> None:
        if self._scorer:
            self._scorer.close()
        self._producer.close()
        self.log.close()
        self.client.close()

    def insert(self, records: Iterable[int]) -> None:
        for i in records:
            event = {"type": "insert", "label": ("ham", "spam")[i % 2], "features": {str(i): 1}}
            self._send(event | {"event_id": f"e{i}", "record_id": f"r{i}"})
        self._producer.flush(30)

    def delete(self, records: Iterable[int]) -> None:
        for i in records:
            self._send({"type": "delete", "event_id": f"d{i}", "record_id": f"r{i}", "requested_at": "2023-01-01"})
        self._producer.flush(30)

    def _send(self, event: dict[str, Any]) -> None:
        key = event["record_id"].encode()
        place = home(key, self.settings.partitions)
        self._producer.send(self.settings.events_topic, place, key, json.dumps(event).encode())

    # -- what is to be seen

    def views(self) -> list[Tables]:
        state_of = states(self.client, self.settings.model)
        return [Tables(state_of(p).load()) for p in range(self.settings.partitions)]

    def tokens(self) -> list[Token]:
        """As Redis has them."""
        parts = (view.meta.get("token", "0:").partition(":") for view in self.views())
        return [Token(int(counter), nonce) for counter, _, nonce in parts]

    def counters(self) -> list[int]:
        return [token.counter for token in self.tokens()]

    def owners(self) -> set[int]:
        """Their pids, as Redis has them."""
        return {int(view.meta.get("owner", ":0").rpartition(":")[2]) for view in self.views()}

    def manifests(self) -> list[Manifest]:
        """All that stand on the topic, in its order."""
        read = (read_manifest(r.value or b"") for r in self.log.read(self.settings.results_topic, 0, 0, 1 << 60))
        return [manifest for manifest in read if manifest is not None]

    def hidden(self) -> dict[str, int]:
        """Event id -> the version named by the first receipt that said so."""
        told: dict[str, int] = {}
        for record in self.log.read(self.settings.receipts_topic, 0, 0, 1 << 60):
            receipt = Receipt.model_validate_json(record.value or b"")
            if receipt.state == "hidden":
                assert receipt.version is not None
                told.setdefault(receipt.event_id, receipt.version)
        return told

    def covered(self) -> bool:
        self.look()
        bounds = self.log.bounds(self.settings.events_topic)
        return all(view.number("published_applied") >= bounds[p][1] for p, view in enumerate(self.views()))

    def look(self) -> bool:
        """By the scorer that polls throughout. Returns whether it serves none of the gone.

        It may be late: a version of before those that a receipt speaks of is served until its lease ends.
        """
        if self._scorer is None:
            self._scorer = Scorer.connect(self.settings).start()
        began, merged, late = time.monotonic(), self._scorer._merged, False
        for partition in self._scorer._leased(merged):
            one = merged[partition]
            for record in self._gone_in(one):
                late = True
                assert one.offset < self.gone[record], f"r{record} is in {one.offset}, and hidden from {self.gone}"
                assert one.vouched_at is not None
                # Whether it was leased was asked after `began`.
                assert began < one.vouched_at + self.settings.lease
        return not late

    def look_afresh(self) -> int:
        """By one that starts now, which is never late. Returns how many partitions it can serve."""
        with Scorer.connect(self.settings) as scorer:
            with suppress(NotEnough):
                scorer.once(5.0)
            served = scorer._covering()
            for partition in served:
                assert not self._gone_in(scorer._merged[partition])
            return len(served)

    def _gone_in(self, one: Merged) -> set[int]:
        """Those of the gone that its states hold."""
        self.looks += len(one.states)
        return {int(feature) for _, state in one.states for feature in state["features"]} & self.gone.keys()

    @property
    def left_out(self) -> tuple[int, ...]:
        assert self._scorer is not None
        return self._scorer.left_out

    def wait_hidden(self, records: Iterable[int], seconds: float = 30.0) -> None:
        """They are said to be hidden; from the version named on they must be."""
        asked = {f"d{i}": i for i in records}
        until(lambda: asked.keys() <= self.hidden().keys(), seconds, "all are hidden")
        self.gone |= {asked[event]: version for event, version in self.hidden().items() if event in asked}

    def verdicts(self) -> set[str]:
        """What a replay of the log says of the newest manifests."""
        return {verdict.verdict for verdict in verify_log(self.log, subject_of(self.settings)).shards}

    # -- Redis, and its past

    def remember(self) -> dict[bytes, bytes]:
        """All keys as of one moment, of whatever a worker is doing."""
        deadline = time.monotonic() + 120
        while True:
            assert time.monotonic() < deadline, "keys come and go all the time"
            keys = sorted(self._keys())
            pipe = self.client.pipeline(transaction=True)
            for key in keys:
                pipe.dump(key)
            pipe.keys(self._pattern)
            *dumps, now = pipe.execute()
            if sorted(now) == keys:
                return dict(zip(keys, dumps, strict=True))

    def roll_back(self, past: dict[bytes, bytes]) -> None:
        pipe = self.client.pipeline(transaction=True)
        for key in self._keys():
            pipe.delete(key)
        for key, data in past.items():
            pipe.restore(key, 0, data)
        pipe.execute()

    def _keys(self) -> list[bytes]:
        return list(self.client.scan_iter(match=self._pattern, count=10_000))

    @property
    def _pattern(self) -> str:
        return f"[{{]{self.settings.model}:*"
