"""What must hold of a world at its end: all that it published and keeps agrees with the reference.

The reference (`replay`) is an implementation of the rules of its own, which reads the log alone.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

from unlearn.events.event import ORIGIN, BadInsert, Delete, Insert, Lift, Parsed, Request, Unreadable
from unlearn.events.parsing import parse, parser_of
from unlearn.events.partitioner import Digests, read_origin, tag_of
from unlearn.log.protocol import Record
from unlearn.partition.cleanups.covers import Covers
from unlearn.partition.rows import NEVER, deaths
from unlearn.partition.tables import Tables
from unlearn.results.manifest import Manifest, Receipt, read_heartbeat, read_manifest
from unlearn.results.results_topic import Results
from unlearn.simulate.cluster import World
from unlearn.simulate.determinism import EPOCH
from unlearn.simulate.judging.reach import living, owner_of, reach
from unlearn.simulate.judging.receipt_checks import (
    Applied,
    Told,
    applied_of,
    check_counts,
    check_repeats,
    check_times,
    told_in,
)
from unlearn.simulate.judging.violations import Wrong, equal
from unlearn.simulate.replay import Owner, Replay, replay_log
from unlearn.state.alias_lookups import parse_targets, target_reads
from unlearn.state.aliases import decode_alias, target_of
from unlearn.state.entries import FOREVER, NO_ROW, NO_TOMB, Entry, decode_entry, decode_subject
from unlearn.state.keys import Keys
from unlearn.state.lookups import pair_reads, parse_pairs
from unlearn.state.members import Table, field_of, walk
from unlearn.state.scripts import Op, PartitionState, read_without_token
from unlearn.storage.slice_files import decode_slice
from unlearn.verification.judging import judge
from unlearn.verification.subject import subject_of
from unlearn.verification.two_readings import read_truth

__all__ = ["Verdict", "sent_on"]

Pairs = dict[tuple[bytes, bytes], tuple[int, int]]
"""(record's field in Redis, subject tag) -> (slot, revision)."""


@dataclass
class Verdict:
    """A world at its end, and what the reference makes of its log."""

    world: World

    def __post_init__(self) -> None:
        world, settings = self.world, self.world.settings
        self.topic = settings.events_topic
        self.ends = {p: end for p, (_, end) in world.log.bounds(self.topic).items()}
        self.subject = subject_of(settings)
        self.found: dict[int, Replay] = {
            p: replay_log(world.log, self.subject, p, self.ends[p]) for p in range(settings.partitions)
        }
        self.digests = Digests(settings.secret_bytes)
        self.parser = parser_of(world.place.learner, settings.reading)
        self.views = {p: self._view(p) for p in range(settings.partitions)}

    def check(self) -> None:
        """Make all checks. Raises Wrong where one fails."""
        self.check_manifests()
        self.check_memberships()
        self.check_rows()
        self.check_input()
        self.check_receipts()
        equal("states that were not what Redis says", self.world.counts["lineage_mismatches"], 0)

    # -- what was published

    def records(self, topic: str, partition: int = 0) -> Iterator[Record]:
        """All records of a topic's partition."""
        return self.world.log.read(topic, partition, 0, 1 << 60)

    def check_manifests(self) -> None:
        """Check that each manifest that was ever published equals the fold, and that the newest cover the whole log.

        Raises Wrong.
        """
        results = Results(self.world.settings.model)
        for record in self.records(self.world.settings.results_topic):
            results.merge([record])
            manifest = read_manifest(record.value or b"")
            if manifest is not None:
                self._judge(manifest, "different")
        for partition in self.found:
            newest = results.of(partition).manifest
            if newest is None:
                raise Wrong(f"partition {partition} has no manifest")
            equal(f"applied of {partition}'s manifest", newest.applied, self.ends[partition])
            self._judge(newest, "pending")
            self._verify(newest)
            for entry in filter(lambda entry: entry.file, newest.shards):
                digest = hashlib.sha256(self.world.store.get(entry.file)).hexdigest()
                equal(f"digest of {entry.file}", digest, entry.digest)

    def states(self) -> dict[tuple[int, int], tuple[str, str, int]]:
        """(partition, shard) -> (digest, lineage, rows) as last published."""
        results = Results(self.world.settings.model)
        results.merge(self.records(self.world.settings.results_topic))
        newest = {p: results.of(p).manifest for p in self.found}
        return {
            (p, entry.shard): (entry.digest, entry.lineage, entry.rows)
            for p, manifest in newest.items()
            if manifest is not None
            for entry in manifest.shards
        }

    def _judge(self, manifest: Manifest, bad: str) -> None:
        verdicts = judge(self.subject, self.found[manifest.partition], manifest, self.ends[manifest.partition])
        wrong = [v for v in verdicts if v.verdict in ("different", "incomparable", bad)]
        if wrong:
            raise Wrong(f"{wrong} in {manifest}")

    def _verify(self, newest: Manifest) -> None:
        """Check that `unlearn verify --from-log` calls it equal, too."""
        end = self.ends[newest.partition]
        truth = read_truth(self.world.log, self.subject, newest.partition, end, manifest=newest)
        verdicts = judge(self.subject, truth, newest, end)
        wrong = [verdict for verdict in verdicts if verdict.verdict != "equal"]
        if wrong:
            raise Wrong(f"{wrong} by two readings of {newest}")

    # -- what Redis and the store keep

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

    # -- what went in, and what came out

    def check_input(self) -> None:
        """Check that the live rows follow from the messages alone, in whatever order they came. Raises Wrong.

        What can be taken again depends on the order.
        """
        inserts, deletes = [], []
        for message in self.world.script.messages:
            event = self.parser.parse(message.value, message.headers, at=EPOCH * 1000)
            if isinstance(event, Lift) or (isinstance(event, Delete) and event.scope is not None):
                return
            if not self.world.settings.subjects and isinstance(event, Insert | Delete) and event.subject_id:
                continue
            inserts += [event] if isinstance(event, Insert) else []
            deletes += [event] if isinstance(event, Delete) else []
        must = living(inserts, deletes)
        lives = {
            (s, r): row.insert.revision
            for f in self.found.values()
            for s, rows in f.live.items()
            for r, row in rows.items()
        }
        equal("who lives", lives, must)

    def check_receipts(self) -> None:
        """Check that all requests were answered, and that no version holds what was said to be hidden. Raises Wrong."""
        told = [told_in(record.value) for record in self.records(self.world.settings.receipts_topic)]
        said = {(one.receipt.state, one.receipt.partition, one.receipt.offset) for one in told}
        owed = {(state, p, o) for end, p, o in self._owed() for state in ("accepted", end)}
        equal("receipts", said, owed | {("refused", p, o) for p, o in self._refused()})
        for one in told:
            if one.receipt.state == "hidden":
                self._check_hidden(one.receipt)
        # What Redis alone knew, such as when a deletion was accepted, is made up anew after it was rolled back.
        check_repeats(told, steady=not self.world.counts["roll backs"])
        check_times(told)
        self._check_counts(told)

    def _check_counts(self, told: Sequence[Told]) -> None:
        """Check how many records receipts speak of, by two counts of the log that share nothing. Raises Wrong."""
        killed = {p: found.killed() for p, found in self.found.items()}
        for partition, end in self.ends.items():
            if partition in killed:
                again = read_truth(self.world.log, self.subject, partition, end).members.killed()
                equal(f"what each event of {partition} has killed, counted again", again, killed[partition])
        must: dict[Applied, int] = {}
        for receipt in {applied_of(one.receipt): one.receipt for one in told if one.receipt.applied_at}.values():
            event, place = self._read(receipt.partition, receipt.offset), applied_of(receipt)
            if not isinstance(event, Delete):
                continue
            copied = self._homeless(event)
            places = self._standing(receipt) if copied else {place.partition: [place.offset]}
            must[place] = sum(killed[p][offset] for p, offsets in places.items() if p in killed for offset in offsets)
        check_counts(told, must)
        died = sum(killed[p][o] for p in killed for o in killed[p] if isinstance(self._read(p, o), Delete))
        equal("records that all receipts speak of", sum(must.values()), died)

    def _owed(self) -> Iterator[tuple[Literal["hidden", "lifted"], int, int]]:
        """The last state that each deletion and lift is to be answered with, and (partition, offset) of its event."""
        settings = self.world.settings
        for partition in self.ends:
            for record in self.records(self.topic, partition):
                event = self.parser.read(record)
                if not isinstance(event, Request):
                    continue
                sent_on = read_origin(settings.secret_bytes, settings.model, record.headers)
                homeless = self._homeless(event)
                if (homeless and sent_on is None) or (not homeless and self.subject.model.counts_in(partition, event)):
                    end: Literal["hidden", "lifted"] = "lifted" if isinstance(event, Lift) else "hidden"
                    at = (partition, record.offset) if sent_on is None else (sent_on.partition, sent_on.offset)
                    yield end, *at

    def _homeless(self, event: Request) -> bool:
        """Whether the event counts in all partitions, by copies."""
        settings = self.world.settings
        by_record = settings.subjects and event.subject_id is None
        return settings.partitions > 1 and (by_record or event.alias is not None)

    def _refused(self) -> Iterator[tuple[int, int]]:
        """(partition, offset) of each possible deletion or lift that can't be applied, whose `event_id` can be read."""
        for partition in self.ends:
            for record in self.records(self.topic, partition):
                event = self.parser.read(record)
                subjects = self.world.settings.subjects
                alien = isinstance(event, Request) and event.subject_id is not None and not subjects
                refused = isinstance(event, Unreadable) or (isinstance(event, BadInsert) and event.answers)
                if alien or (refused and self.parser.told(record).event_id is not None):
                    yield partition, record.offset

    def _check_hidden(self, receipt: Receipt) -> None:
        event = self._event(receipt.partition, receipt.offset)
        equal("event of a receipt", event.event_id, receipt.event_id)
        places = {p: c for p, c in self._copies(receipt).items() if p in self.found}
        if receipt.version is None:
            raise Wrong(f"{receipt} names no version")
        gone = {p: self._killed(p, event, first) for p, (first, _) in places.items()}
        for newest in self._newest_from(receipt.version):
            for partition, slots in gone.items():
                found = newest.get(partition)
                if found is None or (self._holds_any(found, slots) and not self._of_a_lost_past(found)):
                    raise Wrong(f"{receipt}, but {found}")

    def _of_a_lost_past(self, manifest: Manifest) -> bool:
        """Whether the manifest may come from before Redis was rolled back, and was in force for nobody.

        What its owner had sent may arrive late under a counter that is above its successors', until they claim again;
        no heartbeat ever names it.
        """
        name = manifest.token.counter, manifest.token.nonce, manifest.sequence
        return bool(self.world.counts["roll backs"]) and name not in self._named

    @cached_property
    def _named(self) -> set[tuple[int, str, int]]:
        """(counter, nonce, sequence) of each manifest that a heartbeat names."""
        records = self.records(self.world.settings.results_topic)
        beats = (read_heartbeat(record.value) for record in records if record.value is not None)
        return {(beat.counter, beat.nonce, beat.sequence) for beat in beats if beat is not None}

    def _newest_from(self, version: int) -> Iterator[Mapping[int, Manifest]]:
        """Each partition's newest manifest as of this version, and as of each later change, the latest first."""
        for offset, newest in reversed(self._stood):
            yield newest
            if offset <= version:
                return

    @cached_property
    def _stood(self) -> list[tuple[int, Mapping[int, Manifest]]]:
        """(results offset, each partition's newest manifest from there on), in order."""
        results = Results(self.world.settings.model)
        stood: list[tuple[int, Mapping[int, Manifest]]] = []
        for record in self.records(self.world.settings.results_topic):
            results.merge([record])
            newest = {p: held.manifest for p, held in results.partitions.items() if held.manifest}
            if not stood or newest != stood[-1][1]:
                stood.append((record.offset, newest))
        return stood

    def _holds_any(self, manifest: Manifest, slots: set[int]) -> bool:
        found = self.found[manifest.partition]
        return any(slots & found.holds(entry.shard, entry.through, manifest.applied) for entry in manifest.shards)

    def _killed(self, partition: int, event: Delete, before: int) -> set[int]:
        """Slots of the partition's rows below `before` that the deletion kills."""
        found = self.found[partition]
        named = [owner for owner, since in found.named.get(event.alias or "", {}).items() if since < before]
        return {
            row.slot
            for row in found.rows.values()
            if row.slot < before
            and (
                reach(event, (row.insert.subject_id, row.insert.record_id)) >= row.insert.revision
                or owner_of(row.insert) in named
            )
        }

    def _read(self, partition: int, offset: int) -> Parsed:
        (record,) = self.world.log.read(self.topic, partition, offset, offset + 1)
        return self.parser.read(record)

    def _event(self, partition: int, offset: int) -> Delete:
        event = self._read(partition, offset)
        if not isinstance(event, Delete):
            raise Wrong(f"a receipt names {partition}/{offset}: {event}")
        return event

    def _copies(self, receipt: Receipt) -> dict[int, tuple[int, int]]:
        """Partition -> (first, last) offset at which this deletion or a copy of it stands there."""
        return {p: (min(offsets), max(offsets)) for p, offsets in self._standing(receipt).items()}

    def _standing(self, receipt: Receipt) -> dict[int, list[int]]:
        """Partition -> offsets at which this deletion or a copy of it stands there."""
        settings = self.world.settings
        places = {receipt.partition: [receipt.offset]}
        for partition in self.found:
            for record in self.records(self.topic, partition):
                origin = read_origin(settings.secret_bytes, settings.model, record.headers)
                if origin and (origin.partition, origin.offset) == (receipt.partition, receipt.offset):
                    places.setdefault(partition, []).append(record.offset)
        return places


def sent_on(world: World) -> Counter[str]:
    """How many records of the log bear a header of ours, copies and those sent home apart."""
    counts: Counter[str] = Counter()
    for partition in world.log.bounds(world.settings.events_topic):
        for record in world.log.read(world.settings.events_topic, partition, 0, 1 << 60):
            if any(name == ORIGIN for name, _ in record.headers):
                event = parse(record.value)
                copied = isinstance(event, Request) and event.subject_id is None
                counts["sent copies" if copied else "sent home"] += 1
    return counts


def _tomb(revision: float) -> int:
    return FOREVER if revision == math.inf else int(revision)
