from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.harness.results_harness import HAM, SPAM, ResultsHarness
from unlearn.cli.commands.scorers.manifest import command
from unlearn.log.memory.log import MemoryLog


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ResultsHarness:
    harness = ResultsHarness(tmp_path, "naive-bayes")

    @contextmanager
    def open_log(_: object) -> Iterator[MemoryLog]:
        yield harness.log

    monkeypatch.setattr("unlearn.cli.commands.scorers.manifest.open_log", open_log)
    monkeypatch.setattr("unlearn.cli.context.settings", lambda *_, **__: harness.settings)
    return harness


def test_json_holds_each_partitions_newest_manifest_as_published(harness: ResultsHarness) -> None:
    harness.publish(1, 1, SPAM)
    harness.publish(0, 1, HAM)
    newest = harness.manifest(0, 2, [harness.entry(0, 0, HAM[:1])])
    version = harness.send(newest)

    shown = json.loads(CliRunner().invoke(command, ["--json"]).stdout)

    assert shown["version"] == version == 2
    assert [manifest["partition"] for manifest in shown["partitions"]] == [0, 1]
    assert shown["partitions"][0] == json.loads(newest.encode())


def test_an_empty_topic_has_no_version(harness: ResultsHarness) -> None:
    assert json.loads(CliRunner().invoke(command, ["--json"]).stdout) == {"version": None, "partitions": []}
    assert CliRunner().invoke(command).stdout == "model demo, version none yet\n"


def test_people_get_a_row_for_each_shard(harness: ResultsHarness) -> None:
    harness.send(harness.manifest(0, 2, [harness.entry(0, 0, HAM), harness.entry(0, 1, [])]))

    lines = CliRunner().invoke(command).stdout.splitlines()

    assert [line.split()[:3] for line in lines[1:3]] == [["0", "1", "20"], ["1", "empty", "0"]]
    assert lines[-1] == "model demo, version 0"
