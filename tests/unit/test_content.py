"""The digest of what is served: changed by what changes answers, and by nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.test_history import manifest
from unlearn.results.manifest import Manifest, TokenField
from unlearn.scoring.content import LastContent, content_of

FIRST = manifest(1, 20, (10, 20))
OTHER = FIRST.model_copy(update={"partition": 1})


def shard(at: int, **changed: Any) -> Manifest:
    shards = list(FIRST.shards)
    shards[at] = shards[at].model_copy(update=changed)
    return FIRST.model_copy(update={"shards": tuple(shards)})


@pytest.mark.parametrize(
    "same",
    [
        FIRST.model_copy(update={"token": TokenField(counter=9, nonce="b" * 32), "sequence": 7, "created_at": 5}),
        FIRST.model_copy(update={"applied": 30, "erased_through": 20}),
        FIRST.model_copy(update={"shards": FIRST.shards[::-1]}),
        shard(1, through=30, status="behind"),
        shard(0, file="elsewhere"),
    ],
)
def test_what_changes_no_answer_changes_no_content(same: Manifest) -> None:
    assert content_of([same, OTHER]) == content_of([FIRST, OTHER])


@pytest.mark.parametrize(
    "other",
    [
        [FIRST],
        [OTHER],
        [shard(1, digest="1" * 64), OTHER],
        [shard(1, status="left-out"), OTHER],
        [shard(1, rows=0), OTHER],
        [FIRST.model_copy(update={"partition": 2}), OTHER],
        [],
    ],
)
def test_what_may_change_an_answer_changes_the_content(other: list[Manifest]) -> None:
    assert content_of(other) != content_of([FIRST, OTHER])


def test_states_that_change_places_are_another_content() -> None:
    one, two = shard(0, digest="1" * 64), shard(1, digest="1" * 64)
    assert content_of([one]) != content_of([two])


def test_the_order_of_partitions_is_none() -> None:
    assert content_of([OTHER, FIRST]) == content_of([FIRST, OTHER])


def test_what_was_asked_for_last_is_no_answer_to_others() -> None:
    last, changed = LastContent(), shard(1, digest="1" * 64)
    for asked in ([FIRST, OTHER], [FIRST, OTHER], [changed, OTHER], [changed], [FIRST], []):
        assert last.of(asked) == content_of(asked)
