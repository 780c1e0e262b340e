"""What a log line holds."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from unlearn.logging_setup import LogFormat, configure


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


def test_a_line_of_text_has_the_counters_too(lines: io.StringIO) -> None:
    configure("INFO", lines, "text")

    logging.getLogger("unlearn.test").info("so far", extra={"counters": {"b": 2, "a": 1, "none": 0}})

    assert lines.getvalue().endswith(" INFO    so far; a 1, b 2\n")


@pytest.mark.parametrize(("level", "told"), [("DEBUG", 3), ("INFO", 2), ("WARNING", 1)])
def test_a_level_is_the_least_that_is_told(lines: io.StringIO, level: str, told: int) -> None:
    configure(level, lines, "text")

    for name in ("debug", "info", "warning"):
        getattr(logging.getLogger("unlearn.test"), name)("%s", name)

    assert len(lines.getvalue().splitlines()) == told


@pytest.mark.parametrize(("log_format", "is_json"), [("json", True), ("auto", True), ("text", False)])
def test_what_is_no_terminal_gets_json_unless_text_is_asked_for(
    lines: io.StringIO, log_format: LogFormat, is_json: bool
) -> None:
    configure("INFO", lines, log_format)

    logging.getLogger("unlearn.test").info("said")

    assert lines.getvalue().startswith("{") == is_json
