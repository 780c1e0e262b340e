"""A stream that looks like tweets, and deletions of them: what HSpam14 (Sedhai and Sun, SIGIR 2015) shows.

Heavy-tailed authors, near-duplicate campaigns, retweets, hashtags, mentions, links, emoji, noisy labels;
17 to 20% are labelled spam. Every draw comes from `Random.random`: a seed gives the same stream everywhere.
"""

from __future__ import annotations

from bisect import bisect
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from types import MappingProxyType
from typing import Literal

from unlearn_study.generator.vocabulary import COMMON, EMOJI, FOREIGN, SPAM, SYLLABLES

SPAM_SHARE = 0.145
NOISE = 0.055
_START = datetime(2013, 5, 17, tzinfo=UTC)
_RARE_WORDS = 4000
_CAMPAIGNS = 60
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def tweets(n: int, seed: int, spam_share: float = SPAM_SHARE, noise: float = NOISE) -> Iterator[dict[str, str]]:
    """`n` insert events as JSON objects, in order of time.

    `spam_share` of them are spam; of all labels a share of `noise` is wrong.  Streams of different seeds below 2**22
    share authors, but no record.
    """
    stream = _Stream(Random(seed), n, spam_share, noise)
    for i in range(n):
        label, author, text = stream.tweet()
        event = {
            "type": "insert",
            "event_id": f"i{seed}-{i}",
            "record_id": str((10**11 + i) << 22 | seed & 0x3FFFFF),
            "subject_id": author,
            "occurred_at": _time(i),
            "label": label,
            "text": text,
        }
        if not author:
            del event["subject_id"]
        yield event


class _Zipf:
    """Draws from a sequence, the k-th with a weight of 1 / (k + flat)."""

    def __init__(self, items: Sequence[str], flat: float) -> None:
        self._items = items
        self._sums = list(accumulate(1.0 / (k + flat) for k in range(len(items))))

    def draw(self, rng: Random) -> str:
        return self._items[bisect(self._sums, rng.random() * self._sums[-1], 0, len(self._items) - 1)]


