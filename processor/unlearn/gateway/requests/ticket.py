"""A ticket: what a gateway must know of a request beyond its event. It goes as a Kafka header of the event.

It is encrypted under the model's secret, as it may hold a token of a sender's, and bound to the event's key.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import blake2b
from secrets import token_bytes
from sys import intern
from typing import Any, Final, Literal, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from unlearn.events.partitioner import digest_key

__all__ = ["HEADER", "Callback", "Seal", "Ticket", "event_id_of"]

HEADER: Final = "unlearn-gateway"
_NONCE = 12
_VERSION = 1


class Callback(NamedTuple):
    """A URL to call when the status changes. With a token it is Fides', which is told of the end alone."""

    url: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """Of one of the events of a request.

    lifts         whether the event is the lift that cancels this part of the request
    controller    the name of the token with which the request came
    part, parts   which of the subjects and aliases that the request names the event names, from 1, of how many
    subject       a digest of it
    prefix        what stands before `request_id` in the request's body
    received      when the request came, in ms since 1970 UTC
    expected      when it will be done, as was foretold
    content       a digest of the request's body; key: of its idempotency key
    unused        the kinds (type, format) of its identities that name no subject
    owner         the gateway that took it
    """

    lifts: bool
    controller: str
    request_id: str
    part: int
    parts: int
    subject: str
    prefix: str
    received: int
    expected: int
    content: str
    key: str | None
    callbacks: tuple[Callback, ...]
    unused: tuple[tuple[str, str], ...]
    owner: str


def event_id_of(ticket: Ticket) -> str:
    """The id of the ticket's event: of a request's first deletion the request's own."""
    lift = "/lift" if ticket.lifts else ""
    return f"{ticket.request_id}{lift}" if ticket.part == 1 else f"{ticket.request_id}{lift}/{ticket.part}"


class Seal:
    """Encrypts tickets, and makes digests, under the secret of a model."""

    def __init__(self, secret: bytes, model: str) -> None:
        self._key = digest_key(secret)
        self._model = model.encode()
        self._cipher = AESGCM(self._derived(b"gateway-tickets", b"", 32))

    def sealed(self, ticket: Ticket, key: bytes) -> bytes:
        """The ticket of an event that has this Kafka key."""
        nonce = token_bytes(_NONCE)
        said = json.dumps({"version": _VERSION, **asdict(ticket)}, separators=(",", ":")).encode()
        return nonce + self._cipher.encrypt(nonce, said, self._bound(key))

    def opened(self, sealed: bytes, key: bytes) -> Ticket | None:
        """The ticket in these bytes; None where it isn't one of this model's, or is another event's."""
        if len(sealed) <= _NONCE:
            return None
        try:
            said = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], self._bound(key))
        except InvalidTag:
            return None
        return _ticket(json.loads(said))

    def digest(self, kind: Literal["content", "key", "subject", "alias", "callback"], content: bytes) -> str:
        """A keyed digest, 32 hex digits."""
        return self._derived(f"gateway-{kind}".encode(), content, 16).hex()

    def _derived(self, person: bytes, content: bytes, size: int) -> bytes:
        return blake2b(content, key=self._key, person=person, digest_size=size).digest()

    def _bound(self, key: bytes) -> bytes:
        return self._model + b"\0" + key


def _ticket(said: dict[str, Any]) -> Ticket | None:
    if said.pop("version") != _VERSION:
        return None
    callbacks = tuple(Callback(*one) for one in said.pop("callbacks"))
    unused = tuple((kind, form) for kind, form in said.pop("unused"))
    # Most tickets have these alike, and all of them stay in memory.
    said |= {name: intern(said[name]) for name in ("controller", "prefix", "owner")}
    return Ticket(**said, callbacks=callbacks, unused=unused)
