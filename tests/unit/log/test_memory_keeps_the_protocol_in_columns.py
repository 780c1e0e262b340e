"""The shared suite, on the in-process log all read as columns."""

from __future__ import annotations

import pytest

from tests.log_suite import *  # noqa: F403
from tests.log_suite import in_columns
from tests.unit.log.conftest import MemoryRig


@pytest.fixture(scope="module", name="rig")
def rig_in_columns() -> MemoryRig:
    made = MemoryRig()
    in_columns(made.log)
    return made
