"""What is wrong with a model, the worst first, and what to do about each: the page's first lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from unlearn.admin.status.partition_status import PartitionStatus
from unlearn.admin.versions.standing import standing_of
from unlearn.admin.workers import claims_of
from unlearn.console.shown.seen import Seen

__all__ = ["DELETION_OLD", "LAG_OLD", "POSSIBLE_OLD", "Finding", "Level", "findings_of", "level_of"]

Level = Literal["stopped", "behind", "warning", "note"]
"""stopped, behind: as the verdict of `unlearn status`. warning: an alert would fire. note: nothing to do at once."""
LAG_OLD, DELETION_OLD, POSSIBLE_OLD = 300, 3600, 86400
"""Seconds, as in the rules of deploy/prometheus: a test holds both to be the same."""
_ORDER: Sequence[Level] = ("stopped", "behind", "warning", "note")
_NAMED = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; `why`, in somebody's words. `runbook`: its heading there, empty where there is none.

    `since`: ms since 1970, None where it isn't known.
    """

    level: Level
    what: str
    do: str
    runbook: str = ""
    since: int | None = None
    why: str = ""


def level_of(findings: Sequence[Finding]) -> Literal["stopped", "behind", "warning", "well"]:
    """The worst of them; notes are well."""
    worst = findings[0].level if findings else "note"
    return "well" if worst == "note" else worst


def findings_of(seen: Seen, lease: float) -> list[Finding]:
    """All that is wrong, the worst first."""
    found = [finding for of in _EACH for finding in of(seen, lease)]
    return sorted(found, key=lambda finding: _ORDER.index(finding.level))


def _services(seen: Seen, _: float) -> Iterator[Finding]:
    for problem in seen.look.status.redis:
        do = "Put that right; workers go on by themselves."
        yield Finding("stopped", "Redis can't be used", do, _AWAY, why=problem)
    for problem in seen.look.status.store:
        yield Finding(
            "stopped",
            "The store can't be used from here",
            "A worker that starts here would refuse it. Check `UNLEARN_STORE__URL`, of the console and of the workers.",
            "UnlearnPartitionStopped",
            why=problem,
        )


def _stopped(seen: Seen, _: float) -> Iterator[Finding]:
    for held in seen.look.status.partitions:
        if held.stopped:
            yield Finding(
                "stopped",
                f"Partition {held.partition} is stopped",
                "It does nothing until somebody acts.",
                "UnlearnPartitionStopped",
                why=held.stopped,
            )


def _overdue(seen: Seen, _: float) -> Iterator[Finding]:
    for kind, count_of, do, runbook in _DEADLINES:
        late = [held for held in seen.look.status.partitions if count_of(held)]
        if late:
            many = sum(map(count_of, late))
            is_past = " is past its deadline" if many == 1 else "s are past their deadlines"
            what = f"{many:,} {kind}{is_past}, in {_partitions(late)}"
            yield Finding("behind", what, do, runbook)


def _unworked(seen: Seen, lease: float) -> Iterator[Finding]:
    partitions = seen.look.status.partitions
    if not any(held.owner for held in partitions):
        level: Level = "behind" if seen.look.status.lag else "warning"
        yield Finding(
            level, "No worker has claimed a partition yet", "Start one: unlearn work", "UnlearnPartitionUnclaimed"
        )
        return
    begun = seen.look.status.begun
    silent = [held for held in partitions if held.is_unworked(lease, begun) and not held.stopped]
    if silent:
        lag = sum(held.lag for held in silent)
        heard = f"no worker was heard of there within {lease:g} s"
        waits = f"{_waits(lag)} in {_partitions(silent)}, and {heard}"
        yield Finding(
            "behind",
            waits if lag else f"Nobody vouches for {_partitions(silent)}: {heard}, and scorers stop answering",
            "Start a worker, or look into the log of the last owner. While a deletion is overdue none is heard of.",
            "UnlearnPartitionUnclaimed",
            min((_ms(seen.came[held.partition]) for held in silent if held.partition in seen.came), default=None),
        )


def _not_in_force(seen: Seen, lease: float) -> Iterator[Finding]:
    late = [
        held
        for held in seen.look.status.partitions
        if (published := seen.look.published.get(held.partition)) is not None
        and published.manifest is not None
        and standing_of(published, seen.at / 1000, lease) != "in force"
    ]
    if late:
        yield Finding(
            "warning",
            f"No version is in force of {_partitions(late)}",
            "Scorers that need all partitions give no answer. A worker has to own each and vouch for it, and none does "
            "while a deletion there is overdue.",
            "UnlearnNotServed",
        )


def _quiet(seen: Seen, _: float) -> Iterator[Finding]:
    quiet = {held.partition: held for held in seen.look.status.partitions if held.quiet}
    for worker, owned in claims_of({p: held.view for p, held in seen.look.held.items() if p in quiet}).items():
        lag = sum(quiet[partition].lag for partition in owned)
        yield Finding(
            "behind" if lag else "note",
            f"Worker {worker} takes no events, as somebody asked: {_waits(lag)}",
            f"Let it go on, under Workers, or: `unlearn resume {worker}`",
        )


