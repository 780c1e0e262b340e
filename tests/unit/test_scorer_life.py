"""A scorer answers only while it follows its model: until it is closed, ended by an error, or forked away."""

from __future__ import annotations

import json
import os
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.results_harness import HAM, PROBE, SPAM, CountingStore, ResultsHarness
from tests.harness.waiting import until
from unlearn.errors import LogUnavailable, NotEnough, ScorerStopped
from unlearn.log.memory.log import MemoryLog
from unlearn.log.memory.tails import MemoryTail
from unlearn.log.protocol import Log
from unlearn.scoring.scorer import Scorer


@pytest.fixture
def harness(tmp_path: Path) -> ResultsHarness:
    harness = ResultsHarness(tmp_path, "naive-bayes")
    harness.publish(0, 1, HAM)
    harness.publish(1, 1, SPAM)
    return harness


@pytest.fixture
def scorer(harness: ResultsHarness) -> Iterator[Scorer]:
    """Started, with both partitions served."""
    with harness.scorer().start() as scorer:
        until(lambda: scorer.version == 1, 60, "both are merged")
        for partition in (0, 1):
            harness.beat(partition, 1)
        assert scorer.wait(60)
        scorer.scores(PROBE)
        yield scorer


def stopped(scorer: Scorer) -> bool:
    try:
        scorer.scores(PROBE)
    except ScorerStopped:
        return True
    return False


# -- the end of the thread

ENDS = [MemoryError("no room"), KeyError("bug"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), OSError("disk")]


