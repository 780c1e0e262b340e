"""`unlearn pending` beside a worker on a real broker: what is open is listed with its event id, and ids stay hidden."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.events import at, delete
from tests.harness.kafka_harness import WorkerOnKafka
from tests.harness.processes import run
from tests.harness.waiting import until

pytestmark = pytest.mark.slow
ZERO, ONE = at(0, prefix="secret"), at(1, prefix="secret")


@pytest.fixture
def harness(redis_url: str, tmp_path: Path, kafka: str) -> Iterator[WorkerOnKafka]:
    made = WorkerOnKafka(redis_url, tmp_path, kafka)
    yield made
    made.close()


def listed(harness: WorkerOnKafka) -> list[dict[str, Any]]:
    done = run(harness.settings, "pending", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert "secret" not in done.stdout
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_open_deletions_are_listed_by_deadline_with_what_they_wait_for(
    harness: WorkerOnKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.insert("r", ZERO)
    harness.apply()
    assert run(harness.settings, "pending").stdout == "no deletion is open\n"

    # Given a worker that publishes nothing
    monkeypatch.setattr(harness.worker._manifests, "turn", lambda *_: None)
    _, subject = harness.delete(subject=ZERO, event_id="of a subject")
    harness.say(delete(f"{ONE}-r", event_id="of a record", forget_within=1))
    harness.raw(1, b'{"type":"delete" junk')
    until(harness.caught_up, 60, "all is applied", harness.turn)
    until(lambda: all(one["overdue"] for one in listed(harness)[:1]), 60, "the first deadline has come")

    # Then all is listed
    first, second, third = listed(harness)
    assert (first["event_id"], first["names"]) == ("of a record", "a record of every subject")
    assert [first["overdue"], second["overdue"], third["overdue"]] == [True, False, False]
    assert {word.partition(" that")[0] for word in first["waits_for"]} == {
        "a manifest of partition 0",
        "a manifest of partition 1",
    }
    assert (second["event_id"], second["names"], second["partition"], second["offset"]) == (
        "of a subject",
        "a subject",
        0,
        subject,
    )
    assert second["waits_for"][0].startswith(f"a manifest of partition 0 that covers offset {subject}")
    assert (third["event_id"], third["names"], third["why"]) == (None, None, "not JSON in UTF-8, or nested too deeply")
    assert third["waits_for"] == ["an operator: `unlearn resolve` closes it"]
    shown = run(harness.settings, "pending")
    assert "secret" not in shown.stdout
    assert shown.stdout.index("of a record") < shown.stdout.index("of a subject") < shown.stdout.index("not JSON")

    # And once it publishes, only what can't be read
    monkeypatch.undo()
    harness.rest()
    assert [one["why"] for one in listed(harness)] == [third["why"]]


def test_what_is_not_applied_is_counted(harness: WorkerOnKafka) -> None:
    harness.delete("r", ZERO)
    done = run(harness.settings, "pending")

    assert (done.returncode, done.stdout) == (0, "no deletion is open\n")
    assert done.stderr.startswith("1 offsets are not applied yet, and may hold more")
