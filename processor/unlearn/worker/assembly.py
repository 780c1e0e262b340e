"""The only place where a worker's parts are made: from its settings, its services and its machine."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Executor
from typing import Final, NamedTuple

import redis

from unlearn.environment.clock import Clock
from unlearn.events.parsing import parser_of
from unlearn.forwarding.outbox import Outbox
from unlearn.identity import identity_hash, identity_of
from unlearn.ingest.apply import Intake
from unlearn.log.protocol import Log, Producer, Tail
from unlearn.maintenance.cleanup import CHUNK, Cleaner
from unlearn.maintenance.garbage import Collector
from unlearn.maintenance.repair import Repairer
from unlearn.maintenance.rewrite import Rewriter
from unlearn.maintenance.scrub import Scrubber
from unlearn.maintenance.seal import Sealer
from unlearn.maintenance.tails import Tailer
from unlearn.operator_requests.runner import RequestRunner
from unlearn.partition.receipts.answers import Answers
from unlearn.publishing.copy_counts import CopyCounts
from unlearn.publishing.heartbeats import Heartbeats
from unlearn.publishing.history import History
from unlearn.publishing.manifests import Manifests
from unlearn.publishing.receipts import Receipts
from unlearn.results.log_ends import ends_of
from unlearn.results.proof import Prover
from unlearn.results.results_topic import Results
from unlearn.settings import Settings
from unlearn.state.lookups import MOST_PAIRS
from unlearn.state.scripts import states
from unlearn.storage.artefacts import Store
from unlearn.storage.store_binding import Binding, guarded
from unlearn.training.dispatch import Training
from unlearn.training.protocol import Trainers
from unlearn.worker.assignment import Assignment
from unlearn.worker.claim import Claimer
from unlearn.worker.machine import MACHINE, Machine
from unlearn.worker.preflight import KeptEvents
from unlearn.worker.redis_check import RedisCheck
from unlearn.worker.waiting import Troubles
from unlearn_models import digest
from unlearn_models.base.kernel import compile_lacking
from unlearn_models.base.learner import Learner

__all__ = ["LIMITS", "Limits", "Parts", "assemble"]


class Limits(NamedTuple):
    """How much is done at once. A simulation makes it so little that each limit is reached often."""

    chunk: int = CHUNK
    """Rows that a clean-up buries in one turn."""
    most_pairs: int = MOST_PAIRS
    """Pairs that a record's entry holds before it is taken apart."""


LIMITS: Final = Limits()


class Parts(NamedTuple):
    """All that a worker is made of. The worker closes what must be closed, except the Redis client."""

    settings: Settings
    clock: Clock
    log: Log
    tail: Tail
    producer: Producer
    redis: RedisCheck
    kept: KeptEvents
    io: Executor
    trainers: Trainers
    counters: Counter[str]
    results: Results
    assignment: Assignment
    troubles: Troubles
    intake: Intake
    outbox: Outbox
    requests: RequestRunner
    repairer: Repairer
    sealer: Sealer
    training: Training
    manifests: Manifests
    history: History
    receipts: Receipts
    heartbeats: Heartbeats
    rewriter: Rewriter
    tailer: Tailer
    cleaner: Cleaner
    collector: Collector
    scrubber: Scrubber


def assemble(
    settings: Settings,
    log: Log,
    client: redis.Redis,
    store: Store,
    learner: Learner,
    trainers: Trainers,
    *,
    rebuild: bool = False,
    machine: Machine = MACHINE,
    limits: Limits = LIMITS,
) -> Parts:
    """Make all parts of one worker, and join the consumer group; closing the worker leaves the group.

    `rebuild`: partitions that Redis has lost are built again from the log.
    """
    compile_lacking()  # a member of the group should not stand still for it
    clock, nonces, forgets = machine.clock, machine.nonces, learner.forgets
    identity, parser = identity_of(settings, learner), parser_of(learner, settings.reading)
    answers = Answers(settings.model, identity_hash(identity))
    reader = log.reader(settings.events_topic, settings.group_id, columns=settings.reads_columns)
    tail, producer = log.tail(settings.results_topic), log.producer()
    io, counters = machine.make_io(), Counter[str]()
    state_of = states(client, settings.model, machine.waiting)
    results = _results(settings, log, machine)
    store = guarded(store)
    intake = Intake(settings, learner, log, clock, limits.most_pairs)
    heartbeats = Heartbeats(settings, producer, clock)
    training = Training(settings, trainers, forgets, clock, resumes=learner.resumes)
    assignment = Assignment(
        settings,
        log,
        reader,
        tail,
        results,
        Binding(settings, log, store, state_of, identity, rebuild=rebuild, nonces=nonces),
        Claimer(settings, log, store, state_of, identity, intake.restore, nonces, rebuild=rebuild),
        state_of,
        training.forget_partition,
        counters,
        clock,
    )
    manifests = Manifests(
        settings,
        producer,
        identity,
        (learner.id, "" if learner.exact_everywhere else "unknown", forgets),
        digest(learner, learner.empty()),
        heartbeats.beat,
        clock,
    )
    return Parts(
        settings=settings,
        clock=clock,
        log=log,
        tail=tail,
        producer=producer,
        redis=RedisCheck(settings, client, counters, clock),
        kept=KeptEvents(settings.events_topic, log, io, clock),
        io=io,
        trainers=trainers,
        counters=counters,
        results=results,
        assignment=assignment,
        troubles=Troubles(state_of, clock),
        intake=intake,
        outbox=Outbox(settings, log, producer, parser, answers, clock),
        requests=RequestRunner(intake.pass_over, assignment.be_quiet, settings.forget_within, clock),
        repairer=Repairer(settings, store),
        sealer=Sealer(settings, log, producer, store, io, clock),
        training=training,
        manifests=manifests,
        history=History(settings, log, log.producer(), clock),
        receipts=Receipts(settings, log, producer, parser, answers, CopyCounts(state_of), clock),
        heartbeats=heartbeats,
        rewriter=Rewriter(settings, store, io, forgets, clock),
        tailer=Tailer(settings, store, io, clock),
        cleaner=Cleaner(settings, store, forgets, clock, limits.chunk, limits.most_pairs),
        collector=Collector(settings, store, forgets, clock),
        scrubber=Scrubber(store),
    )


def _results(settings: Settings, log: Log, machine: Machine) -> Results:
    """A reader of the results topic that believes a manifest if it has a proof, or if the log reaches its `applied`."""
    return Results(
        settings.model,
        clock=machine.clock.monotonic,
        waiting=machine.waiting.monotonic,
        count=settings.partitions,
        holds=Prover(settings.secret_bytes).holds,
        ends=ends_of(log, settings.events_topic, settings.partitions),
        keeps_recent=True,
    )
