"""When a worker has nothing left to do, and a worker whose training is held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.settings import Settings
from unlearn.training.dispatch import Training
from unlearn.training.schedule import is_due
from unlearn.worker.loop import Worker

__all__ = ["all_settled", "settled", "training_held"]


def settled(owned: ClaimedPartition, settings: Settings, end: int, forgets: bool) -> bool:
    """Whether nothing is left to do for what lies before `end`: slices filed, learned, published, and all answered."""
    view, manifest = owned.view, owned.manifest
    if view.applied < end or owned.busy or view.outbox or view.pending or view.last_end > view.registered:
        return False
    if manifest is None or manifest.applied < end or any(one.through < view.last_end for one in manifest.shards):
        return False
    return not any(is_due(view, shard, forgets) for shard in range(settings.shards_per_partition))


def all_settled(worker: Worker, settings: Settings, ends: Mapping[int, int], forgets: bool) -> bool:
    """Whether the worker owns partitions, and nothing is left to do in any of them for what lies before its end."""
    return bool(worker.owned) and all(
        settled(owned, settings, ends[partition], forgets) for partition, owned in worker.owned.items()
    )


@contextmanager
def training_held() -> Iterator[None]:
    """While it lasts, no job begins in this process' worker."""
    name = "_ripe"
    original = getattr(Training, name)
    setattr(Training, name, lambda *_: False)
    try:
        yield
    finally:
        setattr(Training, name, original)
