"""One model told event by event, with a past to go back to, and scorers that watch.

Each insert has a feature of its own: whoever was learned can be seen in a state, by the state's arrays alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from tests.harness.events import SEAL, delete, insert, placed
from tests.harness.model_data import ModelLog, Past, records, remember, roll_back, views
from unlearn.events.event import Event
from unlearn.partition.claimed_partition import ClaimedPartition, Publishing
from unlearn.partition.tables import Tables
from unlearn.results.manifest import Manifest
from unlearn.results.results_topic import Results
from unlearn.scoring.published_model import of_settings
from unlearn.scoring.scorer import Scorer
from unlearn.simulate.cluster import World
from unlearn.simulate.history import Shape
from unlearn.simulate.judging.oracle import Verdict
from unlearn.simulate.members import Member
from unlearn.simulate.replay import Replay, replay_log
from unlearn.simulate.script import CLASSES, Message, Script
from unlearn.verification.subject import subject_of
from unlearn.worker.loop import Worker


class SimulationHarness(World, ModelLog):
    """One partition, one worker unless said otherwise. Every `run` is watched by scorers."""

    def __init__(
        self, redis_url: str, learner: str = "linear", *, span: int = 5, shards: int = 1, workers: int = 1
    ) -> None:
        shape = Shape(span, shards, 4, "auto", 0.0, 0.0, workers=workers, erase_after=3600.0, tail_every=60.0)
        super().__init__(Script(1, 1, True, ()), shape, learner, redis_url)
        self._numbers = count(1)
        self.watch = Watch(self)

    # -- events

    def insert(self, record: str, subject: str | None = None, revision: int = 0) -> int:
        """Returns its feature."""
        number = next(self._numbers)
        assert number < self.settings.features, "each insert needs a feature of its own"
        more: dict[str, Any] = {"label": CLASSES[number % 2], "features": {number: 1.0}}
        self._say(insert(record, subject, revision, event_id=f"e{number}", **more))
        return number

    def inserts(self, *records: str, subject: str | None = None) -> list[int]:
        return [self.insert(record, subject) for record in records]

    def delete(self, record: str | None = None, subject: str | None = None, revision: int | None = None) -> int:
        """Returns its offset."""
        return self._say(delete(record, subject, revision, event_id=f"d{next(self._numbers)}"))

    def seal(self) -> int:
        return self._say(SEAL)

    def _say(self, event: Event) -> int:
        message = Message(*placed(event, 1))
        self.script = Script(1, 1, True, (*self.script.messages, message))
        self.fed += 1
        return self.log.append(self.settings.events_topic, message.partition, message.key, message.value, ())

    # -- time

    def run(self, turns: int = 1, *, member: Member | None = None, most: int = 50, wait: float = 0.6) -> None:
        for _ in range(turns):
            for one in self.members if member is None else [member]:
                one.work()
                one.turn(most)
                self.watch.look()
            self.place.now += wait

    def step(self) -> None:
        """One pass of the loop; what is held back stays so."""
        self.members[0].turn(50)
        self.watch.look()

    def steps(self, times: int) -> None:
        for _ in range(times):
            self.step()

    def settle(self, most: int = 50) -> None:
        """Until everything is applied, trained, published and acknowledged, for two heartbeats."""
        self.run(3, wait=3.0, most=most)
        for _ in range(150):
            self.run(most=most)
            if self.settled():
                break
        else:
            raise AssertionError(f"not settled: {self.unsettled()}")
        self.run(2, wait=3.0)

    def settle_applied(self) -> None:
        """Until everything is applied and in files."""
        end = self.log.bounds(self.settings.events_topic)[0][1]
        self.until(lambda: 0 in self.worker.owned and self.owned.view.applied == self.owned.view.registered == end)

    def on_read(self, name: str, act: Callable[[], object]) -> None:
        """Once, when the file is read."""
        get = self.store.get

        def reading(asked: str, size: int | None = None) -> bytes:
            if asked == name:
                self.store.get = get  # type: ignore[method-assign]
                act()
            return get(asked, size)

        self.store.get = reading  # type: ignore[method-assign, assignment]

    def live(self, turns: int, *, wait: float = 0.6) -> None:
        """As `run`, but the worker may crash, and another starts."""
        for _ in range(turns):
            for who in range(len(self.members)):
                self.work(who)
                self.turn(who, 50)
                self.watch.look()
            self.place.now += wait

    def until(self, happens: Callable[[], object], *, most: int = 50, turns: int = 60) -> None:
        """Turn, without finishing what is held back, until it happens."""
        for _ in range(turns):
            if happens():
                return
            self.members[0].turn(most)
            self.place.now += 0.6
        raise AssertionError("it never happened")

    # -- Redis, and its past

    def remember(self) -> Past:
        return remember(self.redis, self.settings)

    def go_back(self, past: Past) -> None:
        roll_back(self.redis, self.settings, past)
        self.counts["roll backs"] += 1

    def stored(self) -> Tables:
        """What Redis holds now."""
        return views(self.redis, self.settings)[0]

    # -- who works

    @property
    def worker(self) -> Worker:
        return self.members[0].worker

    @property
    def owned(self) -> ClaimedPartition:
        return self.worker.owned[0]

    @property
    def manifest(self) -> Manifest:
        """The owner's newest that was acknowledged."""
        assert self.owned.manifest is not None
        return self.owned.manifest

    def number_from(self, sequence: int) -> None:
        """What the worker's next claim writes bears sequences above this one."""
        claim = self.worker._assignment._claimer.claim

        def numbered(*args: Any) -> ClaimedPartition:
            owned = claim(*args)
            owned.sequence = sequence
            return owned

        self.worker._assignment._claimer.claim = numbered  # type: ignore[method-assign, assignment]

    def freeze(self) -> Member:
        """The worker stops in mid-step; the group thinks it dead, and another takes over."""
        self.zombie(0)
        return self.zombies.pop()

    def thaw(self, member: Member, turns: int = 2) -> None:
        """It goes on where it stopped; it still believes that the partition is its own."""
        for _ in range(turns):
            member.work()
            member.turn(50)
            self.watch.look()

    def rebuild(self, on: bool) -> None:
        """Start the worker anew, with or without leave to build from an empty Redis."""
        self.place.rebuild = on
        self.crash(0)

    # -- what was said, and what happened

    def results(self) -> Results:
        results = Results(self.settings.model)
        results.merge(records(self.log, self.settings.results_topic))
        return results

    def hidden(self) -> set[int]:
        """Offsets of the deletions said to be hidden."""
        return {receipt.offset for receipt in self.receipts("hidden")}

    def replayed(self) -> Replay:
        end = self.log.bounds(self.settings.events_topic)[0][1]
        return replay_log(self.log, subject_of(self.settings), 0, end)

    def counted(self) -> dict[str, int]:
        """By every worker so far."""
        total = self.counts.copy()
        for member in (*self.members, *self.zombies):
            total.update(member.worker.counters)
            for owned in member.worker.owned.values():
                total.update(owned.counters)
        return total

    def check(self, *, late: bool = False) -> None:
        """All that was ever said, and all that is kept, is the reference's.

        `late`: a zombie's manifest stood as the newest for a moment. No heartbeat vouched for it, so no scorer
        served it; the verdict on receipts looks at manifests alone.
        """
        self.watch.look()
        verdict = Verdict(self)
        if late:
            verdict.check_receipts = lambda: None  # type: ignore[method-assign]
        verdict.check()

    def features(self, manifest: Manifest) -> set[int]:
        """Who is in a manifest's states, by the states' own arrays."""
        from unlearn_models.base.encoding import decode_state

        files = [entry.file for entry in manifest.shards if entry.file]
        return {int(f) for file in files for f in decode_state(self.place.learner, self.store.get(file))["features"]}


