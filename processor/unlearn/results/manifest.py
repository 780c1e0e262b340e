"""Manifests, heartbeats and receipts: what goes to the results and receipts topics, and how manifests order.

A manifest lists one partition's shard states. It is ordered against others of its partition by its token's
counter, then by its sequence; a heartbeat names the manifest in force.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

__all__ = [
    "Fingerprint",
    "Heartbeat",
    "Manifest",
    "Moment",
    "NoteState",
    "Order",
    "Position",
    "Receipt",
    "ShardEntry",
    "ShardState",
    "TokenField",
    "heartbeat_key",
    "manifest_key",
    "read_heartbeat",
    "read_manifest",
    "read_receipt",
]

Order = tuple[int, int]
"""(counter, sequence): the greater is the newer."""

_MAX = 2**53 - 1
_MOST_BYTES = 16 * 1024 * 1024
"""Longer values are not read as manifests; 1,024 shards need about a tenth of it."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False, hide_input_in_errors=True)

    def encode(self) -> bytes:
        """The message as JSON bytes."""
        return self.model_dump_json().encode()


class TokenField(_Message):
    """The token of the owner that wrote a manifest."""

    counter: int = Field(ge=0, le=_MAX, description="higher with each claim of the partition")
    nonce: str = Field(pattern="^[0-9a-f]{32}$", description="128 bits in hex, by which owners of one counter differ")


ShardState = Literal["current", "behind", "withdrawn", "left-out", "empty"]
"""How a shard's published state stands to the partition's last slice end.

current: it reaches that end. behind: new slices are still being learned. withdrawn: a deletion took the newest state
away, an older clean one stands in. left-out: no clean state is left, and the shard takes no part. empty: the shard has
no rows.
"""


class ShardEntry(_Message):
    """One shard's state: the fold over its rows with slot < through that are not dead before `applied`."""

    shard: int = Field(ge=0, le=_MAX)
    through: int = Field(ge=0, le=_MAX, description="only rows with a lower offset are in the state")
    status: ShardState = Field(description="how the state stands to the partition's last slice end")
    rows: int = Field(ge=0, le=_MAX, description="in the state")
    lineage: str = Field(pattern="^[0-9a-f]{32}$", description="keyed digest of the slices and holes it was made of")
    digest: str = Field(
        pattern="^[0-9a-f]{64}$",
        description="sha256 of the state's canonical bytes; that of the empty state where there are no rows",
    )
    file: str = Field(max_length=512, description="name in the store; empty where the state is the empty one")
    size: int = Field(ge=0, le=_MAX, description="bytes of the file")
    summary: dict[str, int | float] = Field(
        default={},
        description="numbers by name, which the learner says of the state; of positive-unlabelled ones, its part of "
        "the ensemble's c",
    )


class Fingerprint(_Message):
    """The last record of the log that was applied."""

    offset: int = Field(ge=0, le=_MAX)
    epoch: int = Field(ge=-1, le=_MAX, description="leader epoch; -1: unknown")
    digest: str = Field(pattern="^[0-9a-f]{32}$", description="keyed digest of its key and value")
    timestamp: int | None = Field(default=None, description="its time, ms since 1970; null from an earlier release")


class Manifest(_Message):
    """What an owner publishes of its partition: shard states, none of which holds a row deleted before `applied`."""

    model: str
    identity: str = Field(pattern="^[0-9a-f]{64}$", description="sha256 of `made`")
    partition: int = Field(ge=0, le=_MAX)
    token: TokenField
    sequence: int = Field(ge=1, le=_MAX, description="rises with each manifest under one token")
    applied: int = Field(ge=0, le=_MAX, description="the next offset of the log that the owner has not applied")
    erased_through: int = Field(
        ge=0, le=_MAX, description="what was deleted before this offset has left the store and Redis too"
    )
    start: int = Field(
        default=0,
        ge=0,
        le=_MAX,
        description="where the model begins in the log: building it again needs the log from there on",
    )
    created_at: int = Field(description="ms since 1970 UTC, by the owner's clock: for people; nothing is decided by it")
    learner: str
    profile: str = Field(description="empty where states have the same bytes on every CPU")
    signature: str = Field(default="", description="always empty: signatures are not in use")
    shards: tuple[ShardEntry, ...]
    skipped: tuple[tuple[int, int], ...] = Field(
        default=(),
        description="runs [start, stop) of offsets that could not be decoded and that an operator had stepped over; "
        "nothing in them was applied",
    )
    c: float | None = Field(
        default=None,
        description="P(labelled | positive) estimated from these shards; only for positive-unlabelled learners",
    )
    fingerprint: Fingerprint | None = Field(
        default=None, description="null before the first record, and from releases without fingerprints"
    )
    proof: str = Field(
        default="",
        pattern="^([0-9a-f]{32})?$",
        description="a code that only a holder of the model's secret can make; see `unlearn.results.proof`. Empty in "
        "older ones",
    )
    made: str = Field(
        default="",
        max_length=65536,
        description="the model's identity as canonical JSON, whose sha256 `identity` is: what a scorer has to know of "
        "the model. It tells no secret. Empty in older ones",
    )

    @property
    def order(self) -> Order:
        """(counter, sequence), by which manifests of a partition order."""
        return self.token.counter, self.sequence


