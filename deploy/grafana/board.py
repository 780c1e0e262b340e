"""The Grafana board, from a table of its panels: `python deploy/grafana/board.py` writes unlearn.json beside itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).with_name("unlearn.json")
_WIDTH = 24
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_AT = 'job=~"$job", instance=~"$instance"'
"""What every query asks of its series."""


class Panel(NamedTuple):
    """One panel: what it shows, why it is looked at, and its queries with their legends."""

    title: str
    meaning: str
    unit: str
    queries: Sequence[tuple[str, str]]
    red_from: float | None = None
    """Of a single number: from where on it is red. None: a line over time."""


_KINDS = {"w": "unlearn_worker_", "s": "unlearn_serve_", "g": "unlearn_gateway_", "b": "unlearn_build_"}


def _written_out(query: str) -> str:
    """A query as Prometheus reads it: `w:` and the like begin a metric's name, `[]` is the interval of rates."""
    named = re.sub(r"\b([wsgb]):(\w+)", lambda found: f"{_KINDS[found[1]]}{found[2]}{{{_AT}}}", query)
    return named.replace("[]", "[$__rate_interval]")


def _one(query: str, legend: str, red_from: float) -> tuple[list[tuple[str, str]], float]:
    return [(query, legend)], red_from


def _by(label: str, query: str) -> list[tuple[str, str]]:
    """A line for each value of a label."""
    how, _, what = query.partition(" ")
    return [(f"{how} by ({label}) ({what})", f"{{{{{label}}}}}")]


def _quantiles(metric: str) -> list[tuple[str, str]]:
    shares = (0.5, 0.95, 0.99)
    return [(f"histogram_quantile({s}, sum by (le) (rate({metric}_bucket[])))", f"{s * 100:g}%") for s in shares]


def _each(queries: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(query, legend) for legend, query in queries.items()]


