"""The model as the page shows it, of bounded size however large the model is: what is left off is counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, Literal

from unlearn.admin.status.partition_status import PartitionStatus
from unlearn.admin.versions.standing import standing_of
from unlearn.admin.workers import claims_of
from unlearn.console.shown.findings import Finding, findings_of, level_of
from unlearn.console.shown.partition_state import WORST_FIRST, state_of
from unlearn.console.shown.parts import DeletionShown, PartitionShown, PossibleShown, WorkerShown
from unlearn.console.shown.seen import MOST_DELETIONS, ScorerSaid, Seen
from unlearn.console.shown.shard_map import PartitionMap, map_of, most_columns
from unlearn.partition.tables import StillOpen

__all__ = ["Snapshot", "snapshot_of"]

MOST_PARTITIONS, MOST_SHARDS, MOST_WORKERS, MOST_POSSIBLE, MOST_REASONS = 100, 200, 100, 100, 50
_LONGEST = 400
"""Letters of a reason; ids are shown whole."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the page shows. `totals` are of all; `left_off` says how many of each list are not in it."""

    model: str
    at: int
    lease: float
    level: Literal["stopped", "behind", "warning", "well"]
    findings: tuple[Finding, ...]
    version: int | None
    totals: Mapping[str, int | None]
    partitions: tuple[PartitionShown, ...]
    workers: tuple[WorkerShown, ...]
    maps: tuple[PartitionMap, ...]
    deletions: tuple[DeletionShown, ...]
    possible: tuple[PossibleShown, ...]
    dead_letters: tuple[tuple[str, int], ...]
    passed_over: tuple[tuple[str, int], ...]
    scorers: tuple[ScorerSaid, ...]
    left_off: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """The object that the page gets."""
        return {**asdict(self), "scorers": [one._asdict() for one in self.scorers]}


def snapshot_of(seen: Seen, lease: float) -> Snapshot:
    """What the page shows of a reading. `lease`: seconds for which a heartbeat vouches."""
    status = seen.look.status
    partitions = [_partition(held, seen, lease) for held in status.partitions]
    shown = _worst(partitions)
    workers = list(_workers(seen, partitions, lease))
    maps, shards = _maps(seen, [one.partition for one in shown])
    possible = [(p, one) for p, held in seen.look.held.items() for one in held.view.still_open()]
    possible.sort(key=lambda row: (row[1].deadline, row[0]))
    findings = tuple(findings_of(seen, lease))
    letters, passed = list(status.dead_letters.items()), list(status.passed_over.items())
    return Snapshot(
        model=status.model,
        at=seen.at,
        lease=lease,
        level=level_of(findings),
        findings=tuple(_cut(finding) for finding in findings[:MOST_REASONS]),
        version=status.version,
        totals=_totals(seen, partitions),
        partitions=tuple(shown),
        workers=tuple(workers[:MOST_WORKERS]),
        maps=maps,
        deletions=tuple(_deletions(seen)),
        possible=tuple(_possible(p, one, seen.at) for p, one in possible[:MOST_POSSIBLE]),
        dead_letters=tuple((reason[:_LONGEST], count) for reason, count in letters[:MOST_REASONS]),
        passed_over=tuple(passed[:MOST_REASONS]),
        scorers=seen.scorers,
        left_off={
            "partitions": len(partitions) - len(shown),
            "workers": max(0, len(workers) - MOST_WORKERS),
            "shards": shards - sum(len(one.shards) for one in maps),
            "deletions": max(0, seen.opened - MOST_DELETIONS),
            "possible": max(0, len(possible) - MOST_POSSIBLE),
            "dead_letters": max(0, len(letters) - MOST_REASONS),
            "findings": max(0, len(findings) - MOST_REASONS),
        },
    )


def _totals(seen: Seen, partitions: Sequence[PartitionShown]) -> dict[str, int | None]:
    status = seen.look.status
    return {
        "partitions": len(partitions),
        "records": status.records,
        "lag": status.lag,
        "next_came": min((one.next_came for one in partitions if one.next_came is not None), default=None),
        "pending": status.pending,
        "overdue": sum(one.overdue for one in partitions),
        "oldest_pending": _oldest(seen),
        "possible": status.unresolved,
        "resolved": status.resolved,
        "dead_letters": sum(status.dead_letters.values()),
        "in_force": sum(one.standing == "in force" for one in partitions),
    }


