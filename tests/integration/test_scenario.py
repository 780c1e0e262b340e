"""What must hold of the main job after a kill, a zombie and every kind of odd input."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.harness.processes import run
from tests.integration.scenario import PARTITIONS, SHARDS, TEXTS, Finished, Stood
from tests.integration.stream import BAD_INSERTS, CHUNKS, UNREADABLE, survivors
from tests.integration.twin import states, twin_of
from unlearn.environment.redis_client import connect
from unlearn.events.event import Insert
from unlearn.events.parsing import parse
from unlearn.events.partitioner import Digests, read_origin, tag_of
from unlearn.settings import Settings
from unlearn.simulate.replay import Replay
from unlearn.simulate.replay_fold import Row, Slice
from unlearn.state.entries import ALONE, FOREVER, NO_TOMB, Entry, Pair, Subject, decode_entry, decode_subject
from unlearn.state.keys import Keys
from unlearn.state.members import field_of
from unlearn.verification.in_processes import verify_log_in_processes
from unlearn.verification.judging import judge
from unlearn_models import Rows, State, hash_texts

pytestmark = [pytest.mark.timeout(1800), pytest.mark.slow]


def test_every_process_ended_as_it_should(finished: Finished) -> None:
    assert finished.codes == {
        "killed": -9,
        "other": 0,
        "restarted": 0,
        "drain": 0,
        "verify": 0,
        "verify --from-log": 0,
    }


def test_every_path_was_taken(finished: Finished) -> None:
    counted, learner = finished.counters, finished.subject.model.learner
    taken = ("home", "accepted", "fenced", "withdrawals", "updates", "dead_on_arrival", "repeated", "conflicts")
    assert [name for name in taken if not counted[name]] == []
    assert len(finished.stream.of_type("insert")) == 20_000
    assert len(finished.stream.of_type("delete")) >= 1_000
    assert counted["rows_forgotten" if learner.forgets else "retrained_from_checkpoint"] > 0
    assert set(sent_on(finished)) == {"forward", "copy"}
    assert {len(cuts) >= 20 for cuts in slices(finished).values()} == {True}
    assert len(slices(finished)) == PARTITIONS * SHARDS
    claimed = {name for name, messages in finished.messages.items() if any("claimed at" in m for m in messages)}
    assert claimed == {"killed", "other", "restarted", "drain"}
    statuses = {entry.status for stood in finished.manifests for entry in stood.manifest.shards}
    assert {"current", "behind", "left-out" if learner.forgets else "withdrawn"} <= statuses
    if not learner.forgets:
        assert list(stand_ins(finished))


def sent_on(finished: Finished) -> Iterator[str]:
    """What the events that bear our mark are."""
    for records in finished.records.values():
        for record in records:
            if read_origin(finished.settings.secret_bytes, finished.settings.model, record.headers):
                event = json.loads(record.value or b"")
                yield "copy" if event["type"] == "delete" and "subject_id" not in event else "forward"


def slices(finished: Finished) -> Mapping[tuple[int, int], set[int]]:
    """(partition, shard) -> the ends of its slices with rows."""
    found: dict[tuple[int, int], set[int]] = defaultdict(set)
    for partition, replayed in finished.replays.items():
        for row in replayed.rows.values():
            found[partition, row.shard].add(row.end)
    return found


def stand_ins(finished: Finished) -> Iterator[int]:
    """The `through` of checkpoints that stood in for a shard's newest state: beyond 0 and behind what was published."""
    reached: dict[tuple[int, int], int] = {}
    for _, manifest in finished.manifests:
        for entry in manifest.shards:
            place = manifest.partition, entry.shard
            if entry.status == "withdrawn" and entry.rows and entry.through < reached.get(place, 0):
                yield entry.through
            reached[place] = entry.through


def test_the_surviving_records_are_those_that_follow_from_the_input_alone(finished: Finished) -> None:
    expected = survivors(finished.stream.events)
    live = {
        (subject, record): row.insert.revision
        for replayed in finished.replays.values()
        for subject, rows in replayed.live.items()
        for record, row in rows.items()
    }
    assert 10_000 < len(expected) < 19_000
    assert live == expected


def test_memberships_in_redis_are_those_of_the_input(finished: Finished) -> None:
    digests = Digests(finished.settings.secret_bytes)
    for partition, replayed in finished.replays.items():
        held = entries_held(finished.settings, partition)
        assert {field: entry for field, entry in map(telling, held.items()) if entry != SILENT} == entries_due(
            replayed, digests
        )
        buried = {(field, tag) for field, entry in held.items() for tag, pair in entry.pairs.items() if pair == Pair()}
        assert buried <= dead_rows(replayed, digests) | late_rows(finished, partition, replayed, digests)
        subjects = subjects_held(finished.settings, partition)
        dead = {field_of(digests.subject(s)): d for s, d in replayed.gone.items() if s is not None}
        assert {field: held.offset for field, held in subjects.items() if held.dead} == dead
        first: dict[bytes, int] = {}
        for slot, row in replayed.rows.items():
            if row.insert.subject_id is not None:
                first.setdefault(field_of(digests.subject(row.insert.subject_id)), slot)
        alive = {field: held.offset for field, held in subjects.items() if not held.dead}
        assert alive == {field: slot for field, slot in first.items() if field not in dead}


