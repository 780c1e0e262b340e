"""Writing slice files, and entering their names in the tables.

A file's name and the holes that it makes needless change in one script. Only holes of rows that the new file lacks are
dropped, since nothing will ever ask when those died.
"""

from __future__ import annotations

from unlearn.partition.claimed_partition import ClaimedPartition, Filed
from unlearn.partition.rows import Members
from unlearn.partition.tables import Change
from unlearn.state.lookups import drop_holes
from unlearn.storage.artefacts import Artefact, Store, artefact_name
from unlearn.storage.slice_files import encode_slice

__all__ = ["register_file", "write_slice"]


def write_slice(store: Store, artefact: Artefact, writer: str, members: Members) -> Filed:
    """Write one shard's rows of a slice, and return what was written; no file if there are no rows.

    Raises StoreUnavailable.
    """
    if not len(members):
        return Filed(artefact.shard, artefact.end, "", frozenset())
    data = encode_slice(artefact.end, artefact.applied, members)
    name = artefact_name(artefact, writer, data)
    store.put(name, data)
    return Filed(artefact.shard, artefact.end, name, frozenset(members.slots.tolist()))


def register_file(owned: ClaimedPartition, change: Change, filed: Filed) -> None:
    """Add to the change that the file is its slice's, and drop the holes of rows that aren't in it.

    Raises Fenced, RolledBack, StateUnavailable.
    """
    keys, view, end = owned.state.keys, owned.view, filed.end
    holes = owned.holes(filed.shard, [end])[end]
    gone = [slot for slot in holes if slot not in filed.slots]
    left = min((death for slot, death in holes.items() if slot in filed.slots), default=-1)
    held = view.slices[filed.shard, end]
    change.put("slices", (filed.shard, end), held._replace(file=filed.name, rows=len(filed.slots), first_death=left))
    change.ops += drop_holes(keys, filed.shard, view.start_of(end - 1), gone)
    before = int(change.tables.get("meta", {}).get("holes", view.number("holes")))
    change.put("meta", "holes", before - len(gone))
