"""One run of the demo, from services to verdict."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from rich.console import Console

from models.learner import Learner
from processor import topics
from processor.demo.accuracy import Accuracy, labelled_rows, measure
from processor.demo.hosting import WorkerProcesses, Workers, WorkerThread
from processor.demo.place import clear_earlier, demo_settings, locked, new_model, settings_file
from processor.demo.screen import Screen
from processor.demo.script import Script, Stream, make_script, read_events
from processor.demo.send import Sender
from processor.demo.story import NEVER, Place, Seen, hiding_times, shard_in, timeline
from processor.demo.survivors import survivors
from processor.demo.watch import Watch
from processor.drain import Drain
from processor.errors import DemoFailed, InputInvalid, ServiceUnavailable
from processor.events import Delete, Insert
from processor.generator import tweets
from processor.log.memory import MemoryLog
from processor.log.protocol import Log
from processor.logs import configure
from processor.parsing import Parser
from processor.pool import learner_of
from processor.report import Report
from processor.running import states
from processor.send import read_lines
from processor.services import Service, local_services
from processor.settings import Settings
from processor.settings_sources import Loaded
from processor.state.redis import connect
from processor.store import open_store

__all__ = ["Options", "Outcome", "run"]

DEFAULT_EVENTS = 20_000
_READY_WITHIN, _DRAIN_WITHIN, _RECEIPTS_WITHIN = 60.0, 120.0, 20.0
_LOOK = 0.02
_RATE, _STREAM_AT_LEAST = 1500.0, 10.0  # events a second, s
_HOLD_BACK = 10.0
_STEP_EVERY = 0.3


@dataclass(frozen=True, slots=True)
class Options:
    """`events`: sent at most besides our deletions, None for all of `source`; `rate`: events a
    second, 0 for no limit, None for ours."""

    events: int | None
    seed: int
    source: Path | None
    rate: float | None
    workers: int
    keep: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that the summary tells."""

    settings: Settings
    config: Path
    on_kafka: bool
    stream: Stream
    script: Script
    places: Sequence[Place]
    """Of each step of the script; of a seal the last one."""
    arrived: dict[Place, int]
    """When each event of the log was appended, ms."""
    seen: Seen
    times: Sequence[float]
    deletions: int
    survivors: int
    live: int
    accuracy: Accuracy | None
    version: int | None
    unresolved: int
    stored: Report
    logged: Report
    seconds: float

    @property
    def problems(self) -> list[str]:
        """Why the run is no success."""
        lacking = self.deletions - len(self.times)
        found = {
            f"{lacking} deletions have no receipt that says hidden": lacking,
            f"Redis counts {self.live} live records, the input leaves {self.survivors}": self.live != self.survivors,
            f"verify says {self.stored.verdict}": self.stored.exit_code,
            f"verify --from-log says {self.logged.verdict}": self.logged.exit_code,
        }
        return [problem for problem, bad in found.items() if bad]


def run(loaded: Loaded, options: Options, console: Console) -> Outcome:
    """Raises DemoFailed, InputInvalid and what the services raise; leaves the services up."""
    began = time.monotonic()
    stream, script = _script(loaded, options)
    settings = demo_settings(loaded, new_model(), stream.classes)
    on_kafka = _start_services(settings, console)
    with ExitStack() as stack:
        client = stack.enter_context(closing(connect(settings.redis.url.get_secret_value())))
        clear_earlier(settings, client, kafka=on_kafka)
        folder = stack.enter_context(locked(settings, on_kafka=on_kafka, keep=options.keep))
        configure("INFO", stack.enter_context((folder / "demo.log").open("w", encoding="utf-8")))
        log = stack.enter_context(closing(_open_log(settings, on_kafka)))
        one = _Run(settings, options, console, stream, script, client, log)
        return one.go(folder, on_kafka, began)


def _script(loaded: Loaded, options: Options) -> tuple[Stream, Script]:
    settings = loaded.settings
    classes = settings.classes if "classes" in loaded.origins else None
    parser = Parser(classes, settings.features, counts=settings.learner == "naive-bayes")
    most = options.events if options.source or options.events else DEFAULT_EVENTS
    with _lines(options, most) as lines:
        stream = read_events(lines, parser, classes)
    script = make_script(stream.steps, most, options.seed)
    if not script.steps:
        raise InputInvalid("the input has no events to send")
    return stream, script


