"""Hands whole batches of records to a client of kafka-python 3.0.12, which sends them as those it fills by itself.

Only filling a batch is done here. Its producer id, epoch and sequence number, compression, checksum, sending, retries,
expiry and splitting are the client's, as are the errors. What is used of it is private: `tests/log_suite.py` reads back
what was sent so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

from kafka import KafkaProducer as Client
from kafka import TopicPartition
from kafka.errors import IllegalStateError, UnsupportedVersionError
from kafka.future import Future
from kafka.producer.future import FutureRecordMetadata
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecordsBuilder

from unlearn.log.kafka.errors import ABOUT_THE_RECORD
from unlearn.log.kafka.packing.packing import Packed, pack
from unlearn.log.protocol import Header, Message

__all__ = ["BatchSizes", "filled", "send_packed"]

_FORMAT = 2
_UNKNOWN = -1
_HEADER = DefaultRecordBatchBuilder.header_size_in_bytes()
_LARGE = 512 * 1024
"""Bytes of a batch before anything is known: half of what a topic takes where nothing else is said."""


class BatchSizes:
    """How large a topic's batches are made, by those that the broker found too large. A larger message goes alone."""

    def __init__(self) -> None:
        self._most: dict[str, int] = {}

    def most(self, topic: str) -> int:
        """Bytes of a batch at most."""
        return self._most.get(topic, _LARGE)

    def too_large(self, topic: str, size: int) -> None:
        """The broker refused a batch of `size` bytes for its size."""
        self._most[topic] = min(self.most(topic), size // 2)


def send_packed(
    client: Client,
    topic: str,
    partition: int,
    messages: Sequence[Message],
    headers: Sequence[Sequence[Header]],
    sizes: BatchSizes,
) -> Any:
    """The client's future of the messages' offsets (list[int]), done when all are acknowledged. At least one message.

    `headers`: those of each message; empty if none has any. Raises what the client's `send` does. A batch that is too
    large for the topic is split by the client, and noted in `sizes`.
    """
    accumulator = client._accumulator  # noqa: SLF001
    _check(client, topic, partition)
    tp, options = TopicPartition(topic, partition), accumulator.config
    packed = list(pack(messages, sizes.most(topic) - _HEADER, headers))
    client._ensure_valid_record_size(_HEADER + max(len(one.records) for one in packed))  # noqa: SLF001
    answer = _Answer(len(messages), len(packed), partial(sizes.too_large, topic))
    now = round(time.time() * 1000)
    firsts = accumulate((one.size for one in packed), initial=0)
    batches = [
        _Batch(tp, filled(one, now, options), now, answer, first) for one, first in zip(packed, firsts, strict=False)
    ]
    _append(accumulator, tp, batches)
    client._sender.wakeup()  # noqa: SLF001
    return answer.future


def _check(client: Client, topic: str, partition: int) -> None:
    """Raise what the client's `send` raises before it looks at a record."""
    if client._closed:  # noqa: SLF001
        raise IllegalStateError("KafkaProducer already closed!")
    if partition not in client.partitions_for(topic):
        raise ValueError(f"Unrecognized partition {partition} for topic {topic}")
    if client._accumulator.config["message_version"] != _FORMAT:  # noqa: SLF001
        raise UnsupportedVersionError("the broker doesn't take batches of format 2, which Kafka has since 0.11")


def filled(packed: Packed, now: int, options: Mapping[str, Any]) -> MemoryRecordsBuilder:
    """The client's own builder in the state in which it is after as many appends at `now`, in ms since 1970.

    `options`: the accumulator's.
    """
    records = MemoryRecordsBuilder(_FORMAT, options["compression_attrs"], options["batch_size"])
    builder = records._builder  # noqa: SLF001
    builder._buffer += packed.records  # noqa: SLF001
    builder._first_timestamp = builder._max_timestamp = now  # noqa: SLF001
    builder._num_records = records._next_offset = packed.size  # noqa: SLF001
    builder._last_offset = packed.size - 1  # noqa: SLF001
    return records


def _append(accumulator: Any, tp: TopicPartition, batches: list[_Batch]) -> None:
    """As the accumulator's own `append`, which counts those under way and locks the partition."""
    accumulator._appends_in_progress.increment()  # noqa: SLF001
    try:
        with accumulator._tp_lock(tp):  # noqa: SLF001
            if accumulator._closed:  # noqa: SLF001
                raise IllegalStateError("RecordAccumulator is closed")
            for batch in batches:
                accumulator._batches[tp].append(batch)  # noqa: SLF001
                accumulator._incomplete.add(batch)  # noqa: SLF001
    finally:
        accumulator._appends_in_progress.decrement()  # noqa: SLF001


class _Answer:
    """One future for several batches. Called from the client's thread alone, once they were handed over."""

    def __init__(self, messages: int, batches: int, too_large: Callable[[int], None]) -> None:
        self.future = Future()
        self.too_large = too_large
        """Is told the size of a batch that is split."""
        self.left = batches
        """Batches without an answer, and records of those that were split."""
        self._offsets = [_UNKNOWN] * messages

    def done(self, first: int, size: int, offset: int) -> None:
        """Messages from number `first` on, `size` of them, were written from `offset` on; -1: nobody knows where."""
        if offset != _UNKNOWN:
            self._offsets[first : first + size] = range(offset, offset + size)
        self.left -= 1
        if not self.left and not self.future.is_done:
            self.future.success(self._offsets)

    def failed(self, error: BaseException) -> None:
        if not self.future.is_done:
            self.future.failure(error)


class _Batch(ProducerBatch):  # type: ignore[misc]
    """A batch whose records are all there from the beginning."""

    def __init__(
        self, tp: TopicPartition, records: MemoryRecordsBuilder, now: int, answer: _Answer, first: int
    ) -> None:
        super().__init__(tp, records)
        self.first = first
        """The number of its first message among all of the answer's."""
        self._answer = answer
        self._record_futures = _RecordFutures(self, now, answer)
        self.produce_future.add_callback(self._produced)

    def try_append(self, *_: Any, **__: Any) -> None:
        """Take no further record: the client then makes another batch."""

    def _produced(self, result: tuple[int, int, Callable[[int], BaseException] | None]) -> None:
        offset, _, error_of = result
        if error_of is None:
            self._answer.done(self.first, self.record_count, offset)
        else:
            self._answer.failed(_worst([error_of(record) for record in range(self.record_count)]))


class _RecordFutures:
    """The futures of a batch's records, which the client asks for, in order, only where it has to split the batch."""

    def __init__(self, batch: _Batch, now: int, answer: _Answer) -> None:
        self._batch, self._now, self._answer = batch, now, answer

    def __len__(self) -> int:
        count: int = self._batch.record_count
        return count

    def __getitem__(self, record: int) -> FutureRecordMetadata:
        # The first record stands in for the batch, which is never answered itself once it is split.
        if record == 0:
            self._answer.too_large(self._batch.records.size_in_bytes())
        else:
            self._answer.left += 1
        number = self._batch.first + record
        found = FutureRecordMetadata(self._batch.produce_future, record, self._now, None, -1, -1, -1)
        found.add_callback(lambda metadata: self._answer.done(number, 1, metadata.offset))
        found.add_errback(self._answer.failed)
        return found


def _worst(errors: list[BaseException]) -> BaseException:
    """The error of a record that is at fault itself, if there is one; the broker names the others beside it."""
    return next((error for error in errors if isinstance(error, ABOUT_THE_RECORD)), errors[0])
