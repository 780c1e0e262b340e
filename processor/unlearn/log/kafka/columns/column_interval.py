"""Reading an explicit interval as columns. Apart, since it loads numpy and the kernels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np
from kafka import TopicPartition

from unlearn.log.columns import RecordColumns
from unlearn.log.kafka.interval import polls_of
from unlearn.settings import KafkaSettings

__all__ = ["read_interval_in_columns"]


def read_interval_in_columns(
    settings: KafkaSettings, tp: TopicPartition, start: int, stop: int
) -> Iterator[RecordColumns]:
    """The records in [start, stop) that the log has now; see `Log.read_columns`."""
    with closing(polls_of(settings, tp, start, stop, columns=True)) as polls:
        for parts, end in polls:
            for part in parts:
                kept = part[: int(np.searchsorted(part.offsets, end))]
                if len(kept):
                    yield kept
