"""A partition's versions, as the history and the newest manifests tell them, and which of them held a row. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from unlearn.results.history import NOTHING_TOLD, PublishedVersion, ShardRows, tell
from unlearn.results.manifest import Manifest

__all__ = ["Held", "Row", "Seen", "Version", "held_by", "told_of", "versions_of"]


class Version(NamedTuple):
    """One version. `follows`: whether no other one can lie between it and the one before it in the list.

    `counter`: of the token of the owner that published it.
    """

    version: int
    at: str | None
    applied: int
    shards: Mapping[int, ShardRows]
    follows: bool
    counter: int

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return sum(entry.rows for entry in self.shards.values())


class Row(NamedTuple):
    """A row of a partition: where it stands, and the offset of the event that killed it (None: it lives)."""

    shard: int
    slot: int
    death: int | None


class Seen(NamedTuple):
    """A version that is named. `exact`: whether it is sure that it is this one, and none that isn't known."""

    version: int
    at: str | None
    exact: bool


class Held(NamedTuple):
    """Which versions held a row.

    first    the first that held it; None if none is known that did
    last     the last that held it; None if none did, or the newest version still does
    without  the first after the last that held it
    known    whether there is no version of the row's time that isn't known
    """

    first: Seen | None
    last: Seen | None
    without: Seen | None
    known: bool


def told_of(recent: Iterable[tuple[int, Manifest]]) -> list[PublishedVersion]:
    """What the history says, or will say, of manifests (results offset, manifest) between which none is left out."""
    chain, told = NOTHING_TOLD, list[PublishedVersion]()
    for version, manifest in recent:
        chain, message = tell(chain, version, manifest)
        told += [] if message is None else [message]
    return told


def versions_of(messages: Iterable[PublishedVersion]) -> list[Version]:
    """The versions of one partition, in order. What rests on a message that isn't there is left out."""
    shards: dict[int, Mapping[int, ShardRows]] = {}
    kept: dict[int, PublishedVersion] = {}
    after: dict[int, int] = {}
    for message in sorted(messages, key=lambda message: (message.version, not message.full)):
        base = shards.get(message.after) if message.after is not None else None
        if not message.full and base is None:
            continue
        if message.version not in shards:
            changed = {entry.shard: entry for entry in message.shards}
            shards[message.version] = changed if message.full else {**(base or {}), **changed}
            kept[message.version] = message
        if message.after is not None:
            after[message.version] = min(message.after, after.get(message.version, message.after))
    follows = _following(list(kept), after)
    return [Version(v, told.at, told.applied, shards[v], follows[v], told.counter) for v, told in kept.items()]


def _following(versions: Sequence[int], after: Mapping[int, int]) -> dict[int, bool]:
    """Version -> whether some message vouches for all between it and the one before: it or a later one reaches back."""
    found = dict.fromkeys(versions, False)
    reached = float("inf")
    for before, version in reversed(list(pairwise(versions))):
        reached = min(reached, after.get(version, reached))
        found[version] = reached <= before
    return found


def held_by(versions: Sequence[Version], row: Row) -> Held:
    """Which of a partition's versions, in order, held the row."""
    holding = [at for at, version in enumerate(versions) if _holds(version, row)]
    known = _all_known(versions, row)
    if not holding:
        return Held(None, None, None, known)
    first, last = holding[0], holding[-1]
    begins = _seen(versions[first], exact=versions[first].follows)
    if last + 1 == len(versions):
        return Held(begins, None, None, known)
    follows = versions[last + 1].follows
    return Held(begins, _seen(versions[last], exact=follows), _seen(versions[last + 1], exact=follows), known)


def _holds(version: Version, row: Row) -> bool:
    entry = version.shards.get(row.shard)
    return entry is not None and row.slot < entry.through and (row.death is None or row.death >= version.applied)


def _seen(version: Version, *, exact: bool) -> Seen:
    return Seen(version.version, version.at, exact)


def _all_known(versions: Sequence[Version], row: Row) -> bool:
    """Whether all versions are known from one that has not applied the row on, to one that has applied its death."""
    began = [at for at, version in enumerate(versions) if version.applied <= row.slot]
    start = began[-1] if began else 0
    ended = [at for at, version in enumerate(versions) if row.death is not None and version.applied > row.death]
    stop = ended[0] if ended else len(versions) - 1
    return bool(began) and all(version.follows for version in versions[start + 1 : stop + 1])
