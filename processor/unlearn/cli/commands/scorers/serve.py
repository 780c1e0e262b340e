"""`unlearn serve`: scores over HTTP, until it is told to stop."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.ending import Gently
from unlearn.cli.http import listening_at, read_listen
from unlearn.cli.options import log_options
from unlearn.logging_setup import LogFormat, configure

if TYPE_CHECKING:
    from collections.abc import Collection

    from unlearn.scoring.scorer import Scorer
    from unlearn.settings import Settings

_log = logging.getLogger(__name__)
_CHECK_WITHIN = 10.0
"""Seconds that --check waits for a version of each model, and for all partitions to cover the log."""


@click.command(cls=Command)
@click.option("--listen", default="127.0.0.1:8081", show_default=True, metavar="HOST:PORT", help="Where to listen.")
@click.option("--also", multiple=True, metavar="MODEL", help="Serve this model of the same Kafka and store, too.")
@click.option("--check", is_flag=True, help="Only say whether it could answer: settings, topics, versions, store.")
@log_options
@click.pass_context
def command(
    ctx: click.Context, listen: str, also: tuple[str, ...], check: bool, log_level: str, log_format: LogFormat
) -> int:
    """Give scores over HTTP, by the Open Inference Protocol.

    The model's name, Kafka and store are enough: its manifests say the rest. It is ready while the quorum is served,
    and answers 503 with the reason otherwise. SIGTERM finishes what is under way within UNLEARN_DRAIN_WITHIN.

    \b
    Examples:
      unlearn serve --listen 0.0.0.0:8081
      curl -d '{"texts": ["win cash now"]}' http://127.0.0.1:8081/scores
      curl -N http://127.0.0.1:8081/events
      unlearn serve --check --also mail --also chat
    """
    host, _ = read_listen(listen)
    from unlearn.serving.serve import serve

    settings, given = context.settings_to_follow(ctx)
    configure(log_level, log_format=log_format)
    models = [(settings.model, partial(_connect, settings, given))]
    siblings = (_sibling(settings, name) for name in dict.fromkeys(also) if name != settings.model)
    models += [(one.model, partial(_connect, one, frozenset(["model"]))) for one in siblings]
    if check:
        for name, connect in models:
            with connect(_CHECK_WITHIN) as scorer:
                click.echo(f"{name} can be served: version {scorer.once(_CHECK_WITHIN).version}")
        return 0
    stop = Gently()
    with listening_at(listen, tls=settings.serving.tls_certificate is not None, passes="texts and tokens") as listener:
        stop.begin(settings.drain_within)
        serve(models, settings, listener, host, stop)
    return 0


def _connect(settings: Settings, given: Collection[str], wait: float) -> Scorer:
    from unlearn.scoring.scorer import Scorer

    return Scorer.by_manifests(settings, given, wait=wait)


def _sibling(settings: Settings, name: str) -> Settings:
    """The settings of another model of the same Kafka and store. Raises SettingsError where that is no model's name."""
    from pydantic import ValidationError

    from unlearn.errors import SettingsError
    from unlearn.settings import Settings, TopicSettings

    own = {field: getattr(settings, field) for field in settings.model_fields_set}
    try:
        return Settings(**{**own, "model": name, "topics": TopicSettings()})
    except ValidationError:
        raise SettingsError(f"--also: {name[:64]!r} is no model's name: a-z, 0-9 and -") from None
