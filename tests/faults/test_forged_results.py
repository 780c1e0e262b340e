"""Records on the results topic that no worker of the model wrote: none stops anybody for long, or in silence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.faults.conftest import MakeScene
from tests.faults.scene import Scene
from unlearn.admin.status import Status, StatusReader
from unlearn.results.manifest import Heartbeat, heartbeat_key, manifest_key
from unlearn.state.scripts import Token
from unlearn.verification.from_log import subject_of, verify_log

MOST = 2**53 - 1
COUNTERS = (MOST, MOST - 1, 2**52, 2**52 - 1, 2**48, 2**40, 2**33, 2**32, 2**32 - 1, 1000)
NONCE = "f" * 32


def settled(make_scene: MakeScene) -> Scene:
    scene = make_scene()
    scene.inserts("a", "b", "c", "d", "e")
    scene.settle()
    return scene


def put(scene: Scene, value: bytes | None, key: bytes | None = None) -> int:
    """Its results offset."""
    where = manifest_key(scene.settings.model, 0) if key is None else key
    return scene.log.append(scene.settings.results_topic, 0, where, value, ())


def forged(scene: Scene, **changed: Any) -> bytes:
    """The newest manifest, with other values."""
    return json.dumps(json.loads(scene.manifest.encode()) | changed).encode()


def without_marks(scene: Scene, **changed: Any) -> bytes:
    """As a worker of before proofs and fingerprints would have written it."""
    fields = json.loads(forged(scene, **changed))
    return json.dumps({name: value for name, value in fields.items() if name not in ("proof", "fingerprint")}).encode()


def token(counter: int, nonce: str = NONCE) -> dict[str, Any]:
    return {"counter": counter, "nonce": nonce}


def beat(scene: Scene, counter: int, nonce: str = NONCE, sequence: int = 1) -> int:
    value = Heartbeat(counter=counter, nonce=nonce, sequence=sequence).encode()
    return put(scene, value, heartbeat_key(scene.settings.model, 0))


def status(scene: Scene) -> Status:
    reader = StatusReader(scene.settings, scene.log, scene.redis, scene.place.learner.forgets)
    try:
        return reader.read()
    finally:
        reader.close()


def refused(scene: Scene) -> list[int]:
    """Results offsets that `status` names, in its JSON."""
    return [one["offset"] for one in status(scene).to_json()["refused_results"]]


def goes_on(scene: Scene) -> None:
    """Deletions are hidden, published and served, by a scorer that saw all of it and by a new one."""
    at = scene.delete("b")
    scene.settle()
    assert at in scene.hidden()
    assert scene.manifest.applied == scene.owned.view.applied
    report = verify_log(scene.log, subject_of(scene.settings))
    assert report.verdict == "equal"
    for scorer in (scene.watch.first, scene.watch._scorer()):
        scorer.poll(0)
        scene.run(1, wait=0.0)
        scene.place.now += scene.settings.heartbeat_every
        scene.run(1, wait=0.0)
        scorer.poll(0)
        assert scorer.left_out == ()
        assert scorer._merged[0].manifest == scene.manifest
    assert not scene.worker.stopped


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("by", ["manifest", "manifest of before", "heartbeat"])
def test_a_counter_that_no_claim_gave(make_scene: MakeScene, counter: int, by: str) -> None:
    scene = settled(make_scene)
    if by == "heartbeat":
        beat(scene, counter)
    else:
        put(scene, (forged if by == "manifest" else without_marks)(scene, token=token(counter)))

    goes_on(scene)


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_counter_that_no_claim_gave_meets_a_worker_that_starts(make_scene: MakeScene, counter: int) -> None:
    scene = settled(make_scene)
    put(scene, without_marks(scene, token=token(counter)))
    beat(scene, counter)
    scene.crash(0)

    goes_on(scene)


def test_forged_counters_again_and_again(make_scene: MakeScene) -> None:
    """Whoever outbids one finds room above it, as often as it takes."""
    scene = settled(make_scene)
    for _ in range(5):
        newest = max(scene.owned.token.counter, *COUNTERS[5:])
        for counter in (newest, newest + 1, newest + 2**32, 2 * newest):
            put(scene, without_marks(scene, token=token(min(counter, MOST))))
            scene.run(3)
    goes_on(scene)


def test_a_refused_counter_stands_in_status(make_scene: MakeScene) -> None:
    scene = settled(make_scene)
    first = put(scene, forged(scene, token=token(MOST)))
    second = beat(scene, MOST)
    scene.run()

    assert refused(scene) == [first, second]
    assert scene.worker.counters["refused_results"] == 2


def test_the_counter_that_a_worker_of_before_took_from_a_forged_one_is_let_go(make_scene: MakeScene) -> None:
    scene = settled(make_scene)
    client: Any = scene.redis
    client.hset(scene.owned.state.keys.meta, "token", str(Token(MOST, NONCE)))
    scene.crash(0)

    goes_on(scene)
    assert scene.owned.token.counter < 100


@pytest.mark.parametrize("applied", [MOST, 2**40, 2**20, 1000, 12])
@pytest.mark.parametrize("marks", [True, False])
@pytest.mark.parametrize("restart", [True, False])
@pytest.mark.parametrize("lead", [0, 1])
def test_an_applied_that_the_log_does_not_have(
    make_scene: MakeScene, applied: int, marks: bool, restart: bool, lead: int
) -> None:
    """By a foreign owner, or as if by the one in force."""
    scene = settled(make_scene)
    mine = scene.manifest
    owner = {"sequence": mine.sequence + 1} if lead == 0 else {"token": token(mine.token.counter + lead)}
    at = put(scene, (forged if marks else without_marks)(scene, applied=applied, **owner))
    if restart:
        scene.crash(0)

    goes_on(scene)
    assert refused(scene) == [at]


def test_a_sequence_at_its_end_as_if_by_the_owner(make_scene: MakeScene) -> None:
    scene = settled(make_scene)
    put(scene, without_marks(scene, sequence=MOST))

    goes_on(scene)


def test_a_heartbeat_with_a_sequence_that_was_never_written(make_scene: MakeScene) -> None:
    scene = settled(make_scene)
    beat(scene, scene.owned.token.counter, scene.owned.token.nonce, MOST)

    goes_on(scene)


DEEP = b'{"model":' + b"[" * 200_000 + b"]" * 200_000 + b"}"

ODD: dict[str, Any] = {
    "not JSON": lambda scene: b"\x00\xff{",
    "nothing": lambda scene: None,
    "empty": lambda scene: b"",
    "deep": lambda scene: DEEP,
    "deep in a field of its own": lambda scene: forged(scene)[:-1] + b',"more":' + DEEP + b"}",
    "lone surrogate": lambda scene: forged(scene).replace(b'"learner": "', b'"learner": "\\ud800'),
    "another model's": lambda scene: forged(scene, model="other", sequence=MOST),
    "another partition's": lambda scene: forged(scene, partition=1, sequence=MOST),
    "NaN": lambda scene: forged(scene).replace(b'"applied": ', b'"applied": NaN, "was": '),
    "an integer of 5,000 digits": lambda scene: forged(scene).replace(b'"applied": ', b'"applied": 1' + b"0" * 5000),
    "large": lambda scene: forged(scene, learner="x" * 20_000_000),
    "rows beyond all": lambda scene: forged(
        scene, shards=[json.loads(forged(scene))["shards"][0] | {"rows": 10**400}], sequence=MOST
    ),
    "starts beyond its end": lambda scene: without_marks(scene, start=MOST, sequence=MOST),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("restart", [True, False])
def test_what_is_no_manifest_of_the_model(make_scene: MakeScene, odd: str, restart: bool) -> None:
    scene = settled(make_scene)
    at = put(scene, ODD[odd](scene))
    if restart:
        scene.crash(0)
    scene.run(5, wait=1.0)

    # Compaction would have left nothing else: the owner says it again behind what it sees there.
    scene.log.compact(scene.settings.results_topic)
    assert scene.results().of(0).manifest == scene.manifest
    goes_on(scene)
    scene.log.append(scene.settings.results_topic, 0, b"x", None, ())
    assert at not in refused(scene), "compacted"


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_manifest_of_the_model_stands_in_status(make_scene: MakeScene, odd: str) -> None:
    scene = settled(make_scene)
    at = put(scene, ODD[odd](scene))
    scene.run()

    assert refused(scene) == [at]


def test_what_is_read_twice_in_a_record_is_as_its_reader_takes_it(make_scene: MakeScene) -> None:
    scene = settled(make_scene)
    put(scene, forged(scene)[:-1] + b',"applied":%d,"sequence":%d}' % (MOST, MOST))

    goes_on(scene)


def test_a_date_far_away_is_no_reason(make_scene: MakeScene) -> None:
    """Clocks decide nothing."""
    scene = settled(make_scene)
    for date in (-(10**18), 10**18, 0):
        put(scene, without_marks(scene, created_at=date))

    assert refused(scene) == []
    goes_on(scene)


def test_partitions_that_the_model_does_not_have_are_not_kept(make_scene: MakeScene) -> None:
    scene = settled(make_scene)
    version = scene.worker.results.version
    places = (1, 7, 10_000, 10**8, 999_999_999)
    offsets = []
    for partition in places:
        value = forged(scene, partition=partition, token=token(10))
        offsets.append(put(scene, value, manifest_key(scene.settings.model, partition)))
        value = Heartbeat(counter=9, nonce=NONCE, sequence=1).encode()
        offsets.append(put(scene, value, heartbeat_key(scene.settings.model, partition)))
    scene.run()

    assert set(scene.worker.results.partitions) == {0}
    assert scene.worker.results.version == version
    assert refused(scene) == offsets
    goes_on(scene)


def test_models_that_share_the_topic_are_passed_over(make_scene: MakeScene) -> None:
    scene = settled(make_scene)
    put(scene, b"whatever", manifest_key("other", 0))
    put(scene, b"whatever", heartbeat_key("other", 0))
    put(scene, b"whatever", b"\xff\xfe/0")

    assert refused(scene) == []
    goes_on(scene)


def test_a_flood_is_counted_and_its_newest_are_named(make_scene: MakeScene) -> None:
    scene = settled(make_scene)
    offsets = [put(scene, b"no") for _ in range(500)]
    scene.run()

    assert refused(scene) == offsets[-100:]
    assert status(scene).to_json()["refused_results_count"] == 500
    goes_on(scene)
