"""A world at its end, with what the reference makes of its log: what all judges look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from unlearn.events.parsing import parser_of
from unlearn.events.partitioner import Digests
from unlearn.log.protocol import Record
from unlearn.simulate.cluster import World
from unlearn.simulate.replay import Replay, replay_log
from unlearn.verification.subject import subject_of

__all__ = ["Judged"]


@dataclass
class Judged:
    """The world, its settings and ends, and what the reference (`replay`) finds in each partition of its log."""

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

    def records(self, topic: str, partition: int = 0) -> Iterator[Record]:
        """All records of a topic's partition."""
        return self.world.log.read(topic, partition, 0, 1 << 60)