def _quarantined(seen: Seen, _: float) -> Iterator[Finding]:
    given_up = [f"{held.partition}/{shard}" for held in seen.look.status.partitions for shard in held.quarantined]
    if given_up:
        yield Finding(
            "behind",
            f"Training gave up {len(given_up):,} shard{'' if len(given_up) == 1 else 's'}: {_some(given_up)}",
            "Mend what broke it (a worker's log has the error), then retry it, under Shards and slices.",
            "UnlearnTrainingFails",
        )


def _waiting(seen: Seen, _: float) -> Iterator[Finding]:
    waits: dict[str, list[PartitionStatus]] = {}
    for held in seen.look.status.partitions:
        if held.trouble:
            waits.setdefault(held.trouble, []).append(held)
    for trouble, partitions in waits.items():
        what = f"{_partitions(partitions).capitalize()} wait{'s' if len(partitions) == 1 else ''} for something"
        yield Finding("warning", what, "Nothing is lost meanwhile.", _AWAY, why=trouble)


def _old(seen: Seen, _: float) -> Iterator[Finding]:
    now = seen.at / 1000
    lags = {held.partition: held for held in seen.look.status.partitions if held.lag}
    came = {p: at for p, at in seen.came.items() if p in lags and now - at > LAG_OLD}
    if came:
        yield Finding(
            "warning",
            f"The next record to apply has waited for long in {_partitions([lags[p] for p in sorted(came)])}",
            "Start more workers, up to one a partition; or something stands still: see /livez of the worker.",
            "UnlearnLag",
            _ms(min(came.values())),
        )
    for kind, age_of, old, do, runbook in _AGES:
        ages = [age for held in seen.look.status.partitions if (age := age_of(held)) is not None and age > old]
        if ages:
            yield Finding("warning", f"{kind} has been open for long", do, runbook, seen.at - _ms(max(ages)))


def _refused(seen: Seen, _: float) -> Iterator[Finding]:
    status = seen.look.status
    if status.refused_count:
        newest = status.refused[-1]
        yield Finding(
            "warning",
            f"{status.refused_count:,} records of the results topic are not believed",
            "Somebody else writes there, or two models share a name.",
            "UnlearnResultsRefused",
            why=f"the last at {newest.offset}: {newest.reason}",
        )


def _possible(seen: Seen, _: float) -> Iterator[Finding]:
    count = seen.look.status.unresolved
    if count:
        what = f"{count:,} possible deletion{' is' if count == 1 else 's are'} open: they could not be read"
        yield Finding("note", what, "Under Possible deletions stands why, and each can be closed.", _POSSIBLE)


def _letters(seen: Seen, _: float) -> Iterator[Finding]:
    count = sum(seen.look.status.dead_letters.values())
    if count:
        yield Finding(
            "note",
            f"{count:,} events were refused since the model was made",
            "Their reasons stand under Dead letters.",
            "UnlearnDeadLetters",
        )


def _partitions(held: Sequence[PartitionStatus]) -> str:
    names = [str(one.partition) for one in held]
    return f"partition{'' if len(names) == 1 else 's'} {_some(names)}"


def _waits(lag: int) -> str:
    return "1 record waits" if lag == 1 else f"{lag:,} records wait"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


_AWAY, _POSSIBLE = "UnlearnServiceAway", "UnlearnPossibleDeletionOld"
_DEADLINES: Sequence[tuple[str, Callable[[PartitionStatus], int], str, str]] = (
    (
        "deletion",
        lambda held: held.deletions.overdue,
        "Under Deletions stands what each waits for; nothing has to be sent again.",
        "UnlearnDeletionOverdue",
    ),
    (
        "possible deletion",
        lambda held: held.deletions.unresolved_overdue,
        "Look at each, under Possible deletions, and close it.",
        _POSSIBLE,
    ),
)
_AGES: Sequence[tuple[str, Callable[[PartitionStatus], float | None], int, str, str]] = (
    (
        "A deletion",
        lambda held: held.deletions.oldest_pending,
        DELETION_OLD,
        "An hour where seconds are usual: under Deletions stands what it waits for.",
        "UnlearnDeletionOld",
    ),
    (
        "A possible deletion",
        lambda held: held.deletions.oldest_unresolved,
        POSSIBLE_OLD,
        "Look at it, under Possible deletions, and close it.",
        _POSSIBLE,
    ),
)
_EACH: Sequence[Callable[[Seen, float], Iterator[Finding]]] = (
    *(
        _services,
        _stopped,
        _overdue,
        _unworked,
        _not_in_force,
        _quiet,
        _quarantined,
        _waiting,
        _old,
        _refused,
        _possible,
        _letters,
    ),
)
