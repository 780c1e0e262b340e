"""Lists of people who are known by a hash, as California's DROP gives them, and of those among them who are spared."""

from __future__ import annotations

from collections.abc import Collection
from typing import BinaryIO, NamedTuple

from unlearn.admin.input.csv_rows import column_of, row_chunks
from unlearn.admin.input.id_lists import check_id, read_whole_lines
from unlearn.admin.input.lines import read_chunks
from unlearn.errors import InputInvalid

__all__ = ["Listed", "read_hashes", "read_list"]


class Listed(NamedTuple):
    """A row of the list: the consumer's identifier there, and the hash."""

    id: str
    hash: str


def read_list(source: BinaryIO, prefix: str) -> list[Listed]:
    """The rows of a list: CSV whose first line names the columns ID and Hash. Raises InputInvalid, too where a hash
    behind `prefix` can't be an alias."""
    rows = (row for chunk in row_chunks(read_chunks(source), strict=True) for row in chunk)
    first = next(rows, None)
    names = [] if first is None else first.fields
    at, of = column_of(names, "ID"), column_of(names, "Hash")
    if at is None or of is None:
        raise InputInvalid("the first line must name the columns ID and Hash, each once")
    found: dict[str, Listed] = {}
    for row in rows:
        if row.error or len(row.fields) != len(names):
            raise InputInvalid(f"line {row.first}: {row.error or f'{len(row.fields)} columns'}")
        listed = Listed(row.fields[at], row.fields[of])
        for given, what in zip(listed, ("the ID", "the hash"), strict=True):
            check_id(given, f"{what} in line {row.first}")
        check_id(prefix + listed.hash, f"the prefix with the hash in line {row.first}")
        if found.setdefault(listed.id, listed) != listed:
            raise InputInvalid(f"line {row.first}: its ID stands before with another hash")
    return list(found.values())


def read_hashes(source: BinaryIO, listed: Collection[str]) -> list[str]:
    """The hashes of a file, one a line, each once; blanks around them are no part of them. `listed`: those of the list.

    Raises InputInvalid for a line that can't be a hash, and for one that differs from a listed hash in its case alone:
    whoever it is meant to spare would be deleted.
    """
    hashes = list(dict.fromkeys(line.strip() for line in read_whole_lines(source, separators=False) if line.strip()))
    folded = {one.casefold() for one in listed} - {one.casefold() for one in hashes if one in listed}
    for number, one in enumerate(hashes, 1):
        if one not in listed and one.casefold() in folded:
            raise InputInvalid(f"hash {number} of {source.name}: the list has it in another case; write it as there")
    return hashes
