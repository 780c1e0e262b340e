"""What a gateway counts, for Prometheus. No label holds an id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

__all__ = ["Metrics"]

_STATUSES = ("pending", "in_progress", "completed", "cancelled")


class Metrics:
    """The metrics of one gateway, in a registry of their own. `counts` are the known requests by status."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._registry = CollectorRegistry()
        self.answers = Counter(
            "unlearn_gateway_answers", "HTTP answers by method and code", ["method", "code"], registry=self._registry
        )
        self.seconds = Histogram(
            "unlearn_gateway_answer_seconds", "Time until an HTTP answer", ["method"], registry=self._registry
        )
        self.callbacks = Counter(
            "unlearn_gateway_callbacks",
            "Tries of callbacks: delivered, failed (and tried again), given_up",
            ["outcome"],
            registry=self._registry,
        )
        for outcome in ("delivered", "failed", "given_up"):
            self.callbacks.labels(outcome)
        self.callbacks_open = Gauge(
            "unlearn_gateway_callbacks_open", "Callbacks that are due and not delivered", registry=self._registry
        )
        self.looked = Gauge(
            "unlearn_gateway_looked_timestamp_seconds",
            "When the topics were last read to their ends",
            registry=self._registry,
        )
        self._registry.register(_Requests(counts))

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self._registry)


class _Requests(Collector):
    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily("unlearn_gateway_requests", "Requests that are known, by status", labels=["status"])
        for status in _STATUSES:
            family.add_metric([status], self._counts.get(status, 0))
        yield family
