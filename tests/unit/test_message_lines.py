"""A line as a message: what its members say, as they are written."""

from __future__ import annotations

import json

import pytest

from unlearn.admin.input.message_lines import message_of
from unlearn.errors import InputInvalid


def value_of(value: str) -> bytes | None:
    return message_of(f'{{"key": null, "headers": null, "value": {value}}}'.encode(), 1, 5).value


@pytest.mark.parametrize(
    "value",
    [
        '{"type": "delete", "subject_id": "a", "type": "insert"}',
        '{"row": {"id": 1, "id": 2}, "rows": [{"a": "\\u00e9", "a": null}], "none": {}, "nothing": []}',
        '[1.50, 1e400, -0, 12345678901234567890, true, "1"]',
        "9" * 5000,
    ],
    ids=["twice", "twice within", "numbers", "a long number"],
)
def test_a_value_is_read_as_it_is_written(value: str) -> None:
    assert value_of(value) == value.encode()


def test_keys_are_text_or_json_and_headers_may_come_twice() -> None:
    line = b'{"key": {"id": 1.0}, "headers": {"a": "x", "a": "y"}, "value": null, "before": "0001"}'

    found = message_of(line, 1, 5)

    assert (found.key, found.value, found.headers) == (b'{"id": 1.0}', None, [("a", b"x"), ("a", b"y")])
    assert message_of(b'{"key": "k", "headers": {}, "value": 1, "before": "0001"}', 1, 5).value == b"\0\x011"


@pytest.mark.parametrize(
    "line",
    [
        '{"key": null, "headers": {"a": 1}, "value": 1}',
        '{"key": null, "headers": [], "value": 1}',
        '{"key": null, "headers": null, "value": 1, "before": 10}',
        '{"key": null, "headers": null, "value": 1, "value": 2}',
    ],
)
def test_a_line_that_is_no_message_is_refused(line: str) -> None:
    with pytest.raises(InputInvalid):
        message_of(line.encode(), 1, 5)


@pytest.mark.parametrize("line", ['{"key": 1, "value": 2}', "[", "3", json.dumps(["key", "headers", "value"])])
def test_any_other_line_is_a_value_alone(line: str) -> None:
    found = message_of(line.encode(), 1, 5)
    assert (found.key, found.value, found.headers) == (None, line.encode(), ())
