"""Programs of others that some tests need: where one lacks its tests are skipped, unless they are said to be needed.

`TESTS_NEED` names those that are known to be there, such as `java,node`: then a test that can't have its own
fails, so that no run passes by skipping. `.ci/run` sets it to what it finds. Its name doesn't begin as our settings do:
processes that tests start refuse variables that are no settings.
"""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

__all__ = ["NAMES", "VARIABLE", "lacking"]

VARIABLE = "TESTS_NEED"
NAMES = frozenset({"browser", "confluent", "helm", "java", "node", "prometheus", "redis-tls", "s3", "systemd"})


def lacking(name: str, reason: str) -> NoReturn:
    """End the test that can't run for want of this: as skipped, or as failed where it is needed."""
    needed = {one for one in os.environ.get(VARIABLE, "").split(",") if one}
    if name not in NAMES or not needed <= NAMES:
        pytest.fail(f"{VARIABLE}: {', '.join(sorted({name, *needed} - NAMES))} is none of {', '.join(sorted(NAMES))}")
    if name in needed:
        pytest.fail(f"{reason}; {VARIABLE} says that {name} is needed")
    pytest.skip(reason)
