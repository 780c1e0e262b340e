"""Those who follow changes are told each of them, or are cut off."""

from __future__ import annotations

import asyncio
import json

import pytest

from unlearn.errors import HttpRefused
from unlearn.scoring.changes import Change, PartitionChange
from unlearn.serving.followers import Followers, as_json, sent


def change(version: int) -> Change:
    return Change(version, f"{version:064x}", (), (PartitionChange(0, version, 1, 2, (3,)),))


def test_an_event_is_one_change_under_its_content() -> None:
    lines = sent(change(7)).decode().split("\n")
    assert lines[:2] == [f"id: {7:064x}", "event: change"]
    assert lines[3:] == ["", ""]
    assert json.loads(lines[2].removeprefix("data: ")) == as_json(change(7))
    assert as_json(change(7))["partitions"] == [
        {"partition": 0, "applied": 7, "rows": 1, "rows_before": 2, "withdrawn": [3]}
    ]


def test_each_model_has_its_own_followers_who_are_told_in_order() -> None:
    async def run() -> tuple[list[bytes], int]:
        followers = Followers(3)
        followers.begin()
        one, other = followers.follow("a", lambda: change(0)), followers.follow("b", lambda: None)
        begun = [await anext(one), await anext(other)]
        for version in (1, 2):
            followers.tell("a", change(version))
        followers.tell("b", change(9))
        await asyncio.sleep(0)
        followers.end()
        found = [begun[0], *[event async for event in one]]
        assert [begun[1], *[event async for event in other]] == [b"retry: 1000\n\n", sent(change(9))]
        return found, followers.count()

    found, left = asyncio.run(run())
    assert found == [b"retry: 1000\n\n", *(sent(change(version)) for version in (0, 1, 2))]
    assert left == 0


def test_a_follower_that_falls_behind_is_cut_off_and_never_skips_a_change() -> None:
    async def run() -> list[bytes]:
        followers = Followers(1)
        followers.begin()
        slow = followers.follow("a", lambda: None)
        await anext(slow)
        for version in range(500):
            followers.tell("a", change(version))
        await asyncio.sleep(0)
        return [event async for event in slow]

    found = asyncio.run(run())
    assert found == [sent(change(version)) for version in range(len(found))]
    assert 0 < len(found) < 500


def test_no_more_follow_than_may() -> None:
    async def run() -> None:
        followers = Followers(1)
        followers.begin()
        await anext(followers.follow("a", lambda: None))
        with pytest.raises(HttpRefused):
            followers.follow("b", lambda: None)

    asyncio.run(run())


def test_who_is_gone_before_the_first_event_takes_no_place() -> None:
    async def run() -> None:
        followers = Followers(1)
        followers.begin()
        for _ in range(5):
            followers.follow("a", lambda: None)
        assert followers.count() == 0

    asyncio.run(run())
