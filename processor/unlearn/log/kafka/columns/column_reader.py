"""A member of a consumer group whose batches are columns. Apart, since it loads numpy and the kernels."""

from __future__ import annotations

from typing import Any

from unlearn.log.columns import RecordColumns, columns_of
from unlearn.log.kafka.reader import KafkaReader

__all__ = ["ColumnReader"]


class ColumnReader(KafkaReader):
    """A KafkaReader that gives the records of a batch as RecordColumns; of a poll it gets a list of such."""

    in_columns = True

    def _records(self, partition: int, found: list[Any]) -> RecordColumns:
        return RecordColumns.concat(found) if found else columns_of(partition, [])

    def _ends(self, found: list[Any]) -> tuple[int, int]:
        return int(found[0].offsets[0]), int(found[-1].offsets[-1])
