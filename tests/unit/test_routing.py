"""Homes are those of Kafka's default partitioner; digests are keyed; origins can't be forged."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from kafka.partitioner.default import murmur2 as kafka_murmur2

from unlearn.events.event import Delete, Insert, Seal
from unlearn.events.marks import Origin
from unlearn.events.partitioner import (
    Digests,
    event_key,
    home,
    homes,
    murmur2,
    origin_header,
    read_origin,
    shard_of,
    tag_of,
)

SECRET = b"0123456789abcdef"
ORIGIN = Origin("spam", 3, 2**40, 1_700_000_000_123)


def keys() -> list[bytes]:
    rng = Random(7)
    return [rng.randbytes(size % 41) for size in range(5000)]


def insert(**fields: Any) -> Insert:
    return Insert(**{"event_id": "e", "record_id": "r", **({} if "features" in fields else {"text": "x"}), **fields})


def test_murmur2_is_kafkas() -> None:
    assert [murmur2(key) for key in keys()] == [kafka_murmur2(key) for key in keys()]


@pytest.mark.parametrize(
    ("key", "hashed"),
    # From Apache Kafka, UtilsTest.testMurmur2.
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_the_java_clients(key: bytes, hashed: int) -> None:
    assert murmur2(key) == hashed % 2**32


@pytest.mark.parametrize("partitions", [1, 4, 7, 10_000])
def test_homes_are_the_home_of_each(partitions: int) -> None:
    expected = [(kafka_murmur2(key) & 0x7FFFFFFF) % partitions for key in keys()]

    assert homes(keys(), partitions) == expected
    assert [home(key, partitions) for key in keys()] == expected
    assert homes([], partitions) == []


def test_the_key_is_the_subject_else_the_record() -> None:
    deletion: dict[str, Any] = {"event_id": "e", "requested_at": "2023-01-01"}

    assert event_key(insert(subject_id="é")) == "é".encode()
    assert event_key(insert()) == b"r"
    assert event_key(Delete(**deletion, subject_id="s")) == b"s"
    assert event_key(Delete(**deletion, record_id="r")) == b"r"
    assert event_key(Seal()) is None


def test_digests_depend_on_the_secret_and_on_what_is_named() -> None:
    digests, others = Digests(SECRET), Digests(b"fedcba9876543210")

    assert digests.record("a") == Digests(SECRET).record("a")
    assert len({digests.record("a"), digests.subject("a"), digests.record("b"), others.record("a")}) == 4
    assert len(digests.record("a")) == len(digests.subject("a")) == 16
    # Written down once: memberships of running models hang on these bytes.
    assert digests.record("é").hex() == "8e159c3761a262216eea58ffc86ffbfb"
    assert digests.subject("é").hex() == "fad27f22bf4707d3ebd91c82485a1c19"


def test_a_secret_of_any_length_counts_in_full() -> None:
    long = [b"x" * 64, b"x" * 65, b"x" * 64 + b"y", b"x" * 1000]

    assert len({Digests(secret).record("a") for secret in long}) == len(long)


def test_content_tells_label_and_content_apart() -> None:
    digests = Digests(SECRET)
    events = [
        insert(),
        insert(text=""),
        insert(label="x"),
        insert(label="x", text=""),
        insert(label="a", text="bc"),
        insert(label="ab", text="c"),
        insert(features=()),
        insert(features=(1.0,)),
        insert(
            features=(
                0.0,
                1.0,
            )
        ),
        insert(features=(2.0,)),
        insert(features=(1.0,), label="x"),
    ]

    assert len({digests.content(event) for event in events}) == len(events)
    assert {len(digests.content(event)) for event in events} == {4}


def test_content_ignores_ids_and_the_form_of_features() -> None:
    digests = Digests(SECRET)

    assert digests.content(insert(record_id="a")) == digests.content(insert(record_id="b", subject_id="c"))
    dense, sparse = (
        insert(
            features=(
                0.0,
                2.0,
                -0.0,
            )
        ),
        insert(features={"7": 0.0, "1": 2.0}),
    )
    assert digests.content(dense) == digests.content(sparse)


def test_a_log_record_is_told_from_any_other() -> None:
    digests = Digests(SECRET)
    pairs = [(None, None), (b"", None), (None, b""), (b"", b""), (b"a", b"bc"), (b"ab", b"c"), (b"abc", None)]

    assert len({digests.log_record(*pair) for pair in pairs}) == len(pairs)


def test_shards_are_even() -> None:
    digests = [Digests(SECRET).record(str(i)) for i in range(6000)]

    counts = [[shard_of(digest, 3) for digest in digests].count(shard) for shard in range(3)]
    assert all(1800 < count < 2200 for count in counts)
    assert all(shard_of(digest, 12) == int.from_bytes(digest[8:14], "little") % 12 for digest in digests)
    assert all(shard_of(tag_of(digest), 12) == shard_of(digest, 12) for digest in digests)


def test_an_origin_is_read_back() -> None:
    header = origin_header(SECRET, ORIGIN)

    assert header[0] == "unlearn-origin"
    assert header[1].startswith(b"spam/3/1099511627776/1700000000123/")
    assert read_origin(SECRET, "spam", [("other", b"x"), header]) == ORIGIN


def test_an_invalid_origin_does_not_hide_a_valid_one() -> None:
    header = origin_header(SECRET, ORIGIN)

    assert read_origin(SECRET, "spam", [("unlearn-origin", b"forged"), ("unlearn-origin", None), header]) == ORIGIN


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"/",
        b"////",
        b"\xff\xfe/1/2/3/x",
        b"spam/3/1/2",
        b"spam/3/1/2/",
        b"spam/3/1/2/00",
        origin_header(b"another secret..", ORIGIN)[1],
        origin_header(SECRET, ORIGIN)[1].replace(b"/3/", b"/4/"),
        origin_header(SECRET, ORIGIN)[1].upper(),
        origin_header(SECRET, ORIGIN)[1] + b" ",
        origin_header(SECRET, ORIGIN)[1][:-1],
        origin_header(SECRET, ORIGIN._replace(model="other"))[1],
        b"x" * 1_000_000,
    ],
)
def test_an_origin_without_a_valid_mac_is_absent(value: bytes | None) -> None:
    assert read_origin(SECRET, "spam", [("unlearn-origin", value)]) is None


def test_no_header_is_no_origin() -> None:
    assert read_origin(SECRET, "spam", []) is None
