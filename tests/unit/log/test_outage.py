"""When the reason for an outage is looked for, and what is told of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.harness.waiting import until
from unlearn.errors import LogUnavailable
from unlearn.log.kafka.outage import AFTER, AGAIN, Outage
from unlearn.log.kafka.security.diagnosis import Diagnosis
from unlearn.settings import KafkaSettings


class Scene:
    """A consumer with a connection or none, a clock, and what would be found wrong."""

    def __init__(self) -> None:
        self.now, self.looks, self.final = 100.0, 0, True
        self.connection = SimpleNamespace(connected=True)
        manager = SimpleNamespace(_conns={1: self.connection})
        self.reader: Any = SimpleNamespace(_client=SimpleNamespace(_manager=manager))
        self.outage = Outage(KafkaSettings(), self.look, lambda: self.now)

    def look(self, _: KafkaSettings) -> Diagnosis:
        self.looks += 1
        return Diagnosis(LogUnavailable("the mistake"), self.final)

    def words(self, seconds: float = 0) -> str:
        """After so many seconds, once a look under way has ended."""
        self.now += seconds
        self.outage.words(self.reader)
        thread = self.outage._looking
        if thread is not None:
            until(lambda: not thread.is_alive(), 30, "the look has ended")
        return self.outage.words(self.reader)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_nothing_is_looked_for_while_there_is_a_connection(scene: Scene) -> None:
    assert scene.words(1000) == ""
    assert scene.looks == 0


def test_a_mistake_is_told_until_there_is_a_connection(scene: Scene) -> None:
    scene.connection.connected = False
    assert scene.words() == ""
    assert scene.words(AFTER - 1) == ""
    assert scene.words(1) == "the mistake"
    assert scene.words(1) == "the mistake"
    assert scene.looks == 1
    assert scene.words(AGAIN) == "the mistake"
    assert scene.looks == 2
    scene.connection.connected = True
    assert scene.words() == ""


def test_what_waiting_may_mend_is_not_told(scene: Scene) -> None:
    scene.connection.connected, scene.final = False, False
    scene.words()
    assert scene.words(AFTER) == ""
    assert scene.looks == 1
