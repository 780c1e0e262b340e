"""A real Prometheus scrapes a worker, a scorer and a gateway: the board's queries have data, the rules are taken."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import MakeSettings
from tests.harness.gateway import gateway_files, request_of, served
from tests.harness.needed import lacking
from tests.harness.processes import Process
from tests.harness.waiting import until
from unlearn import Client
from unlearn.admin.topics import create
from unlearn.log.kafka.log import KafkaLog
from unlearn.services.address import free_port

pytestmark = pytest.mark.slow
EVER = 120.0
DEPLOY = Path(__file__).parents[2] / "deploy"
PANELS = [
    panel for panel in json.loads((DEPLOY / "grafana" / "unlearn.json").read_text())["panels"] if "targets" in panel
]
QUERIES = {target["expr"] for panel in PANELS for target in panel["targets"]}


@contextmanager
def prometheus(folder: Path, *targets: str) -> Iterator[httpx.Client]:
    """A Prometheus that scrapes them each second, with our rules."""
    program = shutil.which("prometheus")
    if program is None:
        lacking("prometheus", "the board's queries are NOT run here, for want of Prometheus")
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(DEPLOY / "prometheus" / "rules.yml")],
        "scrape_configs": [{"job_name": "unlearn", "static_configs": [{"targets": targets}]}],
    }
    (folder / "prometheus.json").write_text(json.dumps(config))
    address = f"127.0.0.1:{free_port()}"
    arguments = (f"--config.file={folder}/prometheus.json", f"--storage.tsdb.path={folder}/tsdb")
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([program, *arguments, f"--web.listen-address={address}"], stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://{address}", timeout=EVER, trust_env=False) as asks:
            until(lambda: _is_ready(asks), EVER, (folder / "prometheus.log").read_text)
            yield asks
    finally:
        process.kill()
        process.wait(EVER)


def _is_ready(asks: httpx.Client) -> bool:
    with suppress(httpx.TransportError):
        return asks.get("/-/ready").status_code == 200
    return False


def asked(asks: httpx.Client, query: str) -> list[Any]:
    """What the series of a query are now. Fails where Prometheus can't read it."""
    variables = {"$job": ".+", "$instance": ".+", "$__rate_interval": "1m"}
    for name, value in variables.items():
        query = query.replace(name, value)
    answer = asks.get("/api/v1/query", params={"query": query})
    assert answer.status_code == 200, f"{query}: {answer.text}"
    found: list[Any] = answer.json()["data"]["result"]
    return found


def firing(asks: httpx.Client) -> set[str]:
    """The names of the alerts that fire now."""
    found = asks.get("/api/v1/alerts").json()["data"]["alerts"]
    return {one["labels"]["alertname"] for one in found if one["state"] == "firing"}


def without_data(asks: httpx.Client) -> set[str]:
    """The board's queries that give no number. 0/0 is none."""
    return {query for query in QUERIES if not any(one["value"][1] not in ("NaN", "+Inf") for one in asked(asks, query))}


def test_the_board_has_data_and_no_alert_fires(make_settings: MakeSettings, tmp_path: Path) -> None:
    ports = [free_port() for _ in range(2)]
    settings = make_settings(
        partitions=2,
        trainers=0,
        seal_after=0.5,
        window=0.0,
        http=f"127.0.0.1:{ports[0]}",
        gateway=gateway_files(tmp_path / "gateway"),
    )
    with closing(KafkaLog(settings.kafka)) as log:
        create(log, settings)
    with (
        Process(settings, tmp_path, "work"),
        Process(settings, tmp_path, "serve", "--listen", f"127.0.0.1:{ports[1]}"),
        served(settings, tmp_path / "gateway") as (_, gateway),
        prometheus(tmp_path, f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}", gateway.url.partition("//")[2]) as asks,
        httpx.Client(base_url=f"http://127.0.0.1:{ports[1]}", timeout=EVER, trust_env=False) as scores,
        Client.connect(settings) as client,
    ):
        # Given some seconds of work, in which everything happens that is counted from the first time on
        until(lambda: len(asked(asks, "up == 1")) == 3, EVER, "all are scraped")
        for number in range(40):
            client.insert(record_id=f"r{number}", subject_id=f"s{number % 8}", label="spam", text=f"win {number}")
        client.flush()
        with closing(KafkaLog(settings.kafka)) as log, closing(log.producer()) as producer:
            producer.send(settings.events_topic, 0, b"s1", b'{"type": "insert", "event_id": "bad"}')
            producer.flush(EVER)
        until(lambda: scores.get("/readyz").status_code == 200, EVER, "it can be scored")

        def work() -> None:
            client.forget(record="r1").wait("hidden", timeout=EVER)
            assert scores.post("/scores", json={"texts": ["win"]}).status_code == 200
            assert gateway.status("request-1")

        assert gateway.post(request_of("request-1", "s2")).status_code == 201

        # When every query of the board is asked
        until(lambda: not without_data(asks), EVER, lambda: without_data(asks), work)

        # Then each has data; the counts are what was done; the rules can be read; one fires alone, for the bad event
        assert sum(float(one["value"][1]) for one in asked(asks, "unlearn_worker_live_records")) < 40
        rules = [rule for group in asks.get("/api/v1/rules").json()["data"]["groups"] for rule in group["rules"]]
        assert len(rules) >= 15
        assert {rule["health"] for rule in rules} == {"ok"}
        until(lambda: firing(asks) == {"UnlearnDeadLetters"}, EVER, lambda: firing(asks))
