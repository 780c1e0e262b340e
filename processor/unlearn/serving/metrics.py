"""What a server of scores counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from unlearn.errors import NotEnough, ScorerStopped
from unlearn.serving.served_model import ServedModel

__all__ = ["Metrics"]

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """In a registry of their own; `followers` gives how many follow changes."""

    def __init__(self, models: Sequence[ServedModel], followers: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self.answers = Counter(
            "unlearn_serve_answers", "HTTP answers by model and code", ["model", "code"], registry=self._registry
        )
        self.inputs = Counter("unlearn_serve_inputs", "Inputs that were scored", ["model"], registry=self._registry)
        self.seconds = Histogram(
            "unlearn_serve_answer_seconds", "Time until an answer", ["model"], buckets=_SECONDS, registry=self._registry
        )
        self._registry.register(_Models(models, followers))

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self._registry)


class _Models(Collector):
    def __init__(self, models: Sequence[ServedModel], followers: Callable[[], int]) -> None:
        self._models, self._followers = models, followers

    def collect(self) -> Iterator[GaugeMetricFamily]:
        ready = GaugeMetricFamily("unlearn_serve_ready", "Whether the model is answered for", labels=["model"])
        version = GaugeMetricFamily("unlearn_serve_version", "The version that is served", labels=["model"])
        lease = GaugeMetricFamily(
            "unlearn_serve_lease_ends_timestamp_seconds", "When that version's lease ends", labels=["model"]
        )
        left_out = GaugeMetricFamily("unlearn_serve_left_out", "Partitions that are not served", labels=["model"])
        for model in self._models:
            try:
                served = model.served()
            except (NotEnough, ScorerStopped):
                ready.add_metric([model.name], 0)
                continue
            ready.add_metric([model.name], 1)
            version.add_metric([model.name], served.version or 0)
            left_out.add_metric([model.name], len(served.left_out))
            if served.lease_ends is not None:
                lease.add_metric([model.name], served.lease_ends.timestamp())
        yield from (ready, version, lease, left_out)
        yield GaugeMetricFamily("unlearn_serve_followers", "Those who follow changes", value=self._followers())
