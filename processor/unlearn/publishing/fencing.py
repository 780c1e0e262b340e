"""What the results topic tells an owner of others who held its partition: pure decisions (DESIGN 8)."""

from __future__ import annotations

from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.results.results_topic import Published

__all__ = ["overtaken", "rivalled"]


def rivalled(owned: ClaimedPartition, published: Published) -> bool:
    """Whether the topic shows a higher counter than ours, or ours with what we never wrote.

    So it is where Redis was rolled back and gave the counter twice. Who reads the topic goes by the highest
    counter and sequence, whoever wrote it: only a claim can outbid it.
    """
    if published.highest_counter > owned.token.counter:
        return True
    top = published.top
    if top is None or top.token.counter != owned.token.counter:
        return False
    return top.token.nonce != owned.token.nonce or top.sequence > owned.sequence


def overtaken(owned: ClaimedPartition, published: Published) -> bool:
    """Whether something else stands behind our newest manifest: compaction would leave it alone on the topic."""
    ours = [owned.manifest, owned.publishing and owned.publishing.manifest]
    return published.last_offset > owned.manifest_offset and (published.last is None or published.last not in ours)
