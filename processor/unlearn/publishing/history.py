"""Step 11 of the loop, too: tells the history topic which rows each version holds.

What is told comes from the results topic as it is read, so a manifest whose owner died before it could tell is told by
the next one. A claim begins anew with the last few manifests; they may be told twice. Without the topic all else goes
on: what wasn't told meanwhile is a gap, which the next message shows.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.errors import LogRefused, LogUnavailable, TopicMissing
from unlearn.log.protocol import Log, Producer
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.results.history import NOTHING_TOLD, Chain, PublishedVersion, tell, tell_again
from unlearn.results.manifest import manifest_key
from unlearn.results.results_topic import Published, Results
from unlearn.settings import Settings

__all__ = ["History"]

_TRY_AGAIN = 60.0
"""Seconds for which the topic is left alone after it wasn't there, or refused a message."""
_SAME_AGAIN = 60.0
"""Seconds after a message until one says that the newest manifest has changed nothing; compaction takes longer."""


@dataclass(slots=True)
class _Telling:
    """Of one claim: the chain told so far, the last manifest looked at, when one was told last (monotonic seconds), and
    what is on its way."""

    chain: Chain = NOTHING_TOLD
    seen: int = -1
    told_at: float = float("-inf")
    under_way: deque[Future[int]] = field(default_factory=deque)

    def begin_anew(self) -> None:
        """Tell the newest manifests again, as a claim does."""
        self.chain, self.seen = NOTHING_TOLD, -1
        self.under_way.clear()


class History:
    """Tells of the manifests of owned partitions.

    Its producer is its own: a record that is refused fails what is in flight beside it.
    """

    def __init__(self, settings: Settings, log: Log, producer: Producer, clock: Clock = MACHINE_CLOCK) -> None:
        self._model, self._topic = settings.model, settings.history_topic
        self._log = log
        self._producer = producer
        self._clock = clock
        self._open = False
        self._look_at = float("-inf")
        self.trouble = ""
        """Why no history is kept for now; empty if it is."""

    def turn(self, owned: ClaimedPartition, results: Results) -> None:
        """Tell what the results topic shows of the partition and wasn't told under this claim. Never raises for the
        topic's sake."""
        telling, published = owned.kept(_Telling), results.of(owned.partition)
        if telling.under_way:
            self._settle(owned, telling)
        if published.recent and published.recent[-1][0] > telling.seen and self._is_open():
            self._tell(owned, telling, published)
        elif published.manifest and self._clock.monotonic() >= telling.told_at + _SAME_AGAIN and self._is_open():
            told = tell_again(telling.chain, published.offset, published.manifest)
            self._send(owned, telling, *told)

    def close(self) -> None:
        """Send out what is on its way."""
        self._producer.close()

    def _tell(self, owned: ClaimedPartition, telling: _Telling, published: Published) -> None:
        if published.recent[0][0] > telling.seen:
            # There may be one between that isn't known any more.
            telling.chain = NOTHING_TOLD
        for version, manifest in published.recent:
            if version > telling.seen:
                telling.seen = version
                self._send(owned, telling, *tell(telling.chain, version, manifest))

    def _send(self, owned: ClaimedPartition, telling: _Telling, chain: Chain, message: PublishedVersion | None) -> None:
        telling.chain = chain
        if message is not None:
            key = manifest_key(self._model, owned.partition)
            telling.told_at = self._clock.monotonic()
            telling.under_way.append(self._producer.send(self._topic, 0, key, message.encode()))

    def _settle(self, owned: ClaimedPartition, telling: _Telling) -> None:
        while telling.under_way and telling.under_way[0].done():
            error = telling.under_way.popleft().exception()
            if error is not None:
                self._leave_alone(str(error))
                telling.begin_anew()
                return
            owned.counters["versions_told"] += 1

    def _is_open(self) -> bool:
        """Whether the topic can be sent to. It is asked for first: sending to one that isn't there blocks."""
        if self._open or self._clock.monotonic() < self._look_at:
            return self._open
        try:
            self._log.partitions(self._topic)
        except (TopicMissing, LogUnavailable, LogRefused) as error:
            self._leave_alone(str(error))
        else:
            self._open, self.trouble = True, ""
        return self._open

    def _leave_alone(self, why: str) -> None:
        self._open, self._look_at = False, self._clock.monotonic() + _TRY_AGAIN
        self.trouble = f"no history of versions is kept, all else goes on: {why}"
