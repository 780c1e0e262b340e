"""Which shards to train now, and from which state: docs/design.md, sections 4 and 8. Pure decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import takewhile
from math import inf
from types import MappingProxyType
from typing import NamedTuple

from unlearn.partition.cleanups.unburied import Unburied
from unlearn.partition.rates import Rates
from unlearn.partition.slices.subject_filters import SubjectFilters
from unlearn.partition.tables import State, Tables

__all__ = ["Order", "filed", "is_due", "orders", "predicted", "window_closes"]


_JOB_ROWS = 200_000
"""A job takes about so many rows and another goes on from its state, so that a kill voids less work."""


class Order(NamedTuple):
    """One shard's next job: learn the slices `learn` onto the state `base`, None for the empty one.

    A learner that forgets first forgets the dead rows of the slices `forget`.
    """

    shard: int
    base: tuple[int, State] | None
    """(through, state)."""
    learn: tuple[int, ...]
    """Slice ends, in order."""
    forget: tuple[int, ...]
    unburied: int | None = None
    """As in a job."""


def orders(
    view: Tables,
    shards: int,
    forgets: bool,
    rates: Rates | None = None,
    filters: SubjectFilters | None = None,
    unburied: Mapping[int, Unburied] = MappingProxyType({}),
) -> list[Order]:
    """An order for each shard that is behind the last registered slice end, or dirty, in the cheapest exact way.

    `filters`: in which slices the rows may be that open clean-ups are still to bury. `unburied`: by shard, as far as it
    is known of its newest state.
    """
    rates, filters = rates or Rates(), filters or SubjectFilters()

    def wanted(shard: int) -> Order | None:
        if not forgets:
            return _folding(view, shard)
        return _forgetting(view, shard, rates, filters, unburied.get(shard))

    return [order for shard in range(shards) if (order := wanted(shard)) is not None]


def is_due(view: Tables, shard: int, forgets: bool) -> bool:
    """Whether `orders` has an order for the shard."""
    base = _newest(view, shard)
    if base is not None and forgets and base[1].applied < view.hits.get(shard, 0):
        return True
    return bool(_behind(view, shard, base[0] if base else 0))


def predicted(view: Tables, order: Order, rates: Rates) -> float:
    """Seconds that the order's job should take if all its slices are learned, by the rates measured."""
    ends = {*order.learn, *order.forget}
    held = [view.slices[order.shard, end] for end in ends if (order.shard, end) in view.slices]
    return rates.anew(sum(one.rows for one in held), sum(one.live for one in held))


def _folding(view: Tables, shard: int) -> Order | None:
    base = _newest(view, shard)
    learn = _behind(view, shard, base[0] if base else 0)
    return Order(shard, base, learn, ()) if learn else None


def _forgetting(
    view: Tables, shard: int, rates: Rates, filters: SubjectFilters, unburied: Unburied | None
) -> Order | None:
    base = _newest(view, shard)
    learn = _behind(view, shard, base[0] if base else 0)
    if base is None:
        return Order(shard, None, learn, ()) if learn else None
    through, state = base
    if not learn and state.applied >= view.hits.get(shard, 0):
        return None
    known = unburied is not None and unburied.file == state.file
    died = {end for end in view.of_shard(shard).died_since(state.applied) if end <= through}
    unwalked = _unwalked(view, shard, through, filters, state.applied if known else 0)
    forget = tuple(sorted(died.union(unwalked)))
    order = Order(shard, base, learn, forget, unburied.sum if unburied and known else None)
    return _anew(view, shard, base, forget, rates) or order


def _anew(view: Tables, shard: int, base: tuple[int, State], forget: tuple[int, ...], rates: Rates) -> Order | None:
    """The order to learn all slices from empty, if that is cheaper and one job gets as far as the base; or None.

    Where nothing died, nothing is cheaper than the state as it is.
    """
    if not forget:
        return None
    through, state = base
    _, live, stored = view.of_shard(shard).counted(through)
    touched = sum(view.slices[shard, end].rows for end in forget)
    if rates.forgetting(touched, state.rows - live) <= rates.anew(stored, live):
        return None
    learn = _behind(view, shard, 0)
    return Order(shard, None, learn, ()) if learn and learn[-1] >= through else None


def _unwalked(view: Tables, shard: int, through: int, filters: SubjectFilters, since: int) -> list[int]:
    """Ends up to `through` of the slices with rows that an open clean-up may still bury, and that died at `since` or
    later."""
    every = view.open_cleanups.of_shard(shard).items()
    cleanups = {subject: cleanup for subject, cleanup in every if cleanup.deaths[-1] >= since}
    if not cleanups:
        return []
    walked = min(cleanup.cursor for cleanup in cleanups.values())
    return filters.may_hold(shard, view.of_shard(shard).ends_with_rows(walked, through), b"".join(cleanups))


def filed(view: Tables, shard: int, through: int) -> list[int]:
    """The ends up to `through` of the shard's slices that have a file with rows."""
    up_to = takewhile(lambda one: one[0] <= through, view.of_shard(shard).with_rows())
    return [end for end, held in up_to if held.file]


def _newest(view: Tables, shard: int) -> tuple[int, State] | None:
    states = view.shard_states(shard)
    return states[-1] if states else None


def _behind(view: Tables, shard: int, through: int) -> tuple[int, ...]:
    """The ends of registered slices of the shard beyond `through` that have a file, as many as one job takes."""
    found: list[int] = []
    rows, registered = 0, view.registered
    for end, held in view.of_shard(shard).with_rows(through):
        if end > registered or rows >= _JOB_ROWS:
            break
        if held.file:
            found.append(end)
            rows += held.rows
    return tuple(found)


def window_closes(
    age: float, window: float, hit_shards: int, pending: int, idle: bool, left: Callable[[], float] = lambda: inf
) -> bool:
    """Whether to retrain now the shards that deletions hit `age` seconds ago, instead of gathering more deletions.

    Yes if the window of `window` seconds has passed; if there are two deletions pending for each hit shard; if the
    worker is idle; or if the oldest deadline, less the time that retraining takes, is `left` seconds away and the
    window would miss it. `left` is asked last, and so of few pending deletions only.
    """
    return idle or age >= window or pending >= 2 * max(1, hit_shards) or age + left() <= window
