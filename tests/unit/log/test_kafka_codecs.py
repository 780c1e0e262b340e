"""The client's codecs, stopped at a bound, and the names by which they take the places of the client's own."""

from __future__ import annotations

import random
import sys
import tracemalloc
from collections.abc import Callable

import kafka.codec
import pytest
from kafka.consumer.fetcher import Fetcher
from kafka.record import default_records, legacy_records
from kafka.record.memory_records import MemoryRecords

from tests.harness.record_batches import CODECS as CODES
from tests.harness.record_batches import TIME, Content, Fetched, Made, batch, by_client, in_columns
from unlearn.errors import ExtraMissing
from unlearn.log.kafka.codecs import DECODERS, UnpacksTooFar, install, unpacking_at_most

MIB = 1024 * 1024
CODECS = ("gzip", "snappy", "lz4", "zstd")
CONTENTS = (b"a", b"abc" * 1000, random.Random(1).randbytes(MIB // 2), bytes(3 * MIB))


def encode(codec: str) -> Callable[[bytes], bytes]:
    made: Callable[[bytes], bytes] = getattr(kafka.codec, f"{codec}_encode")
    return made


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("content", CONTENTS, ids=["one byte", "repeated", "noise", "zeros"])
def test_a_decoder_undoes_the_clients_encoder(codec: str, content: bytes) -> None:
    assert DECODERS[f"{codec}_decode"](encode(codec)(content)) == content
    with unpacking_at_most(len(content)):
        assert DECODERS[f"{codec}_decode"](encode(codec)(content)) == content


@pytest.mark.parametrize("codec", CODECS)
def test_unpacking_ends_at_the_bound(codec: str) -> None:
    packed = bytes(encode(codec)(bytes(64 * MIB)))
    tracemalloc.start()
    with unpacking_at_most(MIB), pytest.raises(UnpacksTooFar):
        DECODERS[f"{codec}_decode"](packed)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MIB + 2 * len(packed)


def test_the_members_of_a_gzip_stream_count_together() -> None:
    packed = bytes(encode("gzip")(bytes(MIB))) * 3
    assert DECODERS["gzip_decode"](packed) == bytes(3 * MIB)
    with unpacking_at_most(2 * MIB), pytest.raises(UnpacksTooFar):
        DECODERS["gzip_decode"](packed)


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_cut_off_or_garbage_is_never_an_endless_loop(codec: str) -> None:
    packed = bytes(encode(codec)(bytes(MIB)))
    for spoilt in (packed[: len(packed) // 2], packed[:20], b"\x82SNAPPY\x00" + b"\xff" * 20, b"garbage" * 9):
        try:
            unpacked = DECODERS[f"{codec}_decode"](spoilt)
        except Exception:  # noqa: BLE001  each library has its own
            continue
        assert len(unpacked) < MIB


def test_the_clients_record_classes_call_them() -> None:
    install()
    for name, decoder in DECODERS.items():
        assert getattr(default_records, name) is decoder
    for name in ("gzip_decode", "snappy_decode", "lz4_decode"):
        assert getattr(legacy_records, name) is DECODERS[name]


@pytest.mark.parametrize("read", [by_client, in_columns])
def test_a_codec_that_is_not_installed_is_no_fault_of_the_records(
    monkeypatch: pytest.MonkeyPatch, read: Callable[..., object]
) -> None:
    fetched = Fetched(batch([Content(0, TIME, b"k", bytes(1000))], Made(codec=CODES["zstd"])))
    monkeypatch.setattr(kafka.codec, "has_zstd", lambda: False)
    monkeypatch.setitem(sys.modules, "zstandard", None)

    with pytest.raises(ExtraMissing, match=r"the \[codecs\] extra: pip install 'unlearn-stream\[codecs\]'"):
        read(fetched, [None])


def test_the_client_is_built_as_the_reading_of_its_batches_expects() -> None:
    assert {"_buffer", "_next_slice", "_pos"} <= set(MemoryRecords.__slots__)
    assert callable(MemoryRecords._cache_next)
    assert {"_buffer", "_decompressed", "_pos"} <= set(default_records.DefaultRecordBatch.__slots__)
    assert {"_decompressed"} <= set(legacy_records.LegacyRecordBatch.__slots__)
    assert callable(Fetcher._parse_fetched_data)
    assert all(hasattr(Fetcher.PartitionRecords, name) for name in ("take", "drain", "_unpack_records"))
