"""A model that a release before mappings made goes on reading as it did, wherever that can still be seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.events import insert
from tests.harness.model_data import forget_keys
from tests.harness.settings import create_topics
from tests.harness.worker_harness import WorkerHarness
from unlearn.events.event import encode
from unlearn.identity import identity_of
from unlearn.learners import learner_of
from unlearn.mapping.mapping import PLAIN
from unlearn.mapping.reading import EARLIER_READING, PLAIN_READING
from unlearn.settings import Settings
from unlearn.storage.artefacts import open_store
from unlearn.storage.store_binding import guarded
from unlearn.verification.from_log import verify_log
from unlearn.verification.from_store import verify_store
from unlearn.verification.subject import subject_of
from unlearn.worker.lifecycle import states
from unlearn.worker.preflight import bind_store, settings_as_made

MARK = b"\xef\xbb\xbf"


@pytest.fixture
def made(redis_url: str, tmp_path: Path) -> Iterator[WorkerHarness]:
    """A model of before, which left an insert behind a mark open and passed over a null under a key."""
    harness = WorkerHarness(redis_url, tmp_path, mapping="earlier")
    harness.tweets(30)
    harness.raw(0, MARK + encode(insert("marked", text="a b")), b"marked")
    harness.raw(0, None, b"marked")
    harness.seal()
    harness.turn_until(lambda: not harness.worker.busy and harness.caught_up(), 60)
    yield harness
    harness.close()


def now(harness: WorkerHarness) -> Settings:
    """The settings of its operator, who hasn't heard of mappings."""
    said = harness.settings.model_dump(exclude_unset=True, exclude={"mapping"})
    return Settings.model_validate({**said, "secret": harness.settings.secret, "redis": harness.settings.redis})


def test_it_is_seen_in_redis_in_the_store_and_in_manifests(made: WorkerHarness) -> None:
    settings, learner = now(made), learner_of(made.settings)
    assert settings.reading == PLAIN_READING
    state_of = states(made.client, settings.model)
    store = guarded(open_store(settings.store, settings.model))

    def seen() -> object:
        return settings_as_made(settings, made.log, state_of, store, learner).reading

    assert seen() == EARLIER_READING
    identity = identity_of(made.settings, learner)
    bind_store(made.settings, made.log, store, state_of, identity, rebuild=False)
    forget_keys(made.client, settings)
    assert seen() == EARLIER_READING
    (Path(settings.store.url.removeprefix("file://")) / settings.model / "marker.json").unlink()
    assert seen() == EARLIER_READING
    other = settings.model_copy(update={"model": "another"})
    create_topics(made.log, other)
    assert settings_as_made(other, made.log, states(made.client, "another"), store, learner) is other


def test_both_ways_to_verify_read_as_it_did(made: WorkerHarness) -> None:
    settings = now(made)
    report = verify_log(made.log, subject_of(settings))
    assert (report.exit_code, {shard.verdict for shard in report.shards}) == (0, {"equal"})
    store = open_store(settings.store, settings.model)
    states_of = states(made.client, settings.model)
    assert verify_store(settings, made.log, states_of, store, learner_of(settings)).exit_code == 0
    plain = settings.model_copy(update={"mapping": PLAIN_READING.mapping})
    assert verify_log(made.log, subject_of(plain)).exit_code != 0


@pytest.mark.parametrize("ingest", ["fast", "plain"])
def test_a_model_made_before_lifts_were_checked_applies_those_with_a_revision(
    redis_url: str, tmp_path: Path, ingest: str
) -> None:
    (before,) = PLAIN.before
    harness = WorkerHarness(redis_url, tmp_path, mapping=before, ingest=ingest)
    try:
        harness.tweets(30)
        asked = '"requested_at": "2024-05-01"'
        harness.raw(0, f'{{"type": "delete", "event_id": "d", "subject_id": "ann", {asked}}}'.encode(), b"ann")
        harness.raw(
            0, f'{{"type": "lift", "event_id": "l", "subject_id": "ann", "revision": 3, {asked}}}'.encode(), b"ann"
        )
        harness.raw(0, encode(insert("again", subject="ann", text="a b")), b"ann")
        harness.seal()
        harness.turn_until(lambda: not harness.worker.busy and harness.caught_up(), 60)
        settings = now(harness)

        report = verify_log(harness.log, subject_of(settings))
        assert (report.exit_code, {shard.verdict for shard in report.shards}) == (0, {"equal"})
        store, states_of = open_store(settings.store, settings.model), states(harness.client, settings.model)
        assert verify_store(settings, harness.log, states_of, store, learner_of(settings)).exit_code == 0
        plain = settings.model_copy(update={"mapping": PLAIN_READING.mapping.formerly()})
        assert verify_log(harness.log, subject_of(plain)).exit_code != 0
    finally:
        harness.close()
