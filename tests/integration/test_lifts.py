"""Deletions that are taken back, and such as are meant so far, through real workers of which one is killed."""

from __future__ import annotations

import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeSettings
from tests.harness.processes import Process, run
from tests.harness.waiting import until
from tests.integration.scenario import everything
from tests.integration.test_client import EVER, states
from tests.integration.twin import published, send_again, without_the_dead
from unlearn import Client, Pending
from unlearn.admin.topics import create
from unlearn.log.kafka.log import KafkaLog
from unlearn.verification.from_log import verify_log
from unlearn.verification.subject import subject_of

pytestmark = pytest.mark.slow
OPTIONS: dict[str, Any] = {"partitions": 2, "trainers": 0, "seal_after": 0.5}


def _insert(client: Client, subject: str, *records: str) -> None:
    for record in records:
        client.insert(record_id=record, subject_id=subject, label="spam", text=f"win {record} of {subject}")
    client.flush()


def _done(*asked: Pending) -> list[int | None]:
    """Wait for the last receipts; how many records each says that it killed."""
    return [pending.wait("counted", timeout=EVER).records for pending in asked]


def test_what_was_let_in_again_is_a_member_and_what_died_stays_dead(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    settings = make_settings(**OPTIONS)
    with closing(KafkaLog(settings.kafka)) as log:
        create(log, settings)
        with Client.connect(settings) as client:
            with Process(settings, tmp_path / "first", "work") as first:
                for subject in ("ann", "bob", "cleo"):
                    _insert(client, subject, "r1", "r2", "shared")
                forgotten = [
                    client.forget(subject="ann"),
                    client.forget(subject="bob", so_far=True),
                    client.forget(record="shared"),
                    client.forget(subject="cleo", record="r1"),
                ]
                assert _done(*forgotten) == [3, 3, 1, 1]
                _insert(client, "ann", "refused")
                lifts = [
                    client.lift(subject="ann"),
                    client.lift(record="shared"),
                    client.lift(subject="cleo", record="r1"),
                ]
                first.signal(signal.SIGKILL)
            with Process(settings, tmp_path / "second", "work"):
                assert [lift.wait(timeout=EVER).state for lift in lifts] == ["lifted"] * 3
                for subject in ("ann", "bob", "cleo"):
                    _insert(client, subject, "r1", "shared")
                again = client.forget(subject="ann", record="r1")
                assert _done(again) == [1]
                client.lift(subject="nobody").wait(timeout=EVER)

                names = ("r1", "r2", "shared", "refused")
                found = {
                    subject: [*states(settings, "--of", subject, *names).values()] for subject in ("ann", "bob", "cleo")
                }
                until(lambda: verify_log(log, subject_of(settings)).verdict == "equal", EVER, "it equals a replay")
            with Process(settings, tmp_path / "last", "work", "--drain") as last:
                assert last.wait(EVER) == 0, last.errors()
            twin = make_settings(**OPTIONS, store={"url": (tmp_path / "twin's store").as_uri()})
            create(log, twin)
            records = {partition: everything(log, settings.events_topic, partition) for partition in range(2)}
            send_again(log, twin, records, without_the_dead(log, settings, records))
            with Process(twin, tmp_path / "twin", "work", "--drain") as worker:
                assert worker.wait(EVER) == 0, worker.errors()
            original = published(log, settings)
            assert published(log, twin) == original
            assert sum(rows for _, _, rows in original.values()) == 6

    assert found == {
        "ann": ["forgotten", "forgotten", "member", "forgotten"],
        "bob": ["member", "forgotten", "member", "unknown"],
        "cleo": ["member", "member", "member", "unknown"],
    }
    assert run(settings, "verify").returncode == 0
