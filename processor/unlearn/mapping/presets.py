"""The mappings that have a name: what public tools send, by the fields that they document.

`row/` names are ours, or the usual ones; a file that starts from a preset says how a table or payload calls them.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from types import MappingProxyType
from typing import Any, Final

from unlearn.mapping.debezium import DEBEZIUM, DEBEZIUM_BEFORE
from unlearn.mapping.mapping import EARLIER, PLAIN, Mapping
from unlearn.mapping.opendsr import OPENDSR, OPENDSR_BEFORE
from unlearn.mapping.paths import CONTENT, TIME

__all__ = ["PRESETS"]

_CREATED = ("created", "inserted", "updated", "insert")
_GONE = ("deleted", "removed", "erased", "forgotten", "delete")


def _ended(words: tuple[str, ...]) -> list[str]:
    """The words themselves, and as the end of a name, before a version too."""
    return [form for word in words for form in (word, f"*.{word}", f"*.{word}.v*")]


def _cloud_event(attribute: str, data: str, mark: str) -> dict[str, Any]:
    """`attribute`: what stands before an attribute's name."""
    return {
        "when": mark,
        "type": f"{attribute}type",
        "words": {"insert": _ended(_CREATED), "delete": _ended(_GONE)},
        "row": data,
        "gone": data,
        "insert": {
            **CONTENT,
            "aliases": "row/aliases",
            "event_id": f"{attribute}id",
            "record_id": "row/record_id",
            "revision": "row/revision",
            "occurred_at": f"row/occurred_at | {attribute}time",
        },
        "delete": {
            "event_id": f"{attribute}id",
            "subject_id": "row/subject_id",
            "record_id": "row/record_id",
            "alias": "row/alias",
            "revision": "row/revision",
            "requested_at": f"row/requested_at | {attribute}time | {TIME}",
            "forget_within": "row/forget_within",
            "scope": "row/scope",
        },
    }


_STRUCTURED: Final = "value/specversion"

_SEGMENT: Final[dict[str, Any]] = {
    "forms": [
        {
            "when": ["value/type", "value/messageId"],
            "type": "value/type",
            "words": {"insert": "track", "delete": ["delete", "suppress"], "lift": "unsuppress"},
            "row": "value/properties",
            "insert": {
                **CONTENT,
                "event_id": "value/messageId",
                "record_id": "row/record_id | value/messageId",
                "subject_id": "value/userId",
                "revision": "row/revision",
                "occurred_at": "value/timestamp",
            },
            "delete": {
                "event_id": "value/messageId",
                "subject_id": "value/userId",
                "requested_at": f"value/timestamp | value/receivedAt | {TIME}",
            },
            "needs": "subject_id",
        }
    ],
}

_CLOUDEVENTS: Final[dict[str, Any]] = {
    "forms": [
        _cloud_event("value/", "value/data", _STRUCTURED),
        # A structured event may bear the headers of the binary form, too.
        _cloud_event("headers/ce_", "value", "headers/ce_specversion") | {"unless": _STRUCTURED},
    ]
}


def _preset(name: str, said: dict[str, Any], said_before: dict[str, Any]) -> Mapping:
    """The preset, and as it read before lifts were checked."""
    now = Mapping.model_validate({"name": name, "lifts_checked": True, **said})
    return now.formerly(Mapping.model_validate({"name": name, **said_before}))


PRESETS: Final[Dict[str, Mapping]] = MappingProxyType(
    {
        "plain": PLAIN,
        "earlier": EARLIER,
        "cloudevents": _preset("cloudevents", _CLOUDEVENTS, _CLOUDEVENTS),
        "debezium": _preset("debezium", DEBEZIUM, DEBEZIUM_BEFORE),
        "opendsr": _preset("opendsr", OPENDSR, OPENDSR_BEFORE),
        "segment": _preset("segment", _SEGMENT, _SEGMENT),
    }
)
