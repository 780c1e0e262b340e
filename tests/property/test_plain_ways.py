"""What sending and reading take without compiled code gives what the kernels give."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.harness.plain_way import kernels, plainly
from tests.harness.record_batches import Fetched, by_client, in_columns
from tests.property.test_record_columns import TAKES, fetches
from unlearn.events.partitioner import home, homes
from unlearn.log.kafka.packing.packing import pack
from unlearn.log.protocol import Header, Message

PARTS = st.none() | st.binary(max_size=300) | st.integers(0, 20_000).map(bytes)
MESSAGES = st.lists(st.tuples(PARTS, PARTS).filter(lambda message: message != (None, None)), max_size=200)
HEADERS = st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=20)), max_size=3)


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(1, 10_000))
def test_keys_have_the_same_homes(keys: list[bytes], partitions: int) -> None:
    compiled = homes(keys, partitions)
    with plainly():
        assert homes(keys, partitions) == compiled
        assert [home(key, partitions) for key in keys] == compiled


@given(MESSAGES, st.integers(60, 40_000), st.data())
def test_messages_are_packed_alike(messages: list[Message], room: int, data: st.DataObject) -> None:
    size = len(messages) if data.draw(st.booleans()) else 0
    headers: list[list[Header]] = data.draw(st.lists(HEADERS, min_size=size, max_size=size))
    compiled = list(pack(messages, room, headers))
    with plainly():
        assert list(pack(messages, room, headers)) == compiled


def test_places_of_more_than_two_bytes_are_packed_alike() -> None:
    messages: list[Message] = [(None, b"")] * 20_000
    compiled = list(pack(messages, 1 << 20))
    with plainly():
        assert list(pack(messages, 1 << 20)) == compiled


@given(st.booleans().flatmap(lambda spoil: fetches(spoil=spoil)), TAKES)
def test_batches_are_read_as_the_client_reads_them(fetched: Fetched, takes: list[int | None]) -> None:
    client = by_client(fetched, takes)
    with plainly():
        assert in_columns(fetched, takes) == client


def test_each_plain_way_is_one_that_is_compared_here() -> None:
    import unlearn.events.usual_inserts  # noqa: F401  it takes no message, and so all go the general way

    plain = {name for name, kernel in kernels().items() if kernel.plain and name.startswith("unlearn.")}
    assert plain == {
        "unlearn.events.kernels.messages.scan_messages",
        "unlearn.kernels.murmur2.home_partitions",
        "unlearn.kernels.murmur2.murmur2",
        "unlearn.kernels.record_batches.find_run",
        "unlearn.kernels.record_batches.read_records",
        "unlearn.kernels.record_batches.read_run",
        "unlearn.log.kafka.packing.packing._pack",
    }
