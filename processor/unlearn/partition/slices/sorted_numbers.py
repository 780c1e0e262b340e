"""A list of numbers that is kept sorted."""

from __future__ import annotations

from bisect import bisect_left

__all__ = ["keep_sorted"]


def keep_sorted(numbers: list[int], number: int, *, there: bool) -> None:
    """Have the number in the sorted list, or not, as `there` says. Where it is so already nothing is moved."""
    at = bisect_left(numbers, number)
    found = at < len(numbers) and numbers[at] == number
    if there and not found:
        numbers.insert(at, number)
    elif found and not there:
        del numbers[at]
