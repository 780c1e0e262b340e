"""What the console counts of itself, for Prometheus. No label holds an id."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from unlearn.console.poller import Outcome

__all__ = ["Metrics"]


class Metrics:
    """In a registry of their own; `watchers` gives how many pages are open."""

    def __init__(self, watchers: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self.answers = Counter(
            "unlearn_console_answers",
            "HTTP answers by what was asked and code",
            ["of", "code"],
            registry=self._registry,
        )
        self.asked = Counter(
            "unlearn_console_requests", "Requests left for workers, by kind", ["kind"], registry=self._registry
        )
        self._looks = Counter(
            "unlearn_console_looks", "Readings of the model, by how they ended", ["end"], registry=self._registry
        )
        self._seconds = Histogram("unlearn_console_look_seconds", "Time of a reading", registry=self._registry)
        self._read_at = Gauge(
            "unlearn_console_read_timestamp_seconds", "When the model was last read", registry=self._registry
        )
        self._bytes = Gauge("unlearn_console_snapshot_bytes", "Size of what a page gets", registry=self._registry)
        open_pages = Gauge("unlearn_console_pages", "Pages that are open", registry=self._registry)
        open_pages.set_function(watchers)
        for end in ("read", "failed"):
            self._looks.labels(end)

    def looked(self, outcome: Outcome, seconds: float) -> None:
        """The model was read, or could not be."""
        self._looks.labels("failed" if outcome.trouble else "read").inc()
        self._seconds.observe(seconds)
        self._bytes.set(len(outcome.body))
        if outcome.read_at is not None:
            self._read_at.set(outcome.read_at / 1000)

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self._registry)
