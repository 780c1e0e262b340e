"""Lines are the same however their bytes come, and each is judged as the parser judges it."""

from __future__ import annotations

import gzip
import io
import os
import time
from itertools import islice
from random import Random
from typing import Any

import pytest
import zstandard

from tests.harness.insert_messages import LABELS, mangled, usual_message
from unlearn.admin.input import lines as lines_module
from unlearn.admin.input.line_checks import LineChecker
from unlearn.admin.input.lines import MAX_LINE, read_chunks, read_lines
from unlearn.errors import UnlearnError
from unlearn.events.event import BadInsert, Delete, Empty, Seal, Unreadable, encode
from unlearn.events.parsing import Parser, parser_of
from unlearn.events.partitioner import event_key
from unlearn.events.usual_inserts import scanner_of
from unlearn_models import make_learner

DELETION = Delete(event_id="e", record_id="r", requested_at="2023-01-01")


def test_lines_are_read_plain_or_gzip() -> None:
    data = b"a\nb\n\nc"

    assert list(read_lines(io.BytesIO(data))) == [b"a\n", b"b\n", b"\n", b"c"]
    assert list(read_lines(io.BytesIO(gzip.compress(data)))) == [b"a\n", b"b\n", b"\n", b"c"]
    assert list(read_lines(io.BytesIO(b""))) == []


def zstd(data: bytes, parts: int = 1) -> bytes:
    """In frames of equal size, each behind one that is to be skipped, as tools that compress in parallel write."""
    skipped, size = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd", len(data) // parts + 1
    frames = [zstandard.ZstdCompressor().compress(data[at : at + size]) for at in range(0, len(data), size)]
    return b"".join(skipped + frame if parts > 1 else frame for frame in frames)


@pytest.mark.parametrize("parts", [1, 2, 7])
def test_lines_are_read_of_zstd_too_in_any_number_of_frames(parts: int) -> None:
    data = b"".join(str(number).encode() * 5 + b"\n" for number in range(20_000))

    assert b"".join(read_lines(io.BytesIO(zstd(data, parts)))) == data
    assert b"".join(read_lines(Slow(zstd(data, parts), 5, waits=True))) == data


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("lost", [1, 5, 1000])
def test_zstd_that_is_cut_off_or_spoilt_is_an_error(parts: int, lost: int) -> None:
    data = zstd(bytes(Random(1).choices(b"abcdef\n", k=200_000)), parts)

    with pytest.raises(UnlearnError, match=r"broken after line \d+"):
        list(read_lines(io.BytesIO(data[:-lost])))
    with pytest.raises(UnlearnError, match="broken after line"):
        list(read_lines(io.BytesIO(data + b"more")))


def test_broken_gzip_is_an_error_after_the_lines_before_it() -> None:
    lines = [str(i).encode() * 9 + b"\n" for i in range(50_000)]

    reading = read_lines(io.BytesIO(gzip.compress(b"".join(lines))[:-2000]))

    before = list(islice(reading, 40_000))

    assert before == lines[:40_000]
    with pytest.raises(UnlearnError, match=r"broken after line 4\d+"):
        list(reading)


def test_lines_that_are_there_are_not_kept_for_later_ones() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb", buffering=0) as pipe:
        chunks = read_chunks(source)
        pipe.write(b"a\nb\nc")
        assert next(chunks) == [b"a\n", b"b\n"]
        pipe.write(b"d\n")
        assert next(chunks) == [b"cd\n"]
        pipe.write(b"e")
        pipe.close()
        assert list(chunks) == [[b"e"]]


class Slow(io.BytesIO):
    """Gives at most `size` bytes at a time; `waits`: as a pipe does, whose end can't be known."""

    def __init__(self, data: bytes, size: int, waits: bool) -> None:
        super().__init__(data)
        self.size, self.waits = size, waits

    def seekable(self) -> bool:
        return not self.waits

    def readinto(self, buffer: Any) -> int:
        return super().readinto(memoryview(buffer)[: self.size])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"])
def test_lines_do_not_depend_on_how_their_bytes_come(
    size: int, waits: bool, end: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_module, "MAX_LINE", 10)
    data = b"\n".join([b"a", b"", b"\r", b"bc\r", b"x" * 40, b" d ", b"y" * 10, b"z" * 11, b"0123456789ab"]) + end
    expected = [line[:11] for line in io.BytesIO(data).readlines()]

    for at_once in (1, 5, 1 << 20):
        chunks = list(read_chunks(Slow(data, size, waits), at_once))
        assert [line for lines in chunks for line in lines] == expected
        assert all(chunks)
    if size > 1:  # gzip is known by its first two bytes
        assert list(read_lines(Slow(gzip.compress(data), size, waits))) == expected
    if size > 3:  # and zstd by four
        assert list(read_lines(Slow(zstd(data), size, waits))) == expected


@pytest.mark.parametrize("name", ["naive-bayes", "linear"])
def test_lines_are_judged_as_the_parser_judges_them(name: str) -> None:
    learner, rng = make_learner(name, LABELS, 40), Random(1)
    parser = parser_of(learner)
    checker = LineChecker(parser, scanner_of(learner))
    lines = [usual_message(rng, 40) for _ in range(500)]
    lines += [mangled(rng, line, rng.choice(lines)) for line in lines]
    lines += [encode(event) for event in (Seal(), DELETION, Delete(**{**dict(DELETION), "subject_id": "s"}))]
    lines += [b'{"type":"insert","event_id":"e","record_id":"r","text":"%s"}' % (b"x" * MAX_LINE), b"{}", b"null"]
    lines = [stripped for line in lines if (stripped := line.strip())]

    found = checker.check(lines)

    judged = [_judged(parser, line) for line in lines]
    assert found.kinds == [kind for kind, _, _ in judged]
    assert list(found.refused.items()) == [(at, reason) for at, (_, _, reason) in enumerate(judged) if reason]
    good = [at for at, kind in enumerate(found.kinds) if kind]
    assert [found.keys[at] for at in good] == [judged[at][1] for at in good]
    assert len(good) > 300 < len(found.refused)


def _judged(parser: Parser, line: bytes) -> tuple[str, bytes | None, str]:
    """Type, key, and why it is refused."""
    if len(line) > MAX_LINE:
        return "", None, "more than 1000000 bytes"
    event = parser.parse(line, at=round(time.time() * 1000))
    if isinstance(event, BadInsert | Unreadable):
        return "", None, event.reason
    assert not isinstance(event, Empty)
    return event.type, event_key(event), ""
