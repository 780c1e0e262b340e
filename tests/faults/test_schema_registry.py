"""A schema registry that is away holds up the partition whose records need it, and changes nothing of what they are."""

from __future__ import annotations

from pathlib import Path

from tests.faults.checks import wrong_manifests
from tests.harness.memory_harness import MemoryHarness
from tests.harness.schema_registry import change, framed, serving

ROW = {"id": 7, "subject_id": "ana", "text": "win a prize", "at": None}


def test_what_came_meanwhile_is_applied_once_it_answers(redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "avro.toml").write_text('preset = "debezium"\navro = true\n')
    with serving() as registry:
        reading = {"mapping": str(tmp_path / "avro.toml"), "schema_registry": registry.url}
        harness = MemoryHarness(redis_url, tmp_path, "naive-bayes", **reading)
        try:
            topic, key = harness.settings.events_topic, framed(2, {"id": 7})
            registry.broken = True
            harness.log.append(topic, 0, key, change("c", after=ROW), ())
            offset = harness.log.append(topic, 0, key, change("d", before=ROW), ())
            harness.log.append(topic, 0, key, None, ())
            harness.turn(3)
            assert harness.count("registry_lost") >= 1
            assert all(owned.view.applied == 0 for owned in harness.worker.owned.values())
            assert harness.receipts() == []

            registry.broken = False
            harness.wait(2)
            harness.settle()

            view = harness.owned.view
            assert (view.applied, view.number("deletes"), view.number("live")) == (3, 1, 0)
            assert not view.unresolved
            assert {receipt.event_id for receipt in harness.receipts("hidden")} == {f"place:0/{offset}"}
            assert wrong_manifests(harness) == []
            assert harness.verify().exit_code == 0
        finally:
            harness.close()
