"""People to forget who are known by a hash, as California's DROP lists them: who was found, by the receipts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Literal, NamedTuple

from unlearn.admin.input.drop_lists import Listed
from unlearn.events.event import Delete, encode
from unlearn.events.partitioner import event_key
from unlearn.log.protocol import Record
from unlearn.results.manifest import Receipt, read_receipt

__all__ = ["DELETED", "EXEMPTED", "NOT_FOUND", "OPTED_OUT", "Code", "Drop", "Unanswered"]

Code = Literal[2, 3, 4, 5]
EXEMPTED: Final = 2
DELETED: Final = 3
OPTED_OUT: Final = 4
NOT_FOUND: Final = 5

_PREFIX = "drop-"
_DIGITS = 32
_OF_DELETIONS: Final = ("accepted", "hidden", "refused")


class Unanswered(NamedTuple):
    """A row without an answer: how far its deletion came, and why it was refused, if it was."""

    id: str
    event_id: str
    state: Literal["unsent", "sent", "accepted", "refused"]
    reason: str


@dataclass(slots=True)
class _Told:
    """What the receipts say of one deletion; `killed`: where it was applied -> how many records it killed there."""

    killed: dict[str, int] = field(default_factory=dict)
    refused: str | None = None

    def take(self, receipt: Receipt) -> None:
        if receipt.state == "hidden" and receipt.records is not None:
            self.killed[str(receipt.applied_at or (receipt.partition, receipt.offset))] = receipt.records
        elif receipt.state == "refused":
            self.refused = receipt.reason or ""

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to come that counts."""
        return bool(self.killed) or self.refused is not None


