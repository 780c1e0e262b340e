"""Seeds, each a world of its own, shared out over processes."""

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
from unlearn.simulate.oracle import Verdict, sent_on
from unlearn.simulate.script import script_of

__all__ = ["LEARNERS", "Outcome", "run_seed", "run_seeds"]

LEARNERS = ("naive-bayes", "linear")
"""One that forgets and one that folds: between them they take every path."""
_BY_SEED = (*LEARNERS, "forest", *LEARNERS, "pu-naive-bayes", "linear", "pu-linear")
_HASH_SEED = "PYTHONHASHSEED"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of a seed: what is wrong, and the paths it took."""

    seed: int
    wrong: str = ""
    trace: str = ""
    counts: Counter[str] = field(default_factory=Counter)


def run_seed(seed: int, redis_url: str, run: str = "0") -> Outcome:
    """One history to its end, and judged. `run` keeps its keys apart from those of others."""
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
    Verdict(world).check()


def run_seeds(seeds: Iterable[int], redis_url: str, processes: int, set_up: Callable[[], None]) -> Iterator[Outcome]:
    """Outcomes as they come. `set_up` is called in each process; it must be importable."""
    run = secrets.token_hex(4)
    with _steady_hashes(), multiprocessing.get_context("spawn").Pool(processes, set_up) as pool:
        yield from pool.imap_unordered(partial(run_seed, redis_url=redis_url, run=run), seeds)


@contextmanager
def _steady_hashes() -> Iterator[None]:
    """Processes started within walk their sets in the same order every time."""
    before = os.environ.get(_HASH_SEED)
    os.environ[_HASH_SEED] = "0"
    try:
        yield
    finally:
        os.environ.pop(_HASH_SEED)
        if before is not None:
            os.environ[_HASH_SEED] = before
