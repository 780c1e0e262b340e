"""What is deleted leaves every file, key and log line, whatever died while it was being erased."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import redis as client

from tests.faults.checks import wrong_manifests, wrong_receipts
from tests.faults.erasing import DELETE_RECORD, DELETE_SUBJECT, MARKER, files_with, traces
from tests.harness.events import SEAL, delete
from tests.harness.memory_harness import DatedStore, MemoryHarness, insert
from tests.harness.settings import SECRET
from tests.harness.waiting import until
from unlearn.events.event import Delete, Event
from unlearn.events.partitioner import Digests
from unlearn.local_password import with_local_password
from unlearn.maintenance.cleanup import Cleaner
from unlearn.maintenance.garbage import Collector, _needed
from unlearn.maintenance.rewrite import Rewriter
from unlearn.maintenance.seal import Sealer
from unlearn.maintenance.tails import Tailer
from unlearn.services import LocalRedis
from unlearn.services.address import free_port
from unlearn.settings import Settings
from unlearn.state.scripts import PartitionState
from unlearn.storage.artefacts import read_name
from unlearn.storage.slice_files import decode_slice

DELETIONS = {"record": DELETE_RECORD, "subject": DELETE_SUBJECT}
MORE = [MARKER.model_copy(update={"event_id": f"e{n}", "record_id": f"{MARKER.record_id}-{n}"}) for n in range(3)]
"""Other records of the same subject, with the same words."""


@contextmanager
def a_site(redis_url: str, folder: Path, learner: str, **changed: Any) -> Iterator[MemoryHarness]:
    harness = MemoryHarness(redis_url, folder, learner, features=2**14, **changed)
    try:
        yield harness
    finally:
        harness.close()


def erased(harness: MemoryHarness) -> int:
    return harness.manifests()[-1][1].erased_through


def until_erased(harness: MemoryHarness, offset: int) -> None:
    """Until the newest manifest says that what was deleted at the offset is erased."""
    for _ in range(200):
        if harness.manifests() and erased(harness) > offset:
            return
        harness.turn()
    raise AssertionError(f"erased through {erased(harness)}, not beyond {offset}")


def ended_slice(harness: MemoryHarness, deletion: Delete) -> int:
    """The row is in a file and in states when it dies."""
    harness.send(*[insert(n, f"s{n % 3}") for n in range(6)], MARKER, SEAL)
    harness.settle()
    harness.send(*[insert(n) for n in range(10, 14)], SEAL)
    harness.settle()
    return harness.send(deletion)


def alone_in_its_slice(harness: MemoryHarness, deletion: Delete) -> int:
    """No row is left of the slice, hence no file."""
    harness.send(*[insert(n) for n in range(6)], SEAL)
    harness.settle()
    harness.send(MARKER, SEAL)
    harness.settle()
    return harness.send(deletion)


def open_slice(harness: MemoryHarness, deletion: Delete) -> int:
    """The row is in a tail when it dies, and its slice ends without it before there is another tail."""
    harness.send(*[insert(n) for n in range(6)], SEAL, insert(7), MARKER)
    harness.settle()
    tail_now(harness)
    harness.turn(2)
    assert harness.count("tails") > 0
    at = harness.send(deletion)
    harness.turn(2)
    harness.send(SEAL)
    return at


def tail_of_a_covered_row(harness: MemoryHarness, deletion: Delete) -> int:
    """The tail is written when the row is dead, and before a clean-up has found it."""
    harness.send(*[insert(n) for n in range(6)], SEAL, insert(7), MARKER)
    harness.settle()
    at = harness.send(deletion)
    tail_now(harness)
    harness.turn()
    harness.send(SEAL)
    return at


def tail_now(harness: MemoryHarness) -> None:
    harness.owned.tailed_at = float("-inf")


def just_before_the_end(harness: MemoryHarness, deletion: Delete) -> int:
    """The slice ends in the batch of the deletion: a subject's row is in the file, without a hole."""
    harness.send(*[insert(n) for n in range(6)], MARKER)
    harness.settle()
    at = harness.send(deletion)
    harness.send(SEAL)
    return at


