from __future__ import annotations

from typing import Any

import pytest

from unlearn.events.partitioner import Digests
from unlearn.ingest.fingerprints import fingerprint_of, is_of, note_fingerprint
from unlearn.log.protocol import Entry
from unlearn.partition.tables import Change, Tables
from unlearn.results.belief import MOST_COUNTER, foreign, most_counter
from unlearn.results.manifest import Fingerprint, Manifest, TokenField, read_manifest
from unlearn.results.proof import Prover

SECRET = b"a secret of 16 bytes or more"
DIGESTS = Digests(SECRET)


def manifest(**changed: Any) -> Manifest:
    values: dict[str, Any] = {
        "model": "demo",
        "identity": "0" * 64,
        "partition": 0,
        "token": TokenField(counter=1, nonce="a" * 32),
        "sequence": 1,
        "applied": 10,
        "erased_through": 0,
        "created_at": 0,
        "learner": "naive-bayes",
        "profile": "",
        "shards": (),
    }
    return Manifest(**values | changed)


@pytest.mark.parametrize("offset", [0, 1, 10**6, 2**39, 2**62])
def test_whoever_outbids_a_counter_is_believed_behind_it(offset: int) -> None:
    assert most_counter(offset) >= 2**32
    assert most_counter(offset + 1) > most_counter(offset) or most_counter(offset) == MOST_COUNTER
    assert most_counter(offset) <= MOST_COUNTER < 2**53 - 1


@pytest.mark.parametrize(("counter", "believed"), [(2**32, True), (2**32 + 1, False), (2**53 - 1, False)])
def test_the_limit_is_that_of_the_records_place(counter: int, believed: bool) -> None:
    one = manifest(token=TokenField(counter=counter, nonce="a" * 32))

    assert (foreign("demo", 0, 0, one) is None) is believed
    assert foreign("demo", 0, 1, manifest(token=TokenField(counter=2**32 + 1, nonce="a" * 32))) is None


def test_a_proof_binds_what_decides_at_a_claim() -> None:
    prover = Prover(SECRET)
    one = prover.proven(manifest(fingerprint=Fingerprint(offset=9, epoch=0, digest="0" * 32, timestamp=5)))
    assert prover.holds(one)
    assert prover.holds(manifest()) is None

    changes: list[dict[str, Any]] = [
        {"model": "other"},
        {"partition": 1},
        {"token": TokenField(counter=2, nonce="a" * 32)},
        {"token": TokenField(counter=1, nonce="b" * 32)},
        {"sequence": 2},
        {"applied": 11},
        {"start": 1},
        {"skipped": ((1, 2),)},
        {"fingerprint": None},
        {"fingerprint": Fingerprint(offset=9, epoch=1, digest="0" * 32, timestamp=5)},
        {"fingerprint": Fingerprint(offset=9, epoch=0, digest="1" * 32, timestamp=5)},
        {"fingerprint": Fingerprint(offset=9, epoch=0, digest="0" * 32, timestamp=6)},
    ]
    assert [prover.holds(one.model_copy(update=change)) for change in changes] == [False] * len(changes)
    assert Prover(b"another secret of the tests").holds(one) is False


def test_a_manifest_of_before_has_neither_proof_nor_fingerprint() -> None:
    old = manifest().model_dump_json(exclude={"proof", "fingerprint"}).encode()

    assert read_manifest(old) == manifest()


def record(**changed: Any) -> Entry:
    return Entry(0, 7, 1000, b"k", b"v", (), 3)._replace(**changed)


def noted(**changed: Any) -> Fingerprint:
    change, view = Change(), Tables({})
    note_fingerprint(change, DIGESTS, record(**changed))
    view.apply(change, 8)
    found = fingerprint_of(view)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({}, True),
        ({"leader_epoch": -1}, True),
        ({"leader_epoch": 4}, False),
        ({"timestamp": 1001}, False),
        ({"key": None}, False),
        ({"value": None}, False),
        ({"value": b"w"}, False),
    ],
)
def test_a_fingerprint_is_of_one_record_alone(changed: dict[str, Any], same: bool) -> None:
    assert is_of(noted(), record(**changed), DIGESTS) is same


def test_a_worker_of_before_leaves_a_fingerprint_without_its_moment() -> None:
    """It writes the others alone: what stands of the moment is an earlier record's."""
    view, change = Tables({}), Change()
    note_fingerprint(change, DIGESTS, record(offset=6, timestamp=1))
    change.put("meta", "fp_offset", 7)
    change.put("meta", "fp_digest", DIGESTS.log_record(b"k", b"v"))
    view.apply(change, 8)
    mark = fingerprint_of(view)

    assert mark is not None
    assert mark.timestamp is None
    assert is_of(mark, record(), DIGESTS)


def test_nothing_applied_has_no_fingerprint() -> None:
    assert fingerprint_of(Tables({})) is None
