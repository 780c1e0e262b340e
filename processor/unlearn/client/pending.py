"""A deletion that was sent, and the wait for its receipts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final, Literal

from unlearn.client.following import Answers, Following
from unlearn.client.new_receipts import LOOK_EVERY
from unlearn.errors import DeletionRefused, InputInvalid, StillOpen
from unlearn.results.manifest import Receipt

__all__ = ["Awaited", "Pending"]

Awaited = Literal["accepted", "hidden", "counted", "lifted"]
_Reached = Mapping[str, tuple[str, ...]]
"""State waited for -> the states by which it is reached: receipts may overtake each other."""
_DELETION: Final[tuple[str, Awaited]] = ("deletion", "hidden")
_LIFT: Final[tuple[str, Awaited]] = ("lift", "lifted")
"""What it is called, and the last state of it."""
_OF_DELETIONS: Final[_Reached] = {"accepted": ("accepted", "hidden"), "hidden": ("hidden",), "counted": ("hidden",)}
_OF_LIFTS: Final[_Reached] = {"accepted": ("accepted", "lifted"), "lifted": ("lifted",)}


class Pending:
    """A deletion or a lift that Kafka has acknowledged, as `Client.forget` and `Client.lift` give it.

    While it is held its receipts are kept, also those that came before `wait` was called. Wait from any thread.
    """

    def __init__(
        self,
        event_id: str,
        place: tuple[int, int],
        answers: Answers,
        following: Callable[[], Following],
        *,
        lifts: bool = False,
    ) -> None:
        self.event_id = event_id
        """The id of its event, which its receipts bear."""
        self.partition, self.offset = place
        self._answers, self._following = answers, following
        self._kind, self._last = _LIFT if lifts else _DELETION
        self._reached = _OF_LIFTS if lifts else _OF_DELETIONS

    def __repr__(self) -> str:
        return f"<Pending {self.event_id} at {self.partition}/{self.offset}>"

    def wait(self, state: Awaited | None = None, *, timeout: float) -> Receipt:
        """Its receipt of this state, as soon as there is one: `hidden` of a deletion, `lifted` of a lift, if not said.

        For `accepted` either of these will do. `counted` is a `hidden` that says how many records were killed: of a
        subject it comes after the first one.

        Raises StillOpen after `timeout` seconds, DeletionRefused, ClientStopped; and LogUnavailable where Kafka gives
        no answer for the request timeout, which may end later than `timeout`. It can be waited for again after each
        but the second.
        """
        state = state or self._last
        began = since = time.monotonic()
        while (found := self._found(state)) is None:
            following = self._following()
            following.look(since)
            if self._found(state) is None:
                following.pause(self._rest(state, began, timeout))
            since = time.monotonic() - LOOK_EVERY
        return found

    async def wait_async(self, state: Awaited | None = None, *, timeout: float) -> Receipt:
        """As `wait`, for a coroutine: the event loop goes on meanwhile, and the wait can be cancelled."""
        state = state or self._last
        began = since = time.monotonic()
        while (found := self._found(state)) is None:
            following = self._following()
            if following.due(since):
                await asyncio.to_thread(following.look, since)
            if self._found(state) is None:
                await asyncio.sleep(self._rest(state, began, timeout))
            since = time.monotonic() - LOOK_EVERY
        return found

    def _found(self, state: Awaited) -> Receipt | None:
        if state not in self._reached:
            raise InputInvalid(f"no state to wait for: there are {', '.join(self._reached)}")
        receipts = self._answers.at((self.partition, self.offset))
        found = next((receipts[one] for one in self._reached[state] if one in receipts), None)
        if state == "counted" and found is not None and found.records is None:
            return None
        if found is None and (refused := receipts.get("refused")) is not None:
            raise DeletionRefused(self.event_id, refused.reason or "no reason was given", refused)
        return found

    def _rest(self, state: Awaited, began: float, timeout: float) -> float:
        """Seconds to rest before the next look. Raises StillOpen when the time is over."""
        left = began + timeout - time.monotonic()
        if left > 0:
            return min(LOOK_EVERY, left)
        told = [*self._answers.at((self.partition, self.offset))]
        last = f"its receipt says {told[-1]}" if told else "there is no receipt: is a worker running?"
        raise StillOpen(
            f"the {self._kind} {self.event_id} is not {state} after {timeout:g} s; {last}. It stands in the log at "
            f"{self.partition}/{self.offset} and needn't be sent again: wait for longer; `unlearn status` tells more"
        )
