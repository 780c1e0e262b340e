"""In a simulation, time and chance follow from the seed, and chunks are so small that their edges are met."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

__all__ = ["EPOCH", "StillTime", "deterministic"]

EPOCH = 1_700_000_000
"""The wall clock's time throughout, in seconds since 1970."""


@dataclass
class StillTime:
    """Stands in for the module `time` where it is asked directly: each look is a second later, no sleep lasts."""

    now: float = 0.0
    chance: random.Random = field(default_factory=random.Random)

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now

    def perf_counter(self) -> float:
        """What is timed takes any time: one way seems cheaper now, another one later."""
        self.now += self.chance.random() ** 4
        return self.now

    def time(self) -> float:
        return float(EPOCH)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class _Nonces:
    """Stands in for the module `secrets`."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(f"nonces {seed}")

    def token_hex(self, size: int) -> str:
        return self._chance.randbytes(size).hex()


@contextmanager
def deterministic(seed: int = 0) -> Iterator[None]:
    """Everything that the workers of a simulation do within follows from the seed."""
    still = StillTime(chance=random.Random(f"paces {seed}"))
    with ExitStack() as stack:
        for module in (
            "state.scripts",
            "publishing.heartbeats",
            "publishing.manifests",
            "publishing.receipts",
            "training.trainer",
            "training.dispatch",
            "results.results_topic",
            "storage.cleanup",
            "storage.garbage",
        ):
            stack.enter_context(patch(f"unlearn.{module}.time", still))
        stack.enter_context(patch("unlearn.worker.claim.secrets", _Nonces(seed)))
        stack.enter_context(patch("unlearn.storage.store_binding.secrets", _Nonces(seed)))
        stack.enter_context(patch("unlearn.storage.cleanup._CHUNK", 2))
        stack.enter_context(patch("unlearn.state.lookups._MOST_PAIRS", 1))
        yield
