"""Log lines: text on a terminal, otherwise one JSON object a line. No id of a record or subject is ever in them.

With `extra={"counters": ...}` a line also holds these numbers by name; one of text leaves zeros out.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TextIO

from unlearn.environment.private_files import make_file

__all__ = ["LogFormat", "configure", "log_file"]

LogFormat = Literal["auto", "text", "json"]
"""`auto`: text on a terminal, otherwise one JSON object a line."""


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        if counters := getattr(record, "counters", None):
            line["counters"] = dict(sorted(counters.items()))
        return json.dumps(line)


class _TextLines(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  as the base class calls it
        counters: Mapping[str, int] = getattr(record, "counters", {})
        told = ", ".join(f"{name} {count}" for name, count in sorted(counters.items()) if count)
        return super().formatMessage(record) + (f"; {told}" if told else "")


def configure(level: str = "INFO", stream: TextIO = sys.stderr, log_format: LogFormat = "auto") -> None:
    """Send the processor's log to a stream; of the clients' libraries only warnings or errors are logged."""
    handler = logging.StreamHandler(stream)
    as_text = stream.isatty() if log_format == "auto" else log_format == "text"
    handler.setFormatter(_TextLines() if as_text else _JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("unlearn").setLevel(level)
    logging.getLogger("kafka").setLevel(logging.ERROR)


@contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Inside the `with` block, log to a new file at `path`; afterwards nothing is logged, even by the clients'
    threads."""
    with make_file(path).open("w", encoding="utf-8") as stream:
        configure("INFO", stream)
        try:
            yield
        finally:
            logging.basicConfig(handlers=[logging.NullHandler()], force=True)
