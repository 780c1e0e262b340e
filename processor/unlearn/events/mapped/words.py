"""What the word of a message's type means by a mapping."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

from unlearn.events.mapped.fields import DISAGREE
from unlearn.events.possible_deletions.other_words import is_deletion
from unlearn.mapping.mapping import Words

__all__ = ["UNKNOWN_WORD", "Kind", "kind_of", "word_of"]

Kind = Literal["insert", "delete", "lift", ""]

UNKNOWN_WORD: Final = "type: a word that the mapping doesn't know"


def word_of(values: Iterable[Any]) -> tuple[str, str]:
    """(the type's word, ""), or ("", why there is none)."""
    words = {str(value).lower() if isinstance(value, bool) else value for value in values if _is_word(value)}
    if len(words) > 1:
        return "", f"type: {DISAGREE}"
    return (words.pop(), "") if words else ("", UNKNOWN_WORD)


def kind_of(word: str, words: Words) -> Kind:
    """What the word means; empty for one that is not known. In doubt it is a deletion."""
    for one in (words.delete, words.lift, words.insert):
        if word in one:
            return "delete" if one is words.delete else "lift" if one is words.lift else "insert"
    if _fits(word, words.delete):
        return "delete"
    if _fits(word, words.lift):
        return "lift"
    return "insert" if _fits(word, words.insert) and not is_deletion(word) else ""


def _is_word(value: Any) -> bool:
    return isinstance(value, str | bool)


def _fits(word: str, patterns: Iterable[str]) -> bool:
    return any("*" in pattern and fnmatchcase(word, pattern) for pattern in patterns)
