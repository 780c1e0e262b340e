"""Tickets: whoever has the model's secret reads them, for the event that they are of, and nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unlearn.gateway.requests.ticket import Callback, Seal, Ticket, event_id_of

SECRET = b"a secret of sixteen bytes"
TICKET = Ticket(
    lifts=False,
    controller="shop",
    request_id="r1",
    part=1,
    parts=2,
    subject="ab" * 16,
    prefix="subject_",
    received=1_700_000_000_000,
    expected=1_700_000_009_000,
    content="cd" * 16,
    key=None,
    callbacks=(Callback("https://a.example/b"), Callback("https://f.example/c", "a token")),
    unused=(("email", "sha256"),),
    owner="0123",
)


def test_a_ticket_comes_back_as_it_was() -> None:
    sealed = Seal(SECRET, "mail").sealed(TICKET, b"ann")

    assert Seal(SECRET, "mail").opened(sealed, b"ann") == TICKET
    assert b"a token" not in sealed
    assert Seal(SECRET, "mail").sealed(TICKET, b"ann") != sealed


@pytest.mark.parametrize("spoilt", [b"", b"short", bytes(200)])
def test_other_bytes_are_none(spoilt: bytes) -> None:
    assert Seal(SECRET, "mail").opened(spoilt, b"ann") is None


def test_another_model_secret_or_event_reads_nothing() -> None:
    sealed = Seal(SECRET, "mail").sealed(TICKET, b"ann")

    assert Seal(SECRET, "chat").opened(sealed, b"ann") is None
    assert Seal(b"another secret of its own", "mail").opened(sealed, b"ann") is None
    assert Seal(SECRET, "mail").opened(sealed, b"bob") is None
    assert Seal(SECRET, "mail").opened(sealed[:-1] + bytes([sealed[-1] ^ 1]), b"ann") is None


def test_the_events_of_a_request_have_ids_of_their_own() -> None:
    parts = [replace(TICKET, part=part, lifts=lifts) for lifts in (False, True) for part in (1, 2)]

    assert [event_id_of(part) for part in parts] == ["r1", "r1/2", "r1/lift", "r1/lift/2"]