class Drop:
    """A deletion by alias for each row, and the answers by the receipts seen so far.

    A row is answered by a deletion of this run, or not at all: whoever an earlier one deleted may have been let in
    again. Of earlier runs it counts only how many records they killed, so that a list has the same codes when it is
    given again. Event ids are those of the row and the run.

    `run` must be new. `answers`: hash -> the code of those that are not to be deleted; `requested_at` is a time in
    RFC 3339.
    """

    def __init__(
        self, rows: Iterable[Listed], prefix: str, answers: Mapping[str, Code], run: str, requested_at: str
    ) -> None:
        self._rows, self._prefix, self._run, self._requested_at = list(rows), prefix, run, requested_at
        self._given: dict[str, Code] = {row.id: answers[row.hash] for row in self._rows if row.hash in answers}
        self._asked = {self._name(row): row for row in self._rows if row.id not in self._given}
        self._order = list(self._asked)
        self._of_hash: dict[str, list[str]] = {}
        """Hash -> the rows that ask for it, by their names in event ids."""
        for name, row in self._asked.items():
            self._of_hash.setdefault(row.hash, []).append(name)
        self._told: dict[str, dict[str, _Told]] = {}
        """Row -> event id -> what is told of it, of every run."""
        self._sent: set[str] = set()
        self._seen: set[str] = set()
        self._ended: set[str] = set()
        """Rows whose deletion of this run has a receipt; and those for which none is awaited any more."""
        self._kept: set[str] = set()
        """Rows that an earlier run's deletion answers, as it holds."""

    def __len__(self) -> int:
        """How many rows ask for a deletion."""
        return len(self._asked)

    @property
    def ended(self) -> int:
        """How many of these have a deletion of this run that is counted or refused, or need none."""
        return len(self._ended) + len(self._kept)

    @property
    def unsent(self) -> int:
        """How many of these are to be sent."""
        return len(self._asked) - len(self._sent) - len(self._kept)

    @property
    def seen(self) -> int:
        """How many of these have a receipt of this run, or need none."""
        return len(self._seen) + len(self._kept)

    def aliases(self) -> list[str]:
        """The aliases of the rows whose deletions would be sent."""
        return [self._alias(row) for row in self._asked.values()]

    def opt_out(self, shared: Mapping[str, bool]) -> None:
        """Send no deletion by these aliases, each of which names several people: alias -> whether all of them are
        forgotten by one that stands.

        Their rows are opted out, but those that an earlier run deleted and whose alias others have come to bear since.
        """
        for name, row in list(self._asked.items()):
            forgotten = shared.get(self._alias(row))
            if forgotten and name in self._told:
                self._kept.add(name)
            elif forgotten is not None:
                self._given[row.id] = OPTED_OUT
                del self._asked[name]
        self._order = list(self._asked)

    def events(self, start: int, stop: int) -> list[tuple[bytes | None, bytes]]:
        """Key and JSON of the deletions of some rows, of those that are to be sent."""
        return [self._event(name) for name in self._part(start, stop)]

    def sent(self, start: int, stop: int) -> None:
        """Note that their deletions are on their way."""
        self._sent.update(self._part(start, stop))

    def take(self, records: Iterable[Record]) -> None:
        """Note what records of the receipts topic say; those of other events are passed over."""
        for record in records:
            event_id = (record.key or b"").decode(errors="replace")
            name = event_id.removeprefix(_PREFIX).partition("-")[0]
            receipt = read_receipt(record.value) if event_id.startswith(_PREFIX) and name in self._asked else None
            if receipt is not None and receipt.state in _OF_DELETIONS:
                self._take(name, event_id, receipt)

    def _take(self, name: str, event_id: str, receipt: Receipt) -> None:
        told = self._told.setdefault(name, {}).setdefault(event_id, _Told())
        told.take(receipt)
        if event_id == self._event_id(name):
            self._seen.add(name)
            if told.is_settled:
                self._ended.add(name)

    def answers(self) -> Iterator[tuple[str, Code]]:
        """The ID of each row that is answered, and the code, in the order of the list."""
        for row in self._rows:
            code = self._given.get(row.id) or self._code(self._name(row))
            if code is not None:
                yield row.id, code

    def counts(self) -> Counter[Code]:
        """How many rows have each code."""
        return Counter(code for _, code in self.answers())

    def open(self) -> Iterator[Unanswered]:
        """The rows without an answer, in the order of the list."""
        for name, row in self._asked.items():
            own = self._own(name)
            if self._code(name) is not None:
                continue
            if own is not None and own.refused is not None:
                yield Unanswered(row.id, self._event_id(name), "refused", own.refused)
            elif own is not None or name in self._kept:
                yield Unanswered(row.id, self._event_id(name), "accepted", self._uncounted(name))
            else:
                yield Unanswered(row.id, self._event_id(name), "sent" if name in self._sent else "unsent", "")

    def _code(self, name: str) -> Code | None:
        """The code of a row by the counts of its deletions and of those of the rows with its hash, of which one finds
        all that dies."""
        if not self._is_counted(name):
            return None
        same = [one for one in self._of_hash[self._asked[name].hash] if one in self._asked]
        told = [one for row in same for one in self._told.get(row, {}).values()]
        if any(sum(one.killed.values()) for one in told):
            return DELETED
        return NOT_FOUND if all(map(self._is_counted, same)) and all(one.is_settled for one in told) else None

    def _is_counted(self, name: str) -> bool:
        own = self._own(name)
        return name in self._kept or (own is not None and bool(own.killed))

    def _uncounted(self, name: str) -> str:
        """Why a row is open though its deletion is counted, if it is."""
        earlier = [event_id for event_id, one in self._told[name].items() if not one.is_settled]
        if not earlier or not self._is_counted(name):
            return ""
        return f"the deletion {earlier[0]} of an earlier run is not counted"

    def _own(self, name: str) -> _Told | None:
        return self._told.get(name, {}).get(self._event_id(name))

    def _part(self, start: int, stop: int) -> list[str]:
        return [name for name in self._order[start:stop] if name not in self._kept]

    def _alias(self, row: Listed) -> str:
        return self._prefix + row.hash

    def _name(self, row: Listed) -> str:
        return sha256(f"{row.id}\0{self._alias(row)}".encode()).hexdigest()[:_DIGITS]

    def _event_id(self, name: str) -> str:
        return f"{_PREFIX}{name}-{self._run}"

    def _event(self, name: str) -> tuple[bytes | None, bytes]:
        alias = self._alias(self._asked[name])
        event = Delete(event_id=self._event_id(name), alias=alias, requested_at=self._requested_at)
        return event_key(event), encode(event)
