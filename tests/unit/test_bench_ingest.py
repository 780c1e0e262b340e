"""What the ingest bench makes of its runs, and the streams, sides and processes that it measures with."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.ingest.growth import _flat
from bench.ingest.stream_peer_side import Clock
from bench.ingest.stream_peers import PEERS, consumed
from bench.ingest.throughput import Measured, Pace
from bench.ingest.turns import Side, Turns, figures
from bench.machine import cores
from bench.processes import event_streams
from bench.processes.event_streams import inserts, with_deletions
from bench.processes.peak_memory import Peaks, watched
from bench.processes.pinned_redis import on_core, server_of
from bench.processes.settling import all_settled, settled, training_held
from bench.processes.workers import Cost
from tests.harness.settings import settings_of
from tests.harness.worker_harness import WorkerHarness
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.settings import Settings


def side(cpu: float, wall: float, redis: float = 0.0) -> Side:
    return Side(Measured(Pace(wall, cpu), 90), redis)


def turns(**changed: Any) -> Turns:
    """Two runs of each side."""
    made = Turns(pinned=True)
    made.ours["fast"] = [side(80.0, 60.0, 3e-4), side(90.0, 70.0, 5e-4)]
    made.ours["plain"] = [side(20.0, 15.0), side(18.0, 16.0)]
    made.ours["linear"] = [side(60.0, 50.0), side(62.0, 52.0)]
    made.bare = [Pace(200.0, 160.0), Pace(300.0, 150.0)]
    made.peers = {"quix": [Pace(50.0, 55.0), Pace(56.0, 57.0)], "bytewax": [Pace(1.0, 1.0)] * 2, "confluent": []}
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def test_ratios_are_the_medians_of_those_of_each_turn() -> None:
    found = {figure.name: figure for figure in figures(turns(), 100)}
    assert found["ingest.vs_bare_poll"].runs["ours"] == [0.5, 0.6]
    assert (found["ingest.vs_bare_poll"].ours, found["ingest.vs_bare_poll"].met) == (0.55, False)
    assert (found["ingest.vs_plain"].ours, found["ingest.vs_plain"].met) == (4.5, True)
    assert found["ingest.vs_quix"].runs["ours"] == [1.2, 1.25]
    assert (found["ingest.events_per_second"].ours, found["ingest.events_per_second"].peer) == (65.0, 53.0)
    assert found["ingest.events_per_second"].goal == 60_000
    assert found["ingest.redis_cpu_per_event"].ours == 4.0


def test_without_redis_on_its_core_and_without_a_peer_nothing_is_compared() -> None:
    peers: dict[str, list[Pace]] = {"quix": [], "bytewax": [], "confluent": []}
    found = {figure.name: figure for figure in figures(turns(pinned=False, peers=peers), 100)}
    assert (found["ingest.events_per_second"].goal, found["ingest.events_per_second"].peer) == (None, None)
    assert not found.keys() & {"ingest.vs_quix", "ingest.vs_bytewax"}


def test_costs_add_up_in_turn_and_side_by_side() -> None:
    one, other = Cost(10, 1.0, 2.0, 3.0, 0.5), Cost(20, 4.0, 5.0, 6.0, 0.25)
    assert one + other == Cost(30, 5.0, 7.0, 9.0, 0.75)
    assert one.beside(other) == Cost(30, 4.0, 5.0, 9.0, 0.75)


def test_growth_compares_medians_of_the_worker_and_of_both() -> None:
    small = [Cost(1_000_000, 0, 0, cpu, 2.0) for cpu in (1.0, 2.0, 9.0)]
    large = [Cost(1_000_000, 0, 0, cpu, 3.0) for cpu in (3.0, 2.5, 1.0)]
    flat, both = _flat(small, large)
    assert (flat.name, flat.ours, flat.met) == ("ingest.flat", 1.25, False)
    assert flat.runs == {"ours": [3.0, 2.5, 1.0], "small": [1.0, 2.0, 9.0]}
    assert (both.name, both.ours) == ("ingest.flat.with_redis", 1.375)


def test_a_deletion_follows_its_target_and_a_stream_is_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "_STREAM", 400)
    monkeypatch.setattr(event_streams, "_BLOCK", 100)
    events = list(with_deletions(inserts(1000, seed=3), 0.05, seed=3))
    assert events == list(with_deletions(inserts(1000, seed=3), 0.05, seed=3))
    rows = [event for event in events if event["type"] == "insert"]
    assert rows == list(inserts(1000, seed=3))
    assert len({row["record_id"] for row in rows}) == len({row["event_id"] for row in rows}) == 1000
    # The first block has none: nothing came before it.
    assert len(events) - len(rows) == 45
    seen: set[str] = set()
    kinds: set[tuple[str, ...]] = set()
    for event in events:
        names = [event[name] for name in ("record_id", "subject_id") if name in event]
        if event["type"] == "delete":
            assert seen.issuperset(names)
            kinds.add(tuple(name for name in ("record_id", "subject_id") if name in event))
        seen.update(names)
    assert kinds == {("record_id", "subject_id"), ("record_id",), ("subject_id",)}


@pytest.fixture
def harness(redis_url: str, tmp_path: Path) -> Iterator[WorkerHarness]:
    made = WorkerHarness(redis_url, tmp_path)
    yield made
    made.close()


def ends(harness: WorkerHarness) -> dict[int, int]:
    return {partition: end for partition, (_, end) in harness.log.bounds(harness.settings.events_topic).items()}


def is_settled(harness: WorkerHarness) -> bool:
    return all_settled(harness.worker, harness.settings, ends(harness), forgets=True)


def is_filed(harness: WorkerHarness) -> bool:
    views = [owned.view for owned in harness.worker.owned.values()]
    return harness.caught_up() and all(view.registered == view.last_end > 0 for view in views)


def test_a_worker_is_settled_once_every_ended_slice_is_published(harness: WorkerHarness) -> None:
    harness.tweets(60)
    harness.seal()
    assert not is_settled(harness)
    harness.turn_until(lambda: is_settled(harness), 60)
    for owned in harness.worker.owned.values():
        assert owned.manifest is not None
        assert {entry.through for entry in owned.manifest.shards} == {owned.view.last_end} != {0}
        check_that_each_lack_unsettles(owned, harness.settings)


def check_that_each_lack_unsettles(owned: ClaimedPartition, settings: Settings) -> None:
    held, end = owned.manifest, owned.view.applied
    assert held is not None
    first, *others = held.shards
    older = first.model_copy(update={"through": first.through - 1})
    assert settled(owned, settings, end, forgets=True)
    assert not settled(owned, settings, end + 1, forgets=True)
    for lacking in (
        None,
        held.model_copy(update={"applied": end - 1}),
        held.model_copy(update={"shards": (older, *others)}),
    ):
        owned.manifest = lacking
        assert not settled(owned, settings, end, forgets=True)
    owned.manifest = held
    owned.view.outbox[0] = ["accepted"]
    assert not settled(owned, settings, end, forgets=True)
    owned.view.outbox.clear()
    owned.unhidden_since = 0.0
    assert not settled(owned, settings, end, forgets=True)
    owned.unhidden_since = None


def test_a_worker_whose_training_is_held_begins_no_job_and_is_not_settled(harness: WorkerHarness) -> None:
    with training_held():
        harness.tweets(60)
        harness.seal()
        harness.turn_until(lambda: is_filed(harness), 60)
        for _ in range(50):
            harness.worker.turn(0)
        assert harness.counts["jobs"] == 0
        assert not is_settled(harness)
    harness.turn_until(lambda: is_settled(harness), 60)
    assert harness.counts["jobs"] > 0


class Server:
    """A client of a server that says so of itself."""

    def __init__(self, pid: int, port: int) -> None:
        self._said = {"process_id": pid, "tcp_port": port}

    def info(self, section: str) -> dict[str, int]:
        assert section == "server"
        return self._said


def test_all_threads_of_a_server_keep_to_the_core_for_as_long_as_asked() -> None:
    core, before = cores(1)[0], os.sched_getaffinity(0)
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server: Any = Server(os.getpid(), listening.getsockname()[1])
        with on_core(server, core) as pinned:
            kept = {one.id: os.sched_getaffinity(one.id) for one in psutil.Process().threads()}
    after = os.sched_getaffinity(thread.native_id or 0)
    done.set()
    thread.join()
    assert pinned
    assert kept[thread.native_id or 0] == {core}
    assert set(map(frozenset, kept.values())) == {frozenset({core})}
    assert after == os.sched_getaffinity(0) == before


def test_a_server_that_is_no_process_here_is_left_alone() -> None:
    elsewhere: Any = Server(os.getpid(), 1)
    gone: Any = Server(2**22 + 1, 1)
    for server in (elsewhere, gone):
        assert server_of(server) is None
        with on_core(server, cores(1)[0]) as pinned:
            assert not pinned


PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
CHILD = "x = bytearray(range(256)) * 400_000; print(flush=True); input()"


def test_the_most_memory_is_that_of_processes_and_of_their_children() -> None:
    command = [sys.executable, "-c", PARENT, CHILD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        peaks = Peaks({"one": process.pid})
        assert process.stdout is not None
        process.stdout.readline()
        peaks.look()
        process.communicate(b"\n")
    assert 0 < peaks.bytes["one"] < 100_000_000 < peaks.bytes["one's children"]
    with watched({"me": os.getpid()}) as mine:
        pass
    assert mine.bytes["me"] > 0


def test_a_peers_clock_begins_with_a_tenth_of_the_events(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock(100)
    assert [clock.add(count) for count in (5, 15, 70, 10)] == [False, False, False, True]
    clock.tell()
    assert json.loads(capsys.readouterr().out).keys() == {"wall", "cpu"}
    assert clock._seen - clock._from == 80


def plaintext(**changed: Any) -> Settings:
    return settings_of(kafka={"bootstrap_servers": "127.0.0.1:1", **changed})


def test_a_peer_that_cannot_be_had_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = PEERS["quix"]
    assert "without TLS" in str(consumed(peer, plaintext(security_protocol="SSL"), 10, None))
    monkeypatch.setattr("bench.ingest.stream_peers.made", lambda *_: "no wheel")
    assert consumed(peer, plaintext(), 10, None) == "no wheel"
    monkeypatch.setattr("bench.ingest.stream_peers.made", lambda *_: Path(sys.executable))
    assert "No module named 'quixstreams'" in str(consumed(peer, plaintext(), 10, None))


def test_a_peers_pace_is_that_of_its_last_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "side.py"
    other.write_text('import sys; print(sys.argv[1:]); print(\'{"wall": 0.5, "cpu": 0.25}\')')
    monkeypatch.setattr("bench.ingest.stream_peers._SIDE", other)
    monkeypatch.setattr("bench.ingest.stream_peers.made", lambda *_: Path(sys.executable))
    assert consumed(PEERS["bytewax"], plaintext(), 10, None) == Pace(2.0, 4.0)
