"""A digest of what is served: the same for the same states, whoever published them and how often. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from unlearn.results.manifest import Manifest
from unlearn.scoring.trust import takes_part

__all__ = ["content_of"]


def content_of(manifests: Iterable[Manifest]) -> str:
    """sha256 in hex over the partitions served, and over the digest of each shard's state that takes part.

    Manifests with one content score every row alike, to the bit, and leave out the same partitions. An owner that
    claims anew changes nothing, nor do a moved `applied` or `through`. The order of the manifests, one a partition, is
    of no account; empty without any.
    """
    parts = []
    for manifest in sorted(manifests, key=lambda manifest: manifest.partition):
        parts.append(f"partition {manifest.partition}")
        taking_part = sorted((entry.shard, entry.digest) for entry in manifest.shards if takes_part(entry))
        parts += [f"shard {shard} {digest}" for shard, digest in taking_part]
    if not parts:
        return ""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
