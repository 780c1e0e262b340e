"""The client's side: events a second that one `unlearn send` sends, and what a scorer takes for 10,000 texts."""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import MultinomialNB

from bench.clock import interleaved
from bench.figures import Figure, Report
from bench.learners.data import CLASSES, FEATURES, tweet_texts
from bench.machine import on_one_core
from bench.processes.environment import PARTITIONS, encode, opened
from unlearn.admin.input.line_checks import LineChecker
from unlearn.admin.input.lines import read_chunks
from unlearn.admin.input.numbered_lines import numbered
from unlearn.admin.send import LogSink, Pace, send_lines
from unlearn.events.parsing import parser_of
from unlearn.events.partitioner import homes
from unlearn.events.usual_inserts import scanner_of
from unlearn.learners import learner_of
from unlearn.log.kafka.log import KafkaLog
from unlearn.scoring.serving import Served
from unlearn.settings import Settings
from unlearn_models import Rows, hash_texts, make_learner
from unlearn_study.generator.tweet_generator import tweets

__all__ = ["phases", "run"]

SEND_GOAL, BATCH_GOAL, SINGLE_GOAL = 100_000.0, 60.0, 0.2
LEARNERS = ("naive-bayes", "linear")
TEXTS = 10_000
_PEERS = {"naive-bayes": MultinomialNB, "linear": lambda: SGDClassifier(loss="log_loss", random_state=1)}
_SHARDS = 12
_SINGLES = 200
_PATIENCE = 120.0

Tick = Callable[[str], None]


class Size(NamedTuple):
    """Events that are sent, those that the peer sends, rows that the scored model has learned, runs."""

    events: int
    peer_events: int
    rows: int
    runs: int


FULL = Size(200_000, 20_000, 60_000, 5)
QUICK = Size(3000, 1000, 1200, 1)


class Sent(NamedTuple):
    """Events a second by the wall's clock, and by the process' own CPU time."""

    wall: float
    cpu: float


def phases(quick: bool) -> int:
    """How often `run` says what it does."""
    return 1 + 2 * (QUICK if quick else FULL).runs + len(LEARNERS)


def run(config: Path | None, quick: bool, tick: Tick) -> Report:
    """Raises UnlearnError where services don't start, or don't take the events."""
    size = QUICK if quick else FULL
    report = Report("client", notes=_notes(size))
    with opened(config) as environment:
        tick(f"writing {size.events:,} events")
        path = environment.folder / "events.jsonl"
        path.write_text("".join(f"{json.dumps(event)}\n" for event in tweets(size.events, seed=1)), encoding="utf-8")
        settings = environment.model("sent")
        ours, peer = [], []
        for number in range(size.runs):
            tick(f"unlearn send, run {number + 1}")
            ours.append(on_one_core(sent, settings, path))
            tick(f"kafka-python, run {number + 1}")
            peer.append(on_one_core(sent_one_by_one, settings, size.peer_events))
    report.figures += send_figures(ours, peer)
    for learner in LEARNERS:
        tick(f"scorer, {learner}")
        report.figures += score_figures(learner, on_one_core(scored, learner, size.rows, size.runs))
    return report


def sent(settings: Settings, path: Path) -> Sent:
    """All lines of the file, by what `unlearn send` does; the clock stops at the last acknowledgement."""
    learner = learner_of(settings)
    checker = LineChecker(parser_of(learner), scanner_of(learner))
    _settle_collector()
    with path.open("rb") as source, closing(KafkaLog(settings.kafka)) as log, closing(log.producer()) as producer:
        sink = LogSink(producer, settings.events_topic, PARTITIONS, _PATIENCE)
        wall, cpu = time.perf_counter(), time.process_time()
        report = send_lines(numbered(read_chunks(source)), checker, sink, Pace(None), lambda *_: False)
        return _pace(report.sent.total(), wall, cpu)


