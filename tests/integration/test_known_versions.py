"""What is known of versions once the log, the history, the manifests or the states of them are gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.events import at
from tests.harness.worker_harness import WorkerHarness
from unlearn.admin.versions.difference import Differ
from unlearn.admin.versions.listing import Lister
from unlearn.admin.versions.pinner import Pinner
from unlearn.admin.versions.report import VersionTold
from unlearn.admin.versions.source import Source
from unlearn.errors import IdentityChanged, InputInvalid, VersionRefused
from unlearn.publishing import history
from unlearn.results.manifest import manifest_key
from unlearn.settings import Settings
from unlearn.storage.artefacts import open_store

ANN = at(0, prefix="ann")


@pytest.fixture
def linear(redis_url: str, tmp_path: Path) -> Iterator[WorkerHarness]:
    """A worker whose states are folds."""
    made = WorkerHarness(redis_url, tmp_path, learner="linear")
    yield made
    made.close()


class Known:
    """What can be told of the harness's model."""

    def __init__(self, harness: WorkerHarness, settings: Settings | None = None) -> None:
        self.notes: list[str] = []
        given = settings or harness.settings
        self.source = Source(given, harness.log, lambda *_: None, self.notes.append)
        self.store = open_store(given.store, given.model)

    def listed(self) -> list[VersionTold]:
        return Lister(self.source).last(0, [0])

    def scored_by(self, number: int) -> int | None:
        """The version that a pinned one says that it is."""
        pinner = Pinner(self.source, self.store)
        pinner.check(number)
        return pinner.served(number, pinner.found(number)[0]).scores(["a b"]).version


def publish(harness: WorkerHarness, *records: str) -> int:
    """Until the records are in a version of partition 0 and the history tells of it: that one."""
    for record in records:
        harness.insert(record, ANN)
    harness.seal()
    harness.rest()
    harness.turn(3)
    return Known(harness).listed()[-1].version


def test_versions_of_folds_are_counted_too(linear: WorkerHarness) -> None:
    publish(linear, "a", "b")
    publish(linear, "c", "d", "e")
    linear.delete("c", ANN)
    linear.rest()

    told = Known(linear).listed()

    assert all(one.unknown is None for one in told[1:])
    changed = [(one.learned, one.forgotten, one.replaced, one.withheld) for one in told[1:]]
    assert [one for one in changed if any(one)] == [(2, 0, 0, 0), (3, 0, 0, 0), (0, 1, 0, 0)]


def test_without_the_start_of_the_log_counts_are_unknown_and_no_older_version_is_loaded(harness: WorkerHarness) -> None:
    first = publish(harness, "a")
    second = publish(harness, "b")
    harness.log.truncate(harness.settings.events_topic, 0, 1)

    known = Known(harness)

    assert {one.learned for one in known.listed()} == {None}
    assert {one.unknown for one in known.listed()} == {"the log of partition 0 begins at 1, the model at 0"}
    assert known.scored_by(second) == second
    with pytest.raises(VersionRefused, match=f"whether version {first} holds records that were deleted since isn't kn"):
        known.scored_by(first)
    found = Differ(known.source, known.store).compare(first, None, None, 1)
    assert (found.partitions[0].learned, found.partitions[0].versions) == (None, (first, second))
    assert found.weights_unknown is not None


def test_without_its_manifest_or_its_states_an_older_version_is_not_loaded(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_SAME_AGAIN", 0.0)
    first = publish(harness, "a")
    publish(harness, "b")
    before = Known(harness)
    assert before.scored_by(first) == first
    for name, *_ in list(before.store.names("0/")):
        if "/state/" in name:
            before.store.delete(name)
    with pytest.raises(VersionRefused, match=f"version {first} can't be loaded: partition 0: the state .* is gone"):
        Known(harness).scored_by(first)

    harness.log.compact(harness.settings.results_topic)
    with pytest.raises(VersionRefused, match=f"the states of version {first} can't be named any more"):
        Known(harness).scored_by(first)


def test_without_the_history_only_the_newest_is_known_and_said_to_be(harness: WorkerHarness) -> None:
    first = publish(harness, "a")
    second = publish(harness, "b")
    harness.log.delete_topic(harness.settings.history_topic)
    harness.log.compact(harness.settings.results_topic)

    known = Known(harness)

    assert [(one.before, one.follows, one.unknown) for one in known.listed()] == [
        (None, False, "the version before it isn't known")
    ]
    assert known.notes[0].startswith("which versions there were isn't known, but for the newest: ")
    with pytest.raises(VersionRefused, match="the history doesn't reach back so far"):
        known.scored_by(first)
    newest = known.source.results.version
    assert newest is not None
    assert newest >= second
    assert known.scored_by(newest) == newest


def test_a_version_that_is_none_and_settings_of_another_model_are_refused(harness: WorkerHarness) -> None:
    version = publish(harness, "a")

    with pytest.raises(InputInvalid, match="there is no version 999"):
        Known(harness).scored_by(999)
    with pytest.raises(InputInvalid, match="give the earlier one first"):
        Differ(Known(harness).source, Known(harness).store).compare(version, 0, None, 1)
    with pytest.raises(IdentityChanged, match="its secret"):
        Known(harness, harness.settings.model_copy(update={"features": 2**11}))


def test_a_manifest_that_its_owner_did_not_write_names_no_states(harness: WorkerHarness) -> None:
    version = publish(harness, "a")
    real = Known(harness).source.manifest_at(version)
    assert real is not None
    topic, key = harness.settings.results_topic, manifest_key(real.model, 0)
    forged = [
        harness.log.append(topic, 0, key, real.model_copy(update=changed).encode(), ())
        for changed in ({"applied": 1}, {"proof": ""}, {"identity": "0" * 64}, {"model": "other"})
    ]

    source = Known(harness).source
    assert [source.manifest_at(offset) for offset in (*forged, forged[-1] + 1)] == [None] * 5
    assert source.manifest_at(version) == real
