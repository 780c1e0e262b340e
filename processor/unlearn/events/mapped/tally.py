"""How often each path of a mapping found something: a path that never does is told to whoever looks at the status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

__all__ = ["Tally", "names_of", "never_found", "tallied"]

Tally = Counter[str]
"""Counts by name, as a partition keeps them: of each path the messages that should have it, and those that do."""

_MET, _HIT = "path_met:", "path_hit:"
_EITHER = frozenset(("text", "features"))
"""Fields of which an event has one."""
_OPTIONAL = (
    *("insert occurred_at", "delete revision", "delete forget_within", "delete scope"),
    *("lift revision", "lift scope"),
)
"""Fields that most messages lack, and without which an event means nothing else."""


def names_of(kind: str, field: str, path: str) -> tuple[str, str] | None:
    """The names of the counts of a path of a field, of messages of this kind; None where it isn't counted."""
    label = f"{kind} {field}: {path}"
    return None if label.startswith(_OPTIONAL) else (_MET + label, _HIT + label)


def tallied(counts: Mapping[str, str]) -> Tally:
    """What a partition's counts say of paths."""
    return Tally({name: int(count) for name, count in counts.items() if name.startswith((_MET, _HIT))})


def never_found(counts: Mapping[str, int]) -> dict[str, int]:
    """Path -> how many messages should have had it, for those that found nothing in any.

    The path is `kind field: path`. Of text and features one is enough.
    """
    met = {name.removeprefix(_MET): count for name, count in counts.items() if name.startswith(_MET)}
    hit = {name.removeprefix(_HIT) for name in counts if name.startswith(_HIT)}
    has_content = any(_field(label) in _EITHER for label in hit)
    return {
        label: count
        for label, count in sorted(met.items())
        if label not in hit and not (has_content and _field(label) in _EITHER)
    }


def _field(label: str) -> str:
    return label.split(" ", 1)[1].split(":", 1)[0]