def sent_one_by_one(settings: Settings, events: int) -> Sent:
    """As many events by one `send` of kafka-python's each, with the same settings; nothing is checked."""
    messages = [encode(event) for event in tweets(events, seed=1)]
    places = homes([key for key, _ in messages], PARTITIONS)
    _settle_collector()
    with closing(KafkaLog(settings.kafka)) as log, closing(log.producer()) as producer:
        wall, cpu = time.perf_counter(), time.process_time()
        for (key, value), home in zip(messages, places, strict=True):
            producer.send(settings.events_topic, home, key, value)
        producer.flush(_PATIENCE)
        return _pace(events, wall, cpu)


def scored(name: str, rows: int, runs: int) -> dict[str, list[float]]:
    """CPU seconds of each run: 10,000 texts by `ours` and by `peer`, and a text by itself (`single`)."""
    texts, labels = tweet_texts(rows + TEXTS)
    learner = make_learner(name, CLASSES, FEATURES)
    each = -(-rows // _SHARDS)
    states = [
        learner.learn(learner.empty(), Rows(labels[at:stop], *hash_texts(texts[at:stop], FEATURES)))
        for at in range(0, rows, each)
        for stop in [min(rows, at + each)]
    ]
    served = Served(learner, learner.ensemble(states), None, ())
    vectorizer, peer = HashingVectorizer(n_features=FEATURES, alternate_sign=False, norm=None), _PEERS[name]()
    peer.fit(vectorizer.transform(texts[:rows]), labels[:rows])
    asked = texts[rows:]
    singles = [[text] for text in asked[:_SINGLES]]
    calls: Mapping[str, Callable[[], Any]] = {
        "ours": lambda: served.predict(asked),
        "peer": lambda: np.array(CLASSES)[peer.predict_proba(vectorizer.transform(asked)).argmax(axis=1)],
        "single": lambda: [served.predict(one) for one in singles],
    }
    found = interleaved(calls, runs)
    return found | {"single": [value / _SINGLES for value in found["single"]]}


def send_figures(ours: list[Sent], peer: list[Sent]) -> list[Figure]:
    """The paces of all runs as figures."""
    walls, cpus = [one.wall for one in ours], [one.cpu for one in ours]
    peer_walls, peer_cpus = [one.wall for one in peer], [one.cpu for one in peer]
    return [
        Figure.of_runs("send.events_per_second", "events/s", walls, peer_walls, SEND_GOAL),
        Figure.of_runs("send.events_per_cpu_second", "events/cpu s", cpus, peer_cpus),
    ]


def score_figures(name: str, found: Mapping[str, list[float]]) -> list[Figure]:
    """What `scored` gives as figures, in ms."""
    suffix = "" if name == LEARNERS[0] else f".{name}"
    took = {side: [value * 1e3 for value in values] for side, values in found.items()}
    together, peer, single = (statistics.median(took[side]) for side in ("ours", "peer", "single"))
    runs = {"ours": took["ours"], "peer": took["peer"]}
    return [
        Figure(f"scorer.ms_per_10000_texts{suffix}", together, "ms", peer, BATCH_GOAL, runs=runs),
        Figure(f"scorer.ms_per_text{suffix}", single, "ms", goal=SINGLE_GOAL, runs={"ours": took["single"]}),
    ]


def _settle_collector() -> None:
    # As the command does it.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _pace(events: int, wall: float, cpu: float) -> Sent:
    return Sent(events / (time.perf_counter() - wall), events / (time.process_time() - cpu))


def _notes(size: Size) -> list[str]:
    return [
        (
            f"Send: a file of {size.events:,} generated inserts of about 250 bytes to {PARTITIONS} partitions of a "
            "local Kafka, each line checked; one process on one core, the broker beside it; until the last "
            "acknowledgement."
        ),
        (
            f"Its peer: kafka-python's `send` for each of {size.peer_events:,} such events, with our settings "
            "(idempotent, acknowledged by all), keys and partitions known, nothing checked. Runs alternate; figures "
            "are medians."
        ),
        (
            f"Scorer: `predict` of {TEXTS:,} generated tweets in one call, and of one; {_SHARDS} shards that have "
            f"learned {size.rows:,} in all, 2**18 features; one core, CPU seconds. Its peer: scikit-learn's "
            "HashingVectorizer with MultinomialNB, or with SGDClassifier."
        ),
        "Figures without a learner's name are naive Bayes.",
    ]
