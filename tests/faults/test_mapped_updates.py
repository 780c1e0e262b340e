"""Rows that Debezium says were changed: the model holds what the last change says, and both ways to verify agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.checks import wrong_manifests
from tests.harness.memory_harness import MemoryHarness
from unlearn.log.protocol import Header
from unlearn.mapping.mapping import Mapping
from unlearn.mapping.presets import PRESETS

SECOND = 1_714_564_800_000
(BEFORE,) = PRESETS["debezium"].before
NO_HEADERS: list[Header] = []


def changed(op: str, text: str, microseconds: int, **more: Any) -> bytes:
    """A change of one row of MySQL, in one second."""
    source = {"connector": "mysql", "ts_ms": SECOND, "file": "mysql-bin.000003", "pos": 805, **more}
    row = {"id": 7, "subject_id": "ana", "label": "spam", "text": text}
    handled = SECOND * 1000 + microseconds
    said = {"op": op, "before": None, "after": row, "source": source, "ts_ms": handled // 1000, "ts_us": handled}
    return json.dumps(said).encode()


@pytest.mark.parametrize(("mapping", "updates"), [(PRESETS["debezium"], 2), (BEFORE, 0)], ids=["now", "before"])
def test_changes_of_one_second_replace_one_another(
    redis_url: str, tmp_path: Path, mapping: Mapping, updates: int
) -> None:
    """A model made by the preset of before goes on with the first of what ties, and is verified so."""
    harness = MemoryHarness(redis_url, tmp_path, "naive-bayes", partitions=1, mapping=mapping)
    try:
        for place, op in enumerate("cuu"):
            value = changed(op, f"win {place}", 40 * place)
            harness.log.append(harness.settings.events_topic, 0, b'{"id": 7}', value, NO_HEADERS)
            harness.settle()
        (owned,) = harness.worker.owned.values()
        assert (owned.view.number("updates"), owned.view.number("conflicts")) == (updates, 2 - updates)
        assert owned.view.number("live") == 1
        assert wrong_manifests(harness) == []
        assert harness.verify().exit_code == 0
        assert harness.verify_store().exit_code == 0
    finally:
        harness.close()
