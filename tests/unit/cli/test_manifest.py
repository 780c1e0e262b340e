from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.unit.stage import HAM, SPAM, Stage
from unlearn.cli.commands.manifest import command
from unlearn.log.memory import MemoryLog


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage(tmp_path, "naive-bayes")

    @contextmanager
    def open_log(_: object) -> Iterator[MemoryLog]:
        yield stage.log

    monkeypatch.setattr("unlearn.cli.commands.manifest.open_log", open_log)
    monkeypatch.setattr("unlearn.cli.context.settings", lambda *_, **__: stage.settings)
    return stage


def test_json_holds_each_partitions_newest_manifest_as_published(stage: Stage) -> None:
    stage.publish(1, 1, SPAM)
    stage.publish(0, 1, HAM)
    newest = stage.manifest(0, 2, [stage.entry(0, 0, HAM[:1])])
    version = stage.send(newest)

    shown = json.loads(CliRunner().invoke(command, ["--json"]).stdout)

    assert shown["version"] == version == 2
    assert [manifest["partition"] for manifest in shown["partitions"]] == [0, 1]
    assert shown["partitions"][0] == json.loads(newest.encode())


def test_an_empty_topic_has_no_version(stage: Stage) -> None:
    assert json.loads(CliRunner().invoke(command, ["--json"]).stdout) == {"version": None, "partitions": []}
    assert CliRunner().invoke(command).stdout == "model demo, version none yet\n"


def test_people_get_a_row_for_each_shard(stage: Stage) -> None:
    stage.send(stage.manifest(0, 2, [stage.entry(0, 0, HAM), stage.entry(0, 1, [])]))

    lines = CliRunner().invoke(command).stdout.splitlines()

    assert [line.split()[:3] for line in lines[1:3]] == [["0", "1", "20"], ["1", "empty", "0"]]
    assert lines[-1] == "model demo, version 0"
