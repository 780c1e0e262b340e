"""All that a small log gives: each row, tombstone and state at any point, by the rules in plain dicts.

`unlearn.verification` tells states alone, of logs of any size; here everything is held, so that whatever a simulated
world keeps or says can be compared. Neither shares code with routing, plan, slices or lineage, and of membership each
has rules of its own, so what one of the three gets wrong shows as a difference.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from unlearn.events.event import Delete, Insert, Lift, Parsed, Seal
from unlearn.log.protocol import Log, Record
from unlearn.simulate.replay_fold import Fold, Row, Slice
from unlearn.verification.reference import Arrivals, Model
from unlearn.verification.reference_fold import Folded
from unlearn.verification.subject import Subject

Owner = tuple[str | None, str | None]
"""A subject, or a record without one; None for the other."""


@dataclass
class Replay:
    """One partition's log, applied from the model's start to the log's end."""

    model: Model
    rows: dict[int, Row] = field(default_factory=dict)  # slot -> accepted row, dead or alive
    seals: list[int] = field(default_factory=list)  # slice ends made by seal events
    live: dict[str | None, dict[str, Row]] = field(default_factory=dict)  # subject -> record -> row
    owners: dict[str, set[str | None]] = field(default_factory=dict)  # record -> subjects that ever had it
    gone: dict[str | None, int] = field(default_factory=dict)  # subject -> offset of its tombstone in force
    tombs: dict[tuple[str | None, str], float] = field(default_factory=dict)  # pair -> revision
    everywhere: dict[str, float] = field(default_factory=dict)  # record under any subject -> revision
    named: dict[str, dict[Owner, int]] = field(default_factory=dict)  # alias -> whom it names -> since which offset
    gone_aliases: set[str] = field(default_factory=set)
    arrived: int = 0  # inserts and deletions that were sent on, each once

    def apply(self, offset: int, event: Parsed) -> None:
        """Apply an event that counts in this partition; offsets must rise from call to call."""
        if isinstance(event, Insert):
            self._insert(offset, event)
        elif isinstance(event, Delete):
            self._delete(offset, event)
        elif isinstance(event, Lift):
            self._lift(event)
        elif isinstance(event, Seal):
            self.seals.append(offset + 1)

    def _insert(self, slot: int, event: Insert) -> None:
        subject, record = event.subject_id, event.record_id
        owner = (subject, None) if subject is not None else (None, record)
        for alias in event.aliases or ():
            self.named.setdefault(alias, {}).setdefault(owner, slot)
        if self.gone_aliases.intersection(event.aliases or ()):
            self._forget(slot, owner)
        tomb = max(self.tombs.get((subject, record), -1), self.everywhere.get(record, -1))
        old = self.live.setdefault(subject, {}).get(record)
        if subject in self.gone or event.revision <= tomb or (old and event.revision <= old.insert.revision):
            return
        if old:
            old.death = slot
        self.rows[slot] = self.live[subject][record] = Row(slot, self.model.shard(*self.model.digests(event)), event)
        self.owners.setdefault(record, set()).add(subject)

    def _delete(self, offset: int, event: Delete) -> None:
        subject, record = event.subject_id, event.record_id
        if event.alias is not None:
            self.gone_aliases.add(event.alias)
            for owner in self.named.get(event.alias, ()):
                self._forget(offset, owner)
            return
        revision = math.inf if record is None or event.revision is None else event.revision
        if record is None:
            if event.scope is None:
                self.gone.setdefault(subject, offset)
            pairs = [(subject, each) for each in self.live.get(subject, ())]
        elif subject is None:
            self.everywhere[record] = max(revision, self.everywhere.get(record, -1))
            pairs = [(each, record) for each in self.owners.get(record, ())]
        else:
            self.tombs[subject, record] = max(revision, self.tombs.get((subject, record), -1))
            pairs = [(subject, record)]
        for pair in pairs:
            self._kill(offset, pair, revision)

    def _forget(self, offset: int, owner: Owner) -> None:
        """Delete a subject, or a record without one, for good."""
        subject, record = owner
        if record is None:
            self.gone.setdefault(subject, offset)
        else:
            self.tombs[None, record] = math.inf
        for each in [record] if record is not None else list(self.live.get(subject, ())):
            self._kill(offset, (subject, each), math.inf)

    def _kill(self, offset: int, pair: tuple[str | None, str], revision: float) -> None:
        subject, record = pair
        row = self.live.get(subject, {}).get(record)
        if row and row.insert.revision <= revision:
            self.live[subject].pop(record).death = offset

    def _lift(self, event: Lift) -> None:
        subject, record = event.subject_id, event.record_id
        if event.alias is not None:
            self.gone_aliases.discard(event.alias)
        elif record is None:
            self.gone.pop(subject, None)
        elif subject is None:
            self.everywhere.pop(record, None)
            self.tombs.pop((None, record), None)
        else:
            self.tombs.pop((subject, record), None)

    def killed(self) -> Counter[int]:
        """How many rows each event has killed, by its offset."""
        return Counter(row.death for row in self.rows.values() if row.death is not None)

    def is_end(self, offset: int) -> bool:
        """Whether a slice may end here; 0 is the end before the first."""
        return offset % self.model.slice_span == 0 or offset in self.seals

    def last_end(self, applied: int) -> int:
        """The newest slice end up to `applied` with an accepted row in its slice, in any shard; 0 if there is none."""
        return max((row.end for row in self.rows.values() if row.end <= applied), default=0)

    def holds(self, shard: int, through: int, applied: int) -> set[int]:
        """The slots held by the shard's state at (through, applied); through <= applied <= the log's end."""
        rows = self.rows.values()
        return {row.slot for row in rows if row.shard == shard and row.end <= through and row.alive(applied)}

    def state(self, shard: int, through: int, applied: int) -> Folded:
        """The shard's state at (through, applied); through <= applied <= the log's end."""
        return self._folds[shard].state(through, applied)

    def states(self, through: Mapping[int, int], applied: int) -> dict[int, Folded]:
        """Each shard's state at its end in `through`."""
        return {shard: self.state(shard, end, applied) for shard, end in through.items()}

    @cached_property
    def _folds(self) -> list[Fold]:
        cuts: list[dict[int, list[Row]]] = [{} for _ in range(self.model.shards)]
        for row in self.rows.values():
            cuts[row.shard].setdefault(row.end, []).append(row)
        learner = self.model.learner
        return [Fold(learner, [Slice(learner, rows) for rows in cut.values()]) for cut in cuts]


def replay(model: Model, partition: int, records: Iterable[Record]) -> Replay:
    """Everything that was applied in this partition, from its records in offset order."""
    parser, found, arrivals = model.parser(), Replay(model), Arrivals(model)
    for record in records:
        event = parser.read(record)
        if model.counts_in(partition, event) and arrivals.count(event, record):
            found.apply(record.offset, event)
    found.arrived = len(arrivals.met)
    for row in found.rows.values():
        later = found.seals[bisect_right(found.seals, row.slot) :][:1]
        row.end = min([(row.slot // model.slice_span + 1) * model.slice_span, *later])
    return found


def replay_log(log: Log, subject: Subject, partition: int, stop: int) -> Replay:
    """Everything that was applied in this partition, from where the model was made up to `stop`."""
    return replay(subject.model, partition, log.read(subject.events_topic, partition, subject.start(partition), stop))
