"""Sending the script."""

from __future__ import annotations

from unlearn.demo.script import Step
from unlearn.demo.send import HoldBack, Sender
from unlearn.events.event import Insert, Seal, encode
from unlearn.events.partitioner import home
from unlearn.log.memory.log import MemoryLog


def steps(*events: Insert | Seal) -> list[Step]:
    return [Step(event, encode(event)) for event in events]


def put(record: str, subject: str) -> Insert:
    return Insert(event_id=record, record_id=record, subject_id=subject, text="t")


def test_every_event_goes_home_and_a_seal_everywhere() -> None:
    log = MemoryLog()
    log.create_topic("events", 3)
    script = steps(put("a", "u1"), Seal(), put("b", "u2"))
    sender = Sender(log.producer(), "events", 3, None)

    sender.send_all(script, lambda: None, lambda _: False)

    places = dict(sender.places(1.0))
    assert [places[0][0], places[2][0]] == [home(b"u1", 3), home(b"u2", 3)]
    assert sum(end for _, end in log.bounds("events").values()) == 2 + 3
    for number in (0, 2):
        partition, offset = places[number]
        assert [r.value for r in log.read("events", partition, offset, offset + 1)] == [script[number].value]
    assert sender.place(2) == places[2]


def test_a_step_is_held_back_until_it_is_released() -> None:
    waited: list[int] = []
    pause = HoldBack(1, lambda: len(waited) >= 3, clock=lambda: 0.0)
    log = MemoryLog()
    log.create_topic("events", 1)
    sender = Sender(log.producer(), "events", 1, None)

    sender.send_all(steps(put("a", "u"), put("b", "u")), lambda: waited.append(sender.sent), pause)

    assert waited == [1, 1, 1, 2]


def test_nothing_is_held_back_for_long() -> None:
    times = iter([0.0, 5.0, 9.0, 11.0])
    pause = HoldBack(0, lambda: False, clock=lambda: next(times))

    assert [pause(0), pause(0), pause(0)] == [True, True, False]
