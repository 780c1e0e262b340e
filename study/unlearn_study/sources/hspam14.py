"""HSpam14 (Sedhai and Sun, SIGIR 2015): its label file joined with tweets that someone hydrated.

The label file is `tweet_id,label,step`, with or without these names: label 0 ham, 1 spam, -1 undecided (left out);
steps 1 manual, 2 nearest neighbours, 3 user, 4 domain, 5 reliable ham, 6 EM.  The tweets are JSON in any shape that
study/unlearn_study/sources/tweets.py knows, or rows: `tweet_id,user_id,text`, or with names, as Hydrator and twarc
write them.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn_study.errors import BadData
from unlearn_study.sources.files.form import AS_FOUND, Form
from unlearn_study.sources.files.lines import Source
from unlearn_study.sources.files.objects import read_objects
from unlearn_study.sources.files.rows import Line, read_rows
from unlearn_study.sources.header import place
from unlearn_study.sources.names import LABELS, STEPS, SUBJECT_IDS, SUBJECT_NAMES, TEXTS, TWEETS, Names, guess
from unlearn_study.sources.records import Records
from unlearn_study.sources.tweets import CUT, Tweet, author_of, text_of, tweets_in

_LABELS = {"0": 0, "1": 1, "-1": -1, "ham": 0, "spam": 1}
_NAMES = ("ham", "spam")
_STEPS = 6
_AT_ONCE = 10_000
_ROUNDED = re.compile(r"\d+(\.\d+)?[eE]\+?\d+|\d{15,}\.0+")


class _Tweet(NamedTuple):
    id: int
    user: str | None
    text: str


class _Labels(NamedTuple):
    """Sorted tweet ids (n,) int64 with their labels and, where known, steps (n,) int8: 14 million take 140 MB."""

    ids: NDArray[np.int64]
    labels: NDArray[np.int8]
    steps: NDArray[np.int8] | None


class _Columns(NamedTuple):
    tweet: int
    user: int | None
    text: int
    repeats: int | None


def read_hspam14(
    labels_file: Path, tweets_file: Path, most: int | None, names: Names | None = None, form: Form = AS_FOUND
) -> Records:
    """The first `most` tweets (None: all) with a label 0 or 1 that both files hold, in the order of the tweets.

    Raises BadData.
    """
    records = Records(f"HSpam14 ({tweets_file.name})", texts=[])
    known = _read_labels(Source(labels_file, form, records.left_out))
    tweets = _Tweets(Source(tweets_file, form, records.left_out), names or Names())
    records.steps = [] if known.steps is not None else None
    for tweet, at in islice(_joined(tweets.read(), known, records), most):
        assert records.texts is not None
        records.texts.append(tweet.text)
        records.subjects.append(tweet.user)
        records.labels.append(_NAMES[known.labels[at]])
        if records.steps is not None and known.steps is not None:
            records.steps.append(int(known.steps[at]))
    if not len(records):
        raise BadData(f"{tweets_file}: none of its tweets has a label in {labels_file}")
    tweets.say(records)
    return records


def _read_labels(source: Source) -> _Labels:
    ids, labels, steps = array("q"), array("b"), array("b")
    rows, columns = _labels_columns(source)
    for number, row in rows:
        if len(row) <= max(columns) or (len(row) != 3 and columns == (0, 1, 2)):
            source.bad(number, f"{len(row)} columns, not tweet_id,label,step", "a wrong number of columns")
            continue
        found = _tweet_id(row[columns[0]])
        if found is None:
            source.bad(number, _no_id(row[columns[0]]))
        elif row[columns[1]].lower() not in _LABELS:
            source.bad(number, "the label is none of 0, 1 and -1")
        elif len(columns) > 2 and not (row[columns[2]].isdecimal() and 1 <= int(row[columns[2]]) <= _STEPS):
            source.bad(number, f"the step is not in 1..{_STEPS}")
        else:
            ids.append(found)
            labels.append(_LABELS[row[columns[1]].lower()])
            steps.append(int(row[columns[2]]) if len(columns) > 2 else 0)
    numbered = np.array(steps, np.int8) if len(columns) > 2 else None
    return _sorted(source.path, np.array(ids, np.int64), np.array(labels, np.int8), numbered)


def _labels_columns(source: Source) -> tuple[Iterator[Line], tuple[int, ...]]:
    """The rows behind the names, if there are any, and the columns of tweet, label and, unless they lack it, step."""
    rows = read_rows(source).lines
    first = next(rows, None)
    if first is None:
        return rows, (0, 1, 2)
    if not _names_columns(first[1]):
        return chain([first], rows), (0, 1, 2)
    found = [place(source, None, first[1], len(first[1]), known) for known in (TWEETS, LABELS, STEPS)]
    if found[1] is None:
        raise source.refused(first[0], "no column is named label; the file is tweet_id,label,step")
    return rows, tuple(at for at in found if at is not None)


def _sorted(path: Path, ids: NDArray[np.int64], labels: NDArray[np.int8], steps: NDArray[np.int8] | None) -> _Labels:
    if not len(ids):
        raise BadData(f"{path}: the file is empty")
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    again = np.flatnonzero(ids[1:] == ids[:-1])
    if len(again):
        raise BadData(f"{path}: tweet {ids[again[0]]} has two labels, in its rows {_pair(order, int(again[0]))}")
    return _Labels(ids, labels[order], None if steps is None else steps[order])


def _pair(order: NDArray[np.intp], at: int) -> str:
    return f"{order[at] + 1} and {order[at + 1] + 1}"


class _Tweets:
    """The hydrated tweets of a file in any of its forms, and what there is to say about how they were read."""

    def __init__(self, source: Source, names: Names) -> None:
        self._source, self._names = source, names
        self._whose: Counter[str] = Counter()
        self._cut = 0

    def read(self) -> Iterator[_Tweet]:
        """The tweets, one at a time.  Raises BadData."""
        if self._source.first_character() in ("{", "["):
            for tweet in tweets_in(self._source, read_objects(self._source)):
                found = self._from_json(tweet)
                if found is not None:
                    yield found
        else:
            yield from self._from_rows(read_rows(self._source).lines)

    def say(self, records: Records) -> None:
        if self._cut:
            records.said.append(f"{self._cut:,} {CUT}")
        where = ", ".join(f"{field} ({count:,})" for field, count in sorted(self._whose.items()))
        records.say_of_subjects(where or "nowhere (--subject-column)")
        if records.steps is None:
            records.said.append("the label file has no steps")

    def _from_json(self, tweet: Tweet) -> _Tweet | None:
        item = tweet.item
        text, cut = text_of(tweet)
        found = _tweet_id(item.get("id_str", item.get("id")))
        if text is None:
            self._source.bad(tweet.number, "no text or full_text")
            return None
        if not isinstance(item.get("user") or {}, dict | str):
            self._source.bad(tweet.number, "user is no object")
            return None
        if found is None:
            self._source.bad(tweet.number, "no tweet id")
            return None
        author, field = author_of(item) if not isinstance(item.get("user"), str) else (item["user"], "user")
        self._note(field, author, cut)
        return _Tweet(found, author, text)

    def _from_rows(self, rows: Iterator[Line]) -> Iterator[_Tweet]:
        first = next(rows, None)
        if first is None:
            raise BadData(f"{self._source.path}: the file is empty")
        header = first[1] if _names_columns(first[1]) else []
        columns = self._columns(header)
        width = len(header) or 3
        for number, row in rows if header else chain([first], rows):
            if len(row) != width:
                what = f"{len(row)} columns, not " + (f"the {width} of line 1" if header else "tweet_id,user_id,text")
                self._source.bad(number, what, "a wrong number of columns")
                continue
            found = self._from_row(number, row, columns, header)
            if found is not None:
                yield found

    def _columns(self, header: Sequence[str]) -> _Columns:
        if not header:
            return _Columns(0, 1, 2, None)
        width = len(header)
        tweet = place(self._source, None, header, width, TWEETS)
        text = place(self._source, self._names.text, header, width, ("full_text", *TEXTS))
        user = place(self._source, self._names.subject, header, width, (*SUBJECT_IDS, *SUBJECT_NAMES))
        repeats = place(self._source, None, header, width, ("retweet_screen_name",))
        if tweet is None or text is None:
            missing = "tweet_id" if tweet is None else "text; name it with --text-column"
            raise self._source.refused(1, f"no column is named {missing}")
        return _Columns(tweet, user, text, repeats)

    def _from_row(self, number: int, row: Sequence[str], columns: _Columns, header: Sequence[str]) -> _Tweet | None:
        found = _tweet_id(row[columns.tweet])
        user = "" if columns.user is None else row[columns.user]
        if found is None:
            self._source.bad(number, _no_id(row[columns.tweet]))
            return None
        if _ROUNDED.fullmatch(user):
            self._source.bad(number, "the user's id was rounded, as spreadsheets do", "an id was rounded")
            return None
        text = _repeating(row[columns.text], "" if columns.repeats is None else row[columns.repeats])
        cut = text.startswith("RT @") and text.endswith("\N{HORIZONTAL ELLIPSIS}")
        field = header[columns.user] if header and columns.user is not None else "user_id"
        self._note(field if user else None, user or None, cut)
        return _Tweet(found, user or None, text)

    def _note(self, field: str | None, author: str | None, cut: bool) -> None:
        self._cut += cut
        if author is not None:
            self._whose[field or ""] += 1


def _repeating(text: str, name: str) -> str:
    """A retweet's text with `RT @name: ` before it, which Hydrator leaves out; the name is in another column."""
    return f"RT @{name}: {text}" if name and not text.startswith("RT @") else text


