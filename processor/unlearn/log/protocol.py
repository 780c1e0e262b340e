"""What the processor asks of a log: topics, a group reader, a tail, a producer.

Two implementations keep it: `unlearn.log.kafka.log` (a broker) and `unlearn.log.memory.log` (this process).
Offsets have gaps (transaction markers, compaction), so every batch is an interval of fetch positions.
No call blocks without bound: each ends within its timeout, or within the request timeout of the settings.
Unless said otherwise a call raises LogUnavailable when the cluster gives no answer, TopicMissing when the
topic isn't there, LogDenied while the cluster refuses rights or the login, and LogRefused when it answers no to
what was asked (sizes, names).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from unlearn.errors import UnlearnError

if TYPE_CHECKING:
    from unlearn.log.columns import RecordColumns

Header = tuple[str, bytes | None]
Message = tuple[bytes | None, bytes | None]
"""A key and a value, at least one of them."""


def delivery_timeout(request_timeout: float) -> float:
    """How long after it is sent a record is acknowledged, or failed for good (in the unit of `request_timeout`).

    Its producer doesn't send it again afterwards; what is on the wire by then may still be written.
    """
    return 2 * request_timeout


class Record(Protocol):
    """One message as read. A protocol, so that a client's own record object passes through uncopied.

    `timestamp` is in ms since 1970 UTC (LogAppendTime). `leader_epoch` is -1 where unknown.
    A header's value may be None, and names may repeat.
    """

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[Header]: ...
    @property
    def leader_epoch(self) -> int: ...


class Entry(NamedTuple):
    """A Record that this program makes itself, for the log in memory and for tests."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header] = ()
    leader_epoch: int = -1


class Batch(NamedTuple):
    """The interval [start, stop) of fetch positions of one partition, and what lies in it.

    `records` are in offset order, start <= offset < stop. It is empty where the position moved past markers
    or compacted offsets alone. The next batch of the same assignment starts at this one's `stop`.
    """

    records: Sequence[Record]
    start: int
    stop: int


class Unreadable(NamedTuple):
    """A run of offsets [start, stop) whose records can't be decoded: the rest of the batch that `start` is in.

    since   when the batch was appended, in ms since 1970 UTC; 0 where it can't tell
    intact  the batch is as its producer sent it (its checksum is right)
    """

    start: int
    stop: int
    reason: str
    since: int = 0
    intact: bool = False


class Polled(NamedTuple):
    """What one poll found.

    batches   by partition; only of partitions sought since their assignment
    assigned  partition -> assignment number, of all partitions held when the poll returned. Numbers grow and
              are never used twice by a reader; a changed number is a new assignment, to be sought again
    lost      partition -> why its position is outside of the log, or can't be read. Repeated at every poll until
              the partition is sought again; nothing is fetched for it, the others go on
    """

    batches: Mapping[int, Batch]
    assigned: Mapping[int, int]
    lost: Mapping[int, str]


class Reader(Protocol):
    """One member of a consumer group on one topic. All calls come from one thread."""

    def poll(self, timeout: float, max_records: int) -> Polled:
        """Waits up to `timeout` seconds for anything to report; 0 looks at what is there.

        At most `max_records` records over all partitions, which take turns: none waits until all that was fetched of
        another is read. An outage is an empty answer, not an error: the client reconnects by itself. So is a topic that
        was deleted meanwhile, and so are rights that were taken away: see `trouble`.
        """
        ...

    @property
    def unreadable(self) -> Mapping[int, Unreadable]:
        """For partitions of the last poll's `lost` that can't be read: the run of offsets that can't."""
        ...

    @property
    def trouble(self) -> str:
        """Why the last poll could read nothing, or the last commit was denied, such as a right that was taken away;
        both are tried again. Empty where all goes well."""
        ...

    @property
    def joined(self) -> bool:
        """Whether the group has told it its partitions, be it none."""
        ...

    def seek(self, partition: int, offset: int) -> None:
        """Starts (or restarts) fetching at `offset`. Drops what was fetched before; clears `lost`.

        Ignored when the assignment that the last poll told of is gone: the next poll's `assigned` tells.
        """
        ...

    def pause(self, partition: int) -> None:
        """Stops batches of the partition until `resume`; its position stays. Ignored when it isn't assigned.

        A pause lasts through a seek, and ends with the assignment.
        """
        ...

    def resume(self, partition: int) -> None:
        """Undoes `pause`. Ignored when not assigned; never starts a partition that was not sought."""
        ...

    def commit(self, positions: Mapping[int, int]) -> None:
        """Tells the group how far each partition is, for lag tools only. Asynchronous.

        Never raises: partitions not assigned are left out, a failed commit is logged and forgotten.
        """
        ...

    def close(self) -> None:
        """Leaves the group. Safe to repeat; bounded in time."""
        ...


