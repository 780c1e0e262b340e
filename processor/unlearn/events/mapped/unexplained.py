"""What a message holds beside that which a mapping explains, and what that may say.

A mapping names where fields are; other parts may say deletion all the same, or hold a field of ours under a name that
the mapping doesn't know. What guards plain events in `other_words` and `near_misses` guards these parts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from unlearn.events.event import Delete, Insert
from unlearn.events.mapped.message import At, Message
from unlearn.events.possible_deletions.near_misses import near_miss
from unlearn.events.possible_deletions.other_words import says_deletion

__all__ = ["missed_field", "tells_deletion"]

Pair = tuple[str, object]
_OURS = frozenset((*Insert.model_fields, *Delete.model_fields))


def tells_deletion(message: Message, passed: Collection[At]) -> bool:
    """Whether a part of the value that isn't explained says deletion, at any depth."""
    return says_deletion(_pairs(message.value, (), message.used | set(passed)))


def missed_field(message: Message, ours: dict[str, Any], known: Collection[str], passed: Collection[At]) -> str:
    """One of the `known` fields that another name, beside those that were found, looks like; empty where none does.

    `ours`: the event so far.
    """
    explained = message.used | set(passed)
    # Positions that hold something explained, and the explained ones.
    holders = {at[:length] for at in explained for length in range(len(at) + 1)}
    parents = {at[:-1] for at in message.used if at}
    beside = [pair for at in parents for pair in _beside(message.value, at, holders)]
    found: list[Pair] = list(ours.items())
    if near_miss(ours["type"], [*found, *beside]) is None:
        return ""
    fields = (near_miss(ours["type"], [*found, pair]) for pair in beside)
    return next((field for field in fields if field is not None and field in known), "")


def _pairs(value: Any, at: At, explained: Collection[At]) -> Iterator[Pair]:
    members: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(value, dict):
        members = iter(value.items())
    elif isinstance(value, list):
        members = iter(enumerate(value))
    for name, member in members:
        place = (*at, name)
        if place in explained:
            continue
        if isinstance(name, str):
            yield name, member
        yield from _pairs(member, place, explained)


def _beside(whole: Any, at: At, holders: Collection[At]) -> Iterator[Pair]:
    """The members of the object at a position that neither are explained nor hold what is, but for names of ours: what
    a mapping takes from elsewhere is none of an event's."""
    for step in at:
        whole = whole[step]
    if not isinstance(whole, dict):
        return
    for name, member in whole.items():
        if (*at, name) not in holders and name not in _OURS:
            yield name, str(member) if type(member) is int else member
