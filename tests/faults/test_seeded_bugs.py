"""Each bug that an implementation may have, put in on purpose, is told by the check that is there for it.

Every scenario runs twice, with the bug and without: the check must say something, and nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.faults.checks import unanswered, wrong_dead_letters, wrong_manifests, wrong_order, wrong_receipts
from tests.faults.erasing import DELETE_RECORD, MARKER, traces
from tests.faults.history import grow, play
from tests.faults.test_mutations import without_net
from tests.harness.events import SEAL, delete
from tests.harness.memory_harness import DatedStore, MemoryHarness, insert
from tests.harness.settings import SECRET
from unlearn.errors import Fenced, RolledBack
from unlearn.events.event import Empty, Unreadable
from unlearn.events.parsing import Parser
from unlearn.events.partitioner import Digests
from unlearn.ingest import apply
from unlearn.log.memory.reader import MemoryReader
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.tables import Change
from unlearn.publishing.manifests import Manifests
from unlearn.publishing.receipts import Receipts
from unlearn.scoring.published_model import of_settings
from unlearn.scoring.scorer import Scorer
from unlearn.scoring.serving import Merged
from unlearn.state import lookups
from unlearn.state.members import field_of
from unlearn.state.scripts import PartitionState, text_of
from unlearn.storage.artefacts import read_name
from unlearn.worker.assignment import Assignment
from unlearn.worker.loop import Worker

Patch = pytest.MonkeyPatch
Open = Callable[..., MemoryHarness]
twice = pytest.mark.parametrize("bug", [False, True], ids=["without", "with"])


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def site_of(redis_url: str, tmp_path: Path) -> Iterator[Open]:
    sites: list[MemoryHarness] = []

    def open_site(learner: str = "linear", **changed: Any) -> MemoryHarness:
        sites.append(MemoryHarness(redis_url, tmp_path, learner, **changed))
        return sites[-1]

    yield open_site
    for harness in sites:
        harness.close()


@twice
def test_commit_the_offset_before_the_script(site_of: Open, monkeypatch: Patch, bug: bool) -> None:
    harness = site_of()
    grow(harness)
    commit = ClaimedPartition.commit
    kills: list[int] = []

    def dying(self: ClaimedPartition, change: Change, applied: int | None = None, *args: Any, **more: Any) -> None:
        if applied is None or kills:
            commit(self, change, applied, *args, **more)
            return
        kills.append(applied)
        if bug:
            commit(self, Change(), applied)
        raise Killed

    monkeypatch.setattr(ClaimedPartition, "commit", dying)
    harness.send(delete("r3", "s3"), insert(60, "s1"), SEAL)
    with pytest.raises(Killed):
        harness.turn()
    harness.start()
    harness.settle()

    assert bool(wrong_manifests(harness)) == bug
    assert (harness.verify().exit_code == 1) == bug
    assert kills


@twice
def test_skip_on_parse_error(site_of: Open, monkeypatch: Patch, bug: bool) -> None:
    parse = Parser.parse

    def skipping(self: Parser, *message: Any) -> Any:
        event = parse(self, *message)
        return Empty() if isinstance(event, Unreadable) else event

    harness = site_of()
    grow(harness)
    with monkeypatch.context() as patch:
        if bug:
            patch.setattr(Parser, "parse", skipping)
        harness.send(b'{"type":"delete","record_id":"r1', insert(60))
        harness.settle()

    assert bool(wrong_dead_letters(harness)) == bug


@twice
def test_auto_offset_reset_to_latest(site_of: Open, monkeypatch: Patch, bug: bool) -> None:
    """A reader that goes to the log's end where it should go on; the worker's own guard is gone too."""
    seek = MemoryReader.seek

    def latest(self: MemoryReader, partition: int, offset: int) -> None:
        end = harness.log.bounds(harness.settings.events_topic)[partition][1]
        seek(self, partition, end)

    harness = site_of()
    grow(harness)
    harness.send(*[insert(n) for n in range(60, 66)], delete("r3", "s3"))
    if bug:
        monkeypatch.setattr(MemoryReader, "seek", latest)
        monkeypatch.setattr(Worker, "_apply", lambda self, owned, batch: self._intake.apply(owned, batch))
    harness.start()
    harness.settle()
    harness.send(insert(70), SEAL)
    harness.settle()

    assert bool(wrong_manifests(harness)) == bug
    assert bool(unanswered(harness)) == bug


def test_a_reader_at_the_logs_end_is_stopped_by_the_guard(site_of: Open, monkeypatch: Patch) -> None:
    seek = MemoryReader.seek
    harness = site_of()
    grow(harness)
    harness.send(insert(60))
    monkeypatch.setattr(MemoryReader, "seek", lambda self, p, offset: seek(self, p, offset + 1))
    harness.start()
    harness.settle()
    harness.send(insert(61))
    harness.turn(3)

    assert harness.count("fenced") > 0
    assert wrong_manifests(harness) == []


@twice
def test_no_token_check(site_of: Open, monkeypatch: Patch, bug: bool) -> None:
    """A worker that was thought dead goes on publishing.

    No deletion came: with one the gate's look at the hits would refuse it all the same.
    """
    harness = site_of()
    grow(harness)
    zombie, old = harness.worker, harness.owned
    harness.send(insert(60))
    harness.start()
    harness.settle()
    if bug:
        old.state._commit = _unfenced(harness)
    with suppress(Fenced, RolledBack):
        old.manifest = None
        zombie._manifests.turn(old, recovering=False)

    assert bool(wrong_order(harness)) == bug


def _unfenced(harness: MemoryHarness) -> Any:
    """The script that writes, without its look at the token and at what was written."""
    before, check, behind = text_of("commit").rpartition("if why then return {why} end")
    assert check
    return harness.redis.register_script(before + behind)


@twice
def test_publish_before_the_rename(site_of: Open, monkeypatch: Patch, bug: bool) -> None:
    """A manifest names a file that a crash keeps from being there: a scorer can't take it."""
    put = DatedStore.put

    def unnamed(self: DatedStore, name: str, data: bytes) -> None:
        artefact = read_name(name)
        if artefact is None or artefact.kind != "state" or not bug:
            put(self, name, data)

    harness = site_of()
    monkeypatch.setattr(DatedStore, "put", unnamed)
    harness.send(*[insert(n) for n in range(8)], SEAL)
    harness.settle()
    scorer = Scorer(harness.settings, harness.log, harness.store, of_settings(harness.settings), lambda: harness.now)
    scorer.poll(0)

    assert harness.manifests()
    assert bool(scorer.problems) == bug
    scorer.close()


