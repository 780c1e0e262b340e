"""Bad input by the million through a whole worker: `python -m tests.faults.fuzz --events 1000000 --seed 1`.

No input stops a worker, no possible deletion is dropped, no id of an input is in a log line or a dead letter.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tests.harness.settings import settings_of
from tests.harness.worker_harness import WorkerHarness
from unlearn.events.event import Delete, Insert, Seal
from unlearn.events.parsing import Parser
from unlearn.local_password import with_local_password
from unlearn.log.protocol import Record
from unlearn.services import LocalRedis
from unlearn.services.address import free_port

_WITHIN = 600.0
"""Seconds for one feed."""
LEAK = "leak-me"
"""Every id of the input holds it."""
_TYPES = ("insert", "delete", "seal", "Delete", "DELETE ", "update", "", None, 3, ["delete"], {"a": "delete"})
_ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**53, 2**53 - 1, 10**30, 1e400, float("nan"), -0.0, 1e-320, "", " ", "\0", "\ud800"),
    *("é" * 300, "x" * 100_001, [], {}, [[[[[]]]]], {"0": 1}, {"1": -1.5}, {"99999": 1}, [0.0, 1.0]),
)


class Leaks(logging.Handler):
    """Keeps log lines that hold an id."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = self.format(record) + repr(record.__dict__.get("counters", ""))
        if LEAK in said:
            self.lines.append(said)


class Fuzz:
    """A worker that is fed what nobody should send, and judged after each feed."""

    def __init__(self, redis_url: str, folder: Path, **changed: Any) -> None:
        self.harness = WorkerHarness(redis_url, folder, slice_span=5000, forget_within=3600, **changed)
        self.parser = Parser(self.harness.settings.classes, self.harness.settings.features, counts=True)
        self.seen: Counter[str] = Counter()
        self.leaks = Leaks()
        logging.getLogger().addHandler(self.leaks)
        self._letters = self._receipts = 0
        self._accepted: set[str] = set()

    def feed(self, values: Sequence[bytes | None]) -> None:
        """Send the values to all partitions in turn, apply them, and judge what became of them."""
        count, ends = self.harness.settings.partitions, self._ends()
        for at, value in enumerate(values):
            self.harness.raw(at % count, value, None if at % 3 else b"some key")
        self._apply()
        assert self.harness.worker.stopped == {}
        self._read_receipts()
        dropped = [(sent.partition, sent.offset) for sent in self._logged(ends) if not self._kept(sent)]
        assert dropped == [], f"possible deletions that nobody heard of again: {dropped[:5]}"
        assert self.leaks.lines == []
        self._read_letters()

    def _apply(self) -> None:
        """Until all is applied and nothing is under way; as long as that takes where the machine is shared."""
        self.harness.turn_until(lambda: not self.harness.worker.busy and self.harness.caught_up(), _WITHIN)

    def close(self) -> None:
        logging.getLogger().removeHandler(self.leaks)
        self.harness.close()

    def _kept(self, sent: Record) -> bool:
        """Whether a possible deletion was applied, or stays open until it is resolved."""
        event, value = self.parser.read(sent), _bare(sent.value)
        unresolved = self.harness.worker.owned[sent.partition].view.is_open(sent.offset)
        self.seen[type(event).__name__] += 1
        self.seen["unresolved"] += unresolved
        if isinstance(event, Delete):
            return unresolved or event.event_id in self._accepted
        if isinstance(event, Insert | Seal):
            return not repeats_a_name(value or b"")
        return unresolved or not may_be_a_deletion(value, sent.key)

    def _logged(self, starts: dict[int, int]) -> Iterator[Record]:
        """What was sent by hand since the starts; what the worker sent on was judged where it came from."""
        for partition, start in starts.items():
            for record in self.harness.log.read(self.harness.settings.events_topic, partition, start, 2**62):
                if not record.headers:
                    yield record

    def _ends(self) -> dict[int, int]:
        return {p: end for p, (_, end) in self.harness.log.bounds(self.harness.settings.events_topic).items()}

    def _read_receipts(self) -> None:
        for record in self.harness.log.read(self.harness.settings.receipts_topic, 0, self._receipts, 2**62):
            self._receipts = record.offset + 1
            self._accepted.add(json.loads(record.value or b"")["event_id"])

    def _read_letters(self) -> None:
        topic = self.harness.settings.dead_letters_topic
        for record in self.harness.log.read(topic, 0, self._letters, 2**62):
            self._letters = record.offset + 1
            letter = json.loads(record.value or b"")
            assert set(letter) == {"partition", "offset", "digest", "reason"}
            assert LEAK.encode() not in (record.value or b"")


