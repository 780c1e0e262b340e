"""`unlearn verify --from-log` on the in-process log: what it prints, and its exit code."""

from __future__ import annotations

import json

import pytest

from tests.unit.truthful_owner import SECRET, TruthfulOwner
from unlearn.cli.main import main
from unlearn.log.memory.log import MemoryLog
from unlearn.settings import load_settings
from unlearn.verification.subject import subject_of


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> TruthfulOwner:
    """Two partitions, published truly, by the settings of the environment."""
    settings = {
        "MODEL": "m",
        "LEARNER": "linear",
        "SECRET": SECRET.decode(),
        "FEATURES": "64",
        "PARTITIONS": "2",
        "SHARDS_PER_PARTITION": "2",
        "SLICE_SPAN": "10",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"UNLEARN_{name}", value)
    made = TruthfulOwner(identity=subject_of(load_settings()).identity)
    made.fill()
    for partition in range(2):
        made.publish(made.truth(partition))
    monkeypatch.setattr("unlearn.verification.in_processes.KafkaLog", lambda _: made.log)
    return made


def run(*arguments: str) -> object:
    with pytest.raises(SystemExit) as left:
        main(["verify", "--from-log", *arguments])
    return left.value.code


def test_equal_shards_are_a_table_and_exit_code_0(given: TruthfulOwner, capsys: pytest.CaptureFixture[str]) -> None:
    code = run()

    printed = capsys.readouterr()
    assert code == 0
    assert printed.out.splitlines()[-1].startswith("equal: 4 equal of 4 shards, version 1")
    assert printed.err == ""


def test_json_names_every_shard(given: TruthfulOwner, capsys: pytest.CaptureFixture[str]) -> None:
    given.put_one()

    code = run("--json")

    report = json.loads(capsys.readouterr().out)
    assert code == 2
    assert report["verdict"] == "pending"
    assert [(s["partition"], s["shard"]) for s in report["shards"]] == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_other_settings_are_incomparable(given: TruthfulOwner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLEARN_SLICE_SPAN", "11")

    assert run() == 3


def test_fewer_partitions_than_the_models_are_refused(
    given: TruthfulOwner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNLEARN_PARTITIONS", "4")

    assert run() == 65
    assert capsys.readouterr().err.startswith("error: m.events has 3 partitions, the model 4")


def test_the_log_is_closed_after_an_error(given: TruthfulOwner, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[MemoryLog] = []

    def close(log: MemoryLog) -> None:
        closed.append(log)

    monkeypatch.setattr(MemoryLog, "close", close)
    given.log.delete_topic("m.results")

    assert run() == 66
    assert closed == [given.log]
