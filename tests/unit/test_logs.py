"""What a log line holds."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from unlearn.logging_setup import configure


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    kept, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in ("unlearn", "kafka")}
    stream = io.StringIO()
    configure("INFO", stream)
    yield stream
    root.handlers[:] = kept
    root.setLevel(level)
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)


def test_a_json_line_keeps_the_traceback(lines: io.StringIO) -> None:
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("unlearn.test").exception("it failed")

    line = json.loads(lines.getvalue())

    assert (line["message"], line["error"]) == ("it failed", "ValueError")
    assert "test_logs.py" in line["traceback"]
    assert line["traceback"].endswith("ValueError: why")


def test_counters_are_numbers_by_name(lines: io.StringIO) -> None:
    logging.getLogger("unlearn.test").info("so far", extra={"counters": {"b": 2, "a": 1}})

    assert json.loads(lines.getvalue())["counters"] == {"a": 1, "b": 2}
