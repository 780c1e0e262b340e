"""Reads what the client fetched (kafka-python 3.0.12), so that what can't be read is named and nothing hangs.

By itself the client goes on for ever looking for the record behind one that it failed on, and doesn't say where that
was.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.errors import OffsetOutOfRangeError, TopicAuthorizationFailedError, UnsupportedCodecError
from kafka.record.abc import ABCRecordBatch
from kafka.record.default_records import DefaultRecordBatch

from unlearn.log.kafka import codecs
from unlearn.log.protocol import Unreadable

__all__ = [
    "FORMAT",
    "SMALLEST_BATCH",
    "Batches",
    "CantFetch",
    "CantRead",
    "Records",
    "read_all_or_say_where",
    "take_turns",
]

FORMAT = 2
"""The format of batches since Kafka 0.11; a broker may still hold older ones."""
SMALLEST_BATCH: Final = DefaultRecordBatch.HEADER_STRUCT.size
"""Bytes of a batch of that format before its records."""
_TELLS_ENOUGH = (OffsetOutOfRangeError, TopicAuthorizationFailedError)


class CantRead(Exception):
    """The records of a partition from `found.start` on can't be decoded. The client has dropped what it held."""

    def __init__(self, tp: TopicPartition, found: Unreadable) -> None:
        super().__init__(found.reason)
        self.tp = tp
        self.found = found


class CantFetch(Exception):
    """The broker answers for a partition with an error that the client can't handle."""

    def __init__(self, tp: TopicPartition, offset: int, error: Exception) -> None:
        super().__init__(f"the records of {tp.topic}/{tp.partition} from {offset} on: {type(error).__name__}: {error}")


def read_all_or_say_where(reader: KafkaConsumer, largest_batch: int, records: type[Records]) -> None:
    """Make the consumer read by `records`, raise CantRead and CantFetch, and unpack at most `largest_batch` bytes of
    each batch."""
    codecs.install()
    fetcher = reader._fetcher  # noqa: SLF001
    fetcher.PartitionRecords = partial(records, largest_batch)
    fetcher._parse_fetched_data = partial(_parse, fetcher._parse_fetched_data)  # noqa: SLF001


def take_turns(reader: KafkaConsumer) -> None:
    """Have the client go on with other partitions than the one whose records it gave last; to be called before every
    poll, with the same care for errors.

    By itself it gives all that it fetched of one, and asks the broker for no other's meanwhile: beside a backlog, a
    deletion in another partition would wait for some 20,000 events. And it takes records up again that it set aside as
    their partition was paused only when it has no others in hand; it counts records that were read to the end as such.
    """
    fetcher = reader._fetcher  # noqa: SLF001
    last, others = fetcher._next_partition_records, fetcher._paused_partition_records  # noqa: SLF001
    if last and (others or fetcher._completed_fetches):  # noqa: SLF001
        others.pop(last.topic_partition, None)
        others[last.topic_partition] = last
        fetcher._next_partition_records = _next_fetched(fetcher)  # noqa: SLF001
    elif not last:
        fetcher._next_partition_records = None  # noqa: SLF001


def _next_fetched(fetcher: Fetcher) -> Any:
    """What was fetched longest ago and isn't read yet, of a partition that isn't paused. Where it is None, the client
    goes on with what was set aside longest ago."""
    waiting = fetcher._completed_fetches  # noqa: SLF001
    while waiting:
        fetch = waiting.popleft()
        if not fetcher._subscriptions.is_paused(fetch.topic_partition):  # noqa: SLF001
            return fetcher._parse_fetched_data(fetch)  # noqa: SLF001
        fetcher._paused_completed_fetches[fetch.topic_partition] = fetch  # noqa: SLF001
    return None


def _parse(parse: Any, fetch: Any) -> Any:
    try:
        return parse(fetch)
    except _TELLS_ENOUGH:
        raise
    except Exception as error:
        raise CantFetch(fetch.topic_partition, fetch.fetched_offset, error) from error


class Batches:
    """The batches of one fetch; remembers the one in hand."""

    def __init__(self, records: Any) -> None:
        self._records = records
        self.batch: Any = None

    def next_batch(self) -> Any:
        self.batch = None
        self.batch = self._next()
        return self.batch

    def next_start(self) -> int | None:
        """The offset of the batch behind the one in hand; None where none is there, or it isn't what was written: after
        a wrong length any bytes may stand for one."""
        following = self._records._next_slice  # noqa: SLF001
        if following is None or len(following) < SMALLEST_BATCH:
            return None
        behind = DefaultRecordBatch(following)
        return int(behind.base_offset) if behind.magic == FORMAT and behind.validate_crc() else None

    def _next(self) -> Any:
        return self._records.next_batch()


class Records(Fetcher.PartitionRecords):  # type: ignore[misc]
    """What was fetched of one partition; read on the thread that polls."""

    batches_of = Batches

    def __init__(self, largest_batch: int, start: int, tp: TopicPartition, records: Any, **more: Any) -> None:
        self._largest_batch = largest_batch
        self._batches = self.batches_of(records)
        super().__init__(start, tp, self._batches, **more)

    def take(self, n: int | None = None) -> Any:
        try:
            with codecs.unpacking_at_most(self._largest_batch):
                return self._taken(n)
        except Exception as error:
            # First: the client would go on for ever looking into what it still holds, whatever is raised here.
            self.drain()
            found = _unreadable(self.next_fetch_offset, self._batches, error)
            if isinstance(error, UnsupportedCodecError):
                codecs.require_codecs()  # what isn't installed here is no fault of the records
            raise CantRead(self.topic_partition, found) from error

    def _taken(self, n: int | None) -> Any:
        return super().take(n)


def _unreadable(position: int, batches: Batches, error: Exception) -> Unreadable:
    batch = batches.batch
    if not isinstance(batch, ABCRecordBatch):
        # There is none, or what is in hand stands for many that were checked.
        return Unreadable(position, position + 1, _said(position, error))
    intact = bool(batch._decompressed or batch.validate_crc())  # noqa: SLF001
    since = batch.max_timestamp if intact and batch.magic >= FORMAT else 0
    return Unreadable(position, _stop(position, batches, intact), _said(position, error), max(0, since), intact)


def _stop(position: int, batches: Batches, intact: bool) -> int:
    """Where the batch in hand ends.

    What the batch says of itself counts where its checksum is right or two of its fields agree. No record behind the
    batch is ever passed over.
    """
    batch, behind = batches.batch, None if intact else batches.next_start()
    stop: int
    if batch.magic < FORMAT:
        stop = batch.base_offset + 1
    elif intact or batch.records_count == batch.last_offset_delta + 1:
        stop = batch.next_offset
    else:
        stop = behind or 0
    if behind is not None:
        stop = min(stop, behind)
    return max(stop, position + 1)


def _said(position: int, error: Exception) -> str:
    """The reason in words, without the client's own, which may hold some of the payload."""
    why = str(error) if isinstance(error, codecs.UnpacksTooFar) else type(error).__name__
    return f"the records at position {position} can't be decoded ({why})"
