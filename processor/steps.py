"""The steps of a worker's loop, made from its settings and its ways out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

from models import digest
from models.learner import Learner
from processor.claim import Claimer
from processor.identity import identity_hash, identity_of
from processor.intake import Intake
from processor.learners import parser_of
from processor.log.protocol import Log, Producer
from processor.obey import Obeyer
from processor.outbox import Outbox
from processor.publish import Publisher
from processor.repair import Repairer
from processor.rewrite import Rewriter
from processor.seal import Sealer
from processor.settings import Settings
from processor.state.redis import PartitionState
from processor.store import Store
from processor.tails import Tailer
from processor.training import Trainers, Training

__all__ = ["Steps", "make_steps"]


class Steps(NamedTuple):
    claimer: Claimer
    intake: Intake
    outbox: Outbox
    obeyer: Obeyer
    repairer: Repairer
    sealer: Sealer
    training: Training
    publisher: Publisher
    rewriter: Rewriter
    tailer: Tailer


def make_steps(
    settings: Settings,
    learner: Learner,
    log: Log,
    producer: Producer,
    state_of: Callable[[int], PartitionState],
    store: Store,
    io: Executor,
    trainers: Trainers,
    rebuild: bool,
    clock: Callable[[], float],
) -> Steps:
    """All but the sweeper, whose housekeeping the worker times itself."""
    identity, parser, forgets = identity_of(settings, learner), parser_of(learner), learner.forgets
    intake = Intake(settings, learner, log, clock)
    return Steps(
        Claimer(settings, log, store, state_of, identity, intake.restore, rebuild=rebuild),
        intake,
        Outbox(settings, log, producer, parser),
        Obeyer(intake.pass_over, settings.forget_within, clock),
        Repairer(settings, store),
        Sealer(settings, log, producer, store, io, clock),
        Training(settings, trainers, forgets, clock, resumes=learner.resumes),
        Publisher(
            settings,
            log,
            producer,
            parser,
            identity_hash(identity),
            (learner.id, "" if learner.exact_everywhere else "unknown", forgets),
            digest(learner, learner.empty()),
            clock,
        ),
        Rewriter(settings, store, io, forgets, clock),
        Tailer(settings, store, io, clock),
    )
