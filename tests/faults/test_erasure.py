"""What is deleted leaves every file, key and log line, whatever died while it was being erased."""

from __future__ import annotations

import logging
import os
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
from tests.faults.site import SEAL, SECRET, DatedStore, Site, delete, insert
from tests.integration.processes import until
from unlearn.events.event import Delete, Event
from unlearn.events.partitioner import Digests
from unlearn.local_password import with_local_password
from unlearn.services import LocalRedis
from unlearn.services.address import free_port
from unlearn.settings import Settings
from unlearn.state.scripts import PartitionState
from unlearn.storage.artefacts import read_name
from unlearn.storage.cleanup import Cleaner
from unlearn.storage.garbage import Collector, _needed
from unlearn.storage.rewrite import Rewriter
from unlearn.storage.seal import Sealer
from unlearn.storage.slice_files import decode_slice
from unlearn.storage.tails import Tailer

DELETIONS = {"record": DELETE_RECORD, "subject": DELETE_SUBJECT}
MORE = [MARKER.model_copy(update={"event_id": f"e{n}", "record_id": f"{MARKER.record_id}-{n}"}) for n in range(3)]
"""Other records of the same subject, with the same words."""


@contextmanager
def a_site(redis_url: str, folder: Path, learner: str, **changed: Any) -> Iterator[Site]:
    site = Site(redis_url, folder, learner, features=2**14, **changed)
    try:
        yield site
    finally:
        site.close()


def erased(site: Site) -> int:
    return site.manifests()[-1][1].erased_through


def until_erased(site: Site, offset: int) -> None:
    """Until the newest manifest says that what was deleted at the offset is erased."""
    for _ in range(200):
        if site.manifests() and erased(site) > offset:
            return
        site.turn()
    raise AssertionError(f"erased through {erased(site)}, not beyond {offset}")


def ended_slice(site: Site, deletion: Delete) -> int:
    """The row is in a file and in states when it dies."""
    site.send(*[insert(n, f"s{n % 3}") for n in range(6)], MARKER, SEAL)
    site.settle()
    site.send(*[insert(n) for n in range(10, 14)], SEAL)
    site.settle()
    return site.send(deletion)


def alone_in_its_slice(site: Site, deletion: Delete) -> int:
    """No row is left of the slice, hence no file."""
    site.send(*[insert(n) for n in range(6)], SEAL)
    site.settle()
    site.send(MARKER, SEAL)
    site.settle()
    return site.send(deletion)


def open_slice(site: Site, deletion: Delete) -> int:
    """The row is in a tail when it dies, and its slice ends without it before there is another tail."""
    site.send(*[insert(n) for n in range(6)], SEAL, insert(7), MARKER)
    site.settle()
    tail_now(site)
    site.turn(2)
    assert site.count("tails") > 0
    at = site.send(deletion)
    site.turn(2)
    site.send(SEAL)
    return at


def tail_of_a_covered_row(site: Site, deletion: Delete) -> int:
    """The tail is written when the row is dead, and before a clean-up has found it."""
    site.send(*[insert(n) for n in range(6)], SEAL, insert(7), MARKER)
    site.settle()
    at = site.send(deletion)
    tail_now(site)
    site.turn()
    site.send(SEAL)
    return at


def tail_now(site: Site) -> None:
    site.owned.tailed_at = float("-inf")


def just_before_the_end(site: Site, deletion: Delete) -> int:
    """The slice ends in the batch of the deletion: a subject's row is in the file, without a hole."""
    site.send(*[insert(n) for n in range(6)], MARKER)
    site.settle()
    at = site.send(deletion)
    site.send(SEAL)
    return at


def dead_twice(site: Site, deletion: Delete) -> int:
    """Another row of the slice dies later than the subject whose clean-up is not done yet."""
    site.send(*[insert(n) for n in range(6)], MARKER, SEAL)
    site.settle()
    at = site.send(deletion)
    site.send(*[delete(f"r{n}") for n in range(5)])
    cleaner: Any = site.worker._cleaner
    cleaner.turn = lambda owned: None
    site.wait(1.5)
    del cleaner.turn
    return at


PLACES: dict[str, Callable[[Site, Delete], int]] = {
    place.__name__: place
    for place in (ended_slice, alone_in_its_slice, open_slice, tail_of_a_covered_row, just_before_the_end, dead_twice)
}


CASES = [(place, whose, "linear") for place in PLACES for whose in DELETIONS]
CASES += [(place, "subject", "naive-bayes") for place in ("ended_slice", "dead_twice")]


@pytest.mark.parametrize(("place", "whose", "learner"), CASES)
def test_nothing_is_left_once_it_is_said(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str, whose: str, learner: str
) -> None:
    caplog.set_level(logging.DEBUG)
    # Long enough for a look at what is garbage, and at what an old tail holds, before they go.
    with a_site(redis_url, tmp_path, learner, garbage_grace=3.0, tail_every=2.0) as site:
        at = PLACES[place](site, DELETIONS[whose])
        assert MARKER.record_id not in site.owned.state.keys.prefix
        site.turn()
        seen = _watched(site, at)

        assert seen["before it was said"] > 0, "there was something to be erased"
        assert seen["after it was said"] == 0
        assert traces(site, MARKER) == []
        assert wrong_manifests(site) == wrong_receipts(site) == []
        assert not [
            w for w in (MARKER.record_id, MARKER.subject_id or "", *(MARKER.text or "").split()) if w in caplog.text
        ]


