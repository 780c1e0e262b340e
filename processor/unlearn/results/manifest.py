"""Manifests, heartbeats and receipts: what goes to the results and receipts topics, and how manifests order.

A manifest lists one partition's shard states. It is ordered against others of its partition by its token's
counter, then by its sequence; a heartbeat names the manifest in force.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

__all__ = [
    "Fingerprint",
    "Heartbeat",
    "Manifest",
    "Order",
    "Receipt",
    "ShardEntry",
    "ShardState",
    "TokenField",
    "heartbeat_key",
    "manifest_key",
    "read_heartbeat",
    "read_manifest",
]

Order = tuple[int, int]
"""(counter, sequence): the greater is the newer."""

_MAX = 2**53 - 1
_MOST_BYTES = 16 * 1024 * 1024
"""Of a manifest: some ten times what 1,024 shards need."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False, hide_input_in_errors=True)

    def encode(self) -> bytes:
        return self.model_dump_json().encode()


class TokenField(_Message):
    counter: int = Field(ge=0, le=_MAX)
    nonce: str = Field(pattern="^[0-9a-f]{32}$")


ShardState = Literal["current", "behind", "withdrawn", "left-out", "empty"]
"""current: up to the last slice end. behind: new slices are still being learned. withdrawn: a deletion took the
newest state away, an older clean one stands in. left-out: no clean state is left; it takes no part. empty: the
shard has no rows."""


class ShardEntry(_Message):
    """One shard's state: the fold over its rows with slot < through that are not dead before `applied`."""

    shard: int = Field(ge=0, le=_MAX)
    through: int = Field(ge=0, le=_MAX)
    status: ShardState
    rows: int = Field(ge=0, le=_MAX)
    lineage: str = Field(pattern="^[0-9a-f]{32}$")
    digest: str = Field(pattern="^[0-9a-f]{64}$")
    """sha256 of the state's canonical bytes; that of the empty state where there are no rows."""
    file: str = Field(max_length=512)
    """Name in the store; empty where the state is the empty one."""
    size: int = Field(ge=0, le=_MAX)
    summary: dict[str, int | float] = {}
    """What the learner says of the state; of positive-unlabelled ones, what the shard adds to the ensemble's c."""


class Fingerprint(_Message):
    """The last record of the log that was applied; `digest` is keyed, over its key and value. `timestamp` in ms."""

    offset: int = Field(ge=0, le=_MAX)
    epoch: int = Field(ge=-1, le=_MAX)
    digest: str = Field(pattern="^[0-9a-f]{32}$")
    timestamp: int | None = None


class Manifest(_Message):
    """Every deletion before `applied` is in none of these states."""

    model: str
    identity: str = Field(pattern="^[0-9a-f]{64}$")
    partition: int = Field(ge=0, le=_MAX)
    token: TokenField
    sequence: int = Field(ge=1, le=_MAX)
    applied: int = Field(ge=0, le=_MAX)
    erased_through: int = Field(ge=0, le=_MAX)
    start: int = Field(default=0, ge=0, le=_MAX)
    """Where the model begins in the partition's log: building it again needs the log from there on."""
    created_at: int
    """ms since 1970 UTC, by the owner's clock: for people; nothing is decided by it."""
    learner: str
    profile: str
    signature: str = ""
    shards: tuple[ShardEntry, ...]
    skipped: tuple[tuple[int, int], ...] = ()
    """Runs [start, stop) of offsets that couldn't be decoded and that an operator had stepped over: nothing in
    them was applied."""
    c: float | None = None
    """P(labelled | positive) by these shards, of a model of positive and unlabelled rows."""
    fingerprint: Fingerprint | None = None
    """None before the first record, and in manifests of before there were fingerprints."""
    proof: str = Field(default="", pattern="^([0-9a-f]{32})?$")
    """That a holder of the model's secret wrote it; see `unlearn.results.proof`. Empty in manifests of before."""

    @property
    def order(self) -> Order:
        return self.token.counter, self.sequence


class Heartbeat(_Message):
    """The manifest in force, named by an owner that still holds its token."""

    counter: int = Field(ge=0, le=_MAX)
    nonce: str = Field(pattern="^[0-9a-f]{32}$")
    sequence: int = Field(ge=1, le=_MAX)


class Receipt(_Message):
    """What becomes of one deletion: accepted once it is applied, hidden once no version in force holds it;
    refused, for `reason`, where it can't be applied. Lifted is kept for the end of a subject's tombstone.

    partition and offset name the deletion's event as its sender put it; version is the results offset of the
    manifest that hides it.
    """

    event_id: str
    state: Literal["accepted", "refused", "hidden", "lifted"]
    partition: int
    offset: int
    version: int | None = None
    reason: str | None = None


def manifest_key(model: str, partition: int) -> bytes:
    return f"{model}/{partition}".encode()


def heartbeat_key(model: str, partition: int) -> bytes:
    return f"{model}/{partition}/heartbeat".encode()


def read_manifest(value: bytes) -> Manifest | None:
    """The manifest of these bytes; None if they are none."""
    if len(value) > _MOST_BYTES:
        return None
    try:
        return Manifest.model_validate_json(value)
    except ValidationError:
        return None


def read_heartbeat(value: bytes) -> Heartbeat | None:
    try:
        return Heartbeat.model_validate_json(value)
    except ValidationError:
        return None