ROWS: Sequence[tuple[str, Sequence[Panel]]] = (
    (
        "At a glance",
        (
            Panel("Deletions overdue", "Beyond their deadline: the promise is broken.", "short",
                  *_one("sum(w:deletions_overdue)", "overdue", 1)),
            Panel("Oldest open deletion", "Seconds are usual, an hour is not.", "s",
                  *_one("max(w:deletions_pending_oldest_seconds)", "age", 3600)),
            Panel("Possible deletions open", "Could not be read; an operator closes them: unlearn resolve.", "short",
                  *_one("sum(w:possible_deletions_open)", "open", 1)),
            Panel("Partitions stopped", "Until somebody acts: unlearn status says why.", "short",
                  *_one("sum(w:partitions_stopped)", "stopped", 1)),
            Panel("Furthest behind", "Seconds since the next event to apply came, in the slowest partition.", "s",
                  *_one("max(w:lag_seconds)", "lag", 300)),
            Panel("Models not served", "Scorers that give no answer for a model.", "short",
                  *_one("count(s:ready == 0) or vector(0)", "not served", 1)),
        ),
    ),
    (
        "Stream",
        (
            Panel("Events applied", "By type.", "ops", _by("type", "sum rate(w:events_applied_total[])")),
            Panel("Behind the log", "Seconds since the next event to apply came.", "s",
                  _by("partition", "max w:lag_seconds")),
            Panel("Events to apply", "A backlog is no fault as long as it moves.", "short",
                  _by("partition", "sum w:lag_records")),
            Panel("Held back", "Seconds for which a producer's open transaction lets nobody read on.", "s",
                  _by("partition", "max w:held_back_seconds")),
            Panel("Position", "Offsets a second: a partition that stands still beside a lag is stuck.", "ops",
                  _by("partition", "sum deriv(w:applied_offset[])")),
            Panel("Inserts passed over", "They changed nothing.", "ops",
                  _by("reason", "sum rate(w:inserts_passed_over_total[])")),
            Panel("Sent on", "Events for another partition.", "ops", _by("way", "sum rate(w:sent_on_total[])")),
            Panel("Arrived before", "Events that were sent on twice, and did nothing.", "ops",
                  _each({"arrived before": "sum(rate(w:arrived_before_total[]))"})),
            Panel("Dead letters", "Refused for good, by reason: many of one kind are a producer's fault.", "short",
                  _by("reason", "sum increase(w:dead_letters_total[])")),
            Panel("Batches", "Records that are applied together.", "short", _quantiles("w:batch_records")),
            Panel("Records", "Members of each partition.", "short", _by("partition", "sum w:live_records")),
        ),
    ),
    (
        "Deletions",
        (
            Panel("Open", "Applied and not hidden yet.", "short", _by("partition", "sum w:deletions_pending")),
            Panel("Age of the oldest", "By partition.", "s",
                  _by("partition", "max w:deletions_pending_oldest_seconds")),
            Panel("Time to hidden", "From a deletion's request to the version that hides it.", "s",
                  _quantiles("w:deletion_hidden_seconds")),
            Panel("Hidden", "A second; and shards that were withdrawn to hide them.", "ops",
                  _each({"hidden": "sum(rate(w:deletions_hidden_total[]))",
                         "withdrawals": "sum(rate(w:withdrawals_total[]))"})),
            Panel("Overdue and uncounted", "Beyond the deadline; hidden, and their records still counted.", "short",
                  _each({"overdue": "sum(w:deletions_overdue)", "uncounted": "sum(w:deletions_uncounted)"})),
            Panel("Possible deletions opened", "Events that may be deletions and could not be read.", "short",
                  _each({"opened": "sum(increase(w:possible_deletions_opened_total[]))"})),
            Panel("Possible deletions open", "Nobody has closed them.", "short",
                  _by("partition", "sum w:possible_deletions_open")),
            Panel("Age of the oldest possible deletion", "A day without a look is too long.", "s",
                  _by("partition", "max w:possible_deletions_oldest_seconds")),
        ),
    ),
    (
        "Training and publishing",
        (
            Panel("Training time", "Share of a second, by what jobs do: fold, forget, or retrain.", "s",
                  _by("way", "sum rate(w:training_seconds_total[])")),
            Panel("Jobs by what they do", "A second.", "ops", _by("way", "sum rate(w:training_jobs_total[])")),
            Panel("Rows by what jobs do", "A second.", "rowsps", _by("way", "sum rate(w:training_rows_total[])")),
            Panel("Jobs", "Training jobs by their end.", "ops", _by("end", "sum rate(w:jobs_total[])")),
            Panel("Rows", "Learned and forgotten.", "rowsps", _by("way", "sum rate(w:rows_trained_total[])")),
            Panel("Behind in training", "Offsets of ended slices that a shard has not learned.", "short",
                  _by("partition", "max w:training_lag_records")),
            Panel("Rows in no slice yet", "Of the open slice; partitions with too many are paused.", "short",
                  _by("partition", "sum w:open_rows")),
            Panel("Shards", "By their status in the last manifest.", "short", _by("status", "sum w:shards")),
            Panel("Manifests", "Published a second.", "ops", _each({"manifests": "sum(rate(w:manifests_total[]))"})),
            Panel("Age of the last manifest", "An idle partition publishes seldom, one with open deletions often.",
                  "s", _by("partition", "max w:manifest_age_seconds")),
            Panel("Between manifests", "Seconds from one to the next.", "s", _quantiles("w:manifest_gap_seconds")),
            Panel("Training fails", "Trainers started anew, shards put into quarantine.", "short",
                  _each({"restarts": "sum(increase(w:trainer_restarts_total[]))",
                         "quarantined": "sum(increase(w:shards_quarantined_total[]))"})),
        ),
    ),
    (
        "Workers and services",
        (
            Panel("Stuck", "Loops and partitions that stand still: see /livez and the stacks in the log.", "short",
                  _each({"stuck": "sum(w:stuck)"})),
            Panel("Partitions", "Of the model; assigned, claimed and stopped, of all workers.", "short",
                  _each({"of the model": "max(w:model_partitions)",
                         "assigned": "sum(w:partitions_assigned)", "claimed": "sum(w:partitions_owned)",
                         "stopped": "sum(w:partitions_stopped)"})),
            Panel("Partitions by worker", "Claimed and worked on.", "short",
                  _by("instance", "sum w:partitions_owned")),
            Panel("Claims", "Partitions that were claimed.", "short",
                  _each({"claimed": "sum(increase(w:claims_total[]))"})),
            Panel("Claims ended", "By reason: many in a row are a fault.", "short",
                  _by("reason", "sum increase(w:claims_ended_total[])")),
            Panel("Outages", "Times that a service was away or refused a worker.", "short",
                  _by("service", "sum increase(w:outages_total[])")),
            Panel("Bytes in the store", "Of each partition's files, when they were last looked at.", "bytes",
                  _by("partition", "max w:store_bytes")),
            Panel("Memory of Redis", "With all that it holds.", "bytes", _each({"memory": "max(w:redis_bytes)"})),
            Panel("Scripts in Redis", "A second.", "ops", _each({"scripts": "sum(rate(w:scripts_total[]))"})),
            Panel("Time of a script", "Mean seconds until its answer.", "s",
                  _each({"mean": "sum(rate(w:script_seconds_total[])) / sum(rate(w:scripts_total[]))"})),
            Panel("Mended, paused and refused", "All of these are seldom: see the runbook.", "short",
                  _each({"results refused": "sum(increase(w:results_refused_total[]))",
                         "slices repaired": "sum(increase(w:slices_repaired_total[]))",
                         "readers started anew": "sum(increase(w:readers_started_anew_total[]))",
                         "pauses": "sum(increase(w:pauses_total[]))"})),
            Panel("Releases", "How many workers run which.", "short",
                  [("sum by (version, python) (b:info)", "{{version}} on Python {{python}}")]),
        ),
    ),
    (
        "Scores over HTTP",
        (
            Panel("Answers", "By code: 503 says that no answer can be given now.", "reqps",
                  _by("code", "sum rate(s:answers_total[])")),
            Panel("Time until an answer", "Of all models.", "s", _quantiles("s:answer_seconds")),
            Panel("Inputs", "Scored a second.", "ops", _by("model", "sum rate(s:inputs_total[])")),
            Panel("Lease left", "Until the version that is served may be served no longer.", "s",
                  _by("model", "min s:lease_ends_timestamp_seconds - time()")),
            Panel("Version", "Which each server serves: they should be alike.", "none",
                  [("max by (model, instance) (s:version)", "{{model}} {{instance}}")]),
            Panel("Partitions left out", "They have no part in the answers.", "short",
                  _by("model", "max s:left_out")),
            Panel("Followers", "Those who follow changes.", "short", _each({"followers": "sum(s:followers)"})),
        ),
    ),
    (
        "Gateway",
        (
            Panel("Requests", "Known, by status.", "short", _by("status", "max g:requests")),
            Panel("Answers", "By code.", "reqps", _by("code", "sum rate(g:answers_total[])")),
            Panel("Time until an answer", "Of all methods.", "s", _quantiles("g:answer_seconds")),
            Panel("Callbacks", "Tries by outcome.", "short", _by("outcome", "sum increase(g:callbacks_total[])")),
            Panel("Callbacks due", "Not delivered yet.", "short", _each({"due": "sum(g:callbacks_open)"})),
            Panel("Behind the topics", "Seconds since they were last read to their ends.", "s",
                  _by("instance", "max time() - g:looked_timestamp_seconds")),
        ),
    ),
)  # fmt: skip


