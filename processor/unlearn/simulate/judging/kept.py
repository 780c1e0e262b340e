"""What must hold of what Redis and the store keep: memberships, rows, tombstones, files and counts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from unlearn.events.partitioner import tag_of
from unlearn.partition.cleanups.covers import Covers
from unlearn.partition.rows import NEVER, deaths
from unlearn.partition.tables import Tables
from unlearn.simulate.judging.judged import Judged
from unlearn.simulate.judging.violations import Wrong, equal
from unlearn.simulate.replay import Owner, Replay
from unlearn.state.alias_lookups import parse_targets, target_reads
from unlearn.state.aliases import decode_alias, target_of
from unlearn.state.entries import FOREVER, NO_ROW, NO_TOMB, Entry, decode_entry, decode_subject
from unlearn.state.keys import Keys
from unlearn.state.lookups import pair_reads, parse_pairs
from unlearn.state.members import Table, field_of, walk
from unlearn.state.scripts import Op, PartitionState, read_without_token
from unlearn.storage.artefacts import read_name
from unlearn.storage.slice_files import decode_slice

__all__ = ["Kept"]

Pairs = dict[tuple[bytes, bytes], tuple[int, int]]
"""(record's field in Redis, subject tag) -> (slot, revision)."""


class Kept(Judged):
    """Judges what is kept."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.views = {p: self._view(p) for p in range(self.world.settings.partitions)}

    def _view(self, partition: int) -> Tables:
        state = PartitionState(self.world.redis, Keys(self.world.settings.model, partition))
        return Tables(state.load())

    def _entries(self, partition: int) -> dict[bytes, Entry]:
        entries = {name: decode_entry(data) for name, data in self._members(partition, "RECORDS")}
        replies = self._look(partition, pair_reads(entries))
        for entry, reply in zip(entries.values(), replies, strict=True):
            if reply and not entry.apart:
                raise Wrong(f"pairs stand apart of {entry}")
            entry.pairs.update(parse_pairs(reply))
        found = {field_of(name): entry for name, entry in entries.items()}
        equal(f"records of {partition}, each in one place", len(found), len(entries))
        return found

    def _members(self, partition: int, members: Table) -> Iterator[tuple[bytes, bytes]]:
        """(name, bytes) of each record, subject or alias."""
        for part in walk(partial(self._look, partition), members):
            yield from part

    def _look(self, partition: int, ops: Sequence[Op]) -> list[Any]:
        return read_without_token(self.world.redis, Keys(self.world.settings.model, partition), ops)

    def _hash(self, partition: int, name: str) -> Mapping[bytes, bytes]:
        client: Any = self.world.redis
        found: Mapping[bytes, bytes] = client.hgetall(Keys(self.world.settings.model, partition).of(name))
        return found

    def field(self, record: str) -> bytes:
        """The record's field in Redis."""
        return field_of(self.digests.record(record))

    def tag(self, subject: str | None) -> bytes:
        """The subject's tag; empty for None."""
        return b"" if subject is None else tag_of(self.digests.subject(subject))

    def check_memberships(self) -> None:
        """Check rows, tombstones, subjects and counts in Redis against the reference. Raises Wrong."""
        for partition, found in self.found.items():
            entries = self._entries(partition)
            rows = {
                (field, tag): (pair.slot, pair.revision)
                for field, entry in entries.items()
                for tag, pair in entry.pairs.items()
                if pair.slot != NO_ROW
            }
            equal(f"rows of {partition}", rows, self._live(found))
            tombs = {(f, t): p.tomb for f, e in entries.items() for t, p in e.pairs.items() if p.tomb != NO_TOMB}
            must = {(self.field(r), self.tag(s)): _tomb(v) for (s, r), v in found.tombs.items()}
            equal(f"tombstones of {partition}", tombs, must)
            everywhere = {f: e.tomb for f, e in entries.items() if e.tomb != NO_TOMB}
            alone = {self.field(r): _tomb(v) for r, v in found.everywhere.items()}
            equal(f"tombstones under any subject of {partition}", everywhere, alone)
            self._check_aliases(partition, found)
            arrived = sum(1 for _ in self._members(partition, "ARRIVALS"))
            equal(f"events that were sent on to {partition}", arrived, found.arrived)
            self._check_subjects(partition, found)
            equal(f"live rows counted in {partition}", self.views[partition].number("live"), len(rows))

    def _live(self, found: Replay) -> Pairs:
        return {
            (self.field(r), self.tag(s)): (row.slot, row.insert.revision)
            for s, rows in found.live.items()
            for r, row in rows.items()
        }

    def _check_aliases(self, partition: int, found: Replay) -> None:
        held = {name: decode_alias(data) for name, data in self._members(partition, "ALIASES")}
        replies = self._look(partition, target_reads(held))
        targets = {field_of(n): held[n].targets | parse_targets(r) for n, r in zip(held, replies, strict=True)}
        must = {self._alias(a): frozenset(map(self._target, owners)) for a, owners in found.named.items()}
        must |= {self._alias(a): must.get(self._alias(a), frozenset()) for a in found.gone_aliases}
        equal(f"whom aliases of {partition} name", targets, must)
        dead = {field_of(name) for name, alias in held.items() if alias.dead}
        equal(f"deleted aliases of {partition}", dead, set(map(self._alias, found.gone_aliases)))

    def _alias(self, alias: str) -> bytes:
        return field_of(self.digests.alias(alias))

    def _target(self, owner: Owner) -> bytes:
        subject, record = owner
        return target_of(
            b"" if record is None else self.digests.record(record),
            b"" if subject is None else self.digests.subject(subject),
        )

    def _check_subjects(self, partition: int, found: Replay) -> None:
        held = {field_of(n): decode_subject(v) for n, v in self._members(partition, "SUBJECTS")}
        names = {field_of(self.digests.subject(s)): s for s in {*found.gone, *found.live} if s}
        dead = {names[f]: s.offset for f, s in held.items() if s and s.dead}
        equal(f"deleted subjects of {partition}", dead, found.gone)
        for field, subject in held.items():
            if subject is not None and subject.empty and field not in names:
                continue
            slots = [row.slot for row in found.live.get(names[field], {}).values()]
            if subject is None or not (subject.dead or all(subject.offset <= slot for slot in slots)):
                raise Wrong(f"{subject} of {partition} has the rows {slots}")

    def check_rows(self) -> None:
        """Check that files less holes are the live rows, and that deaths and counts agree. Raises Wrong."""
        for partition, found in self.found.items():
            view = self.views[partition]
            kept: set[int] = set()
            self._check_holes(partition, view)
            for (shard, end), held in view.slices.items():
                named = self._hash(partition, f"holes:{shard}:{view.start_of(end - 1)}")
                holes = {int(slot): int(death) for slot, death in named.items()}
                equal(f"holes of {partition}", holes, {slot: found.rows[slot].death for slot in holes})
                if held.file is None:
                    raise Wrong(f"slice {end} of {partition}/{shard} has no file")
                members = decode_slice(self.world.store.get(held.file)) if held.file else None
                rows = [] if members is None else members.slots.tolist()
                died = [] if members is None else deaths(members, holes, Covers({}))[0].tolist()
                live = [slot for slot, death in zip(rows, died, strict=True) if death == NEVER]
                equal(f"live rows of slice {end} of {partition}/{shard}", held.live, len(live))
                kept.update(live)
            equal(f"rows kept of {partition}", kept, {row.slot for row in found.rows.values() if row.death is None})

    def check_erased(self) -> None:
        """Check that no file in the store holds a row that is dead. Raises Wrong."""
        for partition, found in self.found.items():
            for name, *_ in self.world.store.names(f"{partition}/"):
                artefact = read_name(name)
                if artefact is not None and artefact.kind != "state":
                    slots = decode_slice(self.world.store.get(name)).slots.tolist()
                    equal(f"dead rows in {name}", [slot for slot in slots if found.rows[slot].death is not None], [])

    def _check_holes(self, partition: int, view: Tables) -> None:
        """Check that all holes are where somebody looks for them. Raises Wrong."""
        prefix = Keys(self.world.settings.model, partition).of("holes:")
        named = {key.decode().removeprefix(prefix) for key in self.world.redis.scan_iter(f"{prefix}*", count=1000)}
        known = {f"{shard}:{view.start_of(end - 1)}" for shard, end in view.slices}
        known |= {f"{shard}:{view.last_end}" for shard in view.open}
        equal(f"holes of {partition} that nobody finds", named - known, set())


def _tomb(revision: float) -> int:
    return FOREVER if revision == math.inf else int(revision)
