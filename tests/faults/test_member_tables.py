"""Members in Redis, as their tables grow and take up those from before: whatever is cut, repeated or raises."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest
import redis

from tests.faults.member_tables import Held, Write, held, misplaced, put_before, random_write, written
from tests.faults.raising import FIRST, PROBE, calls_of, everything, restore
from unlearn.errors import Fenced, StateUnavailable
from unlearn.state.members import field_of, name_of, pack_members, walk
from unlearn.state.scripts import Op, PartitionState, Token, read_without_token

EMPTY = Held({}, {}, {}, {})


def commit(state: PartitionState, writes: int, write: Write, token: Token = FIRST) -> None:
    state.commit(token, 10, writes, write.ops, 10, members=write.packed)


def new(rng: random.Random, records: int, subjects: int = 0) -> Write:
    entries = {rng.randbytes(12): b"\x00" + rng.randbytes(12) for _ in range(records)}
    return Write([], entries, {rng.randbytes(12): b"L1" for _ in range(subjects)})


def meta(client: Any, state: PartitionState, name: str) -> int:
    return int(client.hget(state.keys.meta, name) or 0)


@pytest.mark.parametrize("before", [0, 300])
@pytest.mark.parametrize("size", [7, 60, 700])
def test_members_are_those_of_a_dict(client: Any, state: PartitionState, before: int, size: int) -> None:
    """Any writes, cut anywhere, each asked again, with members from before and without."""
    rng = random.Random(size + before)
    now = put_before(client, state.keys, rng, before) if before else EMPTY

    for writes in range(3000 // size if size > 7 else 150):
        write = random_write(rng, now, size)
        commit(state, writes, write)
        commit(state, writes, write)
        now = written(now, write)
        if writes % 7 == 0:
            assert held(client, state.keys, now) == now.fields()
            assert list(misplaced(client, state)) == []
            _look_up(state, writes + 1, now, rng)
    assert held(client, state.keys, now) == now.fields()
    assert list(misplaced(client, state)) == []
    assert meta(client, state, "record_buckets") > (3 if size == 7 else 40)


def _look_up(state: PartitionState, writes: int, now: Held, rng: random.Random) -> None:
    records = [*rng.sample(sorted(now.records), min(30, len(now.records))), rng.randbytes(12)]
    subjects = [rng.randbytes(12), *rng.sample(sorted(now.subjects), min(30, len(now.subjects)))]
    found = state.look_up(FIRST, 10, writes, b"".join(records), b"".join(subjects))
    assert found == (list(map(now.records.get, records)), list(map(now.subjects.get, subjects)))


def test_members_from_before_are_all_moved_in_the_end(client: Any, state: PartitionState) -> None:
    now = put_before(client, state.keys, random.Random(1), 500)

    for writes in range(300):
        commit(state, writes, Write([], {}, {}))
        assert writes % 50 or held(client, state.keys, now) == now.fields()

    assert meta(client, state, "old_buckets_moved") == 16384
    assert held(client, state.keys, now) == now.fields()
    assert list(misplaced(client, state)) == []
    kinds = {key.decode().removeprefix(state.keys.prefix).split(":")[0] for key in everything(client, state)}
    assert kinds == {"meta", "m", "u", "p"}


def test_pairs_from_before_come_along_with_a_record_that_is_written_alone(client: Any, state: PartitionState) -> None:
    now = put_before(client, state.keys, random.Random(2), 100, 16300)
    write = Write([("RECORD.SET", name, b"\x03\x07") for name in now.pairs], {}, {})
    commit(state, 0, write)
    for writes in range(1, 4):
        commit(state, writes, Write([], {}, {}))

    assert now.pairs
    assert meta(client, state, "old_buckets_moved") == 16384
    assert held(client, state.keys, now) == written(now, write).fields()


@pytest.mark.parametrize(("records", "buckets"), [(0, 1), (32, 1), (33, 2), (2000, 63), (20_000, 625)])
def test_a_bucket_holds_thirty_two_on_average(client: Any, state: PartitionState, records: int, buckets: int) -> None:
    rng = random.Random(1)
    for writes, at in enumerate(range(0, records, 2000)):
        commit(state, writes, new(rng, min(2000, records - at)))
    assert meta(client, state, "record_buckets") == (buckets if records > 32 else 0)
    assert list(misplaced(client, state)) == []


def test_members_that_are_known_ask_for_no_room(client: Any, state: PartitionState) -> None:
    rng = random.Random(7)
    first = new(rng, 500, 500)
    commit(state, 0, first)
    again: list[Op] = [("RECORD.SET", name, b"\x00" + b"x" * 12) for name in first.records]
    again += [("SUBJECT.SET", name, b"T2") for name in first.subjects]

    commit(state, 1, Write(again, first.records, first.subjects))

    assert [meta(client, state, f"{kind}_buckets") for kind in ("record", "subject")] == [16, 16]
    assert list(misplaced(client, state)) == []


def test_a_subject_keeps_what_it_has_where_it_is_packed_again(client: Any, state: PartitionState) -> None:
    digest, other = b"s" * 16, b"t" * 16
    commit(state, 0, Write([("SUBJECT.SET", name_of(digest), b"T9")], {}, {}))
    commit(state, 1, Write([], {}, {name_of(digest): b"L1", name_of(other): b"L2"}))
    assert state.look_up(FIRST, 10, 2, b"", name_of(digest) + name_of(other))[1] == [b"T9", b"L2"]


def test_fields_are_those_of_all_members(client: Any, state: PartitionState) -> None:
    rng = random.Random(3)
    now = put_before(client, state.keys, rng, 200)
    write = new(rng, 900, 400)
    commit(state, 0, write)
    now = written(now, write)

    found: dict[str, list[bytes]] = {"RECORDS": [], "SUBJECTS": []}
    for members, size in (("RECORDS", 10), ("SUBJECTS", 11)):
        place = 0
        while place >= 0:
            place, data = state.fields(FIRST, 10, 1, members, place, 100)  # type: ignore[arg-type]
            found[members] += [data[at : at + size] for at in range(0, len(data), size)]

    assert sorted(found["RECORDS"]) == sorted(map(field_of, now.records))
    assert sorted(found["SUBJECTS"]) == sorted(field_of(name) + value[:1] for name, value in now.subjects.items())


@pytest.mark.parametrize("before", [0, 400])
def test_a_walk_misses_nothing_that_stands_there_all_along(client: Any, state: PartitionState, before: int) -> None:
    """Each step of it followed by a write that splits buckets and moves members from before."""
    rng = random.Random(before)
    now = put_before(client, state.keys, rng, before) if before else EMPTY
    first = new(rng, 500, 500)
    commit(state, 0, first)
    now = written(now, first)

    for members, due in (("RECORDS", now.records), ("SUBJECTS", now.subjects)):
        seen: dict[bytes, bytes] = {}
        writes = meta(client, state, "writes")
        for part in walk(partial(read_without_token, client, state.keys), members, 30):  # type: ignore[arg-type]
            seen.update((field_of(name), value) for name, value in part)
            if writes < 100:
                commit(state, writes, new(rng, 100, 100))
                writes += 1
        assert {field_of(name): value for name, value in due.items()}.items() <= seen.items()


@pytest.mark.parametrize(
    "packed", [b"\x00", pack_members({b"r" * 16: b"abc"}, {})[:-1], b"\x02\0\0\0" + b"r" * 12 + b"\0"]
)
def test_packed_members_that_are_cut_short_are_refused(client: Any, state: PartitionState, packed: bytes) -> None:
    before = everything(client, state)
    with pytest.raises(StateUnavailable, match="cut short"):
        state.commit(FIRST, 10, 0, [("HSET", state.keys.of("open"), "0", "1")], 11, members=packed)
    assert everything(client, state) == before


@pytest.mark.parametrize(
    "op", [("RECORD.SET", b"r" * 12), ("RECORD.SET", b"r" * 11, b"1"), ("PAIRS.HSET", b"r" * 12, b"t")]
)
def test_a_member_that_is_not_named_is_refused_before_the_first_write(
    client: Any, state: PartitionState, op: Any
) -> None:
    before = everything(client, state)
    with pytest.raises(StateUnavailable, match="not named"):
        state.commit(FIRST, 10, 0, [("HSET", state.keys.of("open"), "0", "1"), op], 11)
    assert everything(client, state) == before


def test_a_long_member_is_not_packed() -> None:
    assert pack_members({b"r" * 16: b"x" * 255}, {})
    with pytest.raises(ValueError, match="256 bytes"):
        pack_members({b"r" * 16: b"x" * 256}, {})


def test_look_ups_are_for_the_owner(state: PartitionState) -> None:
    with pytest.raises(Fenced):
        state.look_up(Token(1, "b" * 32), 10, 0, b"r" * 12, b"")
    with pytest.raises(Fenced):
        state.fields(Token(1, "b" * 32), 10, 0, "RECORDS", 0, 100)


# -- a raise after every call


@pytest.mark.parametrize("before", [0, 60])
@pytest.mark.parametrize("known", [0, 70, 300])
def test_a_commit_that_raises_anywhere_is_whole_in_the_end(
    probed: redis.Redis, state: PartitionState, known: int, before: int
) -> None:
    """By the next claim, and by the same commit again: with splits, and members of before on the move."""
    state, rng = PartitionState(probed, state.keys), random.Random(known + before)
    now = put_before(probed, state.keys, rng, before, 16300) if before else EMPTY
    first = new(rng, known, known)
    if not before:
        commit(state, 0, first)
        now = written(now, first)
    writes = meta(probed, state, "writes")
    write = random_write(rng, now, 60)
    write.records.update(new(rng, 50).records)
    after, start = written(now, write), everything(probed, state)
    taken = calls_of(probed, lambda: commit(state, writes, write))
    assert held(probed, state.keys, after) == after.fields()

    # A split is six calls: five steps at a time come to each of them, if only of one split in five.
    step = 1 if known == 70 else 5
    for n in range(1, taken + 1, step):
        restore(probed, state, start)
        probed.set(PROBE, n)
        with pytest.raises(StateUnavailable, match="injected"):
            commit(state, writes, write)
        redo = probed.exists(state.keys.of("redo"))
        again = n // 6 % 2
        if again:
            commit(state, writes, write)
        else:
            state.claim(Token(2, "b" * 32), None)
        found = held(probed, state.keys, after)
        assert found == after.fields() or (not again and not redo and found == _only(now, after)), n
        assert list(misplaced(probed, state)) == [], n


def _only(now: Held, after: Held) -> Held:
    """What was held, told by as many pairs as `held` asks for."""
    assert now.pairs.keys() <= after.pairs.keys()
    return now.fields()


def test_a_claim_that_raises_in_its_redo_is_whole_the_next_time(probed: redis.Redis, state: PartitionState) -> None:
    state, rng = PartitionState(probed, state.keys), random.Random(5)
    now = put_before(probed, state.keys, rng, 40, 16300)
    write = random_write(rng, now, 40)
    write.records.update(new(rng, 100).records)
    after = written(now, write)
    start = everything(probed, state)
    taken = calls_of(probed, lambda: commit(state, 0, write))
    restore(probed, state, start)
    probed.set(PROBE, taken // 2)
    with pytest.raises(StateUnavailable, match="injected"):
        commit(state, 0, write)
    half = everything(probed, state)
    second = Token(2, "b" * 32)
    taken = calls_of(probed, lambda: state.claim(second, None))

    for n in range(1, taken + 1, 5):
        restore(probed, state, half)
        probed.set(PROBE, n)
        with pytest.raises(StateUnavailable, match="injected"):
            state.claim(second, None)
        assert state.claim(second, None) is None
        assert held(probed, state.keys, after) == after.fields(), n
        assert list(misplaced(probed, state)) == [], n