@pytest.mark.parametrize("error", ENDS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("where", ["reading", "fetching", "scoring"])
def test_whatever_ends_the_thread_ends_the_answers_with_its_reason(
    harness: ResultsHarness, scorer: Scorer, monkeypatch: pytest.MonkeyPatch, error: BaseException, where: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    target = {
        "reading": (MemoryTail, "poll"),
        "fetching": (CountingStore, "get"),
        "scoring": (type(harness.learner), "ensemble"),
    }[where]
    monkeypatch.setattr(*target, fail)
    harness.publish(0, 2, HAM[:1])
    until(lambda: stopped(scorer), 60, "the end of the answers")

    for ask in (lambda: scorer.scores(PROBE), lambda: scorer.predict(PROBE), scorer.served, lambda: scorer.wait(60)):
        with pytest.raises(ScorerStopped, match=type(error).__name__) as seen:
            ask()
        assert seen.value.__cause__ is error
    assert scorer.left_out == (0, 1)
    monkeypatch.undo()
    with pytest.raises(ScorerStopped):
        scorer.start()


def test_what_was_served_before_the_end_stays_good(
    harness: ResultsHarness, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = scorer.served()
    before = served.scores(PROBE).scores.tobytes()
    scorer.close()

    assert served.scores(PROBE).scores.tobytes() == before


def test_an_outage_ends_nothing(harness: ResultsHarness, scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()

    def down(*_: object) -> int:
        asked.set()
        raise LogUnavailable("down")

    monkeypatch.setattr(MemoryTail, "end", down)
    assert asked.wait(60)

    scorer.scores(PROBE)
    monkeypatch.undo()
    harness.publish(0, 2, HAM[:1])
    until(lambda: scorer.version is not None and scorer.version > 1, 60, "the next version")


# -- closing


def test_a_closed_scorer_answers_no_more(harness: ResultsHarness, scorer: Scorer) -> None:
    scorer.close()

    for ask in (lambda: scorer.scores(PROBE), lambda: scorer.poll(0), lambda: scorer.once(0), scorer.start):
        with pytest.raises(ScorerStopped, match="closed"):
            ask()
    assert scorer.left_out == (0, 1)
    scorer.close()


def test_closing_amid_scoring_and_polling_gives_answers_or_says_that_it_is_closed(harness: ResultsHarness) -> None:
    scorer = harness.scorer()
    harness.both(scorer)
    expected = scorer.scores(PROBE).scores.tobytes()
    failures: list[BaseException] = []

    def use(act: Callable[[], object]) -> None:
        try:
            while True:
                act()
        except ScorerStopped:
            return
        except BaseException as error:  # noqa: BLE001  it is shown by the main thread
            failures.append(error)

    def score() -> None:
        assert scorer.scores(PROBE).scores.tobytes() == expected

    users = [
        threading.Thread(target=use, args=(act,), daemon=True) for act in (score, score, lambda: scorer.poll(0.001))
    ]
    for user in users:
        user.start()
    closers = [threading.Thread(target=scorer.close, daemon=True) for _ in range(3)]
    for closer in closers:
        closer.start()
    for thread in (*closers, *users):
        thread.join(60)
        assert not thread.is_alive()

    assert failures == []


def test_two_scorers_in_one_process_know_nothing_of_each_other(
    harness: ResultsHarness, scorer: Scorer, tmp_path: Path
) -> None:
    other = ResultsHarness(tmp_path / "other", "linear")
    with other.scorer() as second:
        other.both(second)
        assert second.scores(PROBE).scores.tobytes() == other.expected(HAM, SPAM).tobytes()
        assert scorer.scores(PROBE).scores.tobytes() == harness.expected(HAM, SPAM).tobytes()
        scorer.close()
        assert second.scores(PROBE).scores.tobytes() == other.expected(HAM, SPAM).tobytes()


# -- forks


def in_a_fork(look: Callable[[], object]) -> object:
    """What `look` gives in a forked process, which ends then."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            said: object = look()
        except BaseException:  # noqa: BLE001  told to the parent
            said = traceback.format_exc()
        os.write(write, json.dumps(said).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(answer)


def refused(ask: Callable[[], object]) -> str:
    try:
        return f"answered: {ask()}"
    except (ScorerStopped, NotEnough) as error:
        return f"{type(error).__name__}: {error}"


forking = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@forking
def test_a_scorer_on_a_given_log_says_in_a_fork_that_it_is_not_of_that_process(
    harness: ResultsHarness, scorer: Scorer
) -> None:
    def look() -> object:
        asked = [lambda: scorer.scores(PROBE), lambda: scorer.poll(0), lambda: scorer.once(0), scorer.start]
        said = [refused(ask) for ask in asked]
        scorer.close()
        return [*said, list(scorer.left_out), scorer.version]

    said = in_a_fork(look)

    assert isinstance(said, list)
    for one in said[:4]:
        assert one.startswith(f"ScorerStopped: the scorer is of process {os.getpid()}, and this is")
    assert said[4:] == [[0, 1], None]
    scorer.scores(PROBE)


@forking
@pytest.mark.parametrize("started", [True, False])
def test_a_scorer_that_opens_its_own_log_begins_anew_in_a_fork(
    harness: ResultsHarness, monkeypatch: pytest.MonkeyPatch, started: bool
) -> None:
    # given a scorer in the parent that serves, as `connect` makes it
    opened: list[Log] = []

    def open_log(_: object) -> MemoryLog:
        opened.append(harness.log)
        return harness.log

    monkeypatch.setattr("unlearn.log.kafka.log.KafkaLog", open_log)
    monkeypatch.setattr("unlearn.scoring.scorer.open_store", lambda *_: harness.store)
    scorer = Scorer.connect(harness.settings)
    for partition in (0, 1):
        scorer.poll(0)
        harness.beat(partition, 1)
    if started:
        scorer.start()
        assert scorer.wait(60)
    else:
        scorer.poll(0)
    scorer.scores(PROBE)

    def look() -> object:
        first = refused(lambda: scorer.scores(PROBE))
        harness.publish(0, 2, HAM[:1])
        until(lambda: started or scorer.poll(0), 60, "all is read")
        until(lambda: scorer.version == 4, 60, "the new version")
        for partition, sequence in ((0, 2), (1, 1)):
            harness.beat(partition, sequence)
        until(lambda: started or scorer.poll(0), 60, "all is read")
        until(lambda: not scorer.left_out, 60, "all is served")
        right = scorer.scores(PROBE).scores.tobytes() == harness.expected(HAM[:1], SPAM).tobytes()
        scorer.close()
        return [first.split(":")[0], right, len(opened), refused(lambda: scorer.scores(PROBE))]

    # when it is used in a fork, it knows nothing until it has read for itself
    said = in_a_fork(look)

    assert said == ["NotEnough", True, 2, "ScorerStopped: the scorer is closed"]
    assert scorer.scores(PROBE).scores.tobytes() == harness.expected(HAM, SPAM).tobytes()
    scorer.close()


@forking
def test_a_fork_is_not_held_up_by_what_the_parents_threads_held(harness: ResultsHarness, scorer: Scorer) -> None:
    # given a parent that is amid a turn, and amid the making of an ensemble
    scorer._open_log = lambda: harness.log
    with scorer._turning, scorer._ensembles._lock:
        said = in_a_fork(lambda: refused(lambda: scorer.scores(PROBE)).split(":")[0])

    assert said == "NotEnough"


@forking
def test_a_scorer_closed_before_the_fork_stays_closed_in_it(harness: ResultsHarness, scorer: Scorer) -> None:
    scorer._open_log = lambda: harness.log
    scorer.close()

    assert in_a_fork(lambda: refused(lambda: scorer.scores(PROBE))) == "ScorerStopped: the scorer is closed"
