"""The aliases of a batch: what Redis holds of those that its events bear or name, and whom it deletes by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unlearn.ingest.classify import Addressed, Deletion, Insertion, Item
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.state.alias_lookups import read_aliases
from unlearn.state.aliases import Alias, addressed

__all__ = ["aliases_of", "deleted_by"]


def aliases_of(owned: ClaimedPartition, items: Sequence[Item]) -> dict[bytes, Alias]:
    """The aliases that the items bear or name, by digest, with all whom those name that are deleted.

    Raises Fenced, RolledBack, StateUnavailable.
    """
    borne = (alias for item in items if isinstance(item, Insertion) for alias in item.aliases)
    named = (item.alias for item in items if isinstance(item, Deletion) and item.alias)
    return read_aliases(owned.read, list(dict.fromkeys([*borne, *named])), _deleted(items))


def deleted_by(aliases: Mapping[bytes, Alias], items: Sequence[Item]) -> list[Addressed]:
    """Whom the items delete by alias, as far as they were named before the batch."""
    targets = {target for alias in _deleted(items) if alias in aliases for target in aliases[alias].targets}
    return [Addressed(*addressed(target)) for target in sorted(targets)]


def _deleted(items: Sequence[Item]) -> list[bytes]:
    deletions = (item for item in items if isinstance(item, Deletion) and item.alias and item.effect != "lift")
    return list(dict.fromkeys(item.alias for item in deletions))
