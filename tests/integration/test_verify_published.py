"""`unlearn verify` of manifests that no scorer would merge, after real work on a real Redis: never equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from processor.errors import Refused
from processor.log.memory import MemoryLog
from processor.manifest import Manifest, manifest_key
from processor.report import Report
from processor.results import Results
from processor.running import states
from processor.scorer import Scorer
from processor.store import open_store
from processor.verify import verify_store
from tests.integration.scene import Scene, at


@pytest.fixture
def given(scene: Scene) -> Scene:
    """Both partitions have published, with rows in every shard."""
    for partition in (0, 1):
        for number in range(12):
            scene.insert(f"r{number}", at(partition, prefix=f"s{number}-"))
        scene.fill(partition, 20)
    scene.apply()
    assert report(scene).exit_code == 0
    assert all(entry.rows for partition in (0, 1) for entry in newest(scene, partition).shards)
    return scene


def report(scene: Scene) -> Report:
    settings = scene.settings
    store = open_store(settings.store.url, settings.model)
    return verify_store(settings, scene.log, states(scene.client, settings.model), store, scene.learner)


def newest(scene: Scene, partition: int) -> Manifest:
    results = Results(scene.settings.model)
    results.merge(scene.log.read(scene.settings.results_topic, 0, 0, 1 << 60))
    found = results.of(partition).manifest
    assert found is not None
    return found


def publish(scene: Scene, manifest: Manifest, **changed: Any) -> None:
    """As the newest of the partition."""
    told = manifest.model_copy(update={"sequence": manifest.sequence + 1, **changed})
    key = manifest_key(scene.settings.model, manifest.partition)
    scene.log.append(scene.settings.results_topic, 0, key, told.encode(), ())


@pytest.mark.parametrize("listed", [(), (0,), (1,), (0, 0, 1), (0, 1, 1)])
def test_a_manifest_that_does_not_list_each_shard_once_is_different(given: Scene, listed: tuple[int, ...]) -> None:
    whole = newest(given, 0)

    publish(given, whole, shards=tuple(whole.shards[shard] for shard in listed))

    found = report(given)
    assert [shard.verdict for shard in found.shards] == ["different", "different", "equal", "equal"]
    assert found.exit_code == 1


Change = Callable[[Scene, Manifest], dict[str, Any]]
CHANGES: dict[str, Change] = {
    "another partition's file": lambda scene, _: {"file": newest(scene, 1).shards[0].file},
    "another shard's file": lambda _, manifest: {"file": manifest.shards[1].file},
    "no file": lambda *_: {"file": "", "size": 0},
    "another size": lambda _, manifest: {"size": manifest.shards[0].size + 1},
    "rows in an empty shard": lambda *_: {"status": "empty"},
    "beyond what was applied": lambda _, manifest: {"through": manifest.applied + 1},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_entry_that_no_scorer_would_take_is_different(given: Scene, change: Change) -> None:
    manifest = newest(given, 0)
    entry = manifest.shards[0].model_copy(update=change(given, manifest))

    publish(given, manifest, shards=(entry, *manifest.shards[1:]))

    found = report(given)
    assert [shard.verdict for shard in found.shards] == ["different", "equal", "equal", "equal"]
    with given_scorer(given) as scorer:
        scorer.poll(0)
        assert list(scorer.problems) == [0]


def given_scorer(scene: Scene) -> Scorer:
    store = open_store(scene.settings.store.url, scene.settings.model)
    return Scorer(scene.settings, scene.log, store, scene.learner)


def test_a_topic_of_fewer_partitions_than_the_models_is_refused(given: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = MemoryLog.bounds
    monkeypatch.setattr(MemoryLog, "bounds", lambda log, topic: {0: bounds(log, topic)[0]})

    with pytest.raises(Refused, match="UNLEARN_PARTITIONS"):
        report(given)
