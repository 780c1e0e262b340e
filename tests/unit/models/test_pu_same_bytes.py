"""A state's sum of chances has the same bytes on every CPU."""

from __future__ import annotations

from typing import Any

import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__  # type: ignore[import-not-found]

from tests.unit.models.test_same_bytes import HIDDEN, run


def learned(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name.startswith("pu-")}


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    return run("pu_bytes")


def test_a_generic_cpu_gives_the_same_states(here: dict[str, Any]) -> None:
    other = run("pu_bytes", NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert other["cpu"] == "generic"
    assert learned(other) == learned(here)
    assert len(learned(here)) == 4


def test_a_cpu_without_avx_and_fma_gives_the_same_states(here: dict[str, Any]) -> None:
    # given
    dispatched = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    # when
    other = run(
        "pu_bytes",
        GLIBC_TUNABLES=f"glibc.cpu.hwcaps={','.join(HIDDEN)}",
        NPY_DISABLE_CPU_FEATURES=" ".join(dispatched),
        NUMBA_CPU_NAME="generic",
    )
    # then
    assert other["exp"] != here["exp"] or not __cpu_features__["FMA3"], "glibc's exp still uses FMA"
    assert learned(other) == learned(here)
