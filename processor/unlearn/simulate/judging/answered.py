"""What must hold of the receipts of a world: all are answered, and what they say is what the log shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Literal

from unlearn.events.event import BadInsert, Delete, Lift, Parsed, Request, Unreadable
from unlearn.events.marks import read_marks
from unlearn.events.partitioner import read_origin
from unlearn.results.manifest import Manifest, Receipt, read_heartbeat
from unlearn.results.results_topic import Results
from unlearn.simulate.judging.judged import Judged
from unlearn.simulate.judging.reach import owner_of, reach
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
from unlearn.verification.two_readings import read_truth

__all__ = ["Answered"]


class Answered(Judged):
    """Judges receipts."""

    def check_receipts(self) -> None:
        """Check that all requests were answered, and that no version holds what was said to be hidden. Raises Wrong."""
        told = [told_in(record.value) for record in self.records(self.world.settings.receipts_topic)]
        left = self._left_to_their_originals()
        said = {(one.state, one.partition, one.offset) for one in (each.receipt for each in told)}
        said = {one for one in said if one[1:] not in left}
        owed = {(state, p, o) for end, p, o in self._owed() if (p, o) not in left for state in ("accepted", end)}
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

    def _left_to_their_originals(self) -> set[tuple[int, int]]:
        """(partition, offset) of what claims to be another model's copy of an event that has no home, where the same
        stands at the place that it names. It is answered there; here only if it was read before that one was written.
        """
        contents: dict[tuple[int, int], tuple[bytes | None, bytes | None]] = {}
        claims: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for partition in self.ends:
            for record in self.records(self.topic, partition):
                here, event = (partition, record.offset), self.parser.read(record)
                contents[here] = record.key, record.value
                if isinstance(event, Request) and self._homeless(event):
                    claims[here] = [(mark.partition, mark.offset) for mark in read_marks(record.headers)]
        return {here for here, named in claims.items() if any(contents.get(at) == contents[here] for at in named)}

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
