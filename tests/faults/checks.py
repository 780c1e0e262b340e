"""What must hold of everything that a harness ever said: each check gives the list of what is wrong."""

from __future__ import annotations

from tests.harness.memory_harness import MemoryHarness
from tests.harness.model_data import records
from unlearn.events.event import Delete, Unreadable
from unlearn.events.parsing import Parser, parser_of
from unlearn.results.manifest import Manifest, Receipt
from unlearn.simulate.replay import Replay, replay_log
from unlearn.verification.judging import judge
from unlearn.verification.subject import subject_of


def wrong_manifests(harness: MemoryHarness) -> list[str]:
    """Those that differ from the reference as of their own `applied`, whether they stood last or not."""
    found, wrong = replays(harness), []
    for offset, manifest in harness.manifests():
        verdicts = judge(subject_of(harness.settings), found[manifest.partition], manifest, manifest.applied)
        wrong += [f"at {offset}: {v.shard} {v.reason}" for v in verdicts if v.verdict == "different"]
    return wrong


def wrong_order(harness: MemoryHarness) -> list[str]:
    """Manifests of an owner that stand behind one of its successor."""
    highest, wrong = -1, []
    for offset, manifest in harness.manifests():
        if manifest.token.counter < highest:
            wrong.append(f"at {offset}: counter {manifest.token.counter} behind {highest}")
        highest = max(highest, manifest.token.counter)
    return wrong


def wrong_receipts(harness: MemoryHarness) -> list[str]:
    """Deletions said to be hidden by a version that isn't there, is older, or holds a row they killed."""
    found, manifests = replays(harness), harness.manifests()
    wrong = []
    for receipt in harness.receipts("hidden"):
        since = [m for offset, m in manifests if offset >= (receipt.version or 0)]
        if not manifests or receipt.version is None or receipt.version not in {offset for offset, _ in manifests}:
            wrong.append(f"{receipt.offset}: version {receipt.version} is no manifest")
        wrong += [f"{receipt.offset}: held by {m.sequence}" for m in since if _holds(found, m, receipt)]
    return wrong


def _holds(found: dict[int, Replay], manifest: Manifest, receipt: Receipt) -> bool:
    if manifest.partition != receipt.partition:
        return False
    replay = found[manifest.partition]
    killed = {row.slot for row in replay.rows.values() if row.death == receipt.offset}
    held = [replay.holds(entry.shard, entry.through, manifest.applied) for entry in manifest.shards]
    return manifest.applied <= receipt.offset or any(killed & slots for slots in held)


def wrong_dead_letters(harness: MemoryHarness) -> list[str]:
    """Events that may be deletions, can't be read, and are not both dead-lettered and open."""
    parser = parser_of(harness.learner)
    told = {(letter["partition"], letter["offset"]) for letter in harness.dead_letters()}
    wrong = []
    for partition, owned in harness.worker.owned.items():
        for record in harness.log.read(harness.settings.events_topic, partition, 0, owned.view.applied):
            if isinstance(parser.parse(record.value), Unreadable):
                if (partition, record.offset) not in told:
                    wrong.append(f"{partition}/{record.offset}: no dead letter")
                if not owned.view.is_open(record.offset):
                    wrong.append(f"{partition}/{record.offset}: not open")
    return wrong


def unanswered(harness: MemoryHarness) -> list[str]:
    """Deletions without a hidden receipt."""
    said = {(receipt.partition, receipt.offset) for receipt in harness.receipts("hidden")}
    parser = Parser(harness.settings.classes, harness.settings.features, counts=False)
    owed = {
        (record.partition, record.offset)
        for partition in harness.log.bounds(harness.settings.events_topic)
        for record in records(harness.log, harness.settings.events_topic, partition)
        if isinstance(parser.parse(record.value), Delete)
    }
    return [f"{partition}/{offset}" for partition, offset in sorted(owed - said)]


def replays(harness: MemoryHarness) -> dict[int, Replay]:
    subject = subject_of(harness.settings)
    bounds = harness.log.bounds(harness.settings.events_topic)
    return {p: replay_log(harness.log, subject, p, bounds[p][1]) for p in range(harness.settings.partitions)}
