"""Training gives the same bytes on every CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__  # type: ignore[import-not-found]

from unlearn_models.linear import kernels

ROOT = Path(__file__).parents[3]
# Both spellings: glibc 2.33 dropped "_Usable".
HIDDEN = [f"-{name}{end}" for name in ("AVX", "AVX2", "FMA", "FMA4", "AVX512F") for end in ("", "_Usable")]
LEARNED = 2 * 3 + 4 + 2 * 2
"""Digests: of counts, weights and scores; of PU; of both presets of the forest."""

pytestmark = [pytest.mark.timeout(1800), pytest.mark.slow]  # compiles everything for another CPU


def run(script: str, **environment: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.unit.models.{script}"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    found = run("same_bytes")
    assert len(found["learned"]) == LEARNED
    return found


def test_a_generic_cpu_gives_the_same_digests(here: dict[str, Any]) -> None:
    other = run("same_bytes", NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert other["cpu"] == "generic"
    assert other["learned"] == here["learned"]


def test_a_cpu_without_avx_and_fma_gives_the_same_digests(here: dict[str, Any]) -> None:
    # given
    dispatched = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    # when
    other = run(
        "same_bytes",
        GLIBC_TUNABLES=f"glibc.cpu.hwcaps={','.join(HIDDEN)}",
        NPY_DISABLE_CPU_FEATURES=" ".join(dispatched),
        NUMBA_CPU_NAME="generic",
    )
    # then
    assert not set(dispatched) & set(other["numpy"])
    assert other["exp"] != here["exp"] or not __cpu_features__["FMA3"], "glibc's exp still uses FMA"
    assert other["learned"] == here["learned"]


# Everything is compiled again: code from a cache can't be looked at.
@pytest.mark.soak
def test_no_kernel_joins_a_product_and_a_sum(tmp_path: Path) -> None:
    found = run("assembly", NUMBA_CACHE_DIR=str(tmp_path))
    assert {
        "unlearn_models.linear.kernels.descend",
        "unlearn_models.naive_bayes.kernels.log_scores",
        "unlearn_models.forest.kernels.grow.grow",
    } <= set(found)
    assert {name: fused for name, fused in found.items() if fused} == {}


@pytest.mark.parametrize("option", ["fastmath", "parallel"])
def test_no_kernel_may_reorder_sums(option: str) -> None:
    assert not kernels.descend.compiled().targetoptions.get(option)  # type: ignore[attr-defined]
