"""`unlearn versions`, `diff` and `export` beside a worker on a real broker."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.events import at, insert
from tests.harness.kafka_harness import WorkerOnKafka
from tests.harness.processes import run

pytestmark = pytest.mark.slow
ANN, BOB = at(0, prefix="ann"), at(1, prefix="bob")


@pytest.fixture
def harness(redis_url: str, tmp_path: Path, kafka: str) -> Iterator[WorkerOnKafka]:
    made = WorkerOnKafka(redis_url, tmp_path, kafka, heartbeat_every=0.2, lease=600)
    yield made
    made.close()


def publish(harness: WorkerOnKafka) -> None:
    """Until all is sealed, learned and hidden."""
    harness.seal()
    harness.rest()


def counters(harness: WorkerOnKafka) -> list[int]:
    """Of the newest manifests' owners."""
    held = (harness.worker.results.of(partition).manifest for partition in range(2))
    return [-1 if manifest is None else manifest.token.counter for manifest in held]


def lines(harness: WorkerOnKafka, *words: str) -> list[dict[str, Any]]:
    told = run(harness.settings, "versions", "--json", *words)
    assert told.returncode == 0, told.stderr
    return [json.loads(line) for line in told.stdout.splitlines()]


def test_what_each_version_learned_and_forgot(harness: WorkerOnKafka) -> None:
    for record, subject in (("a", ANN), ("b", ANN), ("c", BOB), ("d", BOB)):
        harness.insert(record, subject)
    publish(harness)
    harness.insert("a", ANN, 1, text="c d")
    harness.delete(subject=BOB)
    harness.insert("e", ANN)
    publish(harness)
    harness.restart()
    harness.turn_until(lambda: counters(harness) == [2, 2])

    told = lines(harness)

    assert [one["version"] for one in told] == sorted(one["version"] for one in told)
    assert all(one["follows"] or one["before"] is None for one in told)
    assert all(one["rows"] == 0 and one["unknown"] for one in told if one["before"] is None)
    counted = [one for one in told if one["before"] is not None]
    ends = [(one["learned"], one["forgotten"], one["replaced"], one["withheld"]) for one in counted]
    assert [sum(column) for column in zip(*ends, strict=True)] == [6, 2, 1, 0]
    assert {one["partition"]: one["rows"] for one in counted} == {0: 3, 1: 0}
    # The restarted owner has published the same again: no news, but it is what stands
    standing = [one for one in told if one["standing"] != "replaced"]
    assert {one["partition"]: one["standing"] for one in standing} == {0: "in force", 1: "in force"}
    assert all(one["newest"] > one["version"] for one in standing)
    assert [(one["counter"], one["owner"]["counter"]) for one in standing] == [(1, 2), (1, 2)]

    (last,) = lines(harness, "--last", "1", "--no-counts")
    assert (last["version"], last["learned"], last["unknown"]) == (told[-1]["version"], None, "not asked for")
    assert {one["partition"] for one in lines(harness, "--partition", "1")} == {1}
    words = run(harness.settings, "versions", COLUMNS="200").stdout.splitlines()
    assert words[0].split()[:4] == ["version", "time", "part", "applied"]
    assert [line.split()[0] for line in words[1:]] == [str(one["version"]) for one in told]


