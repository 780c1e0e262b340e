"""A real worker seen from outside: its metrics, its probes, and the exit codes of `unlearn status`."""

from __future__ import annotations

import signal
import urllib.request
from contextlib import closing, suppress
from pathlib import Path
from urllib.error import HTTPError, URLError

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.conftest import MakeSettings
from tests.harness.processes import Process, run
from tests.harness.waiting import until
from unlearn import Client
from unlearn.admin.topics import create
from unlearn.log.kafka.log import KafkaLog
from unlearn.services.address import free_port

pytestmark = pytest.mark.slow
EVER = 120.0


def ask(address: str, path: str) -> tuple[int, str]:
    """(status, body); (0, "") where nobody answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(URLError):
        try:
            with opener.open(f"http://{address}{path}", timeout=EVER) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()
    return 0, ""


def samples(address: str) -> dict[tuple[str, ...], float]:
    _, text = ask(address, "/metrics")
    families = text_string_to_metric_families(text)
    return {(s.name, *_labels(s)): s.value for f in families for s in f.samples}


def _labels(sample: Sample) -> list[str]:
    """The values of its labels, by their names, but the model's."""
    return [value for name, value in sorted(sample.labels.items()) if name != "model"]


def test_a_worker_is_scraped_probed_and_wedged(make_settings: MakeSettings, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    settings = make_settings(partitions=2, trainers=0, seal_after=0.5, http=address, stuck_after=3.0)
    with closing(KafkaLog(settings.kafka)) as log:
        create(log, settings)
        assert run(settings, "work", "--check").returncode == 69
        with Client.connect(settings) as client, Process(settings, tmp_path, "work") as worker:
            until(lambda: ask(address, "/readyz")[0] == 200, EVER, worker.errors)
            for number in range(20):
                client.insert(record_id=f"r{number}", subject_id=f"s{number % 4}", label="spam", text=f"win {number}")
            client.flush()
            for subject in ("s0", "s1"):
                assert client.forget(subject=subject).wait("counted", timeout=EVER).records == 5
            until(lambda: samples(address).get(("unlearn_worker_deletions_hidden_total",)) == 2, EVER, "it is counted")
            until(lambda: ("unlearn_worker_lag_records", "0") in samples(address), EVER, "the log was asked")
            found = samples(address)
            well = run(settings, "status"), run(settings, "work", "--check")

            # A loop that does not turn any more: the process stands still, and goes on too late.
            worker.signal(signal.SIGSTOP)
            unheard = run(settings, "work", "--check", seconds=EVER)
            worker.signal(signal.SIGCONT)
            until(lambda: ask(address, "/livez")[0] == 200, EVER, "it goes on")

    assert found["unlearn_worker_events_applied_total", "insert"] == 20
    assert sum(found["unlearn_worker_live_records", str(p)] for p in (0, 1)) == 10
    assert found["unlearn_worker_partitions_owned",] == 2
    assert found["unlearn_worker_deletion_hidden_seconds_count",] == 2
    assert [one.returncode for one in well] == [0, 0]
    assert (well[1].stdout, unheard.returncode) == ("ok\n", 69)
    assert run(settings, "status", UNLEARN_LEASE="3600").returncode == 0


def test_a_partition_that_stands_still_is_named_and_leaves_its_stacks(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    address = f"127.0.0.1:{free_port()}"
    settings = make_settings(partitions=1, trainers=1, seal_after=0.5, http=address, stuck_after=2.0)
    with closing(KafkaLog(settings.kafka)) as log:
        create(log, settings)
    with Client.connect(settings) as client, Process(settings, tmp_path, "work") as worker:
        client.insert(record_id="r0", subject_id="ann", label="spam", text="win cash")
        client.flush()
        until(lambda: samples(address).get(("unlearn_worker_training_jobs_total", "fold")), EVER, worker.errors)

        # Its trainers stand still with a job in hand; the loop turns as before
        trainers = psutil.Process(worker.pid).children(recursive=True)
        assert trainers
        for trainer in trainers:
            trainer.suspend()
        client.insert(record_id="r1", subject_id="bob", label="spam", text="win more")
        client.flush()
        until(lambda: ask(address, "/livez")[1].startswith("partition 0 stands still for "), EVER, worker.errors)
        code, stuck = ask(address, "/livez")[0], samples(address)["unlearn_worker_stuck",]
        check = run(settings, "work", "--check", seconds=EVER)
        until(lambda: "all stacks" in worker.errors(), EVER, worker.errors)
        for trainer in trainers:
            trainer.resume()

        until(lambda: ask(address, "/livez") == (200, "ok\n"), EVER, worker.errors)
        until(lambda: samples(address)["unlearn_worker_stuck",] == 0, EVER, "it goes on")

    assert (code, stuck) == (503, 1)
    assert check.returncode == 1
    assert "partition 0 stands still" in check.stdout + check.stderr
    assert "partition 0 stands still" in worker.errors()
    assert "loop.py" in worker.errors().partition("all stacks")[2]


def test_a_worker_to_whom_the_group_has_nothing_to_give_is_ready(make_settings: MakeSettings, tmp_path: Path) -> None:
    settings = make_settings(partitions=1, trainers=0)
    with closing(KafkaLog(settings.kafka)) as log:
        create(log, settings)
    ports = free_port(), free_port()
    one, other = (f"127.0.0.1:{port}" for port in ports)
    with (
        Process(settings, tmp_path, "work", UNLEARN_HTTP=one) as first,
        Process(settings, tmp_path, "work", UNLEARN_HTTP=other) as second,
    ):
        for address, worker in ((one, first), (other, second)):
            until(lambda address=address: ask(address, "/readyz")[0] == 200, EVER, worker.errors)  # type: ignore[misc]
        owned = [samples(address)["unlearn_worker_partitions_owned",] for address in (one, other)]

    assert sorted(owned) == [0, 1]


def test_status_is_1_where_nobody_works_and_2_where_somebody_must_act(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    settings = make_settings(partitions=1, trainers=0, seal_after=0.5, lease=2.0, heartbeat_every=0.5)
    with closing(KafkaLog(settings.kafka)) as log:
        create(log, settings)
        with Client.connect(settings) as client:
            client.insert(record_id="r1", label="spam", text="win")
            client.flush()
            assert run(settings, "status").returncode == 1, "events wait, and there is no worker"
            with Process(settings, tmp_path, "work", "--drain") as worker:
                assert worker.wait(EVER) == 0, worker.errors()
            assert run(settings, "status", UNLEARN_LEASE="3600").returncode == 0, "nothing waits"
    other = settings.model_copy(update={"store": settings.store.model_copy(update={"url": f"file://{tmp_path}/other"})})
    assert run(other, "status").returncode == 2, "the store is another one"
