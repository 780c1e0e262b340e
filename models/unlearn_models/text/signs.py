"""What the table of letters holds beside lower-case letters, and the letters that have rules of their own."""

from __future__ import annotations

APART, HARD = 0, -1
"""Instead of a lower-case letter: no word character; lower-cased by a rule of its own."""
CASED, IGNORABLE = 1, 2
SIGMA, SMALL, FINAL = 0x3A3, 0x3C3, 0x3C2
"""The capital sigma, and its lower case within and at the end of a word."""
DOTTED_I = 0x69
"""The word character of what a dotted capital I is lowered to: an i, and a dot above."""
