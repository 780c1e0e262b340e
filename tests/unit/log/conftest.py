from __future__ import annotations

from collections.abc import Mapping

import pytest

from unlearn.log.memory.log import MemoryLog

pytest.register_assert_rewrite("tests.log_suite")


class MemoryRig:
    def __init__(self) -> None:
        self.log = MemoryLog()

    def gap(self, topic: str, partition: int, n: int) -> None:
        self.log.gap(topic, partition, n)

    def truncate(self, topic: str, partition: int, start: int) -> None:
        self.log.truncate(topic, partition, start)

    def delete(self, topic: str) -> None:
        self.log.delete_topic(topic)

    def committed(self, topic: str, group: str) -> Mapping[int, int]:
        return self.log.committed.get((topic, group), {})


@pytest.fixture(scope="session")
def rig() -> MemoryRig:
    return MemoryRig()
