"""All metrics of a worker: names, types and meanings, as Prometheus has them. Base units; no label holds an id.

Each has the model's name as a label, beside those named here: several models may share a Prometheus.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, get_args

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from unlearn.forwarding.dues import letters_by_reason
from unlearn.histogram import Histogram
from unlearn.monitoring.snapshot import PartitionFacts, Snapshot
from unlearn.partition.claimed_partition import Way

__all__ = ["BUCKETS", "About", "Lag", "Seen", "Totals", "WorkerMetrics"]

_PREFIX: Final = "unlearn_worker_"
BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 86400.0, 604800.0, 2592000.0)
"""Upper bounds of the times to hidden, in seconds: up to thirty days, the deadline unless an event names one."""
_GAPS: Final = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 3600.0, 86400.0)
"""Upper bounds of the times between manifests, in seconds."""


class Lag(NamedTuple):
    """How far a partition is behind its log: in records, and in seconds since the next one to apply came. And for how
    many seconds a producer's open transaction has held back what nobody can read yet."""

    records: int
    seconds: float
    held_back: float = 0.0


class About(NamedTuple):
    """Whose metrics they are: the model's name and how many partitions it has, and the release."""

    model: str
    partitions: int
    build: Mapping[str, str]


class Seen(NamedTuple):
    """What is known beside a worker's snapshots: how far partitions are behind, the seconds since their last manifests,
    and what stands still, with the seconds."""

    lags: Callable[[], Mapping[int, Lag]]
    manifest_ages: Callable[[], Mapping[int, float]]
    stuck: Callable[[], Mapping[str, float]]


class _Counts(NamedTuple):
    """A counter: its name, its meaning, and which of the worker's counts it is, by the value of its label. `unit`: how
    much one of the worker's counts is."""

    name: str
    meaning: str
    label: str
    counts: Mapping[str, str]
    unit: float = 1


_WAYS: Final[tuple[Way, ...]] = get_args(Way)
_COUNTERS: Final = (
    _Counts(
        "events_applied",
        "Events that were applied, by type",
        "type",
        {"insert": "inserts", "delete": "deletes", "lift": "lifts", "seal": "seals"},
    ),
    _Counts(
        "inserts_passed_over",
        "Inserts that changed nothing: deleted before they came, there already, or in conflict with a known revision",
        "reason",
        {"dead_on_arrival": "dead_on_arrival", "repeated": "repeated", "conflict": "conflicts"},
    ),
    _Counts(
        "sent_on", "Events that were sent to another partition", "way", {"home": "sent home", "copy": "sent copies"}
    ),
    _Counts(
        "jobs",
        "Training jobs that ended, by their end",
        "end",
        {"done": "jobs", "failed": "jobs_failed", "overtaken": "overtaken", "crashed": "crashes"},
    ),
    _Counts(
        "rows_trained",
        "Rows that training learned or forgot",
        "way",
        {"learned": "rows_learned", "forgotten": "rows_forgotten"},
    ),
    _Counts(
        "training_jobs",
        "Training jobs that were done: new slices learned (fold), rows forgotten, slices learned again (retrain)",
        "way",
        {way: f"{way}_jobs" for way in _WAYS},
    ),
    _Counts("training_rows", "Rows of those jobs", "way", {way: f"{way}_rows" for way in _WAYS}),
    _Counts("training_seconds", "Seconds of those jobs", "way", {way: f"{way}_ms" for way in _WAYS}, unit=0.001),
    _Counts(
        "claims_ended",
        "Partitions that were dropped, by the reason",
        "reason",
        {
            "fenced": "fenced",
            "rolled_back": "rolled_back",
            "redis_lost": "state_lost",
            "store_invalid": "artefacts_invalid",
            "registry_lost": "registry_lost",
        },
    ),
    _Counts(
        "outages",
        "Times that a service was away or refused the worker",
        "service",
        {"store": "store_lost", "kafka": "kafka_trouble", "redis": "redis_trouble"},
    ),
)
_PLAIN: Final = {
    "claims": ("Partitions that were claimed", "claims"),
    "manifests": ("Manifests that were published", "manifests"),
    "withdrawals": ("Shards that were withdrawn for a deletion", "withdrawals"),
    "deletions_hidden": ("Deletions that were told to be hidden", "hidden"),
    "possible_deletions_opened": ("Events that may be deletions and were left open", "refused"),
    "arrived_before": ("Events that were sent on, had arrived before, and so did nothing", "arrived_before"),
    "trainer_restarts": ("Trainer processes that were started anew", "restarts"),
    "shards_quarantined": ("Shards that were put into quarantine, as training them fails", "quarantined"),
    "readers_started_anew": ("Readers that stood still and were replaced", "read_anew"),
    "pauses": ("Partitions that were paused, as too many rows were in no file yet", "pauses"),
    "results_refused": ("Records of the results topic that were not believed", "refused_results"),
    "slices_repaired": ("Slice files that were written again from the log", "slices_repaired"),
}
_GAUGES: Final[Mapping[str, tuple[str, Callable[[PartitionFacts], float | None]]]] = {
    "applied_offset": ("The next offset to apply", lambda one: one.applied),
    "training_lag_records": ("Offsets of ended slices that a shard has not learned, at most", lambda one: one.backlog),
    "live_records": ("Records that are members", lambda one: one.live),
    "open_rows": ("Rows of the slice that has not ended", lambda one: one.open_rows),
    "deletions_pending": ("Deletions that are applied and not hidden yet", lambda one: one.pending),
    "deletions_overdue": ("Of those, how many are beyond their deadline", lambda one: one.overdue),
    "deletions_pending_oldest_seconds": ("Age of the oldest of those", lambda one: one.oldest_pending),
    "deletions_uncounted": ("Deletions that are hidden and whose records are still counted", lambda one: one.uncounted),
    "possible_deletions_open": ("Possible deletions that nobody has closed", lambda one: one.unresolved),
    "possible_deletions_oldest_seconds": ("Age of the oldest of those", lambda one: one.oldest_unresolved),
    "store_bytes": ("Bytes of its files in the store, when they were last looked at", lambda one: one.stored_bytes),
}


