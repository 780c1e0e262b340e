"""A Kafka that wants tickets: GSSAPI, against a KDC of the test's own."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.harness.breakable_services import OwnKafka
from tests.harness.kerberos import KDC, Realm
from unlearn.errors import LogDenied
from unlearn.log.kafka.log import KafkaLog
from unlearn.services import java
from unlearn.services.address import free_port
from unlearn.services.broker import node_config
from unlearn.settings import KafkaSettings

HAS_GSSAPI = importlib.util.find_spec("gssapi") is not None
pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(
        KDC is None, reason="GSSAPI is NOT tested here: no krb5kdc (Debian: krb5-kdc, krb5-admin-server)"
    ),
    pytest.mark.skipif(
        not HAS_GSSAPI, reason="GSSAPI is NOT tested here: no gssapi (it needs libkrb5-dev to be built)"
    ),
]


class KerberosKafka(OwnKafka):
    """`sasl` is the listener that wants tickets."""

    def __init__(self, folder: Path, realm: Realm, keytab: Path) -> None:
        self._keytab = keytab
        self.sasl = f"localhost:{free_port()}"
        told = f"-Djava.security.krb5.conf={realm.config}"
        with patch.object(java, "_OPTIONS", (*java._OPTIONS, told)), patch.object(java, "node_config", self._config):
            super().__init__(folder)

    def _config(self, *arguments: Any) -> dict[str, str]:
        config = node_config(*arguments)
        for name in ("listeners", "advertised.listeners"):
            config[name] += f",TICKETS://{self.sasl}"
        config["listener.security.protocol.map"] += ",TICKETS:SASL_PLAINTEXT"
        login = f'useKeyTab=true storeKey=true keyTab="{self._keytab}" principal="kafka/localhost"'
        return config | {
            "listener.name.tickets.sasl.enabled.mechanisms": "GSSAPI",
            "listener.name.tickets.gssapi.sasl.jaas.config": (
                f"com.sun.security.auth.module.Krb5LoginModule required {login};"
            ),
            "sasl.kerberos.service.name": "kafka",
        }


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Realm]:
    made = Realm(tmp_path_factory.mktemp("realm"))
    with patch.dict(os.environ, made.environment):
        yield made
    made.close()


@pytest.fixture(scope="module")
def kafka(realm: Realm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KerberosKafka]:
    made = KerberosKafka(tmp_path_factory.mktemp("kerberos") / "kafka", realm, realm.principal("kafka/localhost"))
    yield made
    made.close()


def asked(kafka: KerberosKafka, **more: Any) -> str:
    values: dict[str, Any] = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "GSSAPI", "request_timeout": 4}
    log = KafkaLog(KafkaSettings(bootstrap_servers=kafka.sasl, **values | more))
    try:
        return log.cluster_id()
    finally:
        log.close()


def test_a_ticket_is_a_login_and_the_want_of_one_is_told(realm: Realm, kafka: KerberosKafka) -> None:
    keytab = realm.principal("worker")
    with pytest.raises(LogDenied, match=r"login by GSSAPI can't be made .*is there a ticket \(kinit, klist\)"):
        asked(kafka)
    realm.log_in("worker", keytab)
    assert asked(kafka)
    with pytest.raises(LogDenied, match=r"not found in Kerberos database.*SASL_KERBEROS_SERVICE"):
        asked(kafka, sasl_kerberos_service="elsewhere")
    realm.log_out()