def dead_twice(harness: MemoryHarness, deletion: Delete) -> int:
    """Another row of the slice dies later than the subject whose clean-up is not done yet."""
    harness.send(*[insert(n) for n in range(6)], MARKER, SEAL)
    harness.settle()
    at = harness.send(deletion)
    harness.send(*[delete(f"r{n}") for n in range(5)])
    cleaner: Any = harness.worker._cleaner
    cleaner.turn = lambda owned, *, gathers: None
    harness.wait(1.5)
    del cleaner.turn
    return at


PLACES: dict[str, Callable[[MemoryHarness, Delete], int]] = {
    place.__name__: place
    for place in (ended_slice, alone_in_its_slice, open_slice, tail_of_a_covered_row, just_before_the_end, dead_twice)
}


CASES = [(place, whose, "linear") for place in PLACES for whose in DELETIONS]
CASES += [(place, "subject", "naive-bayes") for place in ("ended_slice", "dead_twice")]


@pytest.mark.usefixtures("in_a_bucket")
@pytest.mark.parametrize(("place", "whose"), [("ended_slice", "record"), ("tail_of_a_covered_row", "subject")])
def test_no_trace_is_left_in_a_bucket(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str, whose: str
) -> None:
    test_no_trace_of_a_record_is_left_once_its_erasure_is_published(redis_url, tmp_path, caplog, place, whose, "linear")


@pytest.mark.parametrize(("place", "whose", "learner"), CASES)
def test_no_trace_of_a_record_is_left_once_its_erasure_is_published(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str, whose: str, learner: str
) -> None:
    caplog.set_level(logging.DEBUG)
    # Long enough for a look at what is garbage, and at what an old tail holds, before they go.
    with a_site(redis_url, tmp_path, learner, garbage_grace=3.0, tail_every=2.0) as harness:
        at = PLACES[place](harness, DELETIONS[whose])
        assert MARKER.record_id not in harness.owned.state.keys.prefix
        harness.turn()
        seen = _watched(harness, at)

        assert seen["before it was said"] > 0, "there was something to be erased"
        assert seen["after it was said"] == 0
        assert traces(harness, MARKER) == []
        assert wrong_manifests(harness) == wrong_receipts(harness) == []
        assert not [
            w for w in (MARKER.record_id, MARKER.subject_id or "", *(MARKER.text or "").split()) if w in caplog.text
        ]


def _watched(harness: MemoryHarness, at: int) -> Counter[str]:
    """How many looks found something before and after `erased_through` passed the deletion."""
    seen: Counter[str] = Counter()
    for _ in range(200):
        said = bool(harness.manifests()) and erased(harness) > at
        if said and not seen["said"]:
            seen["said"] = 1
        seen["after it was said" if said else "before it was said"] += bool(_left(harness))
        seen["looks after"] += said
        if seen["looks after"] > 15:
            return seen
        harness.turn()
    raise AssertionError(f"erased through {erased(harness)}, not beyond {at}")


def _left(harness: MemoryHarness) -> list[str]:
    return traces(harness, MARKER) if harness.owned.view.applied >= _end(harness) else ["not applied yet"]


def _end(harness: MemoryHarness) -> int:
    return harness.log.bounds(harness.settings.events_topic)[0][1]


def test_an_unreadable_deletion_leaves_no_payload_of_the_record_that_it_names(redis_url: str, tmp_path: Path) -> None:
    with a_site(redis_url, tmp_path, "linear") as harness:
        harness.send(f'{{"type":"delete","record_id":"{MARKER.record_id}","text":"{MARKER.text}"'.encode())
        at = ended_slice(harness, DELETE_RECORD)
        harness.turn()
        until_erased(harness, at)

        assert harness.log.bounds(harness.settings.dead_letters_topic)[0] == (0, 1)
        assert traces(harness, MARKER) == []