SILENT = Entry(NO_TOMB, {})


def telling(item: tuple[bytes, Entry]) -> tuple[bytes, Entry]:
    """Without the pairs that only say that a row was there once."""
    field, entry = item
    return field, Entry(entry.tomb, {tag: pair for tag, pair in entry.pairs.items() if pair != Pair()})


def dead_rows(replayed: Replay, digests: Digests) -> set[tuple[bytes, bytes]]:
    """(field, tag) of every row that has died."""
    inserts = [row.insert for row in replayed.rows.values() if row.death is not None]
    return {(field_of(digests.record(i.record_id)), tag_in(digests, i.subject_id)) for i in inserts}


def late_rows(finished: Finished, partition: int, replayed: Replay, digests: Digests) -> set[tuple[bytes, bytes]]:
    """(field, tag) of every insert whose subject was deleted, before it or after it."""
    events = (parse(record.value) for record in finished.records[partition])
    inserts = [
        e for e in events if isinstance(e, Insert) and e.subject_id is not None and e.subject_id in replayed.gone
    ]
    return {(field_of(digests.record(i.record_id)), tag_in(digests, i.subject_id)) for i in inserts}


def entries_held(settings: Settings, partition: int) -> dict[bytes, Entry]:
    return {field: decode_entry(value) for field, value in fields(settings, partition, "m")}


def subjects_held(settings: Settings, partition: int) -> dict[bytes, Subject]:
    found = {field: decode_subject(value) for field, value in fields(settings, partition, "u")}
    return {field: subject for field, subject in found.items() if subject is not None}


def fields(settings: Settings, partition: int, kind: str) -> Iterator[tuple[bytes, bytes]]:
    client = connect(settings.redis.url.get_secret_value())
    keys = Keys(settings.model, partition)
    pattern = keys.of(f"{kind}:*").replace("[", r"\[")
    names = list(client.scan_iter(match=pattern, count=10_000))
    pipe = client.pipeline(transaction=False)
    for name in names:
        pipe.hgetall(name)
    for held in pipe.execute():
        yield from held.items()
    client.close()


def entries_due(replayed: Replay, digests: Digests) -> dict[bytes, Entry]:
    """What Redis must hold of every record id in one partition."""
    due: dict[str, dict[bytes, Pair]] = defaultdict(dict)
    for (subject, record), revision in replayed.tombs.items():
        due[record][tag_in(digests, subject)] = Pair(tomb=tomb(revision))
    for subject, rows in replayed.live.items():
        for record, row in rows.items():
            held = due[record].get(tag_in(digests, subject), Pair())
            content = digests.content(row.insert)
            due[record][tag_in(digests, subject)] = Pair(row.slot, row.insert.revision, content, held.tomb)
    everywhere = {record: tomb(revision) for record, revision in replayed.everywhere.items()}
    return {
        field_of(digests.record(record)): Entry(everywhere.get(record, NO_TOMB), due.get(record, {}))
        for record in due.keys() | everywhere.keys()
    }


def tag_in(digests: Digests, subject: str | None) -> bytes:
    return ALONE if subject is None else tag_of(digests.subject(subject))


def tomb(revision: float) -> int:
    return FOREVER if revision == float("inf") else int(revision)


def test_the_command_says_of_each_record_whether_it_is_a_member(finished: Finished) -> None:
    events = [event for event in finished.stream.events if "record_id" in event]
    ids = list(dict.fromkeys(event["record_id"] for event in events))
    living = {record for _, record in survivors(finished.stream.events)}
    answer = run(finished.settings, "record", "--json", "-", given="\n".join(ids) + "\n")
    assert answer.returncode == 0, answer.stderr
    states = [json.loads(line) for line in answer.stdout.splitlines()]
    assert {state["record_id"] for state in states} == set(ids)
    assert {state["record_id"] for state in states if state["state"] == "member"} == living


def test_every_manifest_that_ever_stood_is_the_fold_at_its_own_applied(finished: Finished) -> None:
    assert {stood.manifest.partition for stood in finished.manifests} == set(range(PARTITIONS))
    wrong = [
        (offset, verdict)
        for offset, manifest in finished.manifests
        for verdict in judge(finished.subject, finished.replays[manifest.partition], manifest, manifest.applied)
        if verdict.verdict not in ("equal", "pending")
    ]
    assert wrong == []
    tokens = {manifest.token.counter for _, manifest in finished.manifests}
    assert len(tokens) >= 3, "manifests of several owners"