class Totals:
    """What snapshots add up to since the worker began: some of what they tell begins anew with each claim."""

    def __init__(self) -> None:
        self.hidden, self.manifest_gaps = Histogram(BUCKETS), Histogram(_GAPS)
        self.log_silences = 0
        """How often the log was asked for its ends and gave no answer."""
        self.scripts, self.script_seconds = 0, 0.0
        self._before: dict[int, tuple[int, float]] = {}

    def add(self, snapshot: Snapshot) -> None:
        """Take note of a snapshot, each once and in order."""
        for seconds in snapshot.hidden_after:
            self.hidden.add(seconds)
        for partition, facts in snapshot.partitions.items():
            scripts, spent = self._before.get(partition, (0, 0.0))
            anew = facts.scripts < scripts
            self.scripts += facts.scripts - (0 if anew else scripts)
            self.script_seconds += facts.script_seconds - (0.0 if anew else spent)
            self._before[partition] = facts.scripts, facts.script_seconds


class WorkerMetrics(Collector):
    """Of the newest snapshot, what snapshots add up to, and what else is `seen`."""

    def __init__(self, newest: Callable[[], Snapshot | None], totals: Totals, seen: Seen, about: About) -> None:
        self._newest, self._totals, self._seen, self._about = newest, totals, seen, about

    def collect(self) -> Iterator[Metric]:
        yield from map(self._named, self._families())

    def _named(self, family: Metric) -> Metric:
        for sample in family.samples:
            sample.labels["model"] = self._about.model
        return family

    def _families(self) -> Iterator[Metric]:
        yield InfoMetricFamily("unlearn_build", "The release, and what it runs on", value=dict(self._about.build))
        stuck = len(self._seen.stuck())
        yield _gauge("stuck", "How many of its loop and its partitions stand still for too long", stuck)
        snapshot = self._newest()
        if snapshot is None:
            return
        yield from _counters(snapshot.counts + Counter(kafka_trouble=self._totals.log_silences))
        yield from _gauges(snapshot.partitions)
        yield from self._by_age()
        yield _shards(snapshot.partitions)
        yield _gauge("model_partitions", "Partitions of the model, whoever works on them", self._about.partitions)
        yield _gauge("partitions_assigned", "Assigned by the group", snapshot.assigned)
        yield _gauge("partitions_owned", "Claimed and worked on", len(snapshot.partitions))
        yield _gauge("partitions_stopped", "Stopped until somebody acts", len(snapshot.stopped))
        if snapshot.redis_bytes is not None:
            yield _gauge("redis_bytes", "Memory that Redis takes, with all that it holds", snapshot.redis_bytes)
        yield from self._histograms(snapshot)
        yield CounterMetricFamily(f"{_PREFIX}scripts", "Scripts that Redis ran", value=self._totals.scripts)
        yield CounterMetricFamily(
            f"{_PREFIX}script_seconds", "Seconds until their answers", value=self._totals.script_seconds
        )

    def _by_age(self) -> Iterator[Metric]:
        lags = self._seen.lags()
        yield _by_partition("lag_records", "Records to apply", ((p, lag.records) for p, lag in lags.items()))
        yield _by_partition(
            "lag_seconds",
            "Seconds since the next record to apply came; 0 where there is none",
            ((p, lag.seconds) for p, lag in lags.items()),
        )
        yield _by_partition(
            "held_back_seconds",
            "Seconds for which a producer's open transaction has held back what stands behind it; 0 where none does",
            ((p, lag.held_back) for p, lag in lags.items()),
        )
        ages = self._seen.manifest_ages()
        yield _by_partition("manifest_age_seconds", "Seconds since the last manifest", ages.items())

    def _histograms(self, snapshot: Snapshot) -> Iterator[Metric]:
        hidden, gaps = self._totals.hidden, self._totals.manifest_gaps
        for name, meaning, buckets, total in (
            (
                "deletion_hidden_seconds",
                "From a deletion's request to the version that hides it",
                hidden.buckets(),
                hidden.sum,
            ),
            (
                "manifest_gap_seconds",
                "From one manifest of a partition to the next that was seen, to the second",
                gaps.buckets(),
                gaps.sum,
            ),
            ("batch_records", "Records that were applied together", *snapshot.batches),
        ):
            yield HistogramMetricFamily(_PREFIX + name, meaning, buckets=buckets, sum_value=total)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(_PREFIX + name, meaning, value=value)