@twice
def test_publish_before_the_gate(site_of: Open, monkeypatch: Patch, bug: bool) -> None:
    """What the gate refuses to an owner of before is on the topic all the same."""

    def sending_first(self: Manifests, owned: ClaimedPartition, shards: Any) -> None:
        manifest = self._manifest(owned, shards)
        self._send(owned, manifest, manifest.encode())
        publish_(self, owned, shards)

    publish_ = Manifests._publish
    if bug:
        monkeypatch.setattr(Manifests, "_publish", sending_first)
    harness = site_of()
    grow(harness)
    zombie, old = harness.worker, harness.owned
    harness.start()
    harness.settle()
    old.manifest = None
    with pytest.raises(Fenced):
        zombie._manifests.turn(old, recovering=False)

    assert bool(wrong_order(harness)) == bug


@twice
def test_no_withdrawal_for_a_version_in_flight(site_of: Open, monkeypatch: Patch, bug: bool) -> None:
    """A deletion comes while a manifest that holds its row is on its way."""
    acknowledge = Manifests._acknowledge

    def covering(self: Manifests, owned: ClaimedPartition) -> None:
        acknowledge(self, owned)
        if owned.manifest is not None and owned.publishing is None and owned.manifest.applied < owned.view.applied:
            owned.manifest = owned.manifest.model_copy(update={"applied": owned.view.applied})

    harness = site_of()
    grow(harness)
    held: list[tuple[Future[int], tuple[Any, ...]]] = []
    send = harness.worker._producer.send

    def later(topic: str, *args: Any) -> Future[int]:
        if topic != harness.settings.results_topic or b'"sequence"' not in args[2] or b'"shards"' not in args[2]:
            return send(topic, *args)
        held.append((Future(), (topic, *args)))
        return held[-1][0]

    if bug:
        monkeypatch.setattr(Manifests, "_acknowledge", covering)
    monkeypatch.setattr(harness.worker._producer, "send", later)
    harness.send(insert(60), SEAL)
    harness.turn(20)
    assert held, "a manifest is on its way"
    harness.send(delete("r3", "s3"))
    harness.turn(3)
    monkeypatch.setattr(harness.worker._producer, "send", send)
    for answer, message in held:
        answer.set_result(send(*message).result())
    harness.settle()

    assert bool(wrong_receipts(harness)) == bug


@twice
def test_tombstones_with_a_ttl(site_of: Open, bug: bool) -> None:
    digests = Digests(SECRET.encode())
    harness = site_of()
    grow(harness)
    harness.send(delete("r3", "s3"), delete(None, "s4"))
    harness.settle()
    if bug:
        _expire(harness, field_of(digests.record("r3")), field_of(digests.subject("s4")))
    harness.send(insert(3, "s3"), insert(4, "s4"), SEAL)
    harness.settle()

    assert (harness.verify().exit_code == 1) == bug