def _names_columns(row: Sequence[str]) -> bool:
    """Whether a row names columns: a tweet's id is named there, and no cell is one."""
    return guess(row, TWEETS) is not None and not any(cell.lstrip("-").isdecimal() for cell in row)


def _tweet_id(value: object) -> int | None:
    """The id as a number; R's tools write an x before it."""
    try:
        found = (
            int(value.removeprefix("x") if isinstance(value, str) else value) if isinstance(value, int | str) else -1
        )
    except ValueError:
        return None
    return found if 0 <= found < 2**63 else None


def _no_id(cell: str) -> str:
    return "the tweet's id was rounded, as spreadsheets do" if _ROUNDED.fullmatch(cell) else "no tweet id"


def _joined(tweets: Iterable[_Tweet], known: _Labels, records: Records) -> Iterator[tuple[_Tweet, int]]:
    """The tweets that take part, each with its place among the labels; the others are counted in `left_out`."""
    seen = np.zeros(len(known.ids), np.bool_)
    tweets = iter(tweets)
    while chunk := list(islice(tweets, _AT_ONCE)):
        ids = np.array([tweet.id for tweet in chunk], np.int64)
        places = np.minimum(np.searchsorted(known.ids, ids), len(known.ids) - 1)
        for tweet, at in zip(chunk, places.tolist(), strict=True):
            reason = _why_not(tweet, at, known, seen)
            if reason:
                records.left_out[reason] += 1
                continue
            seen[at] = True
            yield tweet, at


def _why_not(tweet: _Tweet, at: int, known: _Labels, seen: NDArray[np.bool_]) -> str | None:
    if known.ids[at] != tweet.id:
        return "no label"
    if seen[at]:
        return "tweet repeated"
    if not tweet.text:
        return "no text"
    return "undecided" if known.labels[at] < 0 else None
