"""The bodies of answers and callbacks, as OpenDSR has them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import Any, Final

from unlearn.gateway.opendsr.erasure import ERASURE
from unlearn.gateway.opendsr.identities import HASHES, RAW
from unlearn.gateway.requests.request import Request, Standing, standing_of
from unlearn.gateway.requests.ticket import Ticket
from unlearn.moments import rfc3339

__all__ = ["API_VERSION", "cancelled", "created", "discovery", "error", "fides", "status", "status_callback"]

API_VERSION: Final = "2.0"
Body = dict[str, Any]


def discovery(subjects: Iterable[str], aliases: Iterable[str], certificate_url: str) -> Body:
    """What this gateway supports; `subjects` and `aliases` are types of identities, see `named_by`."""
    kinds = [*((kind, RAW) for kind in subjects), *((kind, form) for kind in aliases for form in HASHES)]
    return {
        "api_version": API_VERSION,
        "supported_identities": [{"identity_type": kind, "identity_format": form} for kind, form in kinds],
        "supported_subject_request_types": [ERASURE],
        "processor_certificate": certificate_url,
    }


def created(ticket: Ticket, body: bytes) -> Body:
    """The answer to a request that is in the log; `body` is the request's."""
    return {
        **_named(ticket),
        "expected_completion_time": rfc3339(ticket.expected),
        "received_time": rfc3339(ticket.received),
        "encoded_request": b64encode(body).decode(),
        "api_version": API_VERSION,
        **_unused(ticket),
    }


def status(request: Request, now: int) -> Body:
    """Where a request stands; `now` in ms since 1970 UTC."""
    standing = standing_of(request)
    return {
        **_named(request.ticket),
        **_standing(request.ticket, standing, now),
        "received_time": rfc3339(request.ticket.received),
        "api_version": API_VERSION,
        **({"reason": standing.reason} if standing.reason is not None else {}),
        **_unused(request.ticket),
        **_callbacks(request, standing),
    }


def cancelled(ticket: Ticket, now: int) -> Body:
    """The answer to a cancellation that is in the log; `now` in ms since 1970 UTC."""
    return {**_named(ticket), "received_time": rfc3339(now), "api_version": API_VERSION}


def status_callback(request: Request, standing: Standing, url: str, now: int) -> Body:
    """What a callback to this URL tells; `now` in ms since 1970 UTC."""
    body = {**_named(request.ticket), **_standing(request.ticket, standing, now), "status_callback_url": url}
    return {**body, "api_version": API_VERSION}


def fides(standing: Standing) -> Body:
    """What resumes Fides' task."""
    return {"rows_masked": standing.records}


def error(code: int, message: str, reason: str) -> Body:
    """An error; nothing of the request is in it."""
    detail = {"domain": "unlearn", "reason": reason, "message": message}
    return {"error": {"code": code, "message": message, "errors": [detail]}}


def _named(ticket: Ticket) -> Body:
    return {"controller_id": ticket.controller, f"{ticket.prefix}request_id": ticket.request_id}


def _standing(ticket: Ticket, standing: Standing, now: int) -> Body:
    count = {} if standing.records is None else {"results_count": standing.records}
    return {
        "request_status": standing.status,
        "expected_completion_time": rfc3339(_expected(ticket, standing, now)),
        **count,
    }


def _expected(ticket: Ticket, standing: Standing, now: int) -> int:
    """When it was done; else as foretold, or by its deadline where that has passed."""
    if standing.ended is not None:
        return standing.ended
    return max(ticket.expected, standing.deadline or 0) if now > ticket.expected else ticket.expected


def _unused(ticket: Ticket) -> Body:
    if not ticket.unused:
        return {}
    return {"unused_identities": [{"identity_type": kind, "identity_format": form} for kind, form in ticket.unused]}


def _callbacks(request: Request, standing: Standing) -> Body:
    if not request.ticket.callbacks:
        return {}
    shown = []
    for number, callback in enumerate(request.ticket.callbacks):
        note = request.told.get(number)
        given_up = {} if note is None or note.state == "notified" else {"given_up_after": note.tries}
        shown.append({"url": callback.url, "told": None if note is None else note.status, **given_up})
    return {"callbacks": shown}
