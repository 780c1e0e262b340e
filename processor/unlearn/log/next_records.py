"""When the next record to apply came, of partitions that are behind."""

from __future__ import annotations

from collections.abc import Mapping

from unlearn.log.protocol import Log

__all__ = ["NextRecords"]


class NextRecords:
    """Asks the log for them, each once. `most`: reads at one look at most, since each costs a connection."""

    def __init__(self, log: Log, topic: str, most: int = 10_000) -> None:
        self._log, self._topic, self._most = log, topic, most
        self._came: dict[int, tuple[int, float]] = {}

    def look(self, applied: Mapping[int, int], ends: Mapping[int, int]) -> None:
        """Ask for those that aren't known. `applied`: the next offset of each partition; `ends`: of the log.

        Those that are furthest behind come first. Raises LogUnavailable, TopicMissing.
        """
        found = {p: came for p, came in self._came.items() if applied.get(p) == came[0]}
        behind = [p for p, at in applied.items() if p not in found and at < ends.get(p, 0)]
        for partition in sorted(behind, key=lambda p: applied[p] - ends[p])[: self._most]:
            at = applied[partition]
            first = next(iter(list(self._log.read(self._topic, partition, at, at + 1))), None)
            if first is not None:
                found[partition] = at, first.timestamp / 1000
        self._came = found

    def came(self, partition: int) -> float | None:
        """When the partition's next record came, in seconds since 1970; None where none is known to wait."""
        found = self._came.get(partition)
        return None if found is None else found[1]
