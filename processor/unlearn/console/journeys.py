"""What became of one event, as `unlearn answer --event` tells it, and which versions there were.

Both read the log, which may be long: one at a time, and not for longer than a setting says.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from unlearn.admin.answering.answer import Answerer
from unlearn.admin.answering.lines import headline, lines
from unlearn.admin.answering.question import Question
from unlearn.admin.answering.report import Answer, EventTold
from unlearn.admin.input.id_lists import check_id
from unlearn.admin.versions.listing import Lister
from unlearn.admin.versions.source import Source
from unlearn.console.reading import Connect
from unlearn.errors import HttpRefused
from unlearn.identity import as_made
from unlearn.settings import Settings
from unlearn.state.scripts import kept_identities, states

__all__ = ["Journeys", "without_ids"]

WITHHELD = "(withheld)"
"""Stands for an id of a record or a subject where nobody with a token asked."""
_VERSIONS = 50


class Journeys:
    """Reads the log for those who ask; every call opens connections of its own, and may take long."""

    def __init__(self, settings: Settings, connect: Connect) -> None:
        self._settings, self._connect = settings, connect
        self._busy = threading.Lock()

    def of_event(self, event_id: str, *, with_ids: bool) -> dict[str, Any]:
        """What became of the event, as lines. `with_ids`: whether ids of records and subjects are told.

        Raises InputInvalid, HttpRefused, and what `Answerer.answer` raises.
        """
        check_id(event_id, "the event id")
        with self._alone() as progress, self._connect() as (log, client):
            kept = kept_identities(states(client, self._settings.model), self._settings.partitions)
            settings = as_made(self._settings, kept)
            answer = Answerer(settings, log, client, progress).answer(Question("event", event_id))
        told = answer if with_ids else without_ids(answer)
        known = "" if told.state is None else told.state
        return {
            "headline": headline(told),
            "state": known,
            "lines": [line._asdict() for line in lines(told)],
            "notes": list(told.notes),
            "withheld": not with_ids,
        }

    def versions(self) -> dict[str, Any]:
        """The last versions that were published, the newest first. Raises HttpRefused, and what `Lister` raises."""
        notes: list[str] = []
        with self._alone() as progress, self._connect() as (log, _):
            source = Source(self._settings, log, progress, notes.append)
            told = Lister(source, counts=False).last(_VERSIONS, range(self._settings.partitions))
        shown = ("version", "at", "partition", "applied", "rows", "standing", "counter")
        found = [{name: getattr(one, name) for name in shown} for one in reversed(told)]
        return {"versions": found, "notes": notes, "most": _VERSIONS}

    @contextmanager
    def _alone(self) -> Iterator[Callable[[str, int, int], None]]:
        """Yields what is called as reading goes on, and raises HttpRefused once that takes too long."""
        if not self._busy.acquire(blocking=False):
            raise HttpRefused(503, "the log is being read for somebody else: ask again in a moment", 2.0)
        within = self._settings.console.journey_within
        deadline = time.monotonic() + within

        def progress(what: str, done: int, total: int) -> None:
            if time.monotonic() > deadline:
                raise HttpRefused(
                    503,
                    f"reading took longer than {within:g} s, and had come to {done:,} of {total:,} in {what}: "
                    "`unlearn answer` and `unlearn versions` tell it, or a higher UNLEARN_CONSOLE__JOURNEY_WITHIN",
                )

        try:
            yield progress
        finally:
            self._busy.release()


def without_ids(answer: Answer) -> Answer:
    """The answer without ids of records and subjects, and without aliases; event ids stay."""
    return answer.model_copy(update={"events": tuple(map(_without_ids, answer.events))})


def _without_ids(event: EventTold) -> EventTold:
    return event.model_copy(update=_withheld(event, ("record_id", "subject_id", "alias")))


def _withheld(event: EventTold, names: Sequence[str]) -> dict[str, str]:
    return {name: WITHHELD for name in names if getattr(event, name) is not None}
