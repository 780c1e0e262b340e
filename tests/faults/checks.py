"""What must hold of everything that a site ever said: each check gives the list of what is wrong."""

from __future__ import annotations

import json

from tests.faults.site import Site
from unlearn.events.event import Delete, Unreadable
from unlearn.events.parsing import Parser, parser_of
from unlearn.results.manifest import Manifest, Receipt
from unlearn.verification.from_log import judge, replay_log, subject_of
from unlearn.verification.reference import Replay


def wrong_manifests(site: Site) -> list[str]:
    """Those that differ from the reference as of their own `applied`, whether they stood last or not."""
    found, wrong = replays(site), []
    for offset, manifest in site.manifests():
        verdicts = judge(subject_of(site.settings), found[manifest.partition], manifest, manifest.applied)
        wrong += [f"at {offset}: {v.shard} {v.reason}" for v in verdicts if v.verdict == "different"]
    return wrong


def wrong_order(site: Site) -> list[str]:
    """Manifests of an owner that stand behind one of its successor."""
    highest, wrong = -1, []
    for offset, manifest in site.manifests():
        if manifest.token.counter < highest:
            wrong.append(f"at {offset}: counter {manifest.token.counter} behind {highest}")
        highest = max(highest, manifest.token.counter)
    return wrong


def wrong_receipts(site: Site) -> list[str]:
    """Deletions said to be hidden by a version that isn't there, is older, or holds a row they killed."""
    found, manifests = replays(site), site.manifests()
    wrong = []
    for record in site.log.read(site.settings.receipts_topic, 0, 0, 1 << 60):
        receipt = Receipt.model_validate_json(record.value or b"")
        if receipt.state == "hidden":
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


def wrong_dead_letters(site: Site) -> list[str]:
    """Events that may be deletions, can't be read, and are not both dead-lettered and open."""
    parser = parser_of(site.learner)
    letters = [json.loads(r.value or b"{}") for r in site.log.read(site.settings.dead_letters_topic, 0, 0, 1 << 60)]
    told = {(letter["partition"], letter["offset"]) for letter in letters}
    wrong = []
    for partition, owned in site.worker.owned.items():
        for record in site.log.read(site.settings.events_topic, partition, 0, owned.view.applied):
            if isinstance(parser.parse(record.value), Unreadable):
                if (partition, record.offset) not in told:
                    wrong.append(f"{partition}/{record.offset}: no dead letter")
                if not owned.view.is_open(record.offset):
                    wrong.append(f"{partition}/{record.offset}: not open")
    return wrong


def unanswered(site: Site) -> list[str]:
    """Deletions without a hidden receipt."""
    receipts = [Receipt.model_validate_json(r.value or b"") for r in _all(site, site.settings.receipts_topic)]
    said = {(r.partition, r.offset) for r in receipts if r.state == "hidden"}
    parser = Parser(site.settings.classes, site.settings.features, counts=False)
    owed = {
        (record.partition, record.offset)
        for record in _all(site, site.settings.events_topic)
        if isinstance(parser.parse(record.value), Delete)
    }
    return [f"{partition}/{offset}" for partition, offset in sorted(owed - said)]


def replays(site: Site) -> dict[int, Replay]:
    subject = subject_of(site.settings)
    bounds = site.log.bounds(site.settings.events_topic)
    return {p: replay_log(site.log, subject, p, bounds[p][1]) for p in range(site.settings.partitions)}


def _all(site: Site, topic: str) -> list:  # type: ignore[type-arg]
    return [r for p in site.log.bounds(topic) for r in site.log.read(topic, p, 0, 1 << 60)]
