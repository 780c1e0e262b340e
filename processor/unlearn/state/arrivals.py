"""Which events that this model has sent on to a partition were applied there: what is sent on counts once.

An event may be sent on twice, where its sender was cut off before it could note that, or Redis was set back. Behind a
lift the second one would delete, or insert, once more. So an event is remembered where it arrives, for good, by a
digest of its first place and time, of a deletion also of what it deletes: some 35 bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from unlearn.state.members import Read, name_of
from unlearn.state.scripts import Op

__all__ = ["arrived", "write_arrivals"]


def arrived(read: Read, arrivals: Collection[bytes]) -> set[bytes]:
    """Those of the digests that are known. Raises as `read` does."""
    if not arrivals:
        return set()
    (replies,) = read([("ARRIVALS.GET", b"".join(map(name_of, arrivals)))])
    return {digest for digest, reply in zip(arrivals, replies, strict=True) if reply is not None}


def write_arrivals(arrivals: Iterable[bytes]) -> Iterable[Op]:
    """The commands that remember these digests."""
    for digest in arrivals:
        yield "ARRIVAL.SET", name_of(digest)
