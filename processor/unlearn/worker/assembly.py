"""The steps of a worker's loop, made from its settings and its ways out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

from unlearn.events.parsing import parser_of
from unlearn.identity import identity_hash, identity_of
from unlearn.ingest.apply import Intake
from unlearn.ingest.outbox import Outbox
from unlearn.log.protocol import Log, Producer
from unlearn.publishing.heartbeats import Heartbeats
from unlearn.publishing.manifests import Manifests
from unlearn.publishing.receipts import Receipts
from unlearn.settings import Settings
from unlearn.state.scripts import PartitionState
from unlearn.storage.artefacts import Store
from unlearn.storage.cleanup import Cleaner
from unlearn.storage.garbage import Collector
from unlearn.storage.repair import Repairer
from unlearn.storage.rewrite import Rewriter
from unlearn.storage.scrub import Scrubber
from unlearn.storage.seal import Sealer
from unlearn.storage.tails import Tailer
from unlearn.training.dispatch import Training
from unlearn.training.protocol import Trainers
from unlearn.worker.claim import Claimer
from unlearn.worker.request_runner import RequestRunner
from unlearn_models import digest
from unlearn_models.base.learner import Learner

__all__ = ["Steps", "make_steps"]


class Steps(NamedTuple):
    claimer: Claimer
    intake: Intake
    outbox: Outbox
    requests: RequestRunner
    repairer: Repairer
    sealer: Sealer
    training: Training
    manifests: Manifests
    receipts: Receipts
    heartbeats: Heartbeats
    rewriter: Rewriter
    tailer: Tailer
    cleaner: Cleaner
    collector: Collector
    scrubber: Scrubber


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
    identity, parser, forgets = identity_of(settings, learner), parser_of(learner), learner.forgets
    heartbeats = Heartbeats(settings, producer, clock)
    intake = Intake(settings, learner, log, clock)
    return Steps(
        Claimer(settings, log, store, state_of, identity, intake.restore, rebuild=rebuild),
        intake,
        Outbox(settings, log, producer, parser),
        RequestRunner(intake.pass_over, settings.forget_within, clock),
        Repairer(settings, store),
        Sealer(settings, log, producer, store, io, clock),
        Training(settings, trainers, forgets, clock, resumes=learner.resumes),
        Manifests(
            settings,
            producer,
            identity_hash(identity),
            (learner.id, "" if learner.exact_everywhere else "unknown", forgets),
            digest(learner, learner.empty()),
            heartbeats.beat,
            clock,
        ),
        Receipts(settings, log, producer, parser),
        heartbeats,
        Rewriter(settings, store, io, forgets, clock),
        Tailer(settings, store, io, clock),
        Cleaner(settings, store, clock),
        Collector(settings, store, forgets, clock),
        Scrubber(store),
    )
