from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from unlearn.errors import SettingsError
from unlearn.mapping.reading import EARLIER_READING, PLAIN_READING
from unlearn.settings import DEMO_SECRET, Settings, load_settings
from unlearn.settings_sources import fields, load, variable

SECRET = "sixteen bytes or more"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in os.environ:
        if name.upper().startswith("UNLEARN_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("UNLEARN_SECRET", SECRET)
    return monkeypatch


def _file(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_follow_the_model(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("UNLEARN_MODEL", "spam")
    settings = load_settings()
    assert settings.events_topic == "spam.events"
    assert settings.results_topic == "spam.results"
    assert settings.receipts_topic == "spam.receipts"
    assert settings.dead_letters_topic == "spam.dead-letters"
    assert settings.group_id == "unlearn-spam"
    assert settings.classes == ("ham", "spam")
    assert settings.store.url == (settings.services_dir / "store").as_uri()


def test_store_follows_services_dir(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("UNLEARN_SERVICES_DIR", str(tmp_path / "here"))
    assert load_settings().store.url == (tmp_path / "here" / "store").as_uri()


def test_environment_beats_file_beats_default(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Given a table of which the environment names one value and the file another
    environment.setenv("UNLEARN_KAFKA__GROUP_ID", "from-environment")
    environment.setenv("UNLEARN_FORGET_WITHIN", "P1D")
    config = _file(
        tmp_path,
        'slice_span = 7\nforget_within = 1\n[kafka]\ngroup_id = "file"\nsession_timeout = "PT1M"\n',
    )
    # When both are read
    loaded = load(config)
    # Then the values are merged one by one, each with its origin
    settings = loaded.settings
    assert (settings.kafka.group_id, settings.kafka.session_timeout) == ("from-environment", 60.0)
    assert (settings.slice_span, settings.forget_within, settings.partitions) == (7, 86_400.0, 4)
    origins = {path: loaded.origins.get(path) for path in ("kafka.group_id", "slice_span", "partitions")}
    assert origins == {"kafka.group_id": "environment", "slice_span": "file", "partitions": None}


def test_classes_are_a_json_list(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("UNLEARN_CLASSES", '["a", "b", "ü"]')
    assert load_settings().classes == ("a", "b", "ü")


def test_an_empty_variable_is_no_variable(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("UNLEARN_KAFKA__GROUP_ID", "")
    assert load_settings().kafka.group_id is None


def test_secret_is_required_outside_the_demo(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("UNLEARN_SECRET")
    with pytest.raises(SettingsError, match=r"UNLEARN_SECRET: is not set .*token_hex"):
        load_settings()
    assert load_settings(demo=True).secret.get_secret_value() == DEMO_SECRET


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("UNLEARN_CLASSES", "ham,spam", "JSON list"),
        ("UNLEARN_CONSOLE__HOSTS", '"ops.example"', "not a JSON list"),
        ("UNLEARN_LEARNER_OPTIONS", "[0.5]", "not a JSON object"),
        ("UNLEARN_CLASSES", '["ham", "ham"]', "different"),
        ("UNLEARN_FEATURES", "many", "integer"),
        ("UNLEARN_LEARNER", "magic", "naive-bayes"),
        ("UNLEARN_MODEL", "Spam", "pattern"),
        ("UNLEARN_QUORUM", "nan", "finite"),
        ("UNLEARN_SEAL_AFTER", "soon", "ISO 8601"),
        ("UNLEARN_KAFKA__BOOTSTRAP_SERVERS", "localhost", "host:port"),
        ("UNLEARN_TOPICS__EVENTS", "a b", "pattern"),
        ("UNLEARN_MAPPING", "debezum", "none of plain, earlier, cloudevents"),
        ("UNLEARN_TOMBSTONES", "drop", "'refuse', 'delete' or 'ignore'"),
    ],
)
def test_a_wrong_value_is_named_with_the_reason(
    environment: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert str(error.value).startswith(f"{name}: ")
    assert words in str(error.value)


def test_a_wrong_value_of_the_file_is_named_with_the_file(tmp_path: Path) -> None:
    config = _file(tmp_path, "[kafka]\nsession_timeout = -1\n")
    with pytest.raises(SettingsError, match=r"kafka\.session_timeout in .*settings\.toml: "):
        load_settings(config)


@pytest.mark.parametrize(
    ("name", "value"),
    [("UNLEARN_SECRET", "hunter2"), ("UNLEARN_REDIS__URL", "hunter2://user:hunter2@host")],
)
def test_errors_never_hold_a_secret(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert name in str(error.value)
    assert "hunter2" not in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


def test_unknown_names_are_errors_with_the_closest(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = _file(tmp_path, '[kafka]\nbootstrap_server = "x:1"\n')
    with pytest.raises(SettingsError, match=r"did you mean kafka\.bootstrap_servers\?"):
        load_settings(config)
    environment.setenv("UNLEARN_SLICESPAN", "3")
    with pytest.raises(SettingsError, match=r"did you mean UNLEARN_SLICE_SPAN\?"):
        load_settings()


@pytest.mark.parametrize("text", ["model =", "\N{NULL}", None])
def test_an_unreadable_file_is_an_error(tmp_path: Path, text: str | None) -> None:
    config = tmp_path / "missing.toml" if text is None else _file(tmp_path, text)
    with pytest.raises(SettingsError, match=str(config)):
        load_settings(config)


def test_settings_are_frozen_and_read_only_their_arguments(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("UNLEARN_MODEL", "from-environment")
    settings = Settings(secret=SecretStr(SECRET))
    assert settings.model == "demo"
    with pytest.raises(ValidationError):
        settings.model = "other"  # type: ignore[misc]


def test_text_of_the_settings_hides_secrets(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("UNLEARN_REDIS__URL", "redis://user:hunter2@host:1/0")
    environment.setenv("UNLEARN_KAFKA__SASL_PASSWORD", "hunter2")
    settings = load_settings()
    assert "hunter2" not in repr(settings) + settings.redis.shown_url()
    assert SECRET not in repr(settings)
    assert settings.redis.shown_url() == "host:1"


def test_a_lease_shorter_than_a_heartbeat_is_refused(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("UNLEARN_LEASE", "1")
    with pytest.raises(SettingsError, match="lease must be longer than heartbeat_every"):
        load_settings()


def test_a_key_must_name_something_where_a_null_is_a_deletion(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("UNLEARN_TOMBSTONES", "delete")
    with pytest.raises(SettingsError, match=r"needs a mapping that says what a key names: .*tombstone"):
        load_settings()
    environment.setenv("UNLEARN_MAPPING", "debezium")
    assert load_settings().reading.tombstones == "delete"
    mapping = tmp_path / "mapping.toml"
    mapping.write_text('tombstone = {subject_id = "key"}\n')
    environment.setenv("UNLEARN_MAPPING", str(mapping))
    assert load_settings().reading.mapping.tombstone.named() == ["subject_id"]


def test_how_messages_are_read_by_default(environment: pytest.MonkeyPatch) -> None:
    assert load_settings().reading == PLAIN_READING
    environment.setenv("UNLEARN_MAPPING", "earlier")
    assert load_settings().reading == EARLIER_READING
    environment.setenv("UNLEARN_TOMBSTONES", "refuse")
    assert load_settings().reading.tombstones == "refuse"


def test_messages_of_other_forms_are_read_one_by_one(environment: pytest.MonkeyPatch) -> None:
    assert load_settings().reads_columns
    environment.setenv("UNLEARN_MAPPING", "segment")
    assert not load_settings().reads_columns


def test_every_setting_is_described() -> None:
    assert [variable(path) for path, field in fields() if not field.description] == []


def test_client_options_carry_what_is_set(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("UNLEARN_KAFKA__BOOTSTRAP_SERVERS", "a:1,b:2")
    environment.setenv("UNLEARN_KAFKA__SASL_PASSWORD", "hunter2")
    assert load_settings().kafka.client_options() == {
        "bootstrap_servers": ["a:1", "b:2"],
        "client_id": "unlearn-demo",
        "request_timeout_ms": 30_000,
        "security_protocol": "PLAINTEXT",
        "sasl_plain_password": "hunter2",
    }


def test_a_variable_names_the_file_and_an_argument_beats_it(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("UNLEARN_CONFIG", str(_file(tmp_path, 'model = "named"\n')))
    other = tmp_path / "other.toml"
    other.write_text('model = "given"\n')

    assert load_settings().model == "named"
    assert load_settings(other).model == "given"


def test_a_named_file_that_is_missing_is_an_error(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("UNLEARN_CONFIG", str(tmp_path / "none.toml"))

    with pytest.raises(SettingsError, match=r"none\.toml can't be read"):
        load_settings()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            {"SASL_MECHANISM": "PLAIN"},
            "SASL_MECHANISM is set, and .*SECURITY_PROTOCOL is PLAINTEXT, which has no login",
        ),
        ({"SSL_CAFILE": "ca.pem"}, "SSL_CAFILE is set, and .*PLAINTEXT, which encrypts nothing: set SSL or SASL_SSL"),
        ({"SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SSL_CERTFILE": "c.pem"}, "SSL_CERTFILE is set.*encrypts nothing"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_KEYFILE": "key.pem"}, "SSL_KEYFILE is set without UNLEARN_KAFKA__SSL_CERT"),
        (
            {"SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SASL_MECHANISM": "AWS_MSK_IAM"},
            "needs .*SECURITY_PROTOCOL=SASL_SSL",
        ),
        ({"SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "OAUTHBEARER"}, "SASL_TOKEN_URL and .*TOKEN_PROVIDER"),
        ({"SASL_TOKEN_URL": "https://id.test/token"}, "SASL_TOKEN_URL needs .*SASL_CLIENT_ID and .*CLIENT_SECRET"),
        ({"SASL_TOKEN_URL": "http://id.test/token"}, "http is taken to this machine only"),
        ({"SASL_TOKEN_PROVIDER": "module.function"}, "SASL_TOKEN_PROVIDER: "),
        ({"SASL_EXTENSIONS": "logicalCluster"}, "SASL_EXTENSIONS: "),
    ],
)
def test_settings_of_kafka_s_security_that_contradict_each_other_are_refused(
    environment: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    for name, value in variables.items():
        environment.setenv(f"UNLEARN_KAFKA__{name}", value)
    with pytest.raises(SettingsError, match=words):
        load_settings()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"SSL_CAFILE": "ca.pem"}, "SSL_CAFILE is set, and UNLEARN_REDIS__URL isn't rediss://"),
        ({"URL": "rediss://r?ssl_ca_certs=a", "SSL_CAFILE": "b"}, "SSL_CAFILE and ssl_ca_certs in .*URL say the same"),
        ({"URL": "rediss://r", "SSL_KEYFILE": "key.pem"}, "SSL_KEYFILE is set without UNLEARN_REDIS__SSL_CERTFILE"),
    ],
)
def test_settings_of_redis_tls_that_contradict_each_other_are_refused(
    environment: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    for name, value in variables.items():
        environment.setenv(f"UNLEARN_REDIS__{name}", value)
    with pytest.raises(SettingsError, match=words):
        load_settings()


def test_connections_tell_the_part_unless_they_have_names_of_their_own(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("UNLEARN_MODEL", "mail")
    named = load_settings().named("work")
    assert (named.kafka.client_id, named.redis.client_name) == ("unlearn-mail-work", "unlearn-mail-work")
    assert named.named("client").kafka.client_id == "unlearn-mail-work"
    environment.setenv("UNLEARN_KAFKA__CLIENT_ID", "ours")
    environment.setenv("UNLEARN_REDIS__CLIENT_NAME", "theirs")
    named = load_settings().named("work")
    assert (named.kafka.client_id, named.redis.client_name) == ("ours", "theirs")
