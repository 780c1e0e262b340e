"""What is asked, and which messages of the log tell of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Literal, NamedTuple

from unlearn.events.event import Delete, Insert, Parsed, Request

__all__ = [
    "Kind",
    "Question",
    "Sought",
    "aliases_of",
    "bearing_aliases",
    "either",
    "may_bear",
    "may_hold",
    "may_request",
    "of_aliases",
    "of_records_everywhere",
    "of_whole_subjects",
    "owner_of",
    "touching",
]

Kind = Literal["record", "subject", "event"]
Sought = Callable[[Parsed], bool]


class Question(NamedTuple):
    """Of which record, subject or event the story is asked."""

    kind: Kind
    id: str

    def names(self, event: Parsed) -> bool:
        """Whether an event names it, or is the one."""
        return isinstance(event, Insert | Request) and getattr(event, f"{self.kind}_id") == self.id

    def forgotten_by(self, event: Insert | Request) -> bool:
        """Whether a deletion, of those needed for the question, forgets what is asked about: a record its subject's,
        too."""
        return isinstance(event, Delete) and (self.kind != "subject" or event.record_id is None)


def of_whole_subjects(subjects: Collection[str]) -> Sought:
    """Finds requests that name one of the subjects alone."""
    return lambda event: isinstance(event, Request) and event.record_id is None and event.subject_id in subjects


def of_aliases(aliases: Collection[str]) -> Sought:
    """Finds requests that name one of the aliases."""
    return lambda event: isinstance(event, Request) and event.alias in aliases


def bearing_aliases(inserts: Iterable[Insert]) -> Sought:
    """Finds inserts with aliases that belong to whom one of these inserts belongs to."""
    owners = {owner_of(insert) for insert in inserts}
    return lambda event: isinstance(event, Insert) and bool(event.aliases) and owner_of(event) in owners


def owner_of(insert: Insert) -> tuple[str, str | None]:
    """Whom the aliases of an insert name: (subject id, None), or ("", record id) where it has no subject."""
    return ("", insert.record_id) if insert.subject_id is None else (insert.subject_id, None)


def aliases_of(inserts: Iterable[Insert]) -> set[str]:
    """All that the inserts bear."""
    return {alias for insert in inserts for alias in insert.aliases or ()}


def either(first: Sought, second: Sought) -> Sought:
    """Finds what one of the two finds."""
    return lambda event: first(event) or second(event)


def of_records_everywhere(records: Collection[str]) -> Sought:
    """Finds requests that name one of the records alone."""
    return lambda event: isinstance(event, Request) and event.subject_id is None and event.record_id in records


def touching(insert: Insert) -> Sought:
    """Finds all that may change what becomes of an insert."""
    subjects = {insert.subject_id, None}

    def sought(event: Parsed) -> bool:
        if not isinstance(event, Insert | Request):
            return False
        whole = event.record_id is None and event.subject_id == insert.subject_id
        return whole or (event.record_id == insert.record_id and event.subject_id in subjects)

    return sought


def may_hold(needle: str) -> Callable[[bytes], bool]:
    """Whether a message of our own form may hold the id, or be a lift, by its bytes; it is quicker than reading it.

    An id stands in JSON as it is, or has escapes.
    """
    wanted = needle.encode()
    return lambda value: wanted in value or b'"lift"' in value or b"\\" in value


def may_bear(value: bytes) -> bool:
    """Whether a message of our own form may be an insert with aliases, by its bytes."""
    return b'"aliases"' in value or b"\\" in value


def may_request(value: bytes) -> bool:
    """Whether a message of our own form may be a deletion or a lift, by its bytes."""
    return b'"delete"' in value or b'"lift"' in value or b"\\" in value
