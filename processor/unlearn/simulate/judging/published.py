"""What must hold of the manifests that a world has published: each equals the fold of the log."""

from __future__ import annotations

import hashlib

from unlearn.results.manifest import Manifest, read_manifest
from unlearn.results.results_topic import Results
from unlearn.simulate.judging.judged import Judged
from unlearn.simulate.judging.violations import Wrong, equal
from unlearn.verification.judging import judge
from unlearn.verification.two_readings import read_truth

__all__ = ["Published"]


class Published(Judged):
    """Judges manifests."""

    def check_manifests(self) -> None:
        """Check that each manifest that was ever published equals the fold, and that the newest cover the whole log.

        Raises Wrong.
        """
        results = Results(self.world.settings.model)
        for record in self.records(self.world.settings.results_topic):
            results.merge([record])
            manifest = read_manifest(record.value or b"")
            if manifest is not None:
                self._judge(manifest, "different")
        for partition in self.found:
            newest = results.of(partition).manifest
            if newest is None:
                raise Wrong(f"partition {partition} has no manifest")
            equal(f"applied of {partition}'s manifest", newest.applied, self.ends[partition])
            self._judge(newest, "pending")
            self._verify(newest)
            for entry in filter(lambda entry: entry.file, newest.shards):
                digest = hashlib.sha256(self.world.store.get(entry.file)).hexdigest()
                equal(f"digest of {entry.file}", digest, entry.digest)

    def states(self) -> dict[tuple[int, int], tuple[str, str, int]]:
        """(partition, shard) -> (digest, lineage, rows) as last published."""
        results = Results(self.world.settings.model)
        results.merge(self.records(self.world.settings.results_topic))
        newest = {p: results.of(p).manifest for p in self.found}
        return {
            (p, entry.shard): (entry.digest, entry.lineage, entry.rows)
            for p, manifest in newest.items()
            if manifest is not None
            for entry in manifest.shards
        }

    def _judge(self, manifest: Manifest, bad: str) -> None:
        verdicts = judge(self.subject, self.found[manifest.partition], manifest, self.ends[manifest.partition])
        wrong = [v for v in verdicts if v.verdict in ("different", "incomparable", bad)]
        if wrong:
            raise Wrong(f"{wrong} in {manifest}")

    def _verify(self, newest: Manifest) -> None:
        """Check that `unlearn verify --from-log` calls it equal, too."""
        end = self.ends[newest.partition]
        truth = read_truth(self.world.log, self.subject, newest.partition, end, manifest=newest)
        verdicts = judge(self.subject, truth, newest, end)
        wrong = [verdict for verdict in verdicts if verdict.verdict != "equal"]
        if wrong:
            raise Wrong(f"{wrong} by two readings of {newest}")
