from __future__ import annotations

from unlearn.recently_used import RecentlyUsed


def held(kept: RecentlyUsed[str, int], keys: str) -> str:
    return "".join(key for key in keys if kept.get(key) is not None)


def test_what_was_not_used_for_longest_goes_first() -> None:
    kept = RecentlyUsed[str, int](100)
    for key in "abc":
        kept.put(key, 1, 30)
    assert kept.get("a") == 1
    kept.put("d", 1, 31)
    assert held(kept, "abcd") == "acd"


def test_all_that_fits_is_held_and_as_many_go_as_must() -> None:
    kept = RecentlyUsed[str, int](100)
    for key in "abcd":
        kept.put(key, 1, 25)
    assert held(kept, "abcd") == "abcd"
    kept.put("e", 1, 60)
    assert held(kept, "abcde") == "de"


def test_a_key_s_new_value_takes_the_place_of_the_old_one() -> None:
    kept = RecentlyUsed[str, int](100)
    for size in (60, 70, 80):
        kept.put("a", size, size)
    kept.put("b", 1, 20)
    assert (kept.get("a"), kept.get("b"), len(kept)) == (80, 1, 2)


def test_what_alone_takes_too_much_is_not_held_and_ends_no_other() -> None:
    kept = RecentlyUsed[str, int](100)
    kept.put("a", 1, 50)
    kept.put("b", 1, 50)
    kept.put("b", 2, 101)
    assert held(kept, "ab") == "a"


def test_what_is_taken_or_cleared_leaves_its_room() -> None:
    kept = RecentlyUsed[str, int](100)
    kept.put("a", 1, 100)
    assert (kept.take("a"), kept.take("a")) == (1, None)
    for key in "bc":
        kept.put(key, 1, 50)
    assert held(kept, "bc") == "bc"
    kept.clear()
    kept.put("d", 1, 100)
    assert (held(kept, "bcd"), len(kept)) == ("d", 1)
