"""Records of the log by offset."""

from __future__ import annotations

from collections.abc import Iterator

from unlearn.forwarding.reread import records_at
from unlearn.log.memory.log import MemoryLog
from unlearn.log.protocol import Record


class CountingLog(MemoryLog):
    """Remembers which intervals were read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[int, int]] = []

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[Record]:
        self.reads.append((start, stop))
        return super().read(topic, partition, start, stop)


def test_near_records_are_read_in_one_go() -> None:
    log = CountingLog()
    log.create_topic("t", 1)
    for number in range(20):
        log.append("t", 0, None, b"%d" % number, ())
    log.gap("t", 0, 100_000)
    last = log.append("t", 0, None, b"last", ())
    found = records_at(log, "t", 0, [7, last, 3, last + 9])
    assert {offset: record.value for offset, record in found.items()} == {3: b"3", 7: b"7", last: b"last"}
    assert log.reads == [(3, 8), (last, last + 10)]


def test_no_offsets_asked_for_read_no_records() -> None:
    log = CountingLog()
    log.create_topic("t", 1)
    assert records_at(log, "t", 0, []) == {}
    assert log.reads == []