def board() -> dict[str, Any]:
    """The board as Grafana imports it."""
    return {
        "uid": "unlearn",
        "title": "unlearn",
        "description": "Workers, scorers and gateways of unlearn models. Each alert has its page in docs/runbook.md.",
        "tags": ["unlearn"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": "now-3h", "to": "now"},
        "refresh": "30s",
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": list(_variables())},
        "panels": list(_panels()),
    }


def _variables() -> Iterator[dict[str, Any]]:
    yield {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0}
    of = '__name__=~"unlearn_build_info|unlearn_serve_ready|unlearn_gateway_callbacks_open"'
    for name, label, among in (("job", "Job", of), ("instance", "Instance", f'{of}, job=~"$job"')):
        yield {
            "name": name,
            "label": label,
            "type": "query",
            "datasource": _SOURCE,
            "query": {"query": f"label_values({{{among}}}, {name})", "refId": name},
            "refresh": 2,
            "includeAll": True,
            "allValue": ".+",
            "multi": True,
            "sort": 1,
            "current": {"text": "All", "value": "$__all"},
        }


def _panels() -> Iterator[dict[str, Any]]:
    ids, top = count(1), 0
    for title, panels in ROWS:
        yield {
            "id": next(ids), "type": "row", "title": title, "collapsed": False, "panels": [],
            "gridPos": {"x": 0, "y": top, "w": _WIDTH, "h": 1},
        }  # fmt: skip
        top += 1
        small = panels[0].red_from is not None
        width, height = (4, 4) if small else (6, 7)
        for place, panel in enumerate(panels):
            line, column = divmod(place * width, _WIDTH)
            grid = {"x": column, "y": top + line * height, "w": width, "h": height}
            yield _panel(next(ids), panel, grid)
        top += -(-len(panels) * width // _WIDTH) * height


def _panel(number: int, panel: Panel, grid: dict[str, int]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.red_from is not None:
        steps.append({"color": "red", "value": panel.red_from})
    stat = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "background"}
    lines = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    return {
        "id": number,
        "type": "timeseries" if panel.red_from is None else "stat",
        "title": panel.title,
        "description": panel.meaning,
        "datasource": _SOURCE,
        "gridPos": grid,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": [],
        },
        "options": lines if panel.red_from is None else stat,
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": _SOURCE,
                "expr": _written_out(query),
                "legendFormat": legend,
            }
            for at, (query, legend) in enumerate(panel.queries)
        ],
    }


def text() -> str:
    """What stands in the file."""
    return json.dumps(board(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
