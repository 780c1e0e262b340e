"""A world's twin: the same log, offset by offset, without what was forgotten."""

from __future__ import annotations

from collections.abc import Mapping

from unlearn.events.event import Delete, Insert
from unlearn.events.parsing import Parser
from unlearn.simulate.cluster import World
from unlearn.simulate.replay import Replay
from unlearn.simulate.script import CLASSES


def copy_without_the_dead(twin: World, world: World, found: Mapping[int, Replay]) -> int:
    """Take over the world's log, with null where a dead record or a delete stood.

    Returns how many became null."""
    topic, parser, nulled = world.settings.events_topic, Parser(CLASSES, 64, counts=True), 0
    for partition, (_, end) in world.log.bounds(topic).items():
        live = {slot for slot, row in found[partition].rows.items() if row.death is None} if partition in found else ()
        for record in world.log.read(topic, partition, 0, end):
            _gap_up_to(twin, partition, record.offset)
            dead = record.offset not in live and isinstance(parser.read(record), Insert | Delete)
            nulled += dead
            value = None if dead else record.value
            twin.log.append(twin.settings.events_topic, partition, record.key, value, record.headers)
        _gap_up_to(twin, partition, end)
    twin.fed = len(twin.script.messages)
    return nulled


def _gap_up_to(twin: World, partition: int, offset: int) -> None:
    at = twin.log.bounds(twin.settings.events_topic)[partition][1]
    twin.log.gap(twin.settings.events_topic, partition, offset - at)
