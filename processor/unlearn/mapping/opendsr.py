"""Requests of data subjects, as OpenDSR has them: github.com/opengdpr/OpenDSR, specification.md.

Its requests have `subject_request_id` and a list of identities. mParticle's version 3 of it (docs.mparticle.com, Data
Subject Request API) has a dictionary of them, by type. Tools differ in the names, too: either is taken with either.
"""

from __future__ import annotations

from typing import Any, Final

from unlearn.mapping.paths import TIME

__all__ = ["OPENDSR", "OPENDSR_BEFORE"]

_LISTED: Final = "value/subject_identities/[identity_type=controller_customer_id]/[identity_format=raw]/identity_value"
_BY_TYPE: Final = "value/subject_identities/controller_customer_id/[encoding=raw]/value"


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


OPENDSR: Final[dict[str, Any]] = {"forms": [_erasure(prefix, f"{_LISTED} | {_BY_TYPE}") for prefix in ("subject_", "")]}
OPENDSR_BEFORE: Final[dict[str, Any]] = {"forms": [_erasure("subject_", _LISTED), _erasure("", _BY_TYPE)]}
