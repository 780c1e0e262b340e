"""A user of Redis with the commands that are listed, on the model's keys alone, can do all that is done there."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from kafka import KafkaAdminClient

from tests.conftest import MakeSettings
from tests.harness.processes import Process, run
from tests.servers import redis_server
from unlearn.admin.topics import create
from unlearn.log.kafka.log import KafkaLog
from unlearn.settings import Settings
from unlearn.state.rights import COMMANDS, acl_of

pytestmark = pytest.mark.slow
EVER = 120.0
PASSWORD = "of-the-worker-alone"
SELDOM = {"ping", "select", "auth", "rename", "hexists", "hsetnx", "hlen", "exists", "bgrewriteaof"}
"""After an outage, on another database, without HELLO, where tables grow or an older layout is moved, once an hour."""
LINES = (
    *("status", "pending", "preview --record r3", "record r3", "answer --subject s1", "resolve", "retry", "verify"),
    *("resolve 0/0 --none", "status"),
)


def test_all_is_done_with_the_commands_that_are_listed(make_settings: MakeSettings, tmp_path: Path) -> None:
    model = make_settings().model
    rule = f"{acl_of(model, 'worker')} >{PASSWORD}"
    with redis_server(tmp_path / "redis", "appendonly yes", rule) as port:
        url = f"redis://worker:{PASSWORD}@127.0.0.1:{port}/0"
        settings = make_settings(model=model, partitions=1, trainers=0, seal_after=0.5, redis={"url": url})
        events = "".join(
            f'{{"type":"insert","event_id":"e{n}","record_id":"r{n}","subject_id":"s{n % 4}","text":"win {n}",'
            f'"aliases":["sha256:{n}"]}}\n'
            for n in range(20)
        )
        with closing(KafkaLog(settings.kafka)) as log:
            create(log, settings)
            with closing(log.producer()) as producer:
                producer.send(settings.events_topic, 0, b"k", b"no event at all").result(EVER)
        with Process(settings, tmp_path, "work") as worker:
            assert run(settings, "send", "-", given=events, seconds=EVER).returncode == 0
            for what, ids in (("--subjects", "s1\n"), ("--records", "r2\n"), ("--aliases", "sha256:8\n")):
                told = run(settings, "forget", what, "-", "--open", str(tmp_path / "open"), given=ids, seconds=EVER)
                assert told.returncode == 0, told.stderr + worker.errors()
            assert names(port) == {f"unlearn-{model}-work"}
            assert client_ids(settings) == {f"unlearn-{model}-work"}
            for line in LINES:
                done = run(settings, *line.split(), seconds=EVER)
                assert done.returncode == 0, (line, done.stdout, done.stderr)
        drained = run(settings, "work", "--drain", seconds=EVER)
        assert drained.returncode == 0, drained.stderr
        assert run(settings, "verify", seconds=EVER).returncode == 0

        boss = redis.Redis(port=port)
        called = {name.removeprefix("cmdstat_").partition("|")[0] for name in boss.info("commandstats")}
        refused = boss.execute_command("ACL", "LOG")  # type: ignore[no-untyped-call]
        boss.close()
    assert refused == []
    listed = {name.partition("|")[0] for name in COMMANDS}
    assert listed - called - {name.partition("|")[0] for name in SELDOM} == set(), "listed, and never sent"


def names(port: int) -> set[str]:
    """What Redis calls those who are logged in as the worker."""
    with closing(redis.Redis(port=port)) as boss:
        found: Any = boss.client_list()
    return {one["name"] for one in found if one["user"] == "worker"}


def client_ids(settings: Settings) -> set[str]:
    """What Kafka calls the members of the group."""
    with closing(KafkaAdminClient(**settings.kafka.client_options())) as admin:
        (group,) = admin.describe_groups([settings.group_id]).values()
    return {member["client_id"] for member in group["members"]}


def test_the_rule_is_of_one_model() -> None:
    assert acl_of("mail", "worker").startswith("user worker on ~{mail:* resetchannels -@all +hello ")
