"""Steps 2 and 3 of the loop, the general way: records become events, and events the items of a plan."""

from __future__ import annotations

from collections.abc import Sequence

from unlearn.events.mapped.tally import Tally
from unlearn.events.parsing import parser_of
from unlearn.events.partitioner import Digests
from unlearn.forwarding.foreign_copies import Origins
from unlearn.ingest.classify import Classifier, Insertion, Item, wanders
from unlearn.ingest.tombstones import Followers
from unlearn.log.protocol import Log, Record
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.settings import Settings
from unlearn_models.base.learner import Learner

__all__ = ["ItemReader"]


class ItemReader:
    """Reads records of one model's events topic; what an event asks for is defined here."""

    def __init__(self, settings: Settings, learner: Learner, log: Log) -> None:
        self._settings = settings
        self._parser = parser_of(learner, settings.reading)
        self._digests = Digests(settings.secret_bytes)
        follow = settings.reading.mapping.tombstones_follow
        self._followers = Followers(log, settings.events_topic, self._parser) if follow else None
        self._origins = Origins(log, settings.events_topic, settings.model, settings.secret_bytes)

    def items(self, owned: ClaimedPartition, records: Sequence[Record], tally: Tally | None = None) -> list[Item]:
        """What each record asks for, less what another model's forwarding makes needless.

        A bad record never stops the others. `tally` counts what a mapping's paths find.
        """
        return self._spared(owned, self.sort(owned.partition, records, tally), records)

    def sort(self, partition: int, records: Sequence[Record], tally: Tally | None = None) -> list[Item]:
        """What each record asks for, whoever has sent it on."""
        events = [self._parser.read(record, tally) for record in records]
        if self._followers is not None:
            events = self._followers.settled(records, events)
        return self._classifier(partition).sort_all(records, events)

    def taken(self, partition: int, records: Sequence[Record]) -> list[Insertion]:
        """The inserts among records that were applied, by the rules of then: what newer ones refuse was taken."""
        events = [self._parser.taken(record) for record in records]
        items = self._classifier(partition).sort_all(records, events)
        return [item for item in items if isinstance(item, Insertion)]

    def _spared(self, owned: ClaimedPartition, items: list[Item], records: Sequence[Record]) -> list[Item]:
        """The items without copies whose originals stand in the log; a deletion's copy stays, but owes nothing."""
        wandering = {item.offset for item in items if wanders(item)}
        if not wandering:
            return items
        copies = self._origins.copies([record for record in records if record.offset in wandering])
        classifier = self._classifier(owned.partition)
        owned.counters["others_copies"] += len(copies)
        spared = (classifier.spare(item, copies[item.offset]) if item.offset in copies else item for item in items)
        return [item for item in spared if item is not None]

    def _classifier(self, partition: int) -> Classifier:
        settings = self._settings
        return Classifier(
            settings.model,
            partition,
            settings.partitions,
            settings.subjects,
            settings.secret_bytes,
            self._digests,
            self._parser.told,
        )
