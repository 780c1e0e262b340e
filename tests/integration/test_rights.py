"""With the rights that `unlearn topics create --as acls` prints, and no others, each role does its work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from tests.conftest import MakeSettings
from tests.guarded import GuardedKafka
from tests.harness.processes import Process, run
from unlearn.admin.rights import ROLES, Role, as_acls, as_strimzi, rights_of
from unlearn.admin.topics import create, wanted
from unlearn.log.kafka.log import KafkaLog
from unlearn.settings import KafkaSettings, Settings

pytestmark = pytest.mark.slow
EVER = 120.0
PASSWORD = "of-whoever-it-is"
_OPERATIONS = {
    "Read": ACLOperation.READ,
    "Write": ACLOperation.WRITE,
    "Describe": ACLOperation.DESCRIBE,
    "DescribeConfigs": ACLOperation.DESCRIBE_CONFIGS,
}


class StrictKafka(GuardedKafka):
    """A Kafka on which a user may do nothing that isn't allowed; in the clear everybody may do everything."""

    def _config(self, *arguments: Any) -> dict[str, str]:
        users = " ".join(f'user_{role}="{PASSWORD}"' for role in ROLES)
        login = f"org.apache.kafka.common.security.plain.PlainLoginModule required {users};"
        return super()._config(*arguments) | {
            "allow.everyone.if.no.acl.found": "false",
            "super.users": "User:ANONYMOUS",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.login.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.login.plain.sasl.jaas.config": login,
        }

    def allow(self, role: Role, settings: Settings) -> None:
        kinds = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP}
        rules = [
            ACL(
                f"User:{role}",
                "*",
                _OPERATIONS[operation],
                ACLPermissionType.ALLOW,
                ResourcePattern(kinds[right.kind], right.name),
            )
            for right in rights_of(role, settings)
            for operation in right.operations
        ]
        client = KafkaAdminClient(bootstrap_servers=self.address)
        try:
            assert not client.create_acls(rules)["failed"]
        finally:
            client.close()

    def as_user(self, role: Role, settings: Settings) -> Settings:
        kafka = KafkaSettings(
            bootstrap_servers=self.sasl,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="PLAIN",
            sasl_username=role,
            sasl_password=PASSWORD,
            request_timeout=settings.kafka.request_timeout,
        )
        return settings.model_copy(update={"kafka": kafka})


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StrictKafka]:
    made = StrictKafka(tmp_path_factory.mktemp("strict") / "kafka")
    yield made
    made.close()


def test_each_role_does_its_work_and_nothing_else(
    make_settings: MakeSettings, strict: StrictKafka, tmp_path: Path
) -> None:
    settings = make_settings(
        partitions=2, trainers=0, seal_after=0.5, kafka={"bootstrap_servers": strict.address, "request_timeout": 10}
    )
    log = KafkaLog(settings.kafka)
    create(log, settings)
    log.close()
    for role in ROLES:
        strict.allow(role, settings)
    worker, sender, scorer, operator = (strict.as_user(role, settings) for role in ROLES)
    events = "".join(
        f'{{"type":"insert","event_id":"e{n}","record_id":"r{n}","subject_id":"s{n % 4}","text":"win {n}"}}\n'
        for n in range(20)
    )

    sent = run(sender, "send", "-", given=events, seconds=EVER)
    assert sent.returncode == 0, sent.stderr
    with Process(worker, tmp_path, "work") as process:
        forgotten = run(
            sender, "forget", "--subjects", "-", "--open", str(tmp_path / "open"), given="s1\ns2\n", seconds=EVER
        )
        assert (forgotten.returncode, forgotten.stdout.split(";")[0]) == (0, "of 2 deletions: 2 hidden"), (
            forgotten.stderr + process.errors()
        )
    drained = run(worker, "work", "--drain", seconds=EVER)
    assert drained.returncode == 0, drained.stderr
    for line in ("status", "verify --from-log", "verify", "answer --subject s1", "versions", "topics check", "pending"):
        done = run(operator, *line.split(), seconds=EVER)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    scored = run(scorer, "score", "-", given="win 3\n", seconds=EVER, UNLEARN_SECRET="", UNLEARN_PARTITIONS="")
    assert scored.returncode == 0, scored.stderr

    for user, line in ((scorer, "send -"), (operator, "send -"), (sender, "score -"), (scorer, "work --drain")):
        refused = run(user, *line.split(), given=events, seconds=EVER, UNLEARN_KAFKA__REQUEST_TIMEOUT="2")
        told = line, refused.returncode, refused.stdout, refused.stderr
        assert refused.returncode in (66, 69, 77), told
        assert re.search(r"Kafka denies this user the (topic|group|cluster)", refused.stdout + refused.stderr), told
        assert "`unlearn topics create --as acls`" in refused.stdout + refused.stderr, told


def test_what_is_printed_is_what_was_tried(make_settings: MakeSettings) -> None:
    settings = make_settings()
    users = {role: f"{settings.model}-{role}" for role in ROLES}
    acls, strimzi = as_acls(settings, users), as_strimzi(settings, wanted(settings, 3), users, "prod")

    for role in ROLES:
        for right in rights_of(role, settings):
            (line,) = [line for line in acls.splitlines() if f"User:{users[role]} --{right.kind} {right.name} " in line]
            assert line.count("--operation") == len(right.operations)
    assert run(settings, "topics", "create", "--as", "acls").stdout == acls + "\n"
    assert run(settings, "topics", "create", "--as", "strimzi", "--cluster", "prod").stdout == strimzi + "\n"
    assert strimzi.count('"kind": "KafkaTopic"') == 5
    assert strimzi.count('"kind": "KafkaUser"') == 4
