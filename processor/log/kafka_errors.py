"""What the client raises, as errors of our own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import kafka.errors as kafka_errors

from processor.errors import LogRefused, LogUnavailable, TopicMissing, UnlearnError

MISSING = (kafka_errors.UnknownTopicOrPartitionError, kafka_errors.UnknownTopicIdError)
DENIED = (kafka_errors.AuthorizationError, kafka_errors.SaslAuthenticationFailedError)
REFUSED = (
    *DENIED,
    kafka_errors.KafkaConfigurationError,
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.InvalidRecordError,
    kafka_errors.InvalidTopicError,
    kafka_errors.InvalidConfigurationError,
    kafka_errors.InvalidPartitionsError,
    kafka_errors.InvalidReplicationFactorError,
    kafka_errors.PolicyViolationError,
    AssertionError,
    TypeError,
    ValueError,
)


def translate(error: BaseException, doing: str) -> UnlearnError:
    """`doing` completes the sentence "Kafka ... while ..."; no payload gets into the text."""
    if isinstance(error, UnlearnError):
        return error
    if isinstance(error, MISSING):
        return TopicMissing(f"Kafka has no such topic or partition ({doing})")
    if isinstance(error, REFUSED):
        return LogRefused(f"Kafka refused ({doing}): {_reason(error)}")
    return LogUnavailable(f"Kafka gives no answer ({doing}): {_reason(error)}{_advice(error)}")


@contextmanager
def translated(doing: str) -> Iterator[None]:
    try:
        yield
    except (kafka_errors.KafkaError, AssertionError, TypeError, ValueError, OSError) as error:
        raise translate(error, doing) from error


def _reason(error: BaseException) -> str:
    name, text = type(error).__name__, str(error)
    return text if text.startswith(name) else f"{name}: {text}".removesuffix(": ")


def _advice(error: BaseException) -> str:
    never_met = "bootstrap" in str(error)
    return "; check UNLEARN_KAFKA__BOOTSTRAP_SERVERS, or start one with: unlearn services up" if never_met else ""
