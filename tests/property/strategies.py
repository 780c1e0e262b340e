"""Whole logs: all kinds of events over few ids, so that they meet, and what else lies in a topic."""

from __future__ import annotations

from hypothesis import strategies as st

from unlearn.events.event import Delete, Event, Insert, Seal, encode
from unlearn.simulate.script import CLASSES, GARBAGE, WORDS, Message, Script
from unlearn.verification.reference import Model, murmur2

RECORDS = ("r0", "r1", "r2", "r3", "r4", "\u00e9", "s1")
ALIASES = ("a0", "a1", "a2", "s1")
SUBJECTS = ("s0", "s1", "s2", "s3", "\U0001f600")


def texts() -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join)


def features() -> st.SearchStrategy[tuple[float, ...] | dict[int, float]]:
    counts = st.integers(0, 3).map(float)
    dense = st.lists(counts, max_size=4).map(tuple)
    return dense | st.dictionaries(st.integers(0, 63), counts, max_size=4)


@st.composite
def inserts(draw: st.DrawFn, subjects: bool) -> Insert:
    text = draw(st.one_of(texts(), texts(), texts(), st.none()))
    return Insert(
        event_id=draw(st.sampled_from(("e1", "e2", "e3"))),
        record_id=draw(st.sampled_from(RECORDS)),
        subject_id=draw(_subject(subjects)),
        revision=draw(st.integers(0, 3)),
        label=draw(st.sampled_from((*CLASSES, *CLASSES, None))),
        text=text,
        features=draw(features()) if text is None else None,
        aliases=draw(st.none() | st.lists(st.sampled_from(ALIASES), min_size=1, max_size=2).map(tuple)),
    )


@st.composite
def deletes(draw: st.DrawFn, subjects: bool) -> Delete:
    """Of a pair, a record alone, a subject alone, an alias; the latter two are rarer, as they end so much."""
    if draw(st.integers(0, 9)) == 0:
        return Delete(event_id="d4", alias=draw(st.sampled_from(ALIASES)), requested_at="2023-01-01T00:00:00Z")
    subject = draw(_subject(subjects))
    alone = subject is not None and draw(st.integers(0, 3)) == 0
    return Delete(
        event_id=draw(st.sampled_from(("d1", "d2", "d3"))),
        record_id=None if alone else draw(st.sampled_from(RECORDS)),
        subject_id=subject,
        revision=None if alone else draw(st.none() | st.integers(0, 3)),
        requested_at="2023-01-01T00:00:00Z",
    )


def events(subjects: bool = True) -> st.SearchStrategy[Event]:
    insert, delete = inserts(subjects), deletes(subjects)
    return st.one_of(insert, insert, insert, insert, insert, delete, delete, st.just(Seal()))


@st.composite
def scripts(
    draw: st.DrawFn, partitions: int = 2, foreign: int = 1, subjects: bool = True, max_size: int = 40
) -> Script:
    """Logs of a model with `partitions`; `foreign` more partitions may be there, which only forward.

    Most events lie at home; some anywhere. Any may come again later, in the same bytes, there or elsewhere.
    """
    count = partitions + draw(st.integers(0, foreign))
    messages: list[Message] = []
    for _ in range(draw(st.integers(0, max_size))):
        kind = draw(st.integers(0, 19))
        anywhere = st.integers(0, count - 1)
        gap = draw(st.sampled_from((0, 0, 0, 0, 0, 1, 3)))
        if kind == 0:
            messages.append(Message(draw(anywhere), None, None, gap))
        elif kind == 1:
            messages.append(Message(draw(anywhere), b"k", draw(st.sampled_from(GARBAGE)), gap))
        elif kind < 5 and messages:
            again = draw(st.sampled_from(messages))
            place = draw(anywhere) if kind == 2 else again.partition
            messages.append(Message(place, again.key, again.value, gap))
        else:
            # Now and then one with a subject where the model has none.
            event = draw(events(subjects or draw(st.integers(0, 9)) == 0))
            place = draw(anywhere) if kind == 5 else _home(event, partitions, draw(anywhere))
            messages.append(Message(place, _key(event), encode(event), gap))
    return Script(partitions, count, subjects, tuple(messages))


def model_of(script: Script, model: Model) -> Model:
    """The model with the script's partitions and its way with subjects."""
    return Model(script.partitions, model.shards, model.slice_span, script.subjects, model.secret, model.learner)


def _subject(subjects: bool) -> st.SearchStrategy[str | None]:
    return st.sampled_from((*SUBJECTS, *SUBJECTS, None, None, None)) if subjects else st.none()


def _key(event: Event) -> bytes | None:
    if isinstance(event, Seal):
        return None
    name = event.subject_id or event.record_id or (event.alias if isinstance(event, Delete) else None)
    return name.encode() if name else None


def _home(event: Event, partitions: int, otherwise: int) -> int:
    key = _key(event)
    return (murmur2(key) & 0x7FFFFFFF) % partitions if key is not None else otherwise
