"""What the demo reads out of manifests and receipts."""

from __future__ import annotations

from unlearn.demo.summary import percentile
from unlearn.demo.watching.story import Seen, hiding_times, timeline
from unlearn.log.protocol import Entry
from unlearn.results.manifest import Manifest, Receipt, ShardEntry, TokenField

HEX = "0" * 64


def manifest(partition: int, applied: int, through: int) -> Manifest:
    shard = ShardEntry(
        shard=0, through=through, status="current", rows=1, lineage=HEX[:32], digest=HEX, file="", size=0
    )
    return Manifest(
        model="m",
        identity=HEX,
        partition=partition,
        token=TokenField(counter=1, nonce=HEX[:32]),
        sequence=1,
        applied=applied,
        erased_through=0,
        created_at=0,
        learner="linear",
        profile="",
        shards=(shard,),
    )


def seen(*manifests: Manifest) -> Seen:
    """The k-th manifest is version 10 k, appended at 1,000 k ms, with a heartbeat behind it."""
    made = Seen()
    for k, one in enumerate(manifests):
        made.add_results(
            [Entry(0, 10 * k, 1000 * k, b"m/0", one.encode()), Entry(0, 10 * k + 1, 1000 * k, b"b", b"{}")]
        )
    return made


def receipt(seen: Seen, state: str, offset: int, version: int | None, at: int) -> None:
    told = {"event_id": "d", "state": state, "partition": 0, "offset": offset, "version": version}
    seen.add_receipts([Entry(0, at, at, b"d", Receipt.model_validate(told).encode())])


def test_a_record_is_held_from_its_slices_training_to_the_first_version_past_its_deletion() -> None:
    made = seen(
        manifest(0, applied=5, through=0),
        manifest(0, applied=8, through=5),
        manifest(1, applied=99, through=99),
        manifest(0, applied=9, through=5),
        manifest(0, applied=10, through=0),
        manifest(0, applied=12, through=5),
    )

    found = timeline(made.standings, inserted=(0, 4), deleted=(0, 9), shard=0)

    versions = [moment and moment[0].version for moment in (found.holding, found.last, found.clean, found.whole)]
    assert versions == [10, 30, 40, 50]


def test_a_record_deleted_in_its_open_slice_was_held_by_no_version() -> None:
    made = seen(manifest(0, applied=5, through=4), manifest(0, applied=9, through=4))

    found = timeline(made.standings, inserted=(0, 4), deleted=(0, 8), shard=0)

    assert found.holding is found.last is found.whole is None
    assert found.clean is not None


def test_hiding_takes_from_the_deletions_arrival_to_the_version_its_receipt_names() -> None:
    made = seen(manifest(0, 1, 0), manifest(0, 2, 0), manifest(0, 3, 0))
    receipt(made, "accepted", offset=1, version=None, at=900)
    receipt(made, "hidden", offset=1, version=20, at=2500)
    receipt(made, "hidden", offset=1, version=10, at=9999)
    receipt(made, "hidden", offset=0, version=10, at=2500)

    assert hiding_times(made, {(0, 0): 400, (0, 1): 500}) == [0.6, 1.5]


def test_a_deletion_without_a_hidden_receipt_has_no_time() -> None:
    made = seen(manifest(0, 1, 0))
    receipt(made, "accepted", offset=0, version=None, at=1)

    assert hiding_times(made, {(0, 0): 0}) == []


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentile([1.0, 2.0, 3.0], 0.5) == 2.0
    assert percentile([float(i) for i in range(1, 101)], 0.99) == 99.0
    assert percentile([7.0], 0.99) == 7.0
