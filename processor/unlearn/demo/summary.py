"""What a run has shown, on one screen."""

from __future__ import annotations

import math
import os
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from unlearn.demo.outcome import Outcome
from unlearn.demo.watching.story import Place, Standing, shard_in, timeline
from unlearn.events.event import Delete, Insert
from unlearn.results.manifest import ShardEntry
from unlearn.settings_sources import PREFIX
from unlearn.verification.report import Report

__all__ = ["percentile", "summarise"]

_SNIPPET = 58
_WIDE_ID = 40


def summarise(outcome: Outcome, console: Console) -> None:
    """Prints figures, the followed record, the verdicts and how to look around."""
    console.print("What happened", style="bold")
    _print(console, _figures(outcome), 10)
    if outcome.accuracy is not None:
        console.print("\nAccuracy on the held-out records", style="bold")
        _print(console, _accuracy(outcome), 5)
    if outcome.script.followed is not None:
        title, *lines = _followed(outcome)
        console.print(title, style="bold", markup=False, soft_wrap=True)
        for line in lines:
            console.print(line, markup=False, soft_wrap=True)
    console.print("\nIs it the same as training again without the deleted records?", style="bold")
    _verdict(console, "verify", outcome.stored, "over the rows in the store")
    _verdict(console, "verify --from-log", outcome.logged, "from the events topic alone")
    _close(outcome, console)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the values that at least `share` of them don't exceed. `ordered` is sorted, and not empty."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _print(console: Console, rows: Iterator[tuple[str, str]], width: int) -> None:
    for name, text in rows:
        console.print(f"  {name:<{width}}  {text}", markup=False, soft_wrap=True)


def _figures(outcome: Outcome) -> Iterator[tuple[str, str]]:
    events = [step.event for step in outcome.script.steps]
    kinds = Counter(event.type for event in events)
    added = len(outcome.arrived) - len(outcome.places)
    yield (
        "events",
        (
            f"{len(outcome.arrived):,} in the log: {kinds['insert']:,} inserts, {kinds['delete']:,} deletes, "
            f"{added:,} seals and copies"
        ),
    )
    if outcome.stream.refused:
        shown = ", ".join(map(str, outcome.stream.refused[:8]))
        yield "refused", f"{len(outcome.stream.refused):,} lines that are no events, not sent: {shown}"
    yield "deletes", _deletes([event for event in events if isinstance(event, Delete)])
    yield "records", f"{outcome.live:,} left in Redis; counted from the input alone: {outcome.survivors:,}"
    versions = len(outcome.seen.standings)
    yield "versions", f"{versions:,} published; the scorer serves version {_number(outcome.version)}"
    if outcome.times:
        median, late = percentile(outcome.times, 0.5), percentile(outcome.times, 0.99)
        yield "forgetting", f"{median:.2f} s median, {late:.2f} s p99, from a delete to the first version without it"
    yield "receipts", f"{len(outcome.times):,} of {outcome.deletions:,} deletions are reported hidden"
    if outcome.unresolved:
        yield "unresolved", f"{outcome.unresolved:,} possible deletions could not be read and stay open"


def _deletes(deletes: Sequence[Delete]) -> str:
    subjects = sum(event.record_id is None for event in deletes)
    by_id = sum(event.subject_id is None for event in deletes)
    return (
        f"{len(deletes) - subjects - by_id:,} of a subject's record, {by_id:,} by record id alone, "
        f"{subjects:,} of whole subjects"
    )


def _number(value: int | None) -> str:
    return "none" if value is None else f"{value:,}"


def _accuracy(outcome: Outcome) -> Iterator[tuple[str, str]]:
    found, settings = outcome.accuracy, outcome.settings
    assert found is not None
    shards = settings.partitions * settings.shards_per_partition
    yield f"{found.model:.1%}", f"this model: {settings.learner} in {shards} shards, {found.rows:,} records asked"
    yield f"{found.one_shard:.1%}", "the same learner in one shard, on the same surviving rows"
    yield f"{found.sgd:.1%}", f"scikit-learn's SGDClassifier on those rows, the best of {found.sgd_settings} settings"
    yield f"{found.majority:.1%}", "always the commonest label"


