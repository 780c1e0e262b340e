"""The body of a request becomes an erasure, or is refused with a reason that quotes nothing of it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from unlearn.errors import InputInvalid
from unlearn.gateway.opendsr.identities import Identity, Named, named_by
from unlearn.timestamps import parse_timestamp

__all__ = ["ERASURE", "MOST_URL", "Erasure", "canonical", "read_erasure"]

ERASURE: Final = "erasure"
_PREFIXES: Final = ("subject_", "")
"""What stands before `request_id` and `request_type`: `subject_` by the specification, and tools leave it out."""
_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._:-]{1,128}")
"""Not `.` and `..`, as no URL can name them."""
_KNOWN: Final = frozenset(
    (
        *(f"{prefix}request_{what}" for prefix in _PREFIXES for what in ("id", "type")),
        *("regulation", "subject_identities", "submitted_time", "api_version", "status_callback_urls", "extensions"),
    )
)
_MOST_CALLBACKS = 8
_MOST_IDENTITIES = 100
MOST_URL: Final = 2048
_MOST_KIND = 64


class Erasure(NamedTuple):
    """A request to erase subjects.

    prefix        what stands before `request_id` in its body, and in the answers
    requested_at  RFC 3339, as it was given
    urls          where to call back when the status changes
    """

    request_id: str
    prefix: str
    named: Named
    requested_at: str
    urls: tuple[str, ...]


def read_erasure(body: bytes, subjects: Collection[str], aliases: Collection[str] = ()) -> Erasure:
    """The erasure that the body asks for; `subjects` and `aliases` are types of identities, see `named_by`.

    Raises InputInvalid.
    """
    said = _object(body)
    _refuse_near_misses(said)
    prefix = _prefix(said)
    request_id = said.get(f"{prefix}request_id")
    if not isinstance(request_id, str) or not _ID.fullmatch(request_id):
        raise InputInvalid("subject_request_id: is needed: a UUID, or 1 to 128 letters, digits and . _ : -")
    _require_erasure(said.get(f"{prefix}request_type"))
    submitted = said.get("submitted_time")
    if not isinstance(submitted, str) or parse_timestamp(submitted) is None:
        raise InputInvalid("submitted_time: is needed: a time as of RFC 3339, such as 2026-03-01T09:30:00Z")
    named = named_by(_identities(said.get("subject_identities")), subjects, aliases)
    return Erasure(request_id, prefix, named, submitted, _urls(said.get("status_callback_urls")))


def _prefix(said: Mapping[str, Any]) -> str:
    """What stands before the names of the request's own fields. Raises InputInvalid."""
    for what in ("request_id", "request_type"):
        if all(f"{prefix}{what}" in said for prefix in _PREFIXES):
            raise InputInvalid(f"subject_{what} or {what}, not both")
    return _PREFIXES[0] if f"{_PREFIXES[0]}request_id" in said else _PREFIXES[1]


def canonical(body: bytes) -> bytes:
    """The same bytes for bodies that say the same. Raises InputInvalid."""
    return json.dumps(_object(body), sort_keys=True, separators=(",", ":")).encode()


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise InputInvalid("the body is no JSON object in UTF-8, or a name stands in it twice") from None
    if not isinstance(said, dict):
        raise InputInvalid("the body is no JSON object")
    return said


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(text)


def _refuse_near_misses(said: Mapping[str, Any]) -> None:
    """A callback or an identity under a wrong name would be passed over in silence."""
    spelled = {_letters(name): name for name in _KNOWN}
    for name in said.keys() - _KNOWN:
        if (meant := spelled.get(_letters(name))) is not None:
            raise InputInvalid(f"an unknown field that looks like {meant}")


def _letters(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower()).rstrip("s")


def _require_erasure(kind: object) -> None:
    if kind in ("access", "portability"):
        raise InputInvalid(f"subject_request_type: {kind} is not supported, erasure alone; see /discovery")
    if kind != ERASURE:
        raise InputInvalid("subject_request_type: is needed, and erasure alone is supported; see /discovery")


def _identities(said: object) -> list[Identity]:
    found = [*_listed(said)] if isinstance(said, list) else [*_by_type(said)] if isinstance(said, dict) else []
    if not 1 <= len(found) <= _MOST_IDENTITIES:
        raise InputInvalid(f"subject_identities: is needed, with 1 to {_MOST_IDENTITIES} identities")
    return found


def _listed(said: list[Any]) -> Iterator[Identity]:
    for one in said:
        fields = one if isinstance(one, dict) else {}
        yield _identity(fields.get("identity_type"), fields.get("identity_format"), fields.get("identity_value"))


def _by_type(said: dict[str, Any]) -> Iterator[Identity]:
    """Of identities in a dictionary, as mParticle's version 3 of OpenDSR has them."""
    for kind, values in said.items():
        for one in values if isinstance(values, list) else [values]:
            fields = one if isinstance(one, dict) else {}
            yield _identity(kind, fields.get("encoding"), fields.get("value"))


def _identity(kind: object, form: object, value: object) -> Identity:
    if not isinstance(kind, str) or not isinstance(form, str) or not isinstance(value, str):
        raise InputInvalid("subject_identities: each needs a type, a format and a value, all of them strings")
    if len(kind) > _MOST_KIND or len(form) > _MOST_KIND:
        raise InputInvalid("subject_identities: a type or a format is too long")
    return Identity(kind, form, value)


def _urls(said: object) -> tuple[str, ...]:
    urls = [] if said is None else said
    if not isinstance(urls, list) or len(urls) > _MOST_CALLBACKS:
        raise InputInvalid(f"status_callback_urls: is a list of at most {_MOST_CALLBACKS} URLs")
    if not all(isinstance(url, str) and len(url) <= MOST_URL for url in urls):
        raise InputInvalid(f"status_callback_urls: each is a string of at most {MOST_URL} characters")
    return tuple(dict.fromkeys(urls))
