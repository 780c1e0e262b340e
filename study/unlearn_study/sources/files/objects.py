"""Files as JSON objects: one on each line, a list of them on each line, or one document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from unlearn_study.sources.files.lines import Source, whole

__all__ = ["Item", "field_at", "read_objects"]

Item = tuple[int, dict[str, Any]]


def read_objects(source: Source) -> Iterator[Item]:
    """Objects with the number of their line, or in a document with their place from 1.  Blank lines are skipped.

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
    """The content of the field with exactly this name, else of the nested field along the dots; None without one."""
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
    """Whether a line that is not JSON looks like the first of a longer document."""
    return line.lstrip().startswith(("[", "{")) and line.rstrip().endswith(("[", "{", ",", "}"))


def _numbered(source: Source, items: list[Any]) -> Iterator[Item]:
    for number, item in enumerate(items, 1):
        if isinstance(item, dict):
            yield number, item
        else:
            source.bad(number, "no JSON object")
