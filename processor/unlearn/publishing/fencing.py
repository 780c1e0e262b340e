"""What the results topic tells an owner of other owners: docs/design.md, section 5, "Fencing". Pure."""

from __future__ import annotations

from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.results.results_topic import Published

__all__ = ["overtaken", "rivalled"]


def rivalled(owned: ClaimedPartition, published: Published) -> bool:
    """Whether the topic shows a higher counter than ours, or a manifest with our counter that we didn't write.

    A counter is given twice if Redis was rolled back. Readers go by the first manifest that bears it, or without the
    secret by the highest sequence, whoever wrote them, so the owner must claim again to get above them.
    """
    if published.highest_counter > owned.token.counter:
        return True
    found = [one for one in (published.top, published.manifest) if one and one.token.counter == owned.token.counter]
    return any(one.token.nonce != owned.token.nonce or one.sequence > owned.sequence for one in found)


def overtaken(owned: ClaimedPartition, published: Published) -> bool:
    """Whether another record than one of ours stands last under the partition's key on the results topic.

    Compaction would then remove our newest manifest and keep that record.
    """
    ours = [owned.manifest, owned.publishing and owned.publishing.manifest]
    return published.last_offset > owned.manifest_offset and (published.last is None or published.last not in ours)
