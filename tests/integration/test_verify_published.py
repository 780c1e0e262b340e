"""`unlearn verify` of manifests that no scorer would merge, after real work on a real Redis: never equal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.harness.events import at
from tests.harness.model_data import records
from tests.harness.worker_harness import WorkerHarness
from unlearn.errors import Refused
from unlearn.log.memory.log import MemoryLog
from unlearn.results.manifest import Manifest, manifest_key
from unlearn.results.results_topic import Results
from unlearn.scoring.published_model import of_settings
from unlearn.scoring.scorer import Scorer
from unlearn.storage.artefacts import FolderStore, open_store
from unlearn.verification.from_log import verify_log
from unlearn.verification.from_store import verify_store
from unlearn.verification.report import Report
from unlearn.verification.subject import subject_of
from unlearn.worker.lifecycle import states


@pytest.fixture
def given(harness: WorkerHarness) -> WorkerHarness:
    """Both partitions have published, with rows in every shard."""
    for partition in (0, 1):
        for number in range(12):
            harness.insert(f"r{number}", at(partition, prefix=f"s{number}-"))
        harness.fill(partition, 20)
    harness.apply()
    assert report(harness).exit_code == 0
    assert all(entry.rows for partition in (0, 1) for entry in newest(harness, partition).shards)
    return harness


def report(harness: WorkerHarness) -> Report:
    settings = harness.settings
    store = open_store(settings.store, settings.model)
    return verify_store(settings, harness.log, states(harness.client, settings.model), store, harness.learner)


def newest(harness: WorkerHarness, partition: int) -> Manifest:
    results = Results(harness.settings.model)
    results.merge(records(harness.log, harness.settings.results_topic))
    found = results.of(partition).manifest
    assert found is not None
    return found


def publish(harness: WorkerHarness, manifest: Manifest, **changed: Any) -> None:
    """As the newest of the partition."""
    told = manifest.model_copy(update={"sequence": manifest.sequence + 1, **changed})
    key = manifest_key(harness.settings.model, manifest.partition)
    harness.log.append(harness.settings.results_topic, 0, key, told.encode(), ())


@pytest.mark.parametrize("listed", [(), (0,), (1,), (0, 0, 1), (0, 1, 1)])
def test_a_manifest_that_does_not_list_each_shard_once_is_different(
    given: WorkerHarness, listed: tuple[int, ...]
) -> None:
    whole = newest(given, 0)

    publish(given, whole, shards=tuple(whole.shards[shard] for shard in listed))

    found = report(given)
    assert [shard.verdict for shard in found.shards] == ["different", "different", "equal", "equal"]
    assert found.exit_code == 1


Change = Callable[[WorkerHarness, Manifest], dict[str, Any]]
CHANGES: dict[str, Change] = {
    "another partition's file": lambda harness, _: {"file": newest(harness, 1).shards[0].file},
    "another shard's file": lambda _, manifest: {"file": manifest.shards[1].file},
    "no file": lambda *_: {"file": "", "size": 0},
    "another size": lambda _, manifest: {"size": manifest.shards[0].size + 1},
    "rows in an empty shard": lambda *_: {"status": "empty"},
    "beyond what was applied": lambda _, manifest: {"through": manifest.applied + 1},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_entry_that_no_scorer_would_take_is_different(given: WorkerHarness, change: Change) -> None:
    manifest = newest(given, 0)
    entry = manifest.shards[0].model_copy(update=change(given, manifest))

    publish(given, manifest, shards=(entry, *manifest.shards[1:]))

    found = report(given)
    assert [shard.verdict for shard in found.shards] == ["different", "equal", "equal", "equal"]
    with given_scorer(given) as scorer:
        scorer.poll(0)
        assert list(scorer.problems) == [0]


class Untouchable(FolderStore):
    """Fails the test that writes to it."""

    def put(self, name: str, data: bytes) -> NoReturn:
        pytest.fail(f"{name} was written")

    def delete(self, *names: str) -> NoReturn:
        pytest.fail(f"{names} were deleted")

    def mark(self, data: bytes) -> NoReturn:
        pytest.fail("the store was marked")


def folder_of(harness: WorkerHarness) -> Path:
    return Path(harness.settings.store.url.removeprefix("file://")) / harness.settings.model


def found_in(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that is in a folder, and when it was written; a file that came and went has changed its folder's time."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [folder, *folder.rglob("*")]:
        told = path.stat()
        data = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (told.st_ino, told.st_mode, told.st_mtime_ns, told.st_ctime_ns, data)
    return found


def store_names(harness: WorkerHarness) -> list[str]:
    return [name for name, *_ in FolderStore(folder_of(harness)).names("0/0")]


def spoil(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


HARMS: dict[str, tuple[Callable[[Path], None], str, int]] = {
    "nothing": (lambda _: None, "state", 0),
    "a state is missing": (Path.unlink, "state", 1),
    "a state is spoilt": (spoil, "state", 1),
    "a slice is missing": (Path.unlink, "slice", 3),
    "a slice is spoilt": (spoil, "slice", 3),
}


@pytest.mark.parametrize(("harm", "kind", "code"), HARMS.values(), ids=HARMS)
def test_verifying_writes_nothing_to_the_store(
    given: WorkerHarness, harm: Callable[[Path], None], kind: str, code: int
) -> None:
    # given a store that is whole, or not
    folder = folder_of(given)
    slice_file = next(name for name in store_names(given) if "/slice/" in name)
    harm(folder / {"state": newest(given, 0).shards[0].file, "slice": slice_file}[kind])
    before = found_in(folder)
    assert before

    # when all is verified from it, and from the log
    settings, state_of = given.settings, states(given.client, given.settings.model)
    from_store = verify_store(settings, given.log, state_of, Untouchable(folder), given.learner)
    from_log = verify_log(given.log, subject_of(settings))

    # then it is as it was, whatever was found
    assert (from_store.exit_code, from_log.exit_code) == (code, 0)
    assert found_in(folder) == before


def given_scorer(harness: WorkerHarness) -> Scorer:
    store = open_store(harness.settings.store, harness.settings.model)
    return Scorer(harness.settings, harness.log, store, of_settings(harness.settings))


def test_a_topic_of_fewer_partitions_than_the_models_is_refused(
    given: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds = MemoryLog.bounds
    monkeypatch.setattr(MemoryLog, "bounds", lambda log, topic: {0: bounds(log, topic)[0]})

    with pytest.raises(Refused, match="UNLEARN_PARTITIONS"):
        report(given)
