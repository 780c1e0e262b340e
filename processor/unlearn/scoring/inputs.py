"""Lines to score: plain text, or JSON with a text or features, as in the events."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Literal

from pydantic import ValidationError

from unlearn.errors import InputInvalid
from unlearn.events.event import Id, Insert, features_of
from unlearn.events.features import rows_of
from unlearn.validation_errors import first_error
from unlearn_models.base.rows import Rows

__all__ = ["Form", "Input", "chunks", "parse_lines", "to_rows"]

Form = Literal["json", "text", "any text"]
"""How lines are read. "text" refuses a line that begins as a JSON object does, since its label would be scored as a
part of the text; "any text" takes such a line too."""

_OBJECT = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*(?:"|\}\s*$)')


class Input(Insert):
    """An insert to score. Its ids have defaults, as they don't matter; so a file of inserts can be scored as it is."""

    event_id: Id = "-"
    record_id: Id = "-"


def parse_lines(lines: Iterable[bytes], *, form: Form, n_features: int, longest: int) -> Iterator[Input]:
    """One input for each line. An empty line is an empty text; in JSON blank lines are passed over.

    `longest`: bytes of a line at most. Raises InputInvalid, which names the line and doesn't quote it.
    """
    for number, line in enumerate(lines, 1):
        if len(line) > longest:
            raise InputInvalid(f"line {number}: more than {longest} bytes")
        if form == "text" and _OBJECT.match(line):
            raise InputInvalid(
                f"line {number}: a JSON object: give --jsonl to score what is in it, or --text to score the line itself"
            )
        if form != "json":
            yield _text(number, line)
        elif line.strip():
            yield _json(number, line, n_features)


def to_rows(inputs: list[Input], classes: tuple[str, ...], n_features: int) -> Rows:
    """The learner's rows of the inputs, in their order."""
    return rows_of(inputs, classes, n_features)


def chunks(inputs: Iterator[Input], size: int) -> Iterator[list[Input]]:
    """The inputs in lists of `size`, the last one shorter; each is read when it is asked for."""
    while chunk := list(islice(inputs, size)):
        yield chunk


def _text(number: int, line: bytes) -> Input:
    try:
        # Without validation: a text to score isn't kept, so it may be longer than an event's.
        return Input.model_construct(text=line.decode().rstrip("\r\n"))
    except UnicodeDecodeError:
        raise InputInvalid(f"line {number}: not UTF-8") from None


def _json(number: int, line: bytes, n_features: int) -> Input:
    try:
        found = Input.model_validate_json(line)
    except ValidationError as error:
        raise InputInvalid(f"line {number}: {first_error(error, 1)}") from None
    if max(features_of(found)[0], default=-1) >= n_features:
        raise InputInvalid(f"line {number}: features: the model has {n_features}")
    return found.model_copy(update={"label": None})
