"""Receipts are written without their model, and hold the same bytes."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from unlearn.partition.answers import Addressee, receipt_to
from unlearn.results.manifest import Receipt

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
NUMBERS = st.integers(0, 2**53)


@given(IDS, NUMBERS, NUMBERS, st.none() | NUMBERS, st.none() | IDS)
def test_a_receipt_is_written_as_its_model_writes_it(
    event_id: str, partition: int, offset: int, version: int | None, reason: str | None
) -> None:
    for state in ("accepted", "refused", "hidden"):
        model = Receipt(
            event_id=event_id, state=state, partition=partition, offset=offset, version=version, reason=reason
        )
        written = receipt_to(Addressee(event_id, partition, offset), state, version, reason)
        assert written == (event_id.encode(), model.encode())


def test_every_character_of_an_id_is_written_as_the_model_writes_it() -> None:
    apart = [chr(code) for code in range(0x3000) if not 0xD800 <= code < 0xE000] + list("\uffff\U0001f600\U0010ffff")
    for event_id in [*apart, *map("".join, product('"\\/\n\x00\x1f\x7f\u2028', repeat=2))]:
        model = Receipt(event_id=event_id, state="accepted", partition=0, offset=1)
        assert receipt_to(Addressee(event_id, 0, 1), "accepted")[1] == model.encode()
