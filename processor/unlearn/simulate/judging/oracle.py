"""What must hold of a world at its end: all that it published and keeps agrees with the reference.

The reference (`replay`) is an implementation of the rules of its own, which reads the log alone.
"""

from __future__ import annotations

from collections import Counter

from unlearn.events.event import ORIGIN, Delete, Insert, Lift, Request
from unlearn.events.parsing import parse
from unlearn.simulate.cluster import World
from unlearn.simulate.determinism import EPOCH
from unlearn.simulate.judging.answered import Answered
from unlearn.simulate.judging.kept import Kept
from unlearn.simulate.judging.published import Published
from unlearn.simulate.judging.reach import living
from unlearn.simulate.judging.violations import equal

__all__ = ["Verdict", "sent_on"]


class Verdict(Published, Kept, Answered):
    """A world at its end, and what the reference makes of its log."""

    def check(self) -> None:
        """Make all checks. Raises Wrong where one fails."""
        self.check_manifests()
        self.check_memberships()
        self.check_rows()
        self.check_input()
        self.check_receipts()
        equal("states that were not what Redis says", self.world.counts["lineage_mismatches"], 0)

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
