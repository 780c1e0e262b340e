"""The shared suite, on a real broker, with all read as columns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.log.conftest import KafkaRig
from tests.log_suite import *  # noqa: F403
from tests.log_suite import in_columns


@pytest.fixture(scope="module", name="rig")
def rig_in_columns(kafka: str) -> Iterator[KafkaRig]:
    made = KafkaRig(kafka)
    in_columns(made.log)
    yield made
    made.close()
