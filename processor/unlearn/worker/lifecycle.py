"""A worker's life: it is made from settings, and takes turns until it is told to stop or a drain is done."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from unlearn.identity import identity_of
from unlearn.learners import learner_of
from unlearn.log.protocol import Log
from unlearn.settings import Settings
from unlearn.state.client import client_of
from unlearn.state.scripts import states
from unlearn.storage.artefacts import open_store
from unlearn.storage.marker import Guarded
from unlearn.storage.store_binding import guarded
from unlearn.training.pool import InlineTrainers, PoolTrainers
from unlearn.worker.assembly import assemble
from unlearn.worker.drain import Drain
from unlearn.worker.loop import Worker
from unlearn.worker.preflight import bind_store, check_made, check_services, settings_as_made
from unlearn.worker.standstill import Standstill
from unlearn_models.base.learner import Learner

__all__ = ["drain", "make_worker", "run", "states"]

_log = logging.getLogger(__name__)
_LOOK_EVERY = 0.3


@contextmanager
def make_worker(settings: Settings, log: Log, *, rebuild: bool = False) -> Iterator[Worker]:
    """A worker on the services that the settings name, which are checked before it reads any event.

    Raises TopicMissing, Refused, IdentityChanged, LogUnavailable, StateUnavailable, StoreUnavailable.
    """
    client = client_of(settings.redis)
    learner, store = learner_of(settings), guarded(open_store(settings.store, settings.model))
    state_of = states(client, settings.model)
    check_services(settings, log, client)
    store.check()
    settings = settings_as_made(settings, log, state_of, store, learner)
    identity = identity_of(settings, learner)
    check_made(settings, state_of, identity)
    bind_store(settings, log, store, state_of, identity, rebuild=rebuild)
    trainers = _trainers(settings, learner, store)
    worker = Worker(assemble(settings, log, client, store, learner, trainers, rebuild=rebuild))
    # Python's garbage collector is kept from walking long-lived objects: that cost several us an event.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield worker
    finally:
        worker.close()
        client.close()


def run(
    worker: Worker, settings: Settings, stopping: Callable[[], bool], turned: Callable[[Worker], None] = lambda _: None
) -> None:
    """Take turns until `stopping()`; then finish what is under way, for at most `drain_within` seconds.

    `turned` is called after each turn.
    """
    still = Standstill(worker.bounds)
    while not stopping():
        worker.turn()
        turned(worker)
        _watch(worker, still)
    worker.stop_taking()
    deadline = time.monotonic() + settings.drain_within
    # One turn at least: what is done as a worker leaves isn't under way yet.
    while True:
        worker.turn()
        turned(worker)
        if not worker.busy or time.monotonic() >= deadline:
            break
    _log.info("stopped%s", "" if not worker.busy else ", with work under way: the next owner does it again")


def drain(
    worker: Worker, plan: Drain, stopping: Callable[[], bool], watch: Callable[[Drain], None] = lambda _: None
) -> bool:
    """Take turns until all partitions are drained, whoever owns them. Returns False if `stopping()` came first.

    `watch` is called now and then with the plan, to show how far it is.
    """
    look_at, still = 0.0, Standstill(worker.bounds)
    while not stopping():
        worker.turn()
        _watch(worker, still)
        if time.monotonic() >= look_at:
            if plan.step():
                return True
            watch(plan)
            look_at = time.monotonic() + _LOOK_EVERY
    return False


def _watch(worker: Worker, still: Standstill) -> None:
    """Start the reader anew if partitions stand still though the log goes on."""
    stuck = still.look(worker.reading)
    if stuck:
        worker.read_anew(stuck)


def _trainers(settings: Settings, learner: Learner, store: Guarded) -> InlineTrainers | PoolTrainers:
    return PoolTrainers(settings, learner, store.bound) if settings.trainers else InlineTrainers(learner, store)
