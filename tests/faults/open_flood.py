"""Possible deletions without number that nobody can read, and how commands and Redis fare beside them."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import NamedTemporaryFile
from unittest.mock import patch

from click.testing import CliRunner

from tests.harness.events import at
from tests.harness.model_data import keys_of
from tests.harness.worker_harness import WorkerHarness
from unlearn.log.memory.log import MemoryLog

__all__ = ["say", "unreadable"]

NOT_JSON, NO_TIME = "not JSON in UTF-8, or nested too deeply", "requested_at: is missing"
_WAIT = "3600"


def unreadable(harness: WorkerHarness, size: int) -> None:
    """Ten possible deletions for each deletion of the other floods, in one partition, of two reasons in turn; then
    what is closed by its reason, and by a list."""
    count, before, began = 10 * size, _held(harness), time.monotonic()
    for number in range(count):
        harness.raw(0, _value(number), b"k")
    say("sent", began)
    harness.turn_until(harness.caught_up, 7200)
    say("applied, answered, with a dead letter each", began)
    print(f"    {(_held(harness) - before) / count:8.1f} bytes of Redis for each that is open", flush=True)
    for name in ("status", "pending", "resolve"):
        _command(harness, name, "--json", code=None)
    _command(harness, "resolve", "--reason", NOT_JSON, "--none", "--wait", _WAIT)
    listed = _command(harness, "resolve", "--json")
    if {json.loads(line)["reason"] for line in listed.splitlines()} != {NO_TIME}:
        raise AssertionError("what was closed is listed, or another isn't")
    with NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write(listed)
        file.flush()
        _command(harness, "resolve", "--places", file.name, "--sent", "--wait", _WAIT)
    _goes_on(harness, count)


def _value(number: int) -> bytes:
    if number % 2:
        return b'{"type":"delete","event_id":"u%d","subject_id":"s"}' % number
    return b'{"type":"delete" junk'


def _goes_on(harness: WorkerHarness, closed: int) -> None:
    """The partition takes events as before, and nothing is open."""
    began = time.monotonic()
    harness.insert("later", at(0))
    harness.seal()
    harness.rest(600)
    found = harness.status()
    if (found.unresolved, found.resolved, found.partitions[0].stopped) != (0, closed, None):
        raise AssertionError(f"{found.unresolved} are open, {found.resolved} closed")
    say("a row that came later is published", began)


def _command(harness: WorkerHarness, name: str, *given: str, code: int | None = 0) -> str:
    """What it prints; it has to end with this code, if one is given. While it waits the worker takes turns."""
    module, began = f"unlearn.cli.commands.operators.{name}", time.monotonic()
    with _on(harness, module):
        done = CliRunner().invoke(
            import_module(module).command, [*given], catch_exceptions=False, standalone_mode=False
        )
    if code not in (None, done.return_value):
        raise AssertionError(f"{name} {given} ended with {done.return_value}: {done.stderr}")
    what = " ".join(word for word in given if not Path(word).is_absolute())
    say(f"unlearn {name} {what}: {len(done.stdout.splitlines()):,} lines, {len(done.stdout):,} bytes", began)
    return done.stdout


@contextmanager
def _on(harness: WorkerHarness, module: str) -> Iterator[None]:
    """Commands work on the harness's services."""

    @contextmanager
    def open_log(_: object) -> Iterator[MemoryLog]:
        yield harness.log

    def settings(*_: object, **__: object) -> object:
        return harness.settings

    with ExitStack() as stack:
        stack.enter_context(patch(f"{module}.open_log", open_log))
        stack.enter_context(patch("unlearn.cli.context.settings", settings))
        stack.enter_context(patch("unlearn.cli.requests.time.sleep", lambda _: harness.turn()))
        yield


def _held(harness: WorkerHarness) -> int:
    """Bytes of Redis in the model's keys."""
    held = Counter[bytes]()
    for key in keys_of(harness.client, harness.settings):
        held[key] = int(harness.client.memory_usage(key, samples=0) or 0)
    return held.total()


def say(what: str, began: float) -> None:
    print(f"    {time.monotonic() - began:8.1f} s  {what}", flush=True)
