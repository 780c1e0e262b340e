"""Consumers with the settings that every reading of ours needs, and how one that can't go on is told."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import kafka.errors as kafka_errors
from kafka import KafkaConsumer, TopicPartition

from processor.log.kafka_errors import translated

LOG = logging.getLogger(__name__)
OUT_OF_RANGE = "position {} is outside of the log"
TRUNCATED = "records before position {} were taken back by the cluster"
UNREADABLE = "the records at position {} can't be decoded ({})"

SAFE = {
    "auto_offset_reset": "none",
    "enable_auto_commit": False,
    "isolation_level": "read_committed",
    "allow_auto_create_topics": False,
    "check_crcs": True,
    "metrics_enabled": False,
    "max_partition_fetch_bytes": 4 * 1024 * 1024,
    "reconnect_backoff_max_ms": 1000,
    # Partitions that were added hold deletions too: 5 minutes would be long for them.
    "metadata_max_age_ms": 30_000,
}


def consumer(client: Mapping[str, Any], **more: Any) -> KafkaConsumer:
    """A consumer that never resets, commits or creates anything by itself."""
    timeout = client["request_timeout_ms"]
    with translated("connecting"):
        return KafkaConsumer(**SAFE, **client, bootstrap_timeout_ms=timeout, **more)


def why_stopped(error: Exception, reader: KafkaConsumer) -> dict[TopicPartition, str]:
    """The partitions that `error`, raised by a poll, says can't go on, and why; {} when none is to blame."""
    if isinstance(error, kafka_errors.OffsetOutOfRangeError):
        return {tp: OUT_OF_RANGE.format(at) for tp, at in error.args[0].items()}
    if isinstance(error, kafka_errors.LogTruncationError):
        return {tp: TRUNCATED.format(reader.position(tp, timeout_ms=0)) for tp in error.divergent_offsets}
    if isinstance(error, kafka_errors.KafkaError) and not isinstance(error, kafka_errors.CorruptRecordError):
        return {}
    return _drop_unreadable(error, reader)


def _drop_unreadable(error: Exception, reader: KafkaConsumer) -> dict[TopicPartition, str]:
    """The client would look for the next record behind the one it failed on, for ever: its buffer must go.
    It has no public way to say which partition failed."""
    buffer = reader._fetcher._next_partition_records  # noqa: SLF001
    if not buffer:
        return {}
    buffer.drain()
    return {buffer.topic_partition: UNREADABLE.format(buffer.next_fetch_offset, type(error).__name__)}
