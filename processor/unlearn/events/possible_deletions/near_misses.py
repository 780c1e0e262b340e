"""Unknown fields that are nearly one of ours, where passing them over would change what an event means.

| field                                        | what it would change                       | refused                |
|----------------------------------------------|--------------------------------------------|------------------------|
| ours but for case, `_`, `-`, `.` and blanks  | what the sender has written there is lost  | always                 |
| another word for `subject_id`                | whose record it is; a deletion of a pair   | where there is no      |
|                                              | takes the id under every subject           | `subject_id`           |
| another word for `record_id`, but in inserts | a deletion of a record takes the subject   | where there is none    |
| another word for `alias`, or for `aliases`   | whom a deletion by alias finds             | where there is none    |
| `rev` and the like                           | an update is taken for a repetition        | where there is none    |
| `version` with a number, in a deletion       | a deletion of a revision takes all of them | where there is none    |
| one letter from a long name of ours          | as that name                               | where there is none    |

Beside the field itself another word is of the sender's own use: an account is the tenant's, a user is a whole
profile. So are `id` and the like in an insert, which always names its record, and `timestamp`, `source`,
`lang`, `version` there: nothing hangs on them. A field with null says nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from unlearn.events.event import Delete, Insert, Lift, Seal

__all__ = ["near_miss", "near_miss_before", "plain"]

_LONGEST = 64
"""Characters of the longest name that is looked at."""
_BLANKS = re.compile(r"[_\-.\s]")
_SUFFIX = "(id|uid|uuid|guid|key|ref|no|nr|num|number|identifier)"
_PERSON = "subject|datasubject|user|account|acct|customer|person|member|owner|author|patient|employee|subscriber"
_SUBJECT = re.compile(
    f"({_PERSON})(name|handle)?s?|({_PERSON}|usr|client|profile){_SUFFIX}s?|uids?|sub|screenname|login"
)
_THING = "record|rec|item|doc|document|message|msg|tweet|post|comment|example|sample|row|entry"
_RECORD = re.compile(f"records?|({_THING}){_SUFFIX}s?|ids?|uuids?|guids?")
_ALIAS = re.compile(f"alias(es)?(hash(es)?|{_SUFFIX})?s?")
_REVISION = re.compile("rev|revisions|rev(ision)?(id|no|nr|num|number)")
_VERSION = re.compile("ver|version")
_SYNONYMS: Mapping[str, tuple[tuple[str, re.Pattern[str]], ...]] = {
    "insert": (("subject_id", _SUBJECT), ("aliases", _ALIAS), ("revision", _REVISION)),
    "delete": (
        *(("subject_id", _SUBJECT), ("record_id", _RECORD), ("alias", _ALIAS)),
        *(("revision", _REVISION), ("revision", _VERSION)),
    ),
    "lift": (("subject_id", _SUBJECT), ("record_id", _RECORD), ("alias", _ALIAS)),
    "seal": (),
}
_FIELDS: Mapping[str, frozenset[str]] = {
    kind: frozenset(model.model_fields)
    for kind, model in (("insert", Insert), ("delete", Delete), ("lift", Lift), ("seal", Seal))
}
_ALIASES = frozenset(("alias", "aliases"))
_FAR = {(kind, before): set(fields) for kind, fields in _FIELDS.items() for before in (False, True)}
"""Names that were already found to be like none of our fields; most messages hold no others. `before`: as releases
before aliases read."""
_REMEMBERED = 10_000
_LONG = 7
"""Least length of a field's name for which a name that differs by one letter is refused; shorter names are too close
to
other words."""


class _Meant(NamedTuple):
    field: str
    beside: bool
    """Whether the name is refused even where the field itself is there too."""
    numbers_only: bool = False


def near_miss(kind: str, pairs: Sequence[tuple[str, object]]) -> str | None:
    """The field that another top-level name of an event of this kind looks like; None where no name does.

    Names count only where passing them over would change what the event means. `pairs` are all names and values.
    """
    return _near_miss(kind, pairs, before=False)


def near_miss_before(kind: str, pairs: Sequence[tuple[str, object]]) -> str | None:
    """As `near_miss` of a release before aliases."""
    return _near_miss(kind, pairs, before=True)


def _near_miss(kind: str, pairs: Sequence[tuple[str, object]], *, before: bool) -> str | None:
    far = _FAR[kind, before]
    for name, value in [pair for pair in pairs if pair[0] not in far]:
        meant = _meant(kind, name, before=before)
        if meant is None:
            _remember(far, name)
        elif value is not None and _counts(meant, value, pairs):
            return meant.field
    return None


def _counts(meant: _Meant, value: object, pairs: Sequence[tuple[str, object]]) -> bool:
    if not meant.beside and any(name == meant.field and held is not None for name, held in pairs):
        return False
    return not meant.numbers_only or (isinstance(value, str) and value.isdecimal())


def _remember(names: set[str], name: str) -> None:
    if len(names) < _REMEMBERED and len(name) <= _LONGEST:
        names.add(name)


@lru_cache(4096)
def plain(name: str) -> str:
    """A name without what its spellings may differ in: case, separators, forms of letters.

    Empty for one longer than any field.
    """
    return _BLANKS.sub("", unicodedata.normalize("NFKC", name).casefold()) if len(name) <= _LONGEST else ""


@lru_cache(4096)
def _meant(kind: str, name: str, *, before: bool) -> _Meant | None:
    spelled, unknown = plain(name), _ALIASES if before else frozenset()
    fields = {plain(field): field for field in sorted(_FIELDS[kind] - unknown)}
    if spelled in fields:
        return _Meant(fields[spelled], beside=True)
    for field, words in _SYNONYMS[kind]:
        if field not in unknown and words.fullmatch(spelled):
            return _Meant(field, beside=False, numbers_only=words is _VERSION)
    near = (fields[ours] for ours in fields if len(ours) >= _LONG and _one_apart(ours, spelled))
    return next((_Meant(field, beside=False) for field in near), None)


def _one_apart(one: str, other: str) -> bool:
    """Whether the names differ by one letter: one more, one less, another one, or two neighbours swapped."""
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) > 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    swapped = short[:at] + short[at : at + 2][::-1] + short[at + 2 :]
    return long == swapped or short[at + 1 :] == long[at + 1 :]
