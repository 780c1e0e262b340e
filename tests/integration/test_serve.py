"""Scores over HTTP beside a real worker: whoever asks is told no more than the settings' name and places, and gets no
answer of a version whose lease has ended, while records are deleted and the worker is killed."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.conftest import MakeSettings
from tests.harness.processes import Process, run
from tests.harness.waiting import until
from unlearn import Client, Scorer
from unlearn.admin.topics import create
from unlearn.log.kafka.log import KafkaLog
from unlearn.results.manifest import heartbeat_key, manifest_key, read_heartbeat, read_manifest
from unlearn.services.address import free_port
from unlearn.settings import Settings

pytestmark = pytest.mark.slow
EVER = 120.0
LEASE = 3.0
OPTIONS = {"partitions": 1, "trainers": 0, "seal_after": 0.5, "window": 0.1, "heartbeat_every": 0.5, "lease": LEASE}
UNKNOWN = dict.fromkeys(("UNLEARN_SECRET", "UNLEARN_PARTITIONS", "UNLEARN_SHARDS_PER_PARTITION"), "")
"""What a scorer isn't told."""


class Answered(NamedTuple):
    """One answer: when it was asked for (s since 1970), of which version, and when its lease ends."""

    asked: float
    version: int
    lease_ends: float


@contextmanager
def serving(settings: Settings, folder: Path) -> Iterator[httpx.Client]:
    """A server that knows the model's name and places alone, once it is ready."""
    port = free_port()
    with Process(settings, folder, "serve", "--listen", f"127.0.0.1:{port}", **UNKNOWN) as process:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=EVER, trust_env=False) as asks:
            until(lambda: process.popen.poll() is not None or _is_ready(asks), EVER, process.errors)
            assert process.popen.poll() is None, process.errors()
            yield asks
        process.signal(signal.SIGTERM)
        assert process.wait(EVER) == 0, process.errors()


def _is_ready(asks: httpx.Client) -> bool:
    with suppress(httpx.TransportError):
        return asks.get("/v2/health/ready").status_code == 200
    return False


def _asking(base: httpx.URL, stop: threading.Event, answered: list[Answered], refused: list[str]) -> None:
    with httpx.Client(base_url=base, timeout=EVER, trust_env=False) as asks:
        while not stop.is_set():
            asked = time.time()
            answer = asks.post("/scores", json={"texts": ["win a prize", "see you"]})
            if answer.status_code == 200:
                ends = datetime.fromisoformat(answer.headers["unlearn-lease-ends"]).timestamp()
                answered.append(Answered(asked, int(answer.headers["unlearn-version"]), ends))
            else:
                assert answer.status_code == 503
                refused.append(answer.json()["error"])
                stop.wait(0.05)


def _vouched(log: KafkaLog, settings: Settings) -> dict[int, float]:
    """Version -> until when a scorer may serve it at the latest, as the results topic says: the last heartbeat that
    names its manifest, or one that was replaced by it, and the lease."""
    versions: dict[tuple[str, int], int] = {}
    until_when: dict[int, float] = {}
    for record in log.read(settings.results_topic, 0, 0, 1 << 60):
        if record.key == manifest_key(settings.model, 0):
            manifest = read_manifest(record.value or b"")
            assert manifest is not None
            versions[manifest.token.nonce, manifest.sequence] = record.offset
        elif record.key == heartbeat_key(settings.model, 0):
            beat = read_heartbeat(record.value or b"")
            assert beat is not None
            named = versions[beat.nonce, beat.sequence]
            # A heartbeat that names an earlier manifest of the same owner vouches for the later ones, too.
            for (nonce, _), version in versions.items():
                if nonce == beat.nonce and version >= named:
                    until_when[version] = record.timestamp / 1000 + LEASE
    return until_when


def test_no_answer_is_older_than_its_lease_while_records_go_and_the_worker_dies(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    settings = make_settings(**OPTIONS)
    stop, answered, refused = threading.Event(), list[Answered](), list[str]()
    with ExitStack() as stack:
        log = stack.enter_context(closing(KafkaLog(settings.kafka)))
        create(log, settings)
        client = stack.enter_context(Client.connect(settings))
        for number in range(120):
            label, text = ("spam", f"win {number} prizes") if number % 2 else ("ham", f"see you at {number}")
            client.insert(record_id=f"r{number}", label=label, text=text)
        client.flush()
        with Process(settings, tmp_path / "worker", "work") as worker, serving(settings, tmp_path / "serve") as asks:
            threads = [
                threading.Thread(target=_asking, args=(asks.base_url, stop, answered, refused)) for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            for number in range(10):
                deleted = client.forget(record=f"r{number}").wait(timeout=EVER)
                assert deleted.state == "hidden"
            hidden_at = deleted.version
            until(lambda: bool(answered) and answered[-1].version >= (hidden_at or 0), EVER, "it is served")

            stack.callback(stop.set)
            refused.clear()
            worker.signal(signal.SIGKILL)
            until(lambda: any("no heartbeat within the lease" in why for why in refused), EVER, "the lease ends")
            until(lambda: len(refused) > len(threads), EVER, "of those who asked before none waits any more")
            beyond, more = len(answered), len(refused) + 20
            until(lambda: len(refused) > more, EVER, "and stays ended")
            assert len(answered) <= beyond + len(threads), "one of each was on its way"
            with Process(settings, tmp_path / "worker", "work"):
                until(lambda: len(answered) > beyond, EVER, "its successor is served")
                stop.set()
                for thread in threads:
                    thread.join(EVER)
                vouched = _vouched(log, settings)

                with Scorer.connect(
                    bootstrap_servers=settings.kafka.bootstrap_servers,
                    model=settings.model,
                    store=settings.store.url,
                    lease=LEASE,
                    heartbeat_every=0.5,
                ).start() as scorer:
                    assert scorer.wait(EVER)
                    said = asks.post("/scores", json={"texts": ["win a prize", "see you"]})
                    expected = scorer.scores(["win a prize", "see you"])
        assert run(settings, "verify").returncode == 0

    assert len({one.version for one in answered}) > 3
    reasons = ("no heartbeat within the lease", "the lease of this version has ended", "replaced")
    assert all(any(reason in why for reason in reasons) for why in refused), set(refused)
    # Dates on the topic are whole milliseconds, cut off.
    late = [one for one in answered if one.asked > one.lease_ends or one.lease_ends > vouched[one.version] + 0.002]
    assert late == []
    assert said.headers["unlearn-content"] == expected.content
    assert said.json()["scores"] == expected.scores.tolist()
    by_command = run(settings, "serve", "--check", seconds=EVER, **UNKNOWN)
    assert (by_command.returncode, by_command.stdout.split(":")[0]) == (0, f"{settings.model} can be served")
