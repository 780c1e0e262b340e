"""Services for the tests: those that the environment names, else containers, else local processes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import psutil
import pytest

from tests.containers import kafka_container, redis_container
from tests.file_order import in_order
from tests.harness.needed import lacking
from tests.harness.settings import settings_of
from tests.object_server import NotBuilt, ObjectServer, built_server, stop_left_behind
from unlearn.errors import UnlearnError
from unlearn.local_password import with_local_password
from unlearn.services import LocalKafka, LocalRedis, Service
from unlearn.services.address import free_port
from unlearn.settings import Settings

# No test is timed: machines are shared. Derandomized, so that a red run is red again.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=2000)
hypothesis.settings.load_profile("suite")

# A broker lives for minutes here: the optimizing compiler would take half of its CPU and never win it back.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

MakeSettings = Callable[..., Settings]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = in_order(items, Path(__file__).parent)


@pytest.fixture(scope="session")
def kafka(services_dir: Path) -> Iterator[str]:
    """Bootstrap servers of a real Kafka. Its topics and groups are shared: use names of your own."""
    named = os.environ.get("UNLEARN_KAFKA__BOOTSTRAP_SERVERS")
    port = free_port()
    address = named or f"127.0.0.1:{port}"
    service = LocalKafka(settings_of(services_dir=services_dir, kafka={"bootstrap_servers": address}), containers=False)
    with ExitStack() as stack:
        if named:
            _require(service, "UNLEARN_KAFKA__BOOTSTRAP_SERVERS")
        elif not stack.enter_context(kafka_container(service)):
            _start(stack, service)
        yield address


@pytest.fixture(scope="session")
def redis_url(services_dir: Path) -> Iterator[str]:
    """URL of a real Redis. Its keys are shared: use a model's name of your own."""
    named = os.environ.get("UNLEARN_REDIS__URL")
    port = free_port()
    url = named or f"redis://127.0.0.1:{port}/0"
    own = settings_of(services_dir=services_dir, redis={"url": url})
    service = LocalRedis(own)
    with ExitStack() as stack:
        if named:
            _require(service, "UNLEARN_REDIS__URL")
        elif not stack.enter_context(redis_container(service)):
            _start(stack, service)
        yield with_local_password(own).redis.url.get_secret_value()


@pytest.fixture(scope="session")
def s3(services_dir: Path) -> Iterator[ObjectServer]:
    """A real S3 server, which all tests share: use buckets or prefixes of your own. The environment has its login."""
    try:
        program = built_server()
    except NotBuilt as error:
        lacking("s3", f"stores in buckets are NOT tested here, for want of an S3 server: {error}")
    server = ObjectServer(program, services_dir / "s3", free_port())
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server
    server.kill()


@pytest.fixture
def make_settings(kafka: str, redis_url: str, tmp_path: Path) -> MakeSettings:
    """Makes settings of a new model on the test's services, with a store of its own."""

    def make(**overrides: Any) -> Settings:
        values: dict[str, Any] = {
            "kafka": {"bootstrap_servers": kafka},
            "redis": {"url": redis_url},
            "store": {"url": (tmp_path / "store").as_uri()},
            "services_dir": tmp_path,
        }
        return settings_of(**values | overrides)

    return make


@pytest.fixture(scope="session")
def services_dir() -> Iterator[Path]:
    """A folder for this run's services. What a killed run left behind is stopped and removed first."""
    root = Path(tempfile.gettempdir()) / f"unlearn tests {os.getuid()}"
    root.mkdir(exist_ok=True)
    for left in root.iterdir():
        if not psutil.pid_exists(int(left.name)):
            _remove(left)
    folder = root / str(os.getpid())
    yield folder
    _remove(folder)


def _remove(folder: Path) -> None:
    settings = settings_of(services_dir=folder)
    for service in (LocalKafka(settings, containers=False), LocalRedis(settings)):
        service.down(print)
    stop_left_behind(folder / "s3")
    shutil.rmtree(folder, ignore_errors=True)


def _require(service: Service, variable: str) -> None:
    if not service.answers():
        pytest.fail(f"{service.name} on {service.address}, named by {variable}, doesn't answer", pytrace=False)


def _start(stack: ExitStack, service: Service) -> None:
    try:
        service.up(print)
    except UnlearnError as error:
        pytest.fail(f"this test needs {service.name}: {error}", pytrace=False)
    stack.callback(service.down, print)