# -- killed at each call


class Killed(BaseException):
    """The process ends here."""


CALLS = (
    (PartitionState, "commit"),
    (PartitionState, "read"),
    (DatedStore, "put"),
    (DatedStore, "get"),
    (DatedStore, "names"),
    (DatedStore, "delete"),
)
STEPS: dict[str, tuple[type, str]] = {
    "rewriting": (Rewriter, "turn"),
    "collecting": (Collector, "turn"),
    "cleaning up": (Cleaner, "turn"),
    "tails": (Tailer, "turn"),
    "registration": (Sealer, "turn"),
}


class Fuse:
    """Kills at the n-th call to the outside from within a step, before or after its effect."""

    def __init__(self, patch: pytest.MonkeyPatch, step: str, at: int, after: bool) -> None:
        self.calls, self.blown, self._inside = 0, False, False
        self._at, self._after = at, after
        kind, name = STEPS[step]
        patch.setattr(kind, name, self._step(getattr(kind, name)))
        for owner, call in CALLS:
            patch.setattr(owner, call, self._call(getattr(owner, call)))

    def _step(self, turn: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(turn)
        def inside(*args: Any, **more: Any) -> Any:
            self._inside = True
            try:
                return turn(*args, **more)
            finally:
                self._inside = False

        return inside

    def _call(self, act: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(act)
        def call(*args: Any, **more: Any) -> Any:
            mine = self._inside and not self.blown
            self.calls += mine
            if not mine or self.calls != self._at:
                return act(*args, **more)
            self.blown = True
            if self._after:
                act(*args, **more)
            raise Killed

        return call


STORY: tuple[tuple[Event, ...], ...] = (
    (*[insert(n, f"s{n % 3}") for n in range(6)], MARKER, SEAL),
    (*[insert(n) for n in range(10, 14)], MORE[0], SEAL, MORE[1]),
    (insert(20, "s1"), delete("r1", "s1"), insert(12, revision=1)),
    (DELETE_SUBJECT, SEAL),
    (delete("r2", "s2"), insert(30), SEAL, insert(31)),
)


def tell(harness: MemoryHarness) -> int:
    """The story, with a new worker whenever one was killed. Returns the offset of the last deletion of the marker."""
    at = -1
    for events in STORY:
        for event in events:
            offset = harness.send(event)
            at = offset if event == DELETE_SUBJECT else at
        _alive(harness, harness.settle)
        _alive(harness, lambda: harness.wait(1.5))
    _alive(harness, harness.settle)
    _alive(harness, lambda: until_erased(harness, at))
    _alive(harness, lambda: harness.wait(4.0))
    return at


def _alive(harness: MemoryHarness, act: Callable[[], None]) -> None:
    try:
        act()
    except Killed:
        harness.io.drop()
        harness.start()
        act()


def end_state(harness: MemoryHarness) -> dict[str, Any]:
    """What must not depend on who died when: newest states, tables, and files by their rows.

    Which states are kept is a cache's business; those that are must be wanted. How soon the entries go of slices of
    which nothing is left is a matter of when garbage is collected.
    """
    _, newest = harness.manifests()[-1]
    entries = [(e.shard, e.through, e.status, e.rows, e.lineage, e.digest) for e in newest.shards]
    view = harness.owned.view
    slices = {key: held._replace(file="a file") for key, held in view.slices.items() if held.file != ""}
    names = [name for name, *_ in harness.store.names("")]
    holes = {
        key: harness.redis.hgetall(key)
        for key in harness.redis.scan_iter(match=harness.owned.state.keys.prefix + "holes*")
    }
    return {
        "applied": newest.applied,
        "erased": newest.erased_through,
        "entries": entries,
        "slices": slices,
        "files": sorted(_rows_in(harness, name) for name in names if "/state/" not in name),
        "orphans": sorted({*names} - {*_needed(harness.owned)}),
        "holes": holes,
        "counts": [view.meta[name] for name in ("live", "holes")],
    }


def _rows_in(harness: MemoryHarness, name: str) -> tuple[str, int, int, list[int]]:
    artefact = read_name(name)
    assert artefact is not None
    # A tail may be older than the end of a slice that has a file by now.
    first = harness.owned.view.registered if artefact.kind == "tail" else 0
    slots = decode_slice(harness.store.get(name)).slots.tolist()
    return artefact.kind, artefact.shard, artefact.end, [slot for slot in slots if slot >= first]


def story(redis_url: str, folder: Path, learner: str, step: str, at: int, after: bool) -> tuple[Fuse, dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch, a_site(redis_url, folder, learner, slice_span=50) as harness:
        fuse = Fuse(patch, step, at, after)
        tell(harness)
        assert traces(harness, MARKER) == []
        assert wrong_manifests(harness) == wrong_receipts(harness) == []
        assert harness.count("lineage_mismatches") == 0
        return fuse, end_state(harness)


@pytest.mark.parametrize("most", [pytest.param(5, id="some"), pytest.param(None, id="all", marks=pytest.mark.soak)])
@pytest.mark.parametrize(
    ("step", "learner"), [*((step, "linear") for step in STEPS), ("rewriting", "naive-bayes"), ("tails", "naive-bayes")]
)
def test_an_erasure_killed_at_any_call_ends_as_one_that_was_not(
    redis_url: str, tmp_path: Path, step: str, learner: str, most: int | None
) -> None:
    """At no more than about `most` calls in the suite; the others are much like them."""
    calm, undisturbed = story(redis_url, tmp_path, learner, step, 0, after=False)
    assert calm.calls > 0
    blown = 0
    for at, after in _places(calm.calls, most):
        fuse, ended = story(redis_url, tmp_path, learner, step, at, after)
        # How often Redis is asked whether it has written its file anew is a matter of time.
        assert fuse.blown or fuse.calls < at
        blown += fuse.blown
        for name, must in undisturbed.items():
            assert ended[name] == must, f"{name}, killed at call {at}"
    assert blown


def _places(calls: int, most: int | None) -> list[tuple[int, bool]]:
    """(call, whether after it): all, or about `most`, before and after by turns."""
    every = [(at, after) for at in range(1, calls + 1) for after in (False, True)]
    return every if most is None else every[:: len(every) // most | 1]


# -- the append-only file


def test_redis_file_is_written_anew_without_what_was_erased(tmp_path: Path) -> None:
    settings = Settings(
        secret=SECRET, services_dir=tmp_path / "services", redis={"url": f"redis://127.0.0.1:{free_port()}/0"}
    )
    service = LocalRedis(settings)
    service.up(lambda _: None)
    try:
        _erase_in(with_local_password(settings), tmp_path)
    finally:
        service.down(lambda _: None)


def _erase_in(settings: Settings, folder: Path) -> None:
    url = settings.redis.url.get_secret_value()
    digest = Digests(SECRET.encode()).subject(MARKER.subject_id or "").hex().encode()
    with a_site(url, folder, "linear", aof_rewrite_every=1.0) as harness, client.Redis.from_url(url) as redis:
        at = ended_slice(harness, DELETE_SUBJECT)
        harness.settle()
        assert _holding(folder / "services" / "redis", digest), "the clean-up's key went through the file"
        until_erased(harness, at)
        harness.wait(2.5)

        assert harness.count("aof_rewrites") > 0
        _until_rewritten(redis)
        assert not _holding(folder / "services" / "redis", digest)
        assert not list(files_with(folder / "services" / "redis", MARKER))


def _holding(folder: Path, word: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and word in path.read_bytes()]


def _until_rewritten(redis: Any) -> None:
    rewriting = ("aof_rewrite_in_progress", "aof_rewrite_scheduled")
    until(lambda: not any(redis.info("persistence")[what] for what in rewriting), 120, "the file is rewritten")
