"""Files as lines, CSV rows or JSON objects, plain or gzip; every error names the file and the line."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO

from study.errors import BadData

_LONGEST_CELL = 10 * 2**20


def bad(path: Path, number: int, what: str) -> NoReturn:
    """Raises BadData that names the line."""
    raise BadData(f"{path}, line {number}: {what}")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with their numbers from 1, line ends kept.  Raises BadData."""
    number = 0
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, 1):
                yield number, line
    except FileNotFoundError:
        raise BadData(f"{path}: there is no such file") from None
    except UnicodeDecodeError:
        bad(path, number + 1, "not UTF-8")
    except (EOFError, zlib.error, gzip.BadGzipFile):
        bad(path, number + 1, "the gzip file is damaged or cut short")
    except OSError as error:
        raise BadData(f"{path}: {error.strerror or error}") from None


def read_csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows without blanks around cells, each with the number of its last line; blank lines are passed over.

    Raises BadData.
    """
    csv.field_size_limit(_LONGEST_CELL)
    lines = (line for _, line in read_lines(path))
    reader = csv.reader(lines, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        bad(path, reader.line_num, f"no CSV: {error}")


def read_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """JSON objects, one a line; blank lines are passed over.  Raises BadData."""
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            bad(path, number, "no JSON")
        if not isinstance(found, dict):
            bad(path, number, "no JSON object")
        yield number, found


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")