def _counters(counts: Counter[str]) -> Iterator[Metric]:
    for one in _COUNTERS:
        family = CounterMetricFamily(_PREFIX + one.name, one.meaning, labels=[one.label])
        for value, name in one.counts.items():
            family.add_metric([value], counts[name] * one.unit)
        yield family
    for name, (meaning, counted) in _PLAIN.items():
        yield CounterMetricFamily(_PREFIX + name, meaning, value=counts[counted])
    letters = CounterMetricFamily(f"{_PREFIX}dead_letters", "Dead letters, by reason", labels=["reason"])
    for reason, count in letters_by_reason(counts).items():
        letters.add_metric([reason], count)
    yield letters


def _gauges(partitions: Mapping[int, PartitionFacts]) -> Iterator[Metric]:
    for name, (meaning, value) in _GAUGES.items():
        yield _by_partition(name, meaning, ((p, value(facts)) for p, facts in partitions.items()))


def _shards(partitions: Mapping[int, PartitionFacts]) -> Metric:
    family = GaugeMetricFamily(
        f"{_PREFIX}shards", "Shards by their status in the last manifest", labels=["partition", "status"]
    )
    for partition, facts in partitions.items():
        for status, count in sorted(facts.shards.items()):
            family.add_metric([str(partition), status], count)
    return family


def _by_partition(name: str, meaning: str, values: Iterable[tuple[int, float | None]]) -> Metric:
    """Where there is no value, 0: an oldest of none has no age."""
    family = GaugeMetricFamily(_PREFIX + name, meaning, labels=["partition"])
    for partition, value in values:
        family.add_metric([str(partition)], value or 0.0)
    return family
