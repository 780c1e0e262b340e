"""All metrics that workers, scorers and gateways give, with their types and labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry

from tests.harness.results_harness import ResultsHarness
from unlearn.gateway.metrics import Metrics as GatewayMetrics
from unlearn.serving.metrics import Metrics as ServeMetrics
from unlearn.serving.served_model import ServedModel

__all__ = ["MetricName", "metric_names"]

PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"
_ENDINGS = {"counter": "_total", "info": "_info", "histogram": "_bucket"}


class MetricName(NamedTuple):
    """Type and labels of one, beside those of its target."""

    type: str
    labels: frozenset[str]


def metric_names(folder: Path) -> dict[str, MetricName]:
    """By the name that a query asks for: a histogram is `..._bucket`."""
    return dict(_of_a_worker()) | dict(_of(_served(folder))) | dict(_of(_gateway()))


def _of_a_worker() -> Iterator[tuple[str, MetricName]]:
    row = r"^\| `(unlearn_\w+)` \| (\w+) \| ([a-z, ]*) \|"
    for name, kind, labels in re.findall(row, PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        more = {"le"} if kind == "histogram" else set()
        ending = "_bucket" if kind == "histogram" else ""
        yield name + ending, MetricName(kind, frozenset(re.findall(r"\w+", labels)) | more)


def _of(registry: CollectorRegistry) -> Iterator[tuple[str, MetricName]]:
    for family in registry.collect():
        labels = {label for sample in family.samples for label in sample.labels} | {*getattr(family, "_labelnames", ())}
        yield family.name + _ENDINGS.get(family.type, ""), MetricName(family.type, frozenset(labels))


def _served(folder: Path) -> CollectorRegistry:
    harness = ResultsHarness(folder, "naive-bayes")
    served = ServeMetrics([ServedModel("demo", lambda _: harness.scorer(), lambda *_: None)], lambda: 0)
    served.answers.labels("demo", "200").inc()
    served.inputs.labels("demo").inc()
    served.seconds.labels("demo").observe(0.1)
    return served._registry


def _gateway() -> CollectorRegistry:
    metrics = GatewayMetrics({})
    metrics.answers.labels("GET", "200").inc()
    metrics.seconds.labels("GET").observe(0.1)
    return metrics._registry
