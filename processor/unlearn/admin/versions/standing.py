"""Whether a partition's newest version is served now, as far as the results topic tells. Pure."""

from __future__ import annotations

from typing import Literal

from unlearn.results.results_topic import Published
from unlearn.scoring.lease import is_newest_owner, vouches

__all__ = ["Standing", "standing_of"]

Standing = Literal["in force", "not leased", "owner replaced", "replaced"]
"""How a version stands.

in force: it is its partition's newest, and a heartbeat of its owner is younger than the lease. not leased: no heartbeat
is. owner replaced: another owner has claimed the partition and published nothing yet. replaced: there is a newer one.
"""


def standing_of(held: Published, now: float, lease: float) -> Standing:
    """How the partition's newest manifest stands at `now`.

    In seconds since 1970, as is `held.heartbeat_at`: scorers go by a clock of their own, so near the lease's end they
    may know better.
    """
    if held.manifest is None or not is_newest_owner(held, held.manifest):
        return "owner replaced"
    beat, at = held.heartbeat, held.heartbeat_at
    vouched = beat is not None and at is not None and vouches(beat, held.manifest) and now < at + lease
    return "in force" if vouched else "not leased"
