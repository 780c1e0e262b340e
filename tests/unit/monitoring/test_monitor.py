"""A worker's metrics are what it did; they never go down; what stands still leaves its stacks in the log."""

from __future__ import annotations

import http.client
import logging
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.harness.events import SEAL, delete, insert
from tests.harness.memory_harness import MemoryHarness
from tests.harness.waiting import until
from unlearn.environment.clock import Clock
from unlearn.errors import LogUnavailable, StateUnavailable
from unlearn.http_server.hosts import Hosts
from unlearn.http_server.listening import listening
from unlearn.monitoring.held_back import HeldBack, held_back
from unlearn.monitoring.metrics import BUCKETS, Lag
from unlearn.monitoring.monitor import Monitor
from unlearn.monitoring.server import serving

EVER = 60.0


@pytest.fixture
def harness(redis_url: str, tmp_path: Path) -> Iterator[MemoryHarness]:
    found = MemoryHarness(redis_url, tmp_path, "naive-bayes")
    yield found
    found.close()


def monitor_of(harness: MemoryHarness, stuck_after: float = 30.0) -> Monitor:
    settings = harness.settings.model_copy(update={"stuck_after": stuck_after})
    return Monitor(harness.log, settings, Clock(monotonic=lambda: harness.now))


def look(harness: MemoryHarness, monitor: Monitor) -> dict[tuple[str, ...], float]:
    """All samples by name and label values, after a turn that was seen."""
    harness.now += 2.0
    harness.turn()
    monitor.turned(harness.worker)
    registry = CollectorRegistry()
    registry.register(monitor.metrics)
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {(s.name, *_labels(s)): s.value for f in families for s in f.samples}


def _labels(sample: Sample) -> list[str]:
    """The values of its labels, by their names, but the model's."""
    return [value for name, value in sorted(sample.labels.items()) if name != "model"]


def play(harness: MemoryHarness) -> None:
    harness.send(insert("r1", "ann"), insert("r2", "ann"), insert("r3", "bob"), insert("r3", "bob"), SEAL)
    harness.settle()
    harness.send(delete("r1", "ann"), delete(None, "bob"), b"no event at all")
    harness.settle()


def test_metrics_tell_what_was_done(harness: MemoryHarness) -> None:
    monitor = monitor_of(harness)
    play(harness)

    found = look(harness, monitor)

    assert found["unlearn_worker_events_applied_total", "insert"] == 4
    assert found["unlearn_worker_events_applied_total", "delete"] == 2
    assert found["unlearn_worker_events_applied_total", "seal"] == 1
    assert found["unlearn_worker_inserts_passed_over_total", "repeated"] == 1
    assert found["unlearn_worker_possible_deletions_open", "0"] == 1
    assert found["unlearn_worker_deletions_pending", "0"] == 0
    assert found["unlearn_worker_deletions_hidden_total",] == 2
    assert found["unlearn_worker_deletion_hidden_seconds_count",] == 2
    assert found["unlearn_worker_live_records", "0"] == 1
    assert found["unlearn_worker_applied_offset", "0"] == harness.worker.owned[0].view.applied
    assert found["unlearn_worker_claims_total",] == 1
    assert found["unlearn_worker_partitions_owned",] == found["unlearn_worker_partitions_assigned",] == 1
    assert found["unlearn_worker_scripts_total",] > 3
    assert sum(v for k, v in found.items() if k[0] == "unlearn_worker_shards") == harness.settings.shards_per_partition
    assert sum(v for k, v in found.items() if k[0] == "unlearn_worker_dead_letters_total") == 1


def test_no_label_is_an_id(harness: MemoryHarness) -> None:
    monitor = monitor_of(harness)
    play(harness)
    labels = {value for _, *values in look(harness, monitor) for value in values}
    assert not {label for label in labels if re.fullmatch(r"r\d+|ann|bob", label)}


