"""What the dispatch of training asks of whatever runs its jobs."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol, runtime_checkable

from unlearn.partition.jobs import Job, Trained

__all__ = ["ReportingTrainers", "Trainers"]


class Trainers(Protocol):
    """Where jobs run."""

    def submit(self, job: Job) -> Future[Trained]:
        """Start a job. The future gives what it trained, or whatever error it raised."""
        ...

    @property
    def free(self) -> int:
        """How many more jobs can run at once."""
        ...

    @property
    def idle(self) -> bool:
        """Whether no job runs."""
        ...

    def restart(self) -> None:
        """End all jobs under way; their futures fail."""
        ...

    def close(self) -> None:
        """End all jobs, and release what they ran in."""
        ...


@runtime_checkable
class ReportingTrainers(Trainers, Protocol):
    """Trainers that tell how far a job is."""

    def finished(self, future: Future[Trained]) -> int:
        """How many slices the job of this future has gone through."""
        ...
