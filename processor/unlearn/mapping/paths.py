"""Paths into a message, as a mapping writes them: `value/after/id`, `key/id`, `headers/ce_type`, `record/time`.

The first step says where: the JSON of the value or of the key, the headers, or the record itself. A step
`[name=text]` picks the members of a list whose `name` is that text. `~1` stands for a slash in a name, `~0` for a
tilde, as in JSON pointers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal, NamedTuple, cast

__all__ = ["CONTENT", "PLACE", "TIME", "Path", "Pick", "alternatives", "read_path", "under"]

Root = Literal["value", "key", "headers", "record"]
TIME, PLACE = "record/time", "record/place"
"""When the record was appended, in RFC 3339; and a name made of its partition and offset."""
CONTENT: Final = {
    "subject_id": "row/subject_id",
    "label": "row/label",
    "text": "row/text",
    "features": "row/features",
}
"""Where presets look for the fields of a row, by the names that are ours."""

_PICK = re.compile(r"\[([^=\]]+)=([^\]]*)\]")
_ESCAPES = re.compile("~(?![01])")
_BAR = " | "


class Pick(NamedTuple):
    """The members of a list whose field `name` is `text`."""

    name: str
    text: str


class Path(NamedTuple):
    """Where to look. Without steps `key` is the key's text, `value` the whole value."""

    root: Root
    steps: tuple[str | Pick, ...]


@lru_cache(4096)
def read_path(text: str) -> Path:
    """The path that is written so. Raises ValueError."""
    root, *names = text.split("/")
    if root not in ("value", "key", "headers", "record"):
        raise ValueError(f"{text!r} is no path: it begins with value, key, headers or record")
    if "" in names or _ESCAPES.search(text):
        raise ValueError(f"{text!r} is no path: a step is empty, or a ~ isn't written as ~0")
    if root == "record" and text not in (TIME, PLACE):
        raise ValueError(f"{text!r} is no path: of the record there are {TIME} and {PLACE}")
    if root == "headers" and len(names) != 1:
        raise ValueError(f"{text!r} is no path: a header has a name and nothing below it")
    return Path(cast("Root", root), tuple(map(_step, names)))


def alternatives(text: str) -> list[str]:
    """The paths of `a | b`, of which the first that is there counts."""
    return text.split(_BAR)


def under(text: str, row: str) -> str:
    """The alternatives with `row` in place of a leading `row/`: a mapping's name for where the content lies."""
    return _BAR.join(row + path[3:] if path.startswith("row/") else path for path in alternatives(text))


def _step(name: str) -> str | Pick:
    if picked := _PICK.fullmatch(name):
        return Pick(_unescaped(picked[1]), _unescaped(picked[2]))
    return _unescaped(name)


def _unescaped(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")
