"""The three scripts by themselves, and with a raise after every `redis.call` of theirs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import redis

from tests.faults.raising import FIRST, META, NEVER, PROBE, calls_of, everything, meta, restore
from unlearn.errors import Fenced, RolledBack, StateMissing, StateUnavailable
from unlearn.partition.tables import Tables
from unlearn.simulate.cluster import World
from unlearn.simulate.history import Shape
from unlearn.simulate.judging.oracle import Verdict
from unlearn.simulate.run import LEARNERS
from unlearn.simulate.script import busy_script
from unlearn.state.entries import NO_ROW, decode_entry
from unlearn.state.keys import Keys
from unlearn.state.lookups import pair_reads, parse_pairs
from unlearn.state.members import field_of, walk
from unlearn.state.scripts import DirtyShard, Op, PartitionState, Token, read_without_token

RECORD, SUBJECT = b"r" * 12, b"s" * 12


def put(state: PartitionState, value: str = "1") -> list[Op]:
    return [("HSET", state.keys.of("open"), "0", value)]


def owns(state: PartitionState, token: Token, applied: int = 10, writes: int = 0) -> None:
    state.read(token, applied, writes, [("EXISTS", state.keys.meta)])


# -- each check by itself


def test_a_commit_moves_applied_and_writes_with_what_it_writes(client: Any, state: PartitionState) -> None:
    state.commit(FIRST, 10, 0, put(state), 15)

    assert meta(client, state).items() >= {b"applied": b"15", b"writes": b"1"}.items()
    assert client.hgetall(state.keys.of("open")) == {b"0": b"1"}
    assert not client.exists(state.keys.of("redo"))
    owns(state, FIRST, 15, 1)


def test_the_same_commit_again_happened_before(client: Any, state: PartitionState) -> None:
    state.commit(FIRST, 10, 0, put(state), 15)
    client.hset(state.keys.of("open"), "0", "seen")

    state.commit(FIRST, 10, 0, put(state), 15)

    assert client.hget(state.keys.of("open"), "0") == b"seen"
    assert meta(client, state)[b"writes"] == b"1"


@pytest.mark.parametrize(
    ("token", "applied", "writes", "error"),
    [
        (Token(2, "a" * 32), 10, 1, RolledBack),  # Redis knows only an older claim
        (Token(1, "b" * 32), 10, 1, Fenced),  # the same counter, given twice
        (Token(0, "a" * 32), 10, 1, Fenced),
        (FIRST, 10, 2, RolledBack),
        (FIRST, 11, 1, RolledBack),
        (FIRST, 9, 1, Fenced),
        (FIRST, 9, -1, Fenced),
    ],
)
def test_whoever_knows_another_state_is_told(
    client: Any, state: PartitionState, token: Token, applied: int, writes: int, error: type[Exception]
) -> None:
    state.commit(FIRST, 10, 0, put(state), 10)
    before = everything(client, state)

    with pytest.raises(error):
        state.commit(token, applied, writes, put(state, "2"), 20)
    with pytest.raises(error):
        state.read(token, applied, writes, [("EXISTS", state.keys.meta)])

    assert everything(client, state) == before


def test_the_gate_refuses_a_state_older_than_its_shards_hit(client: Any, state: PartitionState) -> None:
    client.hset(state.keys.of("hits"), "1", 8)

    with pytest.raises(DirtyShard):
        state.commit(FIRST, 10, 0, put(state), 10, need=[(0, 0), (1, 7)])
    assert not client.exists(state.keys.of("open"))
    owns(state, FIRST)

    state.commit(FIRST, 10, 0, put(state), 10, need=[(0, 0), (1, 8)])
    owns(state, FIRST, 10, 1)


def test_a_write_with_too_many_arguments_is_refused_before_the_first(client: Any, state: PartitionState) -> None:
    at_most: Op = ("RPUSH", state.keys.of("list"), *["x"] * 2098)
    before = everything(client, state)

    with pytest.raises(StateUnavailable, match="too many arguments"):
        state.commit(FIRST, 10, 0, [*put(state), (*at_most, "x")], 15)
    assert everything(client, state) == before

    state.commit(FIRST, 10, 0, [at_most], 15)
    assert client.llen(state.keys.of("list")) == 2098


def test_big_integers_stay_whole(client: Any, state: PartitionState) -> None:
    big = 1_700_000_000_123_456
    state.commit(FIRST, 10, 0, put(state, str(big)), big)

    assert client.hget(state.keys.of("open"), "0") == str(big).encode()
    assert meta(client, state)[b"applied"] == str(big).encode()
    owns(state, FIRST, big, 1)


def test_a_claim_needs_a_higher_counter_and_is_repeatable(client: Any, state: PartitionState) -> None:
    assert state.claim(Token(1, "b" * 32), None) == 1
    assert meta(client, state)[b"token"] == str(FIRST).encode()

    for _ in range(2):
        assert state.claim(Token(2, "b" * 32), None) is None
        assert meta(client, state).items() >= {b"token": b"2:" + b"b" * 32, b"writes": b"1"}.items()
    with pytest.raises(Fenced):
        owns(state, FIRST)


def test_a_partition_that_is_not_there_is_made_only_where_it_may_be_new(client: redis.Redis) -> None:
    state = PartitionState(client, Keys(f"t{uuid.uuid4().hex[:12]}", 0))

    with pytest.raises(StateMissing):
        state.claim(FIRST, None)
    assert not client.exists(state.keys.meta)

    assert state.claim(FIRST, META) is None
    owns(state, FIRST)
    client.delete(state.keys.meta)


# -- a raise after every call


def _writes(state: PartitionState) -> list[Op]:
    keys = state.keys
    return [
        ("HSET", keys.holes(0, 0), "3", "11"),
        ("SUBJECT.SET", SUBJECT, b"1"),
        ("COPIES.HSET", keys.copy_kills(0), "1:7", "12", "3", "1:7", "14", "-1", "1:8", "13", "2"),
        ("COPIES.HSET", keys.copy_kills(0), "1:7", "14", "5"),
        ("HSET", keys.of("slices"), "0:10", "x"),
        ("HDEL", keys.of("open"), "0"),
        ("RECORD.SET", RECORD, b"1"),
    ]


def test_a_commit_that_raises_anywhere_is_whole_after_the_next_claim(probed: Any, state: PartitionState) -> None:
    state = PartitionState(probed, state.keys)
    state.commit(FIRST, 10, 0, put(state), 10)
    before = everything(probed, state)
    taken = calls_of(probed, lambda: state.commit(FIRST, 10, 1, _writes(state), 15))
    state.claim(Token(2, "b" * 32), None)
    after = everything(probed, state)
    assert taken > len(_writes(state))

    whole = set()
    for n in range(1, taken + 1):
        restore(probed, state, before)
        probed.set(PROBE, n)
        with pytest.raises(StateUnavailable, match="injected"):
            state.commit(FIRST, 10, 1, _writes(state), 15)
        kept = probed.exists(state.keys.of("redo"))
        # The row's membership is its last write: it is never there without the rest, or what will bring it.
        assert kept or not probed.exists(state.keys.of("m:0")) or probed.hget(state.keys.of("slices"), "0:10")
        state.claim(Token(2, "b" * 32), None)
        now = everything(probed, state)
        untouched = {**before, state.keys.meta.encode(): now[state.keys.meta.encode()]}
        assert now == after or (now == untouched and not kept), n
        whole.add(now == after)
    assert whole == {True, False}


def test_a_commit_again_after_a_raise_is_whole(probed: Any, state: PartitionState) -> None:
    state = PartitionState(probed, state.keys)
    before = everything(probed, state)
    taken = calls_of(probed, lambda: state.commit(FIRST, 10, 0, _writes(state), 15))
    after = everything(probed, state)

    for n in range(1, taken + 1):
        restore(probed, state, before)
        probed.set(PROBE, n)
        with pytest.raises(StateUnavailable, match="injected"):
            state.commit(FIRST, 10, 0, _writes(state), 15)
        state.commit(FIRST, 10, 0, _writes(state), 15)
        assert everything(probed, state) == after, n


def test_a_claim_that_raises_anywhere_is_whole_the_next_time(probed: Any, state: PartitionState) -> None:
    """Also where it brings a redo record to its end."""
    state, second = PartitionState(probed, state.keys), Token(2, "b" * 32)
    probed.set(PROBE, 5)
    with pytest.raises(StateUnavailable, match="injected"):
        state.commit(FIRST, 10, 0, _writes(state), 15)
    assert probed.exists(state.keys.of("redo"))
    before = everything(probed, state)
    taken = calls_of(probed, lambda: state.claim(second, None))
    after = everything(probed, state)
    assert after[state.keys.of("m:0").encode()] == {field_of(RECORD): b"1"}

    for n in range(1, taken + 1):
        restore(probed, state, before)
        probed.set(PROBE, n)
        with pytest.raises(StateUnavailable, match="injected"):
            state.claim(second, None)
        assert state.claim(second, None) is None
        assert everything(probed, state) == after, n


def test_a_read_that_raises_anywhere_changes_nothing(probed: Any, state: PartitionState) -> None:
    state = PartitionState(probed, state.keys)
    before = everything(probed, state)
    ops: list[Op] = [("HGETALL", state.keys.meta), ("RECORDS.GET", RECORD)]
    for n in range(1, calls_of(probed, lambda: state.read(FIRST, 10, 0, ops)) + 1):
        probed.set(PROBE, n)
        with pytest.raises(StateUnavailable, match="injected"):
            state.read(FIRST, 10, 0, ops)
    assert everything(probed, state) == before


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("learner", LEARNERS)
def test_a_worker_whose_scripts_raise_anywhere_ends_as_if_they_had_not(
    probed: Any, redis_url: str, learner: str
) -> None:
    _raise_at(probed, redis_url, learner, lambda calls: range(1, calls, calls // 8))


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("eighth", range(8))
@pytest.mark.parametrize("learner", LEARNERS)
def test_a_worker_whose_scripts_raise_at_each_call(probed: Any, redis_url: str, learner: str, eighth: int) -> None:
    _raise_at(probed, redis_url, learner, lambda calls: range(1 + eighth, calls, 8))


def _raise_at(client: Any, redis_url: str, learner: str, points: Callable[[int], range]) -> None:
    undisturbed, calls = _whole_run(client, redis_url, learner, NEVER)
    assert calls > 500

    for n in points(calls):
        states, made = _whole_run(client, redis_url, learner, n)
        assert made > n
        assert states == undisturbed, n


def _whole_run(client: Any, redis_url: str, learner: str, n: int) -> tuple[object, int]:
    """(published states, calls made) of a history in which the n-th call raises."""
    script = busy_script(3)
    world = World(script, Shape(5, 2, 2, "auto", 0.0, 0.0, workers=1), learner, redis_url)
    try:
        client.set(PROBE, n)
        while world.fed < len(script.messages):
            world.feed(5)
            world.turn(0, 5)
            _every_row_is_there(world)
            world.wait(0.6)
        world.drain()
        verdict = Verdict(world)
        verdict.check()
        return verdict.states(), n - int(client.get(PROBE))
    finally:
        world.close()


def _every_row_is_there(world: World) -> None:
    """Of each membership that Redis names, as soon as it holds nothing that is half done."""
    for partition, owned in world.members[0].worker.owned.items():
        keys = owned.state.keys
        client: Any = world.redis
        view = Tables(owned.state.load())
        counted = sum(held.live for held in view.slices.values()) + sum(held.live for held in view.open.values())
        read = partial(read_without_token, client, keys)
        entries = {name: decode_entry(data) for part in walk(read, "RECORDS") for name, data in part}
        # Pairs of an id that many subjects use stand apart from its entry.
        apart = [parse_pairs(reply) for reply in read(pair_reads(entries))]
        held_pairs = [*(entry.pairs for entry in entries.values()), *apart]
        rows = [pair.slot for pairs in held_pairs for pair in pairs.values() if pair.slot != NO_ROW]
        if not client.exists(keys.of("redo")):
            assert counted == len(rows) == view.number("live"), partition
