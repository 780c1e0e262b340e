"""Places of possible deletions that are to be closed: whether anything is open there, and what to request. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from unlearn.forwarding.dues import DEAD
from unlearn.operator_requests.requests import resolve, resolve_range
from unlearn.partition.offset_runs import Runs, joined, read_runs
from unlearn.partition.tables import Tables

__all__ = ["OpenPlaces", "Places", "requests_to_close"]


class Places(NamedTuple):
    """Offsets of one partition, `first` and `last` included, of one reason, or of any if it is None."""

    partition: int
    first: int
    last: int
    reason: str | None = None

    def __str__(self) -> str:
        to = f"..{self.last}" if self.last > self.first else ""
        return f"{self.partition}/{self.first}{to}"


class OpenPlaces:
    """Where possible deletions are open in one partition, by reason: made once, and asked for many places."""

    def __init__(self, view: Tables) -> None:
        runs: defaultdict[str | None, list[tuple[int, int]]] = defaultdict(list)
        for offset, one in view.unresolved.items():
            runs[one.reason].append((offset, offset))
        for held in view.open_ranges.values():
            runs[held.reason] += read_runs(held.runs)
        runs[None] = [run for found in runs.values() for run in found]
        self._runs: Mapping[str | None, Runs] = {reason: joined(found, ()) for reason, found in runs.items()}
        sending = (offset for offset, due in view.outbox.items() if due[0] != DEAD)
        answered = (offset for offset, held in view.pending.items() if held.receipt)
        self.later: Sequence[int] = sorted({*sending, *answered})
        """Offsets of what is still to be sent on or answered, and becomes open if that fails for good."""

    def of(self, reason: str | None) -> Runs:
        """The offsets of those that are open for the reason, or for any if it is None."""
        return self._runs.get(reason, ())

    def hold(self, places: Places) -> bool:
        """Whether anything is open there, for the reason if the places name one."""
        runs = self.of(places.reason)
        at = bisect_left(runs, places.first, key=itemgetter(1))
        return at < len(runs) and runs[at][0] <= places.last


def requests_to_close(
    places: Iterable[Places], held: Mapping[int, OpenPlaces], verdict: str
) -> dict[int, dict[str, str]]:
    """The requests (partition -> field -> value) to close what is open there, as few as do it.

    `held`: what is open in each partition that is named.
    """
    named: defaultdict[tuple[int, str | None], list[tuple[int, int]]] = defaultdict(list)
    for one in places:
        named[one.partition, one.reason].append((one.first, one.last))
    requests: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for (partition, reason), asked in named.items():
        spans = _spans(joined(asked, ()), held[partition].of(reason), held[partition].later)
        requests[partition].update(_request(first, last, reason, verdict) for first, last in spans)
    return dict(requests)


def _request(first: int, last: int, reason: str | None, verdict: str) -> tuple[str, str]:
    if first == last and reason is None:
        return resolve(first, verdict)
    return resolve_range(first, last, reason, verdict)


def _spans(asked: Runs, open_runs: Runs, later: Sequence[int]) -> list[tuple[int, int]]:
    """The fewest ranges that hold all open offsets that are asked for, and no others that are open or may open later:
    a request may stand for long until there is an owner."""
    found: list[tuple[int, int]] = []
    at, whole_before = 0, False
    for first, last in open_runs:
        while at < len(asked) and asked[at][1] < first:
            at += 1
        parts = _within(asked, at, first, last)
        if parts and whole_before and parts[0][0] == first and not _any_within(later, found[-1][1], first):
            parts[0] = (found.pop()[0], parts[0][1])
        found += parts
        whole_before = bool(parts) and parts[-1][1] == last
    return found


def _any_within(offsets: Sequence[int], behind: int, before: int) -> bool:
    """Whether one of the offsets, which rise, lies between the two."""
    at = bisect_right(offsets, behind)
    return at < len(offsets) and offsets[at] < before


def _within(asked: Runs, at: int, first: int, last: int) -> list[tuple[int, int]]:
    """What of `asked`, from the run `at` on, lies within first..last."""
    parts = []
    while at < len(asked) and asked[at][0] <= last:
        parts.append((max(first, asked[at][0]), min(last, asked[at][1])))
        at += 1
    return parts
