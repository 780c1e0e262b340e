"""The generated stream is the same everywhere, and looks like what it stands for."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter

from unlearn.events.event import Delete, Insert
from unlearn.events.parsing import Parser, parse
from unlearn_study.generator.tweet_generator import MIX, deletions, tweets

N = 4000


def test_a_seed_gives_the_same_bytes_everywhere() -> None:
    inserts = list(tweets(300, 7))
    events = inserts + list(deletions(inserts[:200], 100, 7, later=inserts[200:], recency=1))

    told = hashlib.sha256("\n".join(json.dumps(event) for event in events).encode()).hexdigest()

    assert told == "34fe775fcbc9abdbb250aee9a623ddc8c53b3c5b2a28e3c6258f98d371f1c073"


def test_seeds_share_no_record() -> None:
    first, second = ({event["record_id"] for event in tweets(N, seed)} for seed in (1, 2))

    assert len(first) == len(second) == N
    assert not first & second


def test_every_generated_event_can_be_parsed() -> None:
    inserts = list(tweets(N, 1))
    parser = Parser(("ham", "spam"), 2**18, counts=True)

    assert all(isinstance(parser.parse(json.dumps(event).encode()), Insert) for event in inserts)
    deletes = list(deletions(inserts, 500, 1))
    assert len(deletes) == 500
    assert all(isinstance(parse(json.dumps(event).encode()), Delete) for event in deletes)


def test_the_stream_looks_like_tweets() -> None:
    inserts = list(tweets(N, 1))
    texts = [event["text"] for event in inserts]
    authors = Counter(event["subject_id"] for event in inserts if "subject_id" in event)

    assert 0.17 <= sum(event["label"] == "spam" for event in inserts) / N <= 0.20
    assert 13 <= sum(len(re.findall(r"\b\w\w+\b", text)) for text in texts) / N <= 19
    assert max(authors.values()) > 30
    assert sum(count == 1 for count in authors.values()) > len(authors) / 3
    assert 0 < N - sum(authors.values()) < N / 50
    for sign in ("RT @", "#", "@", "http://t.co/"):
        assert 0.05 * N < sum(sign in text for text in texts) < 0.6 * N, sign
    assert sum(not text.isascii() for text in texts) > 0.05 * N


def test_spam_comes_in_near_duplicates() -> None:
    starts = Counter(" ".join(event["text"].split()[2:6]) for event in tweets(N, 1))

    assert sum(count for _, count in starts.most_common(60)) > 0.05 * N


def test_deletions_are_of_all_kinds() -> None:
    inserts = list(tweets(N, 1))
    known, later = inserts[: N // 2], inserts[N // 2 :]
    sent = {event["record_id"] for event in known}
    unsent = {event["record_id"] for event in later}

    kinds: Counter[str] = Counter()
    seen: set[str] = set()
    for event in deletions(known, 1000, 1, later=later):
        record = event.get("record_id")
        if event["event_id"] in seen:
            kinds["duplicate"] += 1
        elif record is None:
            kinds["subject"] += 1
        elif record in unsent:
            kinds["early"] += 1
        elif record not in sent:
            kinds["unknown"] += 1
        else:
            kinds["record" if "subject_id" in event else "record-only"] += 1
        seen.add(event["event_id"])

    assert set(kinds) == set(MIX)
    assert all(abs(kinds[kind] - 1000 * share) < 60 for kind, share in MIX.items()), kinds


def test_recency_prefers_the_newest() -> None:
    inserts = list(tweets(N, 1))
    place = {event["record_id"]: i for i, event in enumerate(inserts)}

    means = [
        sum(place[event["record_id"]] for event in deletions(inserts, 500, 1, {"record": 1.0}, recency=recency)) / 500
        for recency in (0, 1, 4)
    ]

    assert 0.45 * N < means[0] < 0.55 * N
    assert 0.6 * N < means[1] < 0.72 * N
    assert 0.78 * N < means[2] < 0.88 * N


def test_without_inserts_deletions_are_of_the_unknown() -> None:
    assert all(event["record_id"].startswith("nothing-") for event in deletions([], 50, 1))
