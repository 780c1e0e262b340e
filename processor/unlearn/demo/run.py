"""One run of the demo: prepare it, send the script to a running model, judge the outcome."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import redis
from rich.console import Console

from unlearn.admin import topics
from unlearn.demo.following import Following, Patience
from unlearn.demo.hosting import WorkerProcesses, Workers, WorkerThread
from unlearn.demo.interrupt import Interrupt
from unlearn.demo.outcome import Options, Outcome
from unlearn.demo.place import clear_earlier, demo_settings, locked, new_model, settings_file
from unlearn.demo.prepare import open_log, read_script, start_services
from unlearn.demo.script import Script, Stream
from unlearn.demo.send import HoldBack, Sender
from unlearn.demo.survivors import survivors
from unlearn.demo.watching.accuracy import Accuracy, labelled_rows, measure
from unlearn.demo.watching.screen import Screen
from unlearn.demo.watching.story import Place, Seen, hiding_times
from unlearn.demo.watching.watch import Watch
from unlearn.environment.redis_client import connect
from unlearn.events.event import Delete, Insert
from unlearn.learners import learner_of
from unlearn.local_password import with_local_password
from unlearn.log.protocol import Log
from unlearn.logging_setup import log_file
from unlearn.partition.tables import Tables
from unlearn.scoring.serving import Answer
from unlearn.settings import Settings
from unlearn.settings_sources import Loaded
from unlearn.storage.artefacts import open_store
from unlearn.verification.from_log import verify_log
from unlearn.verification.from_store import verify_store
from unlearn.verification.report import Report
from unlearn.verification.subject import subject_of
from unlearn.worker.drain import Drain
from unlearn.worker.lifecycle import states
from unlearn_models.base.learner import Learner
from unlearn_models.base.rows import Rows

__all__ = ["run"]

_RATE, _STREAM_AT_LEAST = 1500.0, 10.0
"""Events a second at most, and seconds at least, where the user names no rate."""


def run(loaded: Loaded, options: Options, console: Console) -> Outcome:
    """Run the demo once; the services stay up.

    Raises DemoFailed, InputInvalid, KeyboardInterrupt and what the services raise.
    """
    began = time.monotonic()
    stream, script = read_script(loaded, options)
    settings = demo_settings(loaded, new_model(), stream.classes)
    on_kafka = start_services(settings, console)
    settings = with_local_password(settings)
    with Interrupt() as interrupt, ExitStack() as stack:
        client = stack.enter_context(closing(connect(settings.redis.url.get_secret_value())))
        clear_earlier(settings, client, kafka=on_kafka)
        folder = stack.enter_context(locked(settings, on_kafka=on_kafka, keep=options.keep))
        stack.enter_context(log_file(folder / "demo.log"))
        log = stack.enter_context(closing(open_log(settings, on_kafka)))
        topics.create(log, settings)
        config = settings_file(settings)
        _announce(settings, script, on_kafka, console)
        one = _Run(settings, options, console, script, client, log, interrupt)
        played = one.play(folder, config if on_kafka else None)
        return one.judge(played, stream, config if on_kafka else None, began)


class _Played(NamedTuple):
    """What was seen while the script was sent; `places` is where each step went in the log."""

    places: Mapping[int, Place]
    seen: Seen
    answer: Answer
    """The scorer's answer for the held-out rows."""
    unresolved: int


