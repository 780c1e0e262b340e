"""What a run was asked for, and all that it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unlearn.demo.accuracy import Accuracy
from unlearn.demo.script import Script, Stream
from unlearn.demo.story import Place, Seen
from unlearn.settings import Settings
from unlearn.verification.report import Report

__all__ = ["Options", "Outcome"]


@dataclass(frozen=True, slots=True)
class Options:
    """`events`: sent at most besides our deletions, None for all of `source`; `rate`: events a
    second, 0 for no limit, None for ours."""

    events: int | None
    seed: int
    source: Path | None
    rate: float | None
    workers: int
    keep: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that the summary tells."""

    settings: Settings
    config: Path | None
    """The file of the run's settings; None where it was on no Kafka that others could look at."""
    stream: Stream
    script: Script
    places: Sequence[Place]
    """Of each step of the script; of a seal the last one."""
    arrived: dict[Place, int]
    """When each event of the log was appended, ms."""
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
        """Why the run is no success."""
        lacking = self.deletions - len(self.times)
        found = {
            f"{lacking} deletions have no receipt that says hidden": lacking,
            f"Redis counts {self.live} live records, the input leaves {self.survivors}": self.live != self.survivors,
            f"verify says {self.stored.verdict}": self.stored.exit_code,
            f"verify --from-log says {self.logged.verdict}": self.logged.exit_code,
        }
        return [problem for problem, bad in found.items() if bad]