class Heartbeat(_Message):
    """The word of an owner that still holds its token: which manifest is in force."""

    counter: int = Field(ge=0, le=_MAX, description="of the owner's token")
    nonce: str = Field(pattern="^[0-9a-f]{32}$", description="of the owner's token")
    sequence: int = Field(ge=1, le=_MAX, description="of the manifest in force")


class Position(_Message):
    """A place in the events topic."""

    partition: int
    offset: int


Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None
"""RFC 3339 in UTC, to the millisecond; None where it isn't known."""


NoteState = Literal["notified", "unnotified"]
"""The states of a gateway's notes, which stand among the receipts and are none."""


_STATES = ("accepted", "refused", "hidden", "lifted", "adopted", "erased", "expired")


class Receipt(_Message):
    """What became of one deletion or lift. A field is null where it doesn't apply, or isn't known.

    accepted: it is applied. hidden: no version in force holds its rows. lifted: a lift is in force, on all partitions.
    refused: it can't be applied, for `reason`; a deletion stays open until an operator closes it. adopted, erased,
    expired: reserved. Others may come: pass over those that you don't know, as they take back nothing that is told.
    """

    event_id: str
    state: str = Field(
        description="how far it came: one of these as yet; pass over others", json_schema_extra={"examples": [*_STATES]}
    )
    model: str | None = None
    identity: str | None = Field(None, description="sha256 of the model's identity, as its manifests bear it")
    partition: int = Field(description="where the sender put the event")
    offset: int
    applied_at: Position | None = Field(None, description="where it was applied: there, or where it was sent on to")
    records: int | None = Field(
        None, description="live rows that this event killed, in all partitions; a later `hidden` may tell it first"
    )
    requested_at: Moment = Field(None, description="as the event says, in UTC")
    accepted_at: Moment = Field(None, description="when it was applied")
    at: Moment = Field(None, description="when it came to this state")
    deadline: Moment = None
    met: bool | None = Field(None, description="whether it was hidden by its deadline")
    version: int | None = Field(None, description="results offset of the manifest since which it is hidden")
    reason: str | None = Field(None, description="why it can't be applied")


def manifest_key(model: str, partition: int) -> bytes:
    """The key of a partition's manifests on the results topic."""
    return f"{model}/{partition}".encode()


def heartbeat_key(model: str, partition: int) -> bytes:
    """The key of a partition's heartbeats on the results topic."""
    return f"{model}/{partition}/heartbeat".encode()


def read_manifest(value: bytes) -> Manifest | None:
    """The manifest in these bytes; None if they aren't one."""
    if len(value) > _MOST_BYTES:
        return None
    try:
        return Manifest.model_validate_json(value)
    except ValidationError:
        return None


def read_heartbeat(value: bytes) -> Heartbeat | None:
    """The heartbeat in these bytes; None if they aren't one."""
    try:
        return Heartbeat.model_validate_json(value)
    except ValidationError:
        return None


def read_receipt(value: bytes | None) -> Receipt | None:
    """The receipt in these bytes, of whatever state; None if they aren't one, but a note for instance."""
    try:
        found = Receipt.model_validate_json(value or b"")
    except ValidationError:
        return None
    return None if found.state in get_args(NoteState) else found
