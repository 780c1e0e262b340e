"""Changes of a database's rows, as Debezium's connectors write them, whole and unwrapped.

An update must have a higher revision than the row's change before it, also where a snapshot or one transaction holds
both. Of what connectors give, PostgreSQL's `lsn` does that. Positions of other databases have several parts, more than
a revision can hold, and times of the database's own are coarse, or later in a snapshot than in what follows it. Those
take the time at which the connector handled the change, as it handles a row's changes one after the other.
"""

from __future__ import annotations

from typing import Any, Final

from unlearn.mapping.paths import CONTENT, PLACE, TIME

__all__ = ["DEBEZIUM", "DEBEZIUM_BEFORE"]

_ROW_ID, _KEY_ID = "row/record_id | row/id", "key/record_id | key/id"
_DELETED_ROW: Final = {"event_id": PLACE, "record_id": [_KEY_ID, _ROW_ID], "requested_at": TIME}
"""The record alone: unless a table says so, of other columns a deleted row holds nulls, or zeros in their place."""


def _changed_row(revision: str) -> dict[str, Any]:
    return {**CONTENT, "event_id": PLACE, "record_id": _ROW_ID, "revision": f"row/revision | {revision}"}


def _changes(whole: str, unwrapped: str) -> dict[str, Any]:
    """`whole`, `unwrapped`: where a change's revision is, in either form."""
    return {
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
                "insert": _changed_row(whole),
                "delete": _DELETED_ROW,
                "passed": ["value/before", "value/source", "value/transaction"],
            },
            {
                "when": "value/__deleted",
                "type": "value/__deleted",
                "words": {"insert": "false", "delete": "true"},
                "insert": _changed_row(unwrapped),
                "delete": _DELETED_ROW,
            },
        ],
    }


DEBEZIUM: Final = _changes(
    "value/source/lsn | value/ts_us | value/ts_ms | value/source/ts_us | value/source/ts_ms",
    "value/__lsn | value/__source_lsn | value/__ts_us | value/__ts_ms | value/__source_ts_us | value/__source_ts_ms",
)
DEBEZIUM_BEFORE: Final = _changes(
    "value/source/lsn | value/source/ts_us | value/source/ts_ms",
    "value/__lsn | value/__source_lsn | value/__source_ts_ms | value/__ts_ms",
)
