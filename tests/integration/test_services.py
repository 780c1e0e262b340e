"""Local services survive kills, stale files and neighbours."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from kafka import KafkaAdminClient
from pydantic import SecretStr

from tests.conftest import MakeSettings
from tests.harness.settings import SECRET
from tests.harness.waiting import until
from tests.servers import redis_server
from unlearn.cli import main as cli_main
from unlearn.errors import ServiceUnavailable
from unlearn.local_password import with_local_password
from unlearn.services import LocalKafka, LocalRedis
from unlearn.services.address import free_port
from unlearn.settings import RedisSettings, Settings, load_settings


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Settings]:
    """Settings of services that only this test uses, in a folder with a difficult name."""
    settings = Settings(
        secret=SECRET,
        services_dir=tmp_path / "a long folder's name, with blänks = and signs",
        kafka={"bootstrap_servers": f"127.0.0.1:{free_port()}"},
        redis={"url": f"redis://:p%20w%22@127.0.0.1:{free_port()}/0"},
    )
    yield settings
    LocalKafka(settings, containers=False).down(print)
    LocalRedis(settings).down(print)


def _redis_pid(settings: Settings) -> int:
    return int((settings.services_dir / "redis" / "pid").read_text())


def test_redis_starts_once_and_stops(own: Settings) -> None:
    service = LocalRedis(own)
    first = service.up(print)
    pid = _redis_pid(own)
    again = service.up(print)
    assert first.startswith("started")
    assert again == "already running"
    assert _redis_pid(own) == pid
    assert service.down(print)
    assert not service.answers()
    assert not service.down(print)


def test_redis_has_the_settings_that_the_processor_needs(own: Settings) -> None:
    LocalRedis(own).up(print)
    with redis.Redis.from_url(own.redis.url.get_secret_value(), decode_responses=True) as client:
        names = ("appendonly", "appendfsync", "maxmemory-policy", "bind")
        found = {name: client.config_get(name)[name] for name in names}
    assert found == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "bind": "127.0.0.1",
    }


def test_redis_killed_keeps_its_data(own: Settings) -> None:
    service = LocalRedis(own)
    service.up(print)
    with redis.Redis.from_url(own.redis.url.get_secret_value()) as client:
        client.set("kept", "yes")
        os.kill(_redis_pid(own), signal.SIGKILL)
        service.up(print)
        assert client.get("kept") == b"yes"


def test_a_pid_that_went_to_another_process_is_left_alone(own: Settings) -> None:
    # Given a pid file of a killed Redis, whose pid is now this process
    service = LocalRedis(own)
    service.up(print)
    service.down(print)
    pid_file = own.services_dir / "redis" / "pid"
    pid_file.write_text(str(os.getpid()))
    # When it is stopped and started again, this test lives on
    assert not service.down(print)
    pid_file.write_text(str(os.getpid()))
    assert service.up(print).startswith("started")
    assert _redis_pid(own) != os.getpid()


@pytest.fixture
def bare(own: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The same without a password, as the environment tells them to commands."""
    url = f"redis://127.0.0.1:{own.redis.address.port}/0"
    for name in os.environ:
        if name.upper().startswith("UNLEARN_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("UNLEARN_REDIS__URL", url)
    monkeypatch.setenv("UNLEARN_SERVICES_DIR", str(own.services_dir))
    return own.model_copy(update={"redis": RedisSettings(url=SecretStr(url))})


def _asks_for_a_login(settings: Settings) -> bool:
    try:
        with redis.Redis.from_url(settings.redis.url.get_secret_value()) as client:
            return not client.ping()
    except redis.AuthenticationError:
        return True


def _retry() -> int | str | None:
    """The exit code of a command that asks Redis alone."""
    with pytest.raises(SystemExit) as end:
        cli_main.main(["retry"])
    return end.value.code


def test_a_local_redis_has_a_password_that_every_command_finds(bare: Settings) -> None:
    service = LocalRedis(bare)
    service.up(print)
    [kept] = (bare.services_dir / "redis").glob("password-*")
    first = kept.read_text()
    assert (len(first) > 30, kept.stat().st_mode & 0o777) == (True, 0o600)
    assert _asks_for_a_login(bare)
    assert _retry() == 0
    assert LocalRedis(bare).up(print) == "already running"
    # The same after it was stopped, and after it died: workers go on with it
    service.down(print)
    service.up(print)
    os.kill(_redis_pid(bare), signal.SIGKILL)
    LocalRedis(bare).up(print)
    assert (kept.read_text(), _asks_for_a_login(bare), _retry()) == (first, True, 0)
    assert first not in str(load_settings(demo=True)) + LocalRedis(bare).log_end(1000)


def test_a_redis_that_runs_without_a_password_goes_on_until_it_is_started_again(
    bare: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given one that an earlier version started
    service, config = LocalRedis(bare), LocalRedis._config
    with monkeypatch.context() as earlier:
        earlier.setattr("unlearn.services.redis.make_password", lambda _: None)
        earlier.setattr(LocalRedis, "_config", lambda self: config(self).replace('requirepass ""', ""))
        service.up(print)
    with redis.Redis.from_url(bare.redis.url.get_secret_value()) as client:
        client.set("kept", "yes")
    # When it is asked to be up
    assert "without a password" in LocalRedis(bare).up(print)
    assert (_asks_for_a_login(bare), _retry()) == (False, 0)
    # Then it gets one when it is stopped and started, with its data
    service.down(print)
    service.up(print)
    assert (_asks_for_a_login(bare), _retry()) == (True, 0)
    with redis.Redis.from_url(with_local_password(bare).redis.url.get_secret_value()) as client:
        assert client.get("kept") == b"yes"


def test_another_redis_on_the_port_is_reached_although_a_password_is_there(bare: Settings, tmp_path: Path) -> None:
    service = LocalRedis(bare)
    service.up(print)
    service.down(print)
    with redis_server(tmp_path / "other", port=bare.redis.address.port):
        assert service.up(print) == "already running, not started here"
        assert _retry() == 0


@pytest.mark.parametrize(
    "url", ["redis://:given@127.0.0.1:{}", "redis://me@127.0.0.1:{}", "redis://10.0.0.1:{}", "rediss://127.0.0.1:{}"]
)
def test_the_password_is_only_for_the_local_one(bare: Settings, url: str) -> None:
    LocalRedis(bare).up(print)
    other = RedisSettings(url=SecretStr(url.format(bare.redis.address.port)))
    assert with_local_password(bare.model_copy(update={"redis": other})).redis == other
    elsewhere = RedisSettings(url=SecretStr("redis://127.0.0.1:1"))
    assert with_local_password(bare.model_copy(update={"redis": elsewhere})).redis == elsewhere
    found = with_local_password(bare).redis.address
    for form in ("redis://:@localhost:{}/0", "REDIS://@127.0.0.1:{}", "redis://127.0.0.1:{}/0?protocol=2"):
        same = RedisSettings(url=SecretStr(form.format(bare.redis.address.port)))
        assert with_local_password(bare.model_copy(update={"redis": same})).redis.address.password == found.password


def open_to_others(folder: Path) -> list[str]:
    return [
        str(path) for path in (folder, *folder.rglob("*")) if path.lstat().st_mode & 0o077 and not path.is_symlink()
    ]


def test_what_redis_writes_is_its_owners_also_where_it_was_not_before(own: Settings) -> None:
    # Given a folder that was open to others, in one of the user's
    own.services_dir.mkdir(mode=0o755)
    before = own.services_dir / "redis"
    before.mkdir(mode=0o755)
    (before / "log.txt").write_text("of an earlier run")
    # When it is used again
    service = LocalRedis(own)
    service.up(print)
    with redis.Redis.from_url(own.redis.url.get_secret_value()) as client:
        client.set("a", "b")
        client.bgrewriteaof()
        rewriting = ("aof_rewrite_in_progress", "aof_rewrite_scheduled")
        until(lambda: not any(client.info("persistence")[what] for what in rewriting), 120, "the file is rewritten")
    # Then nothing in it can be read by others, and the user's folder is as it was
    assert open_to_others(before) == []
    assert own.services_dir.stat().st_mode & 0o777 == 0o755


def test_a_foreign_listener_is_named_and_left_alone(own: Settings) -> None:
    service = LocalRedis(own)
    foreign = socket.create_server((service.address.host, service.address.port))
    with foreign, pytest.raises(ServiceUnavailable, match="UNLEARN_REDIS__URL"):
        service.up(print)


def test_kafka_survives_a_kill_half_made_data_and_a_neighbour(own: Settings, kafka: str) -> None:
    # Given what a kill while formatting left behind, and another Kafka on this machine
    half_made = own.services_dir / "kafka" / "data.new"
    half_made.mkdir(parents=True)
    (half_made / "meta.properties").write_text("version=")
    service = LocalKafka(own, containers=False)
    # When it is started, killed and started again
    assert service.up(print).startswith("started")
    cluster = _cluster_id(own.kafka.bootstrap_servers)
    os.kill(int((own.services_dir / "kafka" / "pid").read_text()), signal.SIGKILL)
    assert service.up(print).startswith("started")
    # Then it is the same cluster, and not its neighbour
    assert _cluster_id(own.kafka.bootstrap_servers) == cluster
    assert _cluster_id(kafka) != cluster
    assert service.up(print) == "already running"
    assert open_to_others(own.services_dir / "kafka") == []
    assert service.down(print)
    assert not service.answers()


def _cluster_id(servers: str) -> str:
    client = KafkaAdminClient(bootstrap_servers=servers)
    try:
        return str(client.describe_cluster()["cluster_id"])
    finally:
        client.close()


def test_settings_of_a_test_name_its_services(make_settings: MakeSettings, kafka: str, redis_url: str) -> None:
    one, other = make_settings(), make_settings(slice_span=7)
    assert one.model != other.model
    assert other.slice_span == 7
    assert one.kafka.bootstrap_servers == kafka
    assert one.redis.url.get_secret_value() == redis_url
