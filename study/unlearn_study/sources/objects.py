"""Files as JSON objects: one a line, a list of them a line, or one document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from unlearn_study.sources.lines import Source, whole

__all__ = ["Item", "field_at", "read_objects"]

Item = tuple[int, dict[str, Any]]


def read_objects(source: Source) -> Iterator[Item]:
    """Objects with the number of their line; of a document, with their place in it.  Blank lines are passed over.

    Raises BadData.
    """
    lines = source.lines()
    for begun, (number, line) in enumerate(pair for pair in lines if pair[1].strip()):
        found, read = _parsed(line)
        if not read and not begun and _goes_on(line):
            found, read = _parsed(whole(lines, line))
            if read and isinstance(found, list):
                yield from _numbered(source, found)
                continue
        if not read:
            source.bad(number, "no JSON")
        elif isinstance(found, list) and found and all(isinstance(item, dict) for item in found):
            yield from ((number, item) for item in found)
        elif isinstance(found, dict):
            yield number, found
        else:
            source.bad(number, "no JSON object")


def field_at(item: Mapping[str, Any], path: str) -> Any:
    """What the field of just that name holds, else what lies along the dots; None where there is nothing."""
    if path in item:
        return item[path]
    found: Any = item
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _parsed(text: str) -> tuple[Any, bool]:
    try:
        return json.loads(text), True
    except (ValueError, RecursionError):
        return None, False


def _goes_on(line: str) -> bool:
    """Whether a line that is no JSON looks like the first of a longer document."""
    return line.lstrip().startswith(("[", "{")) and line.rstrip().endswith(("[", "{", ",", "}"))


def _numbered(source: Source, items: list[Any]) -> Iterator[Item]:
    for number, item in enumerate(items, 1):
        if isinstance(item, dict):
            yield number, item
        else:
            source.bad(number, "no JSON object")
