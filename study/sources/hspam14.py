"""HSpam14 (Sedhai and Sun, SIGIR 2015): its label file joined with tweets that someone hydrated.

The label file is `tweet_id,label,step` without a header: label 0 ham, 1 spam, -1 undecided (left out); steps
1 manual, 2 nearest neighbours, 3 user, 4 domain, 5 reliable ham, 6 EM.  The tweets are JSON Lines as the API
gives them, or CSV `tweet_id,user_id,text`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.errors import BadData
from study.sources.lines import bad, read_csv, read_objects
from study.sources.records import Records

_LABELS = {"0": 0, "1": 1, "-1": -1}
_NAMES = ("ham", "spam")
_STEPS = 6
_AT_ONCE = 10_000


class _Tweet(NamedTuple):
    id: int
    user: str | None
    text: str


class _Labels(NamedTuple):
    """Sorted tweet ids (n,) int64 with their label and step (n,) int8: 14 million tweets take 140 MB."""

    ids: NDArray[np.int64]
    labels: NDArray[np.int8]
    steps: NDArray[np.int8]


def read_hspam14(labels_file: Path, tweets_file: Path, most: int | None) -> Records:
    """The first `most` decided tweets that both files hold, in the order of the tweets.  Raises BadData."""
    known = _read_labels(labels_file)
    records = Records(f"HSpam14 ({tweets_file.name})", texts=[], steps=[])
    joined = _joined(_read_tweets(tweets_file), known, records)
    for tweet, label, step in islice(joined, most):
        assert records.texts is not None
        assert records.steps is not None
        records.texts.append(tweet.text)
        records.subjects.append(tweet.user)
        records.labels.append(_NAMES[label])
        records.steps.append(step)
    if not len(records):
        raise BadData(f"{tweets_file}: none of its tweets has a label in {labels_file}")
    return records


def _read_labels(path: Path) -> _Labels:
    ids, labels, steps = array("q"), array("b"), array("b")
    for number, row in read_csv(path):
        if len(row) != 3:
            bad(path, number, f"{len(row)} columns, not tweet_id,label,step")
        if row[1] not in _LABELS:
            bad(path, number, "the label is none of 0, 1 and -1")
        if not (row[2].isdecimal() and 1 <= int(row[2]) <= _STEPS):
            bad(path, number, f"the step is not in 1..{_STEPS}")
        ids.append(_tweet_id(path, number, row[0]))
        labels.append(_LABELS[row[1]])
        steps.append(int(row[2]))
    return _sorted(path, np.array(ids, np.int64), np.array(labels, np.int8), np.array(steps, np.int8))


def _sorted(path: Path, ids: NDArray[np.int64], labels: NDArray[np.int8], steps: NDArray[np.int8]) -> _Labels:
    if not len(ids):
        raise BadData(f"{path}: the file is empty")
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    again = np.flatnonzero(ids[1:] == ids[:-1])
    if len(again):
        raise BadData(f"{path}: tweet {ids[again[0]]} has two labels, in its rows {_pair(order, int(again[0]))}")
    return _Labels(ids, labels[order], steps[order])


def _pair(order: NDArray[np.intp], at: int) -> str:
    return f"{order[at] + 1} and {order[at + 1] + 1}"


def _read_tweets(path: Path) -> Iterator[_Tweet]:
    name = path.name.removesuffix(".gz")
    if name.endswith(".jsonl"):
        return (_from_json(path, number, item) for number, item in read_objects(path))
    if name.endswith(".csv"):
        return (_from_csv(path, number, row) for number, row in read_csv(path) if not _names_columns(number, row))
    raise BadData(f"{path}: hydrated tweets are a .jsonl or .csv file, plain or .gz")


def _names_columns(number: int, row: list[str]) -> bool:
    return number == 1 and row[0].lower() in ("tweet_id", "id", "id_str")


def _from_csv(path: Path, number: int, row: list[str]) -> _Tweet:
    if len(row) != 3:
        bad(path, number, f"{len(row)} columns, not tweet_id,user_id,text")
    return _Tweet(_tweet_id(path, number, row[0]), row[1] or None, row[2])


def _from_json(path: Path, number: int, item: Mapping[str, Any]) -> _Tweet:
    text = item.get("full_text", item.get("text"))
    if not isinstance(text, str):
        bad(path, number, "no text or full_text")
    user = item.get("user", {})
    if not isinstance(user, Mapping):
        bad(path, number, "user is no object")
    who = user.get("id_str", user.get("id"))
    return _Tweet(_tweet_id(path, number, item.get("id_str", item.get("id"))), None if who is None else str(who), text)


def _tweet_id(path: Path, number: int, value: object) -> int:
    try:
        found = int(value) if isinstance(value, int | str) else -1
    except ValueError:
        found = -1
    if not 0 <= found < 2**63:
        bad(path, number, "no tweet id")
    return found


def _joined(tweets: Iterator[_Tweet], known: _Labels, records: Records) -> Iterator[tuple[_Tweet, int, int]]:
    seen = np.zeros(len(known.ids), np.bool_)
    while chunk := list(islice(tweets, _AT_ONCE)):
        ids = np.array([tweet.id for tweet in chunk], np.int64)
        places = np.minimum(np.searchsorted(known.ids, ids), len(known.ids) - 1)
        for tweet, at in zip(chunk, places.tolist(), strict=True):
            reason = _why_not(tweet, at, known, seen)
            if reason:
                records.left_out[reason] += 1
                continue
            seen[at] = True
            yield tweet, int(known.labels[at]), int(known.steps[at])


def _why_not(tweet: _Tweet, at: int, known: _Labels, seen: NDArray[np.bool_]) -> str | None:
    if known.ids[at] != tweet.id:
        return "no label"
    if seen[at]:
        return "tweet repeated"
    return "undecided" if known.labels[at] < 0 else None
