"""The client's errors, and the errors of ours that they become."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import kafka.errors as kafka_errors

from unlearn.errors import LogDenied, LogRefused, LogUnavailable, TopicMissing, UnlearnError
from unlearn.log.kafka.security.errors import TokenRefused, TokenUnavailable

MISSING = (kafka_errors.UnknownTopicOrPartitionError, kafka_errors.UnknownTopicIdError)
DENIED = (
    kafka_errors.AuthorizationError,
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
    kafka_errors.IllegalSaslStateError,
    kafka_errors.SecurityDisabledError,
)
"""Refusals of rights and logins, which may be granted later."""
_RIGHTS = "`unlearn topics create --as acls` prints what each kind of user needs"
_CODE = re.compile(r"\[Error (\d+)\]")
_LOGIN = "check UNLEARN_KAFKA__SASL_MECHANISM and what it needs"
_RIGHTS_TO = {
    kafka_errors.TopicAuthorizationFailedError: "the topic",
    kafka_errors.GroupAuthorizationFailedError: "the group",
    kafka_errors.TransactionalIdAuthorizationFailedError: "the transactional id",
    kafka_errors.ClusterAuthorizationFailedError: "the cluster",
}
ABOUT_THE_RECORD = (
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.InvalidRecordError,
    AssertionError,
    TypeError,
    ValueError,
)
"""Errors that lie in the record itself, so that it would be refused however often it is sent."""
REFUSED = (
    *ABOUT_THE_RECORD,
    kafka_errors.KafkaConfigurationError,
    kafka_errors.InvalidTopicError,
    kafka_errors.InvalidConfigurationError,
    kafka_errors.InvalidPartitionsError,
    kafka_errors.InvalidReplicationFactorError,
    kafka_errors.PolicyViolationError,
)


def translate(error: BaseException, doing: str) -> UnlearnError:
    """A client's error as one of ours.

    `doing` completes the sentence "Kafka ... while ..."; no payload gets into the text.
    """
    if isinstance(error, UnlearnError):
        return error
    error = _unwrapped(error)
    if isinstance(error, MISSING):
        return TopicMissing(f"Kafka has no such topic or partition ({doing})")
    if isinstance(error, DENIED):
        return LogDenied(_denial(error, doing))
    if isinstance(error, kafka_errors.FencedInstanceIdError):
        return LogRefused(
            "another worker of the group has the same UNLEARN_KAFKA__GROUP_INSTANCE_ID, and has taken this one's place"
        )
    if isinstance(error, REFUSED):
        return LogRefused(f"Kafka refused ({doing}): {_reason(error)}")
    told = isinstance(error, TokenUnavailable)
    return LogUnavailable(str(error) if told else f"Kafka gives no answer ({doing}): {_reason(error)}")


def why_not_sent(error: BaseException, doing: str) -> UnlearnError:
    """The error for a record that was not acknowledged: LogRefused only where the fault is in the record itself."""
    told = translate(error, doing)
    if isinstance(error, ABOUT_THE_RECORD) or not isinstance(told, LogRefused) or isinstance(told, LogDenied):
        return told
    return LogUnavailable(str(told))


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Inside the `with` block, what the client raises becomes an error of ours; `doing` as in `translate`."""
    try:
        yield
    except (kafka_errors.KafkaError, AssertionError, TypeError, ValueError, OSError) as error:
        raise translate(error, doing) from error


def _unwrapped(error: BaseException) -> BaseException:
    """The error that the client puts into the text of another, as it does where it asks for a producer's id."""
    code = _CODE.search(str(error)) if type(error) is kafka_errors.KafkaError else None
    kind = kafka_errors.for_code(int(code[1])) if code else None
    return kind() if kind is not None and issubclass(kind, Exception) else error


def _denial(error: BaseException, doing: str) -> str:
    if isinstance(error, TokenRefused):
        return str(error)
    if isinstance(error, kafka_errors.AuthorizationError):
        return f"Kafka denies this user {_what(error)} ({doing}): {_reason(error)}; {_RIGHTS}"
    return f"Kafka refuses the login ({doing}): {_reason(error)}; {_LOGIN}"


def _what(error: BaseException) -> str:
    """What the right is to that is denied; the client names a topic or a group where it knows it."""
    kind = next((words for kind, words in _RIGHTS_TO.items() if isinstance(error, kind)), "a right")
    named = error.args[0] if error.args else ()
    names = sorted(map(str, named)) if isinstance(named, set | list | tuple | frozenset) else []
    return f"{kind} {', '.join(names)}".strip()


def _reason(error: BaseException) -> str:
    name, text = type(error).__name__, str(error)
    return text if name in text else f"{name}: {text}".removesuffix(": ")
