"""The history of versions: what the history topic keeps of each published manifest, for longer than the manifest.

A version is the results offset of a manifest. Compaction leaves only a partition's newest manifest on the results
topic; the history says which rows the earlier ones held: a row is in a version if its slot lies before its shard's
`through`, and no event before `applied` has killed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unlearn.moments import rfc3339
from unlearn.results.manifest import Manifest, Moment

__all__ = [
    "FULL_EVERY",
    "NOTHING_TOLD",
    "Chain",
    "PublishedVersion",
    "ShardRows",
    "read_version",
    "shards_of",
    "tell",
    "tell_again",
]

FULL_EVERY: Final = 600_000
"""Milliseconds between two full messages of a partition, at most: a reader needs one that is no older to begin with."""

_MAX = 2**53 - 1


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


class ShardRows(_Message):
    """Of one shard: how far its state reaches, and how many rows it holds."""

    shard: int = Field(ge=0, le=_MAX)
    through: int = Field(ge=0, le=_MAX, description="only rows with a lower offset are in it")
    rows: int = Field(ge=0, le=_MAX)


class PublishedVersion(_Message):
    """One manifest, as the history keeps it. It may be told more than once, and then says the same."""

    model: str
    identity: str = Field(pattern="^[0-9a-f]{64}$")
    partition: int = Field(ge=0, le=_MAX)
    version: int = Field(ge=0, le=_MAX, description="offset of the manifest on the results topic")
    after: int | None = Field(
        ge=0, le=_MAX, description="version since which no other has changed a shard; null where it isn't known"
    )
    counter: int = Field(ge=0, le=_MAX, description="of the token of the owner that published it")
    sequence: int = Field(ge=1, le=_MAX)
    at: Moment = Field(description="when it was composed, by its owner's clock")
    applied: int = Field(ge=0, le=_MAX, description="no row is in it that an event with a lower offset has killed")
    full: bool = Field(description="whether all shards are named, or those alone that differ from `after`")
    shards: tuple[ShardRows, ...]

    def encode(self) -> bytes:
        """The message as JSON bytes."""
        return self.model_dump_json().encode()


def read_version(value: bytes | None) -> PublishedVersion | None:
    """The message in these bytes; None if they are none."""
    try:
        return PublishedVersion.model_validate_json(value or b"")
    except ValidationError:
        return None


def shards_of(manifest: Manifest) -> dict[int, ShardRows]:
    """What a manifest says of its shards' rows, by shard."""
    return {
        entry.shard: ShardRows(shard=entry.shard, through=entry.through, rows=entry.rows) for entry in manifest.shards
    }


class Chain(NamedTuple):
    """What was told of a partition without a gap.

    version  told last; None before the first, of which all shards are told
    shards   of that version
    full_at  when the last full message's manifest was composed, in ms since 1970
    """

    version: int | None
    shards: Mapping[int, ShardRows]
    full_at: int


NOTHING_TOLD: Final = Chain(None, MappingProxyType({}), 0)


def tell(chain: Chain, version: int, manifest: Manifest) -> tuple[Chain, PublishedVersion | None]:
    """The next manifest's message, and the chain with it; no message where no shard has changed."""
    shards = shards_of(manifest)
    full = chain.version is None or not 0 <= manifest.created_at - chain.full_at < FULL_EVERY
    if chain.version is not None and shards == chain.shards:
        return chain, None
    told = [entry for shard, entry in shards.items() if full or entry != chain.shards.get(shard)]
    message = _message(chain, version, manifest, told, full=full)
    return Chain(version, shards, manifest.created_at if full else chain.full_at), message


def tell_again(chain: Chain, version: int, manifest: Manifest) -> tuple[Chain, PublishedVersion | None]:
    """A message that a later manifest says what the chain's says, and the chain with it; none where it doesn't.

    Without it nobody could tell that no version between the two changed a shard, once compaction has left only the
    later one.
    """
    if chain.version is None or version <= chain.version or shards_of(manifest) != chain.shards:
        return chain, None
    return chain._replace(version=version), _message(chain, version, manifest, (), full=False)


def _message(
    chain: Chain, version: int, manifest: Manifest, told: Sequence[ShardRows], *, full: bool
) -> PublishedVersion:
    return PublishedVersion(
        model=manifest.model,
        identity=manifest.identity,
        partition=manifest.partition,
        version=version,
        after=chain.version,
        counter=manifest.token.counter,
        sequence=manifest.sequence,
        at=rfc3339(manifest.created_at),
        applied=manifest.applied,
        full=full,
        shards=tuple(told),
    )
