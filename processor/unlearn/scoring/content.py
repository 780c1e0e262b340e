"""A digest of what is served: the same for the same states, whoever published them and how often."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from unlearn.results.manifest import Manifest
from unlearn.scoring.trust import taking_part

__all__ = ["LastContent", "content_of"]


def content_of(manifests: Iterable[Manifest]) -> str:
    """sha256 in hex over the partitions served, and over the digest of each shard's state that takes part.

    Manifests with one content score every row alike, to the bit, and leave out the same partitions. An owner that
    claims anew changes nothing, nor do a moved `applied` or `through`. The order of the manifests, one a partition, is
    of no account; empty without any.
    """
    parts = []
    for manifest in sorted(manifests, key=lambda manifest: manifest.partition):
        parts.append(f"partition {manifest.partition}")
        parts += [f"shard {entry.shard} {entry.digest}" for entry in taking_part(manifest)]
    if not parts:
        return ""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class LastContent:
    """Makes the content of a set of manifests once, as long as the same ones are asked for. Any thread may use it."""

    def __init__(self) -> None:
        self._last: tuple[Sequence[Manifest], str] = (), ""

    def of(self, manifests: Sequence[Manifest]) -> str:
        """As `content_of`. The sequence must not be changed afterwards."""
        before, content = self._last
        if len(before) != len(manifests) or any(one is not other for one, other in zip(before, manifests, strict=True)):
            content = content_of(manifests)
            self._last = manifests, content
        return content
