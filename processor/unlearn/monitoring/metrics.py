"""All metrics of a worker: names, types and meanings, as Prometheus has them. Base units; no label holds an id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from unlearn.forwarding.dues import letters_by_reason
from unlearn.monitoring.snapshot import PartitionFacts, Snapshot

__all__ = ["BUCKETS", "Lag", "Totals", "WorkerMetrics"]

_PREFIX: Final = "unlearn_worker_"
BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 86400.0, 604800.0, 2592000.0)
"""Upper bounds of the times to hidden, in seconds: up to thirty days, the deadline unless an event names one."""


class Lag(NamedTuple):
    """How far a partition is behind its log: in records, and in seconds since the next one to apply came."""

    records: int
    seconds: float


class _Counts(NamedTuple):
    """A counter: its name, its meaning, and which of the worker's counts it is, by the value of its label."""

    name: str
    meaning: str
    label: str
    counts: Mapping[str, str]


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
        {"store": "store_lost", "kafka": "kafka_trouble", "redis": "unfit"},
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
}


class Totals:
    """What snapshots add up to since the worker began: some of what they tell begins anew with each claim."""

    def __init__(self) -> None:
        self.hidden: Counter[float] = Counter()
        """Upper bound -> how many deletions took longer than the bound before, and no longer; infinity beyond all."""
        self.hidden_seconds = 0.0
        self.log_silences = 0
        """How often the log was asked for its ends and gave no answer."""
        self.scripts, self.script_seconds = 0, 0.0
        self._before: dict[int, tuple[int, float]] = {}

    def add(self, snapshot: Snapshot) -> None:
        """Take note of a snapshot, each once and in order."""
        for seconds in snapshot.hidden_after:
            self.hidden[next((bound for bound in BUCKETS if seconds <= bound), float("inf"))] += 1
            self.hidden_seconds += seconds
        for partition, facts in snapshot.partitions.items():
            scripts, spent = self._before.get(partition, (0, 0.0))
            anew = facts.scripts < scripts
            self.scripts += facts.scripts - (0 if anew else scripts)
            self.script_seconds += facts.script_seconds - (0.0 if anew else spent)
            self._before[partition] = facts.scripts, facts.script_seconds

    def buckets(self) -> list[tuple[str, float]]:
        """(upper bound, how many took no longer), the last one infinite."""
        found, total = list[tuple[str, float]](), 0
        for bound in (*BUCKETS, float("inf")):
            total += self.hidden[bound]
            found.append(("+Inf" if bound == float("inf") else str(bound), total))
        return found


class WorkerMetrics(Collector):
    """Of the newest snapshot. `lags` gives what is known of how far partitions are behind; `ages`, the seconds since
    their last manifests; `build` is the release."""

    def __init__(
        self,
        newest: Callable[[], Snapshot | None],
        totals: Totals,
        lags: Callable[[], Mapping[int, Lag]],
        ages: Callable[[], Mapping[int, float]],
        build: Mapping[str, str],
    ) -> None:
        self._newest, self._totals, self._lags, self._ages, self._build = newest, totals, lags, ages, build

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("unlearn_build", "The release, and what it runs on", value=dict(self._build))
        snapshot = self._newest()
        if snapshot is None:
            return
        yield from _counters(snapshot.counts + Counter(kafka_trouble=self._totals.log_silences))
        yield from _gauges(snapshot.partitions)
        yield _by_partition("lag_records", "Records to apply", ((p, lag.records) for p, lag in self._lags().items()))
        yield _by_partition(
            "lag_seconds",
            "Seconds since the next record to apply came; 0 where there is none",
            ((p, lag.seconds) for p, lag in self._lags().items()),
        )
        yield _by_partition("manifest_age_seconds", "Seconds since the last manifest", self._ages().items())
        yield _shards(snapshot.partitions)
        yield GaugeMetricFamily(f"{_PREFIX}partitions_assigned", "Assigned by the group", value=snapshot.assigned)
        yield GaugeMetricFamily(f"{_PREFIX}partitions_owned", "Claimed and worked on", value=len(snapshot.partitions))
        yield GaugeMetricFamily(
            f"{_PREFIX}partitions_stopped", "Stopped until somebody acts", value=len(snapshot.stopped)
        )
        yield HistogramMetricFamily(
            f"{_PREFIX}deletion_hidden_seconds",
            "From a deletion's request to the version that hides it",
            buckets=self._totals.buckets(),
            sum_value=self._totals.hidden_seconds,
        )
        yield CounterMetricFamily(f"{_PREFIX}scripts", "Scripts that Redis ran", value=self._totals.scripts)
        yield CounterMetricFamily(
            f"{_PREFIX}script_seconds", "Seconds until their answers", value=self._totals.script_seconds
        )


def _counters(counts: Counter[str]) -> Iterator[Metric]:
    for one in _COUNTERS:
        family = CounterMetricFamily(_PREFIX + one.name, one.meaning, labels=[one.label])
        for value, name in one.counts.items():
            family.add_metric([value], counts[name])
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
