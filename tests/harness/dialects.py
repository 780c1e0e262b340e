"""Messages as public tools emit them, and what each must become: tests/data/dialects, a file for each preset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from unlearn.admin.input.message_lines import message_of
from unlearn.events.event import BadInsert, Delete, Empty, Insert, Lift, Parsed, Unreadable
from unlearn.log.protocol import Entry, Header

__all__ = ["FILES", "NAMES", "Line", "became", "lines_of"]

FILES = Path(__file__).parents[1] / "data" / "dialects"
NAMES = sorted(path.stem for path in FILES.glob("*.jsonl"))
AT = 1_714_564_801_000


class Line(NamedTuple):
    """One message. `becomes` is `{"insert": fields}`, `{"delete": fields}`, `{"lift": fields}`, `{"open": reason}`,
    `{"refused": reason}` or "nothing"."""

    what: str
    key: bytes | None
    value: bytes | None
    headers: list[Header]
    becomes: Any

    def entry(self, offset: int = 0, partition: int = 0) -> Entry:
        return Entry(partition, offset, AT, self.key, self.value, self.headers)


def lines_of(name: str) -> list[Line]:
    return [_line(text) for text in (FILES / f"{name}.jsonl").read_text().splitlines()]


def _line(text: str) -> Line:
    said, message = json.loads(text), message_of(text.encode(), 0, AT)
    return Line(said["what"], message.key, message.value, list(message.headers), said["becomes"])


def became(event: Parsed) -> Any:
    """As the files write it; of an event's id, time and place only what the message itself holds."""
    match event:
        case Insert() | Delete() | Lift():
            fields = event.model_dump(mode="json", exclude_defaults=True, exclude={"type", "requested_at"})
            if fields["event_id"].startswith("place:"):
                del fields["event_id"]
            return {event.type: fields}
        case Unreadable(reason):
            return {"open": reason}
        case BadInsert(reason):
            return {"refused": reason}
    assert isinstance(event, Empty)
    return "nothing"