class Watch:
    """A scorer that polls throughout, and a fresh one from each look: none sees again who is gone."""

    def __init__(self, harness: SimulationHarness) -> None:
        self._harness = harness
        self.first = self._scorer()
        self._fresh: list[Scorer] = []
        self._merged, self._named = 0, 0
        self.served = 0
        """How often a state was looked at."""

    def look(self) -> None:
        harness = self._harness
        replayed = harness.replayed()
        deaths = {_feature(row): row.death for row in replayed.rows.values() if row.death is not None}
        hidden = harness.hidden()
        self.first.poll(0)
        self._fresh = [*self._fresh[-3:], self._scorer()]
        self._named = max(self._named, self._named_applied())
        gone = {f for f, death in deaths.items() if death in hidden or death < self._named}
        for fresh in self._fresh:
            assert fresh.poll(0)
            self._none_of(gone, fresh)
        held = self.first._merged.get(0)
        self._merged = max(self._merged, held.manifest.applied if held else 0)
        self._none_of({f for f, death in deaths.items() if death < self._merged or death in hidden}, self.first)

    def _named_applied(self) -> int:
        named = self._harness.results().of(0).named
        return named.applied if named else 0

    def _none_of(self, gone: set[int], scorer: Scorer) -> None:
        served = scorer._leased(scorer._merged) | scorer._covering()
        for partition in served:
            for _, state in scorer._merged[partition].states:
                self.served += 1
                seen = gone & {int(feature) for feature in state["features"]}
                assert not seen, f"a scorer serves who is gone: features {sorted(seen)}"

    def _scorer(self) -> Scorer:
        harness = self._harness
        return Scorer(
            harness.settings, harness.log, harness.store, of_settings(harness.settings), clock=harness.place.time
        )


def in_flight(member: Member) -> Publishing:
    """The manifest that a worker has sent, and heard nothing of."""
    sent = member.worker.owned[0].publishing
    assert sent is not None
    return sent


def _feature(row: Any) -> int:
    (feature,) = row.insert.features
    return int(feature)


@contextmanager
def closing(harness: SimulationHarness) -> Iterator[SimulationHarness]:
    try:
        yield harness
    finally:
        harness.close()