def test_no_manifest_after_a_hidden_receipt_holds_what_it_says_is_hidden(finished: Finished) -> None:
    manifests = in_force(finished.manifests)
    offsets = {stood.offset for stood in manifests}
    dead = rows_by_death(finished)
    hidden = [receipt for receipt in finished.receipts if receipt.state == "hidden"]
    buried = 0
    for receipt in hidden:
        assert receipt.version in offsets
        for partition, rows in dead[receipt.event_id].items():
            buried += len(rows)
            for offset, manifest in manifests:
                if offset >= receipt.version and manifest.partition == partition:
                    through = {entry.shard: entry.through for entry in manifest.shards}
                    held = [r.slot for r in rows if r.end <= through[r.shard] and r.alive(manifest.applied)]
                    assert held == [], (receipt, offset)
    assert buried > 1_000


def in_force(manifests: list[Stood]) -> list[Stood]:
    """Those that readers took: each is newer, by its token and sequence, than all before it in its partition."""
    best: dict[int, tuple[int, int]] = {}
    taken = []
    for stood in manifests:
        if stood.manifest.order >= best.get(stood.manifest.partition, (0, 0)):
            best[stood.manifest.partition] = stood.manifest.order
            taken.append(stood)
    return taken


def rows_by_death(finished: Finished) -> dict[str, dict[int, list[Row]]]:
    """Event id of a deletion -> partition -> the rows that are dead by it or were so before it."""
    found: dict[str, dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for partition, replayed in finished.replays.items():
        by_record: dict[str, list[Row]] = defaultdict(list)
        by_subject: dict[str, list[Row]] = defaultdict(list)
        for row in replayed.rows.values():
            by_record[row.insert.record_id].append(row)
            by_subject[row.insert.subject_id or ""].append(row)
        for event in finished.stream.of_type("delete"):
            subject, record = event.get("subject_id"), event.get("record_id")
            for row in by_subject[str(subject)] if record is None else by_record[record]:
                owner = subject in (None, row.insert.subject_id)
                if owner and row.insert.revision <= event.get("revision", float("inf")):
                    assert row.death is not None
                    found[event["event_id"]][partition].append(row)
    return found


def test_every_deletion_has_its_receipts(finished: Finished) -> None:
    states: dict[str, set[str]] = defaultdict(set)
    for receipt in finished.receipts:
        states[receipt.event_id].add(receipt.state)
    due = {event["event_id"] for event in finished.stream.of_type("delete")}
    assert states == {event_id: {"accepted", "hidden"} for event_id in due} | {
        event_id: {"refused"} for event_id in ("other case", "names nobody")
    }


def test_what_cannot_be_read_is_dead_lettered(finished: Finished) -> None:
    nulls = 2  # under a key
    odd = {*UNREADABLE, *BAD_INSERTS, None}
    due = {(p, r.offset) for p, records in finished.records.items() for r in records if r.value in odd}
    assert len(due) == CHUNKS * (len(odd) - 1 + nulls)
    assert finished.letters == due
    assert finished.counters["unresolved"] > 0


def test_the_scorer_went_on_throughout(finished: Finished) -> None:
    versions = [seen.version for seen in finished.seen if seen.version is not None]
    offsets = {stood.offset for stood in finished.manifests}
    assert len(set(versions)) > 10
    assert versions == sorted(versions)
    assert set(versions) <= offsets
    assert all(total == pytest.approx(1.0, abs=1e-12) for seen in finished.seen for total in seen.sums)
    assert any(seen.left_out == () for seen in finished.seen)


def test_the_scorer_answers_as_a_model_trained_on_the_survivors(finished: Finished) -> None:
    learner = finished.subject.model.learner
    states = [state for replayed in finished.replays.values() for state in trained(finished, replayed)]
    rows = Rows(np.full(len(TEXTS), -1, np.int32), *hash_texts(TEXTS, learner.n_features))
    assert finished.scores.tobytes() == learner.ensemble(states).scores(rows).tobytes()


def trained(finished: Finished, replayed: Replay) -> Iterator[State]:
    """Each shard's state, learned from nothing but the rows alive at the end."""
    learner = finished.subject.model.learner
    for shard in range(SHARDS):
        cuts: dict[int, list[Row]] = defaultdict(list)
        for slot in sorted(replayed.rows):
            row = replayed.rows[slot]
            if row.shard == shard and row.death is None:
                cuts[row.end].append(row)
        state = learner.empty()
        for end in sorted(cuts):
            state = learner.learn(state, Slice(learner, cuts[end]).learned(0))
        yield state


def test_a_log_without_the_forgotten_gives_the_same_states(finished: Finished, tmp_path: Path) -> None:
    counted, twin = twin_of(finished, tmp_path)
    assert (counted["deletes"], counted["dead_on_arrival"]) == (0, 0)
    assert counted["live"] > 10_000
    assert states(twin) == states(finished.last)


def test_several_processes_verify_as_one_does(finished: Finished) -> None:
    told: dict[str, list[int]] = defaultdict(list)
    by_one = verify_log_in_processes(finished.settings, lambda *_: None, 1)
    by_two = verify_log_in_processes(finished.settings, lambda what, done, _: told[what].append(done), 2, few=0)

    assert by_two == by_one
    assert by_two.verdict == "equal"
    assert {what.split(",")[0] for what in told} == {f"partition {p}" for p in range(PARTITIONS)}
    assert all(done == sorted(done) for done in told.values())
