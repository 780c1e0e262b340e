"""The errors that the study raises on purpose."""

from __future__ import annotations


class StudyError(Exception):
    """The root of the study's errors; its text is a sentence for people, without any content of a record."""


class BadData(StudyError):
    """The data or their specification are not as they should be; the text names file and, where known, line."""
