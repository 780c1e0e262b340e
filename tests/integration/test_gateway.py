"""A request's life over HTTP: two gateways, one of them killed, a real worker, and callbacks that are proved."""

from __future__ import annotations

import signal
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.harness.events import insert, send
from tests.harness.gateway import OTHERS, Caller, Receiver, gateway_files, proves, receiving, request_of, served
from tests.harness.processes import Process
from tests.harness.settings import settings_of
from tests.harness.waiting import until
from unlearn.admin.topics import create
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Log
from unlearn.settings import Settings

pytestmark = [pytest.mark.slow]
EVER = 120.0
"""Seconds: no test waits for its end."""


class Site(NamedTuple):
    settings: Settings
    log: Log
    receiver: Receiver
    folder: Path


@pytest.fixture(scope="module")
def site(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A model with records of ann, bob and cleo; no worker and no gateway runs yet."""
    folder = tmp_path_factory.mktemp("gateway")
    with receiving() as receiver:
        settings = settings_of(
            kafka={"bootstrap_servers": kafka},
            redis={"url": redis_url},
            store={"url": (folder / "store").as_uri()},
            services_dir=folder,
            partitions=2,
            trainers=0,
            withdraw="never",
            window=3600,
            gateway={
                **gateway_files(folder / "files"),
                "callbacks": [receiver.url],
                "fides_url": receiver.url,
                "takeover": 0.5,
                "callback_timeout": 1,
                "callback_patience": 60,
            },
        )
        with closing(KafkaLog(settings.kafka)) as log:
            create(log, settings)
            with closing(log.producer()) as producer:
                rows = [insert(f"{who}{n}", who, text=f"win {n}") for who in ("ann", "bob") for n in range(3)]
                send(producer, settings, rows)
            yield Site(settings, log, receiver, folder)


def test_a_requests_life_with_a_gateway_killed_and_another_beside_it(site: Site) -> None:
    settings, folder, receiver = site.settings, site.folder / "life", site.receiver
    receiver.codes.extend((500, 500))
    erase_ann = request_of("r-ann", "ann", status_callback_urls=[f"{receiver.url}/failing", f"{receiver.url}/never"])
    with ExitStack() as stack:
        first, one = stack.enter_context(served(settings, folder / "one"))
        _, two = stack.enter_context(served(settings, folder / "two"))

        # Taken by one, and known to both.
        created = one.post(erase_ann)
        assert created.status_code == 201
        assert b64decode(created.json()["encoded_request"]) == created.request.content
        certificate = two.get("/certificate.pem").content
        assert proves(certificate, created.headers, created.content)
        assert one.post(request_of("r-bob", "bob", "bo")).status_code == 201
        both = one.status("r-ann"), two.status("r-ann")
        assert both[0] == both[1]
        assert both[0]["request_status"] == "pending"
        assert both[0]["controller_id"] == "shop"

        # Cancelled by the other one.
        assert two.delete("r-bob").status_code == 202
        assert one.delete("r-bob").status_code == 202
        assert one.status("r-bob")["request_status"] == "cancelled"
        assert one.post(request_of("r-bob", "bob", "bo")).status_code == 409

        # The same again is the same; something else under its name isn't.
        assert two.post(erase_ann).json() == created.json()
        assert two.post(request_of("r-ann", "bob")).status_code == 409
        with closing(Caller(two.url, OTHERS)) as bank:
            assert bank.get("/requests/r-ann").status_code == 404
            assert bank.delete("r-ann").status_code == 404

        first.signal(signal.SIGKILL)
        first.wait(10)
        with Process(settings, folder / "worker", "work"):
            until(lambda: two.status("r-ann")["request_status"] == "in_progress", EVER, "it is accepted")
        assert two.delete("r-ann").status_code == 409
        third, three = stack.enter_context(served(settings, folder / "three"))
        assert three.status("r-ann") == two.status("r-ann") | {"callbacks": three.status("r-ann")["callbacks"]}
        with Process(settings, folder / "worker", "work", UNLEARN_WINDOW="0"), closing(site.log.producer()) as producer:
            send(producer, settings, [insert("bob9", "bob", text="here again")])
            done = until(lambda: _completed(three, "r-ann"), EVER, "it is done")
            assert done["results_count"] == 3
            until(lambda: receiver.at("/failing")[-1].said["request_status"] == "completed", EVER, "it is told")
            erased = until(lambda: _completed(three, "r-ann"), EVER, "it is done")
            assert erased["request_status"] == "completed"
        last = receiver.at("/failing")[-1]
        assert proves(certificate, last.headers, last.body)
        assert last.said["results_count"] == 3
        assert third.stop() == 0


def _completed(caller: Caller, request_id: str) -> dict[str, object]:
    found = caller.status(request_id)
    return found if found["request_status"] == "completed" and "results_count" in found else {}
