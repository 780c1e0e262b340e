"""`unlearn simulate`: seeds hold, one that fails is named, and replays exactly."""

from __future__ import annotations

import gc
import json
import logging
import re
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from unlearn.cli.main import cli
from unlearn.simulate.cluster import World
from unlearn.simulate.run import Outcome, run_seed
from unlearn.training import outcomes

FIRST, LAST = 1, 60
"""The long run is `make soak`."""


@pytest.mark.timeout(1800)
def test_seeds_hold_and_take_every_path() -> None:
    found = CliRunner().invoke(cli, ["simulate", "--seeds", f"{FIRST}..{LAST}", "--json"])

    assert found.exit_code == 0, found.output
    said = json.loads(found.stdout)
    assert said["failed"] == []
    assert said["seeds"] == LAST - FIRST + 1
    must = {"crashes", "fenced", "roll backs", "rolled_back", "rebuilds", "stalls", "withdrawals", "collected"}
    must |= {"rewritten", "tails", "sent copies", "sent home", "overtaken", "restarts", "rows_forgotten", "unresolved"}
    must |= {"counted_later", "copies_counted_later", "others_copies", "slices_forgotten"}
    assert must <= {name for name, times in said["paths"].items() if times}


def test_a_seed_that_fails_fails_the_same_way_again(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bug: kills that came while a job ran are forgotten when its states are registered."""
    honest = outcomes._valid
    monkeypatch.setattr(
        "unlearn.training.outcomes._valid",
        lambda trained, kills, forgets, applied: honest(trained, [], forgets, applied),
    )

    seed = next(seed for seed in range(1, 200) if run_seed(seed, redis_url).wrong)
    first, second = (run_seed(seed, redis_url, run) for run in ("a", "b"))

    assert "different" in first.wrong
    assert _told(first) == _told(second)


def _told(outcome: Outcome) -> tuple[str, Counter[str]]:
    # The model's name, and what is hashed with it, is the run's.
    return re.sub(r"[0-9a-f]{16,}|sim-[ab]", "", outcome.wrong), outcome.counts


def test_a_bad_range_is_refused() -> None:
    for bad in ("5..1", "x", "1..y"):
        found = CliRunner().invoke(cli, ["simulate", "--seeds", bad])
        assert found.exit_code == 2
        assert "1..1000" in found.output


def test_what_was_judged_before_an_interruption_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def until_interrupted(seeds: Iterable[int], *_: object) -> Iterator[Outcome]:
        yield from (Outcome(seed, "different" if seed in (4, 2) else "") for seed in (1, 4, 3, 2))
        raise KeyboardInterrupt

    monkeypatch.setattr("unlearn.simulate.run.run_seeds", until_interrupted)
    monkeypatch.setattr("unlearn.cli.commands.setup.simulate._TOLD_EVERY", 2)

    found = CliRunner().invoke(cli, ["simulate", "--seeds", "1..9"])

    assert found.exit_code != 0
    assert "4 of 9 seeds" in found.stdout
    assert "2 failed: [2, 4]" in found.stdout
    assert "2 of 9 seeds" in found.stderr


def test_a_world_leaves_memory_with_its_seed(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else 10,000 seeds take the memory of 10,000 worlds: an error that is kept keeps the frames it came through."""
    made: list[weakref.ref[World]] = []

    def noted(*given: Any, **named: Any) -> World:
        world = World(*given, **named)
        made.append(weakref.ref(world))
        return world

    monkeypatch.setattr("unlearn.simulate.run.World", noted)
    # Captured lines of the log keep the errors that they tell of.
    logging.disable(logging.CRITICAL)
    try:
        ran = [run_seed(seed, redis_url) for seed in range(45, 50)]
    finally:
        logging.disable(logging.NOTSET)

    gc.collect()
    assert any(outcome.counts["roll backs"] for outcome in ran)
    assert len(made) == len(ran)
    assert [ref() for ref in made if ref() is not None] == []
