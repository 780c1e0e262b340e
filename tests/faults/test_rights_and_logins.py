"""A Kafka with TLS, logins and rights: a mistake is named at the start; what is taken away later is waited out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ACLOperation, UserScramCredentialDeletion, UserScramCredentialUpsertion

from tests.guarded import PASSWORD, USER, GuardedKafka
from tests.harness.kafka_harness import WorkerOnKafka
from unlearn.errors import LogDenied, LogUnavailable
from unlearn.log.kafka.log import KafkaLog
from unlearn.settings import KafkaSettings

pytestmark = pytest.mark.timeout(1800)
Where = Callable[[GuardedKafka], dict[str, Any]]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedKafka]:
    made = GuardedKafka(tmp_path_factory.mktemp("guarded") / "kafka")
    yield made
    made.close()


def clear(address: str, **more: Any) -> dict[str, Any]:
    return {"bootstrap_servers": address, **more}


def tls(address: str, authority: Path | None, **more: Any) -> dict[str, Any]:
    return {"bootstrap_servers": address, "security_protocol": "SSL", "ssl_cafile": authority, **more}


def login(address: str, mechanism: str | None = "PLAIN", password: str = PASSWORD, **more: Any) -> dict[str, Any]:
    return {
        "bootstrap_servers": address,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": mechanism,
        "sasl_username": USER,
        "sasl_password": password,
        **more,
    }


RIGHT: dict[str, Where] = {
    "in the clear": lambda kafka: clear(kafka.address),
    "tls": lambda kafka: tls(kafka.tls, kafka.authority),
    "login": lambda kafka: login(kafka.sasl),
    "login over tls": lambda kafka: login(kafka.sasl_tls, security_protocol="SASL_SSL", ssl_cafile=kafka.authority),
}
MISTAKES: dict[str, tuple[Where, int, str]] = {
    "in the clear to tls": (lambda kafka: clear(kafka.tls), 69, "speaks TLS.*SECURITY_PROTOCOL is PLAINTEXT"),
    "in the clear to a login": (lambda kafka: clear(kafka.sasl), 69, "wants a login.*SECURITY_PROTOCOL is PLAINTEXT"),
    "tls to one in the clear": (lambda kafka: tls(kafka.address, None), 69, "doesn't speak TLS"),
    "tls to a login": (lambda kafka: tls(kafka.sasl_tls, kafka.authority), 69, "wants a login"),
    "the system's authorities": (lambda kafka: tls(kafka.tls, None), 69, "certificate.*not trusted.*SSL_CAFILE"),
    "another authority": (lambda kafka: tls(kafka.tls, kafka.stranger), 69, "certificate.*not trusted.*SSL_CAFILE"),
    "no such file": (lambda kafka: tls(kafka.tls, Path("/nowhere.pem")), 69, "SSL_.*No such file"),
    "a login where there is none": (lambda kafka: login(kafka.address), 69, "takes no login"),
    "a login in the clear to tls": (lambda kafka: login(kafka.sasl_tls), 69, "speaks TLS"),
    "wrong password": (lambda kafka: login(kafka.sasl, password="wrong"), 77, "refuses the login of worker by PLAIN"),
    "wrong password by scram": (
        lambda kafka: login(kafka.sasl, "SCRAM-SHA-256", "wrong"),
        77,
        "refuses the login of worker by SCRAM-SHA-256",
    ),
    "no password": (lambda kafka: login(kafka.sasl, sasl_password=None), 77, "SASL_PASSWORD"),
    "no user": (lambda kafka: login(kafka.sasl, sasl_username=None), 77, "SASL_USERNAME"),
    "unknown mechanism": (lambda kafka: login(kafka.sasl, "SCRAM-SHA-512"), 77, "it has PLAIN, SCRAM-SHA-256"),
    "no mechanism": (lambda kafka: login(kafka.sasl, None), 77, "SASL_MECHANISM"),
    "no such host": (lambda _: clear("no-such-host.invalid:9092"), 69, "no-such-host.invalid doesn't resolve"),
    "nothing listens": (lambda _: clear("127.0.0.1:9"), 69, "nothing listens on 127.0.0.1:9.*services up"),
}
IN_EACH_RUN = {"in the clear to tls", "the system's authorities", "wrong password by scram", "no user", "no such host"}
"""Mistakes of each kind: the protocol, the certificate, the login, what is missing, the address. Each takes seconds."""


@pytest.mark.parametrize("where", RIGHT.values(), ids=RIGHT)
def test_right_settings_connect(guarded: GuardedKafka, where: Where) -> None:
    log = KafkaLog(KafkaSettings(**where(guarded)))
    assert log.cluster_id()
    log.producer().close()
    log.close()


@pytest.mark.parametrize(
    ("where", "code", "words"),
    [
        pytest.param(*case, id=name, marks=() if name in IN_EACH_RUN else pytest.mark.soak)
        for name, case in MISTAKES.items()
    ],
)
def test_a_mistake_is_named_in_the_error(guarded: GuardedKafka, where: Where, code: int, words: str) -> None:
    log = KafkaLog(KafkaSettings(request_timeout=4, **where(guarded)))
    with pytest.raises(LogUnavailable, match=words) as raised:
        log.cluster_id()
    assert raised.value.exit_code == code
    assert isinstance(raised.value, LogDenied) == (code == 77)
    assert "wrong" not in str(raised.value)
    assert ("services up" in str(raised.value)) == ("nothing listens" in str(raised.value))
    log.close()


@pytest.fixture
def harness(redis_url: str, tmp_path: Path, guarded: GuardedKafka) -> Iterator[WorkerOnKafka]:
    made = WorkerOnKafka(redis_url, tmp_path, guarded.address)
    made.tweets(40)
    made.rest()
    yield made
    made.close()


def troubles(harness: WorkerOnKafka) -> list[str]:
    keys = [f"{{{harness.settings.model}:{partition}}}:trouble" for partition in range(harness.settings.partitions)]
    return [words.decode() for words in harness.client.mget(keys) if words]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("topic", "operation"),
    [
        ("events", ACLOperation.ALL),
        ("events", ACLOperation.READ),
        ("events", ACLOperation.WRITE),
        ("results", ACLOperation.READ),
        ("results", ACLOperation.WRITE),
        ("receipts", ACLOperation.WRITE),
        ("history", ACLOperation.ALL),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_right_to_a_topic_that_is_taken_away_is_waited_for(
    guarded: GuardedKafka, harness: WorkerOnKafka, topic: str, operation: ACLOperation
) -> None:
    # Given deletions that ask for receipts, a copy for the other partition, and a new manifest.
    record = harness.tweets(1, seed=9)[0]["record_id"]
    harness.rest()
    harness.forget(event_id="a subject")
    harness.delete(record=record, event_id="a record")
    with guarded.denied(operation, getattr(harness.settings, f"{topic}_topic")):
        harness.turn_until(lambda: any("uthoriz" in words for words in troubles(harness)), 60)
        until = time.monotonic() + 5
        harness.turn_until(lambda: time.monotonic() > until)
    harness.rest()

    assert harness.worker.stopped == {}
    assert not any(owned.view.unresolved for owned in harness.worker.owned.values())
    assert harness.event_ids("hidden") >= {"a subject", "a record"}
    assert harness.verdict() == "equal"


@pytest.mark.parametrize("operation", [ACLOperation.READ, ACLOperation.ALL], ids=lambda value: value.name)
def test_a_group_that_is_denied_is_joined_again(
    guarded: GuardedKafka, harness: WorkerOnKafka, operation: ACLOperation
) -> None:
    """Who may still describe it finds its coordinator, and goes on with what was assigned, outside of the group."""
    with guarded.denied(operation, group=harness.settings.group_id):
        harness.turn_until(lambda: any("uthoriz" in words for words in troubles(harness)), 60)
        harness.forget()
        until = time.monotonic() + 8
        harness.turn_until(lambda: time.monotonic() > until)
    harness.rest()
    harness.turn_until(lambda: not harness.worker._reader.trouble, 60)

    assert "gone" in harness.event_ids("hidden")
    assert harness.verdict() == "equal"


def test_a_login_that_is_refused_for_a_while_is_made_again(
    guarded: GuardedKafka, redis_url: str, tmp_path: Path
) -> None:
    right = UserScramCredentialUpsertion(USER, "SCRAM-SHA-256", PASSWORD)
    set_login(guarded, right)
    values = login(guarded.sasl, "SCRAM-SHA-256")
    del values["bootstrap_servers"]
    harness = WorkerOnKafka(redis_url, tmp_path, guarded.sasl, login=values)
    harness.tweets(40)
    harness.rest()
    set_login(guarded, UserScramCredentialDeletion(USER, "SCRAM-SHA-256"))
    try:
        harness.turn_until(lambda: any("refuses the login" in words for words in troubles(harness)), 90)
    finally:
        set_login(guarded, right)
    harness.broker.await_answer(harness.settings.events_topic)
    harness.forget()
    harness.rest()

    assert "gone" in harness.event_ids("hidden")
    assert harness.verdict() == "equal"
    harness.close()


def set_login(guarded: GuardedKafka, change: Any) -> None:
    admin = KafkaAdminClient(bootstrap_servers=guarded.address)
    admin.alter_user_scram_credentials([change])
    admin.close()
