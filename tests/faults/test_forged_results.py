"""Records on the results topic that no worker of the model wrote: none stops anybody for long, or in silence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.faults.conftest import MakeHarness
from tests.harness.simulation_harness import SimulationHarness
from unlearn.admin.status.reader import StatusReader
from unlearn.admin.status.status import Status
from unlearn.results.manifest import Heartbeat, heartbeat_key, manifest_key
from unlearn.state.scripts import Token
from unlearn.verification.from_log import verify_log
from unlearn.verification.subject import subject_of

MOST = 2**53 - 1
COUNTERS = (MOST, MOST - 1, 2**52, 2**52 - 1, 2**48, 2**40, 2**33, 2**32, 2**32 - 1, 1000)
NONCE = "f" * 32


def settled(make_harness: MakeHarness) -> SimulationHarness:
    harness = make_harness()
    harness.inserts("a", "b", "c", "d", "e")
    harness.settle()
    return harness


def put(harness: SimulationHarness, value: bytes | None, key: bytes | None = None) -> int:
    """Its results offset."""
    where = manifest_key(harness.settings.model, 0) if key is None else key
    return harness.log.append(harness.settings.results_topic, 0, where, value, ())


def forged(harness: SimulationHarness, **changed: Any) -> bytes:
    """The newest manifest, with other values."""
    return json.dumps(json.loads(harness.manifest.encode()) | changed).encode()


def without_marks(harness: SimulationHarness, **changed: Any) -> bytes:
    """As a worker of before proofs and fingerprints would have written it."""
    fields = json.loads(forged(harness, **changed))
    return json.dumps({name: value for name, value in fields.items() if name not in ("proof", "fingerprint")}).encode()


def token(counter: int, nonce: str = NONCE) -> dict[str, Any]:
    return {"counter": counter, "nonce": nonce}


def beat(harness: SimulationHarness, counter: int, nonce: str = NONCE, sequence: int = 1) -> int:
    value = Heartbeat(counter=counter, nonce=nonce, sequence=sequence).encode()
    return put(harness, value, heartbeat_key(harness.settings.model, 0))


def status(harness: SimulationHarness) -> Status:
    reader = StatusReader(harness.settings, harness.log, harness.redis, harness.place.learner.forgets)
    try:
        return reader.read()
    finally:
        reader.close()


def refused(harness: SimulationHarness) -> list[int]:
    """Results offsets that `status` names, in its JSON."""
    return [one["offset"] for one in status(harness).to_json()["refused_results"]]


def goes_on(harness: SimulationHarness) -> None:
    """Deletions are hidden, published and served, by a scorer that saw all of it and by a new one."""
    at = harness.delete("b")
    harness.settle()
    assert at in harness.hidden()
    assert harness.manifest.applied == harness.owned.view.applied
    report = verify_log(harness.log, subject_of(harness.settings))
    assert report.verdict == "equal"
    for scorer in (harness.watch.first, harness.watch._scorer()):
        scorer.poll(0)
        harness.run(1, wait=0.0)
        harness.place.now += harness.settings.heartbeat_every
        harness.run(1, wait=0.0)
        scorer.poll(0)
        assert scorer.left_out == ()
        assert scorer._merged[0].manifest == harness.manifest
    assert not harness.worker.stopped


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("by", ["manifest", "manifest of before", "heartbeat"])
def test_a_counter_that_no_claim_gave(make_harness: MakeHarness, counter: int, by: str) -> None:
    harness = settled(make_harness)
    if by == "heartbeat":
        beat(harness, counter)
    else:
        put(harness, (forged if by == "manifest" else without_marks)(harness, token=token(counter)))

    goes_on(harness)


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_counter_that_no_claim_gave_meets_a_worker_that_starts(make_harness: MakeHarness, counter: int) -> None:
    harness = settled(make_harness)
    put(harness, without_marks(harness, token=token(counter)))
    beat(harness, counter)
    harness.crash(0)

    goes_on(harness)


def test_forged_counters_again_and_again(make_harness: MakeHarness) -> None:
    """Whoever outbids one finds room above it, as often as it takes."""
    harness = settled(make_harness)
    for _ in range(5):
        newest = max(harness.owned.token.counter, *COUNTERS[5:])
        for counter in (newest, newest + 1, newest + 2**32, 2 * newest):
            put(harness, without_marks(harness, token=token(min(counter, MOST))))
            harness.run(3)
    goes_on(harness)


def test_a_refused_counter_stands_in_status(make_harness: MakeHarness) -> None:
    harness = settled(make_harness)
    first = put(harness, forged(harness, token=token(MOST)))
    second = beat(harness, MOST)
    harness.run()

    assert refused(harness) == [first, second]
    assert harness.worker.counters["refused_results"] == 2


def test_the_counter_that_a_worker_of_before_took_from_a_forged_one_is_let_go(make_harness: MakeHarness) -> None:
    harness = settled(make_harness)
    client: Any = harness.redis
    client.hset(harness.owned.state.keys.meta, "token", str(Token(MOST, NONCE)))
    harness.crash(0)

    goes_on(harness)
    assert harness.owned.token.counter < 100


@pytest.mark.parametrize("applied", [MOST, 2**40, 2**20, 1000, 12])
@pytest.mark.parametrize("marks", [True, False])
@pytest.mark.parametrize("restart", [True, False])
@pytest.mark.parametrize("lead", [0, 1])
def test_an_applied_that_the_log_does_not_have(
    make_harness: MakeHarness, applied: int, marks: bool, restart: bool, lead: int
) -> None:
    """By a foreign owner, or as if by the one in force."""
    harness = settled(make_harness)
    mine = harness.manifest
    owner = {"sequence": mine.sequence + 1} if lead == 0 else {"token": token(mine.token.counter + lead)}
    at = put(harness, (forged if marks else without_marks)(harness, applied=applied, **owner))
    if restart:
        harness.crash(0)

    goes_on(harness)
    assert refused(harness) == [at]


def test_a_sequence_at_its_end_as_if_by_the_owner(make_harness: MakeHarness) -> None:
    harness = settled(make_harness)
    put(harness, without_marks(harness, sequence=MOST))

    goes_on(harness)


def test_a_heartbeat_with_a_sequence_that_was_never_written(make_harness: MakeHarness) -> None:
    harness = settled(make_harness)
    beat(harness, harness.owned.token.counter, harness.owned.token.nonce, MOST)

    goes_on(harness)


DEEP = b'{"model":' + b"[" * 200_000 + b"]" * 200_000 + b"}"

ODD: dict[str, Any] = {
    "not JSON": lambda harness: b"\x00\xff{",
    "nothing": lambda harness: None,
    "empty": lambda harness: b"",
    "deep": lambda harness: DEEP,
    "deep in a field of its own": lambda harness: forged(harness)[:-1] + b',"more":' + DEEP + b"}",
    "lone surrogate": lambda harness: forged(harness).replace(b'"learner": "', b'"learner": "\\ud800'),
    "another model's": lambda harness: forged(harness, model="other", sequence=MOST),
    "another partition's": lambda harness: forged(harness, partition=1, sequence=MOST),
    "NaN": lambda harness: forged(harness).replace(b'"applied": ', b'"applied": NaN, "was": '),
    "an integer of 5,000 digits": lambda harness: forged(harness).replace(
        b'"applied": ', b'"applied": 1' + b"0" * 5000
    ),
    "large": lambda harness: forged(harness, learner="x" * 20_000_000),
    "rows beyond all": lambda harness: forged(
        harness, shards=[json.loads(forged(harness))["shards"][0] | {"rows": 10**400}], sequence=MOST
    ),
    "starts beyond its end": lambda harness: without_marks(harness, start=MOST, sequence=MOST),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("restart", [True, False])
def test_what_is_no_manifest_of_the_model(make_harness: MakeHarness, odd: str, restart: bool) -> None:
    harness = settled(make_harness)
    at = put(harness, ODD[odd](harness))
    if restart:
        harness.crash(0)
    harness.run(5, wait=1.0)

    # Compaction would have left nothing else: the owner says it again behind what it sees there.
    harness.log.compact(harness.settings.results_topic)
    assert harness.results().of(0).manifest == harness.manifest
    goes_on(harness)
    harness.log.append(harness.settings.results_topic, 0, b"x", None, ())
    assert at not in refused(harness), "compacted"


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_manifest_of_the_model_stands_in_status(make_harness: MakeHarness, odd: str) -> None:
    harness = settled(make_harness)
    at = put(harness, ODD[odd](harness))
    harness.run()

    assert refused(harness) == [at]


def test_what_is_read_twice_in_a_record_is_as_its_reader_takes_it(make_harness: MakeHarness) -> None:
    harness = settled(make_harness)
    put(harness, forged(harness)[:-1] + b',"applied":%d,"sequence":%d}' % (MOST, MOST))

    goes_on(harness)


def test_a_date_far_away_is_no_reason(make_harness: MakeHarness) -> None:
    """Clocks decide nothing."""
    harness = settled(make_harness)
    for date in (-(10**18), 10**18, 0):
        put(harness, without_marks(harness, created_at=date))

    assert refused(harness) == []
    goes_on(harness)


def test_partitions_that_the_model_does_not_have_are_not_kept(make_harness: MakeHarness) -> None:
    harness = settled(make_harness)
    version = harness.worker.results.version
    places = (1, 7, 10_000, 10**8, 999_999_999)
    offsets = []
    for partition in places:
        value = forged(harness, partition=partition, token=token(10))
        offsets.append(put(harness, value, manifest_key(harness.settings.model, partition)))
        value = Heartbeat(counter=9, nonce=NONCE, sequence=1).encode()
        offsets.append(put(harness, value, heartbeat_key(harness.settings.model, partition)))
    harness.run()

    assert set(harness.worker.results.partitions) == {0}
    assert harness.worker.results.version == version
    assert refused(harness) == offsets
    goes_on(harness)


def test_models_that_share_the_topic_are_passed_over(make_harness: MakeHarness) -> None:
    harness = settled(make_harness)
    put(harness, b"whatever", manifest_key("other", 0))
    put(harness, b"whatever", heartbeat_key("other", 0))
    put(harness, b"whatever", b"\xff\xfe/0")

    assert refused(harness) == []
    goes_on(harness)


def test_a_flood_is_counted_and_its_newest_are_named(make_harness: MakeHarness) -> None:
    harness = settled(make_harness)
    offsets = [put(harness, b"no") for _ in range(500)]
    harness.run()

    assert refused(harness) == offsets[-100:]
    assert status(harness).to_json()["refused_results_count"] == 500
    goes_on(harness)
