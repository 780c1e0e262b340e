"""A Kafka with TLS, logins and rights: a mistake is named at the start; what is taken away later is waited out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ACLOperation, UserScramCredentialDeletion, UserScramCredentialUpsertion

from tests.guarded import KEY_PASSWORD, PASSWORD, USER, GuardedKafka
from tests.harness.kafka_harness import WorkerOnKafka
from tests.harness.processes import Case, run_each
from tests.harness.settings import settings_of
from tests.harness.token_server import CLIENT, SECRET, TokenServer
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


def over_tls(kafka: GuardedKafka, mechanism: str, password: str = PASSWORD) -> dict[str, Any]:
    return login(kafka.sasl_tls, mechanism, password, security_protocol="SASL_SSL", ssl_cafile=kafka.authority)


def mutual(kafka: GuardedKafka, certificate: Path | None, **more: Any) -> dict[str, Any]:
    return tls(kafka.mutual, kafka.authority, ssl_certfile=certificate, **more)


def by_url(kafka: GuardedKafka, **more: Any) -> dict[str, Any]:
    return {
        "bootstrap_servers": kafka.sasl_tls,
        "security_protocol": "SASL_SSL",
        "ssl_cafile": kafka.authority,
        "sasl_mechanism": "OAUTHBEARER",
        "sasl_token_url": kafka.tokens.url,
        "sasl_client_id": CLIENT,
        "sasl_client_secret": SECRET,
        "sasl_token_cafile": kafka.authority,
        **more,
    }


def by_function(kafka: GuardedKafka, name: str) -> dict[str, Any]:
    """Tokens by a function of this module."""
    GIVEN["tokens"] = kafka.tokens
    given = by_url(kafka, sasl_token_provider=f"{__name__}:{name}")
    return {key: value for key, value in given.items() if key not in URL_SETTINGS}


URL_SETTINGS = ("sasl_token_url", "sasl_client_id", "sasl_client_secret", "sasl_token_cafile")
GIVEN: dict[str, TokenServer] = {}


def good() -> tuple[str, float]:
    return GIVEN["tokens"].token(), time.time() + 60


def good_alone() -> str:
    return GIVEN["tokens"].token()


def ended() -> str:
    return GIVEN["tokens"].token(lasts=-5)


def of_another_audience() -> str:
    return GIVEN["tokens"].token(aud="somebody else")


def unsigned() -> str:
    return GIVEN["tokens"].token()[:-20] + "A" * 20


def failing() -> str:
    raise OSError("no metadata service")


def nothing() -> None: ...


RIGHT: dict[str, Where] = {
    "in the clear": lambda kafka: clear(kafka.address),
    "tls": lambda kafka: tls(kafka.tls, kafka.authority),
    "login": lambda kafka: login(kafka.sasl),
    "login over tls": lambda kafka: over_tls(kafka, "PLAIN"),
    "scram-256 over tls": lambda kafka: over_tls(kafka, "SCRAM-SHA-256"),
    "scram-512 over tls": lambda kafka: over_tls(kafka, "SCRAM-SHA-512"),
    "mutual tls": lambda kafka: mutual(kafka, kafka.certificate),
    "mutual tls, key apart": lambda kafka: mutual(
        kafka, kafka.certificate.with_suffix(".crt"), ssl_keyfile=kafka.certificate.with_suffix(".key")
    ),
    "mutual tls, key with a password": lambda kafka: mutual(
        kafka, kafka.locked_certificate, ssl_key_password=KEY_PASSWORD
    ),
    "tokens by url": by_url,
    "tokens by a function": lambda kafka: by_function(kafka, "good"),
    "tokens by a function that tells no end": lambda kafka: by_function(kafka, "good_alone"),
}
MISTAKES: dict[str, tuple[Where, int, str]] = {
    "in the clear to tls": (lambda kafka: clear(kafka.tls), 69, "speaks TLS.*SECURITY_PROTOCOL is PLAINTEXT"),
    "in the clear to a login": (lambda kafka: clear(kafka.sasl), 69, "wants a login.*SECURITY_PROTOCOL is PLAINTEXT"),
    "tls to one in the clear": (lambda kafka: tls(kafka.address, None), 69, "doesn't speak TLS"),
    "tls to a login": (lambda kafka: tls(kafka.sasl_tls, kafka.authority), 69, "wants a login"),
    "the system's authorities": (lambda kafka: tls(kafka.tls, None), 69, "certificate.*not trusted.*SSL_CAFILE"),
    "another authority": (lambda kafka: tls(kafka.tls, kafka.stranger), 69, "certificate.*not trusted.*SSL_CAFILE"),
    "no such file": (lambda kafka: tls(kafka.tls, Path("/nowhere.pem")), 69, "SSL_CAFILE.*No such file"),
    "an expired certificate": (lambda kafka: tls(kafka.expired, kafka.authority), 69, "not valid now.*expired"),
    "another host's": (lambda kafka: tls(kafka.elsewhere, kafka.authority), 69, "another name.*BOOTSTRAP_SERVERS"),
    "no certificate of ours": (lambda kafka: mutual(kafka, None), 69, "wants a certificate.*SSL_CERTFILE"),
    "a stranger's certificate": (
        lambda kafka: mutual(kafka, kafka.strange_certificate),
        69,
        "doesn't take our certificate.*SSL_CERTFILE",
    ),
    "an expired certificate of ours": (
        lambda kafka: mutual(kafka, kafka.expired_certificate),
        69,
        "doesn't take our certificate.*SSL_CERTFILE",
    ),
    "a key with a password": (lambda kafka: mutual(kafka, kafka.locked_certificate), 69, "SSL_KEY_PASSWORD"),
    "another password of the key": (
        lambda kafka: mutual(kafka, kafka.locked_certificate, ssl_key_password="a-guess"),
        69,
        "SSL_KEY_PASSWORD is not the password",
    ),
    "another key": (
        lambda kafka: mutual(
            kafka, kafka.certificate.with_suffix(".crt"), ssl_keyfile=kafka.strange_certificate.with_suffix(".key")
        ),
        69,
        "SSL_KEYFILE.*another key",
    ),
    "a folder for a key": (
        lambda kafka: mutual(kafka, kafka.certificate, ssl_keyfile=Path("/")),
        69,
        "SSL_KEYFILE: / is a folder",
    ),
    "no authority in the file": (
        lambda kafka: tls(kafka.tls, kafka.certificate.with_suffix(".key")),
        69,
        "SSL_CAFILE.*holds no certificate",
    ),
    "wrong password by scram-512 over tls": (
        lambda kafka: over_tls(kafka, "SCRAM-SHA-512", "a-guess"),
        77,
        "refuses the login of worker by SCRAM-SHA-512.*SASL_PASSWORD",
    ),
    "unknown mechanism over tls": (lambda kafka: over_tls(kafka, "GSSAPI"), 77, "it has .*OAUTHBEARER.*SASL_MECHANISM"),
    "wrong secret": (
        lambda kafka: by_url(kafka, sasl_client_secret="a-guess"),
        77,
        "refuses worker a token .401 invalid_client.*CLIENT_SECRET",
    ),
    "wrong scope": (lambda kafka: by_url(kafka, sasl_token_scope="wrong"), 77, "invalid_scope.*SASL_TOKEN_SCOPE"),
    "the token url's authority": (
        lambda kafka: by_url(kafka, sasl_token_cafile=kafka.stranger),
        77,
        "not trusted.*SASL_TOKEN_CAFILE",
    ),
    "no token url there": (
        lambda kafka: by_url(kafka, sasl_token_url="https://127.0.0.1:9/token"),
        69,
        "https://127.0.0.1:9/token gives no token.*SASL_TOKEN_URL",
    ),
    "a token that has ended": (lambda kafka: by_function(kafka, "ended"), 77, "has ended . s ago.*clock"),
    "a token for others": (
        lambda kafka: by_function(kafka, "of_another_audience"),
        77,
        "refuses the login by OAUTHBEARER.*audience.*SASL_TOKEN_PROVIDER",
    ),
    "a token signed wrongly": (
        lambda kafka: by_function(kafka, "unsigned"),
        77,
        "refuses the login by OAUTHBEARER.*SASL_TOKEN_PROVIDER",
    ),
    "a function that fails": (
        lambda kafka: by_function(kafka, "failing"),
        69,
        "SASL_TOKEN_PROVIDER: .*:failing raises OSError: no metadata service",
    ),
    "a function that gives nothing": (lambda kafka: by_function(kafka, "nothing"), 77, "gives NoneType, not a token"),
    "no such function": (lambda kafka: by_function(kafka, "no_such_one"), 77, "SASL_TOKEN_PROVIDER: there is no"),
    "a login where there is none": (lambda kafka: login(kafka.address), 69, "takes no login"),
    "a login in the clear to tls": (lambda kafka: login(kafka.sasl_tls), 69, "speaks TLS"),
    "wrong password": (lambda kafka: login(kafka.sasl, password="a-guess"), 77, "refuses the login of worker by PLAIN"),
    "wrong password by scram": (
        lambda kafka: login(kafka.sasl, "SCRAM-SHA-256", "a-guess"),
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
IN_EACH_RUN = {
    *("in the clear to tls", "the system's authorities", "wrong password by scram", "no user", "no such host"),
    *("another host's", "no certificate of ours", "a key with a password", "wrong secret", "a token for others"),
}
"""Mistakes of each kind: the protocol, the certificate, the login, what is missing, the address. Each takes seconds."""


@pytest.mark.parametrize("where", RIGHT.values(), ids=RIGHT)
def test_right_settings_connect(guarded: GuardedKafka, where: Where) -> None:
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
        set_login(guarded, UserScramCredentialUpsertion(USER, mechanism, PASSWORD))
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
    assert "a-guess" not in str(raised.value)
    assert ("services up" in str(raised.value)) == ("nothing listens" in str(raised.value))
    log.close()


def test_amazon_s_token_goes_to_the_broker_which_is_none_of_amazon_s(
    guarded: GuardedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So far as it can be tried without Amazon: the token is made and sent, and its refusal is told."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-key")
    values = {"security_protocol": "SASL_SSL", "sasl_mechanism": "AWS_MSK_IAM", "sasl_aws_region": "eu-north-1"}
    settings = {"bootstrap_servers": guarded.sasl_tls, "ssl_cafile": guarded.authority, "request_timeout": 4, **values}
    log = KafkaLog(KafkaSettings.model_validate(settings))
    with pytest.raises(LogDenied, match=r"refuses the login by AWS_MSK_IAM.*UNLEARN_KAFKA__SASL_AWS_REGION"):
        log.cluster_id()
    log.close()


@pytest.fixture
def harness(redis_url: str, tmp_path: Path, guarded: GuardedKafka) -> Iterator[WorkerOnKafka]:
    made = WorkerOnKafka(redis_url, tmp_path, guarded.address)
    made.tweets(40)
    made.rest()
    yield made
    made.close()


USUAL = ("work", "send -", "score -", "status")
OTHERS = (
    *("topics create", "topics check", "forget --subjects - --open open", "work --drain", "pending", "resolve"),
    *("manifest", "versions", "diff 1 2", "verify", "verify --from-log", "export --to safetensors there"),
)


@pytest.mark.parametrize("commands", [USUAL, pytest.param(OTHERS, marks=pytest.mark.soak)], ids=["usual", "others"])
def test_every_command_tells_a_refused_login_as_what_it_is(
    guarded: GuardedKafka, redis_url: str, tmp_path: Path, commands: tuple[str, ...]
) -> None:
    """In one line, which names the setting and no secret."""
    guess = over_tls(guarded, "SCRAM-SHA-512", "a-guess")
    settings = settings_of(
        kafka={**guess, "request_timeout": 4}, redis={"url": redis_url}, store={"url": (tmp_path / "store").as_uri()}
    )
    (tmp_path / "in").write_text("s1\n")
    cases = {name: Case(tuple(name.split()), input=str(tmp_path / "in")) for name in commands}
    for name, done in run_each(settings, tmp_path, cases, seconds=200, at_once=2).items():
        said = done.stdout + done.stderr
        assert done.returncode == 77, (name, said)
        (line,) = [line for line in said.splitlines() if "refuses the login of worker by SCRAM-SHA-512" in line]
        assert "UNLEARN_KAFKA__SASL_PASSWORD" in line, (name, line)
        assert "a-guess" not in said, name
        assert "Traceback" not in said, name


def test_an_authority_that_is_replaced_by_another_is_told_by_a_worker_that_reads(
    guarded: GuardedKafka, redis_url: str, tmp_path: Path
) -> None:
    """The client says nothing of it: it is looked for where a reader has no connection any more."""
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(guarded.authority.read_bytes())
    harness = WorkerOnKafka(
        redis_url, tmp_path, guarded.tls, login={"security_protocol": "SSL", "ssl_cafile": str(trusted)}
    )
    harness.tweets(40)
    harness.rest()
    trusted.write_bytes(guarded.stranger.read_bytes())
    reader: Any = harness.worker._reader
    for connection in list(reader._consumer._client._manager._conns.values()):
        connection.close()
    harness.turn_until(lambda: "is not trusted" in harness.worker._reader.trouble, 90)
    assert "UNLEARN_KAFKA__SSL_CAFILE" in harness.worker._reader.trouble
    harness.turn_until(lambda: any("is not trusted" in words for words in troubles(harness)), 90)
    trusted.write_bytes(guarded.authority.read_bytes())
    harness.broker.await_answer(harness.settings.events_topic)
    harness.forget()
    harness.rest()

    assert "gone" in harness.event_ids("hidden")
    assert harness.worker._reader.trouble == ""
    assert harness.verdict() == "equal"
    harness.close()


@pytest.mark.soak
def test_a_worker_waits_out_a_token_endpoint_that_refuses_and_renews_its_tokens(
    guarded: GuardedKafka, redis_url: str, tmp_path: Path
) -> None:
    tokens = guarded.tokens
    values = by_url(guarded, sasl_token_scope="kafka")
    del values["bootstrap_servers"]
    tokens.lasts = 6.0
    harness = WorkerOnKafka(redis_url, tmp_path, guarded.sasl_tls, login=values)
    try:
        harness.tweets(40)
        harness.rest()
        # Tokens are renewed before they end: nothing is heard of it.
        asked = tokens.asked
        harness.turn_until(lambda: tokens.asked > asked + 1, 60)
        assert troubles(harness) == []
        # Then no more are given: the sessions end with their tokens.
        tokens.failing = (401, b'{"error": "invalid_client", "error_description": "switched off"}')
        harness.turn_until(lambda: any("switched off" in words for words in troubles(harness)), 90)
        (told, *_) = [words for words in troubles(harness) if "switched off" in words]
        assert "UNLEARN_KAFKA__SASL_CLIENT_SECRET" in told
        tokens.failing = None
        harness.broker.await_answer(harness.settings.events_topic)
        harness.forget()
        harness.rest()
        harness.turn_until(lambda: troubles(harness) == [], 60)

        assert "gone" in harness.event_ids("hidden")
        assert harness.verdict() == "equal"
        assert set(tokens.scopes) == {"kafka"}
    finally:
        tokens.failing, tokens.lasts = None, 60.0
        harness.close()


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
