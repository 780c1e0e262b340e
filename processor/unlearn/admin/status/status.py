"""What is shown of a model: all its partitions, what they come to, and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from unlearn.admin.status.partition_status import PartitionStatus
from unlearn.events.mapped.tally import Tally, never_found
from unlearn.results.belief import Refusal

__all__ = ["Status"]


@dataclass(frozen=True, slots=True)
class Status:
    """All partitions, and the ensemble's version: the results offset of the newest manifest, None before the first."""

    model: str
    version: int | None
    partitions: tuple[PartitionStatus, ...]
    redis: tuple[str, ...] = ()
    """Why Redis can't be used, or refuses writes, now."""
    refused: tuple[Refusal, ...] = ()
    """Records on the results topic that are not believed, the newest of them; `refused_count` counts all."""
    refused_count: int = 0
    store: tuple[str, ...] = ()
    """Why a worker that starts here with these settings would refuse the store."""

    def verdict(self, lease: float) -> Literal["well", "behind", "stopped"]:
        """How it stands, in a word.

        stopped: a partition waits for somebody, or Redis or the store can't be used. behind: something is beyond its
        deadline, training is given up, no owner of a partition was heard within the lease, where there is something to
        apply or to serve, or a quiet one has events to apply.
        """
        if self.redis or self.store or any(partition.stopped for partition in self.partitions):
            return "stopped"
        return "behind" if any(partition.is_behind(lease, self.begun) for partition in self.partitions) else "well"

    @property
    def begun(self) -> bool:
        """Whether any partition of the model was ever claimed; those that forward only are beyond it."""
        return any(held.applied is not None for held in self.partitions if not held.forwards_only)

    @property
    def records(self) -> int:
        return sum(partition.records for partition in self.partitions)

    @property
    def lag(self) -> int:
        """How many offsets are still to be applied, over all partitions."""
        return sum(partition.lag for partition in self.partitions)

    @property
    def pending(self) -> int:
        return sum(partition.deletions.pending for partition in self.partitions)

    @property
    def unresolved(self) -> int:
        return sum(partition.deletions.unresolved for partition in self.partitions)

    @property
    def resolved(self) -> int:
        """How many possible deletions operators have closed."""
        return sum(partition.resolved for partition in self.partitions)

    @property
    def dead_letters(self) -> dict[str, int]:
        """Reason -> how many dead letters, the most frequent reason first."""
        return _summed(partition.dead_letters for partition in self.partitions)

    @property
    def passed_over(self) -> dict[str, int]:
        """Reason -> how many readable inserts changed nothing, the most frequent reason first."""
        return _summed(partition.passed_over for partition in self.partitions)

    @property
    def refused_updates(self) -> int:
        return sum(partition.refused_updates for partition in self.partitions)

    @property
    def never_found(self) -> dict[str, int]:
        """Path of the mapping that found nothing -> how many messages should have had it."""
        return never_found(sum((Tally(partition.paths) for partition in self.partitions), Tally()))

    def to_json(self) -> dict[str, Any]:
        """The object that `unlearn status --json` prints."""
        return {
            "records": self.records,
            "lag": self.lag,
            "pending_deletions": self.pending,
            "unresolved_deletions": self.unresolved,
            "version": self.version,
            "redis": list(self.redis),
            "store": list(self.store),
            "dead_letters": self.dead_letters,
            "passed_over": self.passed_over,
            "refused_updates": self.refused_updates,
            "never_found": self.never_found,
            "refused_results": [refusal._asdict() for refusal in self.refused],
            "refused_results_count": self.refused_count,
            "partitions": [partition.to_json() for partition in self.partitions],
        }


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sums of all counts, the largest first."""
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))