def _watched(site: Site, at: int) -> Counter[str]:
    """How many looks found something before and after `erased_through` passed the deletion."""
    seen: Counter[str] = Counter()
    for _ in range(200):
        said = bool(site.manifests()) and erased(site) > at
        if said and not seen["said"]:
            seen["said"] = 1
        seen["after it was said" if said else "before it was said"] += bool(_left(site))
        seen["looks after"] += said
        if seen["looks after"] > 15:
            return seen
        site.turn()
    raise AssertionError(f"erased through {erased(site)}, not beyond {at}")


def _left(site: Site) -> list[str]:
    return traces(site, MARKER) if site.owned.view.applied >= _end(site) else ["not applied yet"]


def _end(site: Site) -> int:
    return site.log.bounds(site.settings.events_topic)[0][1]


def test_a_possible_deletion_that_names_it_leaves_no_payload(redis_url: str, tmp_path: Path) -> None:
    with a_site(redis_url, tmp_path, "linear") as site:
        site.send(f'{{"type":"delete","record_id":"{MARKER.record_id}","text":"{MARKER.text}"'.encode())
        at = ended_slice(site, DELETE_RECORD)
        site.turn()
        until_erased(site, at)

        assert site.log.bounds(site.settings.dead_letters_topic)[0] == (0, 1)
        assert traces(site, MARKER) == []


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


def tell(site: Site) -> int:
    """The story, with a new worker whenever one was killed. Returns the offset of the last deletion of the marker."""
    at = -1
    for events in STORY:
        for event in events:
            offset = site.send(event)
            at = offset if event == DELETE_SUBJECT else at
        _alive(site, site.settle)
        _alive(site, lambda: site.wait(1.5))
    _alive(site, site.settle)
    _alive(site, lambda: until_erased(site, at))
    _alive(site, lambda: site.wait(4.0))
    return at


def _alive(site: Site, act: Callable[[], None]) -> None:
    try:
        act()
    except Killed:
        site.io.drop()
        site.start()
        act()


def end_state(site: Site) -> dict[str, Any]:
    """What must not depend on who died when: newest states, tables, and files by their rows.

    Which states are kept is a cache's business; those that are must be wanted.
    """
    _, newest = site.manifests()[-1]
    entries = [(e.shard, e.through, e.status, e.rows, e.lineage, e.digest) for e in newest.shards]
    view = site.owned.view
    slices = {key: held._replace(file="a file" if held.file else held.file) for key, held in view.slices.items()}
    names = [name for name, _ in site.store.names("")]
    holes = {
        key: site.redis.hgetall(key) for key in site.redis.scan_iter(match=site.owned.state.keys.prefix + "holes*")
    }
    return {
        "applied": newest.applied,
        "erased": newest.erased_through,
        "entries": entries,
        "slices": slices,
        "files": sorted(_rows_in(site, name) for name in names if "/state/" not in name),
        "orphans": sorted({*names} - {*_needed(site.owned)}),
        "holes": holes,
        "counts": [view.meta[name] for name in ("live", "holes")],
    }


def _rows_in(site: Site, name: str) -> tuple[str, int, int, list[int]]:
    artefact = read_name(name)
    assert artefact is not None
    # A tail may be older than the end of a slice that has a file by now.
    first = site.owned.view.registered if artefact.kind == "tail" else 0
    slots = decode_slice(site.store.get(name)).slots.tolist()
    return artefact.kind, artefact.shard, artefact.end, [slot for slot in slots if slot >= first]


def story(redis_url: str, folder: Path, learner: str, step: str, at: int, after: bool) -> tuple[Fuse, dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch, a_site(redis_url, folder, learner, slice_span=50) as site:
        fuse = Fuse(patch, step, at, after)
        tell(site)
        assert traces(site, MARKER) == []
        assert wrong_manifests(site) == wrong_receipts(site) == []
        assert site.count("lineage_mismatches") == 0
        return fuse, end_state(site)


@pytest.mark.parametrize(
    ("step", "learner"), [*((step, "linear") for step in STEPS), ("rewriting", "naive-bayes"), ("tails", "naive-bayes")]
)
def test_killed_at_any_call_it_ends_the_same(redis_url: str, tmp_path: Path, step: str, learner: str) -> None:
    calm, undisturbed = story(redis_url, tmp_path, learner, step, 0, after=False)
    assert calm.calls > 0
    for at, after in _places(calm.calls):
        fuse, ended = story(redis_url, tmp_path, learner, step, at, after)
        assert fuse.blown
        for name, must in undisturbed.items():
            assert ended[name] == must, f"{name}, killed at call {at}"


_MOST = 8
"""Calls at which a step is killed in the suite; the others are much like them, and are for the long run."""


def _places(calls: int) -> list[tuple[int, bool]]:
    every = [(at, after) for at in range(1, calls + 1) for after in (False, True)]
    step = 1 if os.environ.get("UNLEARN_TESTS_SOAK", "0") != "0" else len(every) // _MOST | 1
    return every[::step]


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
    with a_site(url, folder, "linear", aof_rewrite_every=1.0) as site, client.Redis.from_url(url) as redis:
        at = ended_slice(site, DELETE_SUBJECT)
        site.settle()
        assert _holding(folder / "services" / "redis", digest), "the clean-up's key went through the file"
        until_erased(site, at)
        site.wait(2.5)

        assert site.count("aof_rewrites") > 0
        _until_rewritten(redis)
        assert not _holding(folder / "services" / "redis", digest)
        assert not list(files_with(folder / "services" / "redis", MARKER))


def _holding(folder: Path, word: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and word in path.read_bytes()]


def _until_rewritten(redis: Any) -> None:
    rewriting = ("aof_rewrite_in_progress", "aof_rewrite_scheduled")
    until(lambda: not any(redis.info("persistence")[what] for what in rewriting), 120, "the file is rewritten")
