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

from processor.errors import ServiceUnavailable
from processor.services import LocalKafka, LocalRedis
from processor.services.address import free_port
from processor.settings import Settings
from tests.conftest import SECRET, MakeSettings


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