def difference(harness: WorkerOnKafka, *words: str, code: int = 0) -> dict[str, Any]:
    told = run(harness.settings, "diff", "--json", *words)
    assert told.returncode == code, told.stderr
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def test_how_versions_differ_and_that_none_with_a_deleted_record_is_scored(
    harness: WorkerOnKafka, tmp_path: Path
) -> None:
    texts = tmp_path / "texts"
    texts.write_text("win cash\nsee noon\nnothing known\n")
    harness.say(insert("a", ANN, label="ham", text="see noon"))
    harness.insert("b", ANN, text="win win cash")
    harness.say(insert("c", BOB, label="ham", text="see noon"))
    publish(harness)
    first = lines(harness)[-1]["version"]
    harness.insert("d", ANN, text="see cash")
    publish(harness)
    second = lines(harness)[-1]["version"]

    # Nothing was deleted: all is told, by the states of both versions
    found = difference(harness, str(first), str(second), "--texts", str(texts))
    assert [one["learned"] for one in found["partitions"]] == [1, 0]
    assert [len(one["shards"]) for one in found["partitions"]] == [1, 0]
    assert (found["weights_unknown"], found["scores_unknown"]) == (None, None)
    assert found["weights"]
    assert found["scores"]["texts"] == 3
    assert found["scores"]["largest"] > 0
    assert difference(harness, str(second), str(second), "--texts", str(texts))["scores"]["largest"] == 0

    before = run(harness.settings, "score", "--version", str(first), "--json", "-", given="see cash")
    now = run(harness.settings, "score", "--json", "-", given="see cash")
    assert (before.returncode, now.returncode) == (0, 0)
    assert json.loads(before.stdout)["version"] == first
    assert json.loads(before.stdout)["scores"] != json.loads(now.stdout)["scores"]
    same = run(harness.settings, "score", "--version", str(second), "--json", "-", given="see cash")
    assert json.loads(same.stdout)["scores"] == json.loads(now.stdout)["scores"]

    # What is still as it was in force may be scored whatever its number; what holds a deleted record never
    harness.delete(subject=BOB)
    publish(harness)
    third = lines(harness)[-1]["version"]
    assert difference(harness, str(third), "--texts", str(texts))["scores"]["same_label"] == 3
    found = difference(harness, str(first), str(third), "--texts", str(texts), code=1)
    assert [(one["learned"], one["forgotten"]) for one in found["partitions"]] == [(1, 0), (0, 1)]
    assert (found["weights"], found["scores"]) == (None, None)
    refused = f"version {first} holds records that were deleted since (1 deleted, 0 replaced by later revisions)"
    assert found["scores_unknown"].startswith(refused)
    words = run(harness.settings, "diff", str(first), "--texts", str(texts), COLUMNS="200")
    assert words.returncode == 1
    assert refused in words.stderr
    assert run(harness.settings, "diff", str(third + 1000)).returncode == 65
    late = run(harness.settings, "score", "--version", str(first), "-", given="see cash")
    assert (late.returncode, late.stdout) == (65, "")
    assert refused in late.stderr


def test_the_version_in_force_is_exported_and_scores_as_it_does(harness: WorkerOnKafka, tmp_path: Path) -> None:
    for record, label, text in (("a", "ham", "see noon"), ("b", "spam", "win win cash"), ("c", "ham", "see cash")):
        harness.say(insert(record, (ANN, BOB)[record == "c"], label=label, text=text))
    publish(harness)
    harness.delete(subject=BOB)
    publish(harness)
    out = tmp_path / "out"

    told = run(harness.settings, "export", "--to", "sklearn", "--use-for", "PT1H", str(out))

    assert told.returncode == 0, told.stderr
    about = json.loads((out / "export.json").read_text())
    assert f"it must not be used from {about['use_until']} on" in told.stdout
    newest = [one for one in lines(harness) if one["standing"] == "in force"]
    assert about["versions"] == {str(one["partition"]): one["newest"] for one in newest}
    scored = run(harness.settings, "score", "--json", "-", given="win cash")
    code = "from load import load; print(load().predict_proba(['win cash'])[0][1])"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=out, capture_output=True, text=True, check=True)
    assert abs(float(loaded.stdout) - json.loads(scored.stdout)["scores"]["spam"]) < about["tolerance"]
    assert "nothing is learned" not in scored.stderr

    # Once all are deleted, each class has the same score, which is said
    harness.delete(subject=ANN)
    publish(harness)
    bare = run(harness.settings, "score", "--json", "-", given="win cash")
    assert (bare.returncode, json.loads(bare.stdout)["scores"]) == (0, {"ham": 0.5, "spam": 0.5})
    assert bare.stderr.startswith("nothing is learned yet, or all of it was deleted")

    # Another one isn't written over it, and none is made that outlives deadlines
    assert run(harness.settings, "export", "--to", "onnx", str(out)).returncode == 65
    long = run(harness.settings, "export", "--to", "onnx", "--use-for", "P31D", str(tmp_path / "new"))
    assert long.returncode == 65
    assert "UNLEARN_FORGET_WITHIN" in long.stderr
