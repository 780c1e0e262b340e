"""Every key name in Redis.

All keys of a partition share one hash tag, so that each script stays within one slot of a cluster:

    {model:partition}:meta         hash: identity, token, applied, writes, counts, what was published
    {model:partition}:redo         the writes of a script that has begun; replayed by the next if it didn't end
    {model:partition}:stopped      why its owner stopped; for those who look
    {model:partition}:unreadable   the offset at which it stands since nothing can be read there, if that is why
    {model:partition}:trouble      what its owner waits for, such as room in the store; expires by itself
    {model:partition}:quiet        there while its owner takes no events, as asked; expires by itself
    {model:partition}:store        the id of the model's store; partition 0 keeps it for all
    {model:partition}:asked        hash: what operators ask of the owner; see `unlearn.operator_requests.requests`
    {model:partition}:register     the newest manifest's bytes, as they go to the results topic
    {model:partition}:slices       hash `shard:end`: lineage sum, live rows, last death, file
    {model:partition}:hits         hash shard: 1 + the newest kill of a row whose slice has ended
    {model:partition}:open         hash shard: the open slice's lineage sum, live and accepted rows
    {model:partition}:states       hash `shard:through`: checkpoints and published states
    {model:partition}:cleanups     hash digest: subjects whose rows are still being walked
    {model:partition}:outbox       hash offset: what must still be sent for the event there
    {model:partition}:pending      hash offset: deletions that are not hidden yet
    {model:partition}:uncounted    hash offset: those that are hidden, and whose dead rows are still being counted
    {model:partition}:open_copies  hash offset: copies of deletions by alias whose dead rows are still being counted
    {model:partition}:copy_kills:HALF  hash `partition:offset` of a deletion: `offset:rows` of copies that killed here
    {model:partition}:unresolved   hash offset: possible deletions that could not be read
    {model:partition}:open_ranges  hash offset: as many of those as lie together, by their first
    {model:partition}:crashes      hash shard: how often its training failed
    {model:partition}:m:BUCKET     hash: record's field -> membership entry (small hashes stay compact)
    {model:partition}:u:BUCKET     hash: subject's field -> tombstone or first slot
    {model:partition}:a:BUCKET     hash: alias's field -> whether it is deleted, and whom it names
    {model:partition}:v:BUCKET     hash: field of each event that was sent on to the partition and was applied there
    {model:partition}:t:FIELD      hash: subjects and records that an alias names, where they are many
    {model:partition}:p:FIELD      hash: subject tag -> pair, for a record id of many subjects
    {model:partition}:r:BUCKET     records of before, in 16,384 hashes; each commit moves some of these into `m`
    {model:partition}:s:BUCKET     subjects of before, which move into `u`
    {model:partition}:p:BUCKET:FIELD   pairs of before, which move with their record
    {model:partition}:holes:SHARD:START   hash: slot -> death, for the slice that starts there

The scripts alone name the keys of members (`members.lua`), since the number of buckets grows with them. `meta` keeps
the sizes of their tables, see SIZES.
"""

from __future__ import annotations

__all__ = ["SIZES", "TABLE_HASHES", "Keys"]

TABLE_HASHES = (
    *("meta", "slices", "hits", "open", "states", "cleanups"),
    *("outbox", "pending", "uncounted", "open_copies", "unresolved", "open_ranges", "crashes"),
)
"""The hashes that the owner keeps whole in memory, as its tables."""

SIZES = (
    *("record_buckets", "record_count", "subject_buckets", "subject_count", "alias_buckets", "alias_count"),
    *("arrival_buckets", "arrival_count", "old_buckets_moved"),
)
"""Fields of `meta` that scripts alone change: sizes of the members' tables, and how many of the 16,384 hashes of before
are empty. The owner's copy has them as they were at its claim."""


class Keys:
    """Key names of one partition of one model."""

    def __init__(self, model: str, partition: int) -> None:
        self.prefix = f"{{{model}:{partition}}}:"
        self.meta = self.prefix + "meta"

    def of(self, name: str) -> str:
        """The key of this name, as listed above, for those without a method of their own."""
        return self.prefix + name

    def copy_kills(self, half: int) -> str:
        """A hash of what copies have killed here; see `unlearn.state.copy_kills`."""
        return f"{self.prefix}copy_kills:{half}"

    def holes(self, shard: int, start: int) -> str:
        """The hash of the holes in a shard's slice that starts at the offset `start`."""
        return f"{self.prefix}holes:{shard}:{start}"
