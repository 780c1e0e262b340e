"""A short history that takes every path of the fold: kills, updates, repeats, tombstones, checkpoints, rewriting."""

from __future__ import annotations

from tests.faults.site import SEAL, Site, delete, insert


def subject_of_record(number: int) -> str | None:
    return None if number % 5 == 0 else f"s{number % 5}"


def rows(first: int, last: int) -> list[object]:
    return [insert(number, subject_of_record(number)) for number in range(first, last)]


def play(site: Site) -> None:
    """To its end, with time for background work between."""
    grow(site)
    shrink(site)


def grow(site: Site) -> None:
    """Three slices, each learned before the next comes."""
    site.send(*rows(0, 10), insert(3, "s3"), SEAL)  # type: ignore[arg-type]
    site.settle()
    site.send(*rows(10, 18), insert(1, "s1", revision=1), SEAL)  # type: ignore[arg-type]
    site.settle()
    site.send(*rows(18, 26), SEAL)  # type: ignore[arg-type]
    site.settle()


def shrink(site: Site) -> None:
    """Deletions in old and new slices; slices that lose all their rows; what was deleted comes back."""
    site.send(delete("r2", "s2"), delete(None, "s4"))
    site.settle()
    site.wait(3.0)
    site.send(insert(2, "s2"), insert(4, "s4"), *rows(30, 34), SEAL)  # type: ignore[arg-type]
    site.settle()
    site.send(insert(40, "lone"), SEAL, insert(41, "other"), SEAL)
    site.settle()
    site.send(delete("r31", "s1"), delete("r30"))
    site.settle()
    site.send(delete("r40", "lone"), delete("r41", "other"))
    site.settle()
    site.send(delete("r1", "s1"), delete("r5"), *rows(50, 53), SEAL)  # type: ignore[arg-type]
    site.settle()
    site.send(*rows(53, 57), SEAL)  # type: ignore[arg-type]
    site.settle()
    site.wait(2.0)
