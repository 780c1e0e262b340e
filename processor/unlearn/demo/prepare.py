"""Before a run: reading what to send, and starting the services."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console

from unlearn.admin.input.lines import read_lines
from unlearn.demo.hiding import shown
from unlearn.demo.outcome import Options
from unlearn.demo.script import Script, Stream, make_script, read_events
from unlearn.errors import InputInvalid, ServiceUnavailable
from unlearn.events.parsing import Parser
from unlearn.learners import learner_of
from unlearn.log.memory.log import MemoryLog
from unlearn.log.protocol import Log
from unlearn.services import Service, local_services
from unlearn.settings import Settings
from unlearn.settings_sources import Loaded
from unlearn_study.generator.tweet_generator import tweets

__all__ = ["open_log", "read_script", "start_services"]

DEFAULT_EVENTS = 20_000


def read_script(loaded: Loaded, options: Options) -> tuple[Stream, Script]:
    """The events as read, and the script made of them. Raises InputInvalid where there is nothing to send or the input
    has fewer than two labels."""
    settings = loaded.settings
    # Generated events have labels of their own, whatever the user's model has.
    classes = settings.classes if options.source and "classes" in loaded.origins else None
    parser = Parser(classes, settings.features, counts=learner_of(settings).counts)
    most = options.events if options.source or options.events else DEFAULT_EVENTS
    with _lines(options, most) as lines:
        stream = read_events(lines, parser, classes)
    labels = learner_of(settings.model_copy(update={"classes": stream.classes})).labels
    if labels != stream.classes:
        stream = stream._replace(steps=shown(stream.steps, labels))
    script = make_script(stream.steps, most, options.seed)
    if not script.steps:
        raise InputInvalid(_nothing(options, stream))
    return stream, script


def _nothing(options: Options, stream: Stream) -> str:
    refused = f": it refuses {len(stream.refused):,} lines, the first is {stream.refused[0]}" if stream.refused else ""
    return f"the input has no event that the model takes{refused}; see: unlearn send --check {options.source}"


@contextmanager
def _lines(options: Options, most: int | None) -> Iterator[Iterable[bytes]]:
    if options.source is None:
        assert most is not None
        # One in ten is held out.
        yield (json.dumps(event).encode() for event in tweets(most + most // 8 + 50, options.seed))
        return
    with options.source.open("rb") as file:
        yield read_lines(file)


def start_services(settings: Settings, console: Console) -> bool:
    """Start the local services; gives whether there is a Kafka. Raises ServiceUnavailable where there is no Redis."""
    for service in local_services(settings):
        try:
            _start(service, console)
        except ServiceUnavailable as error:
            if service.name != "kafka":
                raise
            _warn_without_kafka(console, error)
            return False
    return True


def _start(service: Service, console: Console) -> None:
    with console.status(f"starting {service.name}"):
        how = service.up(lambda line: console.print(f"  {line}", style="dim", markup=False, soft_wrap=True))
    console.print(f"{service.name:<8} {service.address}, {how}", markup=False)


def _warn_without_kafka(console: Console, error: ServiceUnavailable) -> None:
    console.print(f"\nNO KAFKA: {error}", style="bold red", markup=False, soft_wrap=True)
    console.print(
        "The events go through a log inside this process instead. Redis, training, publishing\n"
        "and verify are the real ones; the broker is not, and other commands can't see this run.\n",
        style="bold red",
        soft_wrap=True,
    )


def open_log(settings: Settings, on_kafka: bool) -> Log:
    """The Kafka of the settings, or a log in this process."""
    if not on_kafka:
        return MemoryLog()
    from unlearn.log.kafka.log import KafkaLog

    return KafkaLog(settings.kafka)
