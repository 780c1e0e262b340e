"""Timeouts of kafka-python (3.0.12) that hold on to nothing.

A poll that finds nothing ends by a timeout, which the client catches. It keeps the exception beside the frame that
raised it, and in a future until the next answer of the broker. By its traceback it held all frames up to the worker's
turn, with the records in them and whole answers of the broker, until Python's garbage collector came by.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from kafka import KafkaConsumer
from kafka.errors import KafkaTimeoutError

__all__ = ["let_go_of_frames"]


def let_go_of_frames(reader: KafkaConsumer) -> None:
    """Have the consumer raise each timeout anew, and keep the one of its own thread without a traceback."""
    net = reader._net  # noqa: SLF001
    net.run = partial(_run, net.run)


def _run(run: Callable[..., Any], *work: Any) -> Any:
    try:
        return run(*work)
    except KafkaTimeoutError as error:
        error.__traceback__ = None
        told = error.args
    raise KafkaTimeoutError(*told)
