"""A Kafka of a test's own with TLS, logins and rights, for what its operators can set wrongly or take away."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

from tests.harness.breakable_services import OwnKafka
from unlearn.services import java
from unlearn.services.address import free_port
from unlearn.services.broker import node_config

USER, PASSWORD, STORE_PASSWORD = "worker", "right", "keystore"
_LOGIN = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


class GuardedKafka(OwnKafka):
    """Listeners: `address` in the clear, `tls`, `sasl` (PLAIN and SCRAM-SHA-256), `sasl_tls` (PLAIN). All users
    may do everything until it is denied. `authority` is the PEM file that clients
    trust, `stranger` another."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.authority = folder / "authority.pem"
        self.tls, self.sasl, self.sasl_tls = (f"127.0.0.1:{free_port()}" for _ in range(3))
        self._keystore = folder / "keys.p12"
        make_certificate(self._keystore, self.authority)
        self.stranger = folder / "stranger.pem"
        make_certificate(folder / "stranger.p12", self.stranger)
        with patch.object(java, "node_config", self._config):
            super().__init__(folder)

    def _config(self, *arguments: Any) -> dict[str, str]:
        config = node_config(*arguments)
        more = {"TLS": self.tls, "LOGIN": self.sasl, "LOGINTLS": self.sasl_tls}
        for name in ("listeners", "advertised.listeners"):
            config[name] += "".join(f",{listener}://{address}" for listener, address in more.items())
        config["listener.security.protocol.map"] += ",TLS:SSL,LOGIN:SASL_PLAINTEXT,LOGINTLS:SASL_SSL"
        return config | {
            "ssl.keystore.location": str(self._keystore),
            "ssl.keystore.password": STORE_PASSWORD,
            "ssl.keystore.type": "PKCS12",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
            "listener.name.login.plain.sasl.jaas.config": _LOGIN,
            "listener.name.login.scram-sha-256.sasl.jaas.config": _SCRAM,
            "listener.name.logintls.plain.sasl.jaas.config": _LOGIN,
            "listener.name.logintls.sasl.enabled.mechanisms": "PLAIN",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
            "listener.name.login.connections.max.reauth.ms": "3000",
        }

    @contextmanager
    def denied(self, operation: ACLOperation, *topics: str, group: str = "") -> Iterator[None]:
        """For as long, nobody may do this with the topics, or with the group. All else is allowed in so many words:
        by a rule alone that denies something, Kafka denies everything that no rule allows."""
        places = [(ResourceType.TOPIC, topic) for topic in topics] + ([(ResourceType.GROUP, group)] if group else [])
        client = KafkaAdminClient(bootstrap_servers=self.address)
        rules = [
            ACL("User:*", "*", which, says, ResourcePattern(kind, name))
            for kind, name in places
            for which, says in ((ACLOperation.ALL, ACLPermissionType.ALLOW), (operation, ACLPermissionType.DENY))
        ]
        assert not client.create_acls(rules)["failed"]
        try:
            yield
        finally:
            client.delete_acls(
                [
                    ACLFilter(
                        None,
                        None,
                        ACLOperation.ANY,
                        ACLPermissionType.ANY,
                        ResourcePatternFilter(kind, name, ACLResourcePatternType.ANY),
                    )
                    for kind, name in places
                ]
            )
            client.close()


def make_certificate(keystore: Path, authority: Path) -> None:
    common = ["-alias", "broker", "-keystore", str(keystore), "-storepass", STORE_PASSWORD]
    name = ["-dname", "CN=localhost", "-ext", "san=dns:localhost,ip:127.0.0.1", "-ext", "bc=ca:true"]
    for command in (
        ["-genkeypair", *common, "-storetype", "PKCS12", "-keyalg", "RSA", "-validity", "365", *name],
        ["-exportcert", *common, "-rfc", "-file", str(authority)],
    ):
        subprocess.run(["keytool", *command], check=True, capture_output=True)
