"""What the results topic tells an owner of others who held its partition: pure decisions (DESIGN 8)."""

from __future__ import annotations

from processor.owned import Owned
from processor.results import Published

__all__ = ["gave_counter_twice", "overtaken"]


def gave_counter_twice(owned: Owned, published: Published) -> bool:
    """A manifest with our counter and another's nonce: Redis was rolled back and gave the counter twice."""
    newest = published.manifest
    return (
        newest is not None and newest.token.counter == owned.token.counter and newest.token.nonce != owned.token.nonce
    )


def overtaken(owned: Owned, published: Published) -> bool:
    """Another's manifest landed behind ours: compaction would leave it alone on the topic."""
    last = published.last
    return last is not None and published.last_offset > owned.manifest_offset and last.token.nonce != owned.token.nonce