def _expire(harness: MemoryHarness, *fields: bytes) -> None:
    keys = [harness.owned.state.keys.prefix + pattern for pattern in ("m:*", "u:*")]
    client: Any = harness.redis
    assert sum(client.hdel(key, *fields) for pattern in keys for key in client.scan_iter(match=pattern)) == len(fields)


@twice
def test_on_partitions_lost_saves(site_of: Open, monkeypatch: Patch, bug: bool) -> None:
    """A worker whose partition is another's writes nothing more of it, not even in vain."""
    drop, ask = Assignment.drop, PartitionState._ask
    writers: list[str] = []

    def saving(self: Assignment, partition: int, why: str) -> None:
        with suppress(Fenced, RolledBack):
            self.owned[partition].commit(Change())
        drop(self, partition, why)

    def watched(self: PartitionState, script: Any, keys: Any, args: list[Any]) -> Any:
        if script is self._commit:
            writers.append(args[0])
        return ask(self, script, keys, args)

    if bug:
        monkeypatch.setattr(Assignment, "drop", saving)
    harness = site_of()
    grow(harness)
    before, token = harness.worker, str(harness.owned.token)
    harness.start()
    harness.settle()
    monkeypatch.setattr(PartitionState, "_ask", watched)
    before._reader.take_over(range(0))  # type: ignore[attr-defined]
    before.turn(0.0)

    assert before.owned == {}
    assert (token in writers) == bug


@twice
@pytest.mark.parametrize("learner", ["naive-bayes", "linear"])
def test_garbage_collection_keeps_a_checkpoint(site_of: Open, monkeypatch: Patch, bug: bool, learner: str) -> None:
    delete_, harness = DatedStore.delete, site_of(learner)

    def sparing(self: DatedStore, *names: str) -> None:
        read = ((name, read_name(name)) for name in names)
        delete_(self, *(name for name, artefact in read if artefact is None or artefact.kind != "state"))

    if bug:
        monkeypatch.setattr(DatedStore, "delete", sparing)
    grow(harness)
    harness.send(MARKER, SEAL)
    harness.settle()
    harness.send(DELETE_RECORD)
    harness.settle()
    harness.wait(5.0)

    assert bool(traces(harness, MARKER)) == bug


@twice
def test_the_scorer_ignores_the_lease(site_of: Open, monkeypatch: Patch, bug: bool) -> None:
    if bug:
        monkeypatch.setattr(Merged, "leased", lambda *_: True)
    harness = site_of()
    grow(harness)
    scorer = Scorer(harness.settings, harness.log, harness.store, of_settings(harness.settings), lambda: harness.now)
    scorer.poll(0)
    harness.wait(2.0)
    scorer.poll(0)
    assert scorer.left_out == ()
    harness.now += harness.settings.lease + 1.0
    scorer.poll(0)

    assert (scorer.left_out == ()) == bug
    scorer.close()


@twice
def test_a_deletion_of_an_open_row_leaves_no_hole(site_of: Open, monkeypatch: Patch, bug: bool) -> None:
    """The slice has ended and its file is being written when the row dies."""
    write = lookups.write_holes

    def of_filed_rows(keys: Any, holes: Any) -> Any:
        return write(keys, [hole for hole in holes if hole[2] < harness.owned.view.registered])

    if bug:
        monkeypatch.setattr(apply, "write_holes", of_filed_rows)
        without_net(monkeypatch)
    harness = site_of()
    grow(harness)
    harness.wait(1.0)
    harness.io.late = True
    harness.send(*[insert(n) for n in range(60, 66)], SEAL)
    harness.turn()
    assert harness.owned.sealing is not None
    harness.send(delete("r61"))
    harness.turn()
    harness.io.late = False
    harness.io.work()
    harness.settle()

    assert (harness.verify().exit_code == 1) == bug


@twice
def test_the_plan_says_hidden_before_a_manifest_does(site_of: Open, monkeypatch: Patch, bug: bool) -> None:
    if bug:
        newest = lambda self, owned, *_: max(owned.manifest_offset, 0)  # noqa: E731
        monkeypatch.setattr(Receipts, "_hidden_by", newest)
        monkeypatch.setattr(Receipts, "turn", _regardless(Receipts.turn))
    harness = site_of()
    play(harness)

    assert bool(wrong_receipts(harness)) == bug
    assert unanswered(harness) == []


def _regardless(send: Any) -> Any:
    """As soon as it is applied."""

    def send_receipts(self: Receipts, owned: ClaimedPartition, results: Any) -> None:
        held, owned.manifest = owned.manifest, None
        send(self, owned, results)
        owned.manifest = held

    return send_receipts
