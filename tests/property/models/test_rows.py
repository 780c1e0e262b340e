"""Rows: take and concat against plain lists."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.property.models.strategies import finite, rows
from unlearn_models import Rows


def plain(rows: Rows) -> list[tuple[int, list[int], list[float]]]:
    cuts = zip(rows.indptr[:-1], rows.indptr[1:], strict=True)
    return [
        (int(label), rows.indices[start:stop].tolist(), rows.values[start:stop].tolist())
        for label, (start, stop) in zip(rows.labels, cuts, strict=True)
    ]


@given(rows(finite), st.data())
def test_take_is_indexing(drawn: Rows, data: st.DataObject) -> None:
    whole = plain(drawn)
    which = data.draw(st.lists(st.integers(0, len(drawn) - 1), max_size=9)) if len(drawn) else []
    assert plain(drawn.take(np.array(which, np.intp))) == [whole[i] for i in which]


@given(st.lists(rows(finite, max_size=4), max_size=4))
def test_concat_is_addition(parts: list[Rows]) -> None:
    assert plain(Rows.concat(parts)) == [row for part in parts for row in plain(part)]
