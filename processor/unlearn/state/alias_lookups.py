"""Reading and writing whom aliases name, of those that a batch bears or names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from unlearn.state.aliases import MOST_INLINE, NO_ALIAS, Alias, decode_alias, encode_alias
from unlearn.state.members import Read, name_of
from unlearn.state.scripts import Op

__all__ = ["parse_targets", "read_aliases", "target_reads", "write_aliases"]

_PART = 1000


def read_aliases(read: Read, aliases: Collection[bytes], whole: Collection[bytes]) -> dict[bytes, Alias]:
    """The aliases with these digests; unknown ones are missing. Of those in `whole` all targets are read.

    Raises as `read` does.
    """
    if not aliases:
        return {}
    (replies,) = read([("ALIASES.GET", b"".join(map(name_of, aliases)))])
    found = {digest: decode_alias(data) for digest, data in zip(aliases, replies, strict=True) if data}
    for digest in [digest for digest in whole if digest in found and found[digest].apart]:
        found[digest] = found[digest]._replace(targets=frozenset(_targets(read, name_of(digest))))
    return found


def _targets(read: Read, name: bytes) -> Iterator[bytes]:
    cursor: str | bytes = "0"
    while True:
        cursor, flat = read([("TARGETS.HSCAN", name, cursor, "COUNT", str(_PART))])[0]
        yield from flat[::2]
        if int(cursor) == 0:
            return


def target_reads(names: Iterable[bytes]) -> list[Op]:
    """The commands that read all targets that stand apart; `parse_targets` takes each reply."""
    return [("TARGETS.HGETALL", name) for name in names]


def parse_targets(reply: list[bytes]) -> frozenset[bytes]:
    """The targets in the reply to one command of `target_reads`."""
    return frozenset(reply[::2])


def write_aliases(aliases: Mapping[bytes, Alias], before: Mapping[bytes, Alias]) -> Iterator[Op]:
    """The commands that write aliases; `before` has them as they were read. No target is ever taken away."""
    for digest, alias in aliases.items():
        name, was = name_of(digest), before.get(digest, NO_ALIAS)
        now = alias._replace(apart=alias.apart or len(alias.targets) > MOST_INLINE)
        if now.apart:
            fresh = sorted(now.targets - was.targets if was.apart else now.targets)
            for at in range(0, len(fresh), _PART):
                yield "TARGETS.HSET", name, *(word for target in fresh[at : at + _PART] for word in (target, b""))
        data = encode_alias(now)
        if data != encode_alias(was):
            yield ("ALIAS.SET", name, data) if data else ("ALIAS.DEL", name)
