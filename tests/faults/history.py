"""A short history that takes every path of the fold: kills, updates, repeats, tombstones, checkpoints, rewriting."""

from __future__ import annotations

from tests.harness.events import SEAL, delete
from tests.harness.memory_harness import MemoryHarness, insert


def subject_of_record(number: int) -> str | None:
    return None if number % 5 == 0 else f"s{number % 5}"


def rows(first: int, last: int) -> list[object]:
    return [insert(number, subject_of_record(number)) for number in range(first, last)]


def play(harness: MemoryHarness) -> None:
    """To its end, with time for background work between."""
    grow(harness)
    shrink(harness)


def grow(harness: MemoryHarness) -> None:
    """Three slices, each learned before the next comes."""
    harness.send(*rows(0, 10), insert(3, "s3"), SEAL)  # type: ignore[arg-type]
    harness.settle()
    harness.send(*rows(10, 18), insert(1, "s1", revision=1), SEAL)  # type: ignore[arg-type]
    harness.settle()
    harness.send(*rows(18, 26), SEAL)  # type: ignore[arg-type]
    harness.settle()


def shrink(harness: MemoryHarness) -> None:
    """Deletions in old and new slices; slices that lose all their rows; what was deleted comes back."""
    harness.send(delete("r2", "s2"), delete(None, "s4"))
    harness.settle()
    harness.wait(3.0)
    harness.send(insert(2, "s2"), insert(4, "s4"), *rows(30, 34), SEAL)  # type: ignore[arg-type]
    harness.settle()
    harness.send(insert(40, "lone"), SEAL, insert(41, "other"), SEAL)
    harness.settle()
    harness.send(delete("r31", "s1"), delete("r30"))
    harness.settle()
    harness.send(delete("r40", "lone"), delete("r41", "other"))
    harness.settle()
    harness.send(delete("r1", "s1"), delete("r5"), *rows(50, 53))  # type: ignore[arg-type]
    harness.wait(2 * harness.settings.tail_every)
    harness.send(SEAL)
    harness.settle()
    harness.send(*rows(53, 57), SEAL)  # type: ignore[arg-type]
    harness.settle()
    harness.wait(2.0)
