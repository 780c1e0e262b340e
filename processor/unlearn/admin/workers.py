"""Workers by the partitions that they own, and requests to them.

A request to a worker is left with every partition that it owns: a worker looks at the requests of its partitions alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import redis

from unlearn.operator_requests.requests import quiet, resume
from unlearn.partition.tables import Tables
from unlearn.state.keys import Keys
from unlearn.state.snapshot import read_snapshot

__all__ = ["Claims", "claims_of", "quiet_workers", "requests_to"]

Claims = Mapping[str, Mapping[int, int]]
"""Worker, by its host and process -> its partitions, each with the counter of its claim."""


def claims_of(views: Mapping[int, Tables]) -> Claims:
    """The workers that claimed partitions last; whether they live is not said."""
    found: dict[str, dict[int, int]] = {}
    for partition, view in sorted(views.items()):
        owner, counter = view.meta.get("owner"), view.meta.get("token", "").partition(":")[0]
        if owner is not None and counter:
            found.setdefault(owner, {})[partition] = int(counter)
    return found


def requests_to(claims: Claims, workers: Iterable[str], *, be_quiet: bool) -> dict[int, dict[str, str]]:
    """Partition -> the request to leave there, as field and value, for each of these workers to be quiet or not."""
    request = quiet if be_quiet else resume
    return {partition: dict([request(claim)]) for worker in workers for partition, claim in claims[worker].items()}


def quiet_workers(client: redis.Redis, model: str, claims: Claims) -> Collection[str]:
    """Those of the workers that take no events, as asked. Raises StateUnavailable."""
    return {worker for worker, owned in claims.items() if any(_is_quiet(client, model, p) for p in owned)}


def _is_quiet(client: redis.Redis, model: str, partition: int) -> bool:
    return bool(read_snapshot(client, [("GET", Keys(model, partition).of("quiet"))])[0])
