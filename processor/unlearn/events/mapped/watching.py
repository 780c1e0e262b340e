"""What a worker's log says of a mapping that doesn't fit the messages: each complaint once."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping

from unlearn.events.mapped.tally import Tally, never_found

__all__ = ["ENOUGH", "MappingWatch"]

ENOUGH = 1000
"""Messages after which a path that has found nothing is told."""

_log = logging.getLogger(__name__)


class MappingWatch:
    """Watches what one process reads, of all partitions."""

    def __init__(self) -> None:
        self._read, self._found = 0, Tally()
        self._paths_told = self._ties_told = False

    def read(self, partition: int, messages: int, found: Mapping[str, int], counts: Counter[str]) -> None:
        """Take in some messages: what paths found in them, and what was counted when they were applied."""
        self._ties(partition, counts["conflicts"])
        if self._paths_told:
            return
        self._read += messages
        self._found.update(found)
        if self._read >= ENOUGH:
            self._paths_told = True
            self._paths(never_found(self._found))

    def _paths(self, unfound: Mapping[str, int]) -> None:
        if unfound:
            paths = ", ".join(f"{path} (of {count} messages)" for path, count in unfound.items())
            _log.warning(
                "the mapping may not fit the messages: of the first %d these paths found nothing: %s; "
                "`unlearn send --check FILE --mapping ...` shows what becomes of messages",
                self._read,
                paths,
            )

    def _ties(self, partition: int, ties: int) -> None:
        if ties and not self._ties_told:
            self._ties_told = True
            _log.warning(
                "partition %d: %d inserts bear the revision that their record has already, with other content; the "
                "first stays. If they are updates, the mapping's revision has to rise with each; `unlearn status` "
                "counts them",
                partition,
                ties,
            )
