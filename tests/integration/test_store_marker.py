"""A store is one model's: a worker with another folder refuses, and one that loses its folder waits for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeSettings
from tests.harness.events import at
from tests.harness.model_data import forget_keys
from tests.harness.processes import run
from tests.harness.worker_harness import WorkerHarness
from unlearn.admin.topics import create
from unlearn.errors import Refused, StoreUnavailable
from unlearn.identity import identity_of
from unlearn.service_settings.store import StoreSettings
from unlearn.storage.artefacts import open_store
from unlearn.storage.marker import Guarded, read_marker
from unlearn.verification.from_store import verify_store
from unlearn.worker.lifecycle import states
from unlearn.worker.loop import Worker
from unlearn.worker.preflight import bind_store

MARKER = "marker.json"


@pytest.fixture
def harness(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerHarness]:
    """Two slices and open rows in each partition, all published."""
    for name in ("worker.loop._STORE_RETRY", "training.outcomes._RETRY", "worker.assignment._CLAIM_RETRY"):
        monkeypatch.setattr(f"unlearn.{name}", 0.01)
    made = WorkerHarness(
        redis_url, tmp_path, garbage_grace=0.0, tail_every=0.05, erase_after=0.05, shards_per_partition=1
    )
    fill(made)
    yield made
    made.close()


def fill(harness: WorkerHarness, prefix: str = "s") -> None:
    for partition in (0, 1):
        for n in range(6):
            harness.insert(f"{prefix}{partition}{n}", at(partition, prefix=prefix))
        harness.raw(partition, b'{"type":"seal"}')
    harness.rest()


def root(harness: WorkerHarness) -> Path:
    return Path(harness.settings.store.url.removeprefix("file://")) / harness.settings.model


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def restart(harness: WorkerHarness, store: Path | None = None, *, rebuild: bool = False) -> Worker:
    """Another worker; in `store`, if that is given."""
    if store is not None:
        changed = harness.settings.store.model_copy(update={"url": store.as_uri()})
        harness.settings = harness.settings.model_copy(update={"store": changed})
    return harness.restart(rebuild=rebuild)


def refuses(harness: WorkerHarness, words: str) -> str:
    """It claims nothing, publishes nothing, and says how to go on; so does the check at the start."""
    said = len(harness.manifests())
    for _ in range(30):
        harness.worker.turn(0.002)
    assert harness.worker.owned == {}
    assert set(harness.worker.stopped) == {0, 1}
    (why,) = set(harness.worker.stopped.values())
    for part in (words, "Mount", "UNLEARN_STORE__URL", "--rebuild", harness.settings.store.url):
        assert part in why
    assert len(harness.manifests()) == said
    with pytest.raises(Refused) as error:
        starts(harness)
    assert str(error.value) == why
    assert error.value.exit_code == 65
    return why


def starts(harness: WorkerHarness, *, rebuild: bool = False) -> None:
    """As `unlearn work` begins."""
    store = Guarded(open_store(harness.settings.store, harness.settings.model))
    state_of = states(harness.client, harness.settings.model)
    bind_store(
        harness.settings, harness.log, store, state_of, identity_of(harness.settings, harness.learner), rebuild=rebuild
    )


def as_before_markers(harness: WorkerHarness) -> None:
    harness.worker.close()
    (root(harness) / MARKER).unlink()
    assert harness.client.delete(f"{{{harness.settings.model}:0}}:store") == 1


def goes_on(harness: WorkerHarness) -> None:
    fill(harness, f"more{harness._sent}x")
    assert harness.worker.stopped == {}
    state_of = states(harness.client, harness.settings.model)
    store = open_store(harness.settings.store, harness.settings.model)
    assert verify_store(harness.settings, harness.log, state_of, store, harness.learner).verdict == "equal"


def test_a_new_model_marks_its_store(harness: WorkerHarness) -> None:
    marker = read_marker(open_store(harness.settings.store, harness.settings.model))

    assert marker is not None
    assert marker.model == harness.settings.model
    assert marker.id == harness.client.get(f"{{{harness.settings.model}:0}}:store").decode()  # type: ignore[union-attr]
    restart(harness)
    goes_on(harness)


@pytest.mark.parametrize("there", ["nothing", "empty folder", "empty folder of the model"])
def test_an_empty_store_is_refused(harness: WorkerHarness, tmp_path: Path, there: str) -> None:
    other = tmp_path / "other"
    if there != "nothing":
        (other / (harness.settings.model if "model" in there else "")).mkdir(parents=True)
    restart(harness, other)

    refuses(harness, "has no marker")
    assert not other.exists() or files(other) == set()


def test_another_models_store_is_refused(harness: WorkerHarness, redis_url: str, tmp_path: Path) -> None:
    other = WorkerHarness(redis_url, tmp_path / "there")
    fill(other)
    other.close()
    foreign = tmp_path / "foreign"
    shutil.copytree(root(other), foreign / harness.settings.model)
    before = files(foreign)
    restart(harness, foreign)

    refuses(harness, f"is marked as the store of the model {other.settings.model}")
    assert files(foreign) == before


def test_the_store_of_another_model_of_the_same_name_is_refused(harness: WorkerHarness, tmp_path: Path) -> None:
    """Made with another secret, or from another topic: its Redis and Kafka are others."""
    for field, value in (("identity", '{"secret_check": "0"}'), ("topic", "other"), ("cluster", "other")):
        folder = tmp_path / field
        shutil.copytree(root(harness), folder / harness.settings.model)
        path = folder / harness.settings.model / MARKER
        path.write_text(json.dumps(json.loads(path.read_text()) | {field: value, "id": "0" * 32}))
        restart(harness, folder)
        refuses(harness, "of another model")

        kept = harness.client.getdel(f"{{{harness.settings.model}:0}}:store")
        restart(harness, folder)
        refuses(harness, "of another model")
        harness.client.set(f"{{{harness.settings.model}:0}}:store", kept)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"[" * 100_000, b'{"id": 1}', b"\xff\xfe"])
def test_a_marker_that_cannot_be_read_is_of_nobody(harness: WorkerHarness, content: bytes) -> None:
    harness.worker.close()
    (root(harness) / MARKER).write_bytes(content)
    restart(harness)

    refuses(harness, "not of")


def test_two_models_share_a_folder(harness: WorkerHarness, redis_url: str, tmp_path: Path) -> None:
    other = WorkerHarness(redis_url, tmp_path / "x", store={"url": harness.settings.store.url})
    fill(other)
    restart(harness)
    goes_on(harness)
    restart(other)
    goes_on(other)
    other.close()


def test_a_second_worker_in_another_folder_is_refused_from_the_first_moment(redis_url: str, tmp_path: Path) -> None:
    """The default folder depends on where one is started: nothing has been published yet, or even claimed."""
    made = WorkerHarness(redis_url, tmp_path)
    starts(made)
    elsewhere = tmp_path / "elsewhere"
    restart(made, elsewhere)

    refuses(made, "has no marker")
    assert not elsewhere.exists()
    made.close()


def test_a_folder_that_lost_the_race_is_not_taken_later(redis_url: str, tmp_path: Path) -> None:
    """Two workers find the model new at the same moment, each marks its own folder: Redis names one."""
    made = WorkerHarness(redis_url, tmp_path)
    first = open_store(StoreSettings(url=(tmp_path / "first").as_uri()), made.settings.model)
    restart(made, tmp_path / "second")
    starts(made)
    made.client.getdel(f"{{{made.settings.model}:0}}:store")
    first.mark((root(made) / MARKER).read_bytes().replace(b'"id": "', b'"id": "f'))
    marker = read_marker(first)
    assert marker is not None
    made.client.set(f"{{{made.settings.model}:0}}:store", marker.id)

    restart(made)
    refuses(made, "of another model")
    restart(made, tmp_path / "first")
    goes_on(made)
    made.close()


# -- models of before markers


def test_a_model_of_before_markers_goes_on(harness: WorkerHarness) -> None:
    as_before_markers(harness)
    restart(harness)
    goes_on(harness)

    assert read_marker(open_store(harness.settings.store, harness.settings.model)) is not None
    restart(harness)
    goes_on(harness)


def test_a_model_of_before_markers_that_has_named_no_file_goes_on(redis_url: str, tmp_path: Path) -> None:
    made = WorkerHarness(redis_url, tmp_path)
    made.apply()
    as_before_markers(made)
    restart(made)
    goes_on(made)
    made.close()


def test_a_model_of_before_markers_is_refused_an_empty_store(harness: WorkerHarness, tmp_path: Path) -> None:
    as_before_markers(harness)
    restart(harness, tmp_path / "empty")

    refuses(harness, "lacks files of the model")
    assert not (tmp_path / "empty").exists()


def test_a_model_of_before_markers_goes_on_where_only_states_are_gone(harness: WorkerHarness) -> None:
    """They are a cache; the slices show whose store it is."""
    as_before_markers(harness)
    for name in files(root(harness)):
        if "/state/" in name:
            (root(harness) / name).unlink()
    restart(harness)
    goes_on(harness)


def test_a_model_of_before_markers_is_refused_a_store_without_its_slices(harness: WorkerHarness) -> None:
    as_before_markers(harness)
    for name in files(root(harness)):
        if "/slice/" in name:
            (root(harness) / name).unlink()
    restart(harness)

    refuses(harness, "lacks files of the model")


# -- what the refusal says to do


def lose_redis(harness: WorkerHarness) -> None:
    forget_keys(harness.client, harness.settings)


def test_a_store_that_is_lost_for_good_is_built_again(harness: WorkerHarness, tmp_path: Path) -> None:
    restart(harness, tmp_path / "new")
    why = refuses(harness, "has no marker")
    begins = why.partition("begin with ")[2].partition(")")[0]
    assert begins == f"{{{harness.settings.model}:"
    lose_redis(harness)
    starts(harness, rebuild=True)
    restart(harness, rebuild=True)

    harness.apply()
    goes_on(harness)


def test_redis_that_is_lost_takes_the_marked_store_back(harness: WorkerHarness) -> None:
    lose_redis(harness)
    restart(harness, rebuild=True)

    harness.apply()
    goes_on(harness)


def test_redis_and_the_marker_are_both_lost(harness: WorkerHarness, tmp_path: Path) -> None:
    lose_redis(harness)
    restart(harness, tmp_path / "new")
    refuses(harness, "Redis holds nothing of a model that has published")

    restart(harness, rebuild=True)
    harness.apply()
    goes_on(harness)


def test_a_store_that_cannot_be_made_is_told(redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    made = WorkerHarness(redis_url, tmp_path, store={"url": (tmp_path / "file" / "store").as_uri()})

    with pytest.raises(StoreUnavailable, match="the store can't be marked") as error:
        starts(made)
    assert error.value.exit_code == 69
    made.close()


# -- a folder that vanishes under a worker


@pytest.mark.parametrize("level", ["the model's folder", "the folder above"])
@pytest.mark.parametrize("left", ["an empty folder", "another store", "nothing"])
def test_a_folder_that_vanishes_has_lost_nothing(
    harness: WorkerHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str, left: str
) -> None:
    mount = root(harness) if level == "the model's folder" else root(harness).parent
    concluded = conclusions(harness)
    away = mount.rename(tmp_path / "away")
    if left != "nothing":
        mount.mkdir()
    if left == "another store":
        root(harness).mkdir(exist_ok=True)
        marker = json.loads(
            (away / MARKER if mount == root(harness) else away / root(harness).name / MARKER).read_text()
        )
        (root(harness) / MARKER).write_text(json.dumps(marker | {"id": "0" * 32}))
    before = files(mount) if mount.exists() else set()

    # Given rows whose slices end, somebody to be forgotten, looks at the files, and a claim
    monkeypatch.setattr("unlearn.worker.loop._INSPECT_EVERY", 0.0)
    monkeypatch.setattr(harness.worker._collector, "_look_every", 1e-6)
    harness.worker._inspect_at = 0.0
    partition, offset = harness.delete(subject=at(0))
    harness.insert("new", at(1))
    for owned in list(harness.worker.owned.values()):
        owned.files_seen = False
    for partition_ in (0, 1):
        harness.raw(partition_, b'{"type":"seal"}')
    turn_until_hidden(harness, partition, offset)
    for _ in range(50):
        harness.worker.turn(0.002)

    # Then nothing was written there, nothing was concluded, and it is said
    assert (files(mount) if mount.exists() else set()) == before
    assert conclusions(harness) == concluded
    troubles = [held.trouble or "" for held in harness.status().partitions]
    assert any("marker" in trouble for trouble in troubles), troubles
    assert harness.status().store

    # When it is back, the same worker makes up for everything
    if mount.exists():
        shutil.rmtree(mount)
    away.rename(mount)
    harness.apply()
    goes_on(harness)
    assert harness.status().store == ()


def conclusions(harness: WorkerHarness) -> dict[str, int]:
    """What was concluded from files so far. While they were there, a tail may have been replaced, and deleted."""
    counts = harness.counts
    return {name: counts[name] for name in ("states_lost", "slices_lost", "slices_repaired", "collected")}


def turn_until_hidden(harness: WorkerHarness, partition: int, offset: int) -> None:
    harness.turn_until(lambda: (partition, offset) in {(r.partition, r.offset) for r in harness.receipts("hidden")})


def test_trainers_write_nothing_into_a_folder_without_the_marker(harness: WorkerHarness, tmp_path: Path) -> None:
    from unlearn.training.pool import LearnerSpec

    marker = read_marker(open_store(harness.settings.store, harness.settings.model))
    empty = StoreSettings(url=(tmp_path / "empty").as_uri())
    spec = LearnerSpec(harness.learner, empty, harness.settings.model, marker)

    with pytest.raises(StoreUnavailable, match="marker"):
        spec.store().put("0/0/state/1-ab-1.5.5-" + "0" * 16, b"x")
    assert not (tmp_path / "empty").exists()


# -- those who look


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_commands_name_a_store_without_the_models_marker(make_settings: MakeSettings, tmp_path: Path) -> None:
    from unlearn.log.kafka.log import KafkaLog

    settings = make_settings(partitions=1, shards_per_partition=1, features=2**10, trainers=0, seal_after=0.5)
    log = KafkaLog(settings.kafka)
    create(log, settings)
    producer = log.producer()
    event = {"type": "insert", "event_id": "e", "record_id": "r", "text": "a b", "label": "ham"}
    producer.send(settings.events_topic, 0, b"r", json.dumps(event).encode()).result(60)
    producer.close()
    log.close()
    assert run(settings, "work", "--drain", seconds=120).returncode == 0

    wrong: Any = {"UNLEARN_STORE__URL": (tmp_path / "elsewhere").as_uri()}
    work, verify = (run(settings, *command, **wrong) for command in (("work", "--drain"), ("verify",)))
    assert (work.returncode, verify.returncode) == (65, 65)
    for words in ("Mount", "UNLEARN_STORE__URL", "--rebuild"):
        assert words in work.stderr
    assert "has no marker" in " ".join(verify.stderr.split())
    status = json.loads(run(settings, "status", "--json", **wrong).stdout)
    assert "has no marker" in status["store"][0]
    assert "has no marker" in " ".join(run(settings, "status", **wrong).stdout.split())
    score = run(settings, "score", "-", "--wait", "1", given="a b\n", **wrong)
    assert score.returncode == 75
    assert "has no marker" in " ".join(score.stderr.split())
    assert not (tmp_path / "elsewhere").exists()

    assert run(settings, "score", "-", "--wait", "10", given="a b\n").returncode == 0
    assert json.loads(run(settings, "status", "--json").stdout)["store"] == []
