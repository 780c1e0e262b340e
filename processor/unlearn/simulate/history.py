"""What happens to a simulated world: its settings and the order of events, drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

__all__ = ["Action", "Shape", "history_of", "shape_of"]

Action = tuple[Any, ...]
"""The name of a method of `World`, and its arguments."""


@dataclass(frozen=True)
class Shape:
    """The settings that change what happens, with values so small that slices, windows and limits are met often."""

    slice_span: int
    shards: int
    checkpoints: int
    withdraw: str
    window: float
    publish_every: float
    workers: int
    erase_after: float = 1e9
    tail_every: float = 60.0
    garbage_grace: float = 100.0


def shape_of(seed: int) -> Shape:
    """The shape drawn from this seed."""
    chance = random.Random(f"shape {seed}")
    return Shape(
        slice_span=chance.choice((*range(2, 10), 25)),
        shards=chance.randint(1, 2),
        checkpoints=chance.randint(1, 4),
        withdraw=chance.choice(("auto", "always", "never")),
        window=chance.choice((0.0, 0.5)),
        publish_every=chance.choice((0.0, 0.2)),
        workers=chance.randint(1, 2),
        erase_after=chance.choice((0.0, 3.0, 1e9)),
        tail_every=chance.choice((0.5, 5.0, 60.0)),
        garbage_grace=chance.choice((2.0, 100.0)),
    )


def history_of(seed: int, *, rollbacks: bool = True) -> list[Action]:
    """Up to 150 actions drawn from this seed.

    Two in five histories have no faults; of the others half roll Redis back, unless `rollbacks` is False. Of these
    again half do it amid a turn, too.
    """
    chance = random.Random(f"history {seed}")
    calm = chance.random() < 0.4
    rollbacks = rollbacks and chance.random() < 0.5
    actions = [_action(chance, calm, rollbacks) for _ in range(chance.randint(0, 150))]
    # From a source of its own, so that all other actions of a history are as they were.
    amid = random.Random(f"amid {seed}")
    return [_amid_a_turn(amid, action) for action in actions] if amid.random() < 0.5 else actions


def _amid_a_turn(chance: random.Random, action: Action) -> Action:
    """A snapshot or a roll-back perhaps taken before or after a call of the turns that follow; other actions stay."""
    name, *given = action
    if name not in ("snapshot", "roll_back") or chance.random() < 0.5:
        return action
    return ("amid", chance.randint(0, 25), chance.random() < 0.5, name, *given)


def _action(chance: random.Random, calm: bool, rollbacks: bool) -> Action:
    who = chance.randrange(2)
    if chance.random() < 0.7:
        return chance.choice((("feed", chance.randint(1, 8)), ("turn", who, chance.choice((1, 2, 5, 50)))))
    kinds = _rare(chance, who)
    if not calm:
        kinds += _wild(chance, who)
        kinds += _rewinding(chance) if rollbacks else []
    return chance.choice(kinds)


def _rare(chance: random.Random, who: int) -> list[Action]:
    return [
        ("work", who),
        ("work", who),
        ("wait", chance.choice((0.1, 0.6, 2.5, 6.0))),
        ("wait", 0.6),
        ("again", chance.random()),
        ("set_late", chance.random() < 0.5, chance.random() < 0.5),
        ("sweep", chance.random() < 0.5),
        ("collect",),
    ]


def _wild(chance: random.Random, who: int) -> list[Action]:
    after = chance.random() < 0.5
    return [
        ("fuse", chance.randint(0, 25), after, chance.choice((0, 0, 0, 1, 8))),
        ("fuse", chance.randint(0, 12), after, 0),
        ("slow", chance.randint(0, 25), after, chance.choice((0.5, 5.0, 30.0))),
        ("stall", chance.randint(0, 25), after, chance.randint(1, 6)),
        ("crash", who),
        ("zombie", who),
        ("haunt", chance.randint(1, 3)),
        ("rebalance",),
    ]


def _rewinding(chance: random.Random) -> list[Action]:
    return [("snapshot",), ("snapshot",), ("roll_back", chance.randrange(4)), ("roll_back", 0)]
