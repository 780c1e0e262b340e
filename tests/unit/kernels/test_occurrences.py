"""First occurrences of digests."""

from __future__ import annotations

import random

import numpy as np
import pytest

from unlearn.ingest.new_rows import first_of_each


@pytest.mark.parametrize("seed", range(20))
def test_first_of_each_names_the_row_where_a_digest_occurs_first(seed: int) -> None:
    chance = random.Random(seed)
    kinds = [chance.randbytes(16) for _ in range(chance.randint(1, 50))]
    # Digests that begin alike but differ at their end are different ones.
    kinds += [kind[:15] + bytes([kind[15] ^ 1]) for kind in kinds]
    rows = [chance.choice(kinds) for _ in range(chance.randint(0, 200))]
    digests = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 16)
    assert first_of_each(digests).tolist() == [rows.index(row) for row in rows]
