"""The suite on batches as other producers make them, with readers that give columns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.log.conftest import KafkaRig
from tests.integration.log.test_kafka_batches import *  # noqa: F403
from tests.log_suite import in_columns
from unlearn.log.kafka.log import KafkaLog


@pytest.fixture(scope="module", name="rig")
def rig_in_columns(kafka: str) -> Iterator[KafkaRig]:
    made = KafkaRig(kafka)
    in_columns(made.log)
    yield made
    made.close()


@pytest.fixture(name="small")
def small_in_columns(rig: KafkaRig) -> Iterator[KafkaLog]:
    """A log whose batches may unpack to one MiB."""
    log = KafkaLog(rig.settings.model_copy(update={"batch_bytes": 1024 * 1024}))
    in_columns(log)
    yield log
    log.close()