def _oldest(seen: Seen) -> int | None:
    """When the first of the deletions came that are applied, and not hidden."""
    views = (held.view for held in seen.look.held.values())
    return min((one.since for view in views for one in view.pending.values() if one.receipt), default=None)


def _partition(held: PartitionStatus, seen: Seen, lease: float) -> PartitionShown:
    published = seen.look.published.get(held.partition)
    manifest = published.manifest if published else None
    beat = published.heartbeat_at if published else None
    came = seen.came.get(held.partition) if held.lag else None
    standing = standing_of(published, seen.at / 1000, lease) if published and manifest else None
    state, why = state_of(held, standing, came, seen.at / 1000, lease)
    return PartitionShown(
        partition=held.partition,
        state=state,
        why=why[:_LONGEST],
        owner=held.owner,
        applied=held.applied,
        end=held.end,
        lag=held.lag,
        next_came=None if came is None else round(came * 1000),
        heartbeat_at=None if beat is None else round(beat * 1000),
        records=held.records,
        tombstones=held.tombstones,
        holes=held.holes,
        cleaning_up=held.cleaning_up,
        pending=held.deletions.pending,
        overdue=held.deletions.overdue,
        possible=held.deletions.unresolved,
        quarantined=held.quarantined,
        forwards_only=held.forwards_only,
        asked=seen.look.held[held.partition].asked[:MOST_REASONS],
        unreadable=seen.look.held[held.partition].unreadable,
        version=published.offset if published and manifest else None,
        version_at=manifest.created_at if manifest else None,
        version_applied=manifest.applied if manifest else None,
        version_rows=sum(entry.rows for entry in manifest.shards) if manifest else 0,
        standing=standing,
    )


def _worst(partitions: Sequence[PartitionShown]) -> list[PartitionShown]:
    """As many as are shown, in order: all, or those that are worst off and furthest behind."""
    ranked = sorted(partitions, key=lambda one: (WORST_FIRST.index(one.state), -one.overdue, -one.lag, one.partition))
    return sorted(ranked[:MOST_PARTITIONS], key=lambda one: one.partition)


def _workers(seen: Seen, partitions: Sequence[PartitionShown], lease: float) -> Iterator[WorkerShown]:
    by_number = {one.partition: one for one in partitions}
    statuses = {one.partition: one for one in seen.look.status.partitions}
    for worker, claims in claims_of({p: held.view for p, held in seen.look.held.items()}).items():
        owned = [by_number[partition] for partition in claims]
        yield WorkerShown(
            worker,
            tuple(islice(claims, MOST_PARTITIONS)),
            sum(one.lag for one in owned),
            max((one.heartbeat_at for one in owned if one.heartbeat_at is not None), default=None),
            any(
                not statuses[one.partition].forwards_only and not statuses[one.partition].is_unheard(lease)
                for one in owned
            ),
            any(one.state == "quiet" or seen.look.held[one.partition].quiet for one in owned),
            tuple(sorted({asked for one in owned for asked in one.asked if asked in ("quiet", "resume")})),
        )


def _maps(seen: Seen, partitions: Sequence[int]) -> tuple[tuple[PartitionMap, ...], int]:
    """The maps of these partitions as far as there is room, and how many shards there are in all."""
    wanted = {one.partition: one.shards for one in seen.look.status.partitions if one.shards}
    count = sum(map(len, wanted.values()))
    most, left, maps = most_columns(min(count, MOST_SHARDS)), MOST_SHARDS, []
    for partition in partitions:
        shards = wanted.get(partition, ())[:left]
        left -= len(shards)
        if shards:
            maps.append(map_of(partition, seen.look.held[partition].view, shards, most))
    return tuple(maps), count


def _deletions(seen: Seen) -> Iterator[DeletionShown]:
    for row, said in seen.open:
        yield DeletionShown(
            row.partition,
            row.offset,
            row.last,
            row.count,
            said.event_id,
            said.names,
            row.since or None,
            row.deadline or None,
            0 < row.deadline < seen.at,
            row.why[:_LONGEST],
            tuple(one[:_LONGEST] for one in row.waits_for[:MOST_REASONS]),
        )


def _possible(partition: int, held: StillOpen, now: int) -> PossibleShown:
    return PossibleShown(
        partition,
        held.first,
        held.last,
        held.total,
        held.reason,
        held.since or None,
        held.deadline or None,
        held.deadline < now,
    )


def _cut(finding: Finding) -> Finding:
    return replace(finding, what=finding.what[:_LONGEST], why=finding.why[:_LONGEST])
