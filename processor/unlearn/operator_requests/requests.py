"""How a request to a partition's owner is written and read (docs/design.md, section 10). Pure.

Whoever makes one owns no token, so nothing of the partition's own tables is written: the request stands in a hash of
its own, as field -> value, until the owner carries it out by scripts like any other.

    retry:SHARD                   ""          train a shard in quarantine again
    resolve:OFFSET                a verdict   close a possible deletion that could not be read; where OFFSET is the
                                              place at which the partition stands because nothing can be read there,
                                              step over that
    resolve:FROM-TO               a verdict   close all of them there, both ends within
    resolve:FROM-TO:JSON STRING   a verdict   close those of this reason
    quiet                         a counter   take no more events, in any partition that the worker has
    resume                        a counter   take events again

The last two stand with every partition of a worker: carrying out one of them is enough. The counter is that of the
claim which was seen: where the partition has been claimed anew, another worker would be meant, and they are done with.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

__all__ = ["VERDICTS", "Closing", "closing", "quiet", "resolve", "resolve_range", "resume", "retry"]

VERDICTS = {
    "sent": "resolved: a readable deletion was sent instead",
    "none": "resolved: it was no deletion",
}
"""What an operator may say of a possible deletion -> the reason in the dead letter that closes it."""

_PLACES = re.compile("([0-9]{1,18})(?:-([0-9]{1,18})(?::(.*))?)?", re.DOTALL)


class Closing(NamedTuple):
    """Possible deletions to be closed: those at the offsets first..last, of one reason, or of any if it is None.

    `verdict` is in the words of the dead letter.
    """

    first: int
    last: int
    verdict: str
    reason: str | None = None

    def means(self, reason: str) -> bool:
        """Whether possible deletions that are open for this reason are to be closed."""
        return self.reason in (None, reason)


def retry(shard: int) -> tuple[str, str]:
    """The request (field, value) to train a shard in quarantine again."""
    return f"retry:{shard}", ""


def quiet(claim: int) -> tuple[str, str]:
    """The request (field, value) to the worker that has made the claim of this counter to take no more events."""
    return "quiet", str(claim)


def resume(claim: int) -> tuple[str, str]:
    """The request (field, value) to the worker that has made the claim of this counter to take events again."""
    return "resume", str(claim)


def resolve(offset: int, verdict: str) -> tuple[str, str]:
    """The request (field, value) to close the possible deletion at the offset. `verdict` is a key of VERDICTS."""
    return f"resolve:{offset}", verdict


def resolve_range(first: int, last: int, reason: str | None, verdict: str) -> tuple[str, str]:
    """The request (field, value) to close possible deletions at first..last, of one reason, or of any if it is None."""
    of_reason = "" if reason is None else f":{json.dumps(reason)}"
    return f"resolve:{first}-{last}{of_reason}", verdict


def closing(text: str, verdict: str) -> Closing | None:
    """What a field `resolve:TEXT` with this value asks to close; None if it makes no sense."""
    match = _PLACES.fullmatch(text)
    if match is None or verdict not in VERDICTS:
        return None
    first, last, reason = match.groups()
    try:
        said = None if reason is None else json.loads(reason)
    except (ValueError, RecursionError):
        return None
    found = Closing(int(first), int(last or first), VERDICTS[verdict], said)
    return found if found.first <= found.last and isinstance(said, str | None) else None