def _bare(value: bytes | None) -> bytes | None:
    """Without a byte order mark."""
    return value.removeprefix(b"\xef\xbb\xbf") if value is not None else None


def may_be_a_deletion(value: bytes | None, key: bytes | None = None) -> bool:
    """By plain means, apart from the parser: what it may be, if it can't be read."""
    if value is None:
        return key is not None
    types: list[Any] = []

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        types[:] = [said for name, said in pairs if name == "type"]
        return dict(pairs)

    try:
        event = json.loads(value.decode(), object_pairs_hook=look)
        said = json.dumps(event, ensure_ascii=False)
    except (ValueError, RecursionError):
        return True
    if "delete" in said.lower() or b"delete" in value.lower():
        return True
    return not isinstance(event, dict) or types not in (["insert"], ["seal"])


def repeats_a_name(value: bytes) -> bool:
    """Whether an object in it names a field twice: the first might be a deletion's type."""
    found = []

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.append(len({name for name, _ in pairs}) < len(pairs))
        return dict(pairs)

    json.loads(value, object_pairs_hook=look)
    return any(found)


def garbage(rng: Random) -> bytes | None:
    """One message of any kind: right, nearly right, of a wrong shape, or no JSON at all."""
    draw = rng.random()
    if draw < 0.03:
        return None
    if draw < 0.08:
        return rng.randbytes(rng.randrange(60))
    event = _event(rng)
    if draw < 0.3:
        return _text(event)
    if draw < 0.6:
        event[rng.choice(list(event) or ["type"])] = rng.choice(_ODD)
        return _text(event)
    if draw < 0.7:
        return _text(rng.choice([[event], {"event": event}, str(event), {**event, LEAK: 1}, rng.choice(_ODD)]))
    return _mangled(rng, _text(event))


def _event(rng: Random) -> dict[str, Any]:
    record, subject = (f"{LEAK}-{rng.randrange(500)}" for _ in range(2))
    kind = rng.choice(_TYPES[:3]) if rng.random() < 0.8 else rng.choice(_TYPES)
    event: dict[str, Any] = {"type": kind, "event_id": f"{LEAK}-{rng.random()}"}
    if rng.random() < 0.9:
        event["record_id"] = record
    if rng.random() < 0.6:
        event["subject_id"] = subject
    if kind == "insert":
        event |= {"text": rng.choice(["a b c", "please delete me", "é"]), "label": rng.choice(["ham", "spam"])}
    if kind == "delete":
        event["requested_at"] = "2023-01-01T00:00:00Z"
    return event


def _text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass")


def _mangled(rng: Random, data: bytes) -> bytes:
    """Cut, flipped, doubled, escaped, nested."""
    at = rng.randrange(max(1, len(data)))
    ways = (
        lambda: data[:at],
        lambda: data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :],
        lambda: data[:at] + data[at:] * 2,
        lambda: data.replace(b'"delete"', b'"\\u0064elete"'),
        lambda: data.replace(b'"type":', b'"type": "delete", "type":', 1),
        lambda: data.replace(b'"insert"', b'"insert", "type": "delete"', 1),
        lambda: data.replace(b": ", b": " + b"[" * rng.choice((1, 2000)), 1),
        lambda: b"\xef\xbb\xbf" + data,
        lambda: data.decode(errors="replace").encode("utf-16"),
        lambda: data + b" " + data,
        data.upper,
    )
    return bytes(rng.choice(ways)())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--skip", type=int, default=0, help="begin after so many of them")
    asked = options.parse_args()
    rng, seen, done, began = Random(asked.seed), Counter[str](), asked.skip, time.monotonic()
    for _ in range(asked.skip):
        garbage(rng)
    with tempfile.TemporaryDirectory() as folder:
        address = {"url": f"redis://127.0.0.1:{free_port()}/0"}
        settings = settings_of(model="fuzz", services_dir=folder, redis=address)
        redis = LocalRedis(settings)
        redis.up(print)
        url = with_local_password(settings).redis.url.get_secret_value()
        try:
            while done < asked.events:
                fuzz = Fuzz(url, Path(folder) / str(done))
                for _ in range(10):
                    fuzz.feed([garbage(rng) for _ in range(min(5000, asked.events - done))])
                    done = min(asked.events, done + 5000)
                fuzz.close()
                seen += fuzz.seen
                print(f"{done:,} events, {time.monotonic() - began:.0f} s: {dict(seen)}", flush=True)
        finally:
            redis.down(print)


if __name__ == "__main__":
    main()
