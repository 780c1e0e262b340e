"""Tells whether cells are numbers, words, or empty."""

from __future__ import annotations

import re
from math import isfinite

__all__ = ["MISSING", "UNKNOWN", "is_number", "plain_number"]

UNKNOWN = frozenset(
    ("", "?", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "<NA>", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "\\N")
)
"""Cells that mean that a record has no label."""
MISSING = UNKNOWN | {"None", "none", "NONE", "nil", "na", "N.A.", "-", "--", ".", "#NA", "1.#IND", "-1.#IND", "1.#QNAN"}
"""Cells that mean no value in a column of numbers."""
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")


def is_number(cell: str) -> bool:
    """Whether the cell is a finite number as Python's float reads it, without underscores."""
    try:
        return isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False


def plain_number(cell: str, separator: str) -> str:
    """A number with its commas removed, or made points if semicolons separate the cells; any other cell as it is.

    Commas are removed where they group thousands, and made points where they mark decimals.
    """
    if "," not in cell:
        return cell
    if separator == ";":
        return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell
    return cell.replace(",", "") if _THOUSANDS.fullmatch(cell) else cell
