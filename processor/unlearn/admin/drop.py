"""Lists of people to forget, each known by a hash, as California's DROP gives them: who was found, by the receipts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import BinaryIO, Final, Literal, NamedTuple

from unlearn.admin.input.csv_rows import column_of, row_chunks
from unlearn.admin.input.id_lists import check_id, read_whole_lines
from unlearn.admin.input.lines import read_chunks
from unlearn.errors import InputInvalid
from unlearn.events.event import Delete, encode
from unlearn.events.partitioner import event_key
from unlearn.log.protocol import Record
from unlearn.results.manifest import read_receipt

__all__ = ["DELETED", "EXEMPTED", "NOT_FOUND", "OPTED_OUT", "Drop", "Listed", "Unanswered", "read_hashes", "read_list"]

Code = Literal[2, 3, 4, 5]
EXEMPTED: Final = 2
DELETED: Final = 3
OPTED_OUT: Final = 4
NOT_FOUND: Final = 5

_PREFIX = "drop-"
_DIGITS = 32


class Listed(NamedTuple):
    """A row of the list: the consumer's identifier there, and the hash."""

    id: str
    hash: str


class Unanswered(NamedTuple):
    """A row without an answer: how far its deletion came, and why it was refused, if it was."""

    id: str
    event_id: str
    state: Literal["unsent", "sent", "accepted", "refused"]
    reason: str


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


class Drop:
    """One deletion by alias for each row that has no answer yet, and the answers by the receipts seen so far.

    Event ids follow from the rows, so a later run finds the receipts of an earlier one. `answers`: hash -> the code of
    those that are not to be deleted; `requested_at` is a time in RFC 3339.
    """

    def __init__(self, rows: Iterable[Listed], prefix: str, answers: Mapping[str, Code], requested_at: str) -> None:
        self._rows, self._prefix, self._requested_at = list(rows), prefix, requested_at
        self._given: dict[str, Code] = {row.id: answers[row.hash] for row in self._rows if row.hash in answers}
        self._asked = {self._event_id(row): row for row in self._rows if row.id not in self._given}
        self._of_hash: dict[str, list[str]] = {}
        """Hash -> the events that ask for it."""
        for event_id, row in self._asked.items():
            self._of_hash.setdefault(row.hash, []).append(event_id)
        self._sent: set[str] = set()
        self._accepted: set[str] = set()
        self._killed: dict[str, dict[object, int]] = {}
        """Event -> where it was applied -> how many records it killed there."""
        self._refused: dict[str, str] = {}

    def __len__(self) -> int:
        """How many rows ask for a deletion."""
        return len(self._asked)

    @property
    def ended(self) -> int:
        """How many of these are answered or refused."""
        return len(self._killed.keys() | self._refused.keys())

    @property
    def unsent(self) -> int:
        """How many of these are not sent and not seen on the receipts topic."""
        return len(self._fresh())

    @property
    def seen(self) -> int:
        """How many of these have a receipt."""
        return len(self._accepted | self._killed.keys() | self._refused.keys())

    def aliases(self) -> list[str]:
        """The aliases of the rows whose deletions would be sent."""
        return [self._alias(self._asked[event_id]) for event_id in self._fresh()]

    def opt_out(self, shared: Collection[str]) -> None:
        """Answer the rows with these aliases, whose deletions aren't sent: each names several people."""
        for event_id in self._fresh():
            row = self._asked[event_id]
            if self._alias(row) in shared:
                self._given[row.id] = OPTED_OUT
                del self._asked[event_id]

    def events(self, start: int, stop: int) -> list[tuple[bytes | None, bytes]]:
        """Key and JSON of the deletions of some rows, of those that are not sent."""
        return [self._event(event_id) for event_id in self._part(start, stop) if not self._is_known(event_id)]

    def sent(self, start: int, stop: int) -> None:
        """Note that their deletions are on their way."""
        self._sent.update(self._part(start, stop))

    def take(self, records: Iterable[Record]) -> None:
        """Note what records of the receipts topic say; those of other events are passed over."""
        for record in records:
            event_id = (record.key or b"").decode(errors="replace")
            receipt = read_receipt(record.value) if event_id in self._asked else None
            if receipt is None:
                continue
            self._accepted.add(event_id)
            if receipt.state == "hidden" and receipt.records is not None:
                place = receipt.applied_at or (receipt.partition, receipt.offset)
                self._killed.setdefault(event_id, {})[str(place)] = receipt.records
            elif receipt.state == "refused":
                self._refused[event_id] = receipt.reason or ""

    def answers(self) -> Iterator[tuple[str, Code]]:
        """The ID of each row that is answered, and the code, in the order of the list."""
        for row in self._rows:
            code = self._given.get(row.id) or self._code(self._event_id(row))
            if code is not None:
                yield row.id, code

    def counts(self) -> Counter[Code]:
        """How many rows have each code."""
        return Counter(code for _, code in self.answers())

    def open(self) -> Iterator[Unanswered]:
        """The rows without an answer, in the order of the list."""
        for event_id, row in self._asked.items():
            if self._code(event_id) is not None:
                continue
            if event_id in self._refused:
                yield Unanswered(row.id, event_id, "refused", self._refused[event_id])
            elif event_id in self._accepted:
                yield Unanswered(row.id, event_id, "accepted", "")
            else:
                yield Unanswered(row.id, event_id, "sent" if event_id in self._sent else "unsent", "")

    def _code(self, event_id: str) -> Code | None:
        """The code of a row by its own count and those of the rows with its hash, of which one finds all that dies."""
        if event_id not in self._killed:
            return None
        same = [one for one in self._of_hash[self._asked[event_id].hash] if one in self._asked]
        if any(sum(self._killed.get(one, {}).values()) for one in same):
            return DELETED
        return NOT_FOUND if all(one in self._killed for one in same) else None

    def _fresh(self) -> list[str]:
        return [event_id for event_id in self._asked if not self._is_known(event_id)]

    def _is_known(self, event_id: str) -> bool:
        return event_id in self._sent or event_id in self._accepted

    def _part(self, start: int, stop: int) -> list[str]:
        return list(self._asked)[start:stop]

    def _alias(self, row: Listed) -> str:
        return self._prefix + row.hash

    def _event_id(self, row: Listed) -> str:
        return _PREFIX + sha256(f"{row.id}\0{self._alias(row)}".encode()).hexdigest()[:_DIGITS]

    def _event(self, event_id: str) -> tuple[bytes | None, bytes]:
        alias = self._alias(self._asked[event_id])
        event = Delete(event_id=event_id, alias=alias, requested_at=self._requested_at)
        return event_key(event), encode(event)
