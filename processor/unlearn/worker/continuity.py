"""Whether the log is still the one that was applied: docs/design.md, section 6, step 3.

The log and Redis may lose their newest part together, and the log may then grow again: only the manifests on the
results topic show that. So all of it is compared before anything is applied.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from unlearn.errors import LogDiverged
from unlearn.events.partitioner import Digests
from unlearn.identity import new_model
from unlearn.ingest.fingerprints import fingerprint_of, is_of
from unlearn.log.protocol import Log
from unlearn.partition.tables import Tables
from unlearn.results.manifest import Fingerprint, Manifest
from unlearn.results.results_topic import Published

__all__ = ["Continuity", "diverged"]


def diverged(topic: str, partition: int, what: str) -> LogDiverged:
    """The error for a log that isn't the one that was applied: what was found, and what an operator can do.

    Offsets are the only clock, so a model can't go on from a log that has lost some of them.
    """
    return LogDiverged(
        f"partition {partition}: {what}. Restore what was lost; or, where it is lost for good: `unlearn resolve` lists "
        "the deletions that are known by their receipts and not in the log any more; send each again, then build "
        f"a new model from the log as it is: {new_model(topic)}"
    )


class Continuity(NamedTuple):
    """Compares the partitions of a topic with what Redis and the manifests say was applied of them."""

    log: Log
    topic: str
    digests: Digests

    def check(self, partition: int, view: Tables, published: Published) -> None:
        """Compare the log with Redis and with manifests that have applied more. Raises LogDiverged, LogUnavailable."""
        self.check_redis(partition, view)
        _, end = self.log.bounds(self.topic)[partition]
        for manifest in _ahead(view, published):
            where = f"the manifest of token {manifest.token.counter}, sequence {manifest.sequence}"
            if manifest.applied > end:
                raise self._diverged(
                    partition,
                    f"{where} has applied {manifest.applied}, but the log ends at {end}, and Redis has applied "
                    f"{view.applied}: the ends of the log and of Redis are gone",
                )
            self._check_record(partition, manifest.fingerprint, where)

    def check_redis(self, partition: int, view: Tables) -> None:
        """Compare cluster, topic, reach and last record with Redis alone. Raises LogDiverged, LogUnavailable."""
        for name, now in (("cluster_id", self.log.cluster_id()), ("topic_id", self.log.topic_id(self.topic))):
            if view.meta[name] != now:
                raise self._diverged(
                    partition,
                    f"{name} was {view.meta[name]}, is {now}. The events topic was made again or is another cluster's",
                )
        start, end = self.log.bounds(self.topic)[partition]
        if not start <= view.applied <= end:
            raise self._diverged(
                partition,
                f"{view.applied} was applied, but the log holds [{start}, {end}); events were lost or truncated",
            )
        self._check_record(partition, fingerprint_of(view), "Redis")

    def _check_record(self, partition: int, mark: Fingerprint | None, whose: str) -> None:
        """Raise LogDiverged unless the log has the record of the fingerprint; one that retention took passes."""
        if mark is None:
            return
        records = list(self.log.read(self.topic, partition, mark.offset, mark.offset + 1))
        if all(is_of(mark, record, self.digests) for record in records) and (records or self._is_gone(partition, mark)):
            return
        raise self._diverged(
            partition,
            f"the record at {mark.offset} is not the one that was applied, by {whose}; "
            "the log was truncated and has grown again",
        )

    def _is_gone(self, partition: int, mark: Fingerprint) -> bool:
        return mark.offset < self.log.bounds(self.topic)[partition][0]

    def _diverged(self, partition: int, what: str) -> LogDiverged:
        return diverged(self.topic, partition, what)


def _ahead(view: Tables, published: Published) -> Iterator[Manifest]:
    """Those manifests that have applied more than Redis: the newest, and the one with the highest `applied`.

    One without a proof that has applied more than the log holds counts only for a model that has no proofs yet.
    """
    found = [published.manifest, published.furthest]
    if not (published.proven or "proven" in view.meta):
        found += published.doubted.values()
    for manifest in found:
        if manifest is not None and manifest.applied > view.applied:
            yield manifest
