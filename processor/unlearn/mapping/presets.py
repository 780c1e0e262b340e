"""The mappings that have a name: what public tools send, by the fields that they document.

`row/` names are ours, or the usual ones; a file that starts from a preset says how a table or payload calls them.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from types import MappingProxyType
from typing import Any, Final

from unlearn.mapping.mapping import EARLIER, PLAIN, Mapping
from unlearn.mapping.paths import PLACE, TIME

__all__ = ["PRESETS"]

_CONTENT: Final = {
    "subject_id": "row/subject_id",
    "label": "row/label",
    "text": "row/text",
    "features": "row/features",
}
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
            **_CONTENT,
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
_ROW_ID, _KEY_ID = "row/record_id | row/id", "key/record_id | key/id"
_DELETED_ROW: Final = {"event_id": PLACE, "record_id": [_KEY_ID, _ROW_ID], "requested_at": TIME}
"""The record alone: unless a table says so, of other columns a deleted row holds nulls, or zeros in their place."""


def _changed_row(revision: str) -> dict[str, Any]:
    return {**_CONTENT, "event_id": PLACE, "record_id": _ROW_ID, "revision": f"row/revision | {revision}"}


_DEBEZIUM: Final[dict[str, Any]] = {
    "enveloped": True,
    "numeric_ids": True,
    "tombstone": {"record_id": _KEY_ID},
    "tombstones_follow": True,
    "forms": [
        {
            "when": ["value/op", "value/source"],
            "type": "value/op",
            "words": {"insert": ["c", "r", "u"], "delete": "d"},
            "row": "value/after",
            "gone": "value/before",
            "insert": _changed_row("value/source/lsn | value/source/ts_us | value/source/ts_ms"),
            "delete": _DELETED_ROW,
            "passed": ["value/before", "value/source", "value/transaction"],
        },
        {
            "when": "value/__deleted",
            "type": "value/__deleted",
            "words": {"insert": "false", "delete": "true"},
            "insert": _changed_row("value/__lsn | value/__source_lsn | value/__source_ts_ms | value/__ts_ms"),
            "delete": _DELETED_ROW,
        },
    ],
}


def _erasure(prefix: str, subject: str) -> dict[str, Any]:
    """A request whose own fields begin with `prefix`."""
    return {
        "when": [f"value/{prefix}request_id", f"value/{prefix}request_type"],
        "type": f"value/{prefix}request_type",
        "words": {"delete": "erasure"},
        "delete": {
            "event_id": f"value/{prefix}request_id",
            "subject_id": subject,
            "requested_at": f"value/submitted_time | {TIME}",
        },
    }


_OPENDSR: Final[dict[str, Any]] = {
    "forms": [
        _erasure(
            "subject_",
            "value/subject_identities/[identity_type=controller_customer_id]/[identity_format=raw]/identity_value",
        ),
        _erasure("", "value/subject_identities/controller_customer_id/[encoding=raw]/value"),
    ],
}

_SEGMENT: Final[dict[str, Any]] = {
    "forms": [
        {
            "when": ["value/type", "value/messageId"],
            "type": "value/type",
            "words": {"insert": "track", "delete": ["delete", "suppress"], "lift": "unsuppress"},
            "row": "value/properties",
            "insert": {
                **_CONTENT,
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

PRESETS: Final[Dict[str, Mapping]] = MappingProxyType(
    {
        "plain": PLAIN,
        "earlier": EARLIER,
        **{
            name: Mapping.model_validate({"name": name, **said})
            for name, said in {
                "cloudevents": {
                    "forms": [
                        _cloud_event("value/", "value/data", _STRUCTURED),
                        # A structured event may bear the headers of the binary form, too.
                        _cloud_event("headers/ce_", "value", "headers/ce_specversion") | {"unless": _STRUCTURED},
                    ]
                },
                "debezium": _DEBEZIUM,
                "opendsr": _OPENDSR,
                "segment": _SEGMENT,
            }.items()
        },
    }
)
