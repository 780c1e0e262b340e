"""Where the events topic ends, for readers of the results topic: an `applied` beyond it is not believed."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping

from unlearn.errors import LogRefused, LogUnavailable, TopicMissing
from unlearn.log.protocol import Log

__all__ = ["ends_of"]

_log = logging.getLogger(__name__)


def ends_of(log: Log, topic: str, partitions: int) -> Callable[[], Mapping[int, float] | None]:
    """A function that asks for each partition's end of the events topic; it gives None while Kafka doesn't answer.

    A scorer may have no right to read that topic: then every end is infinity, so that any `applied` is believed.
    """

    def ends() -> Mapping[int, float] | None:
        try:
            return {partition: end for partition, (_, end) in log.bounds(topic).items()}
        except LogUnavailable:
            return None
        except (LogRefused, TopicMissing) as error:
            _log.warning("manifests can't be compared with the events topic: %s", error)
            return dict.fromkeys(range(partitions), math.inf)

    return ends
