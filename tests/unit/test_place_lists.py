"""Which places a list of them names, and that each bad line is named with what to write."""

from __future__ import annotations

import gzip
import io
import json

import pytest

from unlearn.admin.input.place_lists import read_places
from unlearn.cli.open_deletions import Row
from unlearn.errors import InputInvalid
from unlearn.forwarding.dead_letter import DeadLetter
from unlearn.operator_requests.places import Places


def read(data: bytes) -> list[tuple[int, Places]]:
    return list(read_places(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("data", "places"),
    [
        (b"0/1\n2/7\n", [(1, Places(0, 1, 1)), (2, Places(2, 7, 7))]),
        (b"\r\n 0/1..5 \r\n\n0/7..0/9", [(2, Places(0, 1, 5)), (4, Places(0, 7, 9))]),
        (b"\xef\xbb\xbf0/1", [(1, Places(0, 1, 1))]),
        (gzip.compress(b"0/1\n", mtime=0), [(1, Places(0, 1, 1))]),
        (b"\n", []),
    ],
)
def test_a_line_is_a_place_or_a_range(data: bytes, places: list[tuple[int, Places]]) -> None:
    assert read(data) == places


@pytest.mark.parametrize(
    "row",
    [
        {"place": "1/3..1/9", "since": None, "deadline": None, "reason": "why", "count": 4},
        {"partition": 1, "offset": 3, "last": 9, "count": 4, "event_id": None, "why": "why", "waits_for": []},
        {"partition": 1, "offset": 3, "digest": "00", "reason": "why", "last": 9, "count": 4},
    ],
)
def test_a_row_of_json_means_those_of_its_reason(row: dict[str, object]) -> None:
    assert read(json.dumps(row).encode()) == [(1, Places(1, 3, 9, "why"))]


def test_rows_are_taken_as_they_are_printed() -> None:
    row = Row("1/3", None, None, "why", 1)
    letter = DeadLetter(partition=1, offset=3, digest=None, reason="why")
    data = json.dumps({name: getattr(row, name) for name in row.__slots__}).encode() + b"\n" + letter.encode()
    assert [places for _, places in read(data)] == [Places(1, 3, 3, "why")] * 2


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"place", "write PARTITION/OFFSET"),
        (b"0/5..1/6", "no range within a partition"),
        (b"0/1 0/2", "write PARTITION/OFFSET"),
        (b"0/" + b"9" * 5000, "is no place"),
        (b"\xff", "is no place"),
        (b"{", "is not JSON"),
        (b'{"a":' * 9999, "is not JSON"),
        (b'{"place":"0/1"}', 'has no "reason"'),
        (b'{"reason":"r"}', 'has no "place"'),
        (b'{"reason":"r","place":7}', 'has no "place"'),
        (b'{"reason":"r","place":"7"}', "is no place"),
        (b'{"reason":"r","partition":true,"offset":1}', 'has no "place"'),
        (b'{"reason":"r","partition":0,"offset":5,"last":4}', "no range"),
        (b'{"reason":"r","partition":0,"offset":-5}', "is no place"),
    ],
)
def test_a_bad_line_is_named_and_not_quoted_at_length(line: bytes, says: str) -> None:
    with pytest.raises(InputInvalid, match=says) as error:
        read(b"0/1\n" + line)
    assert str(error.value).startswith("line 2: ")
    assert len(str(error.value)) < 250
