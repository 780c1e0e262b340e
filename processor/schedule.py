"""Which shards to train now, from where: pure decisions (DESIGN 4 and 8)."""

from __future__ import annotations

from typing import NamedTuple

from processor.view import State, View

__all__ = ["Order", "orders", "window_closes"]


_JOB_ROWS = 200_000
"""A job ends after about so many rows, and another goes on from its state: a kill in between costs less."""


class Order(NamedTuple):
    """One shard's next job: fold `learn` onto `base`; a learner that forgets first goes through `forget`."""

    shard: int
    base: tuple[int, State] | None
    learn: tuple[int, ...]
    """Slice ends, in order."""
    forget: tuple[int, ...]


def orders(view: View, shards: int, forgets: bool) -> list[Order]:
    """The shards behind the last registered slice end, or dirty."""
    wanted = (_forgetting(view, shard) if forgets else _folding(view, shard) for shard in range(shards))
    return [order for order in wanted if order is not None]


def _folding(view: View, shard: int) -> Order | None:
    base = _newest(view, shard)
    learn = _behind(view, shard, base[0] if base else 0)
    return Order(shard, base, learn, ()) if learn else None


def _forgetting(view: View, shard: int) -> Order | None:
    base = _newest(view, shard)
    learn = _behind(view, shard, base[0] if base else 0)
    if base is None:
        return Order(shard, None, learn, ()) if learn else None
    through, state = base
    if not learn and state.applied >= view.hits.get(shard, 0):
        return None
    return Order(shard, base, learn, _to_forget(view, shard, through, state.applied))


def _to_forget(view: View, shard: int, through: int, since: int) -> tuple[int, ...]:
    """Ended slices below `through` with deaths since then, or rows that an open clean-up may still cover."""
    walked = min((c.cursor for c in view.cleanups.values() if c.shard == shard), default=through)
    return tuple(
        end for end, held in view.shard_slices(shard) if end <= through and (held.last_death >= since or end > walked)
    )


def _newest(view: View, shard: int) -> tuple[int, State] | None:
    states = view.shard_states(shard)
    return states[-1] if states else None


def _behind(view: View, shard: int, through: int) -> tuple[int, ...]:
    """Registered slices of the shard beyond `through` that have rows in a file, as many as one job takes."""
    found: list[int] = []
    rows = 0
    for end in view.ends_after(through):
        held = view.slices.get((shard, end))
        if end > view.registered or rows >= _JOB_ROWS:
            break
        if held is not None and held.file:
            found.append(end)
            rows += held.rows
    return tuple(found)


def window_closes(age: float, window: float, hit_shards: int, pending: int, idle: bool) -> bool:
    """Whether to retrain now the shards that deletions hit `age` seconds ago.

    When the window has passed, when nearly every shard is hit anyway (about two kills a shard), when idle.
    """
    return idle or age >= window or pending >= 2 * max(1, hit_shards)