class Tail(Protocol):
    """Follows partition 0 of a one-partition topic from its start, without a group. One thread."""

    def poll(self, timeout: float) -> list[Record]:
        """The next records in offset order; [] after `timeout` seconds without any.

        Raises LogDiverged when the position is outside of the log (truncated, or made again), or can't be read
        though it may be ours. What others put there and can't be decoded is passed over.
        An outage is an empty answer, and so are rights that were taken away: see `trouble`.
        """
        ...

    @property
    def trouble(self) -> UnlearnError | None:
        """Why the last poll could read nothing: LogDenied for want of rights, LogUnavailable; None if it could, and
        while waiting may help."""
        ...

    @property
    def position(self) -> int:
        """All records below it have been returned. Moves past gaps and markers too."""
        ...

    def end(self) -> int:
        """The end offset now, asked of the cluster: caught up when `position >= end()` taken earlier."""
        ...

    def close(self) -> None:
        """Stops following the topic, and closes its connections."""
        ...


class Follower(Protocol):
    """Follows partitions of a topic without a group, each from a given offset on. One thread."""

    def poll(self, timeout: float) -> Mapping[int, Sequence[Record]]:
        """Partition -> its next records in offset order, on a broker as `RecordColumns`; {} after `timeout` seconds
        without any.

        What retention has taken is passed over, and so is what can't be decoded, with a line in the program's log. An
        outage is an empty answer, and so are rights that were taken away. Raises LogDiverged when a position is outside
        of the log (truncated, or made again).
        """
        ...

    @property
    def positions(self) -> Mapping[int, int]:
        """Partition -> all records below have been returned. They move past gaps and markers too."""
        ...

    def ends(self) -> Mapping[int, int]:
        """Partition -> its end now, asked of the cluster."""
        ...

    def close(self) -> None:
        """Stops following, and closes its connections."""
        ...


class Producer(Protocol):
    """Sends to given partitions: acknowledged by all in-sync replicas, in order, without duplicates.
    Safe to use from several threads."""

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[Header] = (),
    ) -> Future[int]:
        """A future of the record's offset. Never raises: errors come by the future: LogUnavailable,
        TopicMissing, LogRefused. None of them proves that the record was not written: one that is refused
        takes those in flight beside it along.

        Callbacks of the future run on the client's thread and must not block.
        """
        ...

    def send_batch(
        self, topic: str, partition: int, messages: Sequence[Message], headers: Sequence[Sequence[Header]] = ()
    ) -> Future[list[int]]:
        """As `send` for each of the messages in order, at least one, at a fraction of its cost.

        `headers`: those of each message; empty if none has any. A future of all offsets in order, done when all are
        acknowledged; other producers' records may stand between them. Its error doesn't say which of them were
        written, nor which is at fault.
        """
        ...

    def flush(self, timeout: float) -> None:
        """Waits until all sent before is answered. Raises the first error of the sends answered since the
        last flush, and LogUnavailable if something has no answer after `timeout` seconds."""
        ...

    def close(self) -> None:
        """Sends out what it can within the request timeout. Safe to repeat."""
        ...


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be made: `config` holds the broker's names and values, as text.

    `replicas` of each partition; of a topic as it is, those of the partition that has fewest. None when it is
    made: the cluster's default.
    """

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)
    replicas: int | None = None


class Log(Protocol):
    """One cluster. Safe to use from several threads; what it hands out is not."""

    def cluster_id(self) -> str:
        """The id of the cluster, which no other cluster has."""
        ...

    def brokers(self) -> int:
        """How many brokers the cluster has now."""
        ...

    def topic_id(self, topic: str) -> str:
        """The id of this very topic; a topic that is deleted and made again has another."""
        ...

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has now."""
        ...

    def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        """Partition -> (log start, end). The end is the last stable offset, which readers reach."""
        ...

    def written(self, topic: str) -> dict[int, int]:
        """Partition -> the offset behind its last record, which readers reach once no transaction is open before it."""
        ...

    def offset_at(self, topic: str, partition: int, timestamp: int) -> int:
        """The offset of the first record whose timestamp is at or after this one, in ms since 1970 UTC; the end where
        there is none."""
        ...

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[Record]:
        """The records of the interval [start, stop) in order, by a consumer of its own, without a group.

        Gaps are passed over; what the log no longer has (below its start) or does not have yet (at or beyond
        its end when the call is made) is left out: compare with `bounds` where that matters. Lazy: close the
        generator or run it out to free its consumer. Raises LogUnavailable when nothing moves for the
        request timeout, LogUnreadable at what can't be decoded.
        """
        ...

    def read_columns(self, topic: str, partition: int, start: int, stop: int) -> Iterator[RecordColumns]:
        """The same records as `read`, as columns of many each, at a tenth of the cost; never an empty one."""
        ...

    def reader(self, topic: str, group: str, *, columns: bool = False) -> Reader:
        """A new member of the group; it joins at its first polls.

        With `columns` the records of its batches are a `RecordColumns` (`unlearn.log.columns`).
        """
        ...

    def tail(self, topic: str) -> Tail:
        """A tail of the topic, from its start."""
        ...

    def follow(self, topic: str, starts: Mapping[int, int]) -> Follower:
        """A follower of these partitions of the topic, each from its offset on."""
        ...

    def producer(self) -> Producer:
        """A new producer, for any topics of the cluster."""
        ...

    def topic(self, name: str) -> TopicSpec | None:
        """The topic as it is, with its whole configuration in force; None where there is none."""
        ...

    def create(self, spec: TopicSpec) -> bool:
        """Makes the topic; False when it is there already (left as it is)."""
        ...

    def close(self) -> None:
        """Closes the log's own connections; each reader, tail and producer is closed on its own."""
        ...
