from __future__ import annotations

from typing import Any

import pytest

from unlearn.errors import SettingsError
from unlearn.services.address import Address, kafka_address, redis_address
from unlearn.services.broker import node_config
from unlearn.services.jars import kafka_version
from unlearn.settings import Settings


def _settings(**values: Any) -> Settings:
    return Settings(**{"secret": "a secret of 16 bytes"} | values)


def test_addresses_are_those_of_the_settings() -> None:
    settings = _settings(kafka={"bootstrap_servers": "localhost:9"}, redis={"url": "redis://:p%40@[::1]/3"})
    assert kafka_address(settings) == Address("127.0.0.1", 9)
    assert redis_address(settings) == Address("::1", 6379)
    assert str(redis_address(settings)) == "[::1]:6379"
    assert settings.redis.address.password == "p@"


@pytest.mark.parametrize(
    "kafka",
    [
        {"bootstrap_servers": "127.0.0.1:1,127.0.0.1:2"},
        {"bootstrap_servers": "broker.example:9092"},
        {"bootstrap_servers": "127.0.0.1:99999"},
        {"security_protocol": "SSL"},
    ],
)
def test_only_one_plain_broker_on_this_machine_is_local(kafka: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="UNLEARN_KAFKA__"):
        kafka_address(_settings(kafka=kafka))


@pytest.mark.parametrize(
    "url", ["rediss://127.0.0.1", "redis://10.0.0.1:6379", "redis://me:pw@127.0.0.1", "unix://:pw@/run/redis.sock"]
)
def test_only_a_plain_redis_on_this_machine_is_local(url: str) -> None:
    with pytest.raises(SettingsError, match="UNLEARN_REDIS__URL") as error:
        redis_address(_settings(redis={"url": url}))
    assert "pw" not in str(error.value)


def test_a_node_loses_nothing_to_an_unclean_election_and_makes_no_topics() -> None:
    config = node_config("127.0.0.1", Address("127.0.0.1", 9), 10, "data")
    assert config["unclean.leader.election.enable"] == "false"
    assert config["auto.create.topics.enable"] == "false"
    assert config["advertised.listeners"].startswith("PLAINTEXT://127.0.0.1:9,")


def test_the_version_of_kafka_stands_in_the_pom() -> None:
    assert kafka_version() == "4.3.1"
