"""Both ways to join and find features give the same arrays."""

from __future__ import annotations

import numpy as np
import pytest

from unlearn_models.base import columns


@pytest.mark.parametrize("seen", [0, 1, 300])
@pytest.mark.parametrize("cells", [0, 1, 500])
def test_table_and_search_agree(monkeypatch: pytest.MonkeyPatch, seen: int, cells: int) -> None:
    # given
    rng = np.random.default_rng(1)
    features = np.sort(rng.choice(1000, seen, replace=False)).astype(np.int32)
    indices = rng.integers(0, 1000, cells).astype(np.int32)
    found = []
    # when
    for pays in (0, 10**9):
        monkeypatch.setattr(columns, "_TABLE_PAYS", pays)
        monkeypatch.setattr(columns, "_SEARCH_COSTS", pays)
        found.append([*columns.join(features, indices, 1000), columns.find(features, indices, 1000)])
    # then
    for one, other in zip(*found, strict=True):
        assert (one.dtype, one.tolist()) == (np.int32, other.tolist())
    both, old, new, at = found[0]
    assert both.tolist() == sorted({*features.tolist(), *indices.tolist()})
    assert both[old].tolist() == features.tolist()
    assert both[new].tolist() == indices.tolist()
    assert [i == len(features) for i in at] == [i not in features for i in indices]
