"""Readings of a model made by hand, for what the console shows of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from unlearn.admin.pending import Partition, first_open
from unlearn.admin.pending_events import Said
from unlearn.admin.status.held import Held
from unlearn.admin.status.partition_status import Deletions, PartitionStatus, ShardStatus
from unlearn.admin.status.reader import Look
from unlearn.admin.status.status import Status
from unlearn.console.shown.seen import MOST_DELETIONS, ScorerSaid, Seen
from unlearn.partition.tables import Tables, encode_key, encode_value
from unlearn.results.results_topic import Published

__all__ = ["LEASE", "NOW", "partition", "seen", "tables"]

NOW = 1_790_000_000_000
"""ms since 1970."""
LEASE = 20.0


def tables(**given: Mapping[Any, Any]) -> Tables:
    """Tables of these rows, by the tables' names."""
    raw = {
        name: {encode_key(key).encode(): encode_value(value).encode() for key, value in rows.items()}
        for name, rows in given.items()
    }
    return Tables(raw)


def partition(number: int = 0, **changed: Any) -> PartitionStatus:
    """One with which all is well."""
    values: dict[str, Any] = {
        "partition": number,
        "applied": 100,
        "end": 100,
        "lag": 0,
        "owner": "host:17",
        "counter": 3,
        "nonce": "f" * 32,
        "records": 90,
        "tombstones": 1,
        "holes": 0,
        "cleaning_up": 0,
        "dirty_shards": 0,
        "deletions": Deletions(),
        "heartbeat_age": 1.0,
        "stopped": None,
        "trouble": None,
        "forwards_only": False,
        "shards": (ShardStatus(0, "current", 90, 1, 1, 100),),
    }
    return PartitionStatus(**values | changed)


def seen(
    *partitions: PartitionStatus,
    views: Mapping[int, Tables] | None = None,
    came: Mapping[int, float] | None = None,
    published: Mapping[int, Published] | None = None,
    asked: Iterable[str] = (),
    scorers: Iterable[ScorerSaid] = (),
    event_ids: Mapping[int, str] | None = None,
    **status: Any,
) -> Seen:
    """A reading of these partitions. `views`: their tables; `event_ids`: by a deletion's offset in any partition."""
    views = views or {}
    held = {one.partition: _held(one, views.get(one.partition), tuple(asked)) for one in partitions}
    tabled = {p: Partition(one.view, one.stopped or "", one.trouble or "") for p, one in held.items()}
    found, count = first_open(tabled, len(partitions), MOST_DELETIONS)
    names = event_ids or {}
    said = tuple((row, Said(names.get(row.offset), "a subject")) for row in found)
    look = Look(Status("m", 7, partitions, **status), held, published or {})
    return Seen(NOW, look, came or {}, said, count, tuple(scorers))


def _held(status: PartitionStatus, view: Tables | None, asked: tuple[str, ...]) -> Held:
    if view is None:
        owner = {} if status.owner is None else {"owner": status.owner, "token": f"{status.counter}:{status.nonce}"}
        view = tables(meta=owner)
    return Held(view, status.stopped, status.trouble, status.quiet, None, asked)
