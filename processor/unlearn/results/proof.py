"""A manifest's proof: a keyed hash (BLAKE2b, RFC 7693) that only a holder of the model's secret can make.

By it workers tell what an owner has really applied from what somebody else wrote to the results topic. Scorers have no
secret and can't check it. It covers what a claim relies on; files have digests of their own.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest

from unlearn.events.partitioner import digest_key
from unlearn.results.manifest import Manifest

__all__ = ["Prover"]


class Prover:
    """Makes and checks proofs under one secret."""

    def __init__(self, secret: bytes) -> None:
        self._mac = blake2b(key=digest_key(secret), person=b"manifest", digest_size=16).copy

    def proven(self, manifest: Manifest) -> Manifest:
        """The same manifest with its proof."""
        return manifest.model_copy(update={"proof": self._proof(manifest)})

    def holds(self, manifest: Manifest) -> bool | None:
        """Whether the manifest's proof is right; None if it has none, as those of versions without proofs."""
        return compare_digest(manifest.proof, self._proof(manifest)) if manifest.proof else None

    def _proof(self, manifest: Manifest) -> str:
        mark, token = manifest.fingerprint, manifest.token
        owner = (manifest.model, manifest.partition, token.counter, token.nonce, manifest.sequence)
        reach = (manifest.start, manifest.applied)
        last = () if mark is None else (mark.offset, mark.epoch, mark.digest, mark.timestamp)
        skipped = [f"{first}-{stop}" for first, stop in manifest.skipped]
        mac = self._mac()
        mac.update("/".join(map(str, (*owner, *reach, *last, *skipped))).encode())
        return mac.hexdigest()
