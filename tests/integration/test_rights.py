"""With the rights that `unlearn topics create --as acls|strimzi` prints, and no others, each role does its work."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import yaml
from kafka import KafkaAdminClient

from tests.conftest import MakeSettings
from tests.guarded import GuardedKafka
from tests.harness.gateway import gateway_files, request_of, served
from tests.harness.printed_rights import Allowed, of_commands, of_users, topics_of
from tests.harness.processes import Process, run
from tests.harness.settings import new_name
from tests.harness.waiting import until
from unlearn.admin.rights import ROLES, Role, rights_of
from unlearn.admin.topics import wanted
from unlearn.service_settings.gateway import GatewaySettings
from unlearn.services.address import free_port
from unlearn.settings import KafkaSettings, Settings

pytestmark = pytest.mark.slow
EVER = 120.0
PASSWORD = "of-whoever-it-is"
MODEL = new_name()
"""Its users' names stand in the broker's configuration."""
NOTHING_BUT_PLACES = {"UNLEARN_SECRET": "", "UNLEARN_PARTITIONS": ""}
"""What a scorer isn't told."""


class StrictKafka(GuardedKafka):
    """A Kafka on which a user may do nothing that isn't allowed; in the clear everybody may do everything."""

    def _config(self, *arguments: Any) -> dict[str, str]:
        users = " ".join(f'user_{MODEL}-{role}="{PASSWORD}"' for role in ROLES)
        login = f"org.apache.kafka.common.security.plain.PlainLoginModule required {users};"
        return super()._config(*arguments) | {
            "allow.everyone.if.no.acl.found": "false",
            "super.users": "User:ANONYMOUS",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.login.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.login.plain.sasl.jaas.config": login,
        }

    def allow(self, rules: Iterable[Allowed]) -> None:
        client = KafkaAdminClient(bootstrap_servers=self.address)
        try:
            assert not client.create_acls([rule.acl for rule in rules])["failed"]
        finally:
            client.close()

    def as_user(self, role: Role, settings: Settings) -> Settings:
        kafka = KafkaSettings(
            bootstrap_servers=self.sasl,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="PLAIN",
            sasl_username=f"{MODEL}-{role}",
            sasl_password=PASSWORD,
            request_timeout=settings.kafka.request_timeout,
        )
        return settings.model_copy(update={"kafka": kafka})


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StrictKafka]:
    made = StrictKafka(tmp_path_factory.mktemp("strict") / "kafka")
    yield made
    made.close()


def answers(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        return bool(opener.open(f"http://127.0.0.1:{port}/readyz", None, EVER).status == 200)
    except (URLError, ConnectionError):
        return False


def serves(settings: Settings, folder: Path, command: str, **changed: str) -> None:
    """A server of this command becomes ready."""
    port = free_port()
    with Process(settings, folder, command, "--listen", f"127.0.0.1:{port}", **changed) as process:
        until(lambda: answers(port) or process.popen.poll() is not None, EVER, process.errors)
        assert process.popen.poll() is None, process.errors()


def takes_a_deletion(settings: Settings, folder: Path) -> None:
    """A gateway takes one, and says that it is done."""
    files = GatewaySettings(**gateway_files(folder / "gateway"))
    with served(settings.model_copy(update={"gateway": files}), folder) as (process, shop):
        answer = shop.post(request_of("r-s3", "s3"))
        assert answer.status_code == 201, (answer.text, process.errors())
        until(lambda: shop.status("r-s3")["request_status"] == "completed", EVER, process.errors)


def test_each_role_does_its_work_and_nothing_else(
    make_settings: MakeSettings, strict: StrictKafka, tmp_path: Path
) -> None:
    settings = make_settings(
        model=MODEL,
        partitions=2,
        trainers=0,
        seal_after=0.5,
        kafka={"bootstrap_servers": strict.address, "request_timeout": 10},
    )
    commands = run(settings, "topics", "create", "--as", "acls").stdout
    users = run(settings, "topics", "create", "--as", "strimzi", "--cluster", "prod").stdout
    printed = of_commands(commands)
    assert of_users(users, "prod") == printed
    strict.allow(printed)
    worker, sender, scorer, operator, creator = (strict.as_user(role, settings) for role in ROLES)

    for _ in range(2):
        made = run(creator, "topics", "create", seconds=EVER)
        assert made.returncode == 0, made.stderr
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
        serves(scorer, tmp_path, "serve", **NOTHING_BUT_PLACES)
        serves(operator, tmp_path, "console")
        takes_a_deletion(sender, tmp_path)
    drained = run(worker, "work", "--drain", seconds=EVER)
    assert drained.returncode == 0, drained.stderr
    for line in ("status", "verify --from-log", "verify", "answer --subject s1", "versions", "topics check", "pending"):
        done = run(operator, *line.split(), seconds=EVER)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    scored = run(scorer, "score", "-", given="win 0\n", seconds=EVER, **NOTHING_BUT_PLACES)
    assert scored.returncode == 0, scored.stderr

    for user, line in (
        (scorer, "send -"),
        (operator, "send -"),
        (sender, "score -"),
        (scorer, "work --drain"),
        (worker, "topics create"),
        (creator, "send -"),
    ):
        refused = run(user, *line.split(), given=events, seconds=EVER, UNLEARN_KAFKA__REQUEST_TIMEOUT="2")
        told = line, refused.returncode, refused.stdout, refused.stderr
        assert refused.returncode == 77, told
        assert re.search(r"Kafka denies this user the (topic|group|cluster)", refused.stdout + refused.stderr), told
        assert "`unlearn topics create --as acls`" in refused.stdout + refused.stderr, told


def test_what_is_printed_is_all_that_each_role_needs(make_settings: MakeSettings) -> None:
    settings = make_settings()
    printed = run(settings, "topics", "create", "--as", "strimzi", "--cluster", "prod", "--brokers", "3").stdout
    needed = {
        Allowed(f"{settings.model}-{role}", right.kind, right.name, operation)
        for role in ROLES
        for right in rights_of(role, settings)
        for operation in right.operations
    }
    assert of_users(printed, "prod") == needed
    assert topics_of(printed, "prod") == wanted(settings, 3)
    # What `kubectl apply -f` reads is YAML.
    documents = list(yaml.safe_load_all(printed))
    assert documents == [json.loads(text) for text in printed.split("---\n")[1:]]
    # Names of resources, as Kubernetes takes them.
    names = [one["metadata"]["name"] for one in documents]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", name) for name in names)