class _Stream:
    def __init__(self, rng: Random, n: int, spam_share: float, noise: float) -> None:
        self._rng, self._spam_share, self._noise = rng, spam_share, noise
        rare = [_rare_word(i) for i in range(_RARE_WORDS)]
        self._common = _Zipf(COMMON, 6.0)
        self._rare = _Zipf(rare, 30.0)
        self._spam = _Zipf(SPAM, 8.0)
        self._people = _Zipf([f"u{i}" for i in range(n // 2 + 50)], 12.0)
        self._spammers = _Zipf([f"s{i}" for i in range(n // 25 + 10)], 4.0)
        self._recent: deque[tuple[str, str]] = deque(maxlen=300)
        self._campaigns = [self._phrase(spam=True) for _ in range(_CAMPAIGNS)]

    def tweet(self) -> tuple[str, str, str]:
        """Label, author (empty for one of a hundred) and text."""
        rng = self._rng
        spam = rng.random() < self._spam_share
        author = "" if rng.random() < 0.01 else (self._spammers if spam else self._people).draw(rng)
        text = self._spam_text() if spam else self._ham_text(author)
        return ("spam" if spam != (rng.random() < self._noise) else "ham"), author, text

    def _spam_text(self) -> str:
        rng = self._rng
        if rng.random() < 0.02:
            self._campaigns[_below(rng, _CAMPAIGNS)] = self._phrase(spam=True)
        known = rng.random() < 0.7
        words = list(self._campaigns[_below(rng, _CAMPAIGNS)]) if known else self._phrase(spam=True)
        words[_below(rng, len(words))] = self._word(spam=True)
        if rng.random() < 0.85:
            words.append(_link(rng))
        return self._decorated(words, tags=0.5, mentions=0.3)

    def _ham_text(self, author: str) -> str:
        rng = self._rng
        if self._recent and rng.random() < 0.12:
            who, text = self._recent[_below(rng, len(self._recent))]
            return f"RT @{who}: {text}"[:140]
        words = self._phrase(spam=False)
        if rng.random() < 0.15:
            words.append(_link(rng))
        text = self._decorated(words, tags=0.2, mentions=0.35)
        self._recent.append((author or "someone", text))
        return text

    def _phrase(self, spam: bool) -> list[str]:
        rng = self._rng
        # Some tweets that are no spam have the words of spam, so that classes overlap.
        spammy = spam or rng.random() < 0.05
        return [self._word(spammy) for _ in range(10 + _below(rng, 9))]

    def _word(self, spam: bool) -> str:
        draw = self._rng.random()
        if draw < 0.5 and spam:
            return self._spam.draw(self._rng)
        return (self._common if draw < 0.75 else self._rare).draw(self._rng)

    def _decorated(self, words: list[str], tags: float, mentions: float) -> str:
        rng = self._rng
        if rng.random() < mentions:
            words.insert(0, f"@{self._people.draw(rng)}")
        while rng.random() < tags:
            words.append(f"#{self._word(spam=tags > 0.4)}")
        if rng.random() < 0.1:
            words.append(EMOJI[_below(rng, len(EMOJI))])
        if rng.random() < 0.04:
            words.insert(_below(rng, len(words)), FOREIGN[_below(rng, len(FOREIGN))])
        return " ".join(words)


def _below(rng: Random, bound: int) -> int:
    return int(rng.random() * bound)


def _link(rng: Random) -> str:
    draw = int(rng.random() * 62**7)
    return "http://t.co/" + "".join(_LETTERS[draw // 62**k % 62] for k in range(7))


def _rare_word(i: int) -> str:
    size = len(SYLLABLES)
    return SYLLABLES[i % size] + SYLLABLES[i // size % size] + (SYLLABLES[i // size**2] if i >= size**2 else "")


def _time(i: int) -> str:
    return (_START + timedelta(seconds=2 * i)).strftime("%Y-%m-%dT%H:%M:%SZ")


Kind = Literal["record", "record-only", "subject", "duplicate", "early", "unknown"]
MIX: Mapping[Kind, float] = MappingProxyType(
    {"record": 0.5, "record-only": 0.1, "subject": 0.1, "duplicate": 0.1, "early": 0.1, "unknown": 0.1}
)


def deletions(
    inserts: Sequence[Mapping[str, str]],
    n: int,
    seed: int,
    mix: Mapping[Kind, float] = MIX,
    later: Sequence[Mapping[str, str]] = (),
    recency: int = 0,
) -> Iterator[dict[str, str]]:
    """`n` delete events as JSON objects, of the kinds in `mix` by their weights.

    record       one of `inserts`, by its subject and record
    record-only  one of `inserts`, by its record id alone
    subject      all of a subject's records; each subject is as likely as any other
    duplicate    a delete made before, event id included
    early        one of `later`: inserts that are sent after the deletes
    unknown      ids that were never sent

    A kind that has nothing to choose from becomes `record`, or `unknown` without inserts.
    `recency` 0 is uniform; each step more prefers the end of `inserts` (the latest of 1 + recency draws).
    """
    chooser = _Chooser(Random(seed), inserts, later, recency)
    kinds, sums = list(mix), list(accumulate(mix.values()))
    made: list[dict[str, str]] = []
    for i in range(n):
        kind = kinds[bisect(sums, chooser.rng.random() * sums[-1], 0, len(kinds) - 1)]
        if kind == "duplicate" and made:
            yield made[_below(chooser.rng, len(made))]
            continue
        names = chooser.target(kind) or {
            "subject_id": f"nobody-{seed}-{i}",
            "record_id": f"nothing-{seed}-{i}",
        }
        made.append({"type": "delete", "event_id": f"d{seed}-{i}", **names, "requested_at": _time(len(inserts) + i)})
        yield made[-1]


class _Chooser:
    def __init__(
        self,
        rng: Random,
        inserts: Sequence[Mapping[str, str]],
        later: Sequence[Mapping[str, str]],
        recency: int,
    ) -> None:
        self.rng, self._inserts, self._later, self._recency = rng, inserts, later, recency
        self._subjects = list(dict.fromkeys(e["subject_id"] for e in inserts if "subject_id" in e))

    def target(self, kind: Kind) -> dict[str, str]:
        """The ids to delete; empty if there is nothing of this kind."""
        if kind == "subject" and self._subjects:
            return {"subject_id": self._subjects[self._place(len(self._subjects))]}
        if kind == "early" and self._later:
            return _names(self._later[_below(self.rng, len(self._later))])
        if kind == "unknown" or not self._inserts:
            return {}
        names = _names(self._inserts[self._place(len(self._inserts))])
        return {"record_id": names["record_id"]} if kind == "record-only" else names

    def _place(self, size: int) -> int:
        return max(_below(self.rng, size) for _ in range(1 + self._recency))


def _names(event: Mapping[str, str]) -> dict[str, str]:
    return {name: event[name] for name in ("subject_id", "record_id") if name in event}
