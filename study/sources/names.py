"""Which column holds the text, the label, the subject: as told, else by its name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TEXTS = ("text", "full_text", "tweet", "message", "body", "content", "mail", "sms")
LABELS = ("label", "class", "target", "spam", "category", "income", "y")
SUBJECTS = ("subject_id", "user_id", "user", "author_id", "author", "sender", "from")


@dataclass(frozen=True, slots=True)
class Names:
    """Columns by name, or by number from 1 in a CSV; None: guess."""

    text: str | None = None
    label: str | None = None
    subject: str | None = None

    def given(self) -> tuple[str, ...]:
        return tuple(name for name in (self.text, self.label, self.subject) if name is not None)


def guess(names: Iterable[str], known: Sequence[str]) -> str | None:
    """The first of the known names, in their order, that is among the names in any case."""
    lower = {name.lower(): name for name in reversed(list(names))}
    return next((lower[name] for name in known if name in lower), None)
