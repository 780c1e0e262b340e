"""How a command opens what the settings name: the log, Redis, the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from unlearn.log.protocol import Log
from unlearn.settings import Settings

if TYPE_CHECKING:
    import click
    import redis

    from unlearn.admin.send import LogSink
    from unlearn.scoring.scorer import Scorer
    from unlearn.storage.artefacts import Store


@contextmanager
def open_log(settings: Settings) -> Iterator[Log]:
    """The Kafka of the settings, closed at the end."""
    from unlearn.log.kafka.log import KafkaLog

    log = KafkaLog(settings.kafka)
    try:
        yield log
    finally:
        log.close()


@contextmanager
def open_scorer(ctx: click.Context, wait: float) -> Iterator[tuple[Scorer, Settings]]:
    """A scorer of the model that the settings name, and the settings; closed at the end.

    What they leave open its manifests say, for whose first it waits up to `wait` seconds. Raises as `Scorer.connect`.
    """
    from unlearn.cli import context
    from unlearn.scoring.scorer import Scorer

    settings, given = context.settings_to_follow(ctx)
    with Scorer.by_manifests(settings, given, wait=wait) as scorer:
        yield scorer, settings


@contextmanager
def open_sink(log: Log, settings: Settings) -> Iterator[LogSink]:
    """Where events are sent to their homes; closed at the end.

    Raises SettingsError where the events topic has fewer partitions than the model.
    """
    from unlearn.admin.send import LogSink
    from unlearn.client.sends import patience_of, require_partitions

    with closing(log.producer()) as producer:
        require_partitions(log, settings)
        yield LogSink(producer, settings.events_topic, settings.partitions, patience_of(settings))


@contextmanager
def open_redis(settings: Settings) -> Iterator[redis.Redis]:
    """The Redis of the settings, once it has answered; closed at the end.

    Raises StateUnavailable; StateDenied or StateUnsupported where Redis refuses, or is of a kind that isn't supported.
    """
    from unlearn.state.client import client_of
    from unlearn.state.health import require_single

    with closing(client_of(settings.redis)) as client:
        require_single(client)
        yield client


def made_as(settings: Settings, client: redis.Redis) -> Settings:
    """The settings as the model was made, where they leave open how its messages are read.

    Raises StateUnavailable.
    """
    from unlearn.identity import as_made
    from unlearn.state.scripts import kept_identities, states

    return as_made(settings, kept_identities(states(client, settings.model), settings.partitions))


def open_store(settings: Settings) -> Store:
    """The store of the settings. Raises SettingsError."""
    from unlearn.storage import artefacts

    return artefacts.open_store(settings.store, settings.model)