@contextmanager
def _lines(options: Options, most: int | None) -> Iterator[Iterable[bytes]]:
    if options.source is None:
        assert most is not None
        # One in ten is held out.
        yield (json.dumps(event).encode() for event in tweets(most + most // 8 + 50, options.seed))
        return
    with options.source.open("rb") as file:
        yield read_lines(file)


def _start_services(settings: Settings, console: Console) -> bool:
    """Whether there is a Kafka. Raises ServiceUnavailable where there is no Redis."""
    for service in local_services(settings):
        try:
            _start(service, console)
        except ServiceUnavailable as error:
            if service.name != "kafka":
                raise
            _warn_without_kafka(console, error)
            return False
    return True


def _start(service: Service, console: Console) -> None:
    with console.status(f"starting {service.name}"):
        how = service.up(lambda line: console.print(f"  {line}", style="dim", markup=False, soft_wrap=True))
    console.print(f"{service.name:<8} {service.address}, {how}", markup=False)


def _warn_without_kafka(console: Console, error: ServiceUnavailable) -> None:
    console.print(f"\nNO KAFKA: {error}", style="bold red", markup=False, soft_wrap=True)
    console.print(
        "The events go through a log inside this process instead. Redis, training, publishing and verify are the\n"
        "real ones; the broker is not, and other `unlearn` commands can't see this run.\n",
        style="bold red",
    )


def _open_log(settings: Settings, on_kafka: bool) -> Log:
    if not on_kafka:
        return MemoryLog()
    from processor.log.kafka import KafkaLog

    return KafkaLog(settings.kafka)


class _Run:
    def __init__(
        self,
        settings: Settings,
        options: Options,
        console: Console,
        stream: Stream,
        script: Script,
        client: redis.Redis,
        log: Log,
    ) -> None:
        self._settings, self._options, self._console = settings, options, console
        self._stream, self._script, self._client, self._log = stream, script, client, log
        self._learner: Learner = learner_of(settings)

    def go(self, folder: Path, on_kafka: bool, began: float) -> Outcome:
        settings = self._settings
        topics.create(self._log, settings)
        config = settings_file(settings)
        test = labelled_rows(self._script.held_out, self._learner)
        self._announce(on_kafka)
        with ExitStack() as stack:
            watch = Watch(settings, self._log, self._client, self._learner, test)
            stack.callback(watch.close)
            workers = self._start_workers(folder, config, on_kafka)
            stack.callback(workers.stop)
            producer = stack.enter_context(closing(self._log.producer()))
            sender = Sender(producer, settings.events_topic, settings.partitions, self._rate())
            with Screen(self._console, len(self._script.steps)) as screen:
                follow = _Following(watch, workers, sender, screen)
                follow.until(lambda: watch.ready, "starting the worker", _READY_WITHIN)
                sender.send_all(self._script.steps, lambda: follow.turn("streaming"), self._hold_back(watch, sender))
                places = dict(sender.places(settings.kafka.request_timeout))
                plan = Drain(settings, self._log, producer, states(self._client, settings.model), watch.results)
                follow.drain(plan)
                follow.until(
                    lambda: len(watch.seen.hidden) >= sender.deletions,
                    "waiting for receipts",
                    _RECEIPTS_WITHIN,
                    fail=False,
                )
                follow.until(lambda: _serves(watch), "scorer", _RECEIPTS_WITHIN, fail=False)
                follow.turn("drained", last=True)
            answer = watch.scorer.served().scores(test)
            self._say("drained: every event is applied, trained and published; the worker leaves\n")
            workers.stop()
            watch.look(0.0)
            alive = survivors(step.event for step in self._script.steps)
            with self._console.status("training the comparison models"):
                accuracy = measure(self._learner, labelled_rows(alive, self._learner), test, answer.scores)
            arrived = self._read_back()
            deleted_at = {places[i]: arrived[places[i]] for i in places if self._is_delete(i)}
            stored, logged = self._verify()
            return Outcome(
                settings, config, on_kafka, self._stream, self._script, [places[i] for i in range(len(places))],
                arrived, watch.seen, hiding_times(watch.seen, deleted_at), len(deleted_at), len(alive), watch.live(),
                accuracy, answer.version, sum(plan.unresolved.values()), stored, logged, time.monotonic() - began,
            )  # fmt: skip

    def _rate(self) -> float | None:
        if self._options.rate is None:
            return min(_RATE, len(self._script.steps) / _STREAM_AT_LEAST)
        return self._options.rate or None

    def _hold_back(self, watch: Watch, sender: Sender) -> Callable[[int], bool]:
        """The followed record's deletion waits until a version has held the record, if not for long."""
        followed, deadline = self._script.followed, 0.0

        def pause(number: int) -> bool:
            nonlocal deadline
            if followed is None or number != followed.delete:
                return False
            deadline = deadline or time.monotonic() + _HOLD_BACK
            return time.monotonic() < deadline and not self._held(watch, sender.place(followed.insert))

        return pause

    def _held(self, watch: Watch, inserted: Place | None) -> bool:
        followed = self._script.followed
        if inserted is None or followed is None:
            return False
        insert = self._script.steps[followed.insert].event
        assert isinstance(insert, Insert)
        undeleted = inserted[0], NEVER
        return timeline(watch.seen.standings, inserted, undeleted, shard_in(self._settings, insert)).holding is not None

    def _is_delete(self, number: int) -> bool:
        return isinstance(self._script.steps[number].event, Delete)

    def _announce(self, on_kafka: bool) -> None:
        s, console = self._settings, self._console
        where = "Kafka" if on_kafka else "the in-process log"
        console.print(
            f"model    {s.model}: {s.learner} in {s.partitions} x {s.shards_per_partition} shards, "
            f"classes {', '.join(s.classes[:6])}{', ...' * (len(s.classes) > 6)}, on {where}",
            markup=False,
            soft_wrap=True,
        )
        deletes = sum(self._is_delete(i) for i in range(len(self._script.steps)))
        console.print(
            f"script   {len(self._script.steps):,} events, {deletes:,} of them deletions; "
            f"{len(self._script.held_out):,} records held out, never sent\n",
            markup=False,
            soft_wrap=True,
        )

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False)

    def _start_workers(self, folder: Path, config: Path, on_kafka: bool) -> Workers:
        if on_kafka:
            return WorkerProcesses(folder, config, self._options.workers, self._settings.drain_within + 5.0)
        return WorkerThread(self._settings, self._log)

    def _read_back(self) -> dict[Place, int]:
        """When each record of the events topic was appended, ms."""
        topic, found = self._settings.events_topic, {}
        for partition, (start, end) in self._log.bounds(topic).items():
            for record in self._log.read(topic, partition, start, end):
                found[partition, record.offset] = record.timestamp
        return found

    def _verify(self) -> tuple[Report, Report]:
        from processor.verify import verify_store
        from processor.verify_log import subject_of, verify_log

        settings, log = self._settings, self._log
        with self._console.status("verify: training every shard from empty over the stored rows"):
            store, state_of = open_store(settings.store.url), states(self._client, settings.model)
            stored = verify_store(settings, log, state_of, store, self._learner)
        with self._console.status("verify --from-log: folding the events topic with the reference"):
            return stored, verify_log(log, subject_of(settings))


def _serves(watch: Watch) -> bool:
    return not watch.scorer.left_out and watch.scorer.version == watch.results.version


class _Following:
    """Looks and shows while something goes on; notices a worker that has ended."""

    def __init__(self, watch: Watch, workers: Workers, sender: Sender, screen: Screen) -> None:
        self._watch, self._workers, self._sender, self._screen = watch, workers, sender, screen
        self._check_at = 0.0

    def turn(self, doing: str, *, last: bool = False) -> None:
        self._watch.look(_LOOK)
        if time.monotonic() >= self._check_at:
            self._check_at = time.monotonic() + 1.0
            failure = self._workers.failure()
            if failure:
                raise DemoFailed(failure)
        self._screen.show(doing, lambda: self._watch.progress(self._sender.sent, self._sender.deletions), last=last)

    def until(self, done: Callable[[], bool], doing: str, within: float, *, fail: bool = True) -> None:
        deadline = time.monotonic() + within
        while not done():
            if time.monotonic() > deadline:
                if fail:
                    raise DemoFailed(f"{doing}: not done within {within:g} s")
                return
            self.turn(doing)

    def drain(self, plan: Drain) -> None:
        deadline = time.monotonic() + _DRAIN_WITHIN
        while not plan.step():
            if time.monotonic() > deadline:
                left = "; ".join(f"partition {p}: {why}" for p, why in plan.waiting.items())
                raise DemoFailed(f"not drained within {_DRAIN_WITHIN:g} s: {left}")
            step_at = time.monotonic() + _STEP_EVERY
            while time.monotonic() < step_at:
                self.turn("draining")
        if plan.stopped:
            raise DemoFailed("; ".join(f"partition {p} is stopped: {why}" for p, why in plan.stopped.items()))
