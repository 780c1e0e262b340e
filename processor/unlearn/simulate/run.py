"""Runs simulations: each seed is a world of its own, and processes share out the seeds."""

from __future__ import annotations

import logging
import multiprocessing
import os
import secrets
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from unlearn.simulate.cluster import World
from unlearn.simulate.history import history_of, shape_of
from unlearn.simulate.judging.oracle import Verdict, sent_on
from unlearn.simulate.script import script_of

__all__ = ["LEARNERS", "Outcome", "run_seed", "run_seeds"]

LEARNERS = ("naive-bayes", "linear")
"""One learner that forgets and one that folds, so that both ways of training are taken."""
_BY_SEED = (*LEARNERS, "forest", *LEARNERS, "pu-naive-bayes", "linear", "pu-linear")
_HASH_SEED = "PYTHONHASHSEED"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of a seed: what is wrong, if anything, its traceback, and counts of what happened."""

    seed: int
    wrong: str = ""
    trace: str = ""
    counts: Counter[str] = field(default_factory=Counter)


def run_seed(seed: int, redis_url: str, run: str = "0") -> Outcome:
    """Play one seed's history to its end, and check it. `run` keeps its keys in Redis apart from other runs'.

    Raises nothing that a worker or a check raises: the outcome tells it.
    """
    learner = _BY_SEED[seed % len(_BY_SEED)]
    world = World(script_of(seed), shape_of(seed), learner, redis_url, name=f"sim-{run}-{seed}", seed=seed)
    try:
        _live(world, seed)
    except Exception as error:  # noqa: BLE001  whatever a worker dies of is the finding
        return Outcome(seed, f"{type(error).__name__}: {error}", traceback.format_exc(), world.counts)
    finally:
        world.close()
    return Outcome(seed, counts=world.counts + sent_on(world))


def _live(world: World, seed: int) -> None:
    for action in history_of(seed):
        _log.info("%s", action)
        world.act(action)
    _log.info("no more faults")
    world.drain()
    verdict = Verdict(world)
    verdict.check()
    world.erase()
    verdict.check_erased()


def run_seeds(seeds: Iterable[int], redis_url: str, processes: int, set_up: Callable[[], None]) -> Iterator[Outcome]:
    """The outcomes of the seeds, in the order in which they end.

    `processes` run at once. `set_up` is called in each of them first; it must be importable.
    """
    run = secrets.token_hex(4)
    with _steady_hashes(), multiprocessing.get_context("spawn").Pool(processes, set_up) as pool:
        yield from pool.imap_unordered(partial(run_seed, redis_url=redis_url, run=run), seeds)


@contextmanager
def _steady_hashes() -> Iterator[None]:
    """Within, processes start with a fixed PYTHONHASHSEED, so that they walk sets in the same order every time."""
    before = os.environ.get(_HASH_SEED)
    os.environ[_HASH_SEED] = "0"
    try:
        yield
    finally:
        os.environ.pop(_HASH_SEED)
        if before is not None:
            os.environ[_HASH_SEED] = before
