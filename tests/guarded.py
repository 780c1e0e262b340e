"""A Kafka of a test's own with TLS, logins and rights, for what its operators can set wrongly or take away."""

from __future__ import annotations

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
from tests.harness.certificates import Authority
from tests.harness.token_server import AUDIENCE, TokenServer
from unlearn.services import java
from unlearn.services.address import free_port
from unlearn.services.broker import node_config

USER, PASSWORD, KEY_PASSWORD = "worker", "right", "of the key"
_LOGIN = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
_TOKENS = "org.apache.kafka.common.security.oauthbearer"
HOSTS = ("localhost", "127.0.0.1")


class GuardedKafka(OwnKafka):
    """Listeners: `address` in the clear, `tls`, `mutual` (which wants a certificate of clients), `expired` and
    `elsewhere` (whose own certificates are so, or for another name), `sasl` (PLAIN and SCRAM-SHA-256) and `sasl_tls`
    (these, SCRAM-SHA-512 and OAUTHBEARER). All users may do everything until it is denied.

    `authority` is the PEM file that clients trust, `stranger` another; `tokens` gives tokens for OAUTHBEARER.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        ours, others = Authority(folder / "ours", "authority"), Authority(folder / "others", "stranger")
        self.authority, self.stranger = ours.file, others.file
        self.certificate = ours.issue("client", HOSTS)
        self.expired_certificate = ours.issue("expired-client", days=-1)
        self.strange_certificate = others.issue("strange-client")
        self.locked_certificate = ours.issue("locked-client", password=KEY_PASSWORD)
        self._stores = {
            "": ours.issue("broker", HOSTS),
            "expired": ours.issue("expired", HOSTS, days=-1),
            "elsewhere": ours.issue("elsewhere", ("broker.example",)),
        }
        self.tokens = TokenServer(self.certificate)
        self._keys = folder / "jwks.json"
        self._keys.write_text(self.tokens.jwks())
        names = ("tls", "mutual", "expired", "elsewhere", "sasl", "sasl_tls")
        self.tls, self.mutual, self.expired, self.elsewhere, self.sasl, self.sasl_tls = ports = [
            f"127.0.0.1:{free_port()}" for _ in names
        ]
        self._places = dict(zip(("TLS", "MUTUAL", "EXPIRED", "ELSEWHERE", "LOGIN", "LOGINTLS"), ports, strict=True))
        allowed = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self._keys.as_uri()}"
        with patch.object(java, "_OPTIONS", (*java._OPTIONS, allowed)), patch.object(java, "node_config", self._config):
            super().__init__(folder)

    def close(self) -> None:
        super().close()
        self.tokens.close()

    def _config(self, *arguments: Any) -> dict[str, str]:
        config = node_config(*arguments)
        for name in ("listeners", "advertised.listeners"):
            config[name] += "".join(f",{listener}://{address}" for listener, address in self._places.items())
        protocols = {"LOGIN": "SASL_PLAINTEXT", "LOGINTLS": "SASL_SSL"}
        config["listener.security.protocol.map"] += "".join(
            f",{listener}:{protocols.get(listener, 'SSL')}" for listener in self._places
        )
        for listener, store in self._stores.items():
            prefix = f"listener.name.{listener}." if listener else ""
            config |= {f"{prefix}ssl.keystore.location": str(store), f"{prefix}ssl.keystore.type": "PEM"}
        trusting = {"ssl.client.auth": "required", "ssl.truststore.location": str(self.authority)}
        for name, value in (trusting | {"ssl.truststore.type": "PEM"}).items():
            config[f"listener.name.mutual.{name}"] = value
        for listener in ("login", "logintls"):
            config |= {
                f"listener.name.{listener}.plain.sasl.jaas.config": _LOGIN,
                f"listener.name.{listener}.scram-sha-256.sasl.jaas.config": _SCRAM,
                f"listener.name.{listener}.scram-sha-512.sasl.jaas.config": _SCRAM,
            }
        return config | {
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
            "listener.name.logintls.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
            "listener.name.logintls.oauthbearer.sasl.jaas.config": f"{_TOKENS}.OAuthBearerLoginModule required;",
            "listener.name.logintls.oauthbearer.sasl.server.callback.handler.class": (
                f"{_TOKENS}.OAuthBearerValidatorCallbackHandler"
            ),
            "listener.name.logintls.oauthbearer.connections.max.reauth.ms": "3600000",
            "sasl.oauthbearer.jwks.endpoint.url": self._keys.as_uri(),
            "sasl.oauthbearer.expected.audience": AUDIENCE,
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
