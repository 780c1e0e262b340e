"""What cells say: numbers, words, or nothing."""

from __future__ import annotations

import re
from math import isfinite

__all__ = ["MISSING", "UNKNOWN", "is_number", "plain_number"]

UNKNOWN = frozenset(
    ("", "?", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "<NA>", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "\\N")
)
"""What no label is."""
MISSING = UNKNOWN | {"None", "none", "NONE", "nil", "na", "N.A.", "-", "--", ".", "#NA", "1.#IND", "-1.#IND", "1.#QNAN"}
"""What says nothing among numbers."""
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")


def is_number(cell: str) -> bool:
    """Whether it is a finite number in plain writing."""
    try:
        return isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False


def plain_number(cell: str, separator: str) -> str:
    """A number with commas as it is written without: they part thousands, or decimals where semicolons part cells."""
    if "," not in cell:
        return cell
    if separator == ";":
        return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell
    return cell.replace(",", "") if _THOUSANDS.fullmatch(cell) else cell