def _followed(outcome: Outcome) -> Iterator[str]:
    followed = outcome.script.followed
    assert followed is not None
    insert = outcome.script.steps[followed.insert].event
    assert isinstance(insert, Insert)
    inserted, deleted = outcome.places[followed.insert], outcome.places[followed.delete]
    yield f"\nOne record from insert to hidden: {_shown(insert.record_id, _WIDE_ID)} {_owner(insert)}"
    yield f'  "{_shown(insert.text or "", _SNIPPET)}", labelled {insert.label}'
    start = outcome.arrived[inserted]
    for timestamp, what, text in _steps(outcome, insert, inserted, deleted):
        yield f"  {max(0, timestamp - start) / 1000:6.2f} s  {what:<12}  {text}"


def _owner(insert: Insert) -> str:
    return f"of {_shown(insert.subject_id, _WIDE_ID)}" if insert.subject_id else "of nobody"


def _steps(outcome: Outcome, insert: Insert, inserted: Place, deleted: Place) -> Iterator[tuple[int, str, str]]:
    shard = shard_in(outcome.settings, insert)
    found = timeline(outcome.seen.standings, inserted, deleted, shard)
    yield (
        outcome.arrived[inserted],
        "inserted",
        f"partition {inserted[0]}, offset {inserted[1]}: belongs to shard {shard}",
    )
    if found.holding is None or found.last is None:
        yield outcome.arrived[inserted], "waiting", "no version held it yet when it was deleted"
    else:
        yield _version("first version that holds it", found.holding)
        yield _version("last version that holds it", found.last)
    yield outcome.arrived[deleted], "deleted", f"partition {deleted[0]}, offset {deleted[1]}"
    receipts = outcome.seen.accepted.get(deleted), outcome.seen.hidden.get(deleted)
    accepted, hidden = receipts
    if accepted:
        yield accepted.timestamp, "accepted", "the receipt for the deletion"
    if found.clean:
        yield _version("first version without it", found.clean)
    if hidden:
        yield hidden.timestamp, "hidden", f"the receipt that names version {_number(hidden.version)}"
    if found.whole and found.clean and found.whole != found.clean:
        yield _version("its shard is past that place again", found.whole)


def _version(what: str, found: tuple[Standing, ShardEntry]) -> tuple[int, str, str]:
    standing, entry = found
    holds = f"{entry.rows:,} rows below offset {entry.through}" if entry.rows else "no rows"
    return standing.timestamp, f"version {standing.version}", f"{what}; {entry.status}, {holds}"


def _shown(text: str, most: int) -> str:
    """The text on one line, cut to `most` characters, without those that would control a terminal."""
    clean = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def _verdict(console: Console, name: str, report: Report, how: str) -> None:
    good = report.verdict == "equal"
    counts = ", ".join(f"{count} {verdict}" for verdict, count in report.counts.items())
    console.print(f"  {name:<18} {counts} of {len(report.shards)} shards, byte for byte ({how})",
                  style="green" if good else "bold red", soft_wrap=True)  # fmt: skip
    for shard in report.shards:
        if shard.verdict != "equal":
            console.print(f"    {shard.partition}/{shard.shard} {shard.verdict}: {shard.reason}", markup=False)


def _close(outcome: Outcome, console: Console) -> None:
    problems = outcome.problems
    console.print()
    for problem in problems:
        console.print(f"FAILED: {problem}", style="bold red", markup=False)
    if not problems:
        console.print(f"All is well, in {outcome.seconds:.0f} s.", style="bold green")
    if outcome.config is None:
        console.print("This ran WITHOUT KAFKA, on a log inside the process.", style="bold red")
        console.print(f"Redis stays up; {_beside('unlearn')} services down stops it.", markup=False, soft_wrap=True)
        return
    command = look_command(outcome.config, os.environ)
    console.print(
        f"Kafka and Redis stay up; {_beside('unlearn')} services down stops them. Until the next demo, look around:",
        markup=False,
        soft_wrap=True,
    )
    for before, arguments in (("", "status"), ('echo "win a free prize" | ', "score -"), ("", "verify")):
        console.print(f"  {before}{command} {arguments}", markup=False, soft_wrap=True)


def look_command(config: Path, environment: Mapping[str, str]) -> str:
    """`unlearn` with the run's settings: variables would beat the file, so it hides those that are set."""
    hidden = [f"-u {name}" for name in sorted(environment) if name.upper().startswith(PREFIX)]
    hide = ["env", *hidden] if hidden else []
    return " ".join([*hide, shlex.quote(_beside("unlearn")), "--config", shlex.quote(_relative(config))])


def _beside(name: str) -> str:
    command = Path(sys.executable).with_name(name)
    return _relative(command) if command.exists() else name


def _relative(path: Path) -> str:
    near = os.path.relpath(path)
    return str(path) if near.startswith("..") else near
