"""A client that its own thread ends while a record is handed to it: that record failed, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from unlearn.errors import LogUnavailable
from unlearn.log.kafka.producer import KafkaProducer


def closed(_: Any) -> None:
    raise RuntimeError("NetworkSelector closed!")


def test_a_client_that_was_ended_meanwhile_is_no_fault_of_ours() -> None:
    producer, client = object.__new__(KafkaProducer), object()
    producer._client = None
    with pytest.raises(LogUnavailable, match="has failed"):
        producer._begun(client, closed)


def test_another_error_of_a_living_client_is_not_hidden() -> None:
    producer, client = object.__new__(KafkaProducer), object()
    producer._client = client
    with pytest.raises(RuntimeError, match="closed"):
        producer._begun(client, closed)