class _Run:
    def __init__(
        self,
        settings: Settings,
        options: Options,
        console: Console,
        script: Script,
        client: redis.Redis,
        log: Log,
        interrupt: Interrupt,
    ) -> None:
        self._settings, self._options, self._console = settings, options, console
        self._script, self._client, self._log = script, client, log
        self._interrupt = interrupt
        self._learner: Learner = learner_of(settings)
        self._test: Rows = labelled_rows(script.held_out, self._learner)

    def play(self, folder: Path, config: Path | None) -> _Played:
        """Run workers and a scorer, send the script, wait until everything is applied and published; then stop the
        workers."""
        with (
            closing(Watch(self._settings, self._log, self._client, self._test)) as watch,
            self._workers(folder, config) as workers,
            closing(self._log.producer()) as producer,
        ):
            sender = Sender(producer, self._settings.events_topic, self._settings.partitions, self._rate())
            plan = Drain(self._settings, self._log, producer, states(self._client, self._settings.model), watch.results)
            with Screen(self._console, len(self._script.steps)) as screen:
                places = self._stream(Following(watch, workers, sender, screen, self._interrupt), watch, sender, plan)
            self._console.print("drained: every event is applied, trained and published; the worker leaves\n")
            return _Played(places, watch.seen, watch.scorer.served().scores(self._test), sum(plan.unresolved.values()))

    def _stream(self, follow: Following, watch: Watch, sender: Sender, plan: Drain) -> Mapping[int, Place]:
        follow.until(lambda: watch.ready, "starting the worker", Patience(60.0))
        pause = self._hold_back(watch, sender)
        sender.send_all(self._script.steps, lambda: follow.turn("streaming"), pause)
        places = dict(sender.places(self._settings.kafka.request_timeout))
        follow.drain(plan)
        told = watch.seen.hidden
        follow.until(lambda: len(told) >= sender.deletions, "waiting for receipts", Patience(20.0, fails=False))
        follow.until(lambda: watch.serves_newest, "waiting for the scorer", Patience(20.0, fails=False))
        follow.turn("drained", last=True)
        return places

    def judge(self, played: _Played, stream: Stream, config: Path | None, began: float) -> Outcome:
        """What came of the run: its figures, the accuracy, and both verifications."""
        alive = survivors(step.event for step in self._script.steps)
        arrived = self._read_back()
        deletions = [i for i, step in enumerate(self._script.steps) if isinstance(step.event, Delete)]
        deleted_at = {played.places[i]: arrived[played.places[i]] for i in deletions}
        accuracy = self._accuracy(alive, played.answer)
        stored, logged = self._verify()
        return Outcome(
            settings=self._settings,
            config=config,
            stream=stream,
            script=self._script,
            places=[played.places[i] for i in range(len(self._script.steps))],
            arrived=arrived,
            seen=played.seen,
            times=hiding_times(played.seen, deleted_at),
            deletions=len(deletions),
            survivors=len(alive),
            live=self._live(),
            accuracy=accuracy,
            version=played.answer.version,
            unresolved=played.unresolved,
            stored=stored,
            logged=logged,
            seconds=time.monotonic() - began,
        )

    @contextmanager
    def _workers(self, folder: Path, config: Path | None) -> Iterator[Workers]:
        """Inside the `with` block workers run: processes where there is a Kafka, else a thread."""
        settings = self._settings
        workers: Workers
        if config is None:
            workers = WorkerThread(settings, self._log)
        else:
            workers = WorkerProcesses(folder, config, self._options.workers, settings.drain_within + 5.0)
        try:
            workers.start()
            yield workers
        finally:
            workers.stop()

    def _rate(self) -> float | None:
        if self._options.rate is None:
            return min(_RATE, len(self._script.steps) / _STREAM_AT_LEAST)
        return self._options.rate or None

    def _hold_back(self, watch: Watch, sender: Sender) -> HoldBack:
        followed = self._script.followed
        if followed is None:
            return HoldBack(-1, lambda: True)
        insert = self._script.steps[followed.insert].event
        assert isinstance(insert, Insert)
        return HoldBack(followed.delete, lambda: watch.has_held(insert, sender.place(followed.insert)))

    def _live(self) -> int:
        state_of = states(self._client, self._settings.model)
        return sum(Tables(state_of(partition).load()).number("live") for partition in range(self._settings.partitions))

    def _accuracy(self, alive: list[Insert], answer: Answer) -> Accuracy | None:
        self._interrupt.check()
        with self._console.status("training the models to compare with"):
            return measure(self._learner, labelled_rows(alive, self._learner), self._test, answer.scores)

    def _read_back(self) -> dict[Place, int]:
        """When each record of the events topic was appended, in ms since 1970."""
        topic = self._settings.events_topic
        return {
            (partition, record.offset): record.timestamp
            for partition, (start, end) in self._log.bounds(topic).items()
            for record in self._log.read(topic, partition, start, end)
        }

    def _verify(self) -> tuple[Report, Report]:
        settings, log = self._settings, self._log
        self._interrupt.check()
        with self._console.status("verify: training every shard from empty over the stored rows"):
            store, state_of = open_store(settings.store, settings.model), states(self._client, settings.model)
            stored = verify_store(settings, log, state_of, store, self._learner)
        self._interrupt.check()
        with self._console.status("verify --from-log: folding the events topic with the reference"):
            return stored, verify_log(log, subject_of(settings))


def _labels(settings: Settings, script: Script) -> Iterator[str]:
    """A line on how many labels a learner of positive and unlabelled rows is shown; nothing for other learners."""
    shown = learner_of(settings).labels
    if shown != settings.classes:
        inserts = [step.event for step in script.steps if isinstance(step.event, Insert)]
        some = sum(event.label is not None for event in inserts)
        yield f"labels   {some:,} of {len(inserts):,} inserts: half of {', '.join(shown)}, no other; the rest is hidden"


def _announce(settings: Settings, script: Script, on_kafka: bool, console: Console) -> None:
    shards = f"{settings.partitions} x {settings.shards_per_partition} shards"
    classes = ", ".join(settings.classes[:6]) + ", ..." * (len(settings.classes) > 6)
    where = "Kafka" if on_kafka else "the in-process log"
    deletes = sum(isinstance(step.event, Delete) for step in script.steps)
    held_out = f"{len(script.held_out):,} records held out, never sent"
    for line in (
        f"model    {settings.model}: {settings.learner} in {shards}, classes {classes}, on {where}",
        *_labels(settings, script),
        f"script   {len(script.steps):,} events, {deletes:,} of them deletions; {held_out}\n",
    ):
        console.print(line, markup=False, soft_wrap=True)
