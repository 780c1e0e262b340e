"""Each rule by which a manifest is not believed: what it objects to, and that it stands alone in that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.harness.results_harness import HAM, SPAM, ResultsHarness
from unlearn.results.manifest import Manifest, ShardEntry
from unlearn.scoring.trust import RULES, Expected, beyond, misnamed, misshapen, objection, unsigned
from unlearn.storage.artefacts import Artefact, artefact_name
from unlearn_models import digest

DATA = b"a state"


@pytest.fixture
def harness(tmp_path: Path) -> ResultsHarness:
    return ResultsHarness(tmp_path, "naive-bayes")


@pytest.fixture
def expected(harness: ResultsHarness) -> Expected:
    empty = digest(harness.learner, harness.learner.empty())
    return Expected([harness.identity], "naive-bayes", 2, 2, empty, unsigned)


def good(harness: ResultsHarness, **changed: Any) -> Manifest:
    """Of partition 1: a shard with rows, and one without."""
    shards = [
        harness.entry(1, 0, HAM, **changed.pop("first", {})),
        harness.entry(1, 1, [], **changed.pop("second", {})),
    ]
    return harness.manifest(1, 2, changed.pop("shards", shards), **changed)


def named(place: Artefact, digest_of: ShardEntry) -> str:
    return artefact_name(place, "1-1", DATA)[:-16] + digest_of.digest[:16]


def only_rule(manifest: Manifest, expected: Expected, served: Manifest | None = None) -> str:
    """The one rule that objects."""
    (found,) = [rule.__name__ for rule in RULES if rule(manifest, expected, served) is not None]
    assert objection(manifest, expected, served) is not None
    return found


def test_no_rule_objects_to_a_good_manifest(harness: ResultsHarness, expected: Expected) -> None:
    assert objection(good(harness), expected, None) is None
    assert objection(good(harness), expected, good(harness)) is None


@pytest.mark.parametrize("status", ["current", "behind", "withdrawn"])
def test_no_rule_objects_to_a_state_that_lags_or_stands_in(
    harness: ResultsHarness, expected: Expected, status: str
) -> None:
    assert objection(good(harness, first={"status": status, "through": 15}), expected, None) is None


@pytest.mark.parametrize("status", ["left-out", "behind", "withdrawn", "empty", "current"])
def test_no_rule_objects_to_a_shard_without_rows(harness: ResultsHarness, expected: Expected, status: str) -> None:
    assert objection(good(harness, second={"status": status}), expected, None) is None


def test_other_learner(harness: ResultsHarness, expected: Expected) -> None:
    assert only_rule(good(harness, learner="linear"), expected) == "other_learner"


def test_other_settings(harness: ResultsHarness, expected: Expected) -> None:
    assert only_rule(good(harness, identity="2" * 64), expected) == "other_settings"


def test_bad_signature(harness: ResultsHarness, expected: Expected) -> None:
    assert only_rule(good(harness, signature="x"), expected) == "bad_signature"


def test_goes_back(harness: ResultsHarness, expected: Expected) -> None:
    assert only_rule(good(harness), expected, good(harness, applied=21)) == "goes_back"


@pytest.mark.parametrize("shards", [[], [0], [1], [0, 0], [0, 0, 1], [0, 2], [0, 1, 2]])
def test_a_manifest_contradicts_itself_unless_it_lists_each_shard_once(
    harness: ResultsHarness, expected: Expected, shards: list[int]
) -> None:
    manifest = good(harness, shards=[harness.entry(1, shard, HAM) for shard in shards])

    assert only_rule(manifest, expected) == "contradicts_itself"
    assert f"the shards {shards}" in (misshapen(manifest, 2) or "")


@pytest.mark.parametrize("changed", [{"through": 21}, {"status": "empty"}])
def test_contradicts_itself_in_an_entry(harness: ResultsHarness, expected: Expected, changed: dict[str, Any]) -> None:
    assert only_rule(good(harness, first=changed), expected) == "contradicts_itself"


def test_hides_a_state(harness: ResultsHarness, expected: Expected) -> None:
    assert only_rule(good(harness, first={"rows": 0}), expected) == "hides_a_state"


@pytest.mark.parametrize(
    "place",
    [
        Artefact(0, 0, "state", 5, 20),
        Artefact(1, 1, "state", 5, 20),
        Artefact(1, 0, "slice", 5, 20),
        Artefact(1, 0, "tail", 5, 20),
        Artefact(1, 0, "state", 6, 20),
        Artefact(1, 0, "state", 5, 21),
    ],
    ids=["another partition", "another shard", "a slice", "a tail", "beyond its end", "beyond what was applied"],
)
def test_foreign_files_are_those_of_another_place(harness: ResultsHarness, expected: Expected, place: Artefact) -> None:
    own = named(Artefact(1, 0, "state", 5, 20), harness.entry(1, 0, HAM))
    assert objection(good(harness, first={"file": own}), expected, None) is None

    manifest = good(harness, first={"file": named(place, harness.entry(1, 0, HAM))})

    assert only_rule(manifest, expected) == "foreign_files"


@pytest.mark.parametrize("file", ["", "../../outside", "1/0/state/x", "/etc/passwd"])
def test_foreign_files_are_names_that_say_nothing(harness: ResultsHarness, expected: Expected, file: str) -> None:
    assert only_rule(good(harness, first={"file": file}), expected) == "foreign_files"


def test_foreign_files_have_another_digest_in_their_name(harness: ResultsHarness, expected: Expected) -> None:
    other = harness.entry(1, 0, SPAM)

    assert only_rule(good(harness, first={"file": other.file}), expected) == "foreign_files"
    assert only_rule(good(harness, first={"digest": other.digest}), expected) == "foreign_files"


def test_a_shard_that_is_left_out_needs_no_file(harness: ResultsHarness) -> None:
    entry = harness.entry(1, 0, HAM, status="left-out", file="")

    assert misnamed(harness.manifest(1, 1, [entry]), entry) is None


def test_every_rule_has_a_test_of_its_name() -> None:
    tests = [name for name in globals() if name.startswith("test_")]

    for rule in RULES:
        assert any(name.startswith(f"test_{rule.__name__}") for name in tests), rule.__name__


def test_manifests_of_the_very_model_beyond_its_partitions_are_found(
    harness: ResultsHarness, expected: Expected
) -> None:
    def of(partition: int, **changed: Any) -> Manifest:
        return harness.manifest(partition, 1, [], **changed)

    manifests = [of(0), of(1), of(3), of(2, identity="2" * 64), of(7), of(2)]

    assert beyond(manifests[:2], expected) == ()
    assert beyond(manifests[:4], expected) == (3,)
    assert beyond(manifests, expected) == (2, 3, 7)
