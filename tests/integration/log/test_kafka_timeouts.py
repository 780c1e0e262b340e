"""A poll that found nothing holds nothing of those who called it, whatever they had in hand."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator

import pytest

from tests.integration.log.conftest import KafkaRig
from tests.log_suite import fill, joined, new_topic, numbered, reading


class Buffer:
    """Stands for a batch with the broker's answer behind it."""


@pytest.fixture
def _uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def held_after(poll: Callable[[], object]) -> Buffer | None:
    def turn() -> weakref.ref[Buffer]:
        batch = Buffer()
        poll()
        return weakref.ref(batch)

    return turn()()


@pytest.mark.usefixtures("_uncollected")
def test_a_tail_that_found_nothing_keeps_no_frame_of_its_caller(rig: KafkaRig) -> None:
    tail = rig.log.tail(new_topic(rig))
    for timeout in (0.0, 0.25):
        for _ in range(5):
            assert held_after(lambda timeout=timeout: tail.poll(timeout)) is None  # type: ignore[misc]
    tail.close()


@pytest.mark.usefixtures("_uncollected")
def test_a_reader_that_found_nothing_keeps_no_frame_of_its_caller(rig: KafkaRig) -> None:
    topic = new_topic(rig)
    with reading(rig, topic) as reader:
        joined(reader, 1)
        reader.seek(0, 0)
        for timeout in (0.0, 0.25):
            for _ in range(5):
                assert held_after(lambda timeout=timeout: reader.poll(timeout, 10)) is None  # type: ignore[misc]


def test_what_comes_after_many_time_outs_is_read(rig: KafkaRig) -> None:
    topic = new_topic(rig)
    tail = rig.log.tail(topic)
    assert [tail.poll(0.0) for _ in range(50)] == [[]] * 50
    fill(rig, topic, 0, numbered(3))
    found = list(tail.poll(30.0))
    while len(found) < 3:
        found += tail.poll(30.0)
    assert [record.value for record in found] == numbered(3)
    tail.close()
