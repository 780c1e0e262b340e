"""Which column holds the text, the label, the subject: as the user says, else by its name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TEXTS = (
    "text", "full_text", "tweet", "tweet_text", "tweettext", "message", "body", "content", "mail", "email", "sms",
    "comment", "review", "sentence",
)  # fmt: skip
LABELS = ("label", "class", "target", "spam", "is_spam", "spam/ham", "category", "income", "labels", "y")
SUBJECT_IDS = (
    "subject_id", "user_id", "user_id_str", "userid", "user.id_str", "user.id", "author_id", "author.id",
    "from_user_id", "from_user_id_str",
)  # fmt: skip
SUBJECT_NAMES = (
    "user", "author", "user_screen_name", "user.screen_name", "screen_name", "author.username", "username", "sender",
    "from",
)  # fmt: skip
SUBJECTS = SUBJECT_IDS + SUBJECT_NAMES
TWEETS = ("tweet_id", "tweetid", "id_str", "id", "status_id", "twitter_id")
STEPS = ("step", "steps")


@dataclass(frozen=True, slots=True)
class Names:
    """Columns by name, or by number from 1 where a row has cells; None: guess."""

    text: str | None = None
    label: str | None = None
    subject: str | None = None

    def given(self) -> tuple[str, ...]:
        """The names that are not None."""
        return tuple(name for name in (self.text, self.label, self.subject) if name is not None)


def guess(names: Iterable[str], known: Sequence[str]) -> str | None:
    """Of the known names the first that is among `names` in any case, as written there; None if there is none."""
    lower = {name.lower(): name for name in reversed(list(names))}
    return next((lower[name] for name in known if name in lower), None)
