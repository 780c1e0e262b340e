"""Aliases: as messages, in the plan, in Redis' bytes, and where inserts are read by columns."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import redis

from tests.unit.test_plan import ANN, BOB, RECORD, SHARDS, Known, insert
from unlearn.events.event import BadInsert, Delete, Insert, Lift, Unreadable, encode
from unlearn.events.parsing import NO_LIFTS, Parser, parse
from unlearn.events.partitioner import Digests, event_key, home, shard_of
from unlearn.ingest.aliases import deleted_by
from unlearn.ingest.classify import Addressed, Classifier, Deletion, Insertion
from unlearn.log.protocol import Entry as Logged
from unlearn.mapping.reading import EARLIER_READING
from unlearn.partition.ledger import Kill
from unlearn.partition.receipts.pending import LATER, OpenCopy, Pending
from unlearn.partition.tables import Cleanup
from unlearn.publishing.copy_counts import counted
from unlearn.state.alias_lookups import read_aliases, write_aliases
from unlearn.state.aliases import NO_ALIAS, Alias, addressed, decode_alias, encode_alias, target_of
from unlearn.state.copies import Copy
from unlearn.state.copy_kills import CopyKills
from unlearn.state.entries import ALONE, FOREVER, Pair, Subject
from unlearn.state.keys import Keys
from unlearn.state.scripts import PartitionState, Token

PHONE, MAIL = bytes(15) + b"p", bytes(15) + b"m"
INSERT = {"type": "insert", "event_id": "e", "record_id": "r", "text": "tea"}
DELETE = {"type": "delete", "event_id": "d", "alias": "a", "requested_at": "2024-01-01"}
LIFT = DELETE | {"type": "lift"}
DIGESTS = Digests(b"a secret of tests")


def read(**fields: Any) -> Any:
    return parse(json.dumps(fields).encode())


# -- as messages


def test_an_insert_may_bear_aliases_and_a_deletion_or_a_lift_name_one() -> None:
    assert read(**INSERT, aliases=["a", "b"]).aliases == ("a", "b")
    assert read(**INSERT, aliases=None).aliases is None
    assert read(**DELETE) == Delete(event_id="d", alias="a", requested_at="2024-01-01")
    assert read(**LIFT) == Lift(event_id="d", alias="a", requested_at="2024-01-01")
    assert parse(encode(read(**INSERT, aliases=["a", 'quoted "b"']))) == read(**INSERT, aliases=["a", 'quoted "b"'])


@pytest.mark.parametrize("aliases", [[], ["a"] * 17, "a", {"a": 1}, 5])
def test_aliases_are_a_list_of_one_to_sixteen(aliases: Any) -> None:
    assert read(**INSERT, aliases=aliases) == BadInsert("aliases: must be a list of 1 to 16 strings")
    assert isinstance(read(**INSERT, aliases=["a"] * 16), Insert)


@pytest.mark.parametrize("aliases", [[""], ["a" * 257], [5], [None], [["a"]], ["\ud800"]])
def test_an_alias_is_an_id(aliases: Any) -> None:
    assert isinstance(read(**INSERT, aliases=aliases), BadInsert)
    assert isinstance(read(**DELETE | {"alias": aliases[0]}), Unreadable)


@pytest.mark.parametrize("beside", [{"subject_id": "s"}, {"record_id": "r"}, {"revision": 0}, {"scope": "so_far"}])
def test_an_alias_stands_alone(beside: dict[str, Any]) -> None:
    reason = "alias: stands alone, without subject_id, record_id, revision and scope"
    assert read(**DELETE, **beside) == Unreadable(reason)
    if not {"revision", "scope"} & beside.keys():
        assert read(**LIFT, **beside) == BadInsert(reason, answers=True)


@pytest.mark.parametrize("name", ["alias", "alias_id", "aliasIds", "Aliases", "aliases_", "alias-hash", "aliasses"])
def test_an_insert_with_nearly_aliases_is_bad(name: str) -> None:
    assert read(**INSERT, **{name: ["a"]}) == BadInsert("unknown field that looks like aliases")


@pytest.mark.parametrize("name", ["aliases", "alias_id", "aliasId", "Alias", "alias_hash"])
def test_a_deletion_with_nearly_an_alias_stays_open(name: str) -> None:
    named = {key: value for key, value in DELETE.items() if key != "alias"}
    for beside in ({}, {"subject_id": "s"}):
        assert read(**named, **beside, **{name: "a"}) == Unreadable("unknown field that looks like alias")


def test_a_model_made_before_reads_as_it_did() -> None:
    before = Parser(reading=EARLIER_READING)
    insert, delete = Insert(event_id="e", record_id="r", text="tea"), {**DELETE, "subject_id": "s"}

    for more in ({"aliases": ["a"]}, {"aliases": 5}, {"alias": "a"}, {"Aliases": 1, "lang": "en"}):
        assert before.parse(json.dumps(INSERT | more).encode()) == insert
    assert before.parse(json.dumps(DELETE).encode()) == Unreadable("a subject_id, a record_id or an alias is needed")
    assert before.parse(json.dumps(delete).encode()) == Delete(event_id="d", subject_id="s", requested_at="2024-01-01")
    assert before.parse(json.dumps(LIFT).encode()) == Unreadable(NO_LIFTS)
    twice = b'{"type":"insert","event_id":"e","record_id":"r","text":"t","aliases":["a"],"aliases":["b"]}'
    assert before.parse(twice) == BadInsert("a key is there twice")


def test_the_content_does_not_cover_aliases() -> None:
    assert DIGESTS.content(read(**INSERT)) == DIGESTS.content(read(**INSERT, aliases=["a"]))


# -- where they count


@pytest.mark.parametrize("subjects", [True, False])
def test_a_deletion_by_alias_counts_everywhere_and_is_copied_by_the_first_to_read_it(subjects: bool) -> None:
    for partition in range(3):
        classifier = Classifier("m", partition, 3, subjects, b"secret", DIGESTS)
        record = Logged(partition, 4, 9, b"a", encode(read(**DELETE)))
        item = classifier.sort(record, read(**DELETE))
        assert isinstance(item, Deletion)
        assert (item.copies, item.receipt, item.alias) == (True, True, DIGESTS.alias("a"))
        assert item.who == Addressed(b"", b"")


def test_with_one_partition_a_deletion_by_alias_goes_there() -> None:
    delete = read(**DELETE)
    found = [Classifier("m", at, 1, True, b"s", DIGESTS).sort(Logged(at, 4, 9, b"a", b""), delete) for at in (0, 1)]
    assert isinstance(found[0], Deletion)
    assert not found[0].copies
    assert getattr(found[1], "kind", "") == "home"
    assert home(event_key(delete), 1) == 0


def test_an_aliased_insert_bears_each_alias_once() -> None:
    event = read(**INSERT, aliases=["b", "a", "b"])
    item = Classifier("m", 0, 1, True, b"s", DIGESTS).sort(Logged(0, 4, 9, b"r", b""), event)
    assert isinstance(item, Insertion)
    assert item.aliases == (DIGESTS.alias("b"), DIGESTS.alias("a"))
    assert len({DIGESTS.alias("r"), DIGESTS.record("r"), DIGESTS.subject("r")}) == 3


# -- what they change


def by(alias: bytes, offset: int, **changed: Any) -> Deletion:
    item = Deletion(offset, Addressed(b"", b""), None, 1000, None, receipt=True, copies=False, alias=alias)
    return item._replace(**changed)


def known_by(offset: int, *aliases: bytes, subject: bytes = ANN, revision: int = 0) -> Insertion:
    return insert(offset, revision, subject)._replace(aliases=aliases)


def test_a_deletion_by_alias_covers_each_subject_and_kills_each_record_without_one() -> None:
    known = Known()
    known.apply(known_by(1, PHONE, MAIL), known_by(2, PHONE, subject=BOB), known_by(3, PHONE, subject=ALONE))

    done = known.apply(by(PHONE, 4))

    shards = [shard_of(subject, SHARDS) for subject in (ANN, BOB)]
    assert sorted(done.covered) == [Kill(1, 4, shards[0]), Kill(2, 4, shards[1])]
    assert [(kill.slot, kill.death) for kill in done.kills] == [(3, 4)]
    assert known.subjects == {ANN: Subject(True, 4), BOB: Subject(True, 4)}
    assert known.pair(ALONE) == Pair(tomb=FOREVER)
    assert known.aliases[PHONE].dead
    assert not known.aliases[MAIL].dead
    held = known.view.pending[4]
    assert (held.killed, held.cleanups, held.records, held.killed_at_once) == (1, 2, None, None)


def test_each_clean_up_adds_what_it_buried_and_the_last_one_settles_the_count() -> None:
    held = Pending(0, 9, killed=1, cleanups=2)

    first = held.after_cleanup(5)
    second = first.after_cleanup(3)

    assert (first.records, first.awaits_count) == (None, True)
    assert (second.records, second.killed_at_once) == (9, None)
    assert Pending(0, 9, {}, killed=1, cleanups=1).after_cleanup(5).records is None, "copies are still to be counted"


def test_an_insert_that_bears_a_deleted_alias_deletes_its_subject_where_it_stands() -> None:
    known = Known()
    known.apply(insert(1), by(PHONE, 2))

    done = known.apply(known_by(3, MAIL, PHONE, revision=1), insert(4, revision=9))

    assert (done.rows, done.counts["dead_on_arrival"]) == ([], 2)
    assert done.covered == [Kill(1, 3, shard_of(ANN, SHARDS))]
    assert known.subjects[ANN] == Subject(True, 3)
    assert known.view.pending[3] == Pending(1000, 61_000, receipt=False)
    assert known.aliases[MAIL].targets == known.aliases[PHONE].targets == {target_of(RECORD, ANN)}


def test_an_insert_that_finds_nothing_to_kill_has_no_deadline() -> None:
    known = Known()
    known.apply(by(PHONE, 1))

    known.apply(known_by(2, PHONE), known_by(3, PHONE, subject=ALONE))

    assert not {2, 3} & known.view.pending.keys()
    assert known.subjects[ANN].dead
    assert known.pair(ALONE) == Pair(tomb=FOREVER)


def test_a_link_is_noted_whatever_becomes_of_the_insert() -> None:
    known = Known()
    known.apply(insert(1, revision=5), by(b"", 2, who=Addressed(b"", BOB)))

    known.apply(known_by(3, PHONE, revision=5), known_by(4, PHONE, revision=2), known_by(5, PHONE, subject=BOB))

    assert known.aliases[PHONE].targets == {target_of(RECORD, ANN), target_of(RECORD, BOB)}


def test_a_lift_by_alias_lets_in_nobody_that_its_deletion_forgot() -> None:
    known = Known()
    known.apply(known_by(1, PHONE), known_by(2, PHONE, subject=ALONE), by(PHONE, 3))

    known.apply(by(PHONE, 4, effect="lift"), known_by(5, PHONE, subject=BOB))

    assert not known.aliases[PHONE].dead
    assert known.subjects == {ANN: Subject(True, 3), BOB: Subject(False, 5)}
    assert known.pair(ALONE) == Pair(tomb=FOREVER)
    assert known.view.number("tombstones") == 2


def test_who_was_lifted_is_forgotten_again_by_an_insert_with_the_deleted_alias() -> None:
    known = Known()
    known.apply(known_by(1, PHONE), by(PHONE, 2))
    lift = by(b"", 3, effect="lift", who=Addressed(b"", ANN))

    let_in = known.apply(lift, insert(4))
    again = known.apply(known_by(5, PHONE, revision=1))

    assert [row.slot for row in let_in.rows] == [4]
    assert again.covered == [Kill(4, 5, shard_of(ANN, SHARDS))]


def test_a_lift_of_a_record_lets_in_the_one_without_a_subject() -> None:
    known = Known()
    known.apply(known_by(1, PHONE, subject=ALONE), by(PHONE, 2))

    done = known.apply(by(b"", 3, effect="lift", who=Addressed(RECORD, b"")), insert(4, subject=ALONE))

    assert [row.slot for row in done.rows] == [4]
    assert known.view.number("tombstones") == 1


def test_a_deletion_that_comes_again_deletes_again_who_was_let_in() -> None:
    known = Known()
    known.apply(known_by(1, PHONE), by(PHONE, 2), by(b"", 3, effect="lift", who=Addressed(b"", ANN)), insert(4))

    done = known.apply(by(PHONE, 5), by(PHONE, 6))

    assert done.covered == [Kill(4, 5, shard_of(ANN, SHARDS))]


# -- counts of copies


def test_a_copys_count_stays_open_until_its_clean_ups_are_done() -> None:
    known = Known()
    known.apply(known_by(1, PHONE), known_by(2, PHONE, subject=ALONE))

    done = known.apply(by(PHONE, 3, receipt=False, original=(7, 70)), by(PHONE, 4, receipt=False, original=(7, 70)))

    assert done.copied == {Copy((7, 70), 3): LATER}
    assert known.view.open_copies == {3: OpenCopy(7, 70, 1, 1)}
    assert known.view.open_copies[3].after_cleanup(4) == OpenCopy(7, 70, 5, 0)
    assert 3 not in known.view.pending


def test_no_count_is_believed_while_a_copys_is_open_or_clean_ups_of_ones_own_are() -> None:
    held = Pending(0, 9, {"1": 3}, killed=2)

    assert counted(held, (7, 70), {1: CopyKills(9, 0, {(7, 70): {2: 4, 3: LATER}})}) == held
    assert counted(held, (7, 70), {1: CopyKills(9, 0, {(7, 70): {3: 5}})}).records == 7


def test_clean_ups_of_one_deletion_are_told_apart() -> None:
    first, second = Cleanup(4, 0, 1, 0), Cleanup(4, 0, 2, 0)
    assert (first.counting({4: 3}).counts, second.counting({}).counts) == ({4: 3}, {4: 0})


# -- in Redis


@pytest.mark.parametrize(
    "alias",
    [
        Alias(True),
        Alias(False, frozenset([target_of(RECORD, ANN)])),
        Alias(True, frozenset([target_of(RECORD, ANN), target_of(RECORD, b"")])),
        Alias(True, apart=True),
    ],
)
def test_an_alias_comes_back_as_it_went_in(alias: Alias) -> None:
    assert decode_alias(encode_alias(alias)) == alias


def test_an_alias_that_says_nothing_is_nothing() -> None:
    assert encode_alias(NO_ALIAS) == b""
    assert decode_alias(None) == NO_ALIAS
    assert list(write_aliases({PHONE: NO_ALIAS}, {PHONE: Alias(True)})) == [("ALIAS.DEL", PHONE[:12])]


def test_a_target_is_a_subject_or_a_record_without_one() -> None:
    assert addressed(target_of(RECORD, ANN)) == (b"", ANN)
    assert addressed(target_of(RECORD, b"")) == (RECORD, b"")


def test_one_more_target_of_many_is_written_alone(redis_url: str, make_settings: Any) -> None:
    client, model = redis.Redis.from_url(redis_url), make_settings().model
    state = PartitionState(client, Keys(model, 0))
    token, targets = Token(1, "a"), [target_of(RECORD, number.to_bytes(16)) for number in range(2500)]
    assert state.claim(token, {"applied": 0}) is None
    few = {PHONE: Alias(False, frozenset(targets[:3]))}
    many = {PHONE: Alias(False, frozenset(targets[:-1]))}
    state.commit(token, 0, 0, list(write_aliases(few, {})), 0)
    state.commit(token, 0, 1, list(write_aliases(many, few)), 0)

    def held(*whole: bytes) -> Alias:
        return read_aliases(lambda ops: state.read(token, 0, 2, ops), [PHONE, MAIL], whole)[PHONE]

    part = held()
    more = part._replace(dead=True, targets=frozenset(targets[-1:]))
    ops = list(write_aliases({PHONE: more}, {PHONE: part}))

    assert part == Alias(apart=True)
    assert held(PHONE).targets == frozenset(targets[:-1])
    assert ops == [("TARGETS.HSET", PHONE[:12], targets[-1], b""), ("ALIAS.SET", PHONE[:12], b"\x03")]
    for key in client.scan_iter(f"{{{model}:*"):
        client.delete(key)
    client.close()


def test_whom_a_deletion_by_alias_finds_is_named_by_the_batch() -> None:
    aliases = {PHONE: Alias(False, frozenset([target_of(RECORD, ANN)])), MAIL: Alias(True)}

    assert deleted_by(aliases, [by(PHONE, 4), by(MAIL, 5)]) == [Addressed(b"", ANN)]
    assert deleted_by(aliases, [by(PHONE, 4, effect="lift"), known_by(5, PHONE)]) == []


def test_an_insert_with_aliases_is_no_usual_one() -> None:
    from unlearn.events.usual_inserts import NOT_TAKEN, UsualInsertScanner

    scanner = UsualInsertScanner({"spam": 0}, 64, counts=False)
    for more, taken in (({}, True), ({"aliases": ["a"]}, False), ({"aliases": None}, False)):
        data = np.frombuffer(json.dumps(INSERT | more, separators=(",", ":")).encode(), np.uint8)
        kinds = scanner.scan(data, np.array([[0, len(data)]])).kinds
        assert (kinds[0] != NOT_TAKEN) == taken, more
