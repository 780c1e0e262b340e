"""Packed records are, byte for byte, those that the client writes one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.record.memory_records import MemoryRecordsBuilder

from unlearn.log.kafka.packing.packed_batches import filled
from unlearn.log.kafka.packing.packing import pack
from unlearn.log.protocol import Message

HEADER = 61
NOW = 1_700_000_000_123
PARTS = st.none() | st.binary(max_size=300) | st.integers(0, 20_000).map(bytes)
MESSAGES = st.lists(st.tuples(PARTS, PARTS).filter(lambda message: message != (None, None)), max_size=300)
CODECS = range(5)


def ours(messages: list[Message], options: dict[str, Any]) -> list[MemoryRecordsBuilder]:
    return [filled(packed, NOW, options) for packed in pack(messages, options["batch_size"] - HEADER)]


def theirs(messages: list[Message], options: dict[str, Any]) -> list[MemoryRecordsBuilder]:
    """As the client's accumulator does: a message that its batch doesn't take begins another."""
    batches: list[MemoryRecordsBuilder] = []
    for key, value in messages:
        if not batches or batches[-1].append(NOW, key, value, []) is None:
            batches.append(MemoryRecordsBuilder(2, options["compression_attrs"], options["batch_size"]))
            assert batches[-1].append(NOW, key, value, []) is not None
    return batches


def closed(batches: list[MemoryRecordsBuilder]) -> list[tuple[bytes, int]]:
    for number, batch in enumerate(batches):
        batch.set_producer_state(12345, 7, number * 1000, False)
        batch.close()
    return [(bytes(batch.buffer()), batch.next_offset()) for batch in batches]


@given(MESSAGES, st.integers(100, 40_000), st.sampled_from(CODECS))
def test_batches_have_the_clients_bytes(messages: list[Message], batch_size: int, codec: int) -> None:
    options = {"batch_size": batch_size, "compression_attrs": codec}
    assert closed(ours(messages, options)) == closed(theirs(messages, options))


@given(MESSAGES, st.integers(100, 40_000))
def test_open_batches_are_as_full_as_the_clients(messages: list[Message], batch_size: int) -> None:
    options = {"batch_size": batch_size, "compression_attrs": 0}
    pairs = zip(ours(messages, options), theirs(messages, options), strict=True)
    assert all((a.size_in_bytes(), a.is_full()) == (b.size_in_bytes(), b.is_full()) for a, b in pairs)


def test_places_of_more_than_two_bytes() -> None:
    messages: list[Message] = [(None, b"")] * 20_000
    options = {"batch_size": 1 << 20, "compression_attrs": 0}
    [batch] = closed(ours(messages, options))
    assert [batch] == closed(theirs(messages, options))


def test_a_message_without_key_and_value_is_refused() -> None:
    with pytest.raises(ValueError, match="a key or a value"):
        list(pack([(b"k", b"v"), (None, None)], 1000))
