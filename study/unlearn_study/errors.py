"""What the study raises on purpose."""

from __future__ import annotations


class StudyError(Exception):
    """Its text is a sentence for people; it quotes nothing of a record."""


class BadData(StudyError):
    """The data, or how they are named, are not what they should be; the text names file and line."""
