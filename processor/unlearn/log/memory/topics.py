"""The topics of a log in memory, without lag: what is appended is there at once.

Further methods cause what happens to a broker's topics: gaps, a log start that moves, a cut end, compaction, a topic
deleted and made again, a rebalance.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Protocol

from unlearn.errors import LogRefused, TopicMissing
from unlearn.log.memory.partition import Partition
from unlearn.log.protocol import Entry, Header, TopicSpec, Unreadable

__all__ = ["Member", "Topics", "wall_clock"]


def wall_clock() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Member(Protocol):
    """A member of a group."""

    topic: str
    group: str

    def take_over(self, partitions: range) -> None:
        """Replaces its assignment by a new one."""


class Topic:
    """A topic: how it was made, its id, its partitions."""

    def __init__(self, spec: TopicSpec) -> None:
        self.spec = spec
        self.id = uuid.uuid4().hex
        self.partitions = [Partition() for _ in range(spec.partitions)]


class Topics:
    """The topics of a log and the members of their groups; safe to use from several threads.

    `clock` gives the LogAppendTime in ms since 1970. Some methods cause what happens to a broker's topics.
    """

    def __init__(self, clock: Callable[[], int] = wall_clock) -> None:
        self.clock = clock
        self.changed = threading.Condition(threading.RLock())
        self.committed: dict[tuple[str, str], dict[int, int]] = {}
        self._topics: dict[str, Topic] = {}
        self._members: dict[tuple[str, str], list[Member]] = {}

    def topic_id(self, topic: str) -> str:
        return self._topic(topic).id

    def partitions(self, topic: str) -> int:
        return len(self._topic(topic).partitions)

    def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        with self.changed:
            return {number: (p.start, p.end) for number, p in enumerate(self._topic(topic).partitions)}

    def written(self, topic: str) -> dict[int, int]:
        # Nothing here is of a transaction.
        return {partition: end for partition, (_, end) in self.bounds(topic).items()}

    def offset_at(self, topic: str, partition: int, timestamp: int) -> int:
        with self.changed:
            place = self.partition(topic, partition)
            return next((entry.offset for entry in place.entries if entry.timestamp >= timestamp), place.end)

    def topic(self, name: str) -> TopicSpec | None:
        with self.changed:
            found = self._topics.get(name)
        return found.spec if found else None

    def create(self, spec: TopicSpec) -> bool:
        with self.changed:
            if spec.name in self._topics:
                return False
            self._topics[spec.name] = Topic(spec)
            self.changed.notify_all()
            return True

    def create_topic(self, topic: str, partitions: int) -> None:
        """Makes a topic without further settings; one that is there is left as it is."""
        self.create(TopicSpec(topic, partitions))

    def delete_topic(self, topic: str) -> None:
        """Deletes the topic, if it is there. Made again, it has another id and starts at offset 0."""
        with self.changed:
            self._topics.pop(topic, None)
            self.changed.notify_all()

    def gap(self, topic: str, partition: int, n: int) -> None:
        """Leaves `n` offsets without records at the end, as transaction markers do."""
        with self.changed:
            self.partition(topic, partition).end += n
            self.changed.notify_all()

    def truncate(self, topic: str, partition: int, start: int) -> None:
        """Moves the log's start, as retention does."""
        with self.changed:
            self.partition(topic, partition).truncate(start)
            self.changed.notify_all()

    def cut(self, topic: str, partition: int, end: int) -> None:
        """Takes acknowledged records back from the end, as an unclean election does."""
        with self.changed:
            self.partition(topic, partition).cut(end)
            self.changed.notify_all()

    def spoil(self, topic: str, partition: int, start: int, stop: int) -> None:
        """Makes what lies in [start, stop) unreadable, as a batch in an unknown codec is."""
        with self.changed:
            reason = f"the records at position {start} can't be decoded (spoilt)"
            self.partition(topic, partition).spoilt.append(Unreadable(start, stop, reason, intact=True))

    def compact(self, topic: str) -> None:
        """Keeps only the newest record of each key, and those without a key."""
        with self.changed:
            for partition in self._topic(topic).partitions:
                partition.compact()

    def rebalance(self, topic: str, group: str) -> None:
        """Gives every member of the group new assignments with new numbers."""
        with self.changed:
            members = self._members.get((topic, group), [])
            count = len(self._topics[topic].partitions) if topic in self._topics else 0
            for place, member in enumerate(members):
                member.take_over(range(place * count // len(members), (place + 1) * count // len(members)))
            self.changed.notify_all()

    def join(self, reader: Member) -> None:
        """Adds a member to its group, which rebalances."""
        with self.changed:
            self._members.setdefault((reader.topic, reader.group), []).append(reader)
            self.rebalance(reader.topic, reader.group)

    def leave(self, reader: Member) -> None:
        """Takes a member out of its group, which rebalances."""
        with self.changed:
            self._members[reader.topic, reader.group].remove(reader)
            self.rebalance(reader.topic, reader.group)

    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Sequence[Header]
    ) -> int:
        """Appends a record; gives its offset. Raises TopicMissing, and LogRefused where the record is larger than the
        topic takes or the topic has no such partition."""
        with self.changed:
            limit = int(self._topic(topic).spec.config.get("max.message.bytes", 2**31))
            size = len(key or b"") + len(value or b"")
            if size > limit:
                raise LogRefused(f"a record of {size} bytes is larger than topic {topic} takes ({limit})")
            place = self.partition(topic, partition)
            entry = Entry(partition, place.end, self.clock(), key, value, tuple(headers), 0)
            place.append(entry)
            self.changed.notify_all()
            return entry.offset

    def partition(self, topic: str, partition: int) -> Partition:
        """A partition of a topic. Raises TopicMissing, and LogRefused where the topic has no such partition."""
        partitions = self._topic(topic).partitions
        if not 0 <= partition < len(partitions):
            raise LogRefused(f"topic {topic} has no partition {partition}")
        return partitions[partition]

    def _topic(self, topic: str) -> Topic:
        with self.changed:
            found = self._topics.get(topic)
        if found is None:
            raise TopicMissing(f"there is no topic {topic}")
        return found
