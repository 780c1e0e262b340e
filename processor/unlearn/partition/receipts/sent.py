"""What a step has sent for events together, and which of it has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from unlearn.errors import LogRefused, LogUnavailable

__all__ = ["Refusals", "Sent", "ended", "refuses"]


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """What was sent for the events at these offsets: for each name a batch with one message of each event, in order.

    A batch's future gives the offsets of its messages.
    """

    offsets: Sequence[int]
    batches: Mapping[str, Future[list[int]]]

    def done(self) -> bool:
        """Whether all batches have ended, well or not."""
        return all(batch.done() for batch in self.batches.values())

    def errors(self) -> dict[str, BaseException]:
        """The errors of the batches that failed, by name. All must have ended."""
        found = ((name, batch.exception()) for name, batch in self.batches.items())
        return {name: error for name, error in found if error is not None}


@dataclass(slots=True)
class Refusals:
    """One step's events that the log refused, or that were in one batch with such an event: each is sent on its own."""

    alone: set[int] = field(default_factory=set)
    shortened: set[int] = field(default_factory=set)
    """Those that were refused on their own; they are sent again in fewer bytes."""

    def forget(self, offset: int) -> None:
        """The event is settled."""
        self.alone.discard(offset)
        self.shortened.discard(offset)


def ended(sending: Mapping[int, Sent], most: int) -> list[Sent]:
    """What has ended of what is under way, by offset, of at most `most` events, or of one batch's."""
    found: list[Sent] = []
    events = 0
    for sent in dict.fromkeys(sending.values()):
        if sent.done():
            events += len(sent.offsets)
            if found and events > most:
                break
            found.append(sent)
    return found


def refuses(error: BaseException) -> bool:
    """Whether the log refuses a message for good. A missing right is LogUnavailable: it may be granted later."""
    return isinstance(error, LogRefused) and not isinstance(error, LogUnavailable)
