"""Consumers with the settings that every reading here needs, and what their errors mean."""

from __future__ import annotations

import logging
from typing import Any

import kafka.errors as kafka_errors
from kafka import KafkaConsumer, TopicPartition

from unlearn.errors import LogUnavailable, UnlearnError
from unlearn.log.kafka.connect import connected
from unlearn.log.kafka.errors import DENIED, translate
from unlearn.log.kafka.records import CantRead, Records, read_all_or_say_where
from unlearn.log.kafka.timeouts import let_go_of_frames
from unlearn.settings import KafkaSettings

_log = logging.getLogger(__name__)
OUT_OF_RANGE = "position {} is outside of the log"
TRUNCATED = "records before position {} were taken back by the cluster"

SAFE: dict[str, Any] = {
    "auto_offset_reset": "none",
    "enable_auto_commit": False,
    "isolation_level": "read_committed",
    "allow_auto_create_topics": False,
    "check_crcs": True,
    "metrics_enabled": False,
    "max_partition_fetch_bytes": 4 * 1024 * 1024,
    "reconnect_backoff_max_ms": 1000,
    # Partitions that were added hold deletions too: the default of 5 minutes would be long for them.
    "metadata_max_age_ms": 30_000,
}


def consumer(settings: KafkaSettings, *, columns: bool = False, **more: Any) -> KafkaConsumer:
    """A consumer that never resets, commits or creates anything by itself.

    With `columns` a poll gives for each partition a list of RecordColumns, else one of records.
    """
    records = _column_records() if columns else Records
    reader = connected(KafkaConsumer, settings, **SAFE, **more)
    read_all_or_say_where(reader, settings.batch_bytes, records)
    let_go_of_frames(reader)
    return reader


def _column_records() -> type[Records]:
    from unlearn.log.kafka.columns.column_records import ColumnRecords

    return ColumnRecords


def why_stopped(error: Exception, reader: KafkaConsumer) -> dict[TopicPartition, str]:
    """Partition -> why it can't go on, by an error that a poll has raised; {} when the error concerns no partition."""
    if isinstance(error, kafka_errors.OffsetOutOfRangeError):
        return {tp: OUT_OF_RANGE.format(at) for tp, at in error.args[0].items()}
    if isinstance(error, kafka_errors.LogTruncationError):
        return {tp: TRUNCATED.format(reader.position(tp, timeout_ms=0)) for tp in error.divergent_offsets}
    return {error.tp: error.found.reason} if isinstance(error, CantRead) else {}


def try_again(error: Exception, reader: KafkaConsumer) -> UnlearnError:
    """Ours for an error that is to be waited out: LogDenied or LogUnavailable.

    The client would keep a refused login for good; it is taken from the client, which then logs in again.
    """
    if isinstance(error, DENIED):
        reader._client._manager._auth_failures.clear()  # noqa: SLF001
        return translate(error, "reading")
    return LogUnavailable(f"{type(error).__name__}: {error}")
