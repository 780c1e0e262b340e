"""A real Redis with TLS that asks for a certificate, a user of few rights, and a socket: a model's work on each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeSettings
from tests.harness.certificates import Authority
from tests.harness.needed import lacking
from tests.harness.processes import run
from tests.servers import redis_server, redis_with_tls
from unlearn.admin.topics import create
from unlearn.log.kafka.log import KafkaLog
from unlearn.services.address import free_port
from unlearn.settings import Settings
from unlearn.state.rights import acl_of

EVER = 120.0
PASSWORD = "of-the-worker-alone"


pytestmark = pytest.mark.slow


def test_a_model_is_worked_on_by_tls(make_settings: MakeSettings, tmp_path: Path) -> None:
    binary = redis_with_tls()
    if binary is None:
        lacking(
            "redis-tls",
            "Redis' own TLS is NOT tested here, for want of a Redis that has it (Debian: apt-get install redis-tools); "
            "TLS in front of a Redis is tested everywhere",
        )
    authority = Authority(tmp_path / "authority", "authority")
    server, ours = authority.issue("redis", ("localhost", "127.0.0.1")), authority.issue("worker")
    model, port = make_settings().model, free_port()
    lines = (
        f"{acl_of(model, 'worker')} >{PASSWORD}",
        f"tls-port {port}",
        f"tls-cert-file {server.with_suffix('.crt')}",
        f"tls-key-file {server.with_suffix('.key')}",
        f"tls-ca-cert-file {authority.file}",
    )
    with redis_server(tmp_path / "redis", "appendonly yes", *lines, binary=binary):
        url = f"rediss://worker:{PASSWORD}@localhost:{port}/0"
        settings = worked_on(make_settings, model, url=url, ssl_cafile=authority.file, ssl_certfile=ours)
        refused = run(settings, "status", seconds=EVER, UNLEARN_REDIS__SSL_CERTFILE="")
        assert refused.returncode in (69, 77), refused.stderr
        assert "UNLEARN_REDIS__SSL_CERTFILE" in refused.stdout + refused.stderr


def test_a_model_is_worked_on_by_a_socket(make_settings: MakeSettings, tmp_path: Path) -> None:
    model = make_settings().model
    lines = f"{acl_of(model, 'worker')} >{PASSWORD}", "unixsocket redis.sock"
    with redis_server(tmp_path / "redis", "appendonly yes", *lines):
        worked_on(make_settings, model, url=f"unix://worker:{PASSWORD}@{tmp_path}/redis/redis.sock")


def worked_on(make_settings: MakeSettings, model: str, **redis: Any) -> Settings:
    """Its settings, once records have gone through it."""
    settings = make_settings(model=model, partitions=1, trainers=0, seal_after=0.5, lease=3600.0, redis=redis)
    log = KafkaLog(settings.kafka)
    create(log, settings)
    log.close()
    events = "".join(f'{{"type":"insert","event_id":"e{n}","record_id":"r{n}","text":"win"}}\n' for n in range(9))
    assert run(settings, "send", "-", given=events, seconds=EVER).returncode == 0
    for line in ("work --drain", "status", "verify"):
        done = run(settings, *line.split(), seconds=EVER)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    return settings
