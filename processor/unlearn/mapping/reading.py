"""How a model reads its events topic: by which mapping, and what a null value under a key means."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

from unlearn.mapping.mapping import EARLIER, PLAIN, Mapping

__all__ = ["EARLIER_READING", "PLAIN_READING", "Reading", "Tombstones"]

Tombstones = Literal["refuse", "delete", "ignore"]
"""A null value under a key stays open as a possible deletion, is a deletion of what the key names, or is nothing."""


class Reading(NamedTuple):
    """The mapping, the meaning of nulls, and the URL of the schema registry by which Avro is read."""

    mapping: Mapping
    tombstones: Tombstones
    registry: str | None = None

    @property
    def lifts(self) -> bool:
        """Whether deletions can be taken back, and be meant for what came so far: there was neither earlier."""
        return self.mapping != EARLIER

    @property
    def checks_lifts(self) -> bool:
        """Whether a lift that bears a revision or a scope is refused: it was a lift of all earlier."""
        return self.mapping.lifts_checked

    @property
    def knows_aliases(self) -> bool:
        """Whether inserts bear aliases, by which deletions and lifts name them: they didn't earlier."""
        return self.mapping != EARLIER

    @property
    def knows_states(self) -> bool:
        """Whether an insert that bears the status `deleted` stays open as a possible deletion: it didn't earlier."""
        return self.mapping != EARLIER

    def told(self) -> dict[str, Any]:
        """All that decides what a message is, as it stands in a model's identity."""
        return {"mapping": self.mapping.told(), "tombstones": self.tombstones}


PLAIN_READING: Final = Reading(PLAIN, "refuse")
EARLIER_READING: Final = Reading(EARLIER, "ignore")
"""That of models made by releases before mappings; it leaves no mark in an identity."""
