"""Tweets in the shapes that the API and its tools have given them.

1.1: `{"id_str", "text" or "full_text", "user": {"id_str", "screen_name"}}`; where `truncated` is true the whole text is
`extended_tweet.full_text`; a retweet holds the tweet that it repeats as `retweeted_status`, and its own text is cut.
2: `{"id", "text", "author_id"}`, texts over 280 characters in `note_tweet.text`; tweets are alone, under `data`, or in
pages `{"data": [...], "includes": {"users": [...], "tweets": [...]}, "errors": [...]}`, where a retweet names the tweet
that it repeats in `referenced_tweets`; `twarc2 flatten` puts users and repeated tweets into the tweets themselves.

The text of a retweet is what people saw: `RT @name: ` and all of the text that it repeats.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from unlearn_study.sources.files.lines import Source
from unlearn_study.sources.files.objects import field_at

__all__ = ["CUT", "Tweet", "author_of", "repeated", "text_of", "tweets_in"]

CUT = "texts are cut: of retweets, or `truncated`, and what they repeat is not in the file"
_REPEATS = re.compile(r"RT @\w+: ")
_NOTICES = (
    "delete", "limit", "scrub_geo", "status_withheld", "user_withheld", "disconnect", "warning", "friends", "event",
)  # fmt: skip
_AUTHORS = ("user.id_str", "user.id", "author_id", "author.id_str", "author.id", "user_id_str", "user_id",
            "from_user_id_str", "from_user_id")  # fmt: skip
_NAMES = ("user.screen_name", "user.username", "author.username", "author.screen_name")
_NONE: Mapping[str, Any] = {}


class Tweet(NamedTuple):
    """A tweet as the file has it, its line's number, and by their ids the tweets and users' names that came with it."""

    number: int
    item: Mapping[str, Any]
    others: Mapping[str, Any] = _NONE
    names: Mapping[str, str] = {}  # never changed


def tweets_in(source: Source, objects: Iterable[tuple[int, dict[str, Any]]]) -> Iterator[Tweet]:
    """The tweets of each object; objects without one are counted in the source's `left_out`.  Raises BadData."""
    for number, item in objects:
        if "data" in item or ("errors" in item and "text" not in item and "full_text" not in item):
            yield from _page(source, number, item)
        elif len(item) <= 2 and any(notice in item for notice in _NOTICES):
            source.left_out["no tweet but a notice of the API"] += 1
        else:
            yield Tweet(number, item)


def _page(source: Source, number: int, page: Mapping[str, Any]) -> Iterator[Tweet]:
    data = page.get("data", [])
    tweets = [data] if isinstance(data, Mapping) else data
    if not isinstance(tweets, list) or not all(isinstance(tweet, Mapping) for tweet in tweets):
        source.bad(number, "data is no tweet and no list of them")
        return
    includes = page.get("includes")
    includes = includes if isinstance(includes, Mapping) else _NONE
    others = {str(one.get("id")): one for one in _objects(includes.get("tweets"))}
    names = {str(one.get("id")): str(one["username"]) for one in _objects(includes.get("users")) if "username" in one}
    asked = [one for one in _objects(page.get("errors")) if one.get("parameter", "ids") in ("id", "ids")]
    if asked:
        source.left_out["the API had no such tweet"] += len(asked)
    yield from (Tweet(number, tweet, others, names) for tweet in tweets)


def text_of(tweet: Tweet) -> tuple[str | None, bool]:
    """The whole text (None if there is none), and whether it is known to be cut short."""
    own = _own(tweet.item)
    original = repeated(tweet)
    if original is None:
        whole = own is None or not (
            _is_cut(tweet.item) or (_REPEATS.match(own) and own.endswith("\N{HORIZONTAL ELLIPSIS}"))
        )
        return own, not whole
    text = _own(original)
    if text is None:
        return own, own is not None
    return _said_by(tweet, original, own) + text, _is_cut(original)


def repeated(tweet: Tweet) -> Mapping[str, Any] | None:
    """The tweet that a retweet repeats; None if it is no retweet, or the file does not hold that tweet."""
    found = tweet.item.get("retweeted_status")
    if isinstance(found, Mapping):
        return found
    for one in _objects(tweet.item.get("referenced_tweets")):
        if one.get("type") == "retweeted":
            return one if isinstance(one.get("text"), str) else tweet.others.get(str(one.get("id")))
    return None


def author_of(item: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """(author, the field that names it): an id, else `@` and the user's name in lower case, else (None, None)."""
    for field in _AUTHORS:
        found = field_at(item, field)
        if found not in (None, "") and isinstance(found, str | int):
            return str(found), field
    for field in _NAMES:
        found = field_at(item, field)
        if isinstance(found, str) and found:
            return f"@{found.lower()}", field
    return None, None


def _own(item: Mapping[str, Any]) -> str | None:
    fields = ("extended_tweet.full_text", "note_tweet.text", "full_text", "text")
    return next((found for found in (field_at(item, field) for field in fields) if isinstance(found, str)), None)


def _is_cut(item: Mapping[str, Any]) -> bool:
    return item.get("truncated") is True and not isinstance(field_at(item, "extended_tweet.full_text"), str)


def _said_by(tweet: Tweet, original: Mapping[str, Any], own: str | None) -> str:
    opening = _REPEATS.match(own or "")
    if opening:
        return opening.group()
    known = (
        field_at(original, "user.screen_name"),
        field_at(original, "author.username"),
        tweet.names.get(str(original.get("author_id"))),
    )
    name = next((found for found in known if isinstance(found, str)), None)
    return f"RT @{name}: " if name else ""


def _objects(found: object) -> list[Mapping[str, Any]]:
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
