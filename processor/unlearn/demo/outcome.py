"""What a run was asked for, and all that it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unlearn.demo.script import Script, Stream
from unlearn.demo.watching.accuracy import Accuracy
from unlearn.demo.watching.story import Place, Seen
from unlearn.settings import Settings
from unlearn.verification.report import Report

__all__ = ["Options", "Outcome"]


@dataclass(frozen=True, slots=True)
class Options:
    """What the user has asked for.

    `events`: how many are sent at most, not counting the demo's own deletions; None: all of `source`.
    `rate`: events a second; 0: no limit, None: the demo's own.
    """

    events: int | None
    seed: int
    source: Path | None
    rate: float | None
    workers: int
    keep: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a run has found, for the summary."""

    settings: Settings
    config: Path | None
    """The file of the run's settings; None where the run had no Kafka, so that other commands can't look at it."""
    stream: Stream
    script: Script
    places: Sequence[Place]
    """Where each step of the script stands in the log; of a seal, which goes to all partitions, the last place."""
    arrived: dict[Place, int]
    """When each event in the log was appended, ms since 1970."""
    seen: Seen
    times: Sequence[float]
    deletions: int
    survivors: int
    live: int
    accuracy: Accuracy | None
    version: int | None
    unresolved: int
    stored: Report
    logged: Report
    seconds: float

    @property
    def problems(self) -> list[str]:
        """Why the run failed, a sentence each; [] if it didn't."""
        lacking = self.deletions - len(self.times)
        found = {
            f"{lacking} deletions have no receipt that says hidden": lacking,
            f"Redis counts {self.live} live records, the input leaves {self.survivors}": self.live != self.survivors,
            f"verify says {self.stored.verdict}": self.stored.exit_code,
            f"verify --from-log says {self.logged.verdict}": self.logged.exit_code,
        }
        return [problem for problem, bad in found.items() if bad]