def test_no_counter_goes_down_when_a_partition_is_lost_and_claimed_again(harness: MemoryHarness) -> None:
    monitor = monitor_of(harness)
    play(harness)
    before = look(harness, monitor)
    harness.worker._assignment.drop(0, "for the test")
    after = look(harness, monitor)

    assert after["unlearn_worker_claims_total",] == 2
    fallen = {name: (value, after.get(name)) for name, value in before.items() if name[0].endswith("_total")}
    assert {name: pair for name, pair in fallen.items() if pair[1] is None or pair[1] < pair[0]} == {}
    buckets = [name for name in before if name[0].endswith(("_bucket", "_count", "_sum"))]
    assert {name for name in buckets if after[name] < before[name]} == set()
    of_deletions = [name for name in buckets if name[0].startswith("unlearn_worker_deletion_hidden_seconds")]
    assert len(of_deletions) == len(BUCKETS) + 3


def test_lag_is_told_in_records_and_in_seconds(harness: MemoryHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = monitor_of(harness)
    play(harness)
    look(harness, monitor)
    assert monitor.lags() == {}, "the log wasn't asked yet"

    harness.send(insert("r9", "ann"), insert("r10", "ann"))
    with monitor.watching():
        until(lambda: bool(monitor.lags()), EVER, "the log was asked")
    (lag,) = monitor.lags().values()
    assert lag.records == 2
    assert 0 <= lag.seconds < 60
    harness.settle()
    look(harness, monitor)
    assert monitor.lags() == {0: Lag(0, 0.0)}


def test_how_long_a_transaction_has_held_a_partition_back_is_told(
    harness: MemoryHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = monitor_of(harness)
    play(harness)
    look(harness, monitor)
    monkeypatch.setattr("unlearn.monitoring.monitor._ASK_EVERY", 0.01)
    with monitor.watching():
        until(lambda: held_back_of(monitor) == {0: 0.0}, EVER, "the log was asked")
        end = harness.log.bounds(harness.settings.events_topic)[0][1]
        monkeypatch.setattr(harness.log, "written", lambda _: {0: end + 3})
        until(lambda: look(harness, monitor)["unlearn_worker_held_back_seconds", "0"] > 60, EVER, "time goes on")
        monkeypatch.undo()
        until(lambda: held_back_of(monitor) == {0: 0.0}, EVER, "the transaction has ended")


def held_back_of(monitor: Monitor) -> dict[int, float]:
    return {partition: lag.held_back for partition, lag in monitor.lags().items()}


def test_only_what_is_written_and_unreadable_is_held_back_since_its_end_stands_still() -> None:
    none = held_back({}, {0: 5, 1: 7}, {0: 5, 1: 6}, 10.0)
    assert none == {}
    first = held_back(none, {0: 5, 1: 7}, {0: 6, 1: 9}, 20.0)
    assert first == {0: HeldBack(5, 20.0), 1: HeldBack(7, 20.0)}
    second = held_back(first, {0: 5, 1: 8, 2: 0}, {0: 9, 1: 9}, 30.0)
    assert second == {0: HeldBack(5, 20.0), 1: HeldBack(8, 30.0)}


@pytest.mark.parametrize("error", [LogUnavailable("away"), ZeroDivisionError("a bug")])
def test_a_log_that_gives_no_answer_leaves_lag_unknown_and_is_told(
    harness: MemoryHarness, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def away(_: str) -> None:
        raise error

    monitor = monitor_of(harness)
    play(harness)
    look(harness, monitor)
    with monitor.watching():
        until(lambda: bool(monitor.lags()), EVER, "the log was asked")
        monkeypatch.setattr(harness.log, "bounds", away)
        until(lambda: bool(monitor.not_ready()), EVER, "it was asked again")
        assert monitor.lags() == {}
        assert monitor.not_alive() == ""
        monkeypatch.undo()
        assert look(harness, monitor)["unlearn_worker_outages_total", "kafka"] >= 1
        until(lambda: not monitor.not_ready(), EVER, "the log answers again")


def test_a_log_that_hangs_is_told_before_its_own_time_out(
    harness: MemoryHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answers = threading.Event(), threading.Event()

    def hang(_: str) -> None:
        asked.set()
        answers.wait(EVER)
        raise LogUnavailable("away")

    monitor = monitor_of(harness)
    play(harness)
    look(harness, monitor)
    monkeypatch.setattr(harness.log, "bounds", hang)
    with monitor.watching():
        assert asked.wait(EVER)
        assert monitor.not_ready() == ""
        harness.now += 11.0
        assert monitor.not_ready() == "Kafka has not answered for 11 s"
        answers.set()


def test_what_stands_still_leaves_all_stacks_in_the_log_once(
    harness: MemoryHarness, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = monitor_of(harness, stuck_after=20.0)
    play(harness)
    look(harness, monitor)
    assert monitor.not_alive() == ""

    with caplog.at_level(logging.ERROR), monitor.watching():
        harness.now += 21.0
        assert monitor.not_alive() == "the loop stands still for 21 s"
        until(lambda: "all stacks" in caplog.text, EVER, "the stacks")
        (said,) = [record.getMessage() for record in caplog.records if "all stacks" in record.getMessage()]
    assert "test_what_stands_still" in said
    assert "thread MainThread" in said


def test_metrics_and_probes_are_answered_over_http(harness: MemoryHarness) -> None:
    monitor = monitor_of(harness)

    def get(path: str, host: str | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=EVER)
        connection.request("GET", path, headers={} if host is None else {"Host": host})
        answer = connection.getresponse()
        said = answer.read().decode()
        connection.close()
        return answer.status, said

    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with serving(monitor, listener, Hosts("127.0.0.1", ["worker"], "UNLEARN_HTTP_HOSTS")):
            assert get("/readyz") == (503, "it is starting\n")
            assert get("/livez") == (200, "ok\n")
            play(harness)
            look(harness, monitor)
            assert get("/readyz") == (200, "ok\n")
            assert "unlearn_worker_live_records" in get("/metrics")[1]
            assert get("/elsewhere")[0] == 404
            assert get("/metrics", "worker:9100")[0] == 200
            for path in ("/metrics", "/livez", "/readyz"):
                assert get(path, "evil.example:9100") == (
                    421,
                    "'evil.example:9100' is no name of this server: UNLEARN_HTTP_HOSTS lists those that are\n",
                )
            harness.now += 100.0
            assert get("/livez") == (503, "the loop stands still for 100 s\n")


# -- strangers


@contextmanager
def answering(harness: MemoryHarness) -> Iterator[tuple[str, int]]:
    """The address at which a worker answers."""
    hosts = Hosts("127.0.0.1", (), "UNLEARN_HTTP_HOSTS")
    with listening("127.0.0.1", 0) as listener, serving(monitor_of(harness), listener, hosts):
        yield listener.getsockname()


def livez_at(address: tuple[str, int]) -> bytes:
    with socket.create_connection(address, timeout=EVER) as asks:
        asks.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        return asks.makefile("rb").read()


def test_a_connection_that_breaks_off_leaves_no_stack_trace(
    harness: MemoryHarness, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "unlearn.monitoring.server"), answering(harness) as address:
        asks = socket.create_connection(address, timeout=EVER)
        asks.sendall(b"GET /metrics HTTP/1.1\r\n")
        # Without lingering a close is a reset.
        asks.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        asks.close()
        until(lambda: capfd.readouterr().err or "broke off" in caplog.text, EVER, "it is over")
        assert b"200" in livez_at(address)
    assert [record.levelname for record in caplog.records if record.levelno > logging.INFO] == []
    assert "broke off" in caplog.text


def test_what_goes_wrong_in_an_answer_is_in_the_log(
    harness: MemoryHarness, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Monitor, "not_alive", lambda _: 1 / 0)
    with answering(harness) as address:
        assert livez_at(address) == b""
        until(lambda: "a request failed unforeseen" in caplog.text, EVER, "it is told")
    assert "ZeroDivisionError" in caplog.text


def test_a_connection_that_sends_byte_by_byte_ends_in_time(
    harness: MemoryHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a few thousand of them would take all threads and files of a worker."""
    monkeypatch.setattr("unlearn.monitoring.server._WITHIN", 0.2)

    def ended() -> bool:
        try:
            slow.sendall(b"G")
        except OSError:
            return True
        return False

    with answering(harness) as address, socket.create_connection(address, timeout=EVER) as slow:
        until(ended, EVER / 2, "it is closed")


def test_of_too_many_connections_the_oldest_ends_and_probes_are_answered(
    harness: MemoryHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unlearn.monitoring.server._MOST", 3)
    with answering(harness) as address, ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(address, timeout=EVER)) for _ in range(3)]
        assert b"200" in livez_at(address)
        assert idle[0].recv(1) == b""
        idle[2].sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert idle[2].recv(4) == b"HTTP"


def test_what_training_did_is_told_by_its_way(harness: MemoryHarness) -> None:
    monitor = monitor_of(harness)
    play(harness)

    found = look(harness, monitor)

    assert found["unlearn_worker_training_jobs_total", "fold"] >= 1
    assert found["unlearn_worker_training_rows_total", "fold"] == 3
    assert found["unlearn_worker_training_jobs_total", "forget"] >= 1
    assert found["unlearn_worker_training_rows_total", "forget"] == 2
    assert found["unlearn_worker_training_jobs_total", "retrain"] == 0
    done = sum(found["unlearn_worker_training_jobs_total", way] for way in ("fold", "forget", "retrain"))
    assert done == found["unlearn_worker_jobs_total", "done"]
    assert found["unlearn_worker_training_seconds_total", "fold"] >= 0


def test_a_fold_that_a_deletion_hits_is_trained_again(redis_url: str, tmp_path: Path) -> None:
    with closing(MemoryHarness(redis_url, tmp_path, "linear")) as harness:
        monitor = monitor_of(harness)
        play(harness)

        found = look(harness, monitor)

    assert found["unlearn_worker_training_jobs_total", "retrain"] >= 1
    assert found["unlearn_worker_training_jobs_total", "forget"] == 0


def test_sizes_and_gaps_are_told(harness: MemoryHarness) -> None:
    monitor = monitor_of(harness)
    look(harness, monitor)
    play(harness)
    harness.now += 120.0
    look(harness, monitor)
    look(harness, monitor)

    found = look(harness, monitor)

    folder = harness.store.root
    assert found["unlearn_worker_store_bytes", "0"] == sum(one.size for one in harness.store.names("0/")) > 0, folder
    assert found["unlearn_worker_redis_bytes",] > 100_000
    assert found["unlearn_worker_batch_records_sum",] == 8
    assert found["unlearn_worker_batch_records_count",] >= 2
    assert found["unlearn_worker_manifest_gap_seconds_count",] >= 1
    assert found["unlearn_worker_model_partitions",] == 1
    assert found["unlearn_worker_stuck",] == 0


def test_all_are_named_after_their_model(harness: MemoryHarness) -> None:
    monitor = monitor_of(harness)
    look(harness, monitor)
    samples = [sample for family in monitor.metrics.collect() for sample in family.samples]
    assert {sample.labels.get("model") for sample in samples} == {harness.settings.model}


def test_a_redis_that_gives_no_answer_is_an_outage_each_time_that_it_is_asked(
    harness: MemoryHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_: object) -> NoReturn:
        raise StateUnavailable("it is down")

    monitor = monitor_of(harness)
    look(harness, monitor)
    monkeypatch.setattr("unlearn.worker.redis_check.look", silent)
    harness.now += 10.0
    for _ in range(4):
        found = look(harness, monitor)

    assert found["unlearn_worker_outages_total", "redis"] == 4
    assert monitor.not_ready() == "Redis gives no answer: it is down"


def test_nothing_is_stuck_while_kafka_is_away(harness: MemoryHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = monitor_of(harness, stuck_after=10.0)
    play(harness)
    harness.send(insert("r9", "ann"), SEAL)
    monkeypatch.setattr("unlearn.monitoring.snapshot.ClaimedPartition.busy", property(lambda _: True))
    monitor._away = "Kafka is down"
    for _ in range(3):
        harness.now += 10.0
        monitor.turned(harness.worker)

    assert monitor.not_alive() == ""
    monitor._away = ""
    for _ in range(3):
        harness.now += 10.0
        monitor.turned(harness.worker)
    assert monitor.not_alive().startswith("partition 0 stands still")
