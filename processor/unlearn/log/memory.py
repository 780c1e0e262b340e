"""A log inside this process: for simulation, tests, and a demo on a machine without a broker.

It keeps the protocol without lag: what is sent is there at once. Further methods cause what happens to a broker's
topics: gaps, a log start that moves, a cut end, compaction, a topic deleted and made again, a rebalance.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future

from unlearn.errors import LogDiverged, LogRefused, LogUnavailable, LogUnreadable, TopicMissing, UnlearnError
from unlearn.log.columns import RecordColumns, columns_of
from unlearn.log.joined import all_of
from unlearn.log.memory_partition import Partition
from unlearn.log.protocol import Batch, Entry, Header, Message, Polled, Record, TopicSpec, Unreadable

READ_CHUNK = 2000


def wall_clock() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Topic:
    """A topic: how it was made, its id, its partitions."""

    def __init__(self, spec: TopicSpec) -> None:
        self.spec = spec
        self.id = uuid.uuid4().hex
        self.partitions = [Partition() for _ in range(spec.partitions)]


class MemoryLog:
    """A log in memory; safe to use from several threads. `clock` gives the LogAppendTime in ms since 1970."""

    def __init__(self, clock: Callable[[], int] = wall_clock) -> None:
        self.clock = clock
        self.changed = threading.Condition(threading.RLock())
        self.committed: dict[tuple[str, str], dict[int, int]] = {}
        self._cluster = uuid.uuid4().hex
        self._topics: dict[str, Topic] = {}
        self._members: dict[tuple[str, str], list[MemoryReader]] = {}

    def cluster_id(self) -> str:
        return self._cluster

    def brokers(self) -> int:
        return 1

    def topic_id(self, topic: str) -> str:
        return self._topic(topic).id

    def partitions(self, topic: str) -> int:
        return len(self._topic(topic).partitions)

    def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        with self.changed:
            return {number: (p.start, p.end) for number, p in enumerate(self._topic(topic).partitions)}

    def offset_at(self, topic: str, partition: int, timestamp: int) -> int:
        with self.changed:
            place = self.partition(topic, partition)
            return next((entry.offset for entry in place.entries if entry.timestamp >= timestamp), place.end)

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[Record]:
        for found in self._read(topic, partition, start, stop):
            yield from found

    def read_columns(self, topic: str, partition: int, start: int, stop: int) -> Iterator[RecordColumns]:
        return (columns_of(partition, found) for found in self._read(topic, partition, start, stop))

    def _read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[Sequence[Record]]:
        with self.changed:
            stop = min(stop, self.partition(topic, partition).end)
        while start < stop:
            with self.changed:
                place = self.partition(topic, partition)
                spoilt = place.spoilt_from(start)
                found = place.slice(start, min(stop, spoilt.start) if spoilt else stop, READ_CHUNK)
            if not found and spoilt and max(start, spoilt.start) < stop:
                raise LogUnreadable(f"{topic}/{partition}: {spoilt.reason}", max(start, spoilt.start))
            if found:
                yield found
            start = found[-1].offset + 1 if found else stop

    def reader(self, topic: str, group: str, *, columns: bool = False) -> MemoryReader:
        self._topic(topic)
        return MemoryReader(self, topic, group, columns=columns)

    def tail(self, topic: str) -> MemoryTail:
        return MemoryTail(self, topic)

    def follow(self, topic: str, starts: Mapping[int, int]) -> MemoryFollower:
        return MemoryFollower(self, topic, starts)

    def producer(self) -> MemoryProducer:
        return MemoryProducer(self)

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

    def close(self) -> None:
        """Does nothing: readers, tails and producers can still be used."""

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

    def join(self, reader: MemoryReader) -> None:
        """Adds a member to its group, which rebalances."""
        with self.changed:
            self._members.setdefault((reader.topic, reader.group), []).append(reader)
            self.rebalance(reader.topic, reader.group)

    def leave(self, reader: MemoryReader) -> None:
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


class MemoryReader:
    """A member of a group, which it joins when made. It learns of a rebalance only when it polls."""

    def __init__(self, log: MemoryLog, topic: str, group: str, *, columns: bool = False) -> None:
        self.topic = topic
        self.group = group
        self._log = log
        self._number = 0
        self._assigned: dict[int, int] = {}
        self._told: dict[int, int] = {}
        self._positions: dict[int, int] = {}
        self._paused: set[int] = set()
        self._closed = False
        self._columns = columns
        self.trouble = ""
        log.join(self)

    def take_over(self, partitions: range) -> None:
        """Replaces the assignment by a new one; the log calls this under its lock."""
        self._assigned = {partition: self._number + 1 + i for i, partition in enumerate(partitions)}
        self._number += len(partitions)
        self._positions = {}
        self._paused = set()

    def poll(self, timeout: float, max_records: int) -> Polled:
        if self._closed:
            raise LogUnavailable("the reader is closed")
        with self._log.changed:
            self._log.changed.wait_for(self._has_news, timeout)
            lost = self._lost()
            self._told = dict(self._assigned)
            return Polled(self._take(max_records), self._told, lost)

    def seek(self, partition: int, offset: int) -> None:
        with self._log.changed:
            if self._is_known(partition):
                self._positions.pop(partition, None)
                self._positions[partition] = offset

    def pause(self, partition: int) -> None:
        with self._log.changed:
            if self._is_known(partition):
                self._paused.add(partition)

    def resume(self, partition: int) -> None:
        with self._log.changed:
            self._paused.discard(partition)

    def commit(self, positions: Mapping[int, int]) -> None:
        with self._log.changed:
            kept = {p: offset for p, offset in positions.items() if self._is_known(p)}
            self._log.committed.setdefault((self.topic, self.group), {}).update(kept)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._log.leave(self)

    def _is_known(self, partition: int) -> bool:
        """Whether the partition is held by the assignment that the last poll told of."""
        return partition in self._assigned and self._assigned[partition] == self._told.get(partition)

    def _has_news(self) -> bool:
        if self._told != self._assigned or self._lost():
            return True
        return any(self._places()[p].end > self._positions[p] for p in self._running())

    def _places(self) -> list[Partition]:
        try:
            count = self._log.partitions(self.topic)
        except TopicMissing:
            return []
        return [self._log.partition(self.topic, number) for number in range(count)]

    def _lost(self) -> dict[int, str]:
        places = self._places()
        reasons = {p: places[p].why_lost(at) for p, at in self._positions.items() if p < len(places)}
        return {p: reason for p, reason in reasons.items() if reason is not None} | {
            partition: run.reason for partition, run in self.unreadable.items()
        }

    @property
    def unreadable(self) -> dict[int, Unreadable]:
        places = self._places()
        found = {p: places[p].spoilt_from(at) for p, at in self._positions.items() if p < len(places)}
        return {
            p: run._replace(start=at) for p, run in found.items() if run and run.start <= (at := self._positions[p])
        }

    def _running(self) -> list[int]:
        """Partitions to take batches from: sought, within the log, not paused; the one that waited longest comes
        first."""
        places = len(self._places())
        stopped = self._paused | self._lost().keys()
        return [p for p in self._positions if p not in stopped and p < places]

    def _take(self, most: int) -> dict[int, Batch]:
        batches: dict[int, Batch] = {}
        places = self._places()
        for partition in self._running():
            batch = _batch(places[partition], self._positions[partition], most)
            most -= len(batch.records)
            if batch.stop > batch.start:
                batches[partition] = self._in_its_form(partition, batch)
                del self._positions[partition]
                self._positions[partition] = batch.stop
        return batches

    def _in_its_form(self, partition: int, batch: Batch) -> Batch:
        return batch._replace(records=columns_of(partition, batch.records)) if self._columns else batch


def _batch(place: Partition, start: int, most: int) -> Batch:
    spoilt = place.spoilt_from(start)
    end = spoilt.start if spoilt else place.end
    found = place.slice(start, end, most)
    full = len(found) == most
    stop = found[-1].offset + 1 if found and full else start if full else end
    return Batch(found, start, stop)


class MemoryTail:
    """A tail of a topic of a MemoryLog."""

    def __init__(self, log: MemoryLog, topic: str) -> None:
        self._log = log
        self._topic = topic
        self._id = log.topic_id(topic)
        self._position = log.bounds(topic)[0][0]

    def poll(self, timeout: float) -> list[Record]:
        with self._log.changed:
            self._log.changed.wait_for(lambda: self.end() != self._position, timeout)
            place = self._log.partition(self._topic, 0)
            reason = place.why_lost(self._position)
            if reason or self._log.topic_id(self._topic) != self._id:
                raise LogDiverged(f"topic {self._topic}: {reason or 'it was made again'}")
            found: list[Record] = list(place.slice(self._position, place.end, len(place.entries)))
            self._position = place.end
            return found

    @property
    def position(self) -> int:
        return self._position

    def end(self) -> int:
        return self._log.bounds(self._topic)[0][1]

    def close(self) -> None:
        """Does nothing: there is no connection."""


class MemoryFollower:
    """A follower of partitions of a topic of a MemoryLog."""

    def __init__(self, log: MemoryLog, topic: str, starts: Mapping[int, int]) -> None:
        self._log, self._topic, self._id = log, topic, log.topic_id(topic)
        self._positions = dict(starts)

    def poll(self, timeout: float) -> dict[int, Sequence[Record]]:
        with self._log.changed:
            self._log.changed.wait_for(lambda: self.ends() != self._positions, timeout)
            found = {partition: self._take(partition) for partition in self._positions}
            return {partition: records for partition, records in found.items() if records}

    def _take(self, partition: int) -> list[Record]:
        place, start = self._log.partition(self._topic, partition), self._positions[partition]
        if self._log.topic_id(self._topic) != self._id or start > place.end:
            raise LogDiverged(f"topic {self._topic}: it was made again, or cut")
        self._positions[partition] = place.end
        return [*place.slice(max(start, place.start), place.end, len(place.entries))]

    @property
    def positions(self) -> Mapping[int, int]:
        return self._positions

    def ends(self) -> dict[int, int]:
        return {partition: self._log.bounds(self._topic)[partition][1] for partition in self._positions}

    def close(self) -> None:
        """Does nothing: there is no connection."""


class MemoryProducer:
    """A producer of a MemoryLog: each send is answered at once."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._failed: UnlearnError | None = None
        self._closed = False

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[Header] = (),
    ) -> Future[int]:
        answer: Future[int] = Future()
        try:
            if self._closed:
                raise LogUnavailable("the producer is closed")
            answer.set_result(self._log.append(topic, partition, key, value, headers))
        except UnlearnError as error:
            self._failed = self._failed or error
            answer.set_exception(error)
        return answer

    def send_batch(
        self, topic: str, partition: int, messages: Sequence[Message], headers: Sequence[Sequence[Header]] = ()
    ) -> Future[list[int]]:
        each = headers or [()] * len(messages)
        return all_of([self.send(topic, partition, *one, of) for one, of in zip(messages, each, strict=True)])

    def flush(self, timeout: float) -> None:
        failed, self._failed = self._failed, None
        if failed:
            raise failed

    def close(self) -> None:
        self._closed = True
