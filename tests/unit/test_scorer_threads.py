"""Eight threads ask a scorer while its store comes and goes, versions change, and then all owners fall silent."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.harness.results_harness import HAM, PROBE, SPAM, ResultsHarness
from tests.harness.waiting import until
from unlearn.errors import NotEnough, StoreUnavailable
from unlearn.scoring.published_model import of_settings
from unlearn.scoring.scorer import Scorer

EVER = 60.0
LEASE = 1.5
THREADS = 8


class Flickering:
    """Makes the store fail for as long as it is said to be away."""

    def __init__(self, harness: ResultsHarness, monkeypatch: pytest.MonkeyPatch) -> None:
        self.away, self.refused = False, 0
        get = type(harness.store).get

        def flickers(store: object, name: str, size: int | None = None) -> bytes:
            if self.away:
                self.refused += 1
                raise StoreUnavailable("the store is away")
            return get(store, name, size)  # type: ignore[arg-type]

        monkeypatch.setattr(type(harness.store), "get", flickers)


class Asker(threading.Thread):
    """Asks over and over, and notes when it asked what was answered, and what it was told instead."""

    def __init__(self, scorer: Scorer, known: set[bytes]) -> None:
        super().__init__(daemon=True)
        self.scorer, self.known = scorer, known
        self.stop = threading.Event()
        self.asked_at = [0.0]
        self.refused = 0
        self.wrong: list[object] = []

    def run(self) -> None:
        while not self.stop.is_set():
            now = time.monotonic()
            try:
                answer = self.scorer.scores(PROBE)
            except NotEnough:
                self.refused += 1
                self.stop.wait(0.002)
            except BaseException as error:  # noqa: BLE001  none may come
                self.wrong.append(error)
                return
            else:
                self.asked_at.append(now)
                if answer.scores.tobytes() not in self.known:
                    self.wrong.append(answer)


class Owners:
    """The owners of both partitions, and when one of them was heard last."""

    def __init__(self, harness: ResultsHarness) -> None:
        self._harness = harness
        self._sequence = 0
        self._newest = 0
        self.beaten_at = 0.0

    def publish(self, ham: Sequence[tuple[str, int]], spam: Sequence[tuple[str, int]]) -> None:
        self._sequence += 1
        for partition, rows in enumerate((ham, spam)):
            self._newest = self._harness.publish(partition, self._sequence, rows)
        self.beat()

    def beat(self) -> None:
        for partition in (0, 1):
            self.beaten_at = time.monotonic()
            self._harness.beat(partition, self._sequence)

    def served(self, scorer: Scorer) -> bool:
        """Whether all that they published is served; they are heard once more."""
        self.beat()
        return not scorer.left_out and not scorer.problems and (scorer.version or 0) >= self._newest


def test_no_answer_is_made_up_or_outlasts_the_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = ResultsHarness(tmp_path, "naive-bayes", lease=LEASE, heartbeat_every=0.1)
    store, owners = Flickering(harness, monkeypatch), Owners(harness)
    versions = [(HAM[: 1 + n % 2], SPAM[: 1 + n % 3]) for n in range(6)]
    known = {harness.expected(ham, spam).tobytes() for ham, _ in versions for _, spam in versions}
    with Scorer(harness.settings, harness.log, harness.store, of_settings(harness.settings)).start() as scorer:
        askers = [Asker(scorer, known) for _ in range(THREADS)]
        for asker in askers:
            asker.start()
        for number, (ham, spam) in enumerate(versions):
            store.away, store.refused = number % 2 == 1, 0
            owners.publish(ham, spam)
            if store.away:
                until(lambda: store.refused > 0, EVER, "the store is missed")
            store.away = False
            until(lambda: owners.served(scorer), EVER, "it is served")

        for asker in askers:
            asker.refused = 0
        until(lambda: min(asker.refused for asker in askers) > 5, EVER, "nobody is answered")
        for asker in askers:
            asker.stop.set()
            asker.join(EVER)
        silent_since = owners.beaten_at
        assert (scorer.problems, scorer.left_out) == ({}, (0, 1))

        until(lambda: owners.served(scorer), EVER, "it is served again once an owner is heard")
        assert scorer.scores(PROBE).scores.tobytes() == harness.expected(*versions[-1]).tobytes()

    assert [asker.wrong for asker in askers] == [[]] * THREADS
    # A heartbeat counts from before it was appended, so an answer that was asked for later than this came too late.
    assert max(asked for asker in askers for asked in asker.asked_at) < silent_since + LEASE
    assert min(len(asker.asked_at) for asker in askers) > 10
