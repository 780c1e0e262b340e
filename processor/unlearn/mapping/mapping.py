"""A mapping: where a sender's messages hold our fields, how they tell their type, and which words mean what.

It is data, frozen, and part of a model's identity. What a message becomes by it, `events.mapped` tells.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from unlearn.mapping.paths import alternatives, read_path, under

__all__ = ["EARLIER", "PLAIN", "DeletionPaths", "Form", "InsertPaths", "Mapping", "TombstonePaths", "Words"]


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _readable(paths: tuple[str, ...]) -> tuple[str, ...]:
    for text in paths:
        for path in alternatives(under(text, "value")):
            read_path(path)
    return paths


Paths = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(strict=False)]
"""Paths that must agree where several are there; each may be `a | b`, of which the first that is there counts."""
Texts = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(strict=False)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _FieldPaths(_Frozen):
    @model_validator(mode="after")
    def _paths_are_readable(self) -> Self:
        for name in type(self).model_fields:
            _readable(getattr(self, name))
        return self

    def of(self, field: str) -> tuple[str, ...]:
        """The paths of one of our fields."""
        paths: tuple[str, ...] = getattr(self, field)
        return paths

    def named(self) -> list[str]:
        """Our fields that have a path."""
        return [name for name in type(self).model_fields if self.of(name)]


class InsertPaths(_FieldPaths):
    """Where the fields of an insert are."""

    event_id: Paths = ()
    record_id: Paths = ()
    subject_id: Paths = ()
    revision: Paths = ()
    occurred_at: Paths = ()
    label: Paths = ()
    text: Paths = ()
    features: Paths = ()
    aliases: Paths = ()
    """Each adds what it finds: a string, or a list of strings."""


class DeletionPaths(_FieldPaths):
    """Where the fields of a deletion are."""

    event_id: Paths = ()
    subject_id: Paths = ()
    record_id: Paths = ()
    alias: Paths = ()
    revision: Paths = ()
    requested_at: Paths = ()
    forget_within: Paths = ()
    scope: Paths = ()


class TombstonePaths(_FieldPaths):
    """What a key names, where a null value under it is a deletion."""

    subject_id: Paths = ()
    record_id: Paths = ()


class Words(_Frozen):
    """What the type's word means. A `*` stands for any letters, but never makes an insert of a word for a deletion."""

    insert: Texts = ()
    delete: Texts = ()
    lift: Texts = ()


class Form(_Frozen):
    """One shape of messages. It is told by `when`: paths all of which must be there, and `unless`: none of which may.

    `row`, `gone`: what `row/` stands for in the paths of inserts, and of deletions. `needs`: fields without which an
    insert is a bad one. `passed`: parts of the value that say nothing of the event, such as the row as it was before.
    """

    when: Paths = ()
    unless: Paths = ()
    type: Paths = ()
    words: Words = Words()
    row: str = "value"
    gone: str = "value"
    insert: InsertPaths = InsertPaths()
    delete: DeletionPaths = DeletionPaths()
    needs: Texts = ()
    passed: Paths = ()

    @model_validator(mode="after")
    def _is_told(self) -> Self:
        for paths in (self.when, self.unless, self.type, (self.row, self.gone), self.passed):
            _readable(paths)
        if not self.type:
            raise ValueError("type: the path is missing at which a message's type stands")
        if set(self.needs) - set(InsertPaths.model_fields):
            raise ValueError("needs: names fields of an insert")
        return self


class Mapping(_Frozen):
    """How the messages of one topic are read. With no forms they are our own JSON alone, which every mapping reads.

    `frames`: whether a byte order mark, and a schema registry's 5 bytes, are taken off. `avro`: whether what
    is behind such bytes may be Avro. `enveloped`: whether value and
    key may be `{"schema", "payload"}`, as Kafka Connect writes them. `numeric_ids`: whether `123` is taken as `"123"`.
    `tombstone`: what a null's key names. `tombstones_follow`: whether a null under a key that follows a deletion with
    the same key is its tombstone, and says nothing more. `lifts_checked`: whether a lift that bears a revision or a
    scope, of which it has none, is refused; else it lifts all the same.
    """

    name: str = Field("plain", exclude=True)
    frames: bool = True
    avro: bool = False
    enveloped: bool = False
    numeric_ids: bool = False
    forms: tuple[Form, ...] = ()
    tombstone: TombstonePaths = TombstonePaths()
    tombstones_follow: bool = False
    lifts_checked: bool = False
    _before: tuple[Mapping, ...] = PrivateAttr(())
    """See `before`. A private one, as no file may say it."""

    def told(self) -> dict[str, Any]:
        """All that it says, without what is as usual: equal for mappings that read alike."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @property
    def before(self) -> tuple[Mapping, ...]:
        """What the same name meant in earlier releases: models that they made go on with it."""
        return self._before

    def formerly(self, *before: Mapping) -> Mapping:
        """The same mapping, with what its name meant before."""
        same = self.model_copy()
        same._before = tuple(one for one in before if one.told() != self.told())  # noqa: SLF001
        return same

    def __str__(self) -> str:
        return self.name


PLAIN: Final = Mapping(lifts_checked=True).formerly(Mapping())
EARLIER: Final = Mapping(name="earlier", frames=False)
"""As releases before mappings read: models that they made go on with it."""
