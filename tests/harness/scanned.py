"""Messages through the scanner of usual inserts and through the parser, in terms that can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn.events.event import Insert, features_of
from unlearn.events.parsing import Parser, parser_of
from unlearn.events.usual_inserts import AS_FEATURES, AS_TEXT, NOT_TAKEN, UsualInserts, UsualInsertScanner, scanner_of
from unlearn_models import Learner


class Model(NamedTuple):
    scanner: UsualInsertScanner
    parser: Parser
    classes: Sequence[str]


def model_of(learner: Learner) -> Model:
    return Model(scanner_of(learner), parser_of(learner), learner.classes)


def packed(messages: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The messages in one buffer, with other bytes between them, and where each stands."""
    ends = np.cumsum([len(message) + 1 for message in messages], dtype=np.int64)
    starts = ends - [len(message) for message in messages]
    return np.frombuffer(b"".join(b'"' + message for message in messages), np.uint8), np.stack([starts, ends], axis=1)


def agreed(model: Model, messages: Sequence[bytes]) -> list[int]:
    """Which of the messages are taken: each is what the parser makes of it, and the others have no content."""
    data, spans = packed(messages)
    found = model.scanner.scan(data, spans)
    left = found.kinds == NOT_TAKEN
    assert not np.diff(found.text_ends, prepend=0)[left].any()
    assert not np.diff(found.indptr)[left].any()
    taken: list[int] = np.flatnonzero(found.kinds).tolist()
    for i in taken:
        event = model.parser.parse(messages[i])
        assert isinstance(event, Insert), (messages[i], event)
        assert _read(found, data, i, model.classes) == _meant(event), messages[i]
    return taken


def _read(found: UsualInserts, data: NDArray[np.uint8], i: int, classes: Sequence[str]) -> tuple[Any, ...]:
    """What message i is, in Python's own types; floats as bits."""
    record, subject = (bytes(data[start:stop]) for start, stop in (found.records[i], found.subjects[i]))
    start = found.text_ends[i - 1] if i else 0
    text = bytes(found.text[start : found.text_ends[i]])
    row = slice(found.indptr[i], found.indptr[i + 1])
    return (
        record.decode(),
        None if found.subjects[i, 0] < 0 else subject.decode(),
        int(found.revisions[i]),
        None if found.labels[i] < 0 else classes[found.labels[i]],
        text.decode() if found.kinds[i] == AS_TEXT else text or None,
        bool(found.kinds[i] == AS_FEATURES),
        found.indices[row].tolist(),
        found.values[row].tobytes(),
    )


def _meant(insert: Insert) -> tuple[Any, ...]:
    indices, values = features_of(insert)
    return (
        *(insert.record_id, insert.subject_id, insert.revision, insert.label, insert.text),
        *(insert.features is not None, indices, np.array(values, np.float64).tobytes()),
    )
