"""A request's life over HTTP: two gateways, one of them killed, a real worker, and callbacks that are proved."""

from __future__ import annotations

import json
import signal
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.harness.events import insert, send
from tests.harness.gateway import OTHERS, TOKEN, Caller, Receiver, proves, receiving, request_of, served, two_people
from tests.harness.processes import Process, run
from tests.harness.waiting import until
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Log
from unlearn.settings import Settings

pytestmark = [pytest.mark.slow]
PAGE = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text(encoding="utf-8")
EVER = 120.0
"""Seconds: no test waits for its end."""


class Site(NamedTuple):
    settings: Settings
    log: Log
    receiver: Receiver
    folder: Path
    files: Path
    gateway: Caller


@pytest.fixture(scope="module")
def site(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A model with records of ann and bob, and a gateway with the files that the page tells to make; no worker yet."""
    folder = tmp_path_factory.mktemp("gateway")
    files = folder / "files"
    files.mkdir()
    bash(block_of("files"), files)
    with (files / "tokens").open("a") as tokens:
        tokens.write(f"shop {TOKEN}\nbank {OTHERS}\n")
    with receiving() as receiver, ExitStack() as stack:
        settings = two_people(
            kafka,
            redis_url,
            folder,
            withdraw="never",
            window=3600,
            gateway={
                "domain": "localhost",
                "tokens": files / "tokens",
                "signing_certificate": files / "certificate.pem",
                "signing_key": files / "key.pem",
                "callbacks": [receiver.url],
                "takeover": 0.5,
                "callback_timeout": 1,
                "callback_patience": 60,
            },
        )
        log = stack.enter_context(closing(KafkaLog(settings.kafka)))
        drained = run(settings, "work", "--drain", seconds=EVER)
        assert drained.returncode == 0, drained.stderr
        _, gateway = stack.enter_context(served(settings, folder / "gateway"))
        yield Site(settings, log, receiver, folder, files, gateway)


def block_of(name: str) -> str:
    """The commands of the page's block with this name."""
    rest = PAGE.partition(f"<!-- {name} -->\n\n")[2]
    return "\n".join(line[4:] for line in takewhile(lambda line: line.startswith("    "), rest.splitlines()))


def bash(commands: str, folder: Path) -> str:
    """What they print; each must succeed."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], check=False, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_of_the_page_work_as_they_stand(site: Site) -> None:
    commands = block_of("life").replace("http://127.0.0.1:8080", site.gateway.url).replace('"ann"', '"dora"')
    said = bash(commands, site.files)

    assert "Verified OK" in said
    assert '"received_time"' in said


def test_a_requests_life_with_a_gateway_killed_and_another_beside_it(site: Site) -> None:
    settings, folder, receiver, two = site.settings, site.folder, site.receiver, site.gateway
    receiver.codes.extend((500, 500))
    erase_ann = request_of("r-ann", "ann", status_callback_urls=[f"{receiver.url}/failing", f"{receiver.url}/never"])
    with ExitStack() as stack:
        first, one = stack.enter_context(served(settings, folder / "one"))

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

        # One dies, and a new one knows what it knew.
        first.signal(signal.SIGKILL)
        with Process(settings, folder / "worker", "work"):
            until(lambda: two.status("r-ann")["request_status"] == "in_progress", EVER, "it is accepted")
        assert two.delete("r-ann").status_code == 409
        third, three = stack.enter_context(served(settings, folder / "three"))
        assert three.status("r-ann")["expected_completion_time"] == both[0]["expected_completion_time"]

        with Process(settings, folder / "worker", "work", UNLEARN_WINDOW="0"), closing(site.log.producer()) as producer:
            send(producer, settings, [insert("bob9", "bob", text="here again")])
            done = until(lambda: completed(three, "r-ann"), EVER, "it is done")
            until(lambda: told(receiver) == "completed", EVER, "it is told")
            until(lambda: states(settings, "bob9") == ["member"], EVER, "what comes after a cancellation is taken")
        assert done["results_count"] == two.status("r-ann")["results_count"] == 3
        assert two.status("r-bob")["request_status"] == "cancelled"

        # Callbacks are proved, tried again until they arrive, and noted for all gateways.
        last = receiver.at("/failing")[-1]
        assert proves(certificate, last.headers, last.body)
        assert last.said["results_count"] == 3
        assert len(receiver.at("/failing")) >= 3
        assert receiver.at("/never")
        until(lambda: two.status("r-ann")["callbacks"][0]["told"] == "completed", EVER, "it is noted")
        assert third.stop() == 0


def told(receiver: Receiver) -> str:
    """The last status that the failing receiver was told."""
    came = receiver.at("/failing")
    return str(came[-1].said["request_status"]) if came else ""


def states(settings: Settings, *arguments: str) -> list[str]:
    """member, forgotten or unknown, as `unlearn record` says."""
    done = run(settings, "record", "--json", "--of", "bob", *arguments)
    return [json.loads(line)["state"] for line in done.stdout.splitlines()]


def completed(caller: Caller, request_id: str) -> dict[str, object]:
    """What it says of a request, once that is completed and counted."""
    found = caller.status(request_id)
    return found if found["request_status"] == "completed" and "results_count" in found else {}
