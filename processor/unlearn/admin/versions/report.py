"""What `unlearn versions` and `unlearn diff` tell, as JSON: `unlearn schemas` has the schemas."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from unlearn.admin.versions.standing import Standing
from unlearn.results.manifest import Moment, TokenField

__all__ = ["Difference", "PartitionDiffers", "ScoresDiffer", "ShardDiffers", "VersionTold", "WeightDiffers"]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class VersionTold(_Told):
    """One version of a partition: one line of `unlearn versions --json`."""

    version: int = Field(description="offset of its manifest on the results topic")
    at: Moment = Field(description="when it was composed, by its owner's clock")
    partition: int
    applied: int = Field(description="no row is in it that an event with a lower offset has killed")
    rows: int
    before: int | None = Field(description="the version of the partition before it; null: none is known")
    follows: bool = Field(description="false: there may be versions between `before` and it that aren't known")
    learned: int | None = Field(description="rows that it holds and `before` doesn't; null: not known, see `unknown`")
    forgotten: int | None = Field(description="rows of `before` that deletions have ended")
    replaced: int | None = Field(description="rows of `before` that later revisions have taken the place of")
    withheld: int | None = Field(description="rows of `before` that live, whose shard fell back to an older state")
    unknown: str | None = Field(description="why the counts aren't known")
    standing: Standing
    newest: int | None = Field(description="the partition's newest manifest, which says the same; null if replaced")
    counter: int = Field(description="of the token of the owner that published it first")
    owner: TokenField | None = Field(description="the token of the owner of `newest`; null if replaced")
    vouched_at: Moment = Field(description="the owner's newest heartbeat, by the broker's clock; null if replaced")


class ShardDiffers(_Told):
    """One shard that differs between two versions."""

    shard: int
    rows: tuple[int, int] = Field(description="of the earlier and of the later version")
    through: tuple[int, int]


class PartitionDiffers(_Told):
    """What a partition learned and forgot from one version to the other."""

    partition: int
    versions: tuple[int | None, int | None] = Field(description="those in force at the two; null: not known")
    rows: tuple[int | None, int | None]
    learned: int | None
    forgotten: int | None
    replaced: int | None
    withheld: int | None
    shards: tuple[ShardDiffers, ...] = Field(description="those that may hold other rows; by their counts, or the log")
    unknown: str | None = Field(description="why something isn't known")


class WeightDiffers(_Told):
    """How the weight of one feature for one class differs. A hashed feature has no name."""

    feature: int
    of: str = Field(description="the class whose score it adds to")
    weight: tuple[float, float]


class ScoresDiffer(_Told):
    """How the scores of texts differ."""

    texts: int
    same_label: int = Field(description="texts with the same likeliest class")
    largest: float = Field(description="largest difference of any probability")
    at: int | None = Field(description="line of the text with it, from 1; null without texts")


class Difference(_Told):
    """How two versions of the ensemble differ: each is what was the newest of every partition at a results offset."""

    versions: tuple[int, int]
    partitions: tuple[PartitionDiffers, ...]
    weights: tuple[WeightDiffers, ...] | None = Field(description="the largest changes; null: not known, see below")
    weights_unknown: str | None
    scores: ScoresDiffer | None = Field(description="null: not asked for, or not known, see below")
    scores_unknown: str | None
    notes: tuple[str, ...]
