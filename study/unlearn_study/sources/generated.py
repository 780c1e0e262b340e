"""Generated tweets that look like HSpam14."""

from __future__ import annotations

from unlearn_study.generator.tweet_generator import tweets
from unlearn_study.sources.records import Records

DEFAULT_ROWS = 20_000


def generated(rows: int, seed: int) -> Records:
    """So many generated tweets as records; the same seed gives the same ones."""
    found = list(tweets(rows, seed))
    return Records(
        f"{rows:,} generated tweets, seed {seed}",
        labels=[tweet["label"] for tweet in found],
        subjects=[tweet.get("subject_id") for tweet in found],
        texts=[tweet["text"] for tweet in found],
    )
