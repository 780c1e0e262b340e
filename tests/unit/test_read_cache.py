from __future__ import annotations

from unlearn.storage.buckets.read_cache import Held, ReadCache


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def held(size: int, tag: str = "t") -> Held:
    return Held(b"x" * size, tag)


def kept(cache: ReadCache, *names: str) -> list[str]:
    return [name for name in names if cache.get(name) is not None]


def test_what_was_confirmed_longest_ago_makes_room() -> None:
    cache = ReadCache(10, Clock())
    for name in ("a", "b", "a", "c"):
        cache.put(name, held(4))

    assert kept(cache, "a", "b", "c") == ["a", "c"]


def test_what_alone_takes_too_much_is_not_held_nor_what_was_held_by_its_name() -> None:
    cache = ReadCache(10, Clock())
    cache.put("a", held(4))
    cache.put("b", held(4))
    cache.put("a", held(11))

    assert kept(cache, "a", "b") == ["b"]


def test_a_cache_without_room_holds_nothing() -> None:
    cache = ReadCache(0, Clock())
    cache.put("a", held(1))

    assert kept(cache, "a") == []


def test_names_that_a_listing_lacks_are_forgotten() -> None:
    cache = ReadCache(100, Clock())
    for name in ("3/a", "3/b", "31/a"):
        cache.put(name, held(1))

    cache.forget_all_but({"3/a"}, "3/")
    assert kept(cache, "3/a", "3/b", "31/a") == ["3/a", "31/a"]

    cache.forget_all_but({"3/a"}, "")
    assert kept(cache, "3/a", "31/a") == ["3/a"]


def test_what_nothing_asked_for_in_ten_minutes_goes_when_anything_is_asked() -> None:
    clock = Clock()
    cache = ReadCache(100, clock)
    cache.put("a", held(60))
    clock.now = 599.0
    cache.put("b", held(30))
    clock.now = 601.0
    cache.get("b")

    clock.now = 0.0
    assert kept(cache, "a", "b") == ["b"], "gone, not only hidden"


def test_room_that_is_given_back_can_be_used() -> None:
    cache = ReadCache(10, Clock())
    for _ in range(5):
        cache.put("a", held(10))
        cache.forget("a")
        cache.forget("a")
    cache.put("b", held(10))

    assert kept(cache, "b") == ["b"]
